//! What is counted about WebSockets.
//!
//! **Invariant:** labels come from fixed sets: no id, name or address ever becomes one.

use prometheus::{Histogram, HistogramOpts, IntCounter, IntCounterVec, IntGauge, Opts};
use rookery_schemas::error::ErrorCode;

use super::close::Cut;
use crate::metrics::Metrics;

/// Bounds of the histogram of chat acknowledgements, seconds: around the promise of 100 ms at p99.
const CHAT_ACK_BUCKETS: [f64; 10] = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0, 5.0];

/// The step of joining that an outcome belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum JoinPhase {
    /// A socket was opened by a ticket.
    Socket,
    /// The room's ticket or token was looked at.
    Present,
    /// The room's owner gave a seat, or did not.
    Seat,
    /// As `Seat`, for a peer that comes back.
    Resume,
}

impl JoinPhase {
    const fn label(self) -> &'static str {
        match self {
            Self::Socket => "socket",
            Self::Present => "present",
            Self::Seat => "seat",
            Self::Resume => "resume",
        }
    }
}

/// Counters of all sockets. Clones count together.
#[derive(Clone)]
pub struct WsMetrics {
    gateway: Metrics,
    sockets: IntGauge,
    seats: IntGauge,
    messages_in: IntCounter,
    messages_out: IntCounter,
    cuts: IntCounterVec,
    refills: IntCounter,
    chat_ack: Histogram,
}

impl WsMetrics {
    /// Makes them, and registers them where the gateway's are.
    ///
    /// # Errors
    /// Where one of the names is registered already.
    pub fn new(gateway: &Metrics) -> Result<Self, prometheus::Error> {
        let metrics = Self {
            gateway: gateway.clone(),
            sockets: IntGauge::new("rookery_ws_sockets", "Open WebSockets")?,
            seats: IntGauge::new("rookery_ws_seats", "Rooms joined over the open WebSockets")?,
            messages_in: IntCounter::new("rookery_ws_messages_in_total", "Messages from clients")?,
            messages_out: IntCounter::new("rookery_ws_messages_out_total", "Messages to clients")?,
            cuts: IntCounterVec::new(
                Opts::new("rookery_ws_cuts_total", "WebSockets that the server closed, by code"),
                &["code"],
            )?,
            refills: IntCounter::new("rookery_ws_refills_total", "Gaps in room events that had to be filled")?,
            chat_ack: Histogram::with_opts(
                HistogramOpts::new("rookery_chat_ack_seconds", "From a chat message's arrival to its acknowledgement")
                    .buckets(CHAT_ACK_BUCKETS.to_vec()),
            )?,
        };
        let registry = &gateway.registry;
        registry.register(Box::new(metrics.sockets.clone()))?;
        registry.register(Box::new(metrics.seats.clone()))?;
        registry.register(Box::new(metrics.messages_in.clone()))?;
        registry.register(Box::new(metrics.messages_out.clone()))?;
        registry.register(Box::new(metrics.cuts.clone()))?;
        registry.register(Box::new(metrics.refills.clone()))?;
        registry.register(Box::new(metrics.chat_ack.clone()))?;
        Ok(metrics)
    }

    /// Open sockets now.
    #[must_use]
    pub fn sockets(&self) -> i64 {
        self.sockets.get()
    }

    /// Rooms joined over them now.
    #[must_use]
    pub fn seats(&self) -> i64 {
        self.seats.get()
    }

    pub(super) fn opened(&self) {
        self.sockets.inc();
    }

    pub(super) fn closed(&self, cut: Option<Cut>) {
        self.sockets.dec();
        if let Some(cut) = cut {
            self.cuts.with_label_values(&[cut.label()]).inc();
        }
    }

    pub(super) fn seats_changed(&self, by: i64) {
        self.seats.add(by);
    }

    pub(super) fn join(&self, phase: JoinPhase, refused: Option<ErrorCode>) {
        self.gateway.joins.with_label_values(&[phase.label(), refused.map_or("ok", ErrorCode::as_str)]).inc();
    }

    pub(super) fn message_in(&self) {
        self.messages_in.inc();
    }

    pub(super) fn message_out(&self) {
        self.messages_out.inc();
    }

    pub(super) fn error(&self, code: ErrorCode) {
        self.gateway.refused("ws", code);
    }

    pub(super) fn refill(&self) {
        self.refills.inc();
    }

    pub(super) fn chat_acknowledged(&self, after: std::time::Duration) {
        self.chat_ack.observe(after.as_secs_f64());
    }
}
