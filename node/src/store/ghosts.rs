//! Which rows of a room's chat are seen, and which are ghosts of writes whose outcome was unknown.
//!
//! A row of epoch e is a ghost if any later epoch begins at or before its number. Put the other way round: at number s only
//! rows of the highest epoch that has begun by then, or of one above it, are seen.
//!
//! **Invariant:** an epoch's rows below every later epoch's first are never hidden.

use rookery_schemas::ids::{Epoch, Seq};
use rookery_schemas::rows::SealRow;

/// The highest epoch that has begun, as a function of the message's number.
///
/// Steps of (first number, epoch), both strictly rising.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Reign(Vec<(Seq, Epoch)>);

impl Reign {
    /// From a room's seals, in any order.
    pub(super) fn of(mut seals: Vec<SealRow>) -> Self {
        seals.sort_by_key(|seal| (seal.first_seq, seal.epoch));
        let mut steps: Vec<(Seq, Epoch)> = Vec::with_capacity(seals.len());
        for SealRow { epoch, first_seq } in seals {
            match steps.last_mut() {
                Some((_, highest)) if *highest >= epoch => {}
                Some((first, highest)) if *first == first_seq => *highest = epoch,
                _ => steps.push((first_seq, epoch)),
            }
        }
        Self(steps)
    }

    /// Whether the row of this number and epoch is seen.
    pub(super) fn shows(&self, seq: Seq, epoch: Epoch) -> bool {
        let begun = self.0.partition_point(|(first, _)| *first <= seq);
        begun.checked_sub(1).and_then(|last| self.0.get(last)).is_none_or(|(_, highest)| epoch >= *highest)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seal(epoch: u64, first_seq: u64) -> SealRow {
        SealRow { epoch: Epoch(epoch), first_seq: Seq(first_seq) }
    }

    #[test]
    fn rows_at_or_beyond_a_later_epoch_are_hidden() {
        let reign = Reign::of(vec![seal(3, 10), seal(1, 1), seal(7, 14)]);
        for (seq, epoch, seen) in
            [(9, 1, true), (10, 1, false), (10, 3, true), (13, 3, true), (14, 3, false), (14, 7, true), (9, 7, true)]
        {
            assert_eq!(reign.shows(Seq(seq), Epoch(epoch)), seen, "seq {seq} of epoch {epoch}");
        }
        assert!(Reign::default().shows(Seq(1), Epoch(1)), "without seals all is seen");
    }

    #[test]
    fn it_is_the_rule_for_every_small_case() {
        // Three epochs, each unsealed (0) or sealed at 1 to 4: the rule itself, spelt out, against the steps.
        for code in 0..125_u64 {
            let firsts = [code % 5, code / 5 % 5, code / 25];
            let seals: Vec<SealRow> =
                (1..).zip(firsts).filter(|(_, first)| *first > 0).map(|(epoch, first)| seal(epoch, first)).collect();
            let reign = Reign::of(seals.clone());
            for (seq, epoch) in (1..6).flat_map(|seq| (1..5).map(move |epoch| (Seq(seq), Epoch(epoch)))) {
                let hidden = seals.iter().any(|seal| seal.epoch > epoch && seq >= seal.first_seq);
                assert_eq!(reign.shows(seq, epoch), !hidden, "{seq:?} of {epoch:?} under {firsts:?}");
            }
        }
    }
}
