//! What comes in: tracks, and for each of their layers a source with its history.
//!
//! **Invariant:** a track lists exactly the slots that it flows to or that wait for it, so that a packet touches no
//! other.

use std::{sync::Arc, time::Duration};

use rookery_schemas::{
    ids::TrackId,
    signal::{Codec, MediaKind, WantedSize},
};

use super::{
    connection::Connection, gaps::Gaps, history::History, levels::Level, missing::Missing, reception::Reception,
    room::Room, slab::Key,
};
use crate::{clock::Now, codec::Mapped};

/// Between two key-frame requests to one source: an encoder needs some frames to get over the last one, and whoever comes
/// meanwhile waits for the next. Chromium's own ignores what comes within 300 ms of the last one it heeded.
pub(crate) const KEY_FRAME_EVERY: Duration = Duration::from_millis(350);
/// A layer without packets for this long is not chosen: its publisher's bandwidth has stopped it.
const LAYER_ALIVE: Duration = Duration::from_millis(1_000);
/// Slots that one track flows to: the largest room.
pub(crate) const BOUND_MAX: usize = 4_096;
/// The picture of a top layer whose size is not known.
const HEIGHT_ASSUMED: u16 = 720;

/// A slot by its place in its connection's table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct SlotRef {
    pub(crate) connection: Key<Connection>,
    pub(crate) slot: u16,
}

/// One published track.
pub(crate) struct Track {
    pub(crate) id: TrackId,
    pub(crate) room: Key<Room>,
    pub(crate) connection: Key<Connection>,
    pub(crate) muted: bool,
    /// One for each layer that has sent a packet.
    pub(crate) sources: Vec<Key<Source>>,
    pub(crate) bound: Vec<SlotRef>,
    /// The codec of the last `TrackStarted`.
    pub(crate) announced: Option<Codec>,
}

impl Track {
    /// Adds a slot. False if there are too many.
    pub(crate) fn attach(&mut self, slot: SlotRef) -> bool {
        if self.bound.contains(&slot) {
            return true;
        }
        if self.bound.len() >= BOUND_MAX {
            return false;
        }
        self.bound.push(slot);
        true
    }

    pub(crate) fn detach(&mut self, slot: SlotRef) {
        self.bound.retain(|other| *other != slot);
    }
}

/// One incoming media stream: a track's only one, or one of its layers.
pub(crate) struct Source {
    pub(crate) connection: Key<Connection>,
    pub(crate) track: Option<Key<Track>>,
    pub(crate) mid: String,
    /// Position among the m-line's layers, lowest first.
    pub(crate) layer: u8,
    /// That layer's name; none where the m-line has one only.
    pub(crate) rid: Option<Arc<str>>,
    pub(crate) kind: MediaKind,
    pub(crate) ssrc: u32,
    /// How the last packet was encoded.
    pub(crate) payload: Mapped,
    pub(crate) gaps: Gaps,
    pub(crate) history: History,
    pub(crate) reception: Reception,
    pub(crate) missing: Missing,
    pub(crate) key_frames: KeyFrames,
    pub(crate) level: Level,
    /// Of the last key frame, where its codec says so.
    pub(crate) size: Option<(u16, u16)>,
    pub(crate) last: Now,
}

impl Source {
    fn height(&self, top: u8) -> u16 {
        self.size.map_or(HEIGHT_ASSUMED >> top.saturating_sub(self.layer).min(4), |(_, height)| height)
    }

    fn width(&self, top: u8) -> u16 {
        self.size.map_or(self.height(top).saturating_mul(16) / 9, |(width, _)| width)
    }
}

/// Throttle of the requests to one source.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct KeyFrames {
    asked: Option<Now>,
    wanted: bool,
}

impl KeyFrames {
    /// A key frame is wanted. True: ask now; false: it is remembered, or asked for already.
    pub(crate) fn want(&mut self, now: Now) -> bool {
        self.wanted = true;
        self.take(now)
    }

    /// A key frame is wanted, to be asked for with the next [`KeyFrames::take`].
    pub(crate) fn want_later(&mut self) {
        self.wanted = true;
    }

    /// Whether a request that was remembered is due.
    pub(crate) fn take(&mut self, now: Now) -> bool {
        let due = self.wanted && self.next() <= now;
        if due {
            self.asked = Some(now);
            self.wanted = false;
        }
        due
    }

    /// One came: whoever waits has it.
    pub(crate) fn came(&mut self) {
        self.wanted = false;
    }

    /// When [`KeyFrames::take`] is due.
    pub(crate) fn next(&self) -> Now {
        match (self.wanted, self.asked) {
            (false, _) => Now::NEVER,
            (true, None) => Now::default(),
            (true, Some(asked)) => asked.after(KEY_FRAME_EVERY),
        }
    }
}

/// The layer for a picture of this size: the smallest that covers it, else the largest that lives.
pub(crate) fn choose<'a>(
    layers: impl Iterator<Item = (Key<Source>, &'a Source)> + Clone,
    size: Option<WantedSize>,
    now: Now,
) -> Option<Key<Source>> {
    let top = layers.clone().map(|(_, source)| source.layer).max()?;
    let living = layers.clone().filter(|(_, source)| now.since(source.last) < LAYER_ALIVE);
    let covers =
        |source: &Source| size.is_some_and(|size| source.height(top) >= size.height && source.width(top) >= size.width);
    let fitting = living.clone().filter(|(_, source)| covers(source)).min_by_key(|(_, source)| source.layer);
    let largest = || living.max_by_key(|(_, source)| source.layer);
    let newest = || layers.max_by_key(|(_, source)| source.last);
    fitting.or_else(largest).or_else(newest).map(|(key, _)| key)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ms(ms: u64) -> Now {
        Now::at(Duration::from_millis(ms))
    }

    #[test]
    fn key_frames_are_asked_for_at_once_then_merged() {
        let mut key_frames = KeyFrames::default();
        assert!(key_frames.want(ms(1_000)));
        assert!(!key_frames.want(ms(1_001)));
        assert!(!key_frames.want(ms(1_300)));
        assert_eq!(key_frames.next(), ms(1_350));
        assert!(!key_frames.take(ms(1_349)));
        assert!(key_frames.take(ms(1_350)));
        assert!(!key_frames.take(ms(2_500)), "nobody has asked since");
        assert!(!key_frames.want(ms(1_600)));
        key_frames.came();
        assert_eq!(key_frames.next(), Now::NEVER);
    }
}
