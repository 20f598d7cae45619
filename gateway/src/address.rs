//! Whose request this is, by network address.
//!
//! **Invariant:** a forwarding header counts only as far as configured trusted proxies vouch for it.

use std::net::{IpAddr, Ipv6Addr, SocketAddr};

use axum::http::HeaderMap;
use ipnet::IpNet;

/// Most entries of a forwarding header that are looked at; longer chains than this are no real ones.
const HOPS_MAX: usize = 32;

/// A client's address. Prints only its network, so that logs do not identify people.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct ClientAddr(pub IpAddr);

/// What limits count by: an IPv4 address, or the /64 that one IPv6 subscriber has.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct AddrKey(IpAddr);

impl ClientAddr {
    /// Finds the client: the peer itself, or the rightmost address of `X-Forwarded-For` that is no trusted proxy.
    #[must_use]
    pub fn find(peer: SocketAddr, headers: &HeaderMap, trusted: &[IpNet]) -> Self {
        let peer = peer.ip().to_canonical();
        let is_trusted = |address: IpAddr| trusted.iter().any(|net| net.contains(&address));
        if !is_trusted(peer) {
            return Self(peer);
        }
        let mut hops: Vec<&str> = Vec::new();
        for value in headers.get_all("x-forwarded-for") {
            // A header that is no text hides what stands to its left: start over after it.
            let Ok(text) = value.to_str() else {
                hops.clear();
                continue;
            };
            hops.extend(text.split(','));
        }
        let mut client = peer;
        for hop in hops.iter().rev().take(HOPS_MAX) {
            let Some(address) = parse_hop(hop) else { break };
            client = address;
            if !is_trusted(address) {
                break;
            }
        }
        Self(client)
    }

    /// What limits count by.
    #[must_use]
    pub fn key(self) -> AddrKey {
        match self.0.to_canonical() {
            IpAddr::V4(v4) => AddrKey(IpAddr::V4(v4)),
            IpAddr::V6(v6) => {
                let network = u128::from(v6) & !u128::from(u64::MAX);
                AddrKey(IpAddr::V6(Ipv6Addr::from(network)))
            }
        }
    }
}

impl std::fmt::Display for ClientAddr {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.0.to_canonical() {
            IpAddr::V4(v4) => {
                let [a, b, c, _] = v4.octets();
                write!(f, "{a}.{b}.{c}.x")
            }
            IpAddr::V6(v6) => {
                let [a, b, c, ..] = v6.segments();
                write!(f, "{a:x}:{b:x}:{c:x}::x")
            }
        }
    }
}

impl std::fmt::Debug for ClientAddr {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        std::fmt::Display::fmt(self, f)
    }
}

/// `203.0.113.7`, `203.0.113.7:4711`, `2001:db8::1` or `[2001:db8::1]:4711`.
fn parse_hop(text: &str) -> Option<IpAddr> {
    let text = text.trim();
    let address = text
        .parse::<IpAddr>()
        .ok()
        .or_else(|| text.parse::<SocketAddr>().ok().map(|a| a.ip()))
        .or_else(|| text.strip_prefix('[').and_then(|t| t.strip_suffix(']')).and_then(|t| t.parse().ok()))?;
    Some(address.to_canonical())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_trusted_proxies_are_believed() {
        let trusted: Vec<IpNet> = vec!["10.0.0.0/8".parse().unwrap(), "::1/128".parse().unwrap()];
        let cases = [
            ("192.0.2.1", vec!["203.0.113.9"], "192.0.2.1"),
            ("10.0.0.1", vec![], "10.0.0.1"),
            ("10.0.0.1", vec!["203.0.113.9"], "203.0.113.9"),
            ("10.0.0.1", vec!["198.51.100.1, 203.0.113.9"], "203.0.113.9"),
            ("10.0.0.1", vec!["198.51.100.1", "203.0.113.9, 10.0.0.2"], "203.0.113.9"),
            ("10.0.0.1", vec!["spoofed, 203.0.113.9:4711"], "203.0.113.9"),
            ("10.0.0.1", vec!["203.0.113.9, unknown, 10.0.0.3"], "10.0.0.3"),
            ("10.0.0.1", vec!["10.0.0.9"], "10.0.0.9"),
            ("::1", vec!["[2001:db8::1]:99"], "2001:db8::1"),
            ("::ffff:10.0.0.1", vec!["::ffff:203.0.113.9"], "203.0.113.9"),
        ];
        for (peer, forwarded, client) in cases {
            let mut headers = HeaderMap::new();
            for value in &forwarded {
                headers.append("x-forwarded-for", value.parse().unwrap());
            }
            let found = ClientAddr::find(SocketAddr::new(peer.parse().unwrap(), 1), &headers, &trusted);
            assert_eq!(found.0, client.parse::<IpAddr>().unwrap(), "{peer} {forwarded:?}");
        }
    }

    #[test]
    fn one_ipv6_subscriber_is_one_key_and_logs_show_networks_only() {
        let key = |text: &str| ClientAddr(text.parse().unwrap()).key();
        assert!(key("2001:db8:0:1::1") == key("2001:db8:0:1:ffff::2"));
        assert!(key("2001:db8:0:1::1") != key("2001:db8:0:2::1"));
        assert!(key("192.0.2.1") == key("::ffff:192.0.2.1"));
        assert!(key("192.0.2.1") != key("192.0.2.2"));
        assert_eq!(ClientAddr("192.0.2.77".parse().unwrap()).to_string(), "192.0.2.x");
        assert_eq!(ClientAddr("2001:db8:1:2::3".parse().unwrap()).to_string(), "2001:db8:1::x");
    }
}
