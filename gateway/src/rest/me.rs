//! `me` and `ws-ticket`: the caller's own account and its way to a WebSocket.
//!
//! **Invariant:** nobody but the account itself reads or changes what is here.

use axum::Json;
use axum::extract::State;
use rookery_schemas::error::ErrorCode;
use rookery_schemas::rest::{Me, PatchMe, WsTicket};

use super::settled;
use crate::auth::identity::SignedIn;
use crate::auth::session;
use crate::extract::Body;
use crate::problem::Refused;
use crate::state::AppState;

/// The caller's account.
#[utoipa::path(get, path = "/me", tag = "accounts", responses((status = 200, body = Me)), security(("bearer" = [])))]
pub(crate) async fn get_me(State(state): State<AppState>, SignedIn(claims): SignedIn) -> Result<Json<Me>, Refused> {
    let user = state.store.user(claims.user).await?.ok_or_else(|| Refused::new(ErrorCode::Unauthorized))?;
    Ok(Json(session::me(&user)))
}

/// Change what others see.
#[utoipa::path(patch, path = "/me", tag = "accounts", request_body = PatchMe,
    responses((status = 200, body = Me)), security(("bearer" = [])))]
pub(crate) async fn patch_me(
    State(state): State<AppState>,
    SignedIn(claims): SignedIn,
    Body(body): Body<PatchMe>,
) -> Result<Json<Me>, Refused> {
    if let Some(name) = body.display_name.as_deref().map(str::trim) {
        settled(|| state.store.set_display_name(claims.user, name)).await?;
    }
    let user = state.store.user(claims.user).await?.ok_or_else(|| Refused::new(ErrorCode::Unauthorized))?;
    Ok(Json(session::me(&user)))
}

/// A ticket that opens one WebSocket, used once within 30 s.
#[utoipa::path(post, path = "/ws-ticket", tag = "accounts",
    responses((status = 200, body = WsTicket)), security(("bearer" = [])))]
pub(crate) async fn ws_ticket(
    State(state): State<AppState>,
    SignedIn(claims): SignedIn,
) -> Result<Json<WsTicket>, Refused> {
    let (ticket, expires_at) = state.tokens.ws_ticket(claims.user, claims.family)?;
    Ok(Json(WsTicket { ticket, expires_at }))
}
