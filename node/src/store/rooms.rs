//! Rooms, their lists and who belongs to them.
//!
//! **Invariant:** what goes one way only (closed, deleted, last use, a read marker) never goes back, whoever wrote last.

use async_trait::async_trait;
use rookery_actors::seams::{BANS_PER_ROOM_MAX, RoomChange, RoomCursor, RoomQuery, RoomStore, StoreError, Taken};
use rookery_schemas::ids::{PeerId, RoomId, Seq, Slug, UnixMillis, UserId};
use rookery_schemas::limits::AD_HOC_ENDS_AFTER;
use rookery_schemas::rest::RoomScope;
use rookery_schemas::rows::{Banned, MemberRow, RoomRow};
use rookery_schemas::signal::{Allowed, Role};
use rusqlite::{Connection, OptionalExtension, Params, Row, params};
use uuid::Uuid;

use super::SqliteStore;
use super::columns::{
    StoredKind, StoredRole, kind_name, millis, millis_or_none, number, role_name, rows, seq, slug, uuid,
};
use super::fault::Fault;
use super::search;

const COLUMNS: &str = "r.id, r.slug, r.name, r.description, r.kind, r.owner, r.password_hash, r.peers_max, r.public, \
                       r.ad_hoc, r.expires_at, r.closed_at, r.deleted, r.created_at, r.active_at, \
                       r.allows_microphone, r.allows_camera, r.allows_screen";

fn room_row(row: &Row<'_>) -> rusqlite::Result<RoomRow> {
    Ok(RoomRow {
        id: RoomId(uuid(row, 0)?),
        slug: slug(row, 1)?,
        name: row.get(2)?,
        description: row.get(3)?,
        kind: row.get::<_, StoredKind>(4)?.0,
        owner: UserId(uuid(row, 5)?),
        password_hash: row.get(6)?,
        peers_max: row.get(7)?,
        public: row.get(8)?,
        allowed: Allowed { microphone: row.get(15)?, camera: row.get(16)?, screen: row.get(17)? },
        ad_hoc: row.get(9)?,
        expires_at: millis_or_none(row, 10)?,
        closed_at: millis_or_none(row, 11)?,
        deleted: row.get(12)?,
        created_at: millis(row, 13)?,
        active_at: millis(row, 14)?,
    })
}

fn one_room(db: &Connection, condition: &str, key: impl Params) -> rusqlite::Result<Option<RoomRow>> {
    db.prepare_cached(&format!("SELECT {COLUMNS} FROM rooms r WHERE {condition}"))?.query_row(key, room_row).optional()
}

fn insert_room(db: &Connection, room: &RoomRow) -> Result<(), Fault> {
    let id = room.id.0.into_bytes();
    let owner = room.owner.0.into_bytes();
    let added = db
        .prepare_cached(
            "INSERT INTO rooms (id, slug, name, description, kind, owner, password_hash, peers_max, public, ad_hoc,
                                expires_at, closed_at, deleted, created_at, active_at,
                                allows_microphone, allows_camera, allows_screen)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18)
             ON CONFLICT DO NOTHING",
        )?
        .execute(params![
            id,
            room.slug.as_str(),
            room.name,
            room.description,
            kind_name(room.kind),
            owner,
            room.password_hash,
            room.peers_max,
            room.public,
            room.ad_hoc,
            room.expires_at.map(|at| at.0),
            room.closed_at.map(|at| at.0),
            room.deleted,
            room.created_at.0,
            room.active_at.0,
            room.allowed.microphone,
            room.allowed.camera,
            room.allowed.screen,
        ])?;
    if added == 0 {
        let there = one_room(db, "r.slug = ?1", [room.slug.as_str()])?;
        let same = there.is_some_and(|there| there.id == room.id);
        return if same { Ok(()) } else { Err(StoreError::Taken(Taken::Slug).into()) };
    }
    let host =
        MemberRow { room: room.id, user: room.owner, role: Role::Host, joined_at: room.created_at, read_seq: Seq(0) };
    insert_member(db, &host)?;
    Ok(())
}

