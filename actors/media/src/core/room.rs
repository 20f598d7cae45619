//! A room as a worker knows it: who is told, and whose tracks are heard.
//!
//! **Invariant:** a room's lists name exactly its connections and tracks.

use std::sync::Arc;

use rookery_schemas::ids::RoomId;

use super::{connection::Connection, levels::Announced, slab::Key, source::Track};
use crate::{clock::Now, event::EventSink};

/// One room.
pub(crate) struct Room {
    pub(crate) id: RoomId,
    pub(crate) sink: Arc<dyn EventSink>,
    pub(crate) connections: Vec<Key<Connection>>,
    pub(crate) tracks: Vec<Key<Track>>,
    pub(crate) announced: Announced,
    /// When loudness is judged next; never while nobody has been heard.
    pub(crate) judged: Now,
}
