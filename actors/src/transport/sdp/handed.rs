//! A client's description as the library is given it.
//!
//! The library gets what it negotiates with and nothing else: what it does not see it cannot stumble over after it has half
//! taken a description. Codecs and extensions are ours ([`super::codecs`]): the library sees VP8 or Opus on every m-line.
//! Candidates above all stay here: the client's addresses are learned from its
//! checks. Were its candidates handed on, the library would send STUN to whatever address a client cares to name, and the
//! media plane takes an address to which the library sends STUN as proven.
//!
//! **Invariant:** what is handed on means what was checked, and names no candidate.

use std::fmt::Write as _;

use super::{Description, Section};

/// Attributes that the library negotiates with. Tracks (`msid`, `ssrc`) are not among them: media never comes to it, and it
/// refuses some that others write, such as two m-lines without SSRCs.
const HANDED: [&str; 17] = [
    "mid",
    "rtcp-mux",
    "rtcp-rsize",
    "sendrecv",
    "sendonly",
    "recvonly",
    "inactive",
    "rid",
    "simulcast",
    "ice-ufrag",
    "ice-pwd",
    "ice-options",
    "setup",
    "sctp-port",
    "max-message-size",
    "extmap-allow-mixed",
    "msid-semantic",
];

/// The payload types that the library is given, and what describes them.
const VIDEO: (&str, &str) = (" 96 97", "a=rtpmap:96 VP8/90000\r\na=rtpmap:97 rtx/90000\r\na=fmtp:97 apt=96\r\n");
const AUDIO: (&str, &str) = (" 111", "a=rtpmap:111 opus/48000/2\r\na=fmtp:111 minptime=10;useinbandfec=1\r\n");

/// Makes the description for the library, CRLF at the end of each line. m-lines that are only bundled get a port. Those
/// that rest (`a=inactive`) only receive, since the library would stop an inactive one for good; the answer is the same. A
/// direction that goes without saying is said.
///
/// `description` is `text`, parsed.
#[must_use]
pub fn for_library(text: &str, description: &Description<'_>) -> String {
    let mut out = String::with_capacity(text.len());
    let mut sections = description.sections.iter();
    let mut live = false;
    for line in text.lines().filter(|line| is_handed(line)) {
        if line.starts_with("m=") {
            let Some(section) = sections.next() else { break };
            live = !section.rejected;
            media_line(&mut out, section);
            continue;
        }
        out.push_str(if live && line == "a=inactive" { "a=recvonly" } else { line });
        out.push_str("\r\n");
    }
    out
}

fn media_line(out: &mut String, section: &Section<'_>) {
    let Section { media, protocol, .. } = section;
    let port = if section.rejected { "0" } else { "9" };
    // writing to a String does not fail
    if !section.is_rtp() {
        let _ = write!(out, "m={media} {port} {protocol} webrtc-datachannel\r\n");
        return;
    }
    let (formats, described) = if *media == "audio" { AUDIO } else { VIDEO };
    let _ = write!(out, "m={media} {port} {protocol}{formats}\r\n{described}");
    if section.said_direction.is_none() {
        out.push_str("a=sendrecv\r\n");
    }
}

fn is_handed(line: &str) -> bool {
    let Some((kind, value)) = line.split_once('=') else { return false };
    match kind {
        "v" | "o" | "s" | "t" | "m" | "c" => true,
        "a" => {
            let (key, value) = value.split_once(':').unwrap_or((value, ""));
            match key {
                // the library reads the first group, whatever it is
                "group" => value.starts_with("BUNDLE"),
                "fingerprint" => value.split(' ').next().is_some_and(|hash| hash.eq_ignore_ascii_case("sha-256")),
                _ => HANDED.contains(&key),
            }
        }
        _ => false,
    }
}
