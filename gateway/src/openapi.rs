//! The description of the interface (OpenAPI 3.1), made from the code.
//!
//! **Invariant:** every operation names each refusal that it can answer with.

use std::collections::BTreeMap;
use std::sync::Arc;

use rookery_schemas::error::ErrorCode;
use rookery_schemas::rest::{FieldProblem, Problem};
use utoipa::openapi::path::Operation;
use utoipa::openapi::security::{ApiKey, ApiKeyValue, HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::openapi::{Content, OpenApi as Document, Ref, RefOr, Response, ResponseBuilder};
use utoipa::{Modify, OpenApi};

use crate::problem::PROBLEM_JSON;
use crate::router::Description;

use ErrorCode as E;

#[derive(OpenApi)]
#[openapi(
    info(
        title = "Rookery",
        description = "Rooms in which people meet: accounts, rooms, tickets and history. What happens in a room goes over one \
            WebSocket. Refusals are problems by RFC 9457 with a stable `code`. Requests that change something and come from a \
            browser carry the header `X-Rookery-Csrf: 1`.",
        license(name = "Apache-2.0", identifier = "Apache-2.0"),
        contact()
    ),
    tags(
        (name = "accounts", description = "Accounts, sessions and tickets"),
        (name = "rooms", description = "Rooms, joining and history"),
        (name = "operation", description = "The socket and the state of the node")
    ),
    paths(describe, open_socket),
    components(schemas(Problem, FieldProblem)),
    modifiers(&Schemes)
)]
struct Base;

/// This description.
#[utoipa::path(get, path = "/api/v1/openapi.json", tag = "operation", responses((status = 200, description = "OpenAPI 3.1")))]
#[expect(dead_code, reason = "describes a route whose handler holds the finished description")]
fn describe() {}

/// Open the WebSocket; its messages are on the protocol page.
#[utoipa::path(get, path = "/ws", tag = "operation",
    params(("ticket" = Option<String>, Query,
        description = "From `ws-ticket`, or a guest's join ticket; absent where the first message is `resume`")),
    responses((status = 101, description = "Open")))]
#[expect(dead_code, reason = "describes a route of another module")]
fn open_socket() {}

struct Schemes;

impl Modify for Schemes {
    fn modify(&self, document: &mut Document) {
        let components = document.components.get_or_insert_default();
        let bearer = HttpBuilder::new().scheme(HttpAuthScheme::Bearer).bearer_format("JWT").build();
        components.add_security_scheme("bearer", SecurityScheme::Http(bearer));
        let cookie =
            ApiKeyValue::with_description("rookery_refresh", "HttpOnly; over HTTPS `__Secure-rookery_refresh`");
        components.add_security_scheme("refreshCookie", SecurityScheme::ApiKey(ApiKey::Cookie(cookie)));
        let csrf = ApiKeyValue::with_description("X-Rookery-Csrf", "Always `1`: a foreign page cannot send it");
        components.add_security_scheme("csrf", SecurityScheme::ApiKey(ApiKey::Header(csrf)));
    }
}

/// What there is before any route.
pub(crate) fn base() -> Document {
    Base::openapi()
}

/// What every route under `/api/v1` can answer with.
const ALL: &[ErrorCode] = &[E::RateLimited, E::Timeout, E::Internal];
/// What those that change something can answer with besides.
const UNSAFE: &[ErrorCode] = &[E::Csrf];
/// What those with a body can answer with besides.
const BODY: &[ErrorCode] = &[E::Malformed, E::Invalid, E::TooLarge, E::UnsupportedMediaType];
/// What those that read or write the store can answer with besides.
const STORE: &[ErrorCode] = &[E::StoreUnavailable, E::Unknown];
/// What those for accounts can answer with besides.
const SIGNED_IN: &[ErrorCode] = &[E::Unauthorized, E::TokenExpired];

