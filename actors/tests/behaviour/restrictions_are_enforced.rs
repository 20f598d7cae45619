//! What the host does not let others send: stored, then told; ended in the media plane at once, and refused whatever crashes.

use rookery_actors::Target;
use rookery_actors::seams::{RoomChange, RoomStore};
use rookery_schemas::bus::{RoomCommand, RoomReply, Snapshot};
use rookery_schemas::error::ErrorCode;
use rookery_schemas::ids::{Epoch, EventNumber, TrackId};
use rookery_schemas::rest::PatchAllowed;
use rookery_schemas::signal::{ClientMessage, MediaKind, Publish, Role, ServerMessage, SourceKind};

use crate::world::{Client, World, client};

async fn snapshot(world: &World) -> Snapshot {
    match world.ask(RoomCommand::Refill { epoch: Epoch(0), after: EventNumber(0) }).await {
        Ok(RoomReply::Snapshot(snapshot)) => *snapshot,
        other => panic!("{other:?}"),
    }
}

async fn store_cameras(world: &World, camera: bool) {
    let allowed = PatchAllowed { camera: Some(camera), ..PatchAllowed::default() };
    world.store.update_room(world.room, &RoomChange { allowed, ..RoomChange::default() }).await.unwrap();
}

/// As a gateway does it: the row, then the owner.
async fn let_cameras(world: &World, camera: bool) {
    store_cameras(world, camera).await;
    assert!(matches!(world.ask(RoomCommand::Changed).await, Ok(RoomReply::Done)));
    world.settle().await;
}

async fn show(world: &World, who: &Client) -> Result<ServerMessage, ErrorCode> {
    let publish = Publish { mid: "0".into(), kind: MediaKind::Video, source: SourceKind::Camera, muted: false };
    world.say(who, ClientMessage::Publish(publish)).await
}

fn forwarded(world: &World, track: TrackId) -> bool {
    world.media.0.lock().tracks.contains_key(&track)
}

#[tokio::test(start_paused = true)]
async fn cameras_end_for_guests_and_members_and_go_on_for_the_host() {
    let world = World::new().await;
    let host = world.join_as("Host", Role::Host).await;
    let member = world.join_as("Member", Role::Member).await;
    let guest = world.join("Guest").await;
    let [theirs, ..] = world.publish(&host).await;
    let others = [world.publish(&member).await, world.publish(&guest).await];
    let before = world.events().len();
    let_cameras(&world, false).await;
    assert!(forwarded(&world, theirs));
    for [camera, voice] in others {
        assert!(!forwarded(&world, camera) && forwarded(&world, voice));
    }
    let told = world.events_after(before);
    assert!(matches!(&told[0], ServerMessage::RoomUpdated { room } if !room.allowed.camera), "{told:?}");
    let ended = told.iter().filter(|told| matches!(told, ServerMessage::TrackUnpublished { .. })).count();
    assert_eq!((ended, told.len()), (2, 3), "{told:?}");
    for who in [&member, &guest] {
        assert_eq!(show(&world, who).await, Err(ErrorCode::NotAllowed));
    }
    let newcomer = world.join("Newcomer").await;
    assert_eq!(show(&world, &newcomer).await, Err(ErrorCode::NotAllowed));
    let_cameras(&world, true).await;
    for who in [&member, &guest, &newcomer] {
        assert!(matches!(show(&world, who).await, Ok(ServerMessage::Published { .. })));
    }
}

#[tokio::test(start_paused = true)]
async fn a_resume_changes_nothing_of_it_with_or_without_its_media() {
    let world = World::new().await;
    let guest = world.join("Guest").await;
    let [camera, voice] = world.publish(&guest).await;
    let_cameras(&world, false).await;
    let kept = world.resume(&guest, true).await;
    assert!(kept.media_kept && !kept.snapshot.room.allowed.camera);
    let again = client(&kept, None);
    assert_eq!(show(&world, &again).await, Err(ErrorCode::NotAllowed));
    assert!(!forwarded(&world, camera) && forwarded(&world, voice));
    let anew = client(&world.resume(&again, false).await, None);
    assert_eq!(show(&world, &anew).await, Err(ErrorCode::NotAllowed));
}

#[tokio::test(start_paused = true)]
async fn crashes_of_room_router_and_peer_leave_it_in_force() {
    let world = World::new().await;
    let (host, guest) = (world.join_as("Host", Role::Host).await, world.join("Guest").await);
    let [theirs, ..] = world.publish(&host).await;
    let [camera, voice] = world.publish(&guest).await;
    let_cameras(&world, false).await;
    for target in [Target::Room, Target::Router, Target::Peer(guest.peer)] {
        world.inject(target).await;
        world.pass(2).await;
        let now = snapshot(&world).await;
        assert!(!now.room.allowed.camera, "{target:?}");
        assert!(forwarded(&world, theirs) && !forwarded(&world, camera), "{target:?}");
        let shown: Vec<TrackId> = now.tracks.iter().map(|track| track.track).collect();
        assert!(shown.contains(&theirs) && !shown.contains(&camera), "{target:?}");
        if !matches!(target, Target::Peer(_)) {
            assert!(forwarded(&world, voice), "{target:?}");
            assert_eq!(show(&world, &guest).await, Err(ErrorCode::NotAllowed), "{target:?}");
        }
    }
    let back = client(&world.resume(&guest, false).await, None);
    assert_eq!(show(&world, &back).await, Err(ErrorCode::NotAllowed));
}

/// The room's actor is down when the host asks: what is stored is what it wakes with.
#[tokio::test(start_paused = true)]
async fn a_room_that_was_down_meanwhile_enforces_what_is_stored() {
    let world = World::new().await;
    let guest = world.join("Guest").await;
    let [camera, voice] = world.publish(&guest).await;
    world.store.script.lock().down = true;
    world.inject(Target::Room).await;
    world.pass(1).await;
    assert!(forwarded(&world, camera), "calls go on while the store is away");
    world.store.script.lock().down = false;
    store_cameras(&world, false).await;
    world.pass(3).await;
    assert!(!forwarded(&world, camera) && forwarded(&world, voice));
    assert_eq!(show(&world, &guest).await, Err(ErrorCode::NotAllowed));
    assert_eq!(snapshot(&world).await.tracks.len(), 1);
}

/// A worker that takes no orders now gets this one later, whatever the router went through.
#[tokio::test(start_paused = true)]
async fn a_router_that_fails_over_the_order_gives_it_again() {
    let world = World::new().await;
    let guest = world.join("Guest").await;
    let [camera, voice] = world.publish(&guest).await;
    world.media.0.lock().full = true;
    let_cameras(&world, false).await;
    world.inject(Target::Router).await;
    world.media.0.lock().full = false;
    world.pass(1).await;
    assert!(!forwarded(&world, camera) && forwarded(&world, voice));
}
