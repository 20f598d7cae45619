//! Where rooms are, and who is inside them. Asking a room's owner is [`crate::ws::Owners`]' part.
//!
//! **Invariant:** a node that does not answer costs its rooms' names on a list, never the list.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::join_all;
use rookery_actors::seams::{Bus, BusError};
use rookery_schemas::bus::{PresenceAnswer, PresenceRequest, RoomPresence, presence_subject};
use rookery_schemas::ids::{NodeId, RoomId};

/// How long a list waits for a node to say who is inside.
const PRESENCE_TIMEOUT: Duration = Duration::from_secs(1);

/// Which node to ask about a room first.
pub trait Placement: Send + Sync + 'static {
    /// The node that owns it, as far as is known here, or should.
    fn home(&self, room: RoomId) -> NodeId;
}

/// Asks nodes who is inside rooms.
#[derive(Clone)]
pub(crate) struct Presence {
    bus: Arc<dyn Bus>,
    placement: Arc<dyn Placement>,
}

impl Presence {
    pub(crate) fn new(bus: Arc<dyn Bus>, placement: Arc<dyn Placement>) -> Self {
        Self { bus, placement }
    }

    /// Who is inside these rooms: one request for each node concerned, all at once. Rooms that sleep, or whose node does not
    /// answer, are absent.
    pub(crate) async fn of(&self, rooms: impl IntoIterator<Item = RoomId>) -> HashMap<RoomId, RoomPresence> {
        let mut by_node: HashMap<NodeId, Vec<RoomId>> = HashMap::new();
        for room in rooms {
            by_node.entry(self.placement.home(room)).or_default().push(room);
        }
        let asked = by_node.into_iter().map(|(node, rooms)| async move {
            let answer = self.ask(&node, PresenceRequest { rooms }).await;
            answer.inspect_err(|error| tracing::warn!(%node, %error, "a node does not say who is inside")).ok()
        });
        let mut found = HashMap::new();
        for answer in join_all(asked).await.into_iter().flatten() {
            found.extend(answer.rooms.into_iter().map(|room| (room.room, room)));
        }
        found
    }

    async fn ask(&self, node: &NodeId, request: PresenceRequest) -> Result<PresenceAnswer, AskError> {
        let payload = Bytes::from(serde_json::to_vec(&request)?);
        let asked = async { self.bus.request(&presence_subject(node), payload, PRESENCE_TIMEOUT).await?.await };
        let timeout = |_| BusError::Timeout { subject: presence_subject(node), timeout: PRESENCE_TIMEOUT };
        let answer = tokio::time::timeout(PRESENCE_TIMEOUT, asked).await.map_err(timeout)??;
        Ok(serde_json::from_slice(&answer)?)
    }
}

#[derive(Debug, thiserror::Error)]
enum AskError {
    #[error(transparent)]
    Bus(#[from] BusError),
    #[error("not a message: {0}")]
    Json(#[from] serde_json::Error),
}
