//! Whether the store can be relied on, and how busy it is.
//!
//! **Invariant:** writes are taken only while the health is [`Health::Ready`] or [`Health::Full`].

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use parking_lot::RwLock;
use rookery_actors::seams::StoreError;

/// Whether the store does its work, for `/readyz`.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Health {
    /// All is well.
    #[error("ready")]
    Ready,
    /// Writes are tried and mostly refused, reads go on; heals by itself when there is room again.
    #[error("the disk is full")]
    Full,
    /// The disk failed: the database is being closed, opened again and checked.
    #[error("the disk failed, the database is being checked: {0}")]
    Checking(String),
    /// The check found damage: a person must look.
    #[error("the database is damaged: {0}")]
    Damaged(String),
    /// It was closed.
    #[error("the store is closed")]
    Stopped,
}

impl Health {
    /// Whether a node with this store should be sent work.
    #[must_use]
    pub const fn is_ready(&self) -> bool {
        matches!(self, Self::Ready)
    }
}

/// The present [`Health`], set by the writer only.
pub(super) struct Condition(RwLock<Health>);

impl Condition {
    pub(super) fn new() -> Self {
        Self(RwLock::new(Health::Ready))
    }

    pub(super) fn get(&self) -> Health {
        self.0.read().clone()
    }

    /// Changes the health and returns whether it was another. A stopped store stays stopped.
    pub(super) fn set(&self, next: Health) -> bool {
        let mut health = self.0.write();
        let changed = *health != next && *health != Health::Stopped;
        if changed {
            *health = next;
        }
        changed
    }

    /// Whether work may be handed in.
    pub(super) fn admit(&self) -> Result<(), StoreError> {
        match &*self.0.read() {
            Health::Ready | Health::Full => Ok(()),
            Health::Damaged(what) => Err(StoreError::Damaged(what.clone())),
            other @ (Health::Checking(_) | Health::Stopped) => Err(StoreError::Unavailable(other.to_string())),
        }
    }
}

macro_rules! counters {
    ($($(#[$meta:meta])* $name:ident: $atomic:ty = $plain:ty;)*) => {
        /// Counted since the start, but for the two gauges `queued` and `reads_waiting`.
        #[derive(Debug, Default)]
        pub(super) struct Counters { $(pub(super) $name: $atomic,)* }

        /// The store's counters at one moment, for metrics.
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
        pub struct StoreStats { $($(#[$meta])* pub $name: $plain,)* }

        impl Counters {
            pub(super) fn read(&self) -> StoreStats {
                StoreStats { $($name: self.$name.load(Ordering::Relaxed),)* }
            }
        }
    };
}

counters! {
    /// Transactions that were committed.
    commits: AtomicU64 = u64;
    /// Writes in them: `jobs / commits` is what group commit gains.
    jobs: AtomicU64 = u64;
    /// Writes that wait now, at most [`super::QUEUE_MAX`].
    queued: AtomicUsize = usize;
    /// Writes and reads refused because a queue was full.
    refused: AtomicU64 = u64;
    /// Transactions that failed as a whole, with nothing written.
    failed: AtomicU64 = u64;
    /// Transactions whose outcome is not known.
    unknown: AtomicU64 = u64;
    /// Writes whose caller was told "unknown" because they were not committed in time: the disk hangs.
    late: AtomicU64 = u64;
    /// Errors of the disk and of the file, in reads and writes.
    disk_errors: AtomicU64 = u64;
    /// Writes that found the disk full.
    full: AtomicU64 = u64;
    /// How often the database was opened again after an error of the disk.
    reopened: AtomicU64 = u64;
    /// Reads done.
    reads: AtomicU64 = u64;
    /// Reads that wait or run now, at most [`super::READS_WAITING_MAX`].
    reads_waiting: AtomicUsize = usize;
    /// Checkpoints, which move committed pages from the log into the database.
    checkpoints: AtomicU64 = u64;
    /// Pages in the log at the last checkpoint.
    log_pages: AtomicU64 = u64;
}

/// Adds one.
pub(super) fn count(counter: &AtomicU64) {
    counter.fetch_add(1, Ordering::Relaxed);
}
