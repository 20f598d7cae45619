//! What it costs a node that rooms are there: many that are silent, and small ones that are not.
//!
//! **Invariant:** both sides of a ratio are measured in one run, in turns.

use std::path::Path;
use std::time::Duration;

use anyhow::ensure;
use rookery_schemas::rest::Join;

use crate::figures::{count, figure, median};
use crate::forward::{audience, eights};
use crate::node::Node;
use crate::room::Room;

const IDLE_ROOMS: usize = 1_000;
const IDLE_TIME: Duration = Duration::from_secs(10);
const SMALL: usize = 50;
const LARGE: usize = 200;
const TURNS: usize = 3;
const TURN: Duration = Duration::from_secs(4);

/// Idle rooms, then small ones.
pub(crate) async fn measure(rookery: &Path) -> anyhow::Result<()> {
    idle(rookery).await?;
    small(rookery).await
}

/// Rooms that are awake with nobody in them.
async fn idle(rookery: &Path) -> anyhow::Result<()> {
    let node = Node::start(rookery).await?;
    let host = node.account("host").await?;
    let share = |used: Duration| used.as_secs_f64() / IDLE_TIME.as_secs_f64() * 100.0;
    let none = share(node.used_in(IDLE_TIME).await?);
    for n in 0..IDLE_ROOMS {
        let slug = Room::of(&host, &format!("Idle {n}")).await?;
        // a ticket for it wakes it
        host.join(slug.as_str(), &Join::default()).await?;
    }
    tokio::time::sleep(Duration::from_secs(2)).await;
    let awake = node.metric("rookery_rooms").await?;
    let used = share(node.used_in(IDLE_TIME).await?);
    let still = node.metric("rookery_rooms").await?;
    println!("idle: {awake} rooms awake before, {still} after; {none:.3} % of a core without any");
    ensure!(still >= count(IDLE_ROOMS as u64), "rooms fell asleep: {still} of {IDLE_ROOMS}");
    figure("idle_1000_rooms_cpu", used, "percent");
    Ok(())
}

/// What one packet costs where few look, beside what it costs where many do.
async fn small(rookery: &Path) -> anyhow::Result<()> {
    let (few_node, many_node) = (Node::start(rookery).await?, Node::start(rookery).await?);
    let (few, many) = (audience(&few_node, SMALL).await?, audience(&many_node, LARGE).await?);
    let (few_tracks, many_tracks) = (few.publish(&[eights()]).await?, many.publish(&[eights()]).await?);
    let mut ratios = Vec::new();
    for n in 1..=TURNS {
        let small = few.turn(&few_node, &few_tracks, TURN).await?.us_per_packet;
        let large = many.turn(&many_node, &many_tracks, TURN).await?.us_per_packet;
        println!("small turn {n}: {SMALL} viewers {small:.3} us a packet, {LARGE} viewers {large:.3} us");
        ratios.push(small / large);
    }
    figure("forward_50_over_200_ratio", median(&ratios).unwrap_or(f64::NAN), "times");
    Ok(())
}
