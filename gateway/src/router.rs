//! All routes and the layers around them.
//!
//! From the outside in: observe (id, log, problem bodies), headers, CORS, panics, the time limit, forgery; then, for the API
//! alone, who calls and how often.
//!
//! **Invariant:** no route is outside these layers.

use std::sync::Arc;

use axum::extract::State;
use axum::http::{Method, StatusCode};
use axum::middleware::{from_fn, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use rookery_schemas::error::ErrorCode;
use tower::ServiceBuilder;
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::compression::CompressionLayer;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::auth::identity::identify;
use crate::context::{observe, panicked, time_out};
use crate::headers::protect;
use crate::health::Readiness;
use crate::origin::{refuse_forged, share};
use crate::problem::Refused;
use crate::rest::{accounts, join, me, messages, rooms};
use crate::state::AppState;
use crate::{docs, openapi, static_files};

/// The main listener's routes.
pub fn router(state: AppState) -> Router {
    let (documented, description) = documented(&state).split_for_parts();
    let description = openapi::finish(description);
    let pages = Router::new()
        .merge(docs::routes(description))
        .fallback(static_files::serve)
        .layer(CompressionLayer::new())
        .with_state(state.clone());
    let layers = ServiceBuilder::new()
        .layer(from_fn_with_state(state.clone(), observe))
        .layer(from_fn_with_state(state.clone(), protect))
        .layer(from_fn_with_state(state.clone(), share))
        .layer(CatchPanicLayer::custom(panicked))
        .layer(from_fn_with_state(state.clone(), time_out))
        .layer(from_fn_with_state(state.clone(), refuse_forged));
    let sockets = crate::ws::routes(state.ws_deps());
    documented
        .merge(sockets)
        .fallback_service(pages)
        .method_not_allowed_fallback(method_not_allowed)
        .layer(layers)
        .with_state(state)
}

/// The routes that describe themselves.
pub(crate) fn documented(state: &AppState) -> OpenApiRouter<AppState> {
    let api = OpenApiRouter::new()
        .routes(routes!(accounts::register))
        .routes(routes!(accounts::login))
        .routes(routes!(accounts::refresh))
        .routes(routes!(accounts::logout))
        .routes(routes!(accounts::password))
        .routes(routes!(me::get_me, me::patch_me))
        .routes(routes!(me::ws_ticket))
        .routes(routes!(rooms::create, rooms::list::list))
        .routes(routes!(rooms::get, rooms::patch, rooms::delete))
        .routes(routes!(join::join))
        .routes(routes!(messages::messages))
        .route_layer(from_fn_with_state(state.clone(), identify));
    OpenApiRouter::with_openapi(openapi::base()).nest("/api/v1", api).routes(routes!(livez)).routes(routes!(readyz))
}

/// Whether the process lives: it answers.
#[utoipa::path(get, path = "/livez", tag = "operation",
    responses((status = 200, description = "It lives", body = String, content_type = "text/plain")))]
pub(crate) async fn livez() -> &'static str {
    "ok\n"
}

/// Whether requests should be sent here, with the state of each part.
#[utoipa::path(get, path = "/readyz", tag = "operation",
    responses((status = 200, description = "Ready", body = Readiness),
        (status = 503, description = "Not ready: a part does not work, or the node stops", body = Readiness)))]
pub(crate) async fn readyz(State(state): State<AppState>) -> Response {
    let readiness = state.health.readiness().await;
    let status = if readiness.ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    let mut response = (status, Json(readiness)).into_response();
    response.extensions_mut().insert(crate::context::AsItIs);
    response
}

async fn method_not_allowed(method: Method) -> Refused {
    Refused::because(ErrorCode::MethodNotAllowed, format!("This address does not take {}.", printable(&method)))
}

/// Methods are tokens of the caller's choice: only known ones are repeated.
fn printable(method: &Method) -> &'static str {
    crate::metrics::method_label(method)
}

/// The operators' listener: metrics and health.
pub fn admin_router(state: AppState) -> Router {
    Router::new()
        .route("/metrics", get(metrics))
        .route("/livez", get(livez))
        .route("/readyz", get(readyz))
        .layer(from_fn(admin_headers))
        .with_state(state)
}

async fn metrics(State(state): State<AppState>) -> Response {
    let encoded = prometheus::TextEncoder::new().encode_to_string(&state.metrics.registry.gather());
    match encoded {
        Ok(text) => ([(axum::http::header::CONTENT_TYPE, prometheus::TEXT_FORMAT)], text).into_response(),
        Err(error) => {
            tracing::error!(%error, "the metrics cannot be written");
            StatusCode::INTERNAL_SERVER_ERROR.into_response()
        }
    }
}

async fn admin_headers(request: axum::extract::Request, next: axum::middleware::Next) -> Response {
    let mut response = next.run(request).await;
    crate::headers::protect_data(response.headers_mut());
    response
}

/// Keeps the description in one place for those who need it (the page, the file, tests).
pub(crate) type Description = Arc<utoipa::openapi::OpenApi>;
