//! Headers that keep browsers from doing what was never meant.
//!
//! **Invariant:** every answer has a Content-Security-Policy, and none allows a script or style within a page.

use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, header};
use axum::middleware::Next;
use axum::response::Response;

use crate::config::GatewayConfig;
use crate::state::AppState;

/// For data: it is never a page.
const DATA_CSP: &str = "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'";
/// For the vendored page of the interface's description, whose style sheet has its icons in it.
const DOCS_CSP: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; \
    font-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";
const PERMISSIONS: &str = "camera=(self), microphone=(self), display-capture=(self), fullscreen=(self), \
    autoplay=(self), picture-in-picture=(self), speaker-selection=(self), screen-wake-lock=(self), geolocation=(), \
    payment=(), usb=(), serial=(), hid=(), midi=(), browsing-topics=()";
/// Two years, for this host alone: its neighbours are not ours to decide for.
const HSTS: &str = "max-age=63072000";

/// For the application's own page: everything from its origin, sockets to every gateway.
#[must_use]
pub fn page_csp(config: &GatewayConfig) -> String {
    let mut connect = String::from("'self'");
    for gateway in &config.gateways {
        // Only the origin: a path would have to match exactly, and a `;` would end the directive.
        let Some((scheme, rest)) = gateway.split_once("://") else { continue };
        let authority = rest.split('/').next().unwrap_or_default();
        let plain = authority.bytes().all(|b| b.is_ascii_alphanumeric() || b".-:[]".contains(&b));
        if matches!(scheme, "ws" | "wss") && plain && !authority.is_empty() {
            connect.push_str(&format!(" {scheme}://{authority}"));
        }
    }
    format!(
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; \
         media-src 'self' blob: mediastream:; connect-src {connect}; worker-src 'self'; font-src 'self'; \
         manifest-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
    )
}

/// Adds the headers to every answer.
pub(crate) async fn protect(State(state): State<AppState>, request: Request, next: Next) -> Response {
    let path = request.uri().path();
    let data = path.starts_with("/api/") || matches!(path, "/ws" | "/livez" | "/readyz");
    let docs = path == "/docs" || path.starts_with("/docs/");
    let mut response = next.run(request).await;
    let csp = match (data, docs) {
        (true, _) => HeaderValue::from_static(DATA_CSP),
        (_, true) => HeaderValue::from_static(DOCS_CSP),
        _ => HeaderValue::try_from(page_csp(&state.config)).unwrap_or(HeaderValue::from_static(DATA_CSP)),
    };
    let headers = response.headers_mut();
    plain(headers);
    headers.insert(header::CONTENT_SECURITY_POLICY, csp);
    if data && !headers.contains_key(header::CACHE_CONTROL) {
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    }
    if state.config.secure() {
        headers.insert(header::STRICT_TRANSPORT_SECURITY, HeaderValue::from_static(HSTS));
    }
    response
}

/// The headers of answers that are never a page.
pub(crate) fn protect_data(headers: &mut HeaderMap) {
    plain(headers);
    headers.insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(DATA_CSP));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
}

fn plain(headers: &mut HeaderMap) {
    for (name, value) in [
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::X_FRAME_OPTIONS, "DENY"),
        (header::REFERRER_POLICY, "no-referrer"),
        (HeaderName::from_static("permissions-policy"), PERMISSIONS),
        (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
        (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
}
