//! `auth/*`: register, sign in, refresh, sign out, change the password.
//!
//! **Invariant:** that there is an account is told by `register` alone, and that is limited; everything else answers, and takes
//! as long, as if there might be.

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use rookery_actors::seams::RotateOutcome;
use rookery_schemas::bus::SignOut;
use rookery_schemas::error::ErrorCode;
use rookery_schemas::ids::{FamilyId, UserId};
use rookery_schemas::rest::{ChangePassword, Login, Register, Session};
use rookery_schemas::rows::{FamilyRow, UserRow};
use uuid::Uuid;

use super::settled;
use crate::address::AddrKey;
use crate::auth::cookies::{Cookie, SetCookies};
use crate::auth::device::DeviceId;
use crate::auth::identity::SignedIn;
use crate::auth::names::{email_claim, login_claim, username_claim};
use crate::auth::passwords;
use crate::auth::session::{self, RefreshToken};
use crate::context::RequestContext;
use crate::extract::Body;
use crate::problem::Refused;
use crate::state::AppState;

/// Make an account and sign in.
#[utoipa::path(post, path = "/auth/register", tag = "accounts", request_body = Register,
    responses((status = 201, description = "Signed in; the refresh token is in a cookie", body = Session)))]
pub(crate) async fn register(
    State(state): State<AppState>,
    context: RequestContext,
    Body(body): Body<Register>,
) -> Result<Response, Refused> {
    let outcome = create_account(&state, context, body).await;
    count(&state, "register", outcome.as_ref().err());
    let (cookies, session) = outcome?;
    Ok((StatusCode::CREATED, cookies, Json(session)).into_response())
}

async fn create_account(
    state: &AppState,
    context: RequestContext,
    body: Register,
) -> Result<(SetCookies, Session), Refused> {
    passwords::check(&body.password, &body.email, &body.username)
        .map_err(|why| Refused::field(ErrorCode::WeakPassword, "password", why))?;
    state.limits.registrations.check(&context.client.key())?;
    let password_hash = state.hasher.hash(&body.password).await?;
    let now = state.now();
    let user = UserRow {
        id: UserId(Uuid::new_v4()),
        email: body.email.trim().to_owned(),
        display_name: body.display_name.as_deref().unwrap_or(&body.username).trim().to_owned(),
        password_hash,
        password_changed_at: now,
        created_at: now,
        username: body.username,
    };
    let (email, username) = (email_claim(&user.email), username_claim(&user.username));
    settled(|| state.store.create_user(user.clone(), email.clone(), username.clone())).await?;
    tracing::info!(user = %user.id, "an account was made");
    session::open(state, &user, None).await
}

/// Sign in by e-mail address or username.
#[utoipa::path(post, path = "/auth/login", tag = "accounts", request_body = Login,
    responses((status = 200, description = "Signed in; the refresh token is in a cookie", body = Session)))]
pub(crate) async fn login(
    State(state): State<AppState>,
    context: RequestContext,
    headers: HeaderMap,
    Body(body): Body<Login>,
) -> Result<Response, Refused> {
    let outcome = sign_in(&state, context, &headers, &body).await;
    count(&state, "login", outcome.as_ref().err());
    let (cookies, session) = outcome?;
    Ok((cookies, Json(session)).into_response())
}

async fn sign_in(
    state: &AppState,
    context: RequestContext,
    headers: &HeaderMap,
    body: &Login,
) -> Result<(SetCookies, Session), Refused> {
    let address = context.client.key();
    state.limits.logins.check(&address)?;
    let claim = login_claim(&body.login);
    let user = state.store.user_by_claim(&claim).await?;
    let device = match &user {
        Some(user) => session::known_device(state, headers, user).await?,
        None => None,
    };
    let attempt = state.lockout.sign_in(claim, user.as_ref().map(|user| user.id), address, device)?;
    let stored = user.as_ref().map(|user| user.password_hash.as_str());
    match (state.hasher.verify(&body.password, stored).await, user) {
        (Ok(true), Some(user)) if attempt.counts() => {
            attempt.succeeded();
            session::open(state, &user, device).await
        }
        (Ok(_), _) => Err(Refused::new(ErrorCode::BadCredentials)),
        (Err(refused), _) => {
            attempt.undecided();
            Err(refused)
        }
    }
}

/// Exchange the refresh token in the cookie for a new one and an access token.
#[utoipa::path(post, path = "/auth/refresh", tag = "accounts",
    responses(
        (status = 200, description = "Still signed in; the cookie was replaced", body = Session),
        (status = 204, description = "No cookie was sent: nobody is signed in in this browser")),
    security(("refreshCookie" = [], "csrf" = [])))]
pub(crate) async fn refresh(State(state): State<AppState>, headers: HeaderMap) -> Response {
    // Asked at every start of the client, also by those who never signed in: no failure.
    if !Cookie::Refresh.is_sent(&headers, &state.config) {
        return StatusCode::NO_CONTENT.into_response();
    }
    match renew(&state, &headers).await {
        Ok((cookies, session)) => {
            count(&state, "refresh", None);
            (cookies, Json(session)).into_response()
        }
        Err(refused) => {
            count(&state, "refresh", Some(&refused));
            // A cookie that will never be good again goes; after a passing failure it stays.
            match refused.code() {
                ErrorCode::RefreshRefused => session::refused(&state).into_response(),
                _ => refused.into_response(),
            }
        }
    }
}

