//! A stored room as a caller may see it.
//!
//! **Invariant:** messages, unread counts and, where a password is asked for, the names of those inside are for members only.

use futures_util::stream::{self, StreamExt as _, TryStreamExt as _};
use rookery_actors::seams::{Direction, PageBound};
use rookery_schemas::bus::RoomPresence;
use rookery_schemas::error::ErrorCode;
use rookery_schemas::ids::{Seq, UnixMillis, UserId};
use rookery_schemas::rest::{Inside, Room};
use rookery_schemas::rows::RoomRow;

use crate::extract::RoomRef;
use crate::links::Links;
use crate::problem::Refused;
use crate::state::AppState;

/// Rooms of one page looked up at once: enough to hide the store's latency, few enough to leave it to others.
const LOOKUPS_AT_ONCE: usize = 8;
/// "The newest page", as the store wants it.
pub(crate) const NEWEST: PageBound = PageBound { seq: Seq(u64::MAX >> 1), direction: Direction::Older };

/// The room of a path; deleted ones are not there.
///
/// # Errors
/// `room_not_found`.
pub(crate) async fn find(state: &AppState, room: &RoomRef) -> Result<RoomRow, Refused> {
    let row = match room {
        RoomRef::Id(id) => state.store.room(*id).await?,
        RoomRef::Slug(slug) => state.store.room_by_slug(slug).await?,
    };
    row.filter(|row| !row.deleted).ok_or_else(|| Refused::new(ErrorCode::RoomNotFound))
}

/// Why nobody can enter or change the room any more, if so.
pub(crate) fn ended(row: &RoomRow, now: UnixMillis) -> Option<ErrorCode> {
    let over = |at: UnixMillis| row.expires_at.is_some_and(|end| end <= at);
    match row.closed_at {
        Some(closed) if over(closed) => Some(ErrorCode::RoomExpired),
        Some(_) => Some(ErrorCode::RoomClosed),
        None => over(now).then_some(ErrorCode::RoomExpired),
    }
}

/// One room.
pub(crate) async fn show(
    state: &AppState,
    links: &Links,
    viewer: Option<UserId>,
    row: RoomRow,
) -> Result<Room, Refused> {
    let mut rooms = show_all(state, links, viewer, vec![row]).await?;
    rooms.pop().ok_or_else(|| Refused::new(ErrorCode::Internal))
}

/// Rooms, in the order given; who is inside is asked for all of them at once.
pub(crate) async fn show_all(
    state: &AppState,
    links: &Links,
    viewer: Option<UserId>,
    rows: Vec<RoomRow>,
) -> Result<Vec<Room>, Refused> {
    let open = rows.iter().filter(|row| row.closed_at.is_none()).map(|row| row.id);
    let mut presence = state.presence.of(open).await;
    let rows: Vec<_> = rows.into_iter().map(|row| (presence.remove(&row.id), row)).collect();
    stream::iter(rows)
        .map(|(inside, row)| one(state, links, viewer, row, inside))
        .buffered(LOOKUPS_AT_ONCE)
        .try_collect()
        .await
}

async fn one(
    state: &AppState,
    links: &Links,
    viewer: Option<UserId>,
    row: RoomRow,
    presence: Option<RoomPresence>,
) -> Result<Room, Refused> {
    let member = match viewer {
        Some(user) => state.store.member(row.id, user).await?,
        None => None,
    };
    let last_message = match &member {
        Some(_) => state.store.page(row.id, NEWEST, 1).await?.pop().map(|row| row.message),
        None => None,
    };
    let read = member.as_ref().map_or(Seq(0), |member| member.read_seq);
    let unread = last_message.as_ref().map_or(0, |last| last.seq.0.saturating_sub(read.0));
    let mut inside = presence.map_or_else(Inside::default, |p| Inside { peers: p.peers, names: p.names });
    if row.password_hash.is_some() && member.is_none() {
        inside.names.clear();
    }
    Ok(Room {
        url: links.room(&row.slug),
        id: row.id,
        slug: row.slug,
        name: row.name,
        description: row.description,
        kind: row.kind,
        has_password: row.password_hash.is_some(),
        max_peers: row.peers_max,
        public: row.public,
        allowed: row.allowed,
        expires_at: row.expires_at,
        closed_at: row.closed_at,
        created_at: row.created_at,
        role: member.map(|member| member.role),
        inside,
        last_message,
        unread,
    })
}
