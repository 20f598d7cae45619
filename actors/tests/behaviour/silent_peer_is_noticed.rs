//! Someone whose media falls silent is shown as reconnecting, and as back when it is heard again.

use rookery_media::Event;
use rookery_schemas::signal::ServerMessage;

use crate::world::World;

#[tokio::test(start_paused = true)]
async fn silent_peer_is_noticed() {
    let world = World::new().await;
    let one = world.join("One").await;
    let connection = world.connection_of(world.publish(&one).await[0]);
    let before = world.events().len();
    for event in [Event::Silent { connection }, Event::Heard { connection }] {
        world.media.emit(world.room, event);
        world.settle().await;
    }
    let shown: Vec<bool> = world
        .events_after(before)
        .into_iter()
        .map(|message| match message {
            ServerMessage::PeerUpdated { peer } => peer.reconnecting,
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(shown, [true, false]);
    world.media.emit(world.room, Event::Silent { connection });
    world.pass(100).await;
    assert_eq!(world.gauges().peers, 1, "its socket is there");
}
