//! Group commit: many writes, one transaction, one sync.
//!
//! A write that is refused for what the data says undoes nothing but itself; where the disk fails or is full the whole group
//! is refused, and nothing of it is written.
//!
//! **Invariant:** a write is answered only after its transaction's COMMIT has returned.

use rookery_actors::seams::StoreError;
use rusqlite::Connection;
use tokio::sync::oneshot;

use super::fault::{Fault, Sort, nothing_written, sort};

/// One write with its way back.
pub(super) trait Job: Send {
    /// Does the work and keeps its value for later.
    fn run(&mut self, db: &Connection) -> Ran;
    /// Answers.
    fn finish(self: Box<Self>, end: &End);
}

/// What came of one write.
pub(super) enum Ran {
    /// To be committed with the others.
    Kept,
    /// To be undone alone.
    Undone,
    /// The whole transaction is lost.
    Broken(rusqlite::Error),
}

/// What came of a transaction.
#[derive(Debug)]
pub(super) enum End {
    /// It is durable.
    Committed,
    /// Nothing of it was written.
    Refused(StoreError),
    /// Perhaps it was written.
    Unknown(String),
}

/// A job made of a closure.
pub(super) struct Write<T, F> {
    work: Option<F>,
    value: Option<Result<T, StoreError>>,
    reply: oneshot::Sender<Result<T, StoreError>>,
}

impl<T, F> Write<T, F> {
    pub(super) fn new(work: F) -> (Self, oneshot::Receiver<Result<T, StoreError>>) {
        let (reply, answer) = oneshot::channel();
        (Self { work: Some(work), value: None, reply }, answer)
    }
}

impl<T, F> Job for Write<T, F>
where
    T: Send,
    F: FnOnce(&Connection) -> Result<T, Fault> + Send,
{
    fn run(&mut self, db: &Connection) -> Ran {
        let Some(work) = self.work.take() else { return Ran::Kept };
        // Whoever stopped waiting was told "unknown"; not to write is the cheaper truth of it.
        if self.reply.is_closed() {
            return Ran::Kept;
        }
        match work(db) {
            Ok(value) => {
                self.value = Some(Ok(value));
                Ran::Kept
            }
            // On these SQLite mostly undoes the whole transaction by itself.
            Err(Fault::Sql(error)) if sort(&error) != Sort::Statement => Ran::Broken(error),
            Err(fault) => {
                self.value = Some(Err(fault.nothing_written()));
                Ran::Undone
            }
        }
    }

    fn finish(self: Box<Self>, end: &End) {
        let undone = matches!(self.value, Some(Err(_)));
        let answer = match end {
            End::Committed => self.value,
            End::Refused(error) => Some(Err(again(error))),
            // Its own part was undone before the transaction came to its unknown end.
            End::Unknown(why) if undone => Some(Err(StoreError::Unavailable(why.clone()))),
            End::Unknown(why) => Some(Err(StoreError::Unknown(why.clone()))),
        };
        if let Some(answer) = answer {
            // A caller that has stopped waiting is no fault of ours.
            let _ = self.reply.send(answer);
        }
    }
}

/// A copy, for each of those that share a fate.
fn again(error: &StoreError) -> StoreError {
    match error {
        StoreError::Unavailable(why) => StoreError::Unavailable(why.clone()),
        StoreError::Unknown(why) => StoreError::Unknown(why.clone()),
        StoreError::Taken(what) => StoreError::Taken(*what),
        StoreError::Damaged(what) => StoreError::Damaged(what.clone()),
    }
}

/// What the writer must do after a transaction.
pub(super) struct Outcome {
    /// What the jobs are told.
    pub(super) end: End,
    /// The disk was full.
    pub(super) full: bool,
    /// Set where the connection must not be trusted any more: why.
    pub(super) distrust: Option<String>,
}

/// Runs the jobs in one transaction.
pub(super) fn commit(db: &Connection, jobs: &mut [Box<dyn Job>]) -> Outcome {
    if let Err(error) = db.execute_batch("BEGIN IMMEDIATE") {
        return refused(db, &error);
    }
    for job in jobs {
        if let Err(error) = step(db, job.as_mut()) {
            return refused(db, &error);
        }
    }
    let Err(error) = db.execute_batch("COMMIT") else {
        return Outcome { end: End::Committed, full: false, distrust: None };
    };
    // The transaction's last frame, which makes it one, did not fit: there is no transaction in the log.
    if sort(&error) == Sort::Full {
        return refused(db, &error);
    }
    // Any other error may have come after that frame was written, and then it may be found there after a crash.
    let why = error.to_string();
    Outcome { end: End::Unknown(why.clone()), full: false, distrust: Some(why) }
}

/// One job in its savepoint.
fn step(db: &Connection, job: &mut dyn Job) -> Result<(), rusqlite::Error> {
    db.prepare_cached("SAVEPOINT job")?.execute([])?;
    match job.run(db) {
        Ran::Kept => {}
        Ran::Undone => {
            // Where the whole transaction is gone there is no savepoint: this fails then, and with it the group, as it must.
            db.prepare_cached("ROLLBACK TO job")?.execute([])?;
        }
        Ran::Broken(error) => return Err(error),
    }
    db.prepare_cached("RELEASE job")?.execute([])?;
    Ok(())
}

fn refused(db: &Connection, error: &rusqlite::Error) -> Outcome {
    let sort = sort(error);
    let undone = db.is_autocommit() || db.execute_batch("ROLLBACK").is_ok();
    let distrust = (matches!(sort, Sort::Disk | Sort::Damaged) || !undone).then(|| error.to_string());
    Outcome { end: End::Refused(nothing_written(error)), full: sort == Sort::Full, distrust }
}
