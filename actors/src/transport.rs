//! One WebRTC connection of a peer: description, ICE, DTLS. Media itself never passes here.
//!
//! **Invariant:** the library behind it sends no RTP or RTCP; keys, addresses and credentials reach the media plane before
//! the description that depends on them leaves.

pub mod sdp;
pub mod webrtc;

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use rookery_media::{ConnectionId, ReceiveLine, SendSlot, WorkerIndex};
use rookery_schemas::ids::RoomId;
use rookery_schemas::signal::{Connection, SlotPair, SrtpProfile};

/// Why a transport refused or failed.
#[derive(Debug, thiserror::Error)]
pub enum TransportError {
    /// The description cannot be parsed, is too long, or asks for what is not served; the connection is as before.
    #[error("the session description was refused: {0}")]
    Sdp(String),
    /// The description allows none of the profiles that this connection was opened with.
    #[error("the client does not offer {0:?}")]
    SrtpProfile(SrtpProfile),
    /// The connection is closed or failed.
    #[error("the connection is closed")]
    Closed,
    /// The library failed; the connection should be closed.
    #[error("the transport failed: {0}")]
    Failed(String),
}

/// What an answered publish connection looks like.
#[derive(Clone, Debug)]
pub struct Answered {
    /// The answer, with every candidate in it.
    pub sdp: String,
    /// Its m-lines that receive, for the media plane; already sent to it.
    pub lines: Vec<ReceiveLine>,
}

/// An offer of a subscribe connection.
#[derive(Clone, Debug)]
pub struct Offered {
    /// The offer, with every candidate in it.
    pub sdp: String,
    /// Every pair so far, by index.
    pub slots: Vec<SlotPair>,
}

/// What becomes of a connection by itself, told while no call is in progress. After any but `Connected` nothing more
/// comes, and its owner should close it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TransportEvent {
    /// ICE and DTLS are up and the media plane has the keys.
    Connected,
    /// The DTLS handshake was refused: the client offers none of the connection's SRTP profiles (or cipher suites).
    /// It should join again with the other profile.
    SrtpProfileRefused,
    /// The client closed the DTLS association (`pc.close()` in a page).
    ClosedByClient,
    /// ICE failed, the handshake failed otherwise, or the library stopped. A sentence for the log.
    Failed(&'static str),
}

/// Who is told of a connection's events.
pub trait TransportEvents: Send + Sync + 'static {
    /// Called on a task of the transport: must return at once. May come before `open` has returned.
    fn event(&self, connection: ConnectionId, event: TransportEvent);
}

/// How a transport is opened.
#[derive(Clone)]
pub struct OpenTransport {
    /// Of which room.
    pub room: RoomId,
    /// On which worker's port.
    pub worker: WorkerIndex,
    /// Its name at the media plane, never used before.
    pub connection: ConnectionId,
    /// Which way.
    pub kind: Connection,
    /// The one profile it takes.
    pub srtp: SrtpProfile,
    /// Who is told of what happens to it.
    pub events: Arc<dyn TransportEvents>,
}

impl fmt::Debug for OpenTransport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { room, worker, connection, kind, srtp, events: _ } = self;
        let mut out = f.debug_struct("OpenTransport");
        out.field("room", room).field("worker", worker).field("connection", connection);
        out.field("kind", kind).field("srtp", srtp).finish_non_exhaustive()
    }
}

/// Opens transports. The real one uses `webrtc`; tests of actors use a scripted one.
#[async_trait]
pub trait Transports: Send + Sync + 'static {
    /// Opens a connection and its entry in the media plane (`OpenConnection`).
    async fn open(&self, how: OpenTransport) -> Result<Arc<dyn PeerTransport>, TransportError>;
}

/// One open connection. Calls are made one after another by its owner.
#[async_trait]
pub trait PeerTransport: Send + Sync + 'static {
    /// Publish connection: takes the client's offer (also an ICE restart) and answers it; `Credentials` and `Receive` have
    /// gone to the media plane when this returns.
    async fn answer(&self, offer: &str) -> Result<Answered, TransportError>;
    /// Subscribe connection: grows to `pairs` slot pairs if it has fewer, and offers. `Credentials` have gone to the media
    /// plane when this returns.
    async fn offer(&self, pairs: u16, restart_ice: bool) -> Result<Offered, TransportError>;
    /// Subscribe connection: takes the client's answer; `Send` has gone to the media plane when this returns.
    async fn accept(&self, answer: &str) -> Result<Vec<SendSlot>, TransportError>;
    /// A late candidate; the server is ICE-lite, so it is only checked for shape.
    async fn candidate(&self, candidate: &str) -> Result<(), TransportError>;
    /// Closes it and its entry in the media plane. Idempotent.
    async fn close(&self);
}
