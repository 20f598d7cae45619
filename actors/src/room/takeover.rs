//! What a new owner makes of the rows that the owners before it left.
//!
//! **Invariant:** `first_seq` is one past the gapless run of visible rows; every row at or beyond it becomes a ghost with
//! the seal that names it.

use rookery_schemas::ids::Seq;
use rookery_schemas::rows::{MessageRow, SealRow};

/// Rows of one group commit: what one append may write, and so what may lie beyond a gap.
pub(crate) const BATCH_MAX: usize = 256;

/// The end of a room's chat as its new owner finds it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Takeover {
    /// Where the new epoch begins.
    pub(crate) first_seq: Seq,
    /// Visible rows before it, gapless, oldest first, as far back as was read.
    pub(crate) recent: Vec<MessageRow>,
}

/// True if readers see this row: no later epoch begins at or before it.
pub(crate) fn visible(row: &MessageRow, seals: &[SealRow]) -> bool {
    !seals.iter().any(|seal| seal.epoch > row.epoch && seal.first_seq <= row.message.seq)
}

/// Finds the end of the gapless run in `rows`, which are all rows from `from` on, in the order of (seq, epoch).
///
/// `from` must be no later than one past what is surely gapless: the batch before the last visible row, or 1.
pub(crate) fn takeover(rows: &[MessageRow], seals: &[SealRow], from: Seq) -> Takeover {
    let mut next = Seq(from.0.max(1));
    let mut recent = Vec::new();
    for row in rows.iter().filter(|row| visible(row, seals)) {
        if row.message.seq == next {
            recent.push(row.clone());
            next = next.next();
        } else if row.message.seq > next {
            break;
        }
    }
    // An epoch that was sealed further on, though nothing of it is left to see, must not be gone back behind.
    let sealed = seals.iter().map(|seal| seal.first_seq).max().unwrap_or_default();
    Takeover { first_seq: next.max(sealed), recent }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rookery_schemas::ids::{Epoch, Nonce, PeerId, UnixMillis};
    use rookery_schemas::signal::ChatMessage;
    use uuid::Uuid;

    fn row(seq: u64, epoch: u64) -> MessageRow {
        MessageRow {
            epoch: Epoch(epoch),
            message: ChatMessage {
                seq: Seq(seq),
                nonce: Nonce(Uuid::from_u128(u128::from(seq))),
                peer: PeerId(Uuid::nil()),
                user: None,
                display_name: "A".into(),
                text: format!("{seq}/{epoch}"),
                at: UnixMillis(0),
            },
        }
    }

    fn seal(epoch: u64, first_seq: u64) -> SealRow {
        SealRow { epoch: Epoch(epoch), first_seq: Seq(first_seq) }
    }

    #[test]
    fn the_run_ends_at_a_gap_and_ghosts_are_none() {
        /// What it is, rows as (seq, epoch), seals, where reading began; first_seq and how many recent rows are found.
        type Case = (&'static str, Vec<(u64, u64)>, Vec<SealRow>, u64, u64, usize);
        let cases: [Case; 7] = [
            ("nothing", vec![], vec![], 1, 1, 0),
            ("one epoch", vec![(1, 1), (2, 1)], vec![seal(1, 1)], 1, 3, 2),
            ("a gap from an unknown outcome", vec![(1, 1), (3, 1)], vec![seal(1, 1)], 1, 2, 1),
            ("a ghost of a former term", vec![(1, 1), (2, 1), (2, 2)], vec![seal(1, 1), seal(2, 2)], 1, 3, 2),
            ("a ghost beyond the successor", vec![(1, 1), (2, 2), (3, 1)], vec![seal(1, 1), seal(2, 2)], 1, 3, 2),
            ("sealed and never written", vec![(1, 1)], vec![seal(1, 1), seal(2, 2)], 1, 2, 1),
            ("read from further on", vec![(7, 4), (8, 4)], vec![seal(4, 5)], 7, 9, 2),
        ];
        for (what, rows, seals, from, first_seq, recent) in cases {
            let rows: Vec<_> = rows.into_iter().map(|(seq, epoch)| row(seq, epoch)).collect();
            let found = takeover(&rows, &seals, Seq(from));
            assert_eq!((found.first_seq, found.recent.len()), (Seq(first_seq), recent), "{what}");
        }
        let rows = [row(2, 1), row(2, 2)];
        assert_eq!(takeover(&rows, &[seal(2, 2)], Seq(2)).recent, [row(2, 2)], "the later term's row is the one seen");
    }
}