fn update_room(db: &Connection, id: RoomId, change: &RoomChange) -> rusqlite::Result<()> {
    let RoomChange { name, description, password_hash, peers_max, public, allowed, expires_at } = change;
    // A column that may be NULL has a flag beside it that says whether it is changed.
    db.prepare_cached(
        "UPDATE rooms SET name = coalesce(?2, name), description = coalesce(?3, description),
                          password_hash = iif(?4, ?5, password_hash), peers_max = coalesce(?6, peers_max),
                          public = coalesce(?7, public), expires_at = iif(?8 AND NOT ad_hoc, ?9, expires_at),
                          allows_microphone = coalesce(?10, allows_microphone),
                          allows_camera = coalesce(?11, allows_camera), allows_screen = coalesce(?12, allows_screen)
         WHERE id = ?1",
    )?
    .execute(params![
        id.0.into_bytes(),
        name,
        description,
        password_hash.is_some(),
        password_hash.as_ref().and_then(Option::as_ref),
        peers_max,
        public,
        expires_at.is_some(),
        expires_at.flatten().map(|at| at.0),
        allowed.microphone,
        allowed.camera,
        allowed.screen,
    ])?;
    Ok(())
}

/// Closes an open room if `condition` holds.
fn close_if(db: &Connection, id: RoomId, at: UnixMillis, condition: &str) -> rusqlite::Result<()> {
    let sql = format!("UPDATE rooms SET closed_at = ?2 WHERE id = ?1 AND closed_at IS NULL AND {condition}");
    db.prepare_cached(&sql)?.execute(params![id.0.into_bytes(), at.0])?;
    Ok(())
}

/// A page of a list. The query of each of the eight shapes is prepared once.
fn list(db: &Connection, query: &RoomQuery) -> Result<Vec<RoomRow>, Fault> {
    let from = match query.scope {
        RoomScope::Mine => "members m JOIN rooms r ON r.id = m.room WHERE m.user = ?1",
        // The viewer is bound in both, so that the numbers are the same.
        RoomScope::Public => "rooms r WHERE r.public = 1 AND ?1 IS NOT NULL",
    };
    let words = query.text.as_deref().and_then(search::query);
    let matching =
        words.as_ref().map_or("?6 IS NULL", |_| "r.number IN (SELECT rowid FROM room_words WHERE room_words MATCH ?6)");
    // Before everything: later than any time, and after every id.
    let after = query.after.unwrap_or(RoomCursor { active_at: UnixMillis(i64::MAX), room: RoomId(Uuid::max()) });
    let sql = format!(
        "SELECT {COLUMNS} FROM {from} AND r.deleted = 0 AND (?2 IS NULL OR r.kind = ?2)
           AND (r.active_at, r.id) < (?3, ?4) AND {matching}
         ORDER BY r.active_at DESC, r.id DESC LIMIT ?5"
    );
    let mut page = db.prepare_cached(&sql)?;
    let found = page.query_map(
        params![
            query.viewer.0.into_bytes(),
            query.kind.map(kind_name),
            after.active_at.0,
            after.room.0.into_bytes(),
            query.limit,
            words
        ],
        room_row,
    )?;
    Ok(found.collect::<Result<_, _>>()?)
}

