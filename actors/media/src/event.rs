//! What a worker tells the control plane.
//!
//! **Invariant:** events of one connection or track come in the order in which things happened.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use rookery_schemas::{ids::TrackId, signal::Codec};

use crate::command::{ConnectionId, SlotKey};

/// Loud tracks named in one [`Event::Levels`].
pub const LEVELS_MAX: usize = 5;

/// Between two words about the layers of one slot: nobody reads faster, and whoever is told is never told what is over.
pub const LAYER_TOLD_EVERY: Duration = Duration::from_millis(500);

/// Who is told of a room's events.
pub trait EventSink: Send + Sync {
    /// Called on the worker's thread: must return at once.
    fn event(&self, event: Event);
}

/// What happened in a room.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// Keys and an address are there: media can flow. Again when ICE nominates another address.
    Connected {
        /// Which.
        connection: ConnectionId,
        /// Where media goes from now on.
        remote: SocketAddr,
    },
    /// Nothing at all came from there for 3 s (8 s where no media is expected: consent checks alone are up to 6 s apart).
    Silent {
        /// Which.
        connection: ConnectionId,
    },
    /// Something came after [`Event::Silent`].
    Heard {
        /// Which.
        connection: ConnectionId,
    },
    /// The first packet of a track came, or the first of another codec.
    TrackStarted {
        /// Which.
        track: TrackId,
        /// Its codec.
        codec: Codec,
    },
    /// From here on packets of this track leave on this slot. Again when another of its layers does, at most every
    /// [`LAYER_TOLD_EVERY`].
    SlotLive {
        /// Whose slot.
        connection: ConnectionId,
        /// Which slot.
        slot: SlotKey,
        /// The track.
        track: TrackId,
        /// The name (rid) of the layer; none where the track has one only.
        layer: Option<Arc<str>>,
    },
    /// Nothing leaves on this slot any more: unbound, or its track was muted or has ended.
    SlotIdle {
        /// Whose slot.
        connection: ConnectionId,
        /// Which slot.
        slot: SlotKey,
    },
    /// Who is heard, loudest first, at most [`LEVELS_MAX`]; on change, at most 5 times a second.
    Levels {
        /// Track and level: 0 silent to 127 loudest, smoothed over 200 ms.
        levels: Vec<(TrackId, u8)>,
    },
    /// Who speaks. `None` when that track ended and nobody else is heard.
    ActiveSpeaker {
        /// The audio track.
        track: Option<TrackId>,
    },
}
