//! `GET rooms`: lists by cursor.
//!
//! **Invariant:** a cursor says where to go on and nothing about who may see what: that is asked anew for each page.

use axum::Json;
use axum::extract::State;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;
use rookery_actors::seams::{RoomCursor, RoomQuery};
use rookery_schemas::error::ErrorCode;
use rookery_schemas::ids::UnixMillis;
use rookery_schemas::limits::LIST_PAGE_MAX;
use rookery_schemas::rest::{RoomList, RoomScope};
use rookery_schemas::rows::RoomRow;
use rookery_schemas::signal::RoomKind;
use serde::Deserialize;
use utoipa::IntoParams;

use crate::auth::identity::SignedIn;
use crate::extract::Asked;
use crate::links::Links;
use crate::problem::Refused;
use crate::rest::view::show_all;
use crate::state::AppState;

/// Rooms on a page unless asked otherwise: a screen of them.
const PAGE_DEFAULT: u16 = 20;
/// Characters that are searched for.
const TEXT_CHARS_MAX: usize = 100;

/// Which rooms to list.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct ListQuery {
    /// `mine` (those the caller is a member of, also if absent) or `public`.
    #[serde(default)]
    #[param(inline)]
    scope: RoomScope,
    /// Only this kind.
    #[param(inline)]
    kind: Option<RoomKind>,
    /// Only rooms whose name or description have words that begin so; at most 100 characters.
    text: Option<String>,
    /// `next` of the page before.
    cursor: Option<String>,
    /// 1 to 50, 20 if absent.
    #[param(minimum = 1, maximum = 50)]
    limit: Option<u16>,
}

/// The caller's rooms, or the public ones, most recently used first.
#[utoipa::path(get, path = "/rooms", tag = "rooms", params(ListQuery),
    responses((status = 200, body = RoomList)), security(("bearer" = [])))]
pub(crate) async fn list(
    State(state): State<AppState>,
    SignedIn(claims): SignedIn,
    links: Links,
    Asked(asked): Asked<ListQuery>,
) -> Result<Json<RoomList>, Refused> {
    let limit = asked.limit.unwrap_or(PAGE_DEFAULT);
    if !(1..=LIST_PAGE_MAX).contains(&limit) {
        return Err(Refused::field(ErrorCode::Invalid, "limit", "must be 1 to 50"));
    }
    let text = asked.text.as_deref().map(str::trim).filter(|text| !text.is_empty()).map(str::to_owned);
    if text.as_deref().is_some_and(|text| text.chars().count() > TEXT_CHARS_MAX) {
        return Err(Refused::field(ErrorCode::Invalid, "text", "must have at most 100 characters"));
    }
    let after = match asked.cursor.as_deref() {
        Some(cursor) => {
            Some(read_cursor(cursor).ok_or_else(|| Refused::field(ErrorCode::Invalid, "cursor", "is none of ours"))?)
        }
        None => None,
    };
    let mut query = RoomQuery { viewer: claims.user, scope: asked.scope, kind: asked.kind, text, after, limit };
    let rows = state.store.rooms(&query).await?;
    let mut next = None;
    if rows.len() >= usize::from(limit)
        && let Some(last) = rows.last()
    {
        query.after = Some(RoomCursor { active_at: last.active_at, room: last.id });
        query.limit = 1;
        next = (!state.store.rooms(&query).await?.is_empty()).then(|| write_cursor(last));
    }
    let rooms = show_all(&state, &links, Some(claims.user), rows).await?;
    Ok(Json(RoomList { rooms, next }))
}

fn write_cursor(last: &RoomRow) -> String {
    BASE64.encode(format!("{}.{}", last.active_at.0, last.id))
}

fn read_cursor(text: &str) -> Option<RoomCursor> {
    let bytes = BASE64.decode(text).ok()?;
    let (active_at, room) = std::str::from_utf8(&bytes).ok()?.split_once('.')?;
    Some(RoomCursor { active_at: UnixMillis(active_at.parse().ok()?), room: room.parse().ok()? })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cursors_are_ours_or_refused() {
        let text = BASE64.encode("12.6f1f64a1-9c4e-4f6e-8f3a-0c8b6f0a2d11");
        assert_eq!(read_cursor(&text).map(|c| c.active_at), Some(UnixMillis(12)));
        for bad in ["", "x", "!!", &BASE64.encode("12"), &BASE64.encode("a.b"), &BASE64.encode([0xff, 0xfe])] {
            assert!(read_cursor(bad).is_none(), "{bad}");
        }
    }
}
