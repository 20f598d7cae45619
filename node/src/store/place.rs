//! The folder of the database: who may see it, which process has it, and how a connection is opened there.
//!
//! **Invariant:** a [`Place`] exists once for each folder on a machine, since it holds the lock on it.

use std::fs::{DirBuilder, File, OpenOptions, Permissions, TryLockError};
use std::io;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags};

use super::fault::{Sort, sort};
use super::migrations;

/// How long a connection waits for another's lock: only a checkpoint or a person's `sqlite3` can hold one.
const BUSY_MS_MAX: u64 = 2_000;
/// Statements kept prepared by a connection: more than the store has.
const STATEMENTS_MAX: usize = 96;
/// Bytes written to find out whether there is room, about what one group of messages takes.
const PROBE_BYTES: u32 = 64 * 1024;

/// Why the store could not be opened. Each is one line.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The folder or a file in it cannot be made, read or given its permissions.
    #[error("cannot use {}: {source}", path.display())]
    Folder {
        /// Which one.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// Another process has it.
    #[error("{} is in use by another process", .0.display())]
    InUse(PathBuf),
    /// It was written by a newer version of this program.
    #[error("the database is of version {found}, this program knows up to {known}: use the newer program")]
    Newer {
        /// The database's version.
        found: u32,
        /// The last one known here.
        known: u32,
    },
    /// It is a database, but not one of ours.
    #[error("{} is not a database of Rookery", .0.display())]
    Foreign(PathBuf),
    /// The check found damage.
    #[error("the database is damaged: {0}")]
    Damaged(String),
    /// The file system cannot hold what the store needs (shared memory, syncing).
    #[error("the database cannot be kept safe here: {0}")]
    Unsafe(String),
    /// SQLite failed.
    #[error("the database cannot be opened: {0}")]
    Sql(#[from] rusqlite::Error),
}

/// A locked folder with the database in it.
pub(super) struct Place {
    folder: PathBuf,
    // Held, never read: the kernel lets go of it when the process ends, however it ends.
    _lock: File,
}

impl Place {
    /// Makes the folder `store` in `data` where it is missing, and locks it.
    pub(super) fn lock(data: &Path) -> Result<Self, OpenError> {
        let folder = data.join("store");
        for path in [data, folder.as_path()] {
            let made = DirBuilder::new().recursive(true).mode(0o700).create(path);
            made.map_err(|source| OpenError::Folder { path: path.to_owned(), source })?;
        }
        // Only our own folder: `data` may be anyone's.
        restrict(&folder, 0o700)?;
        sync_folder(data)?;
        let lock = private_file(&folder.join("lock"))?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(OpenError::InUse(folder)),
            Err(TryLockError::Error(source)) => return Err(OpenError::Folder { path: folder, source }),
        }
        Ok(Self { folder, _lock: lock })
    }

    fn file(&self) -> PathBuf {
        self.folder.join("rookery.db")
    }

    /// There while the database has not been checked since the disk failed.
    fn suspicion(&self) -> PathBuf {
        self.folder.join("unchecked")
    }

    /// Remembers, beyond this process, that the database must be checked before it is used.
    pub(super) fn suspect(&self) {
        let noted = private_file(&self.suspicion())
            .and_then(|file| file.sync_all().map_err(|source| OpenError::Folder { path: self.suspicion(), source }));
        if let Err(error) = noted {
            tracing::warn!(%error, "could not note that the database must be checked");
        }
    }

    /// Opens the database for writing: brought up to date, checked if it is suspect, and with all that it shows safe on disk.
    pub(super) fn open_writer(&self) -> Result<Connection, OpenError> {
        let file = self.file();
        // While no connection of this process is open: closing any descriptor of the file would drop SQLite's locks on it.
        private_file(&file)?;
        let mut db = Connection::open_with_flags(&file, flags())?;
        prepare(&db)?;
        migrations::run(&mut db, &file)?;
        // A process that was killed leaves rows in the log that were perhaps never synced. Whoever reads them acts on them, so
        // they are made to last first.
        match checkpoint(&db, Checkpoint::Everything) {
            // The log is synced before its pages are moved; where there is no room to move them it goes on serving reads.
            Err(error) if sort(&error) != Sort::Full => return Err(error.into()),
            Ok(_) | Err(_) => {}
        }
        if self.suspicion().exists() {
            self.check(&db)?;
        }
        sync_folder(&self.folder)?;
        Ok(db)
    }

    fn check(&self, db: &Connection) -> Result<(), OpenError> {
        let verdict: String = db.query_row("PRAGMA quick_check(1)", [], |row| row.get(0)).map_err(|error| {
            if sort(&error) == Sort::Damaged { OpenError::Damaged(error.to_string()) } else { OpenError::Sql(error) }
        })?;
        if verdict != "ok" {
            return Err(OpenError::Damaged(verdict));
        }
        // A disk that takes no writes is not well yet; one that is merely full is.
        match probe(db) {
            Err(error) if sort(&error) != Sort::Full => return Err(OpenError::Sql(error)),
            Ok(()) | Err(_) => {}
        }
        std::fs::remove_file(self.suspicion()).map_err(|source| OpenError::Folder { path: self.suspicion(), source })
    }

    /// Opens the database for reading. There must be a writer already.
    pub(super) fn open_reader(&self) -> Result<Connection, OpenError> {
        let db = Connection::open_with_flags(self.file(), flags())?;
        prepare(&db)?;
        db.pragma_update(None, "query_only", true)?;
        Ok(db)
    }
}

