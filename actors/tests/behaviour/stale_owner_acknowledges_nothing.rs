//! A node that lost a room to another says `unknown`, tells its people to attach again, and stops; nothing that it was
//! writing is ever seen.

use std::sync::Arc;
use std::time::Duration;

use rookery_schemas::bus::RoomCommand;
use rookery_schemas::error::ErrorCode;
use rookery_schemas::ids::{Nonce, Seq};
use rookery_schemas::signal::ServerMessage;
use uuid::Uuid;

use crate::world::{Client, World, acknowledged};

#[tokio::test(start_paused = true)]
async fn stale_owner_acknowledges_nothing() {
    let old = World::new().await;
    let one = old.join("One").await;
    assert_eq!(old.chat(&one, "kept").await.map(|ack| ack.seq), Ok(Seq(1)));
    old.store.script.lock().append_takes = Duration::from_secs(2);
    let nonce = Nonce(Uuid::from_u128(7));
    let writing = old.asking(old.chat_of(&one, nonce, "in between", 1)).await;
    let waiting = old.asking(old.chat_of(&one, Nonce(Uuid::from_u128(8)), "behind it", 1)).await;
    old.settle().await;
    let before = old.events().len();

    // Another start of the same node takes over while the write is under way.
    let new = World::on(Arc::clone(&old.store), old.room, 2).await;
    let attached = new.resume(&one, true).await;
    assert_eq!((attached.snapshot.epoch, attached.snapshot.last_seq), (one.epoch.next(), Seq(1)));
    let back = Client { attachment: attached.attachment, ..one.clone() };

    assert_eq!(acknowledged(writing.await.unwrap()), Err(ErrorCode::Unknown));
    assert_eq!(acknowledged(waiting.await.unwrap()), Err(ErrorCode::Unknown));
    old.settle().await;
    assert_eq!(old.events_after(before), [], "nobody heard of it");
    assert!(matches!(old.told(&one)[..], [ServerMessage::Reattach { .. }]));
    assert_eq!(old.gauges().actors, [0, 0, 0, 0], "the old owner has stopped");

    // Its row came too late: the new owner had sealed the epoch before it. The retry is a message of the new epoch.
    old.store.script.lock().append_takes = Duration::ZERO;
    let retry = new.ask(new.chat_of(&back, nonce, "in between", 1)).await;
    assert_eq!(acknowledged(retry).map(|ack| ack.seq), Ok(Seq(2)));
    let visible = new.store.visible(new.room);
    let seen: Vec<_> = visible.iter().map(|row| (row.message.seq.0, row.epoch, row.message.nonce == nonce)).collect();
    assert_eq!(seen, [(1, one.epoch, false), (2, one.epoch.next(), true)]);
}

#[tokio::test(start_paused = true)]
async fn tickets_and_events_of_an_older_epoch_are_refused() {
    let old = World::new().await;
    let ticket = old.ticket("Late").await;
    let new = World::on(Arc::clone(&old.store), old.room, 2).await;
    new.epoch().await;
    let join = RoomCommand::Join { ticket, srtp: Default::default(), direct: false };
    assert_eq!(new.code(join).await, Some(ErrorCode::TicketExpired));
    new.join("Fresh").await;
}
