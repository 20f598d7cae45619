//! `GET rooms/{room}/messages`: history by cursor, both directions.
//!
//! **Invariant:** members only; also of rooms that have ended.

use axum::Json;
use axum::extract::State;
use rookery_actors::seams::{Direction, PageBound};
use rookery_schemas::error::ErrorCode;
use rookery_schemas::ids::Seq;
use rookery_schemas::limits::HISTORY_PAGE_MAX;
use rookery_schemas::rest::Messages;
use serde::Deserialize;
use utoipa::IntoParams;

use super::view::{NEWEST, find};
use crate::auth::identity::SignedIn;
use crate::extract::{Asked, RoomRef};
use crate::problem::Refused;
use crate::state::AppState;

/// Which page. With neither bound: the newest.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct MessagesQuery {
    /// The newest messages before this one.
    before: Option<u64>,
    /// The oldest messages after this one.
    after: Option<u64>,
    /// 1 to 50, 50 if absent.
    #[param(minimum = 1, maximum = 50)]
    limit: Option<u16>,
}

/// A room's messages, oldest first.
#[utoipa::path(get, path = "/rooms/{room}/messages", tag = "rooms",
    params(("room" = String, Path, description = "The room's id, or its short name like abc-defg-hij"), MessagesQuery),
    responses((status = 200, body = Messages)), security(("bearer" = [])))]
pub(crate) async fn messages(
    State(state): State<AppState>,
    SignedIn(claims): SignedIn,
    room: RoomRef,
    Asked(asked): Asked<MessagesQuery>,
) -> Result<Json<Messages>, Refused> {
    let limit = asked.limit.unwrap_or(HISTORY_PAGE_MAX);
    if !(1..=HISTORY_PAGE_MAX).contains(&limit) {
        return Err(Refused::field(ErrorCode::Invalid, "limit", "must be 1 to 50"));
    }
    let bound = match (asked.before, asked.after) {
        (None, None) => NEWEST,
        // Beyond what any room has there is nothing; the store counts in 63 bits.
        (Some(before), None) => PageBound { seq: Seq(before.min(NEWEST.seq.0)), direction: Direction::Older },
        (None, Some(after)) => PageBound { seq: Seq(after.min(NEWEST.seq.0)), direction: Direction::Newer },
        (Some(_), Some(_)) => {
            return Err(Refused::field(ErrorCode::Invalid, "after", "cannot go with before"));
        }
    };
    let row = find(&state, &room).await?;
    if state.store.member(row.id, claims.user).await?.is_none() {
        return Err(ErrorCode::MembersOnly.into());
    }
    let page = state.store.page(row.id, bound, limit).await?;
    let last = state.store.last_seq(row.id).await?;
    let messages: Vec<_> = page.into_iter().map(|row| row.message).collect();
    let (older, newer) = neighbours(messages.first().map(|m| m.seq), messages.last().map(|m| m.seq), bound, last);
    Ok(Json(Messages { messages, older, newer }))
}

/// Numbers have no gaps, so the page's own bounds say what lies beyond it.
fn neighbours(first: Option<Seq>, newest: Option<Seq>, bound: PageBound, last: Seq) -> (Option<Seq>, Option<Seq>) {
    let (first, newest) = match (first, newest, bound.direction) {
        (Some(first), Some(newest), _) => (first.0, newest.0),
        (_, _, Direction::Older) => (1, 0),
        (_, _, Direction::Newer) => (last.0.saturating_add(1), last.0),
    };
    ((first > 1).then_some(Seq(first)), (newest < last.0).then_some(Seq(newest)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_know_their_neighbours() {
        let older = |seq| PageBound { seq: Seq(seq), direction: Direction::Older };
        let newer = |seq| PageBound { seq: Seq(seq), direction: Direction::Newer };
        let cases = [
            (Some((51, 100)), NEWEST, 100, (Some(51), None)),
            (Some((1, 50)), older(51), 100, (None, Some(50))),
            (Some((41, 60)), newer(40), 100, (Some(41), Some(60))),
            (None, NEWEST, 0, (None, None)),
            (None, older(1), 10, (None, Some(0))),
            (None, newer(10), 10, (Some(11), None)),
        ];
        for (page, bound, last, (before, after)) in cases {
            let (first, newest) = page.map_or((None, None), |(a, b)| (Some(Seq(a)), Some(Seq(b))));
            assert_eq!(
                neighbours(first, newest, bound, Seq(last)),
                (before.map(Seq), after.map(Seq)),
                "{page:?} {bound:?}"
            );
        }
    }
}
