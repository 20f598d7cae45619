//! Chat rows and pages.
//!
//! **Invariant:** as in [`super`].

use std::collections::btree_map::{BTreeMap, Entry};
use std::sync::Arc;

use futures_util::future::join_all;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use rookery_schemas::ids::{Epoch, RoomId, Seq, UserId};
use rookery_schemas::limits::CHAT_TEXT_CHARS_MAX;
use rookery_schemas::rows::{MessageRow, SealRow};
use uuid::Uuid;

use super::{Subject, message, seal};
use crate::conformance::Outcome;
use crate::seams::{APPEND_ROWS_MAX, Direction, PageBound, StoreError};

const NEWEST: PageBound = PageBound { seq: Seq(u64::MAX >> 1), direction: Direction::Older };

const fn older(seq: u64) -> PageBound {
    PageBound { seq: Seq(seq), direction: Direction::Older }
}

const fn newer(seq: u64) -> PageBound {
    PageBound { seq: Seq(seq), direction: Direction::Newer }
}

fn unused() -> RoomId {
    RoomId(Uuid::new_v4())
}

fn seqs(rows: &[MessageRow]) -> Vec<u64> {
    rows.iter().map(|row| row.message.seq.0).collect()
}

/// Every field, the longest text and the strangest; in its own room only.
pub async fn a_message_is_what_was_written(store: &Arc<Subject>) -> Outcome {
    let room = unused();
    assert_eq!(store.last_seq(room).await?, Seq(0));
    assert_eq!(store.page(room, NEWEST, 50).await?, []);
    assert_eq!(store.tail(room, Seq(0), 50).await?, []);
    let longest = "\u{1f426}".repeat(CHAT_TEXT_CHARS_MAX);
    let texts = ["plain", "", "line\r\n\ttab", "nul\0inside", "'\"%_\\", &longest];
    let mut rows = Vec::new();
    for (text, seq) in texts.into_iter().zip(1..) {
        let mut row = message(1, seq);
        row.message.text = text.to_owned();
        row.message.user = (seq % 2 == 0).then(|| UserId(Uuid::new_v4()));
        rows.push(row);
    }
    store.append(room, &rows).await?;
    assert_eq!(store.page(room, NEWEST, 50).await?, rows);
    assert_eq!(store.tail(room, Seq(0), 50).await?, rows);
    assert_eq!(store.last_seq(room).await?, Seq(6));
    let other = unused();
    assert_eq!(store.page(other, NEWEST, 50).await?, []);
    assert_eq!(store.last_seq(other).await?, Seq(0));
    store.append(room, &[]).await?;
    Ok(())
}

/// An unknown outcome is tried again with the same rows: alone, in part, and with later ones behind.
pub async fn appending_again_is_no_error(store: &Arc<Subject>) -> Outcome {
    let room = unused();
    let rows: Vec<MessageRow> = (1..=6).map(|seq| message(1, seq)).collect();
    for part in [&rows[..2], &rows[..2], &rows[1..4], &rows[..]] {
        store.append(room, part).await?;
    }
    assert_eq!(store.tail(room, Seq(0), 50).await?, rows);
    Ok(())
}

/// More than a group is a mistake; a whole group is not.
pub async fn too_many_rows_are_refused(store: &Arc<Subject>) -> Outcome {
    let room = unused();
    let rows: Vec<MessageRow> = (1..).map(|seq| message(1, seq)).take(APPEND_ROWS_MAX + 1).collect();
    let refused = store.append(room, &rows).await;
    assert!(matches!(refused, Err(StoreError::Unavailable(_))), "{refused:?}");
    assert_eq!(store.tail(room, Seq(0), 1_000).await?, []);
    let group = rows.get(..APPEND_ROWS_MAX).ok_or("a group")?;
    store.append(room, group).await?;
    assert_eq!(store.tail(room, Seq(0), 1_000).await?, group);
    Ok(())
}

