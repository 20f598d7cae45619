//! `rooms` and `rooms/{room}`: make, list, look, change, delete.
//!
//! **Invariant:** a room is changed by its host alone and while it is open; its owner hears of every change.

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderName, StatusCode, header};
use axum::response::{IntoResponse, Response};
use rookery_actors::seams::{RoomChange, StoreError, Taken};
use rookery_schemas::bus::RoomCommand;
use rookery_schemas::error::ErrorCode;
use rookery_schemas::ids::{RoomId, Slug, UnixMillis, UserId};
use rookery_schemas::limits::AD_HOC_ENDS_AFTER;
use rookery_schemas::rest::{CreateRoom, PatchRoom, Room};
use rookery_schemas::rows::RoomRow;
use rookery_schemas::signal::{Allowed, Role, RoomKind};
use uuid::Uuid;

use super::settled;
use super::view::{ended, find, show};
use crate::auth::identity::{Caller, SignedIn};
use crate::context::RequestContext;
use crate::extract::{Body, RoomRef};
use crate::links::Links;
use crate::problem::Refused;
use crate::state::AppState;

pub(crate) mod list;

/// Tries for a free short name: of 26^10 names, even a million taken make two failures in a row a one in 10^16 event.
const SLUG_TRIES: usize = 5;

/// Why an ad-hoc meeting's end is nobody's to say.
const AD_HOC_END: &str = "is not for ad-hoc meetings, which end by themselves";

/// Make a room, as its host.
#[utoipa::path(post, path = "/rooms", tag = "rooms", request_body = CreateRoom,
    responses((status = 201, description = "Made", body = Room,
        headers(("location" = String, description = "The room's address in this interface")))),
    security(("bearer" = [])))]
pub(crate) async fn create(
    State(state): State<AppState>,
    context: RequestContext,
    SignedIn(claims): SignedIn,
    links: Links,
    Body(body): Body<CreateRoom>,
) -> Result<Response, Refused> {
    if !matches!(body.kind, RoomKind::Meeting | RoomKind::Chat) {
        return Err(Refused::new(ErrorCode::KindUnsupported));
    }
    if body.ad_hoc && body.kind != RoomKind::Meeting {
        return Err(Refused::field(ErrorCode::Invalid, "adHoc", "is for meetings"));
    }
    let now = state.now();
    in_future(body.expires_at, now)?;
    if body.ad_hoc && body.expires_at.is_some() {
        return Err(Refused::field(ErrorCode::Invalid, "expiresAt", AD_HOC_END));
    }
    let description = described(body.description.as_deref().unwrap_or_default())?;
    state.limits.rooms.check(&context.client.key())?;
    let password_hash = hashed(&state, body.password.as_deref()).await?;
    let row = RoomRow {
        id: RoomId(Uuid::new_v4()),
        slug: random_slug(),
        name: body.name.trim().to_owned(),
        description,
        kind: body.kind,
        owner: claims.user,
        password_hash,
        peers_max: body.max_peers.unwrap_or(state.config.peers_default),
        public: body.public,
        allowed: Allowed::default(),
        ad_hoc: body.ad_hoc,
        // The owner takes it away while someone is inside.
        expires_at: if body.ad_hoc { Some(now.after(AD_HOC_ENDS_AFTER)) } else { body.expires_at },
        closed_at: None,
        deleted: false,
        created_at: now,
        active_at: now,
    };
    let row = store_new(&state, row).await?;
    tracing::info!(room = %row.id, "a room was made");
    let location: [(HeaderName, String); 1] = [(header::LOCATION, format!("/api/v1/rooms/{}", row.id))];
    let room = show(&state, &links, Some(claims.user), row).await?;
    Ok((StatusCode::CREATED, location, Json(room)).into_response())
}

async fn store_new(state: &AppState, mut row: RoomRow) -> Result<RoomRow, Refused> {
    for _ in 0..SLUG_TRIES {
        match settled(|| state.store.create_room(row.clone())).await {
            Ok(()) => return Ok(row),
            Err(StoreError::Taken(Taken::Slug)) => row.slug = random_slug(),
            Err(error) => return Err(error.into()),
        }
    }
    Err(Refused::internal(StoreError::Taken(Taken::Slug)))
}

/// A room, for whoever has its link.
#[utoipa::path(get, path = "/rooms/{room}", tag = "rooms",
    params(("room" = String, Path, description = "The room's id, or its short name like abc-defg-hij")),
    responses((status = 200, body = Room)), security((), ("bearer" = [])))]
pub(crate) async fn get(
    State(state): State<AppState>,
    caller: Caller,
    links: Links,
    room: RoomRef,
) -> Result<Json<Room>, Refused> {
    let row = find(&state, &room).await?;
    Ok(Json(show(&state, &links, caller.user(), row).await?))
}

