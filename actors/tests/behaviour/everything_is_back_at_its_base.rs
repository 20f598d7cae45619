//! After any number of people have come and gone nothing is left of them.

use rookery_schemas::ids::SlotIndex;
use rookery_schemas::signal::{ClientMessage, Subscribe};

use crate::world::{Client, World};

#[tokio::test(start_paused = true)]
async fn everything_is_back_at_its_base() {
    let world = World::new().await;
    world.epoch().await;
    let base = world.gauges();
    assert_eq!((base.actors, base.peers, base.connections, base.in_flight), ([1, 1, 1, 0], 0, 0, 0));
    for round in 0..100 {
        let mut clients: Vec<Client> = Vec::new();
        for n in 0..10 {
            clients.push(world.join(&format!("P{n}")).await);
        }
        // A few rounds with media; the others come and go.
        if round % 20 == 0 {
            for pair in clients.chunks(2) {
                let tracks = world.publish(&pair[0]).await;
                world.accept_slots(&pair[1]).await;
                let subscribe = Subscribe { track: tracks[0], slot: SlotIndex(0), size: None };
                assert!(world.say(&pair[1], ClientMessage::Subscribe(subscribe)).await.is_ok());
            }
            assert!(world.media.0.lock().binds.len() == 5 && world.gauges().connections >= 10);
        }
        assert_eq!((world.gauges().peers, world.gauges().actors), (10, [1, 1, 1, 10]));
        for client in &clients {
            world.leave(client).await;
        }
        world.settle().await;
        assert_eq!(world.gauges(), base, "round {round}");
        let plane = world.media.0.lock();
        assert!(plane.connections.is_empty() && plane.tracks.is_empty() && plane.binds.is_empty());
        assert_eq!((plane.rooms.len(), &plane.refused), (1, &Vec::new()));
    }
    world.pass(70).await;
    let empty = world.gauges();
    assert_eq!((empty.actors, empty.rooms, empty.in_flight), ([0, 0, 0, 0], 0, 0));
    assert!(world.media.0.lock().rooms.is_empty());
}
