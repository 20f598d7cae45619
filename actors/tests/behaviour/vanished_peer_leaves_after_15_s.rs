//! A seat is kept 15 s after the last of socket and media.

use rookery_media::Event;
use rookery_schemas::signal::{LeaveReason, ServerMessage};

use crate::world::World;

#[tokio::test(start_paused = true)]
async fn vanished_peer_leaves_after_15_s() {
    let world = World::new().await;
    let (one, _two) = (world.join("One").await, world.join("Two").await);
    let connection = world.connection_of(world.publish(&one).await[0]);
    world.detach(&one).await;
    world.pass(40).await;
    assert_eq!(world.gauges().peers, 2, "its media is there");
    world.media.emit(world.room, Event::Silent { connection });
    world.pass(13).await;
    assert_eq!(world.gauges().peers, 2);
    world.pass(4).await;
    let left = ServerMessage::PeerLeft { peer: one.peer, reason: LeaveReason::TimedOut };
    assert_eq!(world.events_after(0).last(), Some(&left));
    assert!(world.media.0.lock().tracks.is_empty());
    let attached = world.resume(&one, true).await;
    assert!(!attached.media_kept && attached.joined_at == one.joined_at, "it may come back, to a new seat");
}
