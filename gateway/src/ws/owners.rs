//! Asking a room's owner, and a peer's media node, over the bus.
//!
//! **Invariant:** requests of one caller for one room reach the bus in the order in which [`Owners::send`] was called; nothing is
//! asked twice but what was answered by a redirect.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use parking_lot::Mutex;
use rookery_actors::seams::{Bus, BusError, PendingAnswer};
use rookery_schemas::bus::{
    PeerRequest, RoomAnswer, RoomCommand, RoomReply, RoomRequest, peers_subject, rooms_subject,
};
use rookery_schemas::error::{ErrorCode, Refusal};
use rookery_schemas::ids::{NodeId, RequestId, RoomId};
use serde::Serialize;
use uuid::Uuid;

use crate::bounded::Bounded;
use crate::owner::Placement;

/// Redirects that are followed; one move during one request takes one.
const REDIRECTS_MAX: u32 = 3;
/// How long handing a request to the bus may take: longer only when its own queue is full.
const SEND_MAX: Duration = Duration::from_secs(1);
/// Owners remembered that differ from the placement's wish: rooms in the middle of a move.
const HINTS_MAX: usize = 4_096;

/// Why there is no answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AskError {
    /// The node is not there. It was not handled.
    NoResponders,
    /// Nothing came back in time. Whether it was handled is not known.
    Timeout,
    /// The bus took nothing. It was not handled.
    Unavailable,
    /// Refused by who was asked.
    Refused(Refusal),
}

impl From<AskError> for Refusal {
    fn from(error: AskError) -> Self {
        match error {
            AskError::NoResponders | AskError::Unavailable => Self::new(ErrorCode::OwnerUnavailable),
            AskError::Timeout => Self::new(ErrorCode::Timeout),
            AskError::Refused(refusal) => refusal,
        }
    }
}

/// A request on its way.
pub type Asked = BoxFuture<'static, Result<RoomReply, AskError>>;

/// The way to rooms' owners. Clones share what they learn.
#[derive(Clone)]
pub struct Owners {
    bus: Arc<dyn Bus>,
    placement: Arc<dyn Placement>,
    hints: Arc<Mutex<Bounded<RoomId, NodeId>>>,
}

impl Owners {
    /// Over this bus, by this placement.
    #[must_use]
    pub fn new(bus: Arc<dyn Bus>, placement: Arc<dyn Placement>) -> Self {
        Self { bus, placement, hints: Arc::new(Mutex::new(Bounded::new(HINTS_MAX))) }
    }

    /// The node that is asked about a room first.
    pub(super) fn home(&self, room: RoomId) -> NodeId {
        self.hints.lock().get(&room).cloned().unwrap_or_else(|| self.placement.home(room))
    }

    /// Asks a room's owner and waits.
    ///
    /// # Errors
    /// [`AskError`].
    pub async fn ask(&self, room: RoomId, command: RoomCommand, timeout: Duration) -> Result<RoomReply, AskError> {
        self.send(room, command, timeout).await?.await
    }

    /// Sends a request to a room's owner. It is on its way, in order, when this returns; the answer comes from the future,
    /// within `timeout` for each node asked.
    ///
    /// # Errors
    /// [`AskError`] where it could not be sent.
    pub async fn send(&self, room: RoomId, command: RoomCommand, timeout: Duration) -> Result<Asked, AskError> {
        let node = self.home(room);
        let id = RequestId(Uuid::now_v7());
        tracing::debug!(%room, request = %id, %node, "a room's owner is asked");
        let request = encode(&RoomRequest { room, request: id, command })?;
        let first = hand_over(&self.bus, &rooms_subject(&node), request.clone(), timeout).await?;
        let owners = self.clone();
        Ok(async move { owners.follow(room, request, first, timeout).await }.boxed())
    }

    /// Sends a media message to the node that has the peer's media, as [`Owners::send`].
    ///
    /// # Errors
    /// [`AskError`] where it could not be sent.
    pub async fn send_to_peer(
        &self,
        node: &NodeId,
        request: PeerRequest,
        timeout: Duration,
    ) -> Result<Asked, AskError> {
        let request = encode(&request)?;
        let pending = hand_over(&self.bus, &peers_subject(node), request, timeout).await?;
        Ok(async move { decode(pending.await) }.boxed())
    }

    async fn follow(
        &self,
        room: RoomId,
        request: Bytes,
        first: PendingAnswer,
        timeout: Duration,
    ) -> Result<RoomReply, AskError> {
        let mut answer = decode(first.await);
        for _ in 0..REDIRECTS_MAX {
            let Ok(RoomReply::Redirect { node }) = answer else { break };
            self.hints.lock().insert(room, node.clone());
            let pending = hand_over(&self.bus, &rooms_subject(&node), request.clone(), timeout).await?;
            answer = decode(pending.await);
        }
        match answer {
            Ok(RoomReply::Redirect { .. }) => {
                self.hints.lock().remove(&room);
                Err(AskError::NoResponders)
            }
            Err(AskError::NoResponders | AskError::Timeout) => {
                self.hints.lock().remove(&room);
                answer
            }
            answer => answer,
        }
    }
}

fn encode<T: Serialize>(request: &T) -> Result<Bytes, AskError> {
    serde_json::to_vec(request).map(Bytes::from).map_err(|error| {
        tracing::error!(%error, "a bus request could not be written");
        AskError::Refused(Refusal::new(ErrorCode::Internal))
    })
}

async fn hand_over(
    bus: &Arc<dyn Bus>,
    subject: &str,
    request: Bytes,
    timeout: Duration,
) -> Result<PendingAnswer, AskError> {
    match tokio::time::timeout(SEND_MAX, bus.request(subject, request, timeout)).await {
        Ok(sent) => sent.map_err(failed),
        Err(_) => Err(AskError::Unavailable),
    }
}

fn failed(error: BusError) -> AskError {
    match error {
        BusError::NoResponders { .. } => AskError::NoResponders,
        BusError::Timeout { .. } => AskError::Timeout,
        BusError::Unavailable(_) => AskError::Unavailable,
        BusError::Invalid(subject) => {
            tracing::error!(subject, "a bus subject is none");
            AskError::Refused(Refusal::new(ErrorCode::Internal))
        }
    }
}

fn decode(answer: Result<Bytes, BusError>) -> Result<RoomReply, AskError> {
    let answer = answer.map_err(failed)?;
    match serde_json::from_slice::<RoomAnswer>(&answer) {
        Ok(answer) => answer.map_err(AskError::Refused),
        Err(error) => {
            tracing::error!(%error, "a bus answer could not be read");
            Err(AskError::Refused(Refusal::new(ErrorCode::Internal)))
        }
    }
}
