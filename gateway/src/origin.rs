//! Which pages may call us: same origin, forged requests (CSRF) and the allow-list (CORS).
//!
//! **Invariant:** a request that changes something and that a browser could have sent is refused unless our own page, or one
//! of the allow-list, provably sent it.

use axum::extract::{Request, State};
use axum::http::uri::Authority;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Uri, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use rookery_schemas::error::ErrorCode;

use crate::config::GatewayConfig;
use crate::problem::Refused;
use crate::state::AppState;

/// Sent by our page with every request that changes something: a foreign page cannot without asking first (CORS).
pub const CSRF_HEADER: HeaderName = HeaderName::from_static("x-rookery-csrf");
/// Its only value.
pub const CSRF_VALUE: &str = "1";

const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");
/// How long a browser may remember an answered preflight.
const PREFLIGHT_SECONDS: &str = "600";

/// Where a request comes from, by its `Origin` header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// No such header: no browser, or a browser's plain navigation.
    Absent,
    /// Our own page.
    Same,
    /// A page of the allow-list.
    Allowed,
    /// Any other, `null` among them.
    Foreign,
}

/// Judges a request's `Origin` header.
#[must_use]
pub fn judge(headers: &HeaderMap, uri: &Uri, config: &GatewayConfig) -> Origin {
    let Some(origin) = headers.get(header::ORIGIN) else { return Origin::Absent };
    let Some(origin) = origin.to_str().ok().and_then(split_origin) else { return Origin::Foreign };
    if config.public_url.as_deref().and_then(split_origin).is_some_and(|ours| ours == origin) {
        return Origin::Same;
    }
    if config.allowed_origins.iter().filter_map(|allowed| split_origin(allowed)).any(|allowed| allowed == origin) {
        return Origin::Allowed;
    }
    let (secure, authority) = &origin;
    let same = host(headers, uri).is_some_and(|host| {
        (*secure || !config.secure()) && without_default_port(*secure, &host) == authority.as_str()
    });
    if same { Origin::Same } else { Origin::Foreign }
}

/// The host that a request was sent to, with its port where it has one: `Host`, or HTTP/2's `:authority`.
#[must_use]
pub fn host(headers: &HeaderMap, uri: &Uri) -> Option<String> {
    let named = headers.get(header::HOST).and_then(|value| value.to_str().ok());
    let text = named.or_else(|| uri.authority().map(Authority::as_str))?;
    let authority = text.parse::<Authority>().ok()?;
    (!authority.as_str().contains('@')).then(|| authority.as_str().to_owned())
}

/// `https://meet.example:443/x` as (true, `meet.example`).
fn split_origin(text: &str) -> Option<(bool, String)> {
    let (scheme, rest) = text.split_once("://")?;
    let secure = match scheme.to_ascii_lowercase().as_str() {
        "https" => true,
        "http" => false,
        _ => return None,
    };
    let authority = rest.split('/').next().filter(|authority| !authority.is_empty())?;
    Some((secure, without_default_port(secure, authority)))
}

fn without_default_port(secure: bool, authority: &str) -> String {
    let lower = authority.to_ascii_lowercase();
    match lower.strip_suffix(if secure { ":443" } else { ":80" }) {
        Some(bare) => bare.to_owned(),
        None => lower,
    }
}

/// Paths whose authority is a cookie: they always need [`CSRF_HEADER`].
const COOKIE_ROUTES: &[&str] = &["/api/v1/auth/refresh", "/api/v1/auth/logout"];

/// Refuses requests that a foreign page could have forged.
pub(crate) async fn refuse_forged(State(state): State<AppState>, request: Request, next: Next) -> Response {
    match forged(&request, &state.config) {
        Some(why) => Refused::because(ErrorCode::Csrf, why).into_response(),
        None => next.run(request).await,
    }
}

fn forged(request: &Request, config: &GatewayConfig) -> Option<&'static str> {
    if matches!(*request.method(), Method::GET | Method::HEAD | Method::OPTIONS) {
        return None;
    }
    let headers = request.headers();
    let origin = judge(headers, request.uri(), config);
    if origin == Origin::Foreign {
        return Some("This page may not call Rookery.");
    }
    let site = headers.get(SEC_FETCH_SITE).map(HeaderValue::as_bytes);
    let foreign_site = site.is_some_and(|site| site != b"same-origin" && site != b"none");
    if foreign_site && origin != Origin::Allowed {
        return Some("This page may not call Rookery.");
    }
    let browser = origin != Origin::Absent || site.is_some() || headers.contains_key(header::COOKIE);
    let marked = headers.get(CSRF_HEADER).is_some_and(|value| value.as_bytes() == CSRF_VALUE.as_bytes());
    if !marked && (browser || COOKIE_ROUTES.contains(&request.uri().path())) {
        return Some("The header x-rookery-csrf: 1 is missing.");
    }
    None
}

