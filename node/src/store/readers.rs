//! The connections that read, beside the one that writes.
//!
//! **Invariant:** a connection is lent to one piece of work at a time, and while the pool is closed none exists.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use parking_lot::{Condvar, Mutex};
use rookery_actors::seams::StoreError;
use rusqlite::Connection;
use tokio::sync::Semaphore;

use super::fault::Fault;
use super::health::{Counters, count};

/// Connections that read at the same time: reads are short and mostly from memory, so a few keep every core busy.
pub(super) const READERS: usize = 4;

/// Reads that wait or run at the most: 2 s of them at the slowest that is still useful. One more is refused.
pub const READS_WAITING_MAX: usize = 1_024;

/// The pool.
pub(super) struct Readers {
    permits: Arc<Semaphore>,
    pool: Mutex<Pool>,
    returned: Condvar,
}

struct Pool {
    idle: Vec<Connection>,
    lent: usize,
    open: bool,
}

impl Readers {
    /// A pool of these connections, [`READERS`] of them.
    pub(super) fn new(idle: Vec<Connection>) -> Self {
        Self {
            permits: Arc::new(Semaphore::new(READERS)),
            pool: Mutex::new(Pool { idle, lent: 0, open: true }),
            returned: Condvar::new(),
        }
    }

    /// Runs `work` on a thread that may block, and gives up after `patience`.
    pub(super) async fn run<T: Send + 'static>(
        self: &Arc<Self>,
        counters: &Counters,
        patience: Duration,
        work: impl FnOnce(&Connection) -> Result<T, Fault> + Send + 'static,
    ) -> Result<T, Fault> {
        let _waiting = Waiting::enter(counters)?;
        let turn = async {
            let Ok(permit) = Arc::clone(&self.permits).acquire_owned().await else {
                return Err(unavailable("the store is closed"));
            };
            let readers = Arc::clone(self);
            let blocking = tokio::task::spawn_blocking(move || {
                // Held until the work is done, also where its caller has given up.
                let _permit = permit;
                let lent = readers.lend()?;
                lent.db.as_ref().map_or_else(|| Err(unavailable("the store is closed")), work)
            });
            blocking.await.unwrap_or_else(|_| Err(unavailable("the read was broken off")))
        };
        let result = tokio::time::timeout(patience, turn).await;
        count(&counters.reads);
        result.unwrap_or_else(|_| Err(unavailable("the read took too long")))
    }

    fn lend(&self) -> Result<Lent<'_>, Fault> {
        let mut pool = self.pool.lock();
        let db = pool.idle.pop().ok_or_else(|| unavailable("the database is being checked"))?;
        pool.lent += 1;
        Ok(Lent { readers: self, db: Some(db) })
    }

    /// Closes every connection, waiting at most `patience` for those that are lent; returns whether all are closed.
    pub(super) fn close(&self, patience: Duration) -> bool {
        let mut pool = self.pool.lock();
        pool.open = false;
        pool.idle.clear();
        let waited = self.returned.wait_while_for(&mut pool, |pool| pool.lent > 0, patience);
        !waited.timed_out() || pool.lent == 0
    }

    /// Opens the pool again.
    pub(super) fn open(&self, idle: Vec<Connection>) {
        let mut pool = self.pool.lock();
        pool.idle = idle;
        pool.open = true;
    }
}

/// A connection that goes back, or is closed, when dropped.
struct Lent<'a> {
    readers: &'a Readers,
    db: Option<Connection>,
}

impl Drop for Lent<'_> {
    fn drop(&mut self) {
        let mut pool = self.readers.pool.lock();
        pool.lent -= 1;
        let db = self.db.take();
        if pool.open {
            pool.idle.extend(db);
        }
        self.readers.returned.notify_all();
    }
}

/// One of the reads that wait.
struct Waiting<'a>(&'a Counters);

impl<'a> Waiting<'a> {
    fn enter(counters: &'a Counters) -> Result<Self, Fault> {
        let waiting = Self(counters);
        if counters.reads_waiting.fetch_add(1, Ordering::Relaxed) < READS_WAITING_MAX {
            return Ok(waiting);
        }
        count(&counters.refused);
        Err(unavailable("too many reads are waiting"))
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.reads_waiting.fetch_sub(1, Ordering::Relaxed);
    }
}

fn unavailable(why: &str) -> Fault {
    Fault::Store(StoreError::Unavailable(why.into()))
}