/// The refusals of each operation that come from its own doing, by method and path.
const OWN: &[(&str, &str, &[ErrorCode])] = &[
    ("post", "/api/v1/auth/register", &[E::WeakPassword, E::EmailTaken, E::UsernameTaken, E::Overloaded]),
    ("post", "/api/v1/auth/login", &[E::BadCredentials, E::LockedOut, E::Overloaded]),
    ("post", "/api/v1/auth/refresh", &[E::RefreshRefused]),
    ("post", "/api/v1/auth/logout", &[]),
    ("post", "/api/v1/auth/password", &[E::WeakPassword, E::BadCredentials, E::LockedOut, E::Overloaded]),
    ("get", "/api/v1/me", &[]),
    ("patch", "/api/v1/me", &[]),
    ("post", "/api/v1/ws-ticket", &[]),
    ("post", "/api/v1/rooms", &[E::KindUnsupported, E::Overloaded]),
    ("get", "/api/v1/rooms", &[E::Invalid]),
    ("get", "/api/v1/rooms/{room}", &[E::Invalid, E::RoomNotFound, E::Unauthorized, E::TokenExpired]),
    ("patch", "/api/v1/rooms/{room}", &[E::RoomNotFound, E::Forbidden, E::RoomClosed, E::RoomExpired, E::Overloaded]),
    ("delete", "/api/v1/rooms/{room}", &[E::Invalid, E::RoomNotFound, E::Forbidden]),
    (
        "post",
        "/api/v1/rooms/{room}/join",
        &[
            E::RoomNotFound,
            E::RoomClosed,
            E::RoomExpired,
            E::RoomFull,
            E::PasswordRequired,
            E::PasswordWrong,
            E::Banned,
            E::Overloaded,
            E::OwnerUnavailable,
            E::Unauthorized,
            E::TokenExpired,
        ],
    ),
    ("get", "/api/v1/rooms/{room}/messages", &[E::Invalid, E::RoomNotFound, E::MembersOnly]),
    ("get", "/ws", &[E::OriginRefused, E::TicketInvalid, E::TicketExpired, E::TooMany, E::Overloaded, E::Malformed]),
    ("get", "/livez", &[]),
    ("get", "/readyz", &[]),
    ("get", "/api/v1/openapi.json", &[]),
];

/// Adds the refusals to every operation.
pub(crate) fn finish(mut document: Document) -> Description {
    for (path, item) in &mut document.paths.paths {
        let operations = [
            ("get", &mut item.get),
            ("post", &mut item.post),
            ("patch", &mut item.patch),
            ("delete", &mut item.delete),
        ];
        for (method, operation) in operations {
            if let Some(operation) = operation {
                add_refusals(method, path, operation);
            }
        }
    }
    Arc::new(document)
}

fn add_refusals(method: &str, path: &str, operation: &mut Operation) {
    let Some((_, _, own)) = OWN.iter().find(|(m, p, _)| *m == method && *p == path) else { return };
    let mut codes: Vec<ErrorCode> = own.to_vec();
    if path.starts_with("/api/v1/") && path != "/api/v1/openapi.json" {
        codes.extend(ALL.iter().chain(STORE));
        if method != "get" {
            codes.extend(UNSAFE);
        }
        if operation.request_body.is_some() {
            codes.extend(BODY);
        }
        let optional = operation.security.as_ref().is_some_and(|all| all.len() > 1);
        let json = serde_json::to_string(&operation.security).unwrap_or_default();
        if json.contains("bearer") && !optional {
            codes.extend(SIGNED_IN);
        }
    }
    let mut by_status: BTreeMap<u16, Vec<ErrorCode>> = BTreeMap::new();
    for code in codes {
        let named = by_status.entry(code.http_status()).or_default();
        if !named.contains(&code) {
            named.push(code);
        }
    }
    for (status, codes) in by_status {
        operation.responses.responses.insert(status.to_string(), RefOr::T(refusals(&codes)));
    }
}

fn refusals(codes: &[ErrorCode]) -> Response {
    let lines: Vec<String> = codes.iter().map(|code| format!("`{code}`: {}", code.sentence())).collect();
    let content = Content::new(Some(RefOr::Ref(Ref::from_schema_name("Problem"))));
    ResponseBuilder::new().description(lines.join(" ")).content(PROBLEM_JSON, content).build()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refusals_are_named_once_for_each_operation() {
        for (i, (method, path, _)) in OWN.iter().enumerate() {
            assert!(OWN.iter().skip(i + 1).all(|(m, p, _)| (m, p) != (method, path)), "{method} {path} twice");
        }
    }
}