/// Answers preflights and marks answers for pages of the allow-list; for all others CORS stays off.
pub(crate) async fn share(State(state): State<AppState>, request: Request, next: Next) -> Response {
    if state.config.allowed_origins.is_empty() {
        return next.run(request).await;
    }
    let allowed = judge(request.headers(), request.uri(), &state.config) == Origin::Allowed;
    let origin = request.headers().get(header::ORIGIN).cloned().filter(|_| allowed);
    let preflight =
        request.method() == Method::OPTIONS && request.headers().contains_key(header::ACCESS_CONTROL_REQUEST_METHOD);
    let mut response = match (&origin, preflight) {
        (Some(_), true) => preflight_answer(),
        _ => next.run(request).await,
    };
    let headers = response.headers_mut();
    headers.append(header::VARY, HeaderValue::from_static("origin"));
    if let Some(origin) = origin {
        headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin);
        headers.insert(header::ACCESS_CONTROL_ALLOW_CREDENTIALS, HeaderValue::from_static("true"));
        headers.insert(
            header::ACCESS_CONTROL_EXPOSE_HEADERS,
            HeaderValue::from_static("x-request-id, retry-after, location"),
        );
    }
    response
}

fn preflight_answer() -> Response {
    let headers = [
        (header::ACCESS_CONTROL_ALLOW_METHODS, "GET, POST, PATCH, DELETE"),
        (header::ACCESS_CONTROL_ALLOW_HEADERS, "authorization, content-type, x-rookery-csrf, x-request-id"),
        (header::ACCESS_CONTROL_MAX_AGE, PREFLIGHT_SECONDS),
    ];
    (StatusCode::NO_CONTENT, headers).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judged(origin: Option<&str>, host: &str, config: &GatewayConfig) -> Origin {
        let mut headers = HeaderMap::new();
        headers.insert(header::HOST, host.parse().unwrap());
        if let Some(origin) = origin {
            headers.insert(header::ORIGIN, origin.parse().unwrap());
        }
        judge(&headers, &Uri::from_static("/ws"), config)
    }

    #[test]
    fn origins_are_judged_by_host_public_address_and_list() {
        let plain = GatewayConfig::default();
        let public = GatewayConfig {
            public_url: Some("https://meet.example".into()),
            allowed_origins: vec!["https://app.example".into()],
            ..GatewayConfig::default()
        };
        let cases = [
            (None, "localhost:8080", &plain, Origin::Absent),
            (Some("http://localhost:8080"), "localhost:8080", &plain, Origin::Same),
            (Some("http://LOCALHOST:8080"), "localhost:8080", &plain, Origin::Same),
            (Some("http://localhost:8081"), "localhost:8080", &plain, Origin::Foreign),
            (Some("http://[::1]:8080"), "[::1]:8080", &plain, Origin::Same),
            (Some("null"), "localhost:8080", &plain, Origin::Foreign),
            (Some(""), "localhost:8080", &plain, Origin::Foreign),
            (Some("http://localhost:8080.evil.example"), "localhost:8080", &plain, Origin::Foreign),
            (Some("file://"), "localhost:8080", &plain, Origin::Foreign),
            (Some("http://a.example"), "a.example:80", &plain, Origin::Same),
            (Some("https://meet.example"), "10.0.0.5:8080", &public, Origin::Same),
            (Some("https://meet.example:443"), "10.0.0.5:8080", &public, Origin::Same),
            (Some("http://meet.example"), "meet.example", &public, Origin::Foreign),
            (Some("https://app.example"), "meet.example", &public, Origin::Allowed),
            (Some("https://app.example.evil.example"), "meet.example", &public, Origin::Foreign),
        ];
        for (origin, host, config, verdict) in cases {
            assert_eq!(judged(origin, host, config), verdict, "{origin:?} at {host}");
        }
    }
}
