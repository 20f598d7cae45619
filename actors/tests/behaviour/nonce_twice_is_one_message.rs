//! A retry is the same message: while the first is being written, after it was stored, and after another owner took over.

use std::sync::Arc;
use std::time::Duration;

use rookery_schemas::error::ErrorCode;
use rookery_schemas::ids::{Nonce, Seq};
use uuid::Uuid;

use crate::world::{Client, World, acknowledged};

#[tokio::test(start_paused = true)]
async fn nonce_twice_is_one_message() {
    let world = World::new().await;
    let one = world.join("One").await;
    world.store.0.lock().append_takes = Duration::from_secs(1);
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
