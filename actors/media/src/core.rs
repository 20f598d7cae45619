//! Everything that a worker decides, without clock, socket or thread: time and datagrams come in as arguments,
//! datagrams leave in a [`Batch`], events go to each room's sink.
//!
//! Read [`receive`] for a datagram's way in, [`forward`] for its way out, [`commands`] for what the control plane
//! changes, [`timers`] for what is due without a cause.
//!
//! **Invariant:** the tables agree with each other between any two calls: whoever is named exists, or is found missing
//! by its key. In the steady state of a call nothing is allocated.

mod commands;
mod connection;
mod control;
mod forward;
mod gaps;
mod hash;
mod history;
mod levels;
mod missing;
mod output;
mod receive;
mod reception;
mod room;
mod slab;
mod slot;
mod source;
mod stun_limit;
mod subscriptions;
mod timers;

use std::{net::SocketAddr, sync::Arc, time::Duration};

use rand::{Rng, SeedableRng, rngs::SmallRng};
use rookery_schemas::ids::{RoomId, TrackId};

use crate::{
    batch::{Batch, Transmit},
    clock::Now,
    command::ConnectionId,
    event::Event,
    link::Wire,
    rtcp::Block,
    stats::PlaneStats,
};
use connection::Connection;
use forward::{Frame, Fresh};
use hash::{Map, Seed};
use room::Room;
use slab::{Key, Slab};
use source::{Source, Track};
use stun_limit::StunLimit;

/// Rooms of one worker.
const ROOMS_MAX: usize = 16_384;
/// Connections of one worker: far more than one core can feed.
const CONNECTIONS_MAX: usize = 16_384;
/// Since the last forwarded picture: as long as this, more of it are expected.
const VIDEO_RECENT: Duration = Duration::from_millis(100);

/// One worker's rooms, connections, tracks and slots.
pub struct Core {
    wire: Arc<dyn Wire>,
    random: SmallRng,
    rooms: Slab<Room>,
    connections: Slab<Connection>,
    tracks: Slab<Track>,
    sources: Slab<Source>,
    room_ids: Map<RoomId, Key<Room>>,
    connection_ids: Map<ConnectionId, Key<Connection>>,
    track_ids: Map<TrackId, Key<Track>>,
    by_address: Map<SocketAddr, Key<Connection>>,
    by_ufrag: Map<Box<[u8]>, Key<Connection>>,
    /// What came in this round and is to be forwarded.
    fresh: Vec<Fresh>,
    frames: Vec<Frame>,
    /// Who gets something of it.
    dirty: Vec<Key<Connection>>,
    sequences: Vec<u16>,
    blocks: Vec<Block>,
    batch: Batch,
    stats: PlaneStats,
    stun: StunLimit,
    due: Now,
    video: Option<Now>,
}

impl Core {
    /// An empty core over a worker's sockets. `seed` makes its random choices repeatable.
    #[must_use]
    pub fn new(wire: Arc<dyn Wire>, seed: u64) -> Self {
        let mut random = SmallRng::seed_from_u64(seed);
        let seed = Seed(random.random());
        Self {
            wire,
            random,
            rooms: Slab::default(),
            connections: Slab::default(),
            tracks: Slab::default(),
            sources: Slab::default(),
            room_ids: Map::with_hasher(seed),
            connection_ids: Map::with_hasher(seed),
            track_ids: Map::with_hasher(seed),
            by_address: Map::with_hasher(seed),
            by_ufrag: Map::with_hasher(seed),
            fresh: Vec::with_capacity(forward::FRESH_MAX),
            frames: Vec::with_capacity(forward::FRESH_MAX),
            dirty: Vec::new(),
            sequences: Vec::with_capacity(missing::MISSING_MAX),
            blocks: Vec::with_capacity(connection::STREAMS_MAX),
            batch: Batch::default(),
            stats: PlaneStats::default(),
            stun: StunLimit::default(),
            due: Now::NEVER,
            video: None,
        }
    }

    /// When [`Core::tick`] has something to do next; [`Now::NEVER`] if nothing is due.
    #[must_use]
    pub fn due(&self) -> Now {
        self.due
    }

    /// Whether a short wait may save sends: pictures are flowing to subscribers.
    #[must_use]
    pub fn coalesces(&self, now: Now) -> bool {
        self.video.is_some_and(|video| now.since(video) < VIDEO_RECENT)
    }

    /// Sends what is in the batch.
    pub fn flush(&mut self, out: &mut impl Transmit) {
        if self.batch.is_empty() {
            return;
        }
        for message in self.batch.messages() {
            self.stats.count_send(message.packets());
            self.stats.packets_out += message.packets() as u64;
            self.stats.bytes_out += self.batch.bytes(message).len() as u64;
        }
        out.transmit(&self.batch);
        self.batch.clear();
    }

    /// Closes every room.
    pub fn close(&mut self) {
        while let Some((_, key)) = self.rooms.next(0) {
            self.close_room(key);
        }
        self.gauges();
    }

    /// Figures so far.
    #[must_use]
    pub fn stats(&self) -> &PlaneStats {
        &self.stats
    }

    fn gauges(&mut self) {
        self.stats.rooms = self.rooms.len() as u64;
        self.stats.connections = self.connections.len() as u64;
        self.stats.tracks = self.tracks.len() as u64;
        self.stats.sources = self.sources.len() as u64;
        self.stats.routes = self.by_address.len() as u64;
    }

    fn emit(&self, room: Key<Room>, event: Event) {
        output::emit(&self.rooms, room, event);
    }

    /// Makes sure that [`Core::tick`] looks at a connection then.
    fn wake(&mut self, key: Key<Connection>, at: Now) {
        if let Some(connection) = self.connections.get_mut(key) {
            connection.wake(at);
            self.due = self.due.min(at);
        }
    }
}

#[cfg(test)]
mod tests;
