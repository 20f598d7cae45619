//! Chat rows: appended in groups, read in pages without ghosts.
//!
//! **Invariant:** a row, once stored, is never changed or removed; a page's rows and the seals that judge them are of one
//! snapshot.

use async_trait::async_trait;
use rookery_actors::seams::{APPEND_ROWS_MAX, ChatStore, Direction, PageBound, StoreError};
use rookery_schemas::ids::{Epoch, Nonce, PeerId, RoomId, Seq, UserId};
use rookery_schemas::rows::MessageRow;
use rookery_schemas::signal::ChatMessage;
use rusqlite::{CachedStatement, Connection, Row, params};

use super::SqliteStore;
use super::columns::{bound, epoch, millis, number, seq, uuid, uuid_or_none};
use super::fault::Fault;
use super::ghosts::Reign;
use super::ownership::find_seals;

const COLUMNS: &str = "seq, epoch, nonce, peer, user, display_name, text, at";

/// Rows read beyond what a page asks for, so that a few ghosts among them cost no second query.
const SPARE_ROWS: u32 = 16;

fn message_row(row: &Row<'_>) -> rusqlite::Result<MessageRow> {
    let message = ChatMessage {
        seq: seq(row, 0)?,
        nonce: Nonce(uuid(row, 2)?),
        peer: PeerId(uuid(row, 3)?),
        user: uuid_or_none(row, 4)?.map(UserId),
        display_name: row.get(5)?,
        text: row.get(6)?,
        at: millis(row, 7)?,
    };
    Ok(MessageRow { epoch: epoch(row, 1)?, message })
}

fn append(db: &Connection, room: RoomId, rows: &[MessageRow]) -> Result<(), Fault> {
    let room_key = room.0.into_bytes();
    let mut insert = db.prepare_cached(
        "INSERT INTO messages (room, bucket, seq, epoch, nonce, peer, user, display_name, text, at)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10) ON CONFLICT DO NOTHING",
    )?;
    for row in rows {
        let message = &row.message;
        let added = insert.execute(params![
            room_key,
            number(MessageRow::bucket(message.seq))?,
            number(message.seq.0)?,
            number(row.epoch.0)?,
            message.nonce.0.into_bytes(),
            message.peer.0.into_bytes(),
            message.user.map(|user| user.0.into_bytes()),
            message.display_name,
            message.text,
            message.at.0,
        ])?;
        if added == 0 && stored(db, room, message.seq, row.epoch)?.as_ref() != Some(row) {
            let (seq, epoch) = (message.seq, row.epoch);
            let what = format!("message {seq} of epoch {epoch} in {room} is stored with other contents");
            return Err(StoreError::Damaged(what).into());
        }
    }
    Ok(())
}

fn stored(db: &Connection, room: RoomId, seq: Seq, epoch: Epoch) -> Result<Option<MessageRow>, Fault> {
    let mut find = db.prepare_cached(&format!(
        "SELECT {COLUMNS} FROM messages WHERE room = ?1 AND bucket = ?2 AND seq = ?3 AND epoch = ?4"
    ))?;
    let key = params![room.0.into_bytes(), bound(MessageRow::bucket(seq)), bound(seq.0), bound(epoch.0)];
    Ok(find.query_map(key, message_row)?.next().transpose()?)
}

fn tail(db: &Connection, room: RoomId, from: Seq, limit: u32) -> Result<Vec<MessageRow>, Fault> {
    let mut find = db.prepare_cached(&format!(
        "SELECT {COLUMNS} FROM messages WHERE room = ?1 AND (bucket, seq) >= (?2, ?3)
         ORDER BY bucket, seq, epoch LIMIT ?4"
    ))?;
    let key = params![room.0.into_bytes(), bound(MessageRow::bucket(from)), bound(from.0), limit];
    Ok(find.query_map(key, message_row)?.collect::<Result<_, _>>()?)
}

/// The statement for rows on from a (bucket, seq, epoch), that one not included.
fn onward(db: &Connection, direction: Direction) -> rusqlite::Result<CachedStatement<'_>> {
    let (after, order) = match direction {
        Direction::Older => ("<", "DESC"),
        Direction::Newer => (">", "ASC"),
    };
    db.prepare_cached(&format!(
        "SELECT {COLUMNS} FROM messages WHERE room = ?1 AND (bucket, seq, epoch) {after} (?2, ?3, ?4)
         ORDER BY bucket {order}, seq {order}, epoch {order} LIMIT ?5"
    ))
}

/// The next `limit` rows that are seen, in the order of `direction`.
fn page(db: &Connection, room: RoomId, bound_at: PageBound, limit: u32) -> Result<Vec<MessageRow>, Fault> {
    let snapshot = db.unchecked_transaction()?;
    let reign = Reign::of(find_seals(&snapshot, room)?);
    let mut find = onward(&snapshot, bound_at.direction)?;
    let mut seen = Vec::new();
    let mut last_seq = bound_at.seq;
    // The whole of the bound's number is behind us, whatever the epoch.
    let mut last_epoch = match bound_at.direction {
        Direction::Older => 0,
        Direction::Newer => i64::MAX,
    };
    let wanted = usize::try_from(limit).unwrap_or(usize::MAX);
    loop {
        let asked = limit.saturating_add(SPARE_ROWS);
        let key =
            params![room.0.into_bytes(), bound(MessageRow::bucket(last_seq)), bound(last_seq.0), last_epoch, asked];
        let rows: Vec<MessageRow> = find.query_map(key, message_row)?.collect::<Result<_, _>>()?;
        let ended = u32::try_from(rows.len()).unwrap_or(u32::MAX) < asked;
        if let Some(last) = rows.last() {
            last_seq = last.message.seq;
            last_epoch = bound(last.epoch.0);
        }
        seen.extend(rows.into_iter().filter(|row| reign.shows(row.message.seq, row.epoch)));
        if ended || seen.len() >= wanted {
            break;
        }
    }
    seen.truncate(wanted);
    Ok(seen)
}

#[async_trait]
impl ChatStore for SqliteStore {
    async fn append(&self, room: RoomId, rows: &[MessageRow]) -> Result<(), StoreError> {
        if rows.is_empty() {
            return Ok(());
        }
        if rows.len() > APPEND_ROWS_MAX {
            return Err(StoreError::Unavailable(format!("{} rows at once, {APPEND_ROWS_MAX} are taken", rows.len())));
        }
        let rows = rows.to_vec();
        self.write(move |db| append(db, room, &rows)).await
    }

    async fn tail(&self, room: RoomId, from: Seq, limit: u32) -> Result<Vec<MessageRow>, StoreError> {
        self.read(move |db| tail(db, room, from, limit)).await
    }

    async fn page(&self, room: RoomId, bound: PageBound, limit: u16) -> Result<Vec<MessageRow>, StoreError> {
        self.read(move |db| {
            let mut rows = page(db, room, bound, u32::from(limit))?;
            if bound.direction == Direction::Older {
                rows.reverse();
            }
            Ok(rows)
        })
        .await
    }

    async fn last_seq(&self, room: RoomId) -> Result<Seq, StoreError> {
        let newest = PageBound { seq: Seq(u64::MAX >> 1), direction: Direction::Older };
        self.read(move |db| Ok(page(db, room, newest, 1)?.last().map_or(Seq(0), |row| row.message.seq))).await
    }
}
