//! What one person costs and waits: memory, joins, added latency.
//!
//! **Invariant:** each measurement has a node of its own, so that none sees another's leftovers.

use std::path::Path;
use std::time::Duration;

use rookery_loadtest::client::Half;
use rookery_loadtest::stats::Histogram;
use rookery_loadtest::{AudioSpec, Client, ClientOptions, TrackSpec, VideoSpec, clock};
use rookery_schemas::rest::Join;
use tokio::task::JoinSet;

use crate::cpu;
use crate::figures::{count, figure, void};
use crate::forward::{audience, eights};
use crate::node::Node;
use crate::room::Room;

const STEP: Duration = Duration::from_secs(30);
/// For the allocator and the kernel to come to rest.
const REST: Duration = Duration::from_secs(2);
const VIEWERS: usize = 100;
const JOINS: usize = 100;
const JOINS_PER_SECOND: u32 = 20;
const SLOTS_MORE: u16 = 8;

/// Memory, joins, latency.
pub(crate) async fn measure(rookery: &Path) -> anyhow::Result<()> {
    memory(rookery).await?;
    joins(rookery).await?;
    latency(rookery).await
}

async fn memory(rookery: &Path) -> anyhow::Result<()> {
    let node = Node::start(rookery).await?;
    let room = Room::make(&node, "Memory").await?;
    let publisher = room.enter_host().await?;
    let voice_and_picture = [TrackSpec::Audio(AudioSpec::default()), TrackSpec::Video(VideoSpec::default())];
    publisher.publish(&voice_and_picture).await?;
    let first = room.enter(1).await?;
    follow(&first).await?;
    let base = resting(&node).await?;
    let people = room.enter(VIEWERS).await?;
    let idle = resting(&node).await?;
    follow(&people).await?;
    let receiving = resting(&node).await?;
    for person in &people {
        let pairs = u16::try_from(person.look(|view| view.slots.len()))?.saturating_add(SLOTS_MORE);
        person.ask_slots(pairs, STEP).await?;
    }
    let more_slots = resting(&node).await?;
    let viewers = count(VIEWERS as u64);
    let slots = viewers * f64::from(SLOTS_MORE) * 2.0;
    println!(
        "memory: {:.1} MB with two people, {:.1} MB with {VIEWERS} more, {:.1} MB when they receive, {:.1} MB with {SLOTS_MORE} more pairs of slots each",
        base / 1e6,
        idle / 1e6,
        receiving / 1e6,
        more_slots / 1e6,
    );
    figure("memory_idle_peer", (idle - base) / viewers / 1e3, "kB");
    figure("memory_receiving_peer", (receiving - base) / viewers / 1e3, "kB");
    figure("memory_slot", (more_slots - receiving) / slots / 1e3, "kB");
    Ok(())
}

async fn resting(node: &Node) -> anyhow::Result<f64> {
    tokio::time::sleep(REST).await;
    node.resident_bytes()
}

async fn follow(people: &[Client]) -> anyhow::Result<()> {
    for person in people {
        person.follow_everyone(STEP).await?;
        person.until(STEP, "picture", |view| view.live.keys().any(|(_, half)| *half == Half::Video)).await?;
    }
    Ok(())
}

/// From the first byte over HTTP to the first packet of media.
async fn joins(rookery: &Path) -> anyhow::Result<()> {
    let node = Node::start(rookery).await?;
    let room = Room::make(&node, "Joins").await?;
    let publisher = room.enter_host().await?;
    publisher.publish(&[TrackSpec::Audio(AudioSpec::default())]).await?;
    let (before, began) = (cpu::used(node.process())?, tokio::time::Instant::now());
    let mut ticks = tokio::time::interval(Duration::from_secs(1) / JOINS_PER_SECOND);
    let mut joining = JoinSet::new();
    for n in 0..JOINS {
        ticks.tick().await;
        let (api, slug) = (room.host.fresh()?, room.slug.clone());
        joining.spawn(async move {
            let began_us = clock::micros();
            let join = Join { display_name: Some(format!("Guest {n}")), password: None };
            let client = Client::enter(&api, slug.as_str(), &join, ClientOptions::default()).await?;
            client.follow_everyone(STEP).await?;
            client.until(STEP, "media", |view| !view.live.is_empty()).await?;
            anyhow::Ok((client, began_us))
        });
    }
    let (mut inside, mut times) = (Vec::new(), Histogram::new());
    while let Some(joined) = joining.join_next().await {
        inside.push(joined??);
    }
    let (used, took) = (cpu::used(node.process())? - before, began.elapsed());
    // What the same people cost without joining, for as long.
    let after = node.used_in(took).await?;
    for (client, began_us) in &inside {
        let first = client.received().await?.tracks.iter().filter_map(|track| track.stats.first_us).min();
        let Some(first) = first else {
            void("join_to_media_p95", "somebody received nothing");
            return Ok(());
        };
        times.record(first.saturating_sub(*began_us));
    }
    println!(
        "joins: {} people, p50 {} us, p95 {} us, longest {} us",
        inside.len(),
        times.p50(),
        times.p95(),
        times.max()
    );
    figure("join_to_media_p50", count(times.p50()) / 1e3, "ms");
    figure("join_to_media_p95", count(times.p95()) / 1e3, "ms");
    figure("join_cpu", used.saturating_sub(after).as_secs_f64() * 1e3 / count(JOINS as u64), "ms");
    Ok(())
}

/// From one client's stack to another's, through the node.
async fn latency(rookery: &Path) -> anyhow::Result<()> {
    let node = Node::start(rookery).await?;
    let audience = audience(&node, VIEWERS).await?;
    let tracks = audience.publish(&[eights()]).await?;
    for viewer in &audience.viewers {
        viewer.subscribe_media().await?.forget_received().await?;
    }
    let turn = audience.turn(&node, &tracks, Duration::from_secs(5)).await?;
    let mut all = Histogram::new();
    for viewer in &audience.viewers {
        for track in viewer.received().await?.tracks {
            all.merge(&track.stats.latency_us);
        }
    }
    println!(
        "latency: {} packets, publisher late {:.1} ms at the most, longest {} us",
        all.count(),
        turn.late_ms,
        all.max()
    );
    figure("forward_latency_p50", count(all.p50()) / 1e3, "ms");
    figure("forward_latency_p99", count(all.p99()) / 1e3, "ms");
    Ok(())
}
