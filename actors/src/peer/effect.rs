//! What a peer's state asks its shell to do.
//!
//! **Invariant:** operations on a connection are done in the order of their effects, and each that has an ask is answered
//! through its outcome.

use rookery_media::ConnectionId;
use rookery_schemas::bus::RoomAnswer;
use rookery_schemas::signal::{Connection, ServerMessage, SrtpProfile};

use crate::room::PeerFact;
use crate::router::RouterOrder;
use crate::transport::{Answered, Offered, TransportError};
use rookery_media::SendSlot;

/// One unanswered request, as the state knows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct AskId(pub(crate) u64);

/// What the shell must do.
#[derive(Debug)]
pub(crate) enum Effect {
    /// Answer a request.
    Answer { ask: AskId, answer: Box<RoomAnswer> },
    /// Tell the newest attachment.
    Personal(Box<ServerMessage>),
    /// Have the worker do something with a connection.
    Op(Op),
    /// Tell the router.
    Router(RouterOrder),
    /// Tell the room.
    Room(PeerFact),
}

/// What the worker does with a peer's connections, one after another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Op {
    /// Open it; the next operation finds out whether that worked.
    Open { connection: ConnectionId, kind: Connection, srtp: SrtpProfile },
    /// Take an offer.
    Answer { connection: ConnectionId, ask: AskId, sdp: String },
    /// Make an offer.
    Offer { connection: ConnectionId, pairs: u16, restart_ice: bool },
    /// Take an answer.
    Accept { connection: ConnectionId, ask: AskId, sdp: String },
    /// Take a candidate.
    Candidate { connection: ConnectionId, ask: AskId, candidate: String },
    /// Close it.
    Close { connection: ConnectionId },
}

/// What came of an [`Op`]; opening and closing have no outcome of their own.
#[derive(Debug)]
pub(crate) enum Outcome {
    Answered { connection: ConnectionId, ask: AskId, result: Result<Answered, TransportError> },
    Offered { connection: ConnectionId, result: Result<Offered, TransportError> },
    Accepted { connection: ConnectionId, ask: AskId, result: Result<Vec<SendSlot>, TransportError> },
    Candidate { ask: AskId, result: Result<(), TransportError> },
}
