//! One publisher and many viewers, and one turn of them under the clock.
//!
//! **Invariant:** between turns nothing is sent, so that who else is measured has the machine.

use std::time::Duration;

use anyhow::Context;
use rookery_loadtest::client::{Publication, View};
use rookery_loadtest::{Client, TrackSpec};

use crate::cpu;
use crate::figures::count;
use crate::node::Node;

/// Viewers that negotiate at once.
const AT_ONCE: usize = 8;
const STEP: Duration = Duration::from_secs(30);
/// From the first packet of a turn until it is measured, and from the last until books are read.
const SETTLE: Duration = Duration::from_secs(1);

/// What one turn cost.
pub(crate) struct Turn {
    pub(crate) us_per_packet: f64,
    pub(crate) packets_per_second: f64,
    /// Share of packets that did not arrive.
    pub(crate) loss: f64,
    /// Share of packets sent in runs of six or more.
    pub(crate) in_long_runs: f64,
    /// The publisher's own lag at the most, since it began.
    pub(crate) late_ms: f64,
    /// Frames that the publisher left out.
    pub(crate) left_out: u64,
}

/// Who sends and who looks.
pub(crate) struct Audience {
    pub(crate) publisher: Client,
    pub(crate) viewers: Vec<Client>,
}

/// What has been sent and received so far.
#[derive(Default)]
struct Books {
    sent: u64,
    received: u64,
    left_out: u64,
    late_us_max: u64,
}

impl Audience {
    /// Publishes tracks that everyone follows, and silences them until their turn.
    pub(crate) async fn publish(&self, specs: &[TrackSpec]) -> anyhow::Result<Vec<Publication>> {
        let tracks = self.publisher.publish(specs).await?;
        for viewers in self.viewers.chunks(AT_ONCE) {
            let mut following = Vec::new();
            for viewer in viewers {
                let all = |view: &View| tracks.iter().all(|track| view.tracks.contains_key(&track.track));
                viewer.until(STEP, "tracks", all).await?;
                following.push(viewer.follow_everyone(STEP));
            }
            for follow in following {
                follow.await?;
            }
        }
        for viewer in &self.viewers {
            viewer.until(STEP, "media", |view| tracks.iter().all(|track| view.is_live(track.track))).await?;
        }
        self.pause(&tracks, true).await?;
        Ok(tracks)
    }

    /// Ends them.
    pub(crate) async fn unpublish(&self, tracks: &[Publication]) -> anyhow::Result<()> {
        for track in tracks {
            self.publisher.unpublish(track.track).await?;
        }
        Ok(())
    }

    /// Sends for a while, and says what that cost the node.
    pub(crate) async fn turn(&self, node: &Node, tracks: &[Publication], time: Duration) -> anyhow::Result<Turn> {
        let before = self.books(tracks).await?;
        self.pause(tracks, false).await?;
        tokio::time::sleep(SETTLE).await;
        let from = Reading::take(node, self, tracks).await?;
        tokio::time::sleep(time).await;
        let to = Reading::take(node, self, tracks).await?;
        self.pause(tracks, true).await?;
        tokio::time::sleep(SETTLE).await;
        let after = self.books(tracks).await?;
        let viewers = count(self.viewers.len() as u64);
        let forwarded = count(to.sent - from.sent) * viewers;
        let due = count(after.sent - before.sent) * viewers;
        Ok(Turn {
            us_per_packet: (to.cpu - from.cpu).as_secs_f64() * 1e6 / forwarded,
            packets_per_second: forwarded / (to.at - from.at).as_secs_f64(),
            loss: 1.0 - count(after.received - before.received) / due,
            in_long_runs: (to.in_long_runs - from.in_long_runs) / (to.out - from.out),
            late_ms: count(after.late_us_max) / 1e3,
            left_out: after.left_out - before.left_out,
        })
    }

    async fn pause(&self, tracks: &[Publication], paused: bool) -> anyhow::Result<()> {
        let media = self.publisher.publish_media().await?;
        for track in tracks {
            media.pause(&track.mid, paused).await?;
        }
        Ok(())
    }

    async fn books(&self, tracks: &[Publication]) -> anyhow::Result<Books> {
        let mut books = self.sent(tracks).await?;
        for viewer in &self.viewers {
            let received = viewer.received().await?.tracks;
            let of_these = received.iter().filter(|got| tracks.iter().any(|track| track.origin == got.origin));
            books.received += of_these.map(|got| got.stats.packets).sum::<u64>();
        }
        Ok(books)
    }

    async fn sent(&self, tracks: &[Publication]) -> anyhow::Result<Books> {
        let stats = self.publisher.sent().await?.sent;
        let mut books = Books::default();
        for track in tracks {
            let source = stats.get(&track.mid).context("the track is sent")?.source;
            books.sent += source.packets;
            books.left_out += source.skipped;
            books.late_us_max = books.late_us_max.max(source.late_us_max);
        }
        Ok(books)
    }
}

/// One look at everything that grows.
struct Reading {
    at: tokio::time::Instant,
    cpu: Duration,
    sent: u64,
    out: f64,
    in_long_runs: f64,
}

impl Reading {
    async fn take(node: &Node, audience: &Audience, tracks: &[Publication]) -> anyhow::Result<Self> {
        let (at, cpu) = (tokio::time::Instant::now(), cpu::used(node.process())?);
        let metrics = node.metrics().await?;
        let metric = |name: &str| metrics.get(name).copied().with_context(|| format!("{name} is not told"));
        Ok(Self {
            at,
            cpu,
            sent: audience.sent(tracks).await?.sent,
            out: metric("rookery_media_packets_out_total")?,
            in_long_runs: metric("rookery_media_sent_in_long_runs_total")?,
        })
    }
}
