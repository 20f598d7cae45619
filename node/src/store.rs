//! The store of one node by itself: SQLite in a folder.
//!
//! One thread writes and commits in groups, four connections read. Tables are in `schemas/sqlite`; the promises are those of
//! [`rookery_actors::seams::Store`], the rules for chat and ownership those of ARCHITECTURE.md.
//!
//! **Invariant:** a write is acknowledged only after its COMMIT, with the log synced, has returned without an error.

mod accounts;
mod chat;
mod columns;
mod fault;
mod ghosts;
mod group;
mod health;
mod migrations;
mod ownership;
mod place;
mod readers;
mod rooms;
mod search;
#[cfg(test)]
mod tests;
mod writer;

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc::{SyncSender, TrySendError};
use std::time::Duration;

use rookery_actors::seams::StoreError;
use rusqlite::Connection;

pub use health::{Health, StoreStats};
pub use place::OpenError;
pub use readers::READS_WAITING_MAX;
pub use writer::QUEUE_MAX;

use fault::{Fault, Sort, sort};
use group::Write;
use health::count;
use place::Place;
use writer::{Order, Shared};

/// How long a caller waits: longer than any healthy disk takes, shorter than people do.
pub const PATIENCE: Duration = Duration::from_secs(2);

/// The embedded store. Closed by [`SqliteStore::close`], or soon after it was dropped.
pub struct SqliteStore {
    orders: SyncSender<Order>,
    shared: Arc<Shared>,
}

impl std::fmt::Debug for SqliteStore {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SqliteStore").field("health", &self.health()).finish_non_exhaustive()
    }
}

impl SqliteStore {
    /// Opens the database in the folder `store` of `data`, or makes it, readable for this user only. Blocks: for the start
    /// of a process.
    ///
    /// # Errors
    /// [`OpenError`], each one line: the folder is in use or cannot be used, or the database is newer, foreign or damaged.
    pub fn open(data: &Path) -> Result<Self, OpenError> {
        let (orders, shared) = writer::start(Place::lock(data)?)?;
        Ok(Self { orders, shared })
    }

    /// Whether the store does its work.
    #[must_use]
    pub fn health(&self) -> Health {
        self.shared.condition.get()
    }

    /// The counters, for metrics.
    #[must_use]
    pub fn stats(&self) -> StoreStats {
        self.shared.counters.read()
    }

    /// Looks now, instead of within a second, whether a disk that was full or failed is well again. Returns at once.
    pub fn recheck(&self) {
        // A full queue means that the writer is awake, and it looks each second.
        let _ = self.orders.try_send(Order::Look);
    }

    /// Takes no more, does what waits, and returns when another process may open the folder.
    pub async fn close(&self) {
        let mut closed = self.shared.closed.subscribe();
        self.shared.condition.set(Health::Stopped);
        self.shared.stopping.store(true, Ordering::Release);
        self.recheck();
        // The sender lives as long as we do.
        let _ = closed.wait_for(|closed| *closed).await;
    }

    /// Hands a write to the writer and waits until it is durable.
    async fn write<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Connection) -> Result<T, Fault> + Send + 'static,
    ) -> Result<T, StoreError> {
        self.shared.condition.admit()?;
        let (job, answer) = Write::new(work);
        let counters = &self.shared.counters;
        counters.queued.fetch_add(1, Ordering::AcqRel);
        if let Err(refused) = self.orders.try_send(Order::Write(Box::new(job))) {
            counters.queued.fetch_sub(1, Ordering::AcqRel);
            count(&counters.refused);
            let why = match refused {
                TrySendError::Full(_) => "too many writes are waiting",
                TrySendError::Disconnected(_) => "the store is closed",
            };
            return Err(StoreError::Unavailable(why.into()));
        }
        match tokio::time::timeout(PATIENCE, answer).await {
            Ok(Ok(result)) => result,
            Ok(Err(_)) => Err(StoreError::Unknown("the writer has stopped".into())),
            Err(_) => {
                count(&counters.late);
                Err(StoreError::Unknown("not committed in time".into()))
            }
        }
    }

    /// Runs a read on one of the readers' connections.
    async fn read<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Connection) -> Result<T, Fault> + Send + 'static,
    ) -> Result<T, StoreError> {
        self.shared.condition.admit()?;
        let result = self.shared.readers.run(&self.shared.counters, PATIENCE, work).await;
        if let Err(Fault::Sql(error)) = &result
            && matches!(sort(error), Sort::Disk | Sort::Damaged)
        {
            self.shared.suspect.store(true, Ordering::Release);
            self.recheck();
        }
        result.map_err(Fault::nothing_written)
    }
}
