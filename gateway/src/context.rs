//! The outermost layer: gives each request an id and a client address, and turns what comes out into an answer that is
//! counted, logged and, where it refuses, a problem.
//!
//! **Invariant:** logs and metrics name routes by their template, never by what a caller typed: links are keys to rooms.

use std::any::Any;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use axum::extract::{ConnectInfo, FromRequestParts, MatchedPath, Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, HeaderValue, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use rookery_schemas::error::ErrorCode;
use rookery_schemas::ids::RequestId;
use tracing::Instrument as _;
use uuid::Uuid;

use crate::address::ClientAddr;
use crate::metrics::method_label;
use crate::problem::{PROBLEM_JSON, Refused, of_status};
use crate::state::AppState;

/// Names the request in answers and logs; a client may choose it, as a UUID.
pub(crate) const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// Which request this is, and whose by address.
#[derive(Clone, Copy, Debug)]
pub struct RequestContext {
    /// In the answer's `x-request-id`, in problems and in logs.
    pub id: RequestId,
    /// The client, found through trusted proxies.
    pub client: ClientAddr,
}

impl<S: Send + Sync> FromRequestParts<S> for RequestContext {
    type Rejection = Refused;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Refused> {
        parts.extensions.get::<Self>().copied().ok_or_else(|| Refused::new(ErrorCode::Internal))
    }
}

/// Marks an answer of 400 or above that is no refusal: `/readyz` tells its parts.
#[derive(Clone, Copy, Debug)]
pub(crate) struct AsItIs;

/// The layer itself.
pub(crate) async fn observe(State(state): State<AppState>, mut request: Request, next: Next) -> Response {
    let began = state.clock.monotonic();
    let peer = request.extensions().get::<ConnectInfo<SocketAddr>>().map_or_else(unknown_peer, |info| info.0);
    let client = ClientAddr::find(peer, request.headers(), &state.config.trusted_proxies);
    let context = RequestContext { id: request_id(request.headers()), client };
    let method = method_label(request.method());
    let route = request.extensions().get::<MatchedPath>().cloned();
    let route = route.as_ref().map_or("(page)", MatchedPath::as_str);
    request.extensions_mut().insert(context);

    let span = tracing::info_span!("request", id = %context.id, method, route);
    let response = next.run(request).instrument(span.clone()).await;
    let _entered = span.enter();
    let mut response = finish(&state, context.id, response);
    let took = state.clock.monotonic().saturating_sub(began);
    let status = response.status();
    state.metrics.requests.with_label_values(&[route, method, status.as_str()]).observe(took.as_secs_f64());
    tracing::info!(status = status.as_u16(), took_ms = u64::try_from(took.as_millis()).unwrap_or(u64::MAX), %client, "answered");
    if let Ok(id) = HeaderValue::from_str(&context.id.to_string()) {
        response.headers_mut().insert(REQUEST_ID, id);
    }
    response
}

/// Gives a refusal its body; everything else stays as it is.
fn finish(state: &AppState, id: RequestId, mut response: Response) -> Response {
    let status = response.status();
    let refuses = status.is_client_error() || status.is_server_error();
    if !refuses || response.extensions().get::<AsItIs>().is_some() {
        return response;
    }
    let refused = match response.extensions_mut().remove::<Refused>() {
        Some(refused) => refused,
        None if is_problem(&response) => return response,
        None => of_status(status),
    };
    state.metrics.refused("http", refused.code());
    log(&refused);
    let mut rendered = refused.render(id);
    for (name, value) in response.headers() {
        let ours = [header::CONTENT_TYPE, header::CONTENT_LENGTH, header::TRANSFER_ENCODING].contains(name)
            || rendered.headers().contains_key(name) && name != header::SET_COOKIE;
        if !ours {
            rendered.headers_mut().append(name, value.clone());
        }
    }
    rendered
}

fn log(refused: &Refused) {
    match (refused.code(), refused.cause()) {
        (ErrorCode::Internal, Some(cause)) => tracing::error!(error = %Chain(cause), "a request failed"),
        (ErrorCode::Internal, None) => tracing::error!("a request failed"),
        (code, Some(cause)) => tracing::warn!(%code, error = %Chain(cause), "a request was refused"),
        (code, None) => tracing::debug!(%code, "a request was refused"),
    }
}

fn is_problem(response: &Response) -> bool {
    response.headers().get(header::CONTENT_TYPE).is_some_and(|kind| kind.as_bytes() == PROBLEM_JSON.as_bytes())
}

/// A client's id counts where it is a UUID in its usual form: nothing else belongs into logs.
fn request_id(headers: &HeaderMap) -> RequestId {
    headers
        .get(REQUEST_ID)
        .and_then(|value| value.to_str().ok())
        .filter(|text| text.len() == uuid::fmt::Hyphenated::LENGTH)
        .and_then(|text| text.parse().ok())
        .unwrap_or_else(|| RequestId(Uuid::new_v4()))
}

fn unknown_peer() -> SocketAddr {
    SocketAddr::new(IpAddr::V4(Ipv4Addr::UNSPECIFIED), 0)
}

/// What is answered when a handler panicked; the panic itself went to the log by its hook.
pub(crate) fn panicked(_: Box<dyn Any + Send + 'static>) -> Response {
    Refused::new(ErrorCode::Internal).into_response()
}

/// Ends requests that take too long; the body's arrival is part of it.
pub(crate) async fn time_out(State(state): State<AppState>, request: Request, next: Next) -> Response {
    match tokio::time::timeout(state.config.request_timeout, next.run(request)).await {
        Ok(response) => response,
        Err(_) => Refused::new(ErrorCode::Timeout).into_response(),
    }
}

/// An error with its sources, for one line of a log.
struct Chain<'a>(&'a (dyn std::error::Error + 'static));

impl std::fmt::Display for Chain<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        std::fmt::Display::fmt(self.0, f)?;
        let mut source = self.0.source();
        while let Some(error) = source {
            write!(f, ": {error}")?;
            source = error.source();
        }
        Ok(())
    }
}
