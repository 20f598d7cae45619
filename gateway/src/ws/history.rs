//! Pages of history and read markers: what a socket gets straight from the store.
//!
//! **Invariant:** a page's frame fits; what does not is left for the next page, and `more` says so.

use rookery_actors::seams::{ChatStore, Direction, PageBound, RoomStore, StoreError};
use rookery_schemas::error::{ErrorCode, Refusal};
use rookery_schemas::ids::{RoomId, Seq, UserId};
use rookery_schemas::limits::{HISTORY_PAGE_MAX, SERVER_FRAME_BYTES_MAX};
use rookery_schemas::signal::{ChatMessage, History, HistoryPage};

/// Bytes of a page's messages; the rest of the frame is far smaller than what is left.
const PAGE_BYTES_MAX: usize = SERVER_FRAME_BYTES_MAX - 4 * 1024;
/// Beyond every message, for the newest page.
const NEWEST: Seq = Seq(u64::MAX >> 1);

/// Whether a user may read a room without being inside: members may, while the room is not deleted.
pub(super) async fn may_read(rooms: &dyn RoomStore, room: RoomId, user: UserId) -> Result<(), Refusal> {
    if rooms.member(room, user).await.map_err(refusal)?.is_none() {
        return Err(Refusal::new(ErrorCode::MembersOnly));
    }
    match rooms.room(room).await.map_err(refusal)? {
        Some(row) if !row.deleted => Ok(()),
        _ => Err(Refusal::new(ErrorCode::RoomNotFound)),
    }
}

/// A page, oldest first.
pub(super) async fn page(chat: &dyn ChatStore, room: RoomId, asked: &History) -> Result<HistoryPage, Refusal> {
    let limit = asked.limit.unwrap_or(HISTORY_PAGE_MAX).clamp(1, HISTORY_PAGE_MAX);
    let bound = match asked {
        History { after: Some(seq), .. } => PageBound { seq: *seq, direction: Direction::Newer },
        History { before, .. } => PageBound { seq: before.unwrap_or(NEWEST), direction: Direction::Older },
    };
    let rows = chat.page(room, bound, limit).await.map_err(refusal)?;
    let messages = fitting(rows.into_iter().map(|row| row.message).collect(), bound.direction);
    // Visible numbers are gapless from 1, so the ends of a page tell what lies beyond it.
    let more = match (bound.direction, messages.first(), messages.last()) {
        (Direction::Older, Some(oldest), _) => oldest.seq > Seq(1),
        (Direction::Newer, _, Some(newest)) => chat.last_seq(room).await.map_err(refusal)? > newest.seq,
        _ => false,
    };
    Ok(HistoryPage { messages, more })
}

/// Moves a member's read marker, as far as there are messages: one beyond them would hide what is yet to come.
pub(super) async fn read(
    rooms: &dyn RoomStore,
    chat: &dyn ChatStore,
    room: RoomId,
    user: UserId,
    seq: Seq,
) -> Result<(), Refusal> {
    let last = chat.last_seq(room).await.map_err(refusal)?;
    rooms.set_read(room, user, seq.min(last)).await.map_err(refusal)
}

/// As many as fit, from the end that the page begins at.
fn fitting(messages: Vec<ChatMessage>, direction: Direction) -> Vec<ChatMessage> {
    let mut left = PAGE_BYTES_MAX;
    let mut fits = |message: &ChatMessage| {
        let bytes = serde_json::to_string(message).map_or(usize::MAX, |text| text.len().saturating_add(1));
        let fits = bytes <= left;
        left = if fits { left - bytes } else { 0 };
        fits
    };
    match direction {
        Direction::Newer => messages.into_iter().take_while(|message| fits(message)).collect(),
        Direction::Older => {
            let mut kept: Vec<_> = messages.into_iter().rev().take_while(|message| fits(message)).collect();
            kept.reverse();
            kept
        }
    }
}

fn refusal(error: StoreError) -> Refusal {
    match error {
        StoreError::Unavailable(_) | StoreError::Unknown(_) => {
            tracing::warn!(%error, "the store did not answer a socket's question");
            Refusal::new(ErrorCode::StoreUnavailable)
        }
        StoreError::Taken(_) | StoreError::Damaged(_) => {
            tracing::error!(%error, "the store could not answer a socket's question");
            Refusal::new(ErrorCode::Internal)
        }
    }
}
