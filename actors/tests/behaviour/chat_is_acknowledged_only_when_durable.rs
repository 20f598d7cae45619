//! Nobody hears of a message before it is stored and the owner was seen to be the owner after that.

use std::time::Duration;

use rookery_schemas::error::ErrorCode;
use rookery_schemas::ids::{Nonce, Seq};
use rookery_schemas::signal::ServerMessage;
use uuid::Uuid;

use crate::world::{World, acknowledged};
use rookery_actors::testing::Fault;

fn chats(messages: &[ServerMessage]) -> Vec<u64> {
    let seq = |message: &ServerMessage| match message {
        ServerMessage::Chat { message } => Some(message.seq.0),
        _ => None,
    };
    messages.iter().filter_map(seq).collect()
}

#[tokio::test(start_paused = true)]
async fn chat_is_acknowledged_only_when_durable() {
    let world = World::new().await;
    let one = world.join("One").await;
    world.store.script.lock().append_takes = Duration::from_millis(500);
    let mut asked = Vec::new();
    for n in 0..40 {
        let message = world.chat_of(&one, Nonce(Uuid::from_u128(n)), &n.to_string(), 0);
        asked.push(world.asking(message).await);
    }
    let before = world.store.calls("owner");
    tokio::time::sleep(Duration::from_millis(490)).await;
    assert!(asked.iter().all(|asked| !asked.is_finished()), "nothing is durable yet");
    assert_eq!(chats(&world.events_after(0)), Vec::<u64>::new());
    tokio::time::sleep(Duration::from_millis(20)).await;
    assert!(asked[0].is_finished() && !asked[39].is_finished());
    for (asked, seq) in asked.into_iter().zip(1..) {
        assert_eq!(acknowledged(asked.await.unwrap()).map(|ack| ack.seq), Ok(Seq(seq)));
    }
    world.settle().await;
    assert_eq!(chats(&world.events_after(0)), (1..=40).collect::<Vec<_>>());
    let (appends, owner_reads) = (world.store.calls("append"), world.store.calls("owner") - before);
    assert_eq!((appends, owner_reads), (2, 2), "one write and one read for all that waited");
    assert_eq!(world.rooms.metrics().chat_ack.get_sample_count(), 40);
}

#[tokio::test(start_paused = true)]
async fn an_unknown_outcome_is_found_out_before_anything_else_is_written() {
    let world = World::new().await;
    let one = world.join("One").await;
    let faults = [Fault::LostUnknown, Fault::Unavailable, Fault::HalfUnknown, Fault::WrittenUnknown];
    world.store.script.lock().faults.extend(faults);
    let first = world.asking(world.chat_of(&one, Nonce(Uuid::from_u128(1)), "first", 0)).await;
    world.settle().await;
    let second = world.asking(world.chat_of(&one, Nonce(Uuid::from_u128(2)), "second", 0)).await;
    assert_eq!(acknowledged(first.await.unwrap()).map(|ack| ack.seq), Ok(Seq(1)));
    assert_eq!(acknowledged(second.await.unwrap()).map(|ack| ack.seq), Ok(Seq(2)));
    let texts: Vec<_> = world.store.visible(world.room).into_iter().map(|row| row.message.text).collect();
    assert_eq!((texts, world.store.calls("append")), (vec!["first".to_owned(), "second".to_owned()], 6));
}

#[tokio::test(start_paused = true)]
async fn a_store_that_is_away_refuses_and_gives_the_number_again() {
    let world = World::new().await;
    let one = world.join("One").await;
    world.store.script.lock().down = true;
    assert_eq!(world.chat(&one, "lost").await, Err(ErrorCode::StoreUnavailable));
    world.store.script.lock().down = false;
    assert_eq!(world.chat(&one, "kept").await.map(|ack| ack.seq), Ok(Seq(1)));
    assert_eq!(world.store.visible(world.room).len(), 1);
}

#[tokio::test(start_paused = true)]
async fn an_owner_that_cannot_be_read_acknowledges_nothing_until_it_can() {
    let world = World::new().await;
    let one = world.join("One").await;
    world.store.script.lock().owners_down = true;
    let before = world.events().len();
    let asked = world.asking(world.chat_of(&one, Nonce(Uuid::from_u128(1)), "hello", 0)).await;
    world.pass(3).await;
    assert_eq!(world.store.visible(world.room).len(), 1, "it is stored");
    assert_eq!((asked.is_finished(), world.events_after(before)), (false, vec![]), "and nobody knows");
    world.store.script.lock().owners_down = false;
    assert_eq!(acknowledged(asked.await.unwrap()).map(|ack| ack.seq), Ok(Seq(1)));
    world.settle().await;
    assert_eq!(chats(&world.events_after(before)), [1]);
}

#[tokio::test(start_paused = true)]
async fn a_publish_that_fails_is_counted_and_can_be_refilled() {
    let world = World::new().await;
    let one = world.join("One").await;
    world.settle().await;
    let before = world.events();
    world.bus.publishes_fail.store(true, std::sync::atomic::Ordering::Relaxed);
    assert!(world.chat(&one, "unheard").await.is_ok());
    world.settle().await;
    world.bus.publishes_fail.store(false, std::sync::atomic::Ordering::Relaxed);
    assert!(world.chat(&one, "heard").await.is_ok());
    world.settle().await;
    let after = world.events();
    let gap = after[before.len()].n.unwrap().0 - before.last().unwrap().n.unwrap().0;
    assert_eq!((gap, world.rooms.metrics().publishes_failed.get()), (2, 1), "the gap can be seen");
}
