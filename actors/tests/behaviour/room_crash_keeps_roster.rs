//! A room's actor that fails is back, under a new epoch, with everybody in it and their media untouched.

use rookery_actors::Target;
use rookery_schemas::bus::{RoomCommand, RoomReply, Snapshot};
use rookery_schemas::error::ErrorCode;
use rookery_schemas::ids::{Epoch, EventNumber, Nonce};
use rookery_schemas::signal::{ClientMessage, ServerMessage};
use uuid::Uuid;

use crate::world::{World, acknowledged};

async fn snapshot(world: &World) -> Snapshot {
    let refill = RoomCommand::Refill { epoch: Epoch(0), after: EventNumber(0) };
    match world.ask(refill).await {
        Ok(RoomReply::Snapshot(snapshot)) => *snapshot,
        other => panic!("{other:?}"),
    }
}

#[tokio::test(start_paused = true)]
async fn room_crash_keeps_roster() {
    let world = World::new().await;
    let (one, two) = (world.join("One").await, world.join("Two").await);
    let tracks = world.publish(&one).await;
    world.accept_slots(&two).await;
    assert!(world.chat(&one, "before").await.is_ok());
    let before = snapshot(&world).await;
    let (commands, published) = (world.media.0.lock().commands, world.events().len());
    world.inject(Target::Room).await;

    let after = snapshot(&world).await;
    assert_eq!(after.epoch, before.epoch.next());
    assert_eq!((&after.roster, &after.tracks, after.last_seq), (&before.roster, &before.tracks, before.last_seq));
    assert_eq!(world.media.0.lock().commands, commands, "media was not touched");
    let first = &world.events()[published];
    assert_eq!((first.epoch, first.n), (Some(after.epoch), Some(EventNumber(1))), "gateways see the new epoch");
    assert_eq!((world.restarts("room"), world.gauges().actors), (1, [1, 1, 1, 2]));

    let mute = ClientMessage::Mute { track: tracks[0], muted: true };
    assert_eq!(world.say(&one, mute).await, Ok(ServerMessage::Ok));
    assert_eq!(world.chat(&two, "after").await.map(|ack| ack.seq.0), Ok(2));
    assert!(snapshot(&world).await.tracks.iter().any(|track| track.muted));
    world.leave(&two).await;
}

#[tokio::test(start_paused = true)]
async fn what_was_being_written_is_of_unknown_outcome_and_may_be_retried() {
    let world = World::new().await;
    let one = world.join("One").await;
    world.store.script.lock().append_takes = std::time::Duration::from_secs(1);
    let message = world.chat_of(&one, Nonce(Uuid::from_u128(1)), "hello", 0);
    let asked = world.asking(message.clone()).await;
    world.settle().await;
    world.inject(Target::Room).await;
    assert_eq!(acknowledged(asked.await.unwrap()), Err(ErrorCode::Unknown));
    assert_eq!(acknowledged(world.ask(message).await).map(|ack| ack.seq.0), Ok(1));
    assert_eq!(world.store.visible(world.room).len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_room_that_crashes_while_the_store_is_away_keeps_its_calls() {
    let world = World::new().await;
    let one = world.join("One").await;
    let tracks = world.publish(&one).await;
    world.store.script.lock().down = true;
    world.inject(Target::Room).await;
    assert_eq!(world.code(RoomCommand::Activate).await, Some(ErrorCode::StoreUnavailable));
    let mute = ClientMessage::Mute { track: tracks[0], muted: true };
    assert_eq!(world.say(&one, mute).await, Ok(ServerMessage::Ok), "media goes on");
    world.pass(5).await;
    world.store.script.lock().down = false;
    world.pass(2).await;
    let back = snapshot(&world).await;
    assert_eq!((back.roster.len(), back.tracks.len()), (1, 2));
    assert!(back.tracks.iter().any(|track| track.muted), "what happened meanwhile is known");
}

#[tokio::test(start_paused = true)]
async fn a_room_that_crashes_again_and_again_is_ended() {
    let world = World::new().await;
    let one = world.join("One").await;
    world.publish(&one).await;
    for _ in 0..9 {
        world.inject(Target::Room).await;
        world.pass(5).await;
    }
    world.settle().await;
    assert!(world.told(&one).iter().any(|message| matches!(message, ServerMessage::Reattach { .. })));
    let base = world.gauges();
    assert_eq!((base.actors, base.rooms, base.connections), ([0, 0, 0, 0], 0, 0));
    assert!(world.media.0.lock().rooms.is_empty());
    assert!(!world.resume(&one, true).await.media_kept, "and can be woken again");
}

#[tokio::test(start_paused = true)]
async fn a_room_that_another_took_over_is_not_claimed_back() {
    let old = World::new().await;
    let one = old.join("One").await;
    old.inject(Target::Room).await;
    // The second failure within a minute is followed by a pause; in it another start of the node takes over.
    old.inject(Target::Room).await;
    let new = World::on(std::sync::Arc::clone(&old.store), old.room, 2).await;
    let epoch = new.resume(&one, false).await.snapshot.epoch;
    old.pass(5).await;
    assert_eq!(old.gauges().actors, [0, 0, 0, 0]);
    assert!(old.told(&one).iter().any(|message| matches!(message, ServerMessage::Reattach { .. })));
    assert_eq!(new.epoch().await, epoch);
}
