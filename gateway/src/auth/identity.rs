//! Who makes a request: read once from its access token, counted once, then handed to handlers.
//!
//! **Invariant:** a request with a bad token is refused wherever the caller matters; it never counts as a guest's.

use axum::extract::{FromRequestParts, Request, State};
use axum::http::{HeaderMap, header, request::Parts};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use rookery_schemas::error::{ErrorCode, Refusal};
use rookery_schemas::ids::UserId;

use crate::context::RequestContext;
use crate::limits::CallerKey;
use crate::problem::Refused;
use crate::state::AppState;
use crate::tokens::AccessClaims;

/// What the `Authorization` header came to.
#[derive(Clone, Debug)]
enum Identity {
    /// There was none.
    Nobody,
    /// A good token.
    User(AccessClaims),
    /// A bad one.
    Refused(Refused),
}

/// Someone with an account.
#[derive(Clone, Debug)]
pub(crate) struct SignedIn(pub(crate) AccessClaims);

/// Someone, with an account or without.
#[derive(Clone, Debug)]
pub(crate) struct Caller(pub(crate) Option<AccessClaims>);

impl Caller {
    /// The account.
    pub(crate) fn user(&self) -> Option<UserId> {
        self.0.as_ref().map(|claims| claims.user)
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Caller {
    type Rejection = Refused;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Refused> {
        match parts.extensions.get::<Identity>() {
            Some(Identity::User(claims)) => Ok(Self(Some(claims.clone()))),
            Some(Identity::Nobody) => Ok(Self(None)),
            Some(Identity::Refused(refused)) => Err(refused.clone()),
            None => Err(Refused::new(ErrorCode::Internal)),
        }
    }
}

impl<S: Send + Sync> FromRequestParts<S> for SignedIn {
    type Rejection = Refused;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Refused> {
        let Caller(claims) = Caller::from_request_parts(parts, state).await?;
        claims.map(Self).ok_or_else(|| Refused::new(ErrorCode::Unauthorized))
    }
}

/// The layer: identifies the caller and counts the request.
pub(crate) async fn identify(State(state): State<AppState>, mut request: Request, next: Next) -> Response {
    let Some(context) = request.extensions().get::<RequestContext>().copied() else {
        return Refused::new(ErrorCode::Internal).into_response();
    };
    let identity = read(&state, request.headers()).await;
    let caller = match &identity {
        Identity::User(claims) => CallerKey::User(claims.user),
        Identity::Nobody | Identity::Refused(_) => CallerKey::Address(context.client.key()),
    };
    if let Err(refusal) = state.limits.requests.check(&caller) {
        return Refused::from(refusal).into_response();
    }
    request.extensions_mut().insert(identity);
    next.run(request).await
}

async fn read(state: &AppState, headers: &HeaderMap) -> Identity {
    let Some(value) = headers.get(header::AUTHORIZATION) else { return Identity::Nobody };
    let token = value
        .to_str()
        .ok()
        .and_then(|text| text.split_once(' '))
        .filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"));
    let Some((_, token)) = token else { return Identity::Refused(Refused::new(ErrorCode::Unauthorized)) };
    let claims = match state.tokens.verify_access(token.trim()) {
        Ok(claims) => claims,
        Err(refusal) => return Identity::Refused(refusal.into()),
    };
    match state.freshness.holds(&*state.store, &claims).await {
        Ok(true) => Identity::User(claims),
        Ok(false) => Identity::Refused(Refusal::new(ErrorCode::Unauthorized).into()),
        Err(error) => Identity::Refused(error.into()),
    }
}