async fn renew(state: &AppState, headers: &HeaderMap) -> Result<(SetCookies, Session), Refused> {
    let refused = || Refused::new(ErrorCode::RefreshRefused);
    let presented = Cookie::Refresh.read(headers, &state.config).and_then(RefreshToken::parse).ok_or_else(refused)?;
    let family = presented.family;
    let next = RefreshToken::successor(&*state.store, &presented).await?;
    let now = state.now();
    let expires_at = session::refresh_expiry(state, now);
    let grace = i64::try_from(state.config.auth.refresh_grace.as_millis()).unwrap_or(i64::MAX);
    let mut cookies = SetCookies::default();
    let row = match state.store.rotate(family, presented.hash(), next.hash(), now, expires_at, grace).await? {
        RotateOutcome::Rotated(row) => {
            session::set_refresh(&mut cookies, state, &next);
            row
        }
        // Another tab was first, or the first answer was lost on its way: this one gets the same cookie.
        RotateOutcome::Grace(row) => {
            if next.belongs_to(&row) {
                session::set_refresh(&mut cookies, state, &next);
            }
            row
        }
        RotateOutcome::Reused => {
            state.freshness.revoked(family);
            tracing::warn!(%family, "a replaced refresh token was presented; its family is revoked");
            // It is ended whether or not its sockets can be found; then they find out by themselves.
            if let Ok(Some(FamilyRow { user, .. })) = state.store.family(family).await {
                state.sign_out(SignOut::Device { user, family });
            }
            return Err(refused());
        }
        RotateOutcome::Gone => return Err(refused()),
    };
    let user = state.store.user(row.user).await?.ok_or_else(refused)?;
    let device = session::known_device(state, headers, &user).await?;
    session::set_device(&mut cookies, state, &user, device, now).await?;
    Ok((cookies, session::answer(state, &user, family)?))
}

/// Sign this device out.
#[utoipa::path(post, path = "/auth/logout", tag = "accounts",
    responses((status = 204, description = "Signed out; without a cookie too")),
    security(("refreshCookie" = [], "csrf" = [])))]
pub(crate) async fn logout(State(state): State<AppState>, headers: HeaderMap) -> Result<Response, Refused> {
    let presented = Cookie::Refresh.read(&headers, &state.config).and_then(RefreshToken::parse);
    if let Some(token) = presented {
        // Knowing a family's id is not enough to end it.
        let known = state.store.family(token.family).await?.filter(|family| token.belongs_to(family));
        if let Some(FamilyRow { id: family, user, .. }) = known {
            settled(|| state.store.revoke_family(family)).await?;
            state.freshness.revoked(family);
            state.sign_out(SignOut::Device { user, family });
        }
    }
    let mut cookies = SetCookies::default();
    cookies.clear(Cookie::Refresh, &state.config);
    Ok((cookies, StatusCode::NO_CONTENT).into_response())
}

/// Change the password: signs out every other device.
#[utoipa::path(post, path = "/auth/password", tag = "accounts", request_body = ChangePassword,
    responses((status = 200, description = "Changed; access tokens from before are refused", body = Session)),
    security(("bearer" = [])))]
pub(crate) async fn password(
    State(state): State<AppState>,
    context: RequestContext,
    SignedIn(claims): SignedIn,
    headers: HeaderMap,
    Body(body): Body<ChangePassword>,
) -> Result<Response, Refused> {
    let user = state.store.user(claims.user).await?.ok_or_else(|| Refused::new(ErrorCode::Unauthorized))?;
    let device = session::known_device(&state, &headers, &user).await?;
    let by = Owner { address: context.client.key(), user, device, family: claims.family };
    let outcome = replace_password(&state, &by, &body).await;
    count(&state, "password", outcome.as_ref().err());
    outcome?;
    Ok(Json(session::answer(&state, &by.user, by.family)?).into_response())
}

/// Who changes a password, and on which device.
struct Owner {
    address: AddrKey,
    user: UserRow,
    device: Option<DeviceId>,
    family: FamilyId,
}

async fn replace_password(state: &AppState, by: &Owner, body: &ChangePassword) -> Result<(), Refused> {
    let user = &by.user;
    let weak = |why| Refused::field(ErrorCode::WeakPassword, "new", why);
    passwords::check(&body.new, &user.email, &user.username).map_err(weak)?;
    if body.new == body.current {
        return Err(weak("must not be the present one"));
    }
    let attempt = state.lockout.password_change(user.id, by.address, by.device)?;
    match state.hasher.verify(&body.current, Some(&user.password_hash)).await {
        Ok(true) => attempt.succeeded(),
        Ok(false) => return Err(Refused::new(ErrorCode::BadCredentials)),
        Err(refused) => {
            attempt.undecided();
            return Err(refused);
        }
    }
    let hash = state.hasher.hash(&body.new).await?;
    let now = state.now();
    settled(|| state.store.set_password(user.id, &hash, now, Some(by.family))).await?;
    state.freshness.password_changed(user.id, now);
    state.sign_out(SignOut::Others { user: user.id, keep: by.family });
    tracing::info!(user = %user.id, "a password was changed");
    Ok(())
}

fn count(state: &AppState, what: &str, refused: Option<&Refused>) {
    let code = refused.map_or("ok", |refused| refused.code().as_str());
    state.metrics.sign_ins.with_label_values(&[what, code]).inc();
}
