//! What can go wrong with SQLite, sorted by what must be done about it.
//!
//! **Invariant:** no stored value gets into an error's text: SQLite's messages name tables and columns, never contents.

use rookery_actors::seams::StoreError;
use rusqlite::ErrorCode;

/// What an error asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sort {
    /// The disk or the quota is full: refuse, and look again later.
    Full,
    /// The disk failed: nothing is to be believed until the database was closed, opened and checked.
    Disk,
    /// The file is not as SQLite left it: check it, and stop if it is so.
    Damaged,
    /// This statement failed and nothing else.
    Statement,
}

/// Which sort an error is.
pub(super) fn sort(error: &rusqlite::Error) -> Sort {
    match error.sqlite_error_code() {
        Some(ErrorCode::DiskFull) => Sort::Full,
        // A database that cannot be opened, locked or written any more has lost its file or its descriptors.
        Some(
            ErrorCode::SystemIoFailure
            | ErrorCode::CannotOpen
            | ErrorCode::ReadOnly
            | ErrorCode::PermissionDenied
            | ErrorCode::FileLockingProtocolFailed,
        ) => Sort::Disk,
        Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => Sort::Damaged,
        _ => Sort::Statement,
    }
}

/// Why a piece of work on a connection did not succeed.
#[derive(Debug)]
pub(super) enum Fault {
    /// SQLite said so.
    Sql(rusqlite::Error),
    /// The data says so.
    Store(StoreError),
}

impl From<rusqlite::Error> for Fault {
    fn from(error: rusqlite::Error) -> Self {
        Self::Sql(error)
    }
}

impl From<StoreError> for Fault {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl Fault {
    /// What the caller is told where nothing was written.
    pub(super) fn nothing_written(self) -> StoreError {
        match self {
            Self::Store(error) => error,
            Self::Sql(error) => nothing_written(&error),
        }
    }
}

/// What the caller is told about an error after which nothing was written.
pub(super) fn nothing_written(error: &rusqlite::Error) -> StoreError {
    match error {
        rusqlite::Error::FromSqlConversionFailure(..)
        | rusqlite::Error::IntegralValueOutOfRange(..)
        | rusqlite::Error::InvalidColumnType(..)
        | rusqlite::Error::Utf8Error(..) => StoreError::Damaged(error.to_string()),
        _ => match sort(error) {
            Sort::Damaged => StoreError::Damaged(error.to_string()),
            Sort::Full => StoreError::Unavailable("the disk is full".into()),
            Sort::Disk | Sort::Statement => StoreError::Unavailable(error.to_string()),
        },
    }
}
