//! Putting someone out: stored, then told, media stopped at once, and no way back in.

use rookery_schemas::bus::{RoomCommand, RoomReply};
use rookery_schemas::error::ErrorCode;
use rookery_schemas::signal::{LeaveReason, Role, RoomClosedReason, ServerMessage};

use crate::world::World;

#[tokio::test(start_paused = true)]
async fn kicked_peer_is_out_at_once() {
    let world = World::new().await;
    let host = world.join_as("Host", Role::Host).await;
    let member = world.join_as("Member", Role::Member).await;
    let guest = world.join("Guest").await;
    world.publish(&guest).await;
    let kick = |whom| RoomCommand::Kick { by: host.peer, attachment: host.attachment, peer: whom };

    world.store.script.lock().down = true;
    assert_eq!(world.code(kick(guest.peer)).await, Some(ErrorCode::StoreUnavailable));
    assert_eq!(world.gauges().peers, 3);
    world.store.script.lock().down = false;
    let before = world.events().len();
    assert!(matches!(world.ask(kick(guest.peer)).await, Ok(RoomReply::Done)));
    assert!(world.media.0.lock().tracks.is_empty() && world.store.rows.lock().bans[&world.room].len() == 1);
    world.settle().await;
    assert_eq!(world.told(&guest).last(), Some(&ServerMessage::Kicked));
    let left = ServerMessage::PeerLeft { peer: guest.peer, reason: LeaveReason::Kicked };
    assert_eq!(world.events_after(before).last(), Some(&left));
    let resume = |world: &World, client| RoomCommand::Resume {
        token: world.token(client),
        srtp: Default::default(),
        direct: false,
        keep_media: true,
        link: None,
        retake: false,
    };
    assert_eq!(world.code(resume(&world, &guest)).await, Some(ErrorCode::Banned));
    assert!(matches!(world.ask(kick(member.peer)).await, Ok(RoomReply::Done)));
    assert_eq!(world.code(resume(&world, &member)).await, Some(ErrorCode::Banned));
    assert_eq!(world.code(kick(member.peer)).await, Some(ErrorCode::PeerNotFound));

    // Bans outlive the room's actors.
    world.leave(&host).await;
    world.pass(70).await;
    assert_eq!(world.gauges().rooms, 0);
    assert_eq!(world.code(resume(&world, &guest)).await, Some(ErrorCode::Banned));
}

#[tokio::test(start_paused = true)]
async fn a_host_closes_the_room_for_all() {
    let world = World::new().await;
    let host = world.join_as("Host", Role::Host).await;
    let guest = world.join("Guest").await;
    world.publish(&guest).await;
    let close = |by: &crate::world::Client| RoomCommand::Close { by: by.peer, attachment: by.attachment };
    assert_eq!(world.code(close(&guest)).await, Some(ErrorCode::Forbidden));
    assert!(matches!(world.ask(close(&host)).await, Ok(RoomReply::Done)));
    assert!(world.store.rows.lock().rooms[&world.room].closed_at.is_some());
    world.settle().await;
    let closed = ServerMessage::RoomClosed { reason: RoomClosedReason::Host };
    assert_eq!(world.events_after(0).last(), Some(&closed));
    let gauges = world.gauges();
    assert_eq!((gauges.peers, gauges.connections, gauges.actors), (0, 0, [1, 1, 1, 0]));
    assert_eq!(world.chat(&guest, "late").await, Err(ErrorCode::RoomClosed));
    assert_eq!(world.code(RoomCommand::Activate).await, Some(ErrorCode::RoomClosed));
}
