//! Who owns a room, and where each epoch of its chat begins.
//!
//! Linearisable: the one writer compares and sets, and a read begun after a claim returned has its own later snapshot.
//!
//! **Invariant:** a room's epoch only grows, and a seal is never changed.

use async_trait::async_trait;
use rookery_actors::seams::{OwnershipStore, StoreError};
use rookery_schemas::ids::{Incarnation, RoomId};
use rookery_schemas::rows::{OwnerRow, SealRow};
use rusqlite::{Connection, OptionalExtension, Row, params};

use super::SqliteStore;
use super::columns::{counter, epoch, node, number, seq};
use super::fault::Fault;

fn owner_row(row: &Row<'_>) -> rusqlite::Result<OwnerRow> {
    let incarnation: i64 = row.get(2)?;
    Ok(OwnerRow { epoch: epoch(row, 0)?, node: node(row, 1)?, incarnation: Incarnation(incarnation.cast_unsigned()) })
}

fn find_owner(db: &Connection, room: RoomId) -> rusqlite::Result<Option<OwnerRow>> {
    db.prepare_cached("SELECT epoch, node, incarnation FROM room_owner WHERE room = ?1")?
        .query_row([room.0.into_bytes()], owner_row)
        .optional()
}

fn claim(db: &Connection, room: RoomId, expected: Option<&OwnerRow>, next: OwnerRow) -> Result<OwnerRow, Fault> {
    let stored = find_owner(db, room)?;
    let highest = stored.as_ref().map(|owner| owner.epoch);
    if let Some(stored) = stored
        && (Some(&stored) != expected || highest >= Some(next.epoch))
    {
        return Ok(stored);
    }
    if highest.is_none() && expected.is_some() {
        // Someone else's word against an empty table: nobody owns the room, and nothing must be made up.
        return Err(StoreError::Damaged(format!("{room} was expected to have an owner and has none")).into());
    }
    db.prepare_cached(
        "INSERT INTO room_owner (room, epoch, node, incarnation) VALUES (?1, ?2, ?3, ?4)
         ON CONFLICT (room) DO UPDATE SET epoch = ?2, node = ?3, incarnation = ?4",
    )?
    .execute(params![
        room.0.into_bytes(),
        number(next.epoch.0)?,
        next.node.as_str(),
        next.incarnation.0.cast_signed()
    ])?;
    Ok(next)
}

fn seal(db: &Connection, room: RoomId, seal: &SealRow) -> Result<(), Fault> {
    let room_key = room.0.into_bytes();
    let epoch_key = number(seal.epoch.0)?;
    db.prepare_cached("INSERT INTO room_epochs (room, epoch, first_seq) VALUES (?1, ?2, ?3) ON CONFLICT DO NOTHING")?
        .execute(params![room_key, epoch_key, number(seal.first_seq.0)?])?;
    let stored = db
        .prepare_cached("SELECT first_seq FROM room_epochs WHERE room = ?1 AND epoch = ?2")?
        .query_row(params![room_key, epoch_key], |row| counter(row, 0))?;
    if stored == seal.first_seq.0 {
        return Ok(());
    }
    let SealRow { epoch, first_seq } = seal;
    Err(StoreError::Damaged(format!("epoch {epoch} of {room} begins at {stored} already, not at {first_seq}")).into())
}

/// Every seal of a room, by epoch.
pub(super) fn find_seals(db: &Connection, room: RoomId) -> rusqlite::Result<Vec<SealRow>> {
    let mut seals = db.prepare_cached("SELECT epoch, first_seq FROM room_epochs WHERE room = ?1 ORDER BY epoch")?;
    let rows =
        seals.query_map([room.0.into_bytes()], |row| Ok(SealRow { epoch: epoch(row, 0)?, first_seq: seq(row, 1)? }))?;
    rows.collect()
}

#[async_trait]
impl OwnershipStore for SqliteStore {
    async fn owner(&self, room: RoomId) -> Result<Option<OwnerRow>, StoreError> {
        self.read(move |db| Ok(find_owner(db, room)?)).await
    }

    async fn claim(&self, room: RoomId, expected: Option<&OwnerRow>, next: OwnerRow) -> Result<OwnerRow, StoreError> {
        let expected = expected.cloned();
        self.write(move |db| claim(db, room, expected.as_ref(), next)).await
    }

    async fn seal(&self, room: RoomId, row: SealRow) -> Result<(), StoreError> {
        self.write(move |db| seal(db, room, &row)).await
    }

    async fn seals(&self, room: RoomId) -> Result<Vec<SealRow>, StoreError> {
        self.read(move |db| Ok(find_seals(db, room)?)).await
    }
}
