//! What the actors count, for `/metrics` and for tests that want everything back at its base.
//!
//! **Invariant:** a gauge goes up by making a guard and down by dropping it, so that no panic leaves it wrong.

use std::time::Duration;

use prometheus::{Histogram, HistogramOpts, IntCounter, IntCounterVec, IntGauge, IntGaugeVec, Opts, Registry};

/// Seconds of chat acknowledgement: an fsync is 0.1 to 10 ms, and what is promised is 100 ms at p99.
const CHAT_BUCKETS: [f64; 11] = [0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0];

/// The kinds of actors, as labels.
pub(crate) mod kind {
    pub(crate) const SCOPE: &str = "scope";
    pub(crate) const ROOM: &str = "room";
    pub(crate) const ROUTER: &str = "router";
    pub(crate) const PEER: &str = "peer";
    pub(crate) const ALL: [&str; 4] = [SCOPE, ROOM, ROUTER, PEER];
}

/// Everything that the actors count.
#[derive(Clone, Debug)]
pub struct Metrics {
    /// Living actors, by kind.
    pub actors: IntGaugeVec,
    /// Rooms that are awake.
    pub rooms: IntGauge,
    /// Seats of awake rooms, those reconnecting included.
    pub peers: IntGauge,
    /// Open transports.
    pub connections: IntGauge,
    /// Joins and resumes at the owner, by phase (`join`, `resume`) and code (`ok` or an error code).
    pub joins: IntCounterVec,
    /// Actors that panicked and were replaced, by kind.
    pub restarts: IntCounterVec,
    /// Refusals by code.
    pub refusals: IntCounterVec,
    /// From the owner's taking a message to its acknowledgement, in seconds.
    pub chat_ack: Histogram,
    /// Bus messages that were not published: the bus failed or was too slow. Gateways see the gap and refill.
    pub publishes_failed: IntCounter,
    /// Media events dropped because their queue was full.
    pub media_events_dropped: IntCounter,
    /// Media commands that had to wait because a worker's queue was full.
    pub media_commands_delayed: IntCounter,
}

impl Metrics {
    /// All at zero.
    ///
    /// # Errors
    /// If prometheus refuses a name or label, which is a mistake in this file.
    pub fn new() -> Result<Self, prometheus::Error> {
        let vec = |name: &str, help: &str, labels: &[&str]| IntCounterVec::new(Opts::new(name, help), labels);
        let metrics = Self {
            actors: IntGaugeVec::new(Opts::new("rookery_actors", "Living actors"), &["kind"])?,
            rooms: IntGauge::new("rookery_rooms", "Rooms that are awake")?,
            peers: IntGauge::new("rookery_peers", "People in rooms")?,
            connections: IntGauge::new("rookery_transports", "Open WebRTC connections")?,
            joins: vec("rookery_room_joins_total", "Joins and resumes at the owner", &["phase", "code"])?,
            restarts: vec("rookery_actor_restarts_total", "Actors that failed and were replaced", &["kind"])?,
            refusals: vec("rookery_refusals_total", "Refused requests at the owner", &["code"])?,
            chat_ack: Histogram::with_opts(
                HistogramOpts::new("rookery_room_chat_ack_seconds", "From accepted to acknowledged")
                    .buckets(CHAT_BUCKETS.to_vec()),
            )?,
            publishes_failed: IntCounter::new("rookery_bus_publishes_failed_total", "Bus messages not published")?,
            media_events_dropped: IntCounter::new("rookery_media_events_dropped_total", "Media events dropped")?,
            media_commands_delayed: IntCounter::new(
                "rookery_media_commands_delayed_total",
                "Media commands that waited for a full worker",
            )?,
        };
        for kind in kind::ALL {
            metrics.actors.with_label_values(&[kind]).set(0);
            metrics.restarts.with_label_values(&[kind]).reset();
        }
        Ok(metrics)
    }

    /// Shows them at a registry.
    ///
    /// # Errors
    /// If a name is taken there.
    pub fn register(&self, registry: &Registry) -> Result<(), prometheus::Error> {
        registry.register(Box::new(self.actors.clone()))?;
        for gauge in [&self.rooms, &self.peers, &self.connections] {
            registry.register(Box::new(gauge.clone()))?;
        }
        for counters in [&self.joins, &self.restarts, &self.refusals] {
            registry.register(Box::new(counters.clone()))?;
        }
        for counter in [&self.publishes_failed, &self.media_events_dropped, &self.media_commands_delayed] {
            registry.register(Box::new(counter.clone()))?;
        }
        registry.register(Box::new(self.chat_ack.clone()))
    }

    /// Counts a living actor until dropped.
    pub(crate) fn actor(&self, kind: &str) -> Counted {
        Counted::one(self.actors.with_label_values(&[kind]))
    }

    pub(crate) fn acknowledged(&self, after: Duration) {
        self.chat_ack.observe(after.as_secs_f64());
    }
}

/// A share of a gauge that is given back when dropped.
#[derive(Debug)]
pub(crate) struct Counted {
    gauge: IntGauge,
    share: i64,
}

impl Counted {
    /// Adds one.
    pub(crate) fn one(gauge: IntGauge) -> Self {
        let mut counted = Self { gauge, share: 0 };
        counted.set(1);
        counted
    }

    /// Makes the share `share`.
    pub(crate) fn set(&mut self, share: i64) {
        self.gauge.add(share - self.share);
        self.share = share;
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.gauge.sub(self.share);
    }
}

/// What must be back at its base when everybody has left.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Gauges {
    /// Living actors: scopes, rooms, routers, peers.
    pub actors: [i64; 4],
    /// Rooms that are awake.
    pub rooms: i64,
    /// Seats.
    pub peers: i64,
    /// Open transports.
    pub connections: i64,
    /// Requests that have not been answered.
    pub in_flight: usize,
}

impl Gauges {
    pub(crate) fn read(metrics: &Metrics, in_flight: usize) -> Self {
        Self {
            actors: kind::ALL.map(|kind| metrics.actors.with_label_values(&[kind]).get()),
            rooms: metrics.rooms.get(),
            peers: metrics.peers.get(),
            connections: metrics.connections.get(),
            in_flight,
        }
    }
}
