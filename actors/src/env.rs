//! What all actors of one room share: the seams, the room's place, and who to talk to.
//!
//! **Invariant:** fixed from the room's waking to its end; whatever changes is an actor's own.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use ractor::ActorRef;
use rookery_media::{ConnectionId, WorkerIndex};
use rookery_schemas::ids::{RoomId, TrackId};
use rookery_schemas::rows::OwnerRow;
use uuid::Uuid;

use crate::clock::Clock;
use crate::herald::Herald;
use crate::line::Line;
use crate::metrics::Metrics;
use crate::now::Now;
use crate::presence::Board;
use crate::room::Here;
use crate::room_scope::ScopeMessage;
use crate::rooms::{Placement, RoomsMessage};
use crate::seams::{Bus, MediaPlane, Store};
use crate::transport::Transports;

/// What the actors stand on.
#[derive(Clone)]
pub struct Seams {
    /// What lasts.
    pub store: Arc<dyn Store>,
    /// Messages between nodes.
    pub bus: Arc<dyn Bus>,
    /// The media workers.
    pub media: Arc<dyn MediaPlane>,
    /// Opens WebRTC connections.
    pub transports: Arc<dyn Transports>,
    /// The time.
    pub clock: Arc<dyn Clock>,
}

impl std::fmt::Debug for Seams {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Seams").finish_non_exhaustive()
    }
}

/// One room's surroundings.
pub(crate) struct RoomEnv {
    pub(crate) room: RoomId,
    pub(crate) here: Here,
    pub(crate) worker: WorkerIndex,
    /// Names the room in logs.
    pub(crate) span: tracing::Span,
    pub(crate) seams: Seams,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) herald: Herald,
    pub(crate) board: Arc<Board>,
    pub(crate) line: Arc<Line>,
    pub(crate) placement: Arc<dyn Placement>,
    pub(crate) ids: Arc<Ids>,
    pub(crate) rooms: ActorRef<RoomsMessage>,
    pub(crate) scope: ActorRef<ScopeMessage>,
}

impl RoomEnv {
    pub(crate) fn now(&self) -> Now {
        self.seams.clock.now()
    }

    /// Tells the scope; one that has ended needs no telling.
    pub(crate) fn tell_scope(&self, message: ScopeMessage) {
        let _ = self.scope.send_message(message);
    }

    /// The ownership row of this node under `epoch`.
    pub(crate) fn owner_row(&self, epoch: rookery_schemas::ids::Epoch) -> OwnerRow {
        OwnerRow { epoch, node: self.here.node.clone(), incarnation: self.here.incarnation }
    }
}

/// Ids never given before in this process.
#[derive(Debug, Default)]
pub(crate) struct Ids {
    connections: AtomicU64,
}

/// Where a peer's state gets new ids from.
pub(crate) trait FreshIds {
    /// Never given before in this process.
    fn connection(&self) -> ConnectionId;
    /// Never given before anywhere.
    fn track(&self) -> TrackId;
}

impl FreshIds for Ids {
    fn connection(&self) -> ConnectionId {
        ConnectionId(self.connections.fetch_add(1, Ordering::Relaxed) + 1)
    }

    fn track(&self) -> TrackId {
        TrackId(Uuid::new_v4())
    }
}
