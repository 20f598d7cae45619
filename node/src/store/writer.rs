//! The one thread that writes: it gathers what waits, commits it, and looks after the database.
//!
//! When the disk fails it closes the database, opens it again, checks it and proves with a durable write that it is well,
//! and until then nothing is taken. When the disk is full it looks once a second whether there is room again.
//!
//! **Invariant:** nobody else ever writes to the database.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::time::Duration;

use rookery_actors::seams::StoreError;
use rusqlite::Connection;
use tokio::sync::watch;

use super::fault::{Sort, sort};
use super::group::{self, End, Job, Outcome};
use super::health::{Condition, Counters, Health, count};
use super::place::{Checkpoint, OpenError, Place, checkpoint, probe};
use super::readers::{READERS, Readers};

/// Writes that wait at the most; one more is refused. About two seconds of a busy disk, which is as long as callers wait.
pub const QUEUE_MAX: usize = 1_024;
/// Writes of one transaction at the most: what waits longer than it takes to commit them is better answered in two steps.
const GROUP_MAX: usize = 256;
/// How often a full or failed disk is looked at again.
const RECHECK: Duration = Duration::from_secs(1);
/// How long reads in progress may keep a failed database open before the next attempt.
const READERS_WAIT: Duration = Duration::from_secs(2);
/// Rows changed between two checkpoints: some 4 MB of log, SQLite's own measure.
const CHECKPOINT_ROWS: u64 = 1_000;
/// Pages (of 4 kB) that the log may reach before readers are waited for, so that it starts anew: 64 MB.
const LOG_PAGES_MAX: u64 = 16_384;

/// What the writer is told.
pub(super) enum Order {
    /// Do this.
    Write(Box<dyn Job>),
    /// Look at `suspect`, `stopping` and at a full disk.
    Look,
}

/// What the writer shares with its callers.
pub(super) struct Shared {
    pub(super) condition: Condition,
    pub(super) counters: Counters,
    pub(super) readers: Arc<Readers>,
    /// A read found the disk failing or the file damaged.
    pub(super) suspect: AtomicBool,
    /// The store is being closed.
    pub(super) stopping: AtomicBool,
    /// True once the thread has let go of the folder.
    pub(super) closed: watch::Sender<bool>,
}

/// Opens the database and starts the thread.
pub(super) fn start(place: Place) -> Result<(SyncSender<Order>, Arc<Shared>), OpenError> {
    let (db, idle) = open(&place)?;
    let (orders, queue) = sync_channel(QUEUE_MAX);
    let shared = Arc::new(Shared {
        condition: Condition::new(),
        counters: Counters::default(),
        readers: Arc::new(Readers::new(idle)),
        suspect: AtomicBool::new(false),
        stopping: AtomicBool::new(false),
        closed: watch::Sender::new(false),
    });
    let writer = Writer { place: Some(place), db: Some(db), queue, shared: Arc::clone(&shared), changes_moved: 0 };
    let spawned = std::thread::Builder::new().name("store-writer".into()).spawn(move || writer.run());
    spawned.map_err(|source| OpenError::Folder { path: "a thread".into(), source })?;
    Ok((orders, shared))
}

fn open(place: &Place) -> Result<(Connection, Vec<Connection>), OpenError> {
    let db = place.open_writer()?;
    let idle = (0..READERS).map(|_| place.open_reader()).collect::<Result<_, _>>()?;
    Ok((db, idle))
}

struct Writer {
    place: Option<Place>,
    /// `None` from an error of the disk until the database has been found well.
    db: Option<Connection>,
    queue: Receiver<Order>,
    shared: Arc<Shared>,
    /// The connection's count of changed rows at the last checkpoint.
    changes_moved: u64,
}

impl Writer {
    fn run(mut self) {
        loop {
            let patience = self.recheck_after();
            let first = match patience {
                None => self.queue.recv().map_err(|_| RecvTimeoutError::Disconnected),
                Some(patience) => self.queue.recv_timeout(patience),
            };
            match first {
                Ok(first) => self.turn(first),
                Err(RecvTimeoutError::Timeout) => self.recheck(),
                Err(RecvTimeoutError::Disconnected) => break,
            }
            if self.shared.stopping.load(Ordering::Acquire) && self.shared.counters.queued.load(Ordering::Acquire) == 0
            {
                break;
            }
        }
        // `drop` does the rest, here as after a panic.
    }

    fn recheck_after(&self) -> Option<Duration> {
        match self.shared.condition.get() {
            Health::Full | Health::Checking(_) => Some(RECHECK),
            Health::Ready | Health::Damaged(_) | Health::Stopped => None,
        }
    }

    fn turn(&mut self, first: Order) {
        let (mut jobs, looked) = self.gather(first);
        if self.shared.suspect.swap(false, Ordering::AcqRel) {
            self.distrust("a read failed".into());
        }
        if !jobs.is_empty() {
            let outcome = match &self.db {
                Some(db) => group::commit(db, &mut jobs),
                None => Outcome { end: End::Refused(self.closed_for()), full: false, distrust: None },
            };
            self.settle(jobs, outcome);
        }
        if looked {
            self.recheck();
        }
        self.checkpoint_when_due();
    }