/// Many writers at once: each finds its own row in the page that it reads next.
pub async fn what_was_appended_is_seen_by_the_next_read(store: &Arc<Subject>) -> Outcome {
    let writers = (0..32).map(|_| {
        let (store, room) = (Arc::clone(store), unused());
        tokio::spawn(async move {
            for seq in 1..=10 {
                let row = message(1, seq);
                store.append(room, std::slice::from_ref(&row)).await?;
                assert_eq!(store.page(room, NEWEST, 1).await?, [row]);
                assert_eq!(store.last_seq(room).await?, Seq(seq));
            }
            Ok::<_, StoreError>(())
        })
    });
    for writer in join_all(writers).await {
        writer??;
    }
    Ok(())
}

/// The newest before a bound and the oldest after it, oldest first, the bound not contained.
pub async fn pages_go_both_ways(store: &Arc<Subject>) -> Outcome {
    let room = unused();
    let rows: Vec<MessageRow> = (1..=30).map(|seq| message(1, seq)).collect();
    store.append(room, &rows).await?;
    for (bound, limit, want) in [
        (NEWEST, 3, 28..=30),
        (NEWEST, 50, 1..=30),
        (older(28), 3, 25..=27),
        (older(3), 50, 1..=2),
        (newer(0), 3, 1..=3),
        (newer(3), 3, 4..=6),
        (newer(28), 50, 29..=30),
        (older(31), 1, 30..=30),
    ] {
        let want: Vec<u64> = want.collect();
        assert_eq!(seqs(&store.page(room, bound, limit).await?), want, "{bound:?}, at most {limit}");
    }
    for bound in [older(1), older(0), newer(30), newer(u64::MAX >> 1)] {
        assert_eq!(store.page(room, bound, 50).await?, [], "{bound:?}");
    }
    assert_eq!(seqs(&store.tail(room, Seq(27), 50).await?), [27, 28, 29, 30]);
    assert_eq!(seqs(&store.tail(room, Seq(27), 2).await?), [27, 28]);
    Ok(())
}

/// A page and a tail know nothing of buckets.
pub async fn pages_cross_buckets(store: &Arc<Subject>) -> Outcome {
    let room = unused();
    for edge in [MessageRow::PER_BUCKET, 2 * MessageRow::PER_BUCKET] {
        let rows: Vec<MessageRow> = (edge - 5..edge + 5).map(|seq| message(1, seq)).collect();
        store.append(room, &rows).await?;
    }
    let (first, second) = (MessageRow::PER_BUCKET, 2 * MessageRow::PER_BUCKET);
    assert_eq!(seqs(&store.page(room, older(first + 2), 4).await?), [first - 2, first - 1, first, first + 1]);
    assert_eq!(seqs(&store.page(room, newer(first - 3), 4).await?), [first - 2, first - 1, first, first + 1]);
    // From one edge to the next, over rows that are not there.
    assert_eq!(seqs(&store.page(room, newer(first + 3), 2).await?), [first + 4, second - 5]);
    assert_eq!(seqs(&store.page(room, older(second - 4), 2).await?), [first + 4, second - 5]);
    assert_eq!(store.tail(room, Seq(first - 1), 100).await?.len(), 16);
    assert_eq!(store.last_seq(room).await?, Seq(second + 4));
    Ok(())
}

/// A takeover: the new owner reads the old one's tail, seals, and writes the same numbers anew; what the old one wrote there
/// is a ghost from then on, whenever it appears.
pub async fn the_tail_has_ghosts_and_pages_do_not(store: &Arc<Subject>) -> Outcome {
    let room = unused();
    store.seal(room, seal(1, 1)).await?;
    let old: Vec<MessageRow> = (1..=5).map(|seq| message(1, seq)).collect();
    store.append(room, &old).await?;
    // The read at the takeover found 1 to 3; 4 and 5 came to light later.
    store.seal(room, seal(3, 4)).await?;
    assert_eq!(seqs(&store.page(room, NEWEST, 50).await?), [1, 2, 3]);
    assert_eq!(store.last_seq(room).await?, Seq(3));
    let new: Vec<MessageRow> = (4..=5).map(|seq| message(3, seq)).collect();
    store.append(room, &new).await?;
    let late_ghost = [message(1, 6)];
    store.append(room, &late_ghost).await?;

    let visible: Vec<MessageRow> = old[..3].iter().chain(&new).cloned().collect();
    assert_eq!(store.page(room, NEWEST, 50).await?, visible);
    assert_eq!(store.page(room, newer(0), 50).await?, visible);
    assert_eq!(store.last_seq(room).await?, Seq(5));
    let all = [&old[2], &old[3], &new[0], &old[4], &new[1], &late_ghost[0]];
    assert_eq!(store.tail(room, Seq(3), 50).await?.iter().collect::<Vec<_>>(), all);
    Ok(())
}

