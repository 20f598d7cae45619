//! A router that fails is back with every route, and an order that was lost with it is given again.

use rookery_actors::Target;
use rookery_media::Event;
use rookery_schemas::ids::SlotIndex;
use rookery_schemas::signal::{ClientMessage, MediaKind, ServerMessage, Subscribe};

use crate::world::World;

#[tokio::test(start_paused = true)]
async fn crashed_router_learns_again() {
    let world = World::new().await;
    let (one, two) = (world.join("One").await, world.join("Two").await);
    let tracks = world.publish(&one).await;
    world.accept_slots(&two).await;
    let subscribe = |track| ClientMessage::Subscribe(Subscribe { track, slot: SlotIndex(0), size: None });
    assert_eq!(world.say(&two, subscribe(tracks[0])).await, Ok(ServerMessage::Ok));
    world.settle().await;
    let binds = world.media.0.lock().binds.clone();
    assert_eq!(binds.len(), 1);

    // The router fails with orders that waited for a full worker, and with events on their way.
    world.media.0.lock().full = true;
    let muted = world.say(&one, ClientMessage::Mute { track: tracks[0], muted: true }).await;
    assert_eq!(muted, Ok(ServerMessage::Ok));
    world.settle().await;
    world.rooms.inject(world.room, Target::Router).unwrap();
    let mute = world.say(&one, ClientMessage::Mute { track: tracks[1], muted: true });
    let bind = world.say(&two, subscribe(tracks[1]));
    let levels = || Event::Levels { levels: vec![(tracks[1], 99)] };
    world.media.emit(world.room, levels());
    assert_eq!((mute.await, bind.await), (Ok(ServerMessage::Ok), Ok(ServerMessage::Ok)));
    assert_eq!(world.restarts("router"), 1);
    world.media.0.lock().full = false;
    world.pass(1).await;
    {
        let plane = world.media.0.lock();
        assert!(plane.tracks[&tracks[1]].1 && plane.tracks[&tracks[0]].1, "muted as it was asked");
        assert_eq!(plane.binds.len(), 2);
        assert!(binds.iter().all(|(slot, track)| plane.binds[slot] == *track), "what was bound stayed so");
    }
    let key = world.media.0.lock().binds.iter().find(|(_, track)| **track == tracks[1]).map(|(key, _)| *key);
    let (connection, slot) = key.unwrap();
    world.media.emit(world.room, Event::SlotLive { connection, slot, track: tracks[1], layer: None });
    world.settle().await;
    let live = ServerMessage::SlotLive { slot: SlotIndex(0), kind: MediaKind::Audio, track: tracks[1], layer: None };
    assert!(world.told(&two).contains(&live), "events find their peers again");
    let heard = world.events().into_iter().any(|frame| match frame.message {
        ServerMessage::Speakers { levels, .. } => levels[0].peer == one.peer && frame.n.is_none(),
        _ => false,
    });
    assert!(heard, "and so does what was said while it was down");
    assert_eq!((world.restarts("router"), world.gauges().actors), (1, [1, 1, 1, 2]));
}

#[tokio::test(start_paused = true)]
async fn a_full_worker_gets_its_orders_later() {
    let world = World::new().await;
    let one = world.join("One").await;
    let tracks = world.publish(&one).await;
    world.media.0.lock().full = true;
    for muted in [true, false, true] {
        assert_eq!(world.say(&one, ClientMessage::Mute { track: tracks[0], muted }).await, Ok(ServerMessage::Ok));
    }
    world.pass(1).await;
    assert!(!world.media.0.lock().tracks[&tracks[0]].1);
    world.media.0.lock().full = false;
    world.pass(1).await;
    assert!(world.media.0.lock().tracks[&tracks[0]].1, "in their order");
    assert!(world.rooms.metrics().media_commands_delayed.get() > 0);
}
