//! What was received: from RTP packets to meters.
//!
//! **Invariant:** a packet is counted on exactly one slot, and on at most one track.

use std::collections::BTreeMap;
use std::sync::Arc;

use rookery_schemas::signal::Codec;

use crate::payload;
use crate::rtc::ReceivedTrack;
use crate::stamp::{Origin, Stamp};
use crate::stats::{Arrival, SlotMeter, SlotStats, TrackMeter};

/// Tracks metered on one connection: 64 slots rebound a dozen times each. More are counted on their slot alone.
const TRACKS_MAX: usize = 1_024;

/// One RTP packet, its header already read.
pub(super) struct Packet<'a> {
    pub(super) mid: &'a Arc<str>,
    pub(super) codec: Codec,
    pub(super) seq: u64,
    pub(super) time: u32,
    pub(super) ssrc: u32,
    pub(super) payload_type: u8,
    pub(super) recovered: bool,
    pub(super) payload: &'a [u8],
}

#[derive(Debug, Default)]
pub(super) struct Inbox {
    slots: BTreeMap<Arc<str>, SlotMeter>,
    tracks: BTreeMap<(Arc<str>, Origin), (Codec, TrackMeter)>,
    marks_changed: u64,
}

impl Inbox {
    pub(super) fn arrived(&mut self, packet: &Packet<'_>, now_us: u64) {
        let slot = self.slots.entry(Arc::clone(packet.mid)).or_default();
        slot.arrived(packet.seq, packet.time, packet.ssrc, packet.payload_type, packet.recovered);
        let located = payload::locate(packet.codec, packet.payload);
        let read = located.map(|at| (at, Stamp::read(packet.payload.get(at.stamp_at..).unwrap_or_default())));
        let Some((located, Ok(stamp))) = read else {
            slot.unstamped();
            return;
        };
        let key_start = stamp.key && stamp.index == 0 && packet.codec != Codec::Opus;
        self.marks_changed += u64::from(key_start != located.key_start);
        let key = (Arc::clone(packet.mid), stamp.origin);
        if self.tracks.len() >= TRACKS_MAX && !self.tracks.contains_key(&key) {
            return;
        }
        let (codec, meter) = self.tracks.entry(key).or_insert_with(|| (packet.codec, TrackMeter::default()));
        *codec = packet.codec;
        meter.arrived(&Arrival { now_us, bytes: packet.payload.len(), stamp });
    }

    pub(super) fn feedback(&mut self, mid: &str, nacks: u64, key_frame_requests: u64) {
        self.slots.entry(Arc::from(mid)).or_default().feedback(nacks, key_frame_requests);
    }

    pub(super) fn slots(&self) -> BTreeMap<String, SlotStats> {
        self.slots.iter().map(|(mid, meter)| (mid.to_string(), meter.stats().clone())).collect()
    }

    pub(super) fn tracks(&self, now_us: u64) -> Vec<ReceivedTrack> {
        let received = |((mid, origin), (codec, meter)): (&(Arc<str>, Origin), &(Codec, TrackMeter))| ReceivedTrack {
            mid: mid.to_string(),
            origin: *origin,
            codec: *codec,
            stats: meter.stats_at(now_us),
        };
        self.tracks.iter().map(received).collect()
    }

    pub(super) fn marks_changed(&self) -> u64 {
        self.marks_changed
    }
}