/// What a room's history should read as, kept the slow way.
#[derive(Default)]
struct Model {
    rows: BTreeMap<(Seq, Epoch), MessageRow>,
    seals: BTreeMap<Epoch, Seq>,
}

impl Model {
    /// The rule, word for word.
    fn visible(&self) -> Vec<MessageRow> {
        let hidden =
            |row: &MessageRow| self.seals.iter().any(|(epoch, first)| *epoch > row.epoch && row.message.seq >= *first);
        self.rows.values().filter(|row| !hidden(row)).cloned().collect()
    }

    fn page(&self, bound: PageBound, limit: usize) -> Vec<MessageRow> {
        let visible = self.visible();
        match bound.direction {
            Direction::Newer => visible.into_iter().filter(|row| row.message.seq > bound.seq).take(limit).collect(),
            Direction::Older => {
                let mut page: Vec<_> =
                    visible.into_iter().rev().filter(|row| row.message.seq < bound.seq).take(limit).collect();
                page.reverse();
                page
            }
        }
    }
}

/// Random epochs, seals and rows, ghosts in heaps among them: every page, tail and last number is the model's.
pub async fn any_history_reads_as_the_rule_says(store: &Arc<Subject>) -> Outcome {
    for run in 0..12_u64 {
        let mut rng = StdRng::seed_from_u64(run);
        let room = unused();
        let mut model = Model::default();
        // Across the edge between two buckets, where most can go wrong.
        let start = MessageRow::PER_BUCKET - 40;
        for step in 0..60 {
            if rng.random_bool(0.15) {
                let made =
                    SealRow { epoch: Epoch(rng.random_range(1..8)), first_seq: Seq(start + rng.random_range(0..80)) };
                if let Entry::Vacant(free) = model.seals.entry(made.epoch) {
                    free.insert(made.first_seq);
                    store.seal(room, made).await?;
                }
            } else {
                let (epoch, first) = (rng.random_range(1..8), start + rng.random_range(0..80));
                let rows: Vec<MessageRow> = (first..first + rng.random_range(1..20))
                    .filter(|seq| !model.rows.contains_key(&(Seq(*seq), Epoch(epoch))))
                    .map(|seq| message(epoch, seq))
                    .collect();
                store.append(room, &rows).await?;
                model.rows.extend(rows.into_iter().map(|row| ((row.message.seq, row.epoch), row)));
            }
            let direction = if rng.random() { Direction::Older } else { Direction::Newer };
            let bound = PageBound { seq: Seq(start + rng.random_range(0..110)), direction };
            let limit = rng.random_range(1..60);
            let found = store.page(room, bound, limit).await?;
            let case = format!("run {run}, step {step}, {bound:?}, at most {limit}");
            assert_eq!(found, model.page(bound, usize::from(limit)), "{case}");
            let from = Seq(start + rng.random_range(0..110));
            let tail: Vec<MessageRow> = model.rows.range((from, Epoch(0))..).map(|(_, row)| row.clone()).collect();
            assert_eq!(store.tail(room, from, 10_000).await?, tail, "{case}");
            let last = model.visible().last().map_or(Seq(0), |row| row.message.seq);
            assert_eq!(store.last_seq(room).await?, last, "{case}");
        }
    }
    Ok(())
}