/// Without CREATE: a file that has vanished is an error, not an empty database. Each connection has one thread at a time.
const fn flags() -> OpenFlags {
    OpenFlags::SQLITE_OPEN_READ_WRITE.union(OpenFlags::SQLITE_OPEN_NO_MUTEX)
}

/// How a connection behaves. Nothing is stored by it but the journal's mode.
fn prepare(db: &Connection) -> Result<(), OpenError> {
    db.busy_timeout(Duration::from_millis(BUSY_MS_MAX))?;
    db.set_prepared_statement_cache_capacity(STATEMENTS_MAX);
    db.set_db_config(DbConfig::SQLITE_DBCONFIG_DEFENSIVE, true)?;
    db.set_db_config(DbConfig::SQLITE_DBCONFIG_TRUSTED_SCHEMA, false)?;
    let mode: String = db.pragma_update_and_check(None, "journal_mode", "wal", |row| row.get(0))?;
    if mode != "wal" {
        return Err(OpenError::Unsafe(format!("the journal is of mode {mode} where it should be wal")));
    }
    db.pragma_update(None, "synchronous", "FULL")?;
    db.pragma_update(None, "foreign_keys", true)?;
    // The writer makes its checkpoints itself, after it has answered, and sees their errors.
    db.pragma_update(None, "wal_autocheckpoint", 0)?;
    db.pragma_update(None, "temp_store", "MEMORY")?;
    let synchronous: i64 = db.pragma_query_value(None, "synchronous", |row| row.get(0))?;
    if synchronous == 2 { Ok(()) } else { Err(OpenError::Unsafe("syncing cannot be turned on".into())) }
}

/// How far a checkpoint goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Checkpoint {
    /// As far as it gets without waiting for readers.
    Possible,
    /// To the end, and the log is emptied.
    Everything,
}

/// Moves committed pages from the log into the database, synced; returns how many pages the log had.
pub(super) fn checkpoint(db: &Connection, how: Checkpoint) -> Result<u64, rusqlite::Error> {
    let sql = match how {
        Checkpoint::Possible => "PRAGMA wal_checkpoint(PASSIVE)",
        Checkpoint::Everything => "PRAGMA wal_checkpoint(TRUNCATE)",
    };
    let pages: i64 = db.query_row(sql, [], |row| row.get(1))?;
    Ok(u64::try_from(pages).unwrap_or(0))
}

/// Writes and removes a block, durably.
pub(super) fn probe(db: &Connection) -> Result<(), rusqlite::Error> {
    let tried = db
        .execute("INSERT INTO probe (filler) VALUES (zeroblob(?1))", [PROBE_BYTES])
        .and_then(|_| db.execute("DELETE FROM probe", []));
    if tried.is_err() && !db.is_autocommit() {
        db.execute_batch("ROLLBACK")?;
    }
    tried.map(|_| ())
}

/// Makes new names in a folder last.
fn sync_folder(path: &Path) -> Result<(), OpenError> {
    File::open(path)
        .and_then(|folder| folder.sync_all())
        .map_err(|source| OpenError::Folder { path: path.to_owned(), source })
}

fn restrict(path: &Path, mode: u32) -> Result<(), OpenError> {
    std::fs::set_permissions(path, Permissions::from_mode(mode))
        .map_err(|source| OpenError::Folder { path: path.to_owned(), source })
}

/// Opens or makes a file that only its owner may read. SQLite gives the log and its index the same permissions.
fn private_file(path: &Path) -> Result<File, OpenError> {
    let opened = OpenOptions::new().read(true).write(true).create(true).truncate(false).mode(0o600).open(path);
    let file = opened.map_err(|source| OpenError::Folder { path: path.to_owned(), source })?;
    restrict(path, 0o600)?;
    Ok(file)
}
