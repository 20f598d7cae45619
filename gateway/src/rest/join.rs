//! `POST rooms/{room}/join`: who may enter, and the ticket that does.
//!
//! **Invariant:** a ticket is made only for an open room, for someone who is not put out, who knows the password or belongs there
//! already; the owner checks again what may have changed until it is used.

use axum::Json;
use axum::extract::State;
use rookery_schemas::bus::{JoinTicket, RoomCommand, RoomReply};
use rookery_schemas::error::ErrorCode;
use rookery_schemas::ids::{Epoch, PeerId, RequestId, Seq, UnixMillis, UserId};
use rookery_schemas::rest::{Join, JoinAnswer};
use rookery_schemas::rows::{Banned, MemberRow, RoomRow};
use rookery_schemas::signal::Role;
use uuid::Uuid;

use super::settled;
use super::view::{ended, find, show};
use crate::auth::identity::Caller;
use crate::context::RequestContext;
use crate::extract::{Body, RoomRef};
use crate::limits::CallerKey;
use crate::links::Links;
use crate::problem::Refused;
use crate::state::AppState;
use crate::tokens::TICKET_MS;
use crate::ws::AskError;

/// Get a ticket for a room: members and whoever has its link, guests with a name.
#[utoipa::path(post, path = "/rooms/{room}/join", tag = "rooms", request_body = Join,
    params(("room" = String, Path, description = "The room's id, or its short name like abc-defg-hij")),
    responses((status = 200, description = "A ticket, used once within 30 s", body = JoinAnswer)),
    security((), ("bearer" = [])))]
pub(crate) async fn join(
    State(state): State<AppState>,
    context: RequestContext,
    caller: Caller,
    links: Links,
    room: RoomRef,
    Body(body): Body<Join>,
) -> Result<Json<JoinAnswer>, Refused> {
    let newcomer = Newcomer { context, user: caller.user(), links };
    let answer = enter(&state, &newcomer, &room, &body).await;
    let code = answer.as_ref().err().map_or("ok", |refused| refused.code().as_str());
    state.metrics.joins.with_label_values(&["ticket", code]).inc();
    answer.map(Json)
}

/// Who wants to enter, and from where.
struct Newcomer {
    context: RequestContext,
    /// Absent for guests.
    user: Option<UserId>,
    links: Links,
}

async fn enter(state: &AppState, newcomer: &Newcomer, room: &RoomRef, body: &Join) -> Result<JoinAnswer, Refused> {
    let user = newcomer.user;
    let address = newcomer.context.client.key();
    state.limits.joins.check(&user.map_or(CallerKey::Address(address), CallerKey::User))?;
    let row = find(state, room).await?;
    if let Some(code) = ended(&row, state.now()) {
        return Err(code.into());
    }
    let display_name = display_name(state, user, body).await?;
    let role = standing(state, &row, user).await?;
    if let (None, Some(hash)) = (role, row.password_hash.as_deref()) {
        check_password(state, newcomer.context, &row, hash, body.password.as_deref()).await?;
    }
    let epoch = wake(state, &row).await?;
    let role = match (role, user) {
        (Some(role), _) => role,
        (None, Some(user)) => become_member(state, &row, user).await?,
        (None, None) => Role::Guest,
    };
    settled(|| state.store.touch_room(row.id, state.now())).await?;
    let seat = JoinTicket {
        id: RequestId(Uuid::new_v4()),
        peer: PeerId(Uuid::new_v4()),
        user,
        display_name,
        role,
        epoch,
        expires_at: UnixMillis(state.now().0 + TICKET_MS),
    };
    let who = user.map_or_else(|| seat.peer.to_string(), |user| user.to_string());
    Ok(JoinAnswer {
        ticket: state.tokens.join_ticket(row.id, &seat)?,
        peer: seat.peer,
        role,
        room: show(state, &newcomer.links, user, row).await?,
        ice_servers: state.ice_servers(&who),
        gateways: newcomer.links.gateways(),
    })
}

/// What others will see: an account's own name, or the one that a guest gives.
async fn display_name(state: &AppState, user: Option<UserId>, body: &Join) -> Result<String, Refused> {
    match (user, body.display_name.as_deref()) {
        (Some(user), _) => {
            let row = state.store.user(user).await?.ok_or_else(|| Refused::new(ErrorCode::Unauthorized))?;
            Ok(row.display_name)
        }
        (None, Some(name)) => Ok(name.trim().to_owned()),
        (None, None) => Err(Refused::field(ErrorCode::Invalid, "displayName", "is needed without an account")),
    }
}

/// What the caller is in the room already.
async fn standing(state: &AppState, row: &RoomRow, user: Option<UserId>) -> Result<Option<Role>, Refused> {
    let Some(user) = user else { return Ok(None) };
    if state.store.bans(row.id).await?.contains(&Banned::User(user)) {
        return Err(ErrorCode::Banned.into());
    }
    Ok(state.store.member(row.id, user).await?.map(|member| member.role))
}

/// Counted as failed before it is looked at, so that many at once are not cheaper; given back where it was right.
async fn check_password(
    state: &AppState,
    context: RequestContext,
    row: &RoomRow,
    hash: &str,
    given: Option<&str>,
) -> Result<(), Refused> {
    let given = given.filter(|given| !given.is_empty()).ok_or_else(|| Refused::new(ErrorCode::PasswordRequired))?;
    let key = (row.id, context.client.key());
    state.limits.room_passwords.check(&key)?;
    match state.hasher.verify(given, Some(hash)).await {
        Ok(true) => {
            state.limits.room_passwords.refund(&key);
            Ok(())
        }
        Ok(false) => Err(ErrorCode::PasswordWrong.into()),
        Err(refused) => {
            state.limits.room_passwords.refund(&key);
            Err(refused)
        }
    }
}

/// Wakes the room and says early that it is full; its owner has the last word.
async fn wake(state: &AppState, row: &RoomRow) -> Result<Epoch, Refused> {
    match state.owners.ask(row.id, RoomCommand::Activate, state.config.bus_timeout).await {
        Ok(RoomReply::Active { peers, peers_max, .. }) if peers >= peers_max => Err(ErrorCode::RoomFull.into()),
        Ok(RoomReply::Active { epoch, .. }) => Ok(epoch),
        Ok(_) => Err(ErrorCode::Internal.into()),
        Err(AskError::Refused(refusal)) => Err(refusal.into()),
        // Waking is harmless to repeat: an answer that did not come is one that could not be had.
        Err(AskError::NoResponders | AskError::Timeout | AskError::Unavailable) => {
            tracing::warn!(room = %row.id, "a room's owner cannot be reached");
            Err(ErrorCode::OwnerUnavailable.into())
        }
    }
}

async fn become_member(state: &AppState, row: &RoomRow, user: UserId) -> Result<Role, Refused> {
    let member = MemberRow { room: row.id, user, role: Role::Member, joined_at: state.now(), read_seq: Seq(0) };
    // Put out since it was looked at: the store has the last word.
    let added = settled(|| state.store.add_member(member.clone())).await?;
    if added { Ok(Role::Member) } else { Err(ErrorCode::Banned.into()) }
}