fn past_their_end(db: &Connection, now: UnixMillis, limit: u16) -> rusqlite::Result<Vec<RoomRow>> {
    let mut rooms = db.prepare_cached(&format!(
        "SELECT {COLUMNS} FROM rooms r
         WHERE r.expires_at IS NOT NULL AND r.closed_at IS NULL AND r.deleted = 0 AND r.expires_at <= ?1
         ORDER BY r.expires_at LIMIT ?2"
    ))?;
    let mut found: Vec<RoomRow> = rooms.query_map(params![now.0, limit], room_row)?.collect::<Result<_, _>>()?;
    let left = i64::from(limit) - i64::try_from(found.len()).unwrap_or(i64::MAX);
    let mut endless = db.prepare_cached(&format!(
        "SELECT {COLUMNS} FROM rooms r
         WHERE r.ad_hoc = 1 AND r.expires_at IS NULL AND r.closed_at IS NULL AND r.deleted = 0 AND r.active_at <= ?1
         ORDER BY r.active_at LIMIT ?2"
    ))?;
    let unused_since = now.before(AD_HOC_ENDS_AFTER);
    for room in endless.query_map(params![unused_since.0, left.max(0)], room_row)? {
        found.push(room?);
    }
    Ok(found)
}

/// False if the user was put out; then there is no row.
fn insert_member(db: &Connection, member: &MemberRow) -> Result<bool, Fault> {
    let (room, user) = (member.room.0.into_bytes(), member.user.0.into_bytes());
    let banned = db
        .prepare_cached("SELECT 1 FROM bans WHERE room = ?1 AND kind = 'user' AND who = ?2")?
        .exists(params![room, user])?;
    if banned {
        return Ok(false);
    }
    db.prepare_cached(
        "INSERT INTO members (room, user, role, joined_at, read_seq) VALUES (?1, ?2, ?3, ?4, ?5) ON CONFLICT DO NOTHING",
    )?
    .execute(params![room, user, role_name(member.role), member.joined_at.0, number(member.read_seq.0)?])?;
    Ok(true)
}

fn find_member(db: &Connection, room: RoomId, user: UserId) -> rusqlite::Result<Option<MemberRow>> {
    db.prepare_cached("SELECT role, joined_at, read_seq FROM members WHERE room = ?1 AND user = ?2")?
        .query_row([room.0.into_bytes(), user.0.into_bytes()], |row| {
            let role = row.get::<_, StoredRole>(0)?.0;
            Ok(MemberRow { room, user, role, joined_at: millis(row, 1)?, read_seq: seq(row, 2)? })
        })
        .optional()
}

const fn banned_key(who: &Banned) -> (&'static str, Uuid) {
    match who {
        Banned::User(user) => ("user", user.0),
        Banned::Peer(peer) => ("peer", peer.0),
    }
}

fn ban(db: &Connection, room: RoomId, who: &Banned) -> rusqlite::Result<()> {
    let room = room.0.into_bytes();
    let (kind, id) = banned_key(who);
    db.prepare_cached("INSERT INTO bans (room, kind, who) VALUES (?1, ?2, ?3) ON CONFLICT DO NOTHING")?
        .execute(params![room, kind, id.into_bytes()])?;
    if let Banned::User(user) = who {
        db.prepare_cached("DELETE FROM members WHERE room = ?1 AND user = ?2")?.execute([room, user.0.into_bytes()])?;
    }
    // 'user' before 'peer', newest first: what is beyond the bound is the oldest, guests' seats first.
    db.prepare_cached(
        "DELETE FROM bans WHERE number IN (
           SELECT number FROM bans WHERE room = ?1 ORDER BY kind DESC, number DESC LIMIT -1 OFFSET ?2)",
    )?
    .execute(params![room, rows(BANS_PER_ROOM_MAX)])?;
    Ok(())
}

fn find_bans(db: &Connection, room: RoomId) -> rusqlite::Result<Vec<Banned>> {
    let mut bans = db.prepare_cached("SELECT kind = 'user', who FROM bans WHERE room = ?1 ORDER BY number")?;
    let found = bans.query_map([room.0.into_bytes()], |row| {
        let who = uuid(row, 1)?;
        Ok(if row.get(0)? { Banned::User(UserId(who)) } else { Banned::Peer(PeerId(who)) })
    })?;
    found.collect()
}

#[async_trait]
impl RoomStore for SqliteStore {
    async fn create_room(&self, room: RoomRow) -> Result<(), StoreError> {
        self.write(move |db| insert_room(db, &room)).await
    }

