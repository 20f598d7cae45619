//! Who is in the rooms that are awake here, for lists: read without asking an actor.
//!
//! **Invariant:** a room is on the board, and counted in the `peers` gauge, exactly as long as its actor's [`Presence`] is
//! alive and not empty.

use std::collections::HashMap;
use std::sync::Arc;

use parking_lot::Mutex;
use prometheus::IntGauge;
use rookery_schemas::bus::RoomPresence;
use rookery_schemas::ids::RoomId;

use crate::metrics::Counted;

/// Names shown in a list.
pub(crate) const NAMES_MAX: usize = 8;

/// Every awake room's line.
#[derive(Debug, Default)]
pub(crate) struct Board {
    rooms: Mutex<HashMap<RoomId, RoomPresence>>,
}

impl Board {
    /// The lines of those of `rooms` that are awake.
    pub(crate) fn read(&self, rooms: &[RoomId]) -> Vec<RoomPresence> {
        let board = self.rooms.lock();
        rooms.iter().filter_map(|room| board.get(room).cloned()).collect()
    }
}

/// One room's line, taken down when dropped.
#[derive(Debug)]
pub(crate) struct Presence {
    board: Arc<Board>,
    room: RoomId,
    counted: Counted,
}

impl Presence {
    pub(crate) fn new(board: Arc<Board>, room: RoomId, gauge: IntGauge) -> Self {
        let mut counted = Counted::one(gauge);
        counted.set(0);
        Self { board, room, counted }
    }

    pub(crate) fn set(&mut self, peers: usize, names: Vec<String>) {
        self.counted.set(i64::try_from(peers).unwrap_or(i64::MAX));
        let peers = u32::try_from(peers).unwrap_or(u32::MAX);
        self.board.rooms.lock().insert(self.room, RoomPresence { room: self.room, peers, names });
    }
}

impl Drop for Presence {
    fn drop(&mut self) {
        self.board.rooms.lock().remove(&self.room);
    }
}
