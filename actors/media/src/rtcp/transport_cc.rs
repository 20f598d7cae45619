//! Transport-wide feedback (draft-holmer-rmcat-transport-wide-cc-extensions-01): when each packet arrived.
//!
//! A publisher's bandwidth estimate lives on this. One report covers a contiguous range of numbers, those that are
//! missing included; ranges follow on each other without overlap.
//!
//! **Invariant:** each report begins where the last one ended, unless the numbers jumped by
//! [`SPAN_MAX`] or more; then it begins anew.

use super::write::{begin_transport_cc, finish};
use crate::{
    bits::{len16, low16, low32, put},
    clock::Now,
};

/// Arrivals kept until they are reported. Feedback goes out at once when half of it is used.
pub(crate) const ARRIVALS_MAX: usize = 256;
/// Numbers that one report covers at the most; a larger jump is a restart of the sender, not loss.
const SPAN_MAX: u64 = 2_048;
/// A tick of a delta is 250 us.
const TICK_NANOS: u64 = 250_000;
/// A tick of the reference time is 64 ms.
const REFERENCE_TICKS: u64 = 256;

/// Arrivals that wait to be reported.
#[derive(Clone, Debug, Default)]
pub(crate) struct Recorder {
    /// The number that the next report begins with, extended; begins at 2^16 so that it can go back.
    next: Option<u64>,
    arrivals: Vec<(u64, u64)>,
    count: u8,
    symbols: Vec<u8>,
}

impl Recorder {
    /// Notes an arrival. Numbers that were reported missing stay so.
    #[inline]
    pub(crate) fn record(&mut self, number: u16, now: Now) {
        let next = *self.next.get_or_insert(0x1_0000 | u64::from(number));
        let newest = self.arrivals.last().map_or(next, |(number, _)| *number);
        let ahead = number.wrapping_sub(low16(newest));
        let extended =
            if ahead < 0x8000 { newest + u64::from(ahead) } else { newest.saturating_sub(0x1_0000 - u64::from(ahead)) };
        if extended >= next && self.arrivals.len() < ARRIVALS_MAX {
            if self.arrivals.capacity() == 0 {
                self.arrivals.reserve_exact(ARRIVALS_MAX);
            }
            // sorted by number: packets come in order but for a few
            let at = self.arrivals.iter().rposition(|(number, _)| *number <= extended).map_or(0, |at| at + 1);
            let twice = at.checked_sub(1).and_then(|at| self.arrivals.get(at)).is_some_and(|(n, _)| *n == extended);
            if !twice {
                self.arrivals.insert(at, (extended, now.nanos() / TICK_NANOS));
            }
        }
    }

    /// How many arrivals wait.
    #[inline]
    pub(crate) fn waiting(&self) -> usize {
        self.arrivals.len()
    }

    /// Appends one report; false when there is nothing to report. There may be more to report after it.
    ///
    /// `media` must be one of the publisher's own SSRCs: browsers drop the packet otherwise.
    pub(crate) fn report(&mut self, out: &mut Vec<u8>, sender: u32, media: u32) -> bool {
        let (Some(&(first, arrived)), Some(next)) = (self.arrivals.first(), self.next) else { return false };
        let base = if first - next >= SPAN_MAX { first } else { next };
        let reference = arrived / REFERENCE_TICKS;
        let start = begin_transport_cc(out, sender, media);
        out.extend_from_slice(&low16(base).to_be_bytes());
        out.extend_from_slice(&[0, 0]);
        out.extend_from_slice(&(low32(reference) << 8 | u32::from(self.count)).to_be_bytes());
        self.count = self.count.wrapping_add(1);

        // which packets: as far as deltas fit 16 bits and the range its limit
        self.symbols.clear();
        let (mut at, mut taken, mut number) = (reference * REFERENCE_TICKS, 0, base);
        for (extended, arrived) in &self.arrivals {
            let delta = arrived.cast_signed() - at.cast_signed();
            if extended - base >= SPAN_MAX || i16::try_from(delta).is_err() {
                break;
            }
            self.symbols.resize(self.symbols.len() + usize::try_from(extended - number).unwrap_or(0), 0);
            self.symbols.push(if (0..256).contains(&delta) { 1 } else { 2 });
            (at, taken, number) = (*arrived, taken + 1, extended + 1);
        }
        chunks(&self.symbols, out);
        let mut at = reference * REFERENCE_TICKS;
        for (_, arrived) in self.arrivals.drain(..taken) {
            let delta = arrived.cast_signed() - at.cast_signed();
            match u8::try_from(delta) {
                Ok(small) => out.push(small),
                Err(_) => out.extend_from_slice(&i16::try_from(delta).unwrap_or(0).to_be_bytes()),
            }
            at = arrived;
        }
        put(out, start + 14, &len16(self.symbols.len()).to_be_bytes());
        finish(out, start);
        self.next = Some(number);
        taken > 0
    }
}

/// Writes status chunks: runs where a symbol repeats, else vectors of one bit (14 symbols) or two bits (7).
fn chunks(mut symbols: &[u8], out: &mut Vec<u8>) {
    const RUN_MAX: usize = 0x1FFF;
    while let Some(first) = symbols.first() {
        let run = symbols.iter().take(RUN_MAX).take_while(|symbol| *symbol == first).count();
        let one_bit = symbols.iter().take(14).all(|symbol| *symbol < 2);
        let vector = if one_bit { 14 } else { 7 };
        let (chunk, used) = if run >= vector || run == symbols.len() {
            (u16::from(*first) << 13 | len16(run), run)
        } else if one_bit {
            let bits = |word: u16, (at, symbol): (usize, &u8)| word | u16::from(*symbol) << (13 - at);
            (symbols.iter().take(14).enumerate().fold(0x8000, bits), 14)
        } else {
            let bits = |word: u16, (at, symbol): (usize, &u8)| word | u16::from(*symbol) << (12 - 2 * at);
            (symbols.iter().take(7).enumerate().fold(0xC000, bits), 7)
        };
        out.extend_from_slice(&chunk.to_be_bytes());
        symbols = symbols.get(used..).unwrap_or_default();
    }
}

/// The 8-bit count of the last report, for tests of its wrap.
#[cfg(test)]
impl Recorder {
    pub(crate) fn count(&self) -> u8 {
        self.count
    }
}
