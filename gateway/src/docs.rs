//! The interface's description: as a file, as a page to browse, and the list of refusals.
//!
//! **Invariant:** everything here is served from this origin and works within its policy: no inline script, nothing foreign.

use std::fmt::Write as _;
use std::sync::Arc;

use axum::Router;
use axum::http::{HeaderValue, header};
use axum::response::{Html, IntoResponse, Response};
use axum::routing::get;
use bytes::Bytes;
use rookery_schemas::error::ErrorCode;
use utoipa_swagger_ui::{Config, SwaggerUi};

use crate::router::Description;
use crate::state::AppState;

/// Starts the page, and sends the header that our own page sends too (see [`crate::origin`]).
const INITIALIZER: &str = r##"window.onload = () => {
  window.ui = SwaggerUIBundle({
    url: "/api/v1/openapi.json",
    dom_id: "#swagger-ui",
    deepLinking: true,
    validatorUrl: null,
    presets: [SwaggerUIBundle.presets.apis],
    requestInterceptor: (request) => {
      request.headers["X-Rookery-Csrf"] = "1";
      return request;
    },
  });
};
"##;

/// `/docs`, `/docs/problems` and `/api/v1/openapi.json`.
pub(crate) fn routes(description: Description) -> Router<AppState> {
    let json: Bytes = serde_json::to_vec(&*description).unwrap_or_default().into();
    let problems: Arc<str> = problems().into();
    Router::from(SwaggerUi::new("/docs").config(Config::new(["/api/v1/openapi.json"])))
        .route("/docs/swagger-initializer.js", get(|| async { script(INITIALIZER) }))
        .route("/docs/problems", get(|| async move { Html(problems.to_string()) }))
        .route("/api/v1/openapi.json", get(|| async move { described(json) }))
}

fn script(text: &'static str) -> Response {
    ([(header::CONTENT_TYPE, "text/javascript; charset=utf-8")], text).into_response()
}

fn described(json: Bytes) -> Response {
    let mut response = json.into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    response
}

/// What the `type` of a problem points at.
fn problems() -> String {
    let mut rows = String::new();
    for code in ErrorCode::ALL {
        let (status, sentence) = (code.http_status(), code.sentence());
        // Codes and sentences are constants without a character that HTML minds.
        let _ = writeln!(rows, "<dt id=\"{code}\"><code>{code}</code> ({status})</dt><dd>{sentence}</dd>");
    }
    format!(
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><title>Rookery: refusals</title></head>\n\
         <body><h1>Refusals</h1>\n<p>Every refusal has one of these codes, over HTTP and over the WebSocket. They keep their \
         meaning.</p>\n<dl>\n{rows}</dl></body></html>\n"
    )
}
