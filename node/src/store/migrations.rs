//! Brings the database's tables to the version that this program knows.
//!
//! **Invariant:** `user_version` is the number of the last migration whose whole transaction was committed.

use std::path::Path;

use rusqlite::Connection;

use super::place::OpenError;

/// Marks the file as ours ("Rook"), so that a foreign database is not written to.
const APPLICATION: u32 = 0x526f_6f6b;

/// Every migration, in order; the first makes version 1.
const ALL: [&str; 3] = [
    include_str!("../../../schemas/sqlite/0001_people_rooms_and_chat.sql"),
    include_str!("../../../schemas/sqlite/0002_ad_hoc_rooms_without_an_end.sql"),
    include_str!("../../../schemas/sqlite/0003_what_people_may_send.sql"),
];

/// The version that this program writes.
pub(super) fn known() -> u32 {
    u32::try_from(ALL.len()).unwrap_or(u32::MAX)
}

/// Runs those that are missing.
pub(super) fn run(db: &mut Connection, file: &Path) -> Result<(), OpenError> {
    let application: u32 = db.pragma_query_value(None, "application_id", |row| row.get(0))?;
    let found: u32 = db.pragma_query_value(None, "user_version", |row| row.get(0))?;
    let tables: u32 = db.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))?;
    let empty = application == 0 && found == 0 && tables == 0;
    if !empty && application != APPLICATION {
        return Err(OpenError::Foreign(file.to_owned()));
    }
    if found > known() {
        return Err(OpenError::Newer { found, known: known() });
    }
    for (version, sql) in (1_u32..).zip(ALL) {
        if version <= found {
            continue;
        }
        let step = db.transaction()?;
        step.execute_batch(sql)?;
        step.pragma_update(None, "application_id", APPLICATION)?;
        step.pragma_update(None, "user_version", version)?;
        step.commit()?;
        tracing::info!(version, "the database was brought to a new version");
    }
    Ok(())
}
