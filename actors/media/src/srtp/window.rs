//! A sliding bitmap of indices: which have been taken.
//!
//! **Invariant:** [`Window::take`] succeeds at most once for an index, for ever.

/// Words of the bitmap. 1,024 indices are 1 s of the busiest stream that we expect, and 136 bytes of memory.
const WORDS: usize = 17;
const BITS: u64 = 64;

/// Why an index cannot be taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// It has been taken.
    Repeated,
    /// It is older than the window.
    Old,
}

/// Remembers the last 1,024 indices exactly and refuses older ones.
#[derive(Clone, Debug, Default)]
pub(crate) struct Window {
    /// One past the highest index taken; 0 when none was.
    next: u64,
    words: [u64; WORDS],
}

impl Window {
    /// The highest index taken.
    #[inline]
    pub(crate) fn highest(&self) -> Option<u64> {
        self.next.checked_sub(1)
    }

    /// Whether [`Window::take`] would succeed.
    #[inline]
    pub(crate) fn check(&self, index: u64) -> Result<(), Refusal> {
        let block = index / BITS;
        if index >= self.next {
            return Ok(());
        }
        if (self.next - 1) / BITS - block >= WORDS as u64 {
            return Err(Refusal::Old);
        }
        match self.words.get(word(block)) {
            Some(word) if word & bit(index) == 0 => Ok(()),
            _ => Err(Refusal::Repeated),
        }
    }

    /// Takes an index.
    #[inline]
    pub(crate) fn take(&mut self, index: u64) -> Result<(), Refusal> {
        self.check(index)?;
        if index >= self.next {
            // words between the old highest block and the new one hold indices of long ago
            let (from, to) = (self.highest().map_or(0, |highest| highest / BITS + 1), index / BITS);
            for block in from.max(to.saturating_sub(WORDS as u64 - 1))..=to {
                if let Some(word) = self.words.get_mut(word(block)) {
                    *word = 0;
                }
            }
            self.next = index + 1;
        }
        if let Some(word) = self.words.get_mut(word(index / BITS)) {
            *word |= bit(index);
        }
        Ok(())
    }
}

#[inline]
#[expect(clippy::cast_possible_truncation, reason = "a remainder of 17")]
const fn word(block: u64) -> usize {
    (block % WORDS as u64) as usize
}

#[inline]
const fn bit(index: u64) -> u64 {
    1 << (index % BITS)
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_window_ends_behind_the_highest() {
        let mut window = Window::default();
        assert_eq!(window.take(5), Ok(()));
        assert_eq!(window.take(5), Err(Refusal::Repeated));
        assert_eq!(window.take(4), Ok(()));
        assert_eq!(window.take(100_000), Ok(()));
        assert_eq!(window.take(100_000 - 1_023), Ok(()));
        assert_eq!(window.take(100_000 - 1_200), Err(Refusal::Old));
        assert_eq!(window.take(4), Err(Refusal::Old));
    }

    proptest! {
        /// Against a set that forgets nothing: never twice, and everything new within 1,024 of the highest.
        #[test]
        fn an_index_is_taken_once(jumps in prop::collection::vec((-1_500i64..1_500, prop::bool::weighted(0.02)), 1..600)) {
            let (mut window, mut taken, mut highest) = (Window::default(), HashSet::new(), 2_000u64);
            for (jump, far) in jumps {
                let index = highest.saturating_add_signed(jump) + if far { 70_000 } else { 0 };
                let result = window.take(index);
                prop_assert_eq!(window.check(index).is_ok(), false);
                let new = !taken.contains(&index);
                let near = window.highest().is_some_and(|h| h < index + 1_024);
                prop_assert!(result.is_err() || new, "{} twice", index);
                prop_assert!(!(new && near) || result.is_ok(), "{} refused", index);
                if result.is_ok() {
                    taken.insert(index);
                }
                highest = highest.max(index);
            }
        }
    }
}
