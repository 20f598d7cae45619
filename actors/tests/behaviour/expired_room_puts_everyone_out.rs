//! A room whose time is over is closed in the store, then for everybody in it; sleeping ones by the sweep.

use rookery_actors::seams::{RoomChange, RoomStore};
use rookery_schemas::bus::RoomCommand;
use rookery_schemas::error::ErrorCode;
use rookery_schemas::ids::UnixMillis;
use rookery_schemas::rows::RoomRow;
use rookery_schemas::signal::{RoomClosedReason, ServerMessage};

use crate::world::{World, room_row};

fn row_of(world: &World) -> RoomRow {
    world.store.rows.lock().rooms[&world.room].clone()
}

#[tokio::test(start_paused = true)]
async fn expired_room_puts_everyone_out() {
    let world = World::new().await;
    let end = world.now().unix_after(std::time::Duration::from_secs(20));
    world.store.rows.lock().rooms.get_mut(&world.room).unwrap().expires_at = Some(end);
    let one = world.join("One").await;
    world.publish(&one).await;
    world.store.script.lock().down = true;
    world.pass(22).await;
    assert_eq!((row_of(&world).closed_at, world.gauges().peers), (None, 1), "not stored, not done");
    world.store.script.lock().down = false;
    world.pass(7).await;
    assert!(row_of(&world).closed_at.is_some());
    let closed = ServerMessage::RoomClosed { reason: RoomClosedReason::Expired };
    assert_eq!(world.events_after(0).last(), Some(&closed));
    assert!(world.media.0.lock().connections.is_empty() && world.gauges().peers == 0);
    assert_eq!(world.chat(&one, "late").await, Err(ErrorCode::RoomExpired));
    assert_eq!(world.code(RoomCommand::Activate).await, Some(ErrorCode::RoomExpired));
}

/// The host moves the end, and the owner hears of it too late, or never: what is stored counts.
#[tokio::test(start_paused = true)]
async fn an_end_that_was_moved_ends_nothing() {
    let world = World::new().await;
    let after = |seconds| Some(world.now().unix_after(std::time::Duration::from_secs(seconds)));
    world.store.rows.lock().rooms.get_mut(&world.room).unwrap().expires_at = after(20);
    let _one = world.join("One").await;
    world.pass(10).await;
    let moved = RoomChange { expires_at: Some(after(100)), ..RoomChange::default() };
    world.store.update_room(world.room, &moved).await.unwrap();
    world.pass(30).await;
    assert_eq!((row_of(&world).closed_at, world.gauges().peers), (None, 1));
    let _two = world.join("Two").await;
    world.pass(90).await;
    assert!(row_of(&world).closed_at.is_some() && world.gauges().peers == 0);
}

/// The sweep has found a sleeping room past its end, which is moved before the room is closed.
#[tokio::test(start_paused = true)]
async fn the_sweep_closes_nothing_whose_end_was_moved() {
    let world = World::new().await;
    let after = |seconds| Some(world.now().unix_after(std::time::Duration::from_secs(seconds)));
    world.store.rows.lock().rooms.get_mut(&world.room).unwrap().expires_at = after(10);
    world.store.script.lock().held.insert("end_room");
    world.pass(35).await;
    assert_eq!(world.store.calls("end_room"), 1);
    let moved = RoomChange { expires_at: Some(after(1_000)), ..RoomChange::default() };
    world.store.update_room(world.room, &moved).await.unwrap();
    world.store.release();
    world.settle().await;
    assert_eq!(row_of(&world).closed_at, None);
}

#[tokio::test(start_paused = true)]
async fn an_ad_hoc_meeting_ends_an_hour_after_the_last_one_left() {
    let world = World::with(RoomRow { ad_hoc: true, ..room_row() }).await;
    let (one, two) = (world.join("One").await, world.join("Two").await);
    world.settle().await;
    assert_eq!(row_of(&world).expires_at, None);
    world.leave(&one).await;
    world.pass(7_200).await;
    assert_eq!((row_of(&world).expires_at, row_of(&world).closed_at), (None, None));
    world.leave(&two).await;
    world.settle().await;
    let end = world.now().unix_after(std::time::Duration::from_secs(3_600));
    let stored = row_of(&world).expires_at.unwrap();
    assert!((end.0 - 1_000..=end.0).contains(&stored.0), "{stored:?} {end:?}");
    world.pass(1_800).await;
    assert_eq!(world.gauges().rooms, 0, "it sleeps");
    let back = world.join("Back").await;
    world.settle().await;
    assert_eq!(row_of(&world).expires_at, None, "taken away when somebody enters");
    world.leave(&back).await;
    world.pass(3_700).await;
    let row = row_of(&world);
    assert!(
        row.closed_at.is_some_and(|at| at >= row.expires_at.unwrap_or(UnixMillis(i64::MAX))),
        "the sweep closed it"
    );
    assert_eq!(world.gauges().rooms, 0);
    assert_eq!(world.code(RoomCommand::Activate).await, Some(ErrorCode::RoomExpired));
}

/// While somebody is inside, the store holds no end; a node that dies then leaves the room so, for the next one to end.
#[tokio::test(start_paused = true)]
async fn a_meeting_whose_node_died_with_people_inside_is_ended_by_the_next_one() {
    let dead = World::with(RoomRow { ad_hoc: true, ..room_row() }).await;
    let _inside = dead.join("Inside").await;
    dead.settle().await;
    let left = row_of(&dead);
    assert_eq!((left.expires_at, left.closed_at), (None, None));
    let next = World::with(left).await;
    next.pass(1_800).await;
    assert_eq!((row_of(&next).expires_at, next.gauges().rooms), (None, 0), "they may be about to come back");
    next.pass(1_860).await;
    let end = row_of(&next).expires_at.expect("nobody came back");
    next.pass(120).await;
    assert_eq!(next.gauges().rooms, 0, "it sleeps again");
    let before_the_end = u64::try_from(end.0 - next.now().unix.0).unwrap() / 1_000 - 1;
    next.pass(before_the_end).await;
    assert_eq!((row_of(&next).expires_at, row_of(&next).closed_at), (Some(end), None));
    next.pass(60).await;
    assert!(row_of(&next).closed_at.is_some_and(|at| at >= end));
}

/// A long meeting looks unused to the sweep, again and again; the room knows better, and says so.
#[tokio::test(start_paused = true)]
async fn a_long_meeting_is_marked_as_used() {
    let world = World::with(RoomRow { ad_hoc: true, ..room_row() }).await;
    let _inside = world.join("Inside").await;
    world.settle().await;
    let entered = row_of(&world).active_at;
    world.pass(3_700).await;
    let row = row_of(&world);
    assert_eq!((row.expires_at, row.closed_at, world.gauges().peers), (None, None, 1));
    assert!(row.active_at.0 >= entered.0 + 3_600_000, "{entered:?} {:?}", row.active_at);
}
