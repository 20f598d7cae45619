//! One who leaves takes its tracks along, and nothing of anybody else.

use rookery_schemas::bus::{RoomCommand, RoomReply};
use rookery_schemas::error::ErrorCode;
use rookery_schemas::ids::TrackId;
use rookery_schemas::signal::{ClientMessage, LeaveReason, ServerMessage};

use crate::world::World;

#[tokio::test(start_paused = true)]
async fn peer_leaving_keeps_room() {
    let world = World::new().await;
    let (stays, leaves) = (world.join("Stays").await, world.join("Leaves").await);
    let kept = world.publish(&stays).await;
    let mut gone = world.publish(&leaves).await;
    gone.sort();
    let before = world.events().len();
    world.leave(&leaves).await;

    // At once, without time passing.
    let tracks: Vec<TrackId> = world.media.0.lock().tracks.keys().copied().collect();
    assert!(tracks.iter().all(|track| kept.contains(track)) && tracks.len() == 2, "{tracks:?}");
    world.settle().await;
    let told = [
        ServerMessage::TrackUnpublished { track: gone[0] },
        ServerMessage::TrackUnpublished { track: gone[1] },
        ServerMessage::PeerLeft { peer: leaves.peer, reason: LeaveReason::Left },
    ];
    assert_eq!(world.events_after(before), told);

    assert_eq!(world.gauges().actors, [1, 1, 1, 1]);
    assert_eq!(world.say(&leaves, ClientMessage::RestartIce).await, Err(ErrorCode::NotJoined));
    let mute = ClientMessage::Mute { track: kept[0], muted: true };
    assert_eq!(world.say(&stays, mute).await, Ok(ServerMessage::Ok));
    assert!(world.chat(&stays, "still here").await.is_ok());
    let active = world.ask(RoomCommand::Activate).await;
    assert!(matches!(active, Ok(RoomReply::Active { peers: 1, epoch, .. }) if epoch == stays.epoch), "{active:?}");
}
