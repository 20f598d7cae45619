//! What one receiver saw of one track, read from the stamps alone.
//!
//! **Invariant:** a packet is counted once as new and otherwise as a duplicate; a frame is complete, partial, or missing.

use std::collections::BTreeMap;

use super::Histogram;
use crate::stamp::Stamp;

/// Frames watched at once, two seconds at 30 per second: what is still incomplete then would not be shown any more.
const FRAMES_WATCHED: u32 = 64;
/// Packets of a frame that are told apart; the sources make no larger frames.
pub const FRAME_PACKETS_MAX: u16 = 128;

/// One packet as it arrived.
#[derive(Clone, Copy, Debug)]
pub struct Arrival {
    /// When, us on [`crate::clock`].
    pub now_us: u64,
    /// Bytes of its RTP payload.
    pub bytes: usize,
    /// What it says of itself.
    pub stamp: Stamp,
}

/// Counts one track's packets at one receiver.
#[derive(Clone, Debug, Default)]
pub struct TrackMeter {
    stats: TrackStats,
    watched: BTreeMap<u32, Watched>,
    last_packet_us: Option<u64>,
    last_frame_us: Option<u64>,
}

#[derive(Clone, Copy, Debug)]
struct Watched {
    seen: u128,
    left: u16,
}

/// What one receiver saw of one track since the meter was made.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TrackStats {
    /// New packets.
    pub packets: u64,
    /// Their RTP payload.
    pub bytes: u64,
    /// Packets whose stamp was seen before: something was forwarded twice.
    pub duplicates: u64,
    /// Packets of frames so old that they were counted as partial or missing already.
    pub late: u64,
    /// Packets of a frame before the newest one: reordered, or repaired.
    pub behind: u64,
    /// Frames with all their packets.
    pub frames_complete: u64,
    /// Complete frames that were key frames.
    pub key_frames: u64,
    /// Frames given up with packets missing.
    pub frames_partial: u64,
    /// Frames given up of which nothing was seen, from the first one seen on.
    pub frames_missing: u64,
    /// The first frame's number.
    pub first_frame: Option<u32>,
    /// The highest frame's number.
    pub last_frame: Option<u32>,
    /// When the first packet arrived, us.
    pub first_us: Option<u64>,
    /// When the first complete key frame (sound: packet) was there, us.
    pub first_picture_us: Option<u64>,
    /// From the sender's stack to the receiver's, us, for each new packet.
    pub latency_us: Histogram,
    /// The longest time between two packets, us.
    pub packet_gap_us_max: u64,
    /// The longest time between two complete frames, us.
    pub frame_gap_us_max: u64,
}

impl TrackMeter {
    /// Counts a packet.
    pub fn arrived(&mut self, arrival: &Arrival) {
        let Arrival { now_us, bytes, stamp } = *arrival;
        let stats = &mut self.stats;
        let newest = stats.last_frame;
        if !self.watched.contains_key(&stamp.frame) && !self.watch(&stamp) {
            self.stats.late += 1;
            return;
        }
        let stats = &mut self.stats;
        let Some(frame) = self.watched.get_mut(&stamp.frame) else { return };
        let bit = 1u128 << stamp.index.min(FRAME_PACKETS_MAX - 1);
        if frame.seen & bit != 0 {
            stats.duplicates += 1;
            return;
        }
        frame.seen |= bit;
        frame.left = frame.left.saturating_sub(1);
        let complete = frame.left == 0;
        stats.packets += 1;
        stats.bytes += bytes as u64;
        stats.first_us.get_or_insert(now_us);
        stats.behind += u64::from(newest.is_some_and(|newest| stamp.frame < newest));
        stats.latency_us.record(now_us.saturating_sub(stamp.sent_us));
        widen(&mut stats.packet_gap_us_max, &mut self.last_packet_us, now_us);
        if complete {
            stats.frames_complete += 1;
            stats.key_frames += u64::from(stamp.key);
            if stamp.key {
                stats.first_picture_us.get_or_insert(now_us);
            }
            widen(&mut stats.frame_gap_us_max, &mut self.last_frame_us, now_us);
        }
    }

    /// Everything until now. Frames still watched are not yet called partial or missing.
    #[must_use]
    pub fn stats(&self) -> &TrackStats {
        &self.stats
    }

    /// Everything until `now_us`, with the running silence counted into the gaps.
    #[must_use]
    pub fn stats_at(&self, now_us: u64) -> TrackStats {
        let mut stats = self.stats.clone();
        widen(&mut stats.packet_gap_us_max, &mut self.last_packet_us.clone(), now_us);
        widen(&mut stats.frame_gap_us_max, &mut self.last_frame_us.clone(), now_us);
        stats
    }