    /// What waits, at most [`GROUP_MAX`] writes, and whether a look was asked for.
    fn gather(&self, first: Order) -> (Vec<Box<dyn Job>>, bool) {
        let mut jobs = Vec::new();
        let mut looked = false;
        let mut next = Some(first);
        while let Some(order) = next {
            match order {
                Order::Write(job) => {
                    self.shared.counters.queued.fetch_sub(1, Ordering::AcqRel);
                    jobs.push(job);
                }
                Order::Look => looked = true,
            }
            next = if jobs.len() < GROUP_MAX { self.queue.try_recv().ok() } else { None };
        }
        (jobs, looked)
    }

    /// Answers the jobs of a transaction and draws the consequences.
    fn settle(&mut self, jobs: Vec<Box<dyn Job>>, outcome: Outcome) {
        let Outcome { end, full, distrust } = outcome;
        let counters = &self.shared.counters;
        match &end {
            End::Committed => {
                count(&counters.commits);
                counters.jobs.fetch_add(u64::try_from(jobs.len()).unwrap_or(0), Ordering::Relaxed);
            }
            End::Refused(_) => count(&counters.failed),
            End::Unknown(_) => count(&counters.unknown),
        }
        if let Some(why) = &distrust {
            // Before anyone hears of it, so that nobody hands in the next write meanwhile.
            self.shared.condition.set(Health::Checking(why.clone()));
        } else if full {
            count(&counters.full);
            self.full();
        }
        for job in jobs {
            job.finish(&end);
        }
        if let Some(why) = distrust {
            self.distrust(why);
        }
    }

    fn full(&self) {
        if self.shared.condition.set(Health::Full) {
            tracing::error!("the disk is full: writes are refused until there is room");
        }
    }

    /// Why nothing can be written now.
    fn closed_for(&self) -> StoreError {
        self.shared.condition.admit().err().unwrap_or_else(|| StoreError::Unavailable("the store is closed".into()))
    }

    /// Gives up the database and tries at once to have it back.
    fn distrust(&mut self, why: String) {
        count(&self.shared.counters.disk_errors);
        tracing::error!(why, "the disk failed: the database is closed, opened again and checked");
        self.shared.condition.set(Health::Checking(why));
        if let Some(place) = &self.place {
            place.suspect();
        }
        self.db = None;
        while let Ok(order) = self.queue.try_recv() {
            if let Order::Write(job) = order {
                self.shared.counters.queued.fetch_sub(1, Ordering::AcqRel);
                job.finish(&End::Refused(self.closed_for()));
            }
        }
        self.reopen();
    }

    fn reopen(&mut self) {
        // A read that hangs keeps the failed file open: the next attempt comes in a second.
        if !self.shared.readers.close(READERS_WAIT) {
            return;
        }
        let Some(place) = &self.place else { return };
        match open(place) {
            Ok((db, idle)) => {
                self.db = Some(db);
                self.changes_moved = 0;
                self.shared.readers.open(idle);
                count(&self.shared.counters.reopened);
                self.shared.condition.set(Health::Ready);
                tracing::info!("the database was checked and is open again");
            }
            Err(OpenError::Damaged(what)) => {
                tracing::error!(what, "the database is damaged");
                self.shared.condition.set(Health::Damaged(what));
            }
            Err(error) => {
                self.shared.condition.set(Health::Checking(error.to_string()));
            }
        }
    }

    /// Looks whether a disk that failed or was full is well again.
    fn recheck(&mut self) {
        match (self.shared.condition.get(), &self.db) {
            (Health::Checking(_), None) => self.reopen(),
            (Health::Full, Some(db)) => match probe(db) {
                Ok(()) => {
                    self.shared.condition.set(Health::Ready);
                    tracing::info!("the disk has room again");
                }
                Err(error) => self.judge(&error),
            },
            _ => {}
        }
    }

    /// Draws the consequences of an error that concerns no caller.
    fn judge(&mut self, error: &rusqlite::Error) {
        match sort(error) {
            Sort::Full => self.full(),
            Sort::Disk | Sort::Damaged => self.distrust(error.to_string()),
            Sort::Statement => tracing::warn!(%error, "looking after the database failed"),
        }
    }

    /// Moves the log into the database now and then, after everyone was answered.
    fn checkpoint_when_due(&mut self) {
        let Some(db) = &self.db else { return };
        if db.total_changes().saturating_sub(self.changes_moved) < CHECKPOINT_ROWS {
            return;
        }
        self.changes_moved = db.total_changes();
        let moved = checkpoint(db, Checkpoint::Possible).and_then(|pages| {
            let long = pages > LOG_PAGES_MAX;
            if long { checkpoint(db, Checkpoint::Everything) } else { Ok(pages) }
        });
        match moved {
            Ok(pages) => {
                count(&self.shared.counters.checkpoints);
                self.shared.counters.log_pages.store(pages, Ordering::Relaxed);
            }
            Err(error) => self.judge(&error),
        }
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        self.shared.condition.set(Health::Stopped);
        while let Ok(order) = self.queue.try_recv() {
            if let Order::Write(job) = order {
                job.finish(&End::Refused(self.closed_for()));
            }
        }
        if !self.shared.readers.close(READERS_WAIT) {
            tracing::warn!("reads were in progress when the store was closed");
        }
        // The last connection moves the log into the database as it closes; then another process may have the folder.
        self.db = None;
        self.place = None;
        self.shared.closed.send_replace(true);
    }
}
