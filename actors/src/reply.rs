//! The way back of one request, and the permits that bound how many are under way.
//!
//! **Invariant:** every request is answered exactly once; a reply that is dropped unused, by a panic or a stopping room,
//! answers with its fallback. Its permits are free from then on.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use rookery_schemas::bus::RoomAnswer;
use rookery_schemas::error::{ErrorCode, Refusal};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::metrics::Metrics;
use crate::seams::Answer;

/// Permits of one kind, in the order global, room, peer.
type Permits = [Option<OwnedSemaphorePermit>; 3];

/// Whose bound a permit is for.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Bound {
    /// All of the node.
    Node = 0,
    /// One room.
    Room = 1,
    /// One peer.
    Peer = 2,
}

/// One unanswered request.
pub(crate) struct Reply {
    answer: Option<Answer>,
    fallback: ErrorCode,
    metrics: Arc<Metrics>,
    permits: Permits,
    /// When the request was taken, on the clock's `elapsed`.
    pub(crate) taken_at: Duration,
}

impl Reply {
    /// A reply that says `fallback` if nothing else is said. `answer` is `None` where the asker wants none.
    pub(crate) fn new(answer: Option<Answer>, fallback: ErrorCode, metrics: Arc<Metrics>, taken_at: Duration) -> Self {
        Self { answer, fallback, metrics, permits: Permits::default(), taken_at }
    }

    /// Holds one of `semaphore`'s permits until answered; gives the reply back refused if there is none.
    pub(crate) fn hold(mut self, bound: Bound, semaphore: &Arc<Semaphore>) -> Option<Self> {
        match Arc::clone(semaphore).try_acquire_owned() {
            Ok(permit) => {
                if let Some(place) = self.permits.get_mut(bound as usize) {
                    *place = Some(permit);
                }
                Some(self)
            }
            Err(_) => {
                self.send(Err(ErrorCode::Overloaded.into()));
                None
            }
        }
    }

    /// Answers.
    pub(crate) fn send(mut self, answer: RoomAnswer) {
        self.deliver(&answer);
    }

    /// Refuses.
    pub(crate) fn refuse(self, code: ErrorCode) {
        self.send(Err(Refusal::new(code)));
    }

    fn deliver(&mut self, said: &RoomAnswer) {
        if let Err(refusal) = said {
            self.metrics.refusals.with_label_values(&[refusal.code.as_str()]).inc();
        }
        let Some(answer) = self.answer.take() else { return };
        match serde_json::to_vec(said) {
            Ok(body) => answer.send(Bytes::from(body)),
            // The asker runs into its time-out.
            Err(error) => tracing::error!(%error, "an answer could not be encoded"),
        }
    }
}

impl Drop for Reply {
    fn drop(&mut self) {
        if self.answer.is_some() {
            self.deliver(&Err(Refusal::new(self.fallback)));
        }
    }
}
