//! How ids, counters and enums lie in columns.
//!
//! **Invariant:** what was written reads back as the same value, and a column that holds anything else is an error, never a
//! default.

use rookery_actors::seams::StoreError;
use rookery_schemas::ids::{Epoch, NodeId, Seq, Slug, UnixMillis};
use rookery_schemas::signal::{Role, RoomKind};
use rusqlite::types::{FromSql, FromSqlError, FromSqlResult, Type, ValueRef};
use rusqlite::{Error, Row};
use uuid::Uuid;

use super::fault::Fault;

/// A number as a column holds it.
pub(super) fn number(value: u64) -> Result<i64, Fault> {
    i64::try_from(value)
        .map_err(|_| Fault::Store(StoreError::Unavailable(format!("{value} is more than the store can hold"))))
}

/// A number as a bound of a query: beyond all that is stored, where it is too large to be stored.
pub(super) fn bound(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}

/// A count of rows.
pub(super) fn rows(count: usize) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

/// A UUID of 16 bytes.
pub(super) fn uuid(row: &Row<'_>, index: usize) -> Result<Uuid, Error> {
    row.get::<_, [u8; 16]>(index).map(Uuid::from_bytes)
}

/// A UUID or NULL.
pub(super) fn uuid_or_none(row: &Row<'_>, index: usize) -> Result<Option<Uuid>, Error> {
    Ok(row.get::<_, Option<[u8; 16]>>(index)?.map(Uuid::from_bytes))
}

/// A number that is never negative.
pub(super) fn counter(row: &Row<'_>, index: usize) -> Result<u64, Error> {
    let value: i64 = row.get(index)?;
    u64::try_from(value).map_err(|_| Error::IntegralValueOutOfRange(index, value))
}

/// A message's number.
pub(super) fn seq(row: &Row<'_>, index: usize) -> Result<Seq, Error> {
    counter(row, index).map(Seq)
}

/// A term.
pub(super) fn epoch(row: &Row<'_>, index: usize) -> Result<Epoch, Error> {
    counter(row, index).map(Epoch)
}

/// A time.
pub(super) fn millis(row: &Row<'_>, index: usize) -> Result<UnixMillis, Error> {
    row.get(index).map(UnixMillis)
}

/// A time or NULL.
pub(super) fn millis_or_none(row: &Row<'_>, index: usize) -> Result<Option<UnixMillis>, Error> {
    Ok(row.get::<_, Option<i64>>(index)?.map(UnixMillis))
}

/// A room's short name.
pub(super) fn slug(row: &Row<'_>, index: usize) -> Result<Slug, Error> {
    Slug::try_from(row.get::<_, String>(index)?).map_err(|error| unreadable(index, error))
}

/// A node's name.
pub(super) fn node(row: &Row<'_>, index: usize) -> Result<NodeId, Error> {
    NodeId::try_from(row.get::<_, String>(index)?).map_err(|error| unreadable(index, error))
}

fn unreadable(index: usize, error: impl std::error::Error + Send + Sync + 'static) -> Error {
    Error::FromSqlConversionFailure(index, Type::Text, Box::new(error))
}

/// A role's name in the database.
pub(super) const fn role_name(role: Role) -> &'static str {
    match role {
        Role::Guest => "guest",
        Role::Member => "member",
        Role::Host => "host",
    }
}

/// A kind's name in the database.
pub(super) const fn kind_name(kind: RoomKind) -> &'static str {
    match kind {
        RoomKind::Meeting => "meeting",
        RoomKind::Chat => "chat",
        RoomKind::Direct => "direct",
        RoomKind::Watch => "watch",
    }
}

/// A [`Role`] read from its name.
pub(super) struct StoredRole(pub(super) Role);

impl FromSql for StoredRole {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        let name = value.as_str()?;
        let role = [Role::Guest, Role::Member, Role::Host].into_iter().find(|role| role_name(*role) == name);
        role.map(Self).ok_or(FromSqlError::InvalidType)
    }
}

/// A [`RoomKind`] read from its name.
pub(super) struct StoredKind(pub(super) RoomKind);

impl FromSql for StoredKind {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        let name = value.as_str()?;
        let kinds = [RoomKind::Meeting, RoomKind::Chat, RoomKind::Direct, RoomKind::Watch];
        kinds.into_iter().find(|kind| kind_name(*kind) == name).map(Self).ok_or(FromSqlError::InvalidType)
    }
}