    async fn room(&self, id: RoomId) -> Result<Option<RoomRow>, StoreError> {
        self.read(move |db| Ok(one_room(db, "r.id = ?1", [id.0.into_bytes()])?)).await
    }

    async fn room_by_slug(&self, slug: &Slug) -> Result<Option<RoomRow>, StoreError> {
        let slug = slug.clone();
        self.read(move |db| Ok(one_room(db, "r.slug = ?1", [slug.as_str()])?)).await
    }

    async fn update_room(&self, id: RoomId, change: &RoomChange) -> Result<(), StoreError> {
        let change = change.clone();
        self.write(move |db| Ok(update_room(db, id, &change)?)).await
    }

    async fn touch_room(&self, id: RoomId, at: UnixMillis) -> Result<(), StoreError> {
        self.write(move |db| {
            db.prepare_cached("UPDATE rooms SET active_at = ?2 WHERE id = ?1 AND active_at < ?2")?
                .execute(params![id.0.into_bytes(), at.0])?;
            Ok(())
        })
        .await
    }

    async fn set_ad_hoc_end(&self, id: RoomId, expires_at: Option<UnixMillis>) -> Result<(), StoreError> {
        self.write(move |db| {
            db.prepare_cached("UPDATE rooms SET expires_at = ?2 WHERE id = ?1 AND ad_hoc = 1")?
                .execute(params![id.0.into_bytes(), expires_at.map(|at| at.0)])?;
            Ok(())
        })
        .await
    }

    async fn close_room(&self, id: RoomId, at: UnixMillis) -> Result<(), StoreError> {
        self.write(move |db| Ok(close_if(db, id, at, "TRUE")?)).await
    }

    async fn end_room(&self, id: RoomId, now: UnixMillis) -> Result<Option<UnixMillis>, StoreError> {
        self.write(move |db| {
            close_if(db, id, now, "expires_at <= ?2")?;
            Ok(one_room(db, "r.id = ?1", [id.0.into_bytes()])?.and_then(|room| room.closed_at))
        })
        .await
    }

    async fn delete_room(&self, id: RoomId, at: UnixMillis) -> Result<(), StoreError> {
        self.write(move |db| {
            close_if(db, id, at, "TRUE")?;
            db.prepare_cached("UPDATE rooms SET deleted = 1 WHERE id = ?1")?.execute([id.0.into_bytes()])?;
            Ok(())
        })
        .await
    }

    async fn rooms(&self, query: &RoomQuery) -> Result<Vec<RoomRow>, StoreError> {
        let query = query.clone();
        self.read(move |db| list(db, &query)).await
    }

    async fn rooms_past_their_end(&self, now: UnixMillis, limit: u16) -> Result<Vec<RoomRow>, StoreError> {
        self.read(move |db| Ok(past_their_end(db, now, limit)?)).await
    }

    async fn add_member(&self, member: MemberRow) -> Result<bool, StoreError> {
        self.write(move |db| insert_member(db, &member)).await
    }

    async fn member(&self, room: RoomId, user: UserId) -> Result<Option<MemberRow>, StoreError> {
        self.read(move |db| Ok(find_member(db, room, user)?)).await
    }

    async fn set_read(&self, room: RoomId, user: UserId, seq: Seq) -> Result<(), StoreError> {
        self.write(move |db| {
            db.prepare_cached("UPDATE members SET read_seq = ?3 WHERE room = ?1 AND user = ?2 AND read_seq < ?3")?
                .execute(params![room.0.into_bytes(), user.0.into_bytes(), number(seq.0)?])?;
            Ok(())
        })
        .await
    }

    async fn ban(&self, room: RoomId, who: Banned) -> Result<(), StoreError> {
        self.write(move |db| Ok(ban(db, room, &who)?)).await
    }

    async fn bans(&self, room: RoomId) -> Result<Vec<Banned>, StoreError> {
        self.read(move |db| Ok(find_bans(db, room)?)).await
    }
}
