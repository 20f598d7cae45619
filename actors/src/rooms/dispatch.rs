//! Serves the node's bus subjects: decodes, bounds, and passes on.
//!
//! **Invariant:** whatever comes is answered; no more requests are under way than there are permits.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::StreamExt;
use ractor::ActorRef;
use rookery_schemas::bus::{
    PeerRequest, PresenceAnswer, PresenceRequest, RoomRequest, SEATS_PER_RENEWAL_MAX, SeatRenewal,
};
use rookery_schemas::error::ErrorCode;
use rookery_schemas::limits::LIST_PAGE_MAX;
use tokio::sync::Semaphore;

use super::RoomsMessage;
use crate::clock::Clock;
use crate::metrics::Metrics;
use crate::presence::Board;
use crate::reply::{Bound, Reply};
use crate::room::fallback;
use crate::seams::{Answer, Bus, BusError, BusMessage, Subscription};
use crate::tasks::AbortOnDrop;

/// Bytes of a request: a client's frame of 64 KiB, JSON in JSON.
const REQUEST_BYTES_MAX: usize = 256 << 10;

/// Seat renewals under way: each is passed on at once, and a gateway of 10,000 seats sends ten in 4 s.
const RENEWALS_MAX: usize = 256;

/// Between two tries to serve a subject again that the bus has ended.
const SERVE_AGAIN: Duration = Duration::from_secs(1);

/// What the subjects' loops share.
pub(super) struct Dispatch {
    pub(super) bus: Arc<dyn Bus>,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) metrics: Arc<Metrics>,
    pub(super) board: Arc<Board>,
    pub(super) permits: Arc<Semaphore>,
    /// Apart from the others, so that a node that is busy does not take its people for gone.
    pub(super) renewals: RenewalPermits,
    pub(super) rooms: ActorRef<RoomsMessage>,
}

/// The permits of seat renewals.
pub(super) struct RenewalPermits(Arc<Semaphore>);

impl Default for RenewalPermits {
    fn default() -> Self {
        Self(Arc::new(Semaphore::new(RENEWALS_MAX)))
    }
}

/// The node's subjects.
#[derive(Clone, Copy, Debug)]
pub(super) enum Subject {
    /// Requests to rooms.
    Rooms,
    /// Requests to peers.
    Peers,
    /// Who is inside.
    Presence,
    /// Whose WebSockets there are.
    Seats,
}

impl Dispatch {
    /// Serves a subject until the guard is dropped.
    ///
    /// # Errors
    /// [`BusError`] if the bus does not take it.
    pub(super) async fn serve(self: &Arc<Self>, kind: Subject, subject: String) -> Result<AbortOnDrop, BusError> {
        let mut requests = self.bus.serve(&subject).await?;
        let dispatch = Arc::clone(self);
        Ok(AbortOnDrop(tokio::spawn(async move {
            loop {
                while let Some(request) = requests.next().await {
                    dispatch.take(kind, request);
                }
                tracing::warn!(subject, "the bus has ended a subject");
                requests = dispatch.serve_again(&subject).await;
            }
        })))
    }

    async fn serve_again(&self, subject: &str) -> Subscription {
        loop {
            tokio::time::sleep(SERVE_AGAIN).await;
            match self.bus.serve(subject).await {
                Ok(requests) => return requests,
                Err(error) => tracing::warn!(%error, subject, "a subject cannot be served"),
            }
        }
    }

    fn take(&self, kind: Subject, request: BusMessage) {
        let BusMessage { payload, answer, missed, .. } = request;
        if missed > 0 {
            tracing::warn!(missed, ?kind, "requests were dropped");
        }
        match kind {
            Subject::Rooms => self.room_request(&payload, answer),
            Subject::Peers => self.peer_request(&payload, answer),
            Subject::Presence => self.presence(&payload, answer),
            Subject::Seats => self.seats(&payload, answer),
        }
    }

    fn room_request(&self, payload: &Bytes, answer: Option<Answer>) {
        let decoded = decode::<RoomRequest>(payload);
        let code = decoded.as_ref().map_or(ErrorCode::Malformed, |request| fallback(&request.command));
        let Some(reply) = self.reply(answer, code) else { return };
        match decoded {
            Ok(request) => self.pass(RoomsMessage::Request { request: Box::new(request), reply }),
            Err(code) => reply.refuse(code),
        }
    }

    fn peer_request(&self, payload: &Bytes, answer: Option<Answer>) {
        let Some(reply) = self.reply(answer, ErrorCode::Internal) else { return };
        match decode::<PeerRequest>(payload) {
            Ok(request) => self.pass(RoomsMessage::PeerRequest { request: Box::new(request), reply }),
            Err(code) => reply.refuse(code),
        }
    }

    fn presence(&self, payload: &Bytes, answer: Option<Answer>) {
        let rooms = decode::<PresenceRequest>(payload).map(|request| request.rooms).unwrap_or_default();
        let page = rooms.get(..usize::from(LIST_PAGE_MAX)).unwrap_or(&rooms);
        let presence = PresenceAnswer { rooms: self.board.read(page) };
        match (answer, serde_json::to_vec(&presence)) {
            (Some(answer), Ok(body)) => answer.send(Bytes::from(body)),
            (Some(_), Err(error)) => tracing::error!(%error, "presence could not be encoded"),
            (None, _) => {}
        }
    }

    fn seats(&self, payload: &Bytes, answer: Option<Answer>) {
        let now = self.clock.now().elapsed;
        let reply = Reply::new(answer, ErrorCode::OwnerUnavailable, Arc::clone(&self.metrics), now);
        let Some(reply) = reply.hold(Bound::Node, &self.renewals.0) else { return };
        match decode::<SeatRenewal>(payload) {
            Ok(renewal) if renewal.seats.len() > SEATS_PER_RENEWAL_MAX => reply.refuse(ErrorCode::TooMany),
            Ok(renewal) => self.pass(RoomsMessage::Renew { renewal, reply }),
            Err(code) => reply.refuse(code),
        }
    }

    fn reply(&self, answer: Option<Answer>, fallback: ErrorCode) -> Option<Reply> {
        let now = self.clock.now().elapsed;
        Reply::new(answer, fallback, Arc::clone(&self.metrics), now).hold(Bound::Node, &self.permits)
    }

    fn pass(&self, message: RoomsMessage) {
        // Dropped with its reply, which then answers, if the node is going away.
        let _ = self.rooms.send_message(message);
    }
}

fn decode<T: serde::de::DeserializeOwned>(payload: &Bytes) -> Result<T, ErrorCode> {
    if payload.len() > REQUEST_BYTES_MAX {
        return Err(ErrorCode::TooLarge);
    }
    serde_json::from_slice(payload).map_err(|error| {
        tracing::debug!(%error, "a request cannot be read");
        ErrorCode::Malformed
    })
}
