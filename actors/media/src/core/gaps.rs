//! Numbers of a stream without the packets that are never forwarded: padding that a publisher sent as a probe.
//!
//! Ranges are kept, not a running offset: a late packet from before a range keeps the number that it would have had.
//!
//! **Invariant:** the number of a sequence position never changes once a packet at or behind that position was numbered.

use std::collections::VecDeque;

/// Ranges kept. What lies before the oldest one is too late to be numbered. Probes come in bursts: each is one range.
const RANGES_MAX: usize = 64;

#[derive(Clone, Copy, Debug)]
struct Range {
    first: u64,
    /// One past the last.
    end: u64,
    /// Padding positions before this range.
    before: u64,
}

/// The padding of one incoming stream.
#[derive(Clone, Debug, Default)]
pub(crate) struct Gaps {
    ranges: VecDeque<Range>,
    /// The highest position numbered.
    highest: Option<u64>,
    /// Positions below this have no number any more.
    floor: u64,
}

impl Gaps {
    /// A padding packet came. Behind one that has been numbered, the position stays a hole.
    pub(crate) fn skip(&mut self, position: u64) {
        if self.highest.is_some_and(|highest| position < highest) {
            return;
        }
        let at = self.ranges.iter().rposition(|range| range.first <= position).map_or(0, |at| at + 1);
        if let Some(range) = at.checked_sub(1).and_then(|at| self.ranges.get(at))
            && position < range.end
        {
            return;
        }
        self.ranges.insert(at, Range { first: position, end: position + 1, before: 0 });
        self.merge(at);
        let mut before = self.ranges.front().map_or(0, |range| range.before);
        for range in &mut self.ranges {
            range.before = before;
            before += range.end - range.first;
        }
        if self.ranges.len() > RANGES_MAX
            && let Some(oldest) = self.ranges.pop_front()
        {
            self.floor = oldest.end;
        }
    }

    /// Joins the range at `at` with its neighbours if they touch.
    fn merge(&mut self, at: usize) {
        for left in [Some(at), at.checked_sub(1)].into_iter().flatten() {
            let (Some(range), Some(next)) = (self.ranges.get(left).copied(), self.ranges.get(left + 1).copied()) else {
                continue;
            };
            if range.end == next.first {
                self.ranges.remove(left + 1);
                if let Some(range) = self.ranges.get_mut(left) {
                    range.end = next.end;
                }
            }
        }
    }

    /// The number of a media packet at `position`; none if that was padding, or is too old to tell.
    #[inline]
    pub(crate) fn number(&mut self, position: u64) -> Option<u64> {
        if position < self.floor {
            return None;
        }
        self.highest = Some(self.highest.map_or(position, |highest| highest.max(position)));
        match self.ranges.iter().rev().find(|range| range.first <= position) {
            None => Some(position - self.ranges.front().map_or(0, |range| range.before)),
            Some(range) if position < range.end => None,
            Some(range) => Some(position - range.before - (range.end - range.first)),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn padding_leaves_no_hole_and_late_packets_keep_their_place() {
        let mut gaps = Gaps::default();
        assert_eq!(gaps.number(10), Some(10));
        gaps.skip(12);
        gaps.skip(13);
        assert_eq!(gaps.number(14), Some(12));
        assert_eq!(gaps.number(11), Some(11));
        gaps.skip(9);
        assert_eq!(gaps.number(8), Some(8), "padding that came too late stays a hole");
        assert_eq!(gaps.number(13), None);
    }

    proptest! {
        /// In order, whatever the padding: numbers are gapless. Out of order: each number once, in the order of positions.
        #[test]
        fn numbers_are_unique_and_ordered(
            kinds in prop::collection::vec(prop::bool::weighted(0.3), 1..300),
            swaps in prop::collection::vec((0usize..300, 1usize..8), 0..60),
        ) {
            let mut order: Vec<usize> = (0..kinds.len()).collect();
            for (at, by) in &swaps {
                if at + by < order.len() {
                    order.swap(*at, at + by);
                }
            }
            let (mut gaps, mut numbered) = (Gaps::default(), Vec::new());
            for at in order {
                let position = 1_000 + at as u64;
                if kinds[at] {
                    gaps.skip(position);
                } else if let Some(number) = gaps.number(position) {
                    numbered.push((position, number));
                }
            }
            if swaps.is_empty() {
                prop_assert!(numbered.windows(2).all(|pair| pair[1].1 == pair[0].1 + 1));
            }
            numbered.sort_unstable();
            prop_assert!(numbered.windows(2).all(|pair| pair[0].1 < pair[1].1));
        }
    }
}
