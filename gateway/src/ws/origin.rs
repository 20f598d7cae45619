//! Whose page may open a WebSocket.
//!
//! Browsers send `Origin` with every WebSocket handshake (RFC 6455, section 4.1) and pages cannot change it. Other clients
//! can write what they like there, so for them the header proves nothing; the ticket does.
//!
//! **Invariant:** a page of a foreign origin is refused before anything is looked at that it sent.

use axum::http::{HeaderMap, Uri};

use crate::config::GatewayConfig;
use crate::origin::{Origin, judge};

/// Whether the handshake may go on.
///
/// A missing Origin is taken only with a ticket: the holder has then been at the API, which no page can make a visitor's
/// browser do. The way without a ticket is there for pages whose gateway died; it is kept to senders that name themselves, so
/// that scanners and misdirected clients cost no socket. And never from a browser (it says so by `Sec-Fetch-*`) that hides it.
pub(super) fn allowed(headers: &HeaderMap, uri: &Uri, has_ticket: bool, config: &GatewayConfig) -> bool {
    match judge(headers, uri, config) {
        Origin::Same | Origin::Allowed => headers.get_all("origin").iter().count() == 1,
        Origin::Absent => has_ticket && !from_browser(headers),
        Origin::Foreign => false,
    }
}

fn from_browser(headers: &HeaderMap) -> bool {
    ["sec-fetch-mode", "sec-fetch-site", "sec-fetch-dest"].iter().any(|name| headers.contains_key(*name))
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::HeaderValue;

    #[test]
    fn only_our_own_pages_and_listed_ones_connect() {
        let plain = GatewayConfig::default();
        let listed = GatewayConfig { allowed_origins: vec!["https://app.example".into()], ..GatewayConfig::default() };
        let secure = GatewayConfig { public_url: Some("https://meet.example".into()), ..GatewayConfig::default() };
        let host = ("host", "meet.example:8080");
        for (sent, ticket, config, expected) in [
            (vec![host, ("origin", "http://meet.example:8080")], false, &plain, true),
            (vec![host, ("origin", "http://MEET.example:8080")], true, &plain, true),
            (vec![("host", "meet.example"), ("origin", "http://meet.example")], true, &secure, false),
            (vec![host, ("origin", "http://meet.example")], true, &plain, false),
            (vec![host, ("origin", "http://evil.example")], true, &plain, false),
            (vec![host, ("origin", "null")], true, &plain, false),
            (vec![host, ("origin", "")], true, &plain, false),
            (
                vec![host, ("origin", "http://meet.example:8080"), ("origin", "http://evil.example")],
                true,
                &plain,
                false,
            ),
            (vec![host, ("origin", "https://app.example")], true, &listed, true),
            (vec![host], true, &plain, true),
            (vec![host], false, &plain, false),
            (vec![host, ("sec-fetch-mode", "websocket")], true, &plain, false),
        ] {
            let mut headers = HeaderMap::new();
            for (name, value) in &sent {
                headers.append(*name, HeaderValue::from_static(value));
            }
            let uri = Uri::from_static("/ws");
            assert_eq!(allowed(&headers, &uri, ticket, config), expected, "{sent:?}, ticket: {ticket}");
        }
    }
}