/// Change a room, as its host.
#[utoipa::path(patch, path = "/rooms/{room}", tag = "rooms", request_body = PatchRoom,
    params(("room" = String, Path, description = "The room's id, or its short name like abc-defg-hij")),
    responses((status = 200, body = Room)), security(("bearer" = [])))]
pub(crate) async fn patch(
    State(state): State<AppState>,
    SignedIn(claims): SignedIn,
    links: Links,
    room: RoomRef,
    Body(body): Body<PatchRoom>,
) -> Result<Json<Room>, Refused> {
    let row = find(&state, &room).await?;
    host_only(&state, &row, claims.user).await?;
    let now = state.now();
    if let Some(code) = ended(&row, now) {
        return Err(code.into());
    }
    if body.allowed.is_some() && row.kind == RoomKind::Chat {
        return Err(Refused::field(ErrorCode::Invalid, "allowed", "is not for rooms of text only"));
    }
    let allowed = body.allowed.unwrap_or_default();
    let mut change = RoomChange { peers_max: body.max_peers, public: body.public, allowed, ..RoomChange::default() };
    if let Some(name) = body.name {
        change.name = Some(name.trim().to_owned());
    }
    if let Some(description) = body.description {
        change.description = Some(described(&description)?);
    }
    if let Some(expires_at) = body.expires_at {
        in_future(expires_at, now)?;
        if row.ad_hoc {
            return Err(Refused::field(ErrorCode::Invalid, "expiresAt", AD_HOC_END));
        }
        change.expires_at = Some(expires_at);
    }
    if let Some(password) = body.password {
        change.password_hash = Some(hashed(&state, password.as_deref()).await?);
    }
    settled(|| state.store.update_room(row.id, &change)).await?;
    tell_owner(&state, row.id).await;
    // As it is now: others may have changed other things.
    let row = find(&state, &room).await?;
    Ok(Json(show(&state, &links, Some(claims.user), row).await?))
}

/// Delete a room, as its host: whoever is inside is put out, and it is as if it had never been.
#[utoipa::path(delete, path = "/rooms/{room}", tag = "rooms",
    params(("room" = String, Path, description = "The room's id, or its short name like abc-defg-hij")),
    responses((status = 204, description = "Deleted")), security(("bearer" = [])))]
pub(crate) async fn delete(
    State(state): State<AppState>,
    SignedIn(claims): SignedIn,
    room: RoomRef,
) -> Result<StatusCode, Refused> {
    let row = find(&state, &room).await?;
    host_only(&state, &row, claims.user).await?;
    settled(|| state.store.delete_room(row.id, state.now())).await?;
    tracing::info!(room = %row.id, "a room was deleted");
    tell_owner(&state, row.id).await;
    Ok(StatusCode::NO_CONTENT)
}

async fn host_only(state: &AppState, row: &RoomRow, user: UserId) -> Result<(), Refused> {
    let member = state.store.member(row.id, user).await?;
    if member.is_some_and(|member| member.role == Role::Host) { Ok(()) } else { Err(ErrorCode::Forbidden.into()) }
}

/// What is stored counts; an owner that cannot be reached now reads it when it next looks.
async fn tell_owner(state: &AppState, room: RoomId) {
    if let Err(error) = state.owners.ask(room, RoomCommand::Changed, state.config.bus_timeout).await {
        tracing::warn!(%room, ?error, "a room's owner was not told of a change");
    }
}

async fn hashed(state: &AppState, password: Option<&str>) -> Result<Option<String>, Refused> {
    match password {
        Some(password) => state.hasher.hash(password).await.map(Some),
        None => Ok(None),
    }
}

fn in_future(expires_at: Option<UnixMillis>, now: UnixMillis) -> Result<(), Refused> {
    match expires_at {
        Some(at) if at <= now => Err(Refused::field(ErrorCode::Invalid, "expiresAt", "must be in the future")),
        _ => Ok(()),
    }
}

/// Lines are fine in a description, other control characters are not.
fn described(text: &str) -> Result<String, Refused> {
    let hidden = |c: char| {
        c.is_control() && !matches!(c, '\n' | '\t') || matches!(c, '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{2069}')
    };
    let text = text.replace("\r\n", "\n");
    if text.chars().any(hidden) {
        return Err(Refused::field(ErrorCode::Invalid, "description", "must not have invisible characters"));
    }
    Ok(text.trim().to_owned())
}

fn random_slug() -> Slug {
    // `random_range` is uniform; bytes modulo 26 would favour a to v.
    Slug::from_letters(std::array::from_fn(|_| rand::random_range(0..26)))
}
