//! How long chat takes under load.
//!
//! **Invariant:** every message that was acknowledged is counted at everyone, or the figure is void.

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use rookery_loadtest::stats::Histogram;
use rookery_loadtest::{Client, clock};
use rookery_schemas::ids::Seq;
use rookery_schemas::signal::ServerMessage;
use tokio::task::JoinSet;

use crate::figures::{count, figure, void};
use crate::node::Node;
use crate::room::Room;

const PEOPLE: usize = 50;
const MESSAGES_PER_SECOND: u32 = 1_000;
const CHAT_TIME: Duration = Duration::from_secs(10);
/// Messages after the last one was sent may take so long.
const GRACE: Duration = Duration::from_secs(5);

/// Many messages a second into one room.
pub(crate) async fn measure(rookery: &Path) -> anyhow::Result<()> {
    let node = Node::start(rookery).await?;
    let people = Room::make(&node, "Chat").await?.enter(PEOPLE).await?;
    let mut reading = JoinSet::new();
    for person in &people {
        reading.spawn(read(person.socket().events()));
    }
    let every = Duration::from_secs(1) * u32::try_from(PEOPLE)? / MESSAGES_PER_SECOND;
    let mut writing = JoinSet::new();
    for (n, person) in people.into_iter().enumerate() {
        writing.spawn(write(person, every, every * u32::try_from(n)? / u32::try_from(PEOPLE)?));
    }
    let (mut acknowledged, mut acks) = (HashMap::new(), Histogram::new());
    let mut stay = Vec::new();
    while let Some(written) = writing.join_next().await {
        let (person, times) = written??;
        for (seq, sent_us, acked_us) in times {
            acks.record(acked_us - sent_us);
            acknowledged.insert(seq, acked_us);
        }
        stay.push(person);
    }
    tokio::time::sleep(GRACE).await;
    drop(stay);
    let (mut delivered, mut total) = (Histogram::new(), 0);
    while let Some(read) = reading.join_next().await {
        for (seq, at_us) in read? {
            if let Some(acked_us) = acknowledged.get(&seq) {
                // the sender may hear of it later than others do
                delivered.record(at_us.saturating_sub(*acked_us));
                total += 1;
            }
        }
    }
    let rate = count(acknowledged.len() as u64) / CHAT_TIME.as_secs_f64();
    println!(
        "chat: {} messages acknowledged, {rate:.0}/s; {total} deliveries; longest {} us",
        acknowledged.len(),
        delivered.max()
    );
    if total != acknowledged.len() * PEOPLE {
        void("chat_delivered_p99", "somebody did not receive every acknowledged message");
        return Ok(());
    }
    figure("chat_rate", rate, "per_second");
    figure("chat_acknowledged_p50", count(acks.p50()) / 1e3, "ms");
    figure("chat_acknowledged_p99", count(acks.p99()) / 1e3, "ms");
    figure("chat_delivered_p50", count(delivered.p50()) / 1e3, "ms");
    figure("chat_delivered_p99", count(delivered.p99()) / 1e3, "ms");
    Ok(())
}

/// When each message was there, until the socket ends.
async fn read(mut events: rookery_loadtest::socket::Events) -> Vec<(Seq, u64)> {
    let mut seen = Vec::new();
    while let Ok(frame) = events.recv().await {
        if let ServerMessage::Chat { message } = &frame.message {
            seen.push((message.seq, clock::micros()));
        }
    }
    seen
}

type Written = (Client, Vec<(Seq, u64, u64)>);

/// Sends one message after the other, and when each was sent and acknowledged.
async fn write(person: Client, every: Duration, first: Duration) -> anyhow::Result<Written> {
    tokio::time::sleep(first).await;
    let person = Arc::new(person);
    let (mut ticks, end) = (tokio::time::interval(every), tokio::time::Instant::now() + CHAT_TIME);
    let mut waiting = JoinSet::new();
    while tokio::time::Instant::now() < end {
        ticks.tick().await;
        let person = Arc::clone(&person);
        waiting.spawn(async move {
            let sent_us = clock::micros();
            let ack = person.chat_send("A line of the length that people write, more or less.").await?;
            anyhow::Ok((ack.seq, sent_us, clock::micros()))
        });
    }
    let mut times = Vec::new();
    while let Some(done) = waiting.join_next().await {
        times.push(done??);
    }
    let person = Arc::into_inner(person).ok_or_else(|| anyhow::anyhow!("a message is still under way"))?;
    Ok((person, times))
}
