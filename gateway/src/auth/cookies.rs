//! The two cookies of this interface: the refresh token and the known device.
//!
//! **Invariant:** both are HttpOnly and SameSite=Strict, go to `/api/v1/auth` only, and over HTTPS carry `Secure` and the
//! `__Secure-` prefix, so that no page served in plain can plant them.

use axum::http::{HeaderMap, HeaderValue, header};

use crate::config::GatewayConfig;

/// Where the cookies go.
const PATH: &str = "/api/v1/auth";
/// Bytes of a cookie's value that are looked at.
const VALUE_BYTES_MAX: usize = 512;

/// Which cookie.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Cookie {
    /// The refresh token.
    Refresh,
    /// The known device.
    Device,
}

impl Cookie {
    /// Its name, which tells browsers what to insist on.
    pub(crate) fn name(self, config: &GatewayConfig) -> &'static str {
        match (self, config.secure()) {
            (Self::Refresh, true) => "__Secure-rookery_refresh",
            (Self::Refresh, false) => "rookery_refresh",
            (Self::Device, true) => "__Secure-rookery_device",
            (Self::Device, false) => "rookery_device",
        }
    }

    /// Its value in a request. Of several of one name the first counts, which is the one of the longest path (RFC 6265,
    /// section 5.4).
    pub(crate) fn read<'a>(self, headers: &'a HeaderMap, config: &GatewayConfig) -> Option<&'a str> {
        self.sent(headers, config).find(|value| value.len() <= VALUE_BYTES_MAX)
    }

    /// Whether a request carries it, readable or not.
    pub(crate) fn is_sent(self, headers: &HeaderMap, config: &GatewayConfig) -> bool {
        self.sent(headers, config).next().is_some()
    }

    fn sent<'a>(self, headers: &'a HeaderMap, config: &GatewayConfig) -> impl Iterator<Item = &'a str> {
        let name = self.name(config);
        headers
            .get_all(header::COOKIE)
            .iter()
            .filter_map(|value| value.to_str().ok())
            .flat_map(|value| value.split(';'))
            .filter_map(|pair| pair.trim().split_once('='))
            .filter_map(move |(found, value)| (found == name).then_some(value))
    }

    /// The header that sets it for so many seconds; 0 takes it away.
    pub(crate) fn set(self, value: &str, seconds: u64, config: &GatewayConfig) -> Option<HeaderValue> {
        let secure = if config.secure() { "; Secure" } else { "" };
        let name = self.name(config);
        let text = format!("{name}={value}; Path={PATH}; Max-Age={seconds}; HttpOnly; SameSite=Strict{secure}");
        HeaderValue::try_from(text).ok()
    }
}

/// `Set-Cookie` headers of an answer.
#[derive(Debug, Default)]
pub(crate) struct SetCookies(Vec<HeaderValue>);

impl SetCookies {
    /// Sets a cookie.
    pub(crate) fn set(&mut self, cookie: Cookie, value: &str, seconds: u64, config: &GatewayConfig) {
        self.0.extend(cookie.set(value, seconds, config));
    }

    /// Takes a cookie away.
    pub(crate) fn clear(&mut self, cookie: Cookie, config: &GatewayConfig) {
        self.set(cookie, "", 0, config);
    }
}

impl axum::response::IntoResponseParts for SetCookies {
    type Error = std::convert::Infallible;

    fn into_response_parts(
        self,
        mut parts: axum::response::ResponseParts,
    ) -> Result<axum::response::ResponseParts, Self::Error> {
        for value in self.0 {
            parts.headers_mut().append(header::SET_COOKIE, value);
        }
        Ok(parts)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cookies_are_set_and_found_by_their_prefixed_name() {
        let plain = GatewayConfig::default();
        let secure = GatewayConfig { public_url: Some("https://meet.example".into()), ..GatewayConfig::default() };
        assert_eq!(
            Cookie::Refresh.set("v", 60, &plain).unwrap(),
            "rookery_refresh=v; Path=/api/v1/auth; Max-Age=60; HttpOnly; SameSite=Strict"
        );
        assert_eq!(
            Cookie::Device.set("v", 60, &secure).unwrap(),
            "__Secure-rookery_device=v; Path=/api/v1/auth; Max-Age=60; HttpOnly; SameSite=Strict; Secure"
        );
        let mut headers = HeaderMap::new();
        headers.append(header::COOKIE, "a=1; rookery_refresh=one; rookery_refresh=two".parse().unwrap());
        headers.append(header::COOKIE, "__Secure-rookery_refresh=three".parse().unwrap());
        assert_eq!(Cookie::Refresh.read(&headers, &plain), Some("one"));
        assert_eq!(Cookie::Refresh.read(&headers, &secure), Some("three"));
        assert_eq!(Cookie::Device.read(&headers, &plain), None);
    }
}
