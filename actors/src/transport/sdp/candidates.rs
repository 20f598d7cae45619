//! Candidates of our descriptions: the library's, which believes in a port of its own, are replaced by the worker's
//! addresses.
//!
//! **Invariant:** a description of ours names the worker's addresses and no other.

use std::fmt::Write as _;
use std::net::{IpAddr, SocketAddr};

use super::refused;
use crate::transport::TransportError;

/// Host candidates in one description, at the most: every one costs a client a check.
pub const CANDIDATES_MAX: usize = 16;
/// Bytes of one candidate's line.
const CANDIDATE_BYTES_MAX: usize = 512;

fn is_candidate(line: &str) -> bool {
    ["a=candidate:", "a=end-of-candidates", "a=remote-candidates"].iter().any(|word| line.starts_with(word))
}

/// Where a worker is reached: its own addresses, and each public address with the worker's port (of its family, if it
/// has one). Wildcards and link-local addresses, which no client can use, are left out.
#[must_use]
pub fn host_candidates(worker: &[SocketAddr], public: &[IpAddr]) -> Vec<SocketAddr> {
    let port = |ip: &IpAddr| {
        let same = worker.iter().find(|addr| addr.is_ipv4() == ip.is_ipv4());
        same.or(worker.first()).map(SocketAddr::port)
    };
    let public = public.iter().filter_map(|ip| Some(SocketAddr::new(*ip, port(ip)?)));
    let mut out = Vec::new();
    for addr in public.chain(worker.iter().copied()) {
        let link_local = match addr.ip() {
            IpAddr::V4(ip) => ip.is_link_local(),
            IpAddr::V6(ip) => ip.is_unicast_link_local(),
        };
        if !addr.ip().is_unspecified() && !link_local && !out.contains(&addr) && out.len() < CANDIDATES_MAX {
            out.push(addr);
        }
    }
    out
}

/// A description with exactly these host candidates, component 1, and the end of candidates, in the first m-section that
/// is not rejected: the one whose transport the bundle uses. Public addresses come first and are preferred.
#[must_use]
pub fn with_candidates(sdp: &str, addrs: &[SocketAddr]) -> String {
    let mut out = String::with_capacity(sdp.len() + 96 * (addrs.len() + 1));
    let mut written = addrs.is_empty();
    let mut inside = false;
    for line in sdp.lines().filter(|line| !is_candidate(line)) {
        if let Some(media) = line.strip_prefix("m=") {
            if inside && !written {
                write_candidates(&mut out, addrs);
                written = true;
            }
            inside = media.split(' ').nth(1) != Some("0");
        }
        out.push_str(line);
        out.push_str("\r\n");
    }
    if inside && !written {
        write_candidates(&mut out, addrs);
    }
    out
}

fn write_candidates(out: &mut String, addrs: &[SocketAddr]) {
    for (foundation, addr) in (1_u32..).zip(addrs) {
        // RFC 8445 5.1.2.1: host candidates have type preference 126, component 1 counts 255
        let local = 65_536_u32.saturating_sub(foundation);
        let priority = (126_u32 << 24) + (local << 8) + 255;
        let (ip, port) = (addr.ip(), addr.port());
        // writing to a String does not fail
        let _ = write!(out, "a=candidate:{foundation} 1 udp {priority} {ip} {port} typ host\r\n");
    }
    out.push_str("a=end-of-candidates\r\n");
}

/// Checks the shape of a trickled candidate (RFC 8839 5.1); an empty one says that there are no more.
///
/// # Errors
/// [`TransportError::Sdp`] if it is none.
pub fn check_candidate(candidate: &str) -> Result<(), TransportError> {
    let text = candidate.strip_prefix("a=").unwrap_or(candidate);
    if text.is_empty() || text == "end-of-candidates" {
        return Ok(());
    }
    let bad = || refused("this is no candidate");
    if text.len() > CANDIDATE_BYTES_MAX || text.chars().any(char::is_control) {
        return Err(bad());
    }
    let words: Vec<&str> = text.strip_prefix("candidate:").ok_or_else(bad)?.split(' ').collect();
    let [foundation, component, transport, priority, address, port, typ, kind, ..] = words.as_slice() else {
        return Err(bad());
    };
    let shaped = (1..=32).contains(&foundation.len())
        && component.parse::<u16>().is_ok_and(|n| (1..=256).contains(&n))
        && !transport.is_empty()
        && priority.parse::<u32>().is_ok()
        && !address.is_empty()
        && port.parse::<u16>().is_ok()
        && *typ == "typ"
        && !kind.is_empty();
    if shaped { Ok(()) } else { Err(bad()) }
}
