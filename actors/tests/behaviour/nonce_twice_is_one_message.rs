//! A retry is the same message: while the first is being written, after it was stored, and after another owner took over.

use std::sync::Arc;
use std::time::Duration;

use rookery_schemas::error::ErrorCode;
use rookery_schemas::ids::{Nonce, Seq, UserId};
use rookery_schemas::signal::Role;
use uuid::Uuid;

use crate::world::{Client, World, acknowledged, room_row};

#[tokio::test(start_paused = true)]
async fn nonce_twice_is_one_message() {
    let world = World::new().await;
    let one = world.join("One").await;
    world.store.script.lock().append_takes = Duration::from_secs(1);
    let message = || world.chat_of(&one, Nonce(Uuid::from_u128(1)), "hello", 0);
    let first = world.asking(message()).await;
    world.settle().await;
    let again = world.asking(message()).await;
    let first = acknowledged(first.await.unwrap()).unwrap();
    assert_eq!(acknowledged(again.await.unwrap()), Ok(first.clone()));
    assert_eq!(acknowledged(world.ask(message()).await), Ok(first.clone()));

    let next = World::on(Arc::clone(&world.store), world.room, 2).await;
    let attached = next.resume(&one, false).await;
    let back = Client { attachment: attached.attachment, ..one.clone() };
    let retry = next.chat_of(&back, Nonce(Uuid::from_u128(1)), "hello", 0);
    assert_eq!(acknowledged(next.ask(retry).await), Ok(first));
    assert_eq!(world.store.visible(world.room).len(), 1);
}

/// The answer is lost with the socket, the seat is given up, and the member joins again as another peer: the retry is the
/// same message all the same, at this owner and at the next one.
#[tokio::test(start_paused = true)]
async fn a_members_retry_from_another_seat_is_the_same_message() {
    let world = World::new().await;
    let user = UserId(Uuid::from_u128(0xada));
    let nonce = Nonce(Uuid::from_u128(1));
    let first = world.join_user("Ada", user, Role::Member).await;
    let asked = world.asking(world.chat_of(&first, nonce, "hello", 0)).await;
    world.settle().await;
    asked.abort();
    world.detach(&first).await;
    world.pass(20).await;
    assert_eq!(world.gauges().peers, 0, "the seat is given up");

    let again = world.join_user("Ada", user, Role::Member).await;
    assert_ne!(again.peer, first.peer);
    let retry = acknowledged(world.ask(world.chat_of(&again, nonce, "hello", 0)).await);
    assert_eq!(retry.as_ref().map(|ack| ack.seq), Ok(Seq(1)));
    // Somebody else's message with the same nonce is another.
    let other = world.join("Guest").await;
    assert_eq!(acknowledged(world.ask(world.chat_of(&other, nonce, "hi", 0)).await).map(|ack| ack.seq), Ok(Seq(2)));

    let next = World::on(Arc::clone(&world.store), room_row().id, 2).await;
    let third = next.join_user("Ada", user, Role::Member).await;
    assert_eq!(acknowledged(next.ask(next.chat_of(&third, nonce, "hello", 0)).await), retry);
    let stored: Vec<_> = world.store.visible(world.room).into_iter().map(|row| row.message.text).collect();
    assert_eq!(stored, ["hello", "hi"]);
}

/// The first is still being written while the member comes back as another peer.
#[tokio::test(start_paused = true)]
async fn a_members_retry_joins_the_message_in_flight() {
    let world = World::new().await;
    let user = UserId(Uuid::from_u128(0xada));
    let nonce = Nonce(Uuid::from_u128(1));
    let first = world.join_user("Ada", user, Role::Member).await;
    world.store.script.lock().append_takes = Duration::from_secs(3);
    let asked = world.asking(world.chat_of(&first, nonce, "hello", 0)).await;
    world.settle().await;
    world.leave(&first).await;
    let again = world.join_user("Ada", user, Role::Member).await;
    let retry = acknowledged(world.ask(world.chat_of(&again, nonce, "hello", 0)).await);
    assert_eq!(acknowledged(asked.await.unwrap()), retry);
    assert_eq!((retry.map(|ack| ack.seq), world.store.visible(world.room).len()), (Ok(Seq(1)), 1));
}

#[tokio::test(start_paused = true)]
async fn a_retry_older_than_the_window_is_refused() {
    let world = World::new().await;
    let one = world.join("One").await;
    let message = || world.chat_of(&one, Nonce(Uuid::from_u128(1)), "hello", 0);
    assert!(world.ask(message()).await.is_ok());
    world.pass(11 * 60).await;
    assert_eq!(world.code(message()).await, Some(ErrorCode::NonceExpired));
    let fresh = world.chat_of(&one, Nonce(Uuid::from_u128(2)), "new", 1);
    assert_eq!(acknowledged(world.ask(fresh).await).map(|ack| ack.seq), Ok(Seq(2)));
}

#[tokio::test(start_paused = true)]
async fn a_long_history_is_taken_over_with_its_nonces() {
    let world = World::new().await;
    let one = world.join("One").await;
    for n in 1..=1_500_u128 {
        let message = world.chat_of(&one, Nonce(Uuid::from_u128(n)), "x", 0);
        assert!(acknowledged(world.ask(message).await).is_ok());
    }
    let next = World::on(Arc::clone(&world.store), world.room, 2).await;
    let attached = next.resume(&one, false).await;
    let back = Client { attachment: attached.attachment, ..one.clone() };
    for n in [1_u128, 700, 1_500] {
        let retry = next.chat_of(&back, Nonce(Uuid::from_u128(n)), "x", 0);
        assert_eq!(acknowledged(next.ask(retry).await).map(|ack| u128::from(ack.seq.0)), Ok(n));
    }
    assert_eq!(next.chat(&back, "next").await.map(|ack| ack.seq), Ok(Seq(1_501)));
}
