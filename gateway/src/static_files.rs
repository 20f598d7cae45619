//! The web client's files.
//!
//! Optimised builds carry them; others read them from the folder, so that no build is needed to see a change.
//!
//! **Invariant:** any address that is no file shows the application, which knows its own routes; hashed files are cached for
//! ever, the page itself is asked for each time.

use axum::body::Body;
use axum::extract::Request;
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use rookery_schemas::error::ErrorCode;
use rust_embed::{EmbeddedFile, RustEmbed};

use crate::problem::Refused;

#[derive(RustEmbed)]
#[folder = "web/dist"]
#[allow_missing = true]
struct Dist;

const INDEX: &str = "index.html";
/// Shown where the web client was not built.
const NOT_BUILT: &str = "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><title>Rookery</title></head>\n\
    <body><h1>Rookery</h1><p>The web client has not been built. <code>make web</code> builds it.</p>\n\
    <p><a href=\"/docs/\">The interface</a> is here already.</p></body></html>\n";
/// A year: the name changes with the content.
const FOR_EVER: &str = "public, max-age=31536000, immutable";
const ASK_EACH_TIME: &str = "no-cache";

/// Any address that no route has.
pub(crate) async fn serve(request: Request) -> Response {
    let path = request.uri().path();
    if path == "/api" || path.starts_with("/api/") {
        return Refused::new(ErrorCode::NotFound).into_response();
    }
    if !matches!(*request.method(), Method::GET | Method::HEAD) {
        let allow = [(header::ALLOW, "GET, HEAD")];
        return (allow, Refused::new(ErrorCode::MethodNotAllowed)).into_response();
    }
    let name = path.trim_start_matches('/');
    if !is_plain(name) {
        return Refused::new(ErrorCode::NotFound).into_response();
    }
    let wants_page = name.is_empty() || name == INDEX;
    if !wants_page && let Some(file) = Dist::get(name) {
        return answer(name, &file, request.headers());
    }
    // A missing file is missing: a page in place of a script would only hide that.
    if name.starts_with("assets/") || name.rsplit('/').next().is_some_and(|last| last.contains('.')) && !wants_page {
        return Refused::new(ErrorCode::NotFound).into_response();
    }
    match Dist::get(INDEX) {
        Some(file) => answer(INDEX, &file, request.headers()),
        None => ([(header::CACHE_CONTROL, ASK_EACH_TIME)], axum::response::Html(NOT_BUILT)).into_response(),
    }
}

/// Names that a build can have: no empty, hidden or climbing parts, nothing to be decoded.
fn is_plain(name: &str) -> bool {
    name.len() <= 512
        && name.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_./@+~".contains(&b))
        && name.split('/').all(|part| !part.starts_with('.'))
}

fn answer(name: &str, file: &EmbeddedFile, asked: &HeaderMap) -> Response {
    let etag = format!("W/\"{}\"", data_encoding::HEXLOWER.encode(&file.metadata.sha256_hash()[..16]));
    let cache = if name.starts_with("assets/") { FOR_EVER } else { ASK_EACH_TIME };
    let known = asked.get(header::IF_NONE_MATCH).and_then(|value| value.to_str().ok());
    let mut response = if known.is_some_and(|known| known.split(',').any(|tag| tag.trim() == etag)) {
        StatusCode::NOT_MODIFIED.into_response()
    } else {
        body(name, file, asked)
    };
    let headers = response.headers_mut();
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static(cache));
    if let Ok(etag) = HeaderValue::try_from(etag) {
        headers.insert(header::ETAG, etag);
    }
    response
}

/// The file, as the build compressed it where it did and the client takes it.
fn body(name: &str, file: &EmbeddedFile, asked: &HeaderMap) -> Response {
    let accepted = asked.get(header::ACCEPT_ENCODING).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let takes = |encoding: &str| {
        accepted.split(',').any(|item| {
            let mut parts = item.trim().split(';');
            parts.next() == Some(encoding) && parts.all(|part| part.trim() != "q=0")
        })
    };
    let made = [("br", "br"), ("gzip", "gz")]
        .into_iter()
        .filter(|(encoding, _)| takes(encoding))
        .find_map(|(encoding, suffix)| Dist::get(&format!("{name}.{suffix}")).map(|file| (encoding, file)));
    let (encoding, data) = match made {
        Some((encoding, file)) => (Some(encoding), file.data),
        None => (None, file.data.clone()),
    };
    let mut response = Body::from(data.into_owned()).into_response();
    let headers = response.headers_mut();
    let kind = mime_guess::from_path(name).first_or_octet_stream();
    let text = kind.type_() == mime_guess::mime::TEXT || kind.subtype() == mime_guess::mime::JAVASCRIPT;
    let kind = if text { format!("{}; charset=utf-8", kind.essence_str()) } else { kind.essence_str().to_owned() };
    if let Ok(kind) = HeaderValue::try_from(kind) {
        headers.insert(header::CONTENT_TYPE, kind);
    }
    if let Some(encoding) = encoding {
        headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static(encoding));
        headers.insert(header::VARY, HeaderValue::from_static("accept-encoding"));
    }
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_cannot_climb_or_hide() {
        for (name, plain) in [
            ("", true),
            ("assets/index-abc_12.js", true),
            ("r/abc-defg-hij", true),
            ("../Cargo.toml", false),
            ("assets/../../secret", false),
            ("..%2fsecret", false),
            (".git/config", false),
            ("a\\b", false),
        ] {
            assert_eq!(is_plain(name), plain, "{name}");
        }
    }
}
