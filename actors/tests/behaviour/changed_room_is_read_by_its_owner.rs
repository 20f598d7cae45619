//! A room that was changed elsewhere: its owner reads the row, in the order of the reads, until it could be read.

use rookery_actors::seams::{RoomChange, RoomStore};
use rookery_schemas::bus::{RoomCommand, RoomReply};
use rookery_schemas::error::ErrorCode;
use rookery_schemas::ids::{Epoch, EventNumber};

use crate::world::World;

async fn name(world: &World) -> String {
    match world.ask(RoomCommand::Refill { epoch: Epoch(0), after: EventNumber(0) }).await {
        Ok(RoomReply::Snapshot(snapshot)) => snapshot.room.name,
        other => panic!("{other:?}"),
    }
}

async fn rename(world: &World, name: &str) {
    let change = RoomChange { name: Some(name.to_owned()), ..RoomChange::default() };
    world.store.update_room(world.room, &change).await.unwrap();
}

/// Two changes whose messages overtake each other end as the store has it.
#[tokio::test(start_paused = true)]
async fn the_last_change_counts_whichever_is_told_first() {
    let world = World::new().await;
    let _one = world.join("One").await;
    rename(&world, "First").await;
    rename(&world, "Second").await;
    for _ in 0..2 {
        assert!(matches!(world.ask(RoomCommand::Changed).await, Ok(RoomReply::Done)));
        assert_eq!(name(&world).await, "Second");
    }
}

#[tokio::test(start_paused = true)]
async fn a_row_that_cannot_be_read_is_read_later() {
    let world = World::new().await;
    let _one = world.join("One").await;
    rename(&world, "Later").await;
    world.store.script.lock().down = true;
    assert_eq!(world.code(RoomCommand::Changed).await, Some(ErrorCode::StoreUnavailable));
    world.pass(12).await;
    assert_eq!(name(&world).await, "Room");
    world.store.script.lock().down = false;
    world.pass(7).await;
    assert_eq!(name(&world).await, "Later");
}
