//! Publishes what a room says, in order, without making an actor wait.
//!
//! **Invariant:** frames of one room leave in the order in which they were given; one that cannot leave is counted and
//! dropped, and since events are numbered the gateways see the gap and ask for a refill.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use rookery_schemas::bus::{EventFrame, events_subject, personal_subject};
use rookery_schemas::ids::{Attachment, Epoch, EventNumber, PeerId, RoomId};
use rookery_schemas::signal::{ServerFrame, ServerMessage};
use tokio::sync::mpsc;

use crate::metrics::Metrics;
use crate::seams::Bus;

/// Frames of one room that wait for the bus. Beyond it the newest is dropped: what is kept for refills is 1,024.
const QUEUE_MAX: usize = 4_096;

/// A publish takes microseconds in one process and a socket write with NATS; a bus that takes this long is down.
const PUBLISH_TIMEOUT: Duration = Duration::from_secs(2);

/// The mouth of one room. Cheap to clone; its task ends with its last clone.
#[derive(Clone)]
pub(crate) struct Herald {
    room: RoomId,
    queue: mpsc::Sender<(String, Bytes)>,
    metrics: Arc<Metrics>,
}

impl Herald {
    pub(crate) fn start(room: RoomId, bus: Arc<dyn Bus>, metrics: Arc<Metrics>) -> Self {
        let (queue, frames) = mpsc::channel(QUEUE_MAX);
        tokio::spawn(publish_all(bus, frames, Arc::clone(&metrics)));
        Self { room, queue, metrics }
    }

    /// To everyone in the room.
    pub(crate) fn event(&self, frame: &EventFrame) {
        self.give(events_subject(self.room), frame.encode());
    }

    /// To one attachment.
    pub(crate) fn personal(&self, peer: PeerId, attachment: Attachment, message: ServerMessage) {
        let frame = ServerFrame { room: Some(self.room), re: None, epoch: None, n: None, message };
        match serde_json::to_vec(&frame) {
            Ok(body) => {
                let frame = EventFrame { epoch: Epoch(0), n: EventNumber(0), body: Bytes::from(body) };
                self.give(personal_subject(self.room, peer, attachment), frame.encode());
            }
            Err(error) => tracing::error!(%error, "a personal message could not be encoded"),
        }
    }

    fn give(&self, subject: String, payload: Bytes) {
        if self.queue.try_send((subject, payload)).is_err() {
            self.metrics.publishes_failed.inc();
        }
    }
}

async fn publish_all(bus: Arc<dyn Bus>, mut frames: mpsc::Receiver<(String, Bytes)>, metrics: Arc<Metrics>) {
    while let Some((subject, payload)) = frames.recv().await {
        match tokio::time::timeout(PUBLISH_TIMEOUT, bus.publish(&subject, payload)).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => {
                metrics.publishes_failed.inc();
                tracing::warn!(%error, subject, "a frame was not published");
            }
            Err(_) => {
                metrics.publishes_failed.inc();
                tracing::warn!(subject, "a frame was not published in time");
            }
        }
    }
}
