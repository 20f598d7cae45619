//! What one receiver saw on one m-line, read from the RTP headers: the forwarder's own numbering.
//!
//! **Invariant:** `expected` is at least `packets`; the difference is what never came.

use std::collections::BTreeSet;

/// SSRCs and payload types remembered for each slot: a slot has one SSRC, and no connection offers more types.
const SEEN_MAX: usize = 64;

/// Counts one m-line's RTP packets.
#[derive(Clone, Debug, Default)]
pub struct SlotMeter {
    stats: SlotStats,
    first: Option<u64>,
    highest: Option<(u64, u32)>,
}

/// What one receiver saw on one m-line.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SlotStats {
    /// Packets that reached the client, each sequence number once.
    pub packets: u64,
    /// Sequence numbers from the first to the highest one seen.
    pub expected: u64,
    /// Packets below the highest one that came by themselves.
    pub reordered: u64,
    /// Packets that came by retransmission (RFC 4588).
    pub recovered: u64,
    /// Packets without a readable stamp: changed on their way, or not of this load generator.
    pub unstamped: u64,
    /// Times that a higher sequence number had an earlier RTP time (RFC 3550; half the range is "earlier").
    pub time_went_back: u64,
    /// Every SSRC seen; a slot keeps its one.
    pub ssrcs: BTreeSet<u32>,
    /// Every payload type seen.
    pub payload_types: BTreeSet<u8>,
    /// NACKs that the client's stack sent, as it reports every 250 ms.
    pub nacks: u64,
    /// PLIs and FIRs that the client's stack sent, likewise.
    pub key_frame_requests: u64,
}

impl SlotStats {
    /// Sequence numbers that never came.
    #[must_use]
    pub const fn lost(&self) -> u64 {
        self.expected.saturating_sub(self.packets)
    }
}

impl SlotMeter {
    /// Counts a packet by its header; `seq` is the extended sequence number.
    pub fn arrived(&mut self, seq: u64, time: u32, ssrc: u32, payload_type: u8, recovered: bool) {
        let stats = &mut self.stats;
        stats.packets += 1;
        stats.recovered += u64::from(recovered);
        if stats.ssrcs.len() < SEEN_MAX {
            stats.ssrcs.insert(ssrc);
        }
        stats.payload_types.insert(payload_type);
        let first = self.first.map_or(seq, |first| first.min(seq));
        self.first = Some(first);
        match self.highest {
            Some((highest, _)) if seq < highest => stats.reordered += u64::from(!recovered),
            Some((_, before)) => {
                stats.time_went_back += u64::from(time.wrapping_sub(before) > u32::MAX / 2);
                self.highest = Some((seq, time));
            }
            None => self.highest = Some((seq, time)),
        }
        let highest = self.highest.map_or(seq, |(highest, _)| highest);
        stats.expected = highest.saturating_sub(first) + 1;
    }

    /// Notes a packet without a stamp.
    pub fn unstamped(&mut self) {
        self.stats.unstamped += 1;
    }

    /// Takes over what the stack says that it sent.
    pub fn feedback(&mut self, nacks: u64, key_frame_requests: u64) {
        self.stats.nacks = nacks;
        self.stats.key_frame_requests = key_frame_requests;
    }

    /// Everything until now.
    #[must_use]
    pub fn stats(&self) -> &SlotStats {
        &self.stats
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn holes_reorder_and_repair_are_told_apart() {
        let mut meter = SlotMeter::default();
        for (seq, recovered) in [(10, false), (11, false), (14, false), (12, true), (13, false), (17, false)] {
            meter.arrived(seq, u32::try_from(seq).unwrap() * 3_000, 7, 96, recovered);
        }
        let stats = meter.stats();
        assert_eq!((stats.packets, stats.expected, stats.lost()), (6, 8, 2));
        assert_eq!((stats.recovered, stats.reordered, stats.time_went_back), (1, 1, 0));
        assert_eq!(stats.ssrcs, BTreeSet::from([7]));
    }

    #[test]
    fn time_that_runs_back_is_counted_and_wrapping_is_not() {
        let mut meter = SlotMeter::default();
        for (seq, time) in [(1, u32::MAX - 10), (2, 20), (3, 10)] {
            meter.arrived(seq, time, 7, 96, false);
        }
        assert_eq!(meter.stats().time_went_back, 1);
    }
}
