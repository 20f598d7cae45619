//! Which packets of a publisher are missing, when to ask for them, and when to give up.
//!
//! **Invariant:** at most [`MISSING_MAX`] positions; each is asked for at most [`TRIES_MAX`] times and not after
//! [`WORTH`].

use std::time::Duration;

use crate::{bits::low16, clock::Now};

/// Positions remembered. More at once is an outage, which a key frame repairs better.
pub(crate) const MISSING_MAX: usize = 256;
/// How often a packet is asked for.
const TRIES_MAX: u8 = 8;
/// How long a packet is worth having: receivers have frozen or gone on by then.
const WORTH: Duration = Duration::from_millis(1_200);
/// Before asking for the first time: packets that overtook each other arrive within this.
const REORDER: Duration = Duration::from_millis(5);
/// The round trip that is assumed until one is measured.
const ROUND_TRIP_FIRST: Duration = Duration::from_millis(80);
/// Never asked for again sooner than this.
const RETRY_MIN: Duration = Duration::from_millis(20);

#[derive(Clone, Copy, Debug)]
struct Position {
    index: u64,
    since: Now,
    next: Now,
    asked: Option<Now>,
    tries: u8,
}

/// The missing packets of one stream.
#[derive(Clone, Debug, Default)]
pub(crate) struct Missing {
    positions: Vec<Position>,
    round_trip: Option<Duration>,
}

impl Missing {
    /// The positions from `first` up to `end` are missing. False if they are too many: then all is forgotten.
    pub(crate) fn lost(&mut self, first: u64, end: u64, now: Now) -> bool {
        let count = usize::try_from(end - first).unwrap_or(usize::MAX);
        if count > MISSING_MAX - self.positions.len() {
            self.positions.clear();
            return false;
        }
        if self.positions.capacity() == 0 {
            self.positions.reserve_exact(MISSING_MAX);
        }
        let next = now.after(REORDER);
        self.positions.extend((first..end).map(|index| Position { index, since: now, next, asked: None, tries: 0 }));
        true
    }

    /// A packet came after all. Its answer time is a measure of the round trip if it was asked for once.
    #[inline]
    pub(crate) fn came(&mut self, index: u64, now: Now) {
        if self.positions.is_empty() {
            return;
        }
        let Some(at) = self.positions.iter().position(|position| position.index == index) else { return };
        let position = self.positions.remove(at);
        if let (1, Some(asked)) = (position.tries, position.asked) {
            let sample = now.since(asked);
            self.round_trip = Some(self.round_trip.map_or(sample, |before| (before * 7 + sample) / 8));
        }
    }

    /// When [`Missing::due`] has something to say.
    pub(crate) fn next(&self) -> Now {
        self.positions.iter().map(|position| position.next).min().unwrap_or(Now::NEVER)
    }

    /// Puts the sequence numbers to ask for now into `out`, ascending. Returns how many were given up.
    pub(crate) fn due(&mut self, now: Now, out: &mut Vec<u16>) -> usize {
        let before = self.positions.len();
        self.positions.retain(|position| {
            let over = position.tries >= TRIES_MAX || now.since(position.since) >= WORTH;
            !(over && position.next <= now)
        });
        let wait = (self.round_trip.unwrap_or(ROUND_TRIP_FIRST) * 5 / 4).max(RETRY_MIN);
        for position in self.positions.iter_mut().filter(|position| position.next <= now) {
            position.tries += 1;
            position.asked = Some(now);
            position.next = now.after(wait * u32::from(position.tries));
            out.push(low16(position.index));
        }
        before - self.positions.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ms(ms: u64) -> Now {
        Now::at(Duration::from_millis(ms))
    }

    fn due(missing: &mut Missing, at: u64) -> (Vec<u16>, usize) {
        let mut out = Vec::new();
        let given_up = missing.due(ms(at), &mut out);
        (out, given_up)
    }

    #[test]
    fn asking_waits_for_reordering_then_for_the_round_trip() {
        let mut missing = Missing::default();
        assert!(missing.lost(65_535, 65_538, ms(1_000)));
        assert_eq!(due(&mut missing, 1_004), (vec![], 0));
        missing.came(65_536, ms(1_004));
        assert_eq!(due(&mut missing, 1_005), (vec![65_535, 1], 0));
        assert_eq!(due(&mut missing, 1_050), (vec![], 0), "80 ms are assumed");
        missing.came(65_537, ms(1_045));
        assert_eq!(missing.next(), ms(1_105));
        assert_eq!(due(&mut missing, 1_105), (vec![65_535], 0));
        assert_eq!(missing.next(), ms(1_205), "40 ms were measured: 50 ms, the second time twice that");
    }

    #[test]
    fn what_never_comes_is_given_up() {
        let mut missing = Missing::default();
        assert!(missing.lost(1, 3, ms(0)));
        let (mut asked, mut given_up) = (0, 0);
        for at in 0..3_000 {
            let (out, gone) = due(&mut missing, at);
            asked += out.len();
            given_up += gone;
        }
        assert_eq!(given_up, 2);
        assert!((4..=16).contains(&asked), "{asked}");
        assert_eq!(missing.next(), Now::NEVER);
    }

    #[test]
    fn an_outage_is_not_asked_for() {
        let mut missing = Missing::default();
        assert!(missing.lost(0, MISSING_MAX as u64, ms(0)));
        assert!(!missing.lost(300, 301, ms(0)));
        assert_eq!(missing.next(), Now::NEVER);
    }
}
