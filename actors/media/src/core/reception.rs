//! What a publisher's stream lost and how evenly it comes: the figures of a receiver report (RFC 3550 A.3, A.8).
//!
//! **Invariant:** retransmissions are not counted, so that loss is the network's.

use crate::{bits::low32, clock::Now, rtcp::Block};

/// Counts of one incoming stream.
#[derive(Clone, Debug, Default)]
pub(crate) struct Reception {
    first: Option<u64>,
    highest: u64,
    received: u64,
    expected_before: u64,
    received_before: u64,
    /// In 1/16 ticks of the RTP clock.
    jitter: u32,
    transit: Option<u32>,
    report: Option<Report>,
}

/// A publisher's last sender report.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Report {
    pub(crate) ntp: u64,
    pub(crate) timestamp: u32,
    at: Now,
}

impl Reception {
    #[inline]
    pub(crate) fn received(&mut self, index: u64, timestamp: u32, ticks_per_ms: u32, now: Now) {
        self.first = Some(self.first.map_or(index, |first| first.min(index)));
        self.highest = self.highest.max(index);
        self.received += 1;
        let arrival = low32(now.nanos() / 1_000 * u64::from(ticks_per_ms) / 1_000);
        let transit = arrival.wrapping_sub(timestamp);
        if let Some(before) = self.transit.replace(transit) {
            let change = transit.wrapping_sub(before).cast_signed().unsigned_abs();
            // A change of a minute is a new clock, not jitter.
            if change < ticks_per_ms * 60_000 {
                self.jitter = self.jitter.saturating_add(change).saturating_sub((self.jitter + 8) >> 4);
            }
        }
    }

    /// The index after the highest received; none before the first.
    #[inline]
    pub(crate) fn next(&self) -> Option<u64> {
        self.first.map(|_| self.highest + 1)
    }

    pub(crate) fn report_came(&mut self, ntp: u64, timestamp: u32, now: Now) {
        self.report = Some(Report { ntp, timestamp, at: now });
    }

    pub(crate) fn report(&self) -> Option<Report> {
        self.report
    }

    /// The block of the next receiver report; none before the first packet.
    pub(crate) fn block(&mut self, ssrc: u32, now: Now) -> Option<Block> {
        let expected = self.highest - self.first? + 1;
        let expected_since = expected - self.expected_before;
        let lost_since = expected_since.saturating_sub(self.received - self.received_before);
        (self.expected_before, self.received_before) = (expected, self.received);
        let fraction = (lost_since * 256).checked_div(expected_since).unwrap_or(0).min(255);
        let lost = expected.cast_signed() - self.received.cast_signed();
        let (last_report, delay) = self.report.map_or((0, 0), |report| {
            let age = (now.since(report.at).as_nanos() << 16) / 1_000_000_000;
            (low32(report.ntp >> 16), u32::try_from(age).unwrap_or(u32::MAX))
        });
        Some(Block {
            ssrc,
            fraction_lost: crate::bits::low8(fraction),
            lost: i32::try_from(lost.clamp(-0x80_0000, 0x7F_FFFF)).unwrap_or(0),
            highest: low32(self.highest),
            jitter: self.jitter >> 4,
            last_report,
            delay,
        })
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn ms(ms: u64) -> Now {
        Now::at(Duration::from_millis(ms))
    }

    #[test]
    fn loss_is_since_the_last_report_and_in_all() {
        let mut reception = Reception::default();
        assert_eq!(reception.block(5, ms(0)), None);
        for index in [65_534, 65_535, 65_538, 65_537] {
            reception.received(index, 0, 48, ms(100));
        }
        let block = reception.block(5, ms(100)).unwrap();
        assert_eq!((block.fraction_lost, block.lost, block.highest), (51, 1, 0x1_0002));
        reception.received(65_539, 0, 48, ms(100));
        let block = reception.block(5, ms(100)).unwrap();
        assert_eq!((block.fraction_lost, block.lost), (0, 1));
    }

    #[test]
    fn jitter_is_a_sixteenth_of_each_change() {
        let mut reception = Reception::default();
        // even arrivals have none, then one packet is 16 ms late: 16 * 90 / 16 ticks
        for i in 0..50u32 {
            reception.received(u64::from(i), i * 33 * 90, 90, ms(u64::from(i) * 33));
        }
        assert_eq!(reception.block(1, ms(0)).unwrap().jitter, 0);
        reception.received(50, 50 * 33 * 90, 90, ms(50 * 33 + 16));
        assert_eq!(reception.block(1, ms(0)).unwrap().jitter, 90);
    }

    #[test]
    fn the_last_report_and_its_age_are_told() {
        let mut reception = Reception::default();
        reception.received(1, 0, 90, ms(0));
        reception.report_came(0x1111_2222_3333_4444, 7, ms(1_000));
        let block = reception.block(1, ms(1_500)).unwrap();
        assert_eq!((block.last_report, block.delay), (0x2222_3333, 0x8000));
    }
}
