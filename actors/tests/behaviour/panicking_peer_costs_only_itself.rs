//! A peer's actor that fails takes down its own connections and nothing else; its client may come back to its seat.

use rookery_actors::Target;
use rookery_schemas::signal::{ClientMessage, LeaveReason, ServerMessage};

use crate::world::{Client, World};

#[tokio::test(start_paused = true)]
async fn panicking_peer_costs_only_itself() {
    let world = World::new().await;
    let (fails, other) = (world.join("Fails").await, world.join("Other").await);
    let lost = world.publish(&fails).await;
    let kept = world.publish(&other).await;
    let before = world.events().len();
    world.inject(Target::Peer(fails.peer)).await;

    assert!(world.told(&fails).iter().any(|message| matches!(message, ServerMessage::Reattach { .. })));
    let told = world.events_after(before);
    let ended = told.iter().filter(|message| matches!(message, ServerMessage::TrackUnpublished { .. })).count();
    let updated = |message: &ServerMessage| match message {
        ServerMessage::PeerUpdated { peer } => peer.peer == fails.peer && peer.reconnecting,
        _ => false,
    };
    assert_eq!((ended, told.iter().filter(|message| updated(message)).count(), told.len()), (2, 1, 3), "{told:?}");
    let tracks = world.media.0.lock().tracks.clone();
    assert!(
        lost.iter().all(|track| !tracks.contains_key(track)) && kept.iter().all(|track| tracks.contains_key(track))
    );
    assert_eq!(world.media.0.lock().connections.len(), 2, "the other's two");
    let mute = ClientMessage::Mute { track: kept[0], muted: true };
    assert_eq!(world.say(&other, mute).await, Ok(ServerMessage::Ok));
    assert!(world.chat(&fails, "my socket is fine").await.is_ok(), "only its media needs a new attachment");
    assert_eq!((world.restarts("peer"), world.restarts("room"), world.restarts("router")), (1, 0, 0));

    let attached = world.resume(&fails, true).await;
    assert!(!attached.media_kept && attached.joined_at == fails.joined_at);
    let back = Client { attachment: attached.attachment, ..fails };
    world.publish(&back).await;
    assert_eq!(world.gauges().actors, [1, 1, 1, 2]);
}

#[tokio::test(start_paused = true)]
async fn who_does_not_come_back_is_gone_after_15_s() {
    let world = World::new().await;
    let (fails, _other) = (world.join("Fails").await, world.join("Other").await);
    world.inject(Target::Peer(fails.peer)).await;
    let before = world.events().len();
    world.pass(13).await;
    assert_eq!(world.events().len(), before);
    world.pass(4).await;
    let left = ServerMessage::PeerLeft { peer: fails.peer, reason: LeaveReason::Failed };
    assert_eq!(world.events_after(before), [left]);
    assert!(!world.resume(&fails, true).await.media_kept, "its seat is made anew");
}

#[tokio::test(start_paused = true)]
async fn a_panicking_library_is_a_failed_connection() {
    let world = World::new().await;
    let peer = world.join("Peer").await;
    world.transports.script.lock().panics = 1;
    let answer = world.say(&peer, ClientMessage::Offer { sdp: "0:video".into() }).await;
    assert_eq!(answer, Err(rookery_schemas::error::ErrorCode::Internal));
    world.settle().await;
    assert!(matches!(world.told(&peer)[..], [ServerMessage::Reattach { .. }]));
    assert_eq!((world.media.0.lock().connections.len(), world.gauges().connections), (0, 0));
    world.publish(&peer).await;
    assert_eq!(world.restarts("peer"), 0);
}
