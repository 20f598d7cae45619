//! Which rooms are awake, on which worker, and which are on their way out.
//!
//! Pure; `H` is what the shell holds of an awake room, `W` what waits for one that is ending.
//!
//! **Invariant:** a room is opened again only after its last life has ended; a room is ended for emptiness only if every
//! request that was sent to it has been seen by it.

use std::collections::HashMap;

use rookery_media::WorkerIndex;
use rookery_schemas::ids::RoomId;

/// Requests that wait for a room to end; each holds a permit as well.
const WAITING_MAX: usize = 1_024;

#[derive(Debug)]
struct Entry<H, W> {
    held: H,
    worker: WorkerIndex,
    sent: u64,
    /// `Some` once it is ending.
    waiting: Option<Vec<W>>,
}

/// Where a request for a room goes.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Route<'a, H> {
    /// To this.
    Awake(&'a H),
    /// Nowhere yet: the room is ending.
    Ending,
    /// The room sleeps.
    Asleep,
}

/// A room that has ended.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Ended<H, W> {
    pub(super) held: H,
    pub(super) worker: WorkerIndex,
    pub(super) waiting: Vec<W>,
}

/// The rooms of one node.
#[derive(Debug)]
pub(super) struct Registry<H, W> {
    rooms: HashMap<RoomId, Entry<H, W>>,
    /// Rooms on each worker.
    loads: Vec<u32>,
}

impl<H, W> Registry<H, W> {
    /// No rooms, on `workers` workers (at least one).
    pub(super) fn new(workers: u16) -> Self {
        Self { rooms: HashMap::new(), loads: vec![0; usize::from(workers.max(1))] }
    }

    pub(super) fn len(&self) -> usize {
        self.rooms.len()
    }

    /// The worker with the fewest rooms.
    pub(super) fn lightest(&self) -> WorkerIndex {
        let lightest = self.loads.iter().enumerate().min_by_key(|(_, load)| **load).map_or(0, |(index, _)| index);
        WorkerIndex(u16::try_from(lightest).unwrap_or(0))
    }

    /// Where a request goes; one that goes to an awake room is counted there.
    pub(super) fn route(&mut self, room: RoomId, counted: bool) -> Route<'_, H> {
        match self.rooms.get_mut(&room) {
            Some(Entry { held, sent, waiting: None, .. }) => {
                *sent += u64::from(counted);
                Route::Awake(held)
            }
            Some(_) => Route::Ending,
            None => Route::Asleep,
        }
    }

    /// Keeps a request until its room has ended; gives it back if there is no room for it.
    pub(super) fn wait(&mut self, room: RoomId, request: W) -> Result<(), W> {
        match self.rooms.get_mut(&room) {
            Some(Entry { waiting: Some(waiting), .. }) if waiting.len() < WAITING_MAX => {
                waiting.push(request);
                Ok(())
            }
            _ => Err(request),
        }
    }

    /// A room is awake.
    pub(super) fn insert(&mut self, room: RoomId, worker: WorkerIndex, held: H) {
        if let Some(load) = self.loads.get_mut(usize::from(worker.0)) {
            *load += 1;
        }
        self.rooms.insert(room, Entry { held, worker, sent: 0, waiting: None });
    }

    /// A room says that it is empty, having seen `taken` requests: it ends, unless another is on its way.
    pub(super) fn idle(&mut self, room: RoomId, taken: u64) -> Option<&H> {
        let entry = self.rooms.get_mut(&room).filter(|entry| entry.waiting.is_none() && entry.sent == taken)?;
        entry.waiting = Some(Vec::new());
        Some(&entry.held)
    }

    /// A room's actors have ended, for whatever reason; it is kept, ending, until [`Registry::remove`].
    pub(super) fn ending(&mut self, room: RoomId) -> Option<WorkerIndex> {
        let entry = self.rooms.get_mut(&room)?;
        entry.waiting.get_or_insert_default();
        Some(entry.worker)
    }

    /// The last of a room is gone.
    pub(super) fn remove(&mut self, room: RoomId) -> Option<Ended<H, W>> {
        let Entry { held, worker, waiting, .. } = self.rooms.remove(&room)?;
        if let Some(load) = self.loads.get_mut(usize::from(worker.0)) {
            *load = load.saturating_sub(1);
        }
        Some(Ended { held, worker, waiting: waiting.unwrap_or_default() })
    }

    /// Every room that is not ending.
    pub(super) fn awake(&self) -> impl Iterator<Item = (&RoomId, &H)> {
        self.rooms.iter().filter(|(_, entry)| entry.waiting.is_none()).map(|(room, entry)| (room, &entry.held))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use uuid::Uuid;

    fn room(n: u128) -> RoomId {
        RoomId(Uuid::from_u128(n))
    }

    #[test]
    fn a_room_is_not_ended_over_a_request_on_its_way() {
        let mut rooms: Registry<&str, u8> = Registry::new(1);
        rooms.insert(room(1), WorkerIndex(0), "a");
        assert_eq!(rooms.route(room(1), true), Route::Awake(&"a"));
        assert_eq!(rooms.route(room(1), false), Route::Awake(&"a"));
        assert_eq!(rooms.idle(room(1), 0), None, "one is on its way");
        assert_eq!(rooms.idle(room(1), 1), Some(&"a"));
        assert_eq!(rooms.idle(room(1), 1), None, "it is ending already");
        assert_eq!(rooms.route(room(1), true), Route::Ending);
        assert_eq!(rooms.wait(room(1), 7), Ok(()));
        assert_eq!(rooms.ending(room(1)), Some(WorkerIndex(0)));
        let ended = Ended { held: "a", worker: WorkerIndex(0), waiting: vec![7] };
        assert_eq!(rooms.remove(room(1)), Some(ended));
        assert_eq!(rooms.route(room(1), true), Route::Asleep);
        assert_eq!(rooms.wait(room(1), 8), Err(8));
    }

    #[test]
    fn the_lightest_worker_is_next() {
        let mut rooms: Registry<(), ()> = Registry::new(2);
        for (n, worker) in [(1, 0), (2, 1), (3, 0)] {
            assert_eq!(rooms.lightest(), WorkerIndex(worker));
            rooms.insert(room(n), rooms.lightest(), ());
        }
        rooms.remove(room(1));
        rooms.remove(room(3));
        assert_eq!(rooms.lightest(), WorkerIndex(0));
    }

    #[test]
    fn what_waits_is_bounded() {
        let mut rooms: Registry<(), usize> = Registry::new(1);
        rooms.insert(room(1), WorkerIndex(0), ());
        assert_eq!(rooms.wait(room(1), 0), Err(0), "it is awake");
        rooms.ending(room(1));
        for n in 0..WAITING_MAX {
            assert_eq!(rooms.wait(room(1), n), Ok(()));
        }
        assert_eq!(rooms.wait(room(1), 1), Err(1));
    }
}