    /// Watches a new frame, giving up the oldest; false if it is older than all that may still be watched.
    fn watch(&mut self, stamp: &Stamp) -> bool {
        let stats = &mut self.stats;
        let first = *stats.first_frame.get_or_insert(stamp.frame);
        let newest = stats.last_frame.unwrap_or(first);
        let floor = newest.saturating_sub(FRAMES_WATCHED - 1);
        if stamp.frame < floor.max(first) {
            // What is older than the first one seen was sent before the subscription's beginning.
            return false;
        }
        stats.last_frame = Some(newest.max(stamp.frame));
        self.watched.insert(stamp.frame, Watched { seen: 0, left: stamp.count.clamp(1, FRAME_PACKETS_MAX) });
        let floor = newest.max(stamp.frame).saturating_sub(FRAMES_WATCHED - 1);
        self.give_up(first, newest.saturating_sub(FRAMES_WATCHED - 1).max(first), floor);
        true
    }

    /// Judges the frames from `was` up to, but without, `floor`, which are watched no longer.
    fn give_up(&mut self, first: u32, was: u32, floor: u32) {
        if floor <= was || floor <= first {
            return;
        }
        let kept = self.watched.split_off(&floor);
        let gone = std::mem::replace(&mut self.watched, kept);
        let partial = gone.values().filter(|frame| frame.left > 0).count() as u64;
        self.stats.frames_partial += partial;
        self.stats.frames_missing += u64::from(floor - was).saturating_sub(gone.len() as u64);
    }
}

/// Notes an event at `now_us` and widens the longest gap between two.
fn widen(gap_max: &mut u64, last: &mut Option<u64>, now_us: u64) {
    if let Some(last) = last.replace(now_us) {
        *gap_max = (*gap_max).max(now_us.saturating_sub(last));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stamp::Origin;

    fn packet(frame: u32, index: u16, count: u16) -> Arrival {
        let stamp = Stamp { origin: Origin::default(), frame, index, count, key: frame == 0, sent_us: 100 };
        Arrival { now_us: 1_000 * u64::from(frame) + u64::from(index) + 100, bytes: 10, stamp }
    }

    #[test]
    fn whole_frames_are_complete() {
        let mut meter = TrackMeter::default();
        for frame in 0..200 {
            for index in 0..3 {
                meter.arrived(&packet(frame, index, 3));
            }
        }
        let stats = meter.stats();
        assert_eq!((stats.packets, stats.frames_complete, stats.key_frames), (600, 200, 1));
        assert_eq!((stats.frames_partial, stats.frames_missing, stats.duplicates, stats.late), (0, 0, 0, 0));
        assert_eq!((stats.packet_gap_us_max, stats.frame_gap_us_max), (998, 1_000));
        assert_eq!(stats.first_picture_us, Some(102));
    }

    #[test]
    fn lost_packets_make_partial_frames_and_lost_frames_are_missing() {
        let mut meter = TrackMeter::default();
        for frame in (0..200).filter(|frame| frame % 10 != 5) {
            for index in (0..3).filter(|index| frame % 10 != 7 || *index != 1) {
                meter.arrived(&packet(frame, index, 3));
            }
        }
        let stats = meter.stats();
        // 200 frames less the 64 that are still watched (136 to 199).
        assert_eq!(stats.frames_missing, 14);
        assert_eq!(stats.frames_partial, 13);
        assert_eq!(stats.frames_complete, 160);
    }

    #[test]
    fn the_same_packet_again_is_a_duplicate_and_an_old_one_is_late() {
        let mut meter = TrackMeter::default();
        for frame in [0, 1, 1, 3, 2, 300, 2] {
            meter.arrived(&packet(frame, 0, 1));
        }
        let stats = meter.stats();
        assert_eq!((stats.packets, stats.duplicates, stats.behind, stats.late), (5, 1, 1, 1));
        assert_eq!((stats.frames_missing, stats.frames_partial), (300 - 63 - 4, 0));
    }

    #[test]
    fn a_running_silence_counts() {
        let mut meter = TrackMeter::default();
        meter.arrived(&packet(0, 0, 1));
        assert_eq!(meter.stats().packet_gap_us_max, 0);
        assert_eq!(meter.stats_at(5_100).packet_gap_us_max, 5_000);
        assert_eq!(meter.stats_at(5_100).frame_gap_us_max, 5_000);
    }
}
