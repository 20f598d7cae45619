//! A client's description as the library is given it.
//!
//! The library gets what it negotiates with and nothing else: what it does not see it cannot stumble over after it has half
//! taken a description. Candidates above all stay here: the client's addresses are learned from its checks. Were its
//! candidates handed on, the library would send STUN to whatever address a client cares to name, and the media plane takes
//! an address to which the library sends STUN as proven.
//!
//! **Invariant:** what is handed on means what was checked, and names no candidate.

use super::negotiated::EXTENSIONS;
use super::{Description, Section};

/// Attributes that the library negotiates with. Tracks (`msid`, `ssrc`) are not among them: media never comes to it, and it
/// refuses some that others write, such as two m-lines without SSRCs.
const HANDED: [&str; 22] = [
    "mid", "rtcp-mux", "rtcp-rsize", "sendrecv", "sendonly", "recvonly", "inactive", "rtpmap", "fmtp", "rtcp-fb", "rid",
    "simulcast", "ice-ufrag", "ice-pwd", "ice-options", "fingerprint", "setup", "sctp-port", "max-message-size",
    "sctpmap", "extmap-allow-mixed", "msid-semantic",
];

/// Makes the description for the library, CRLF at the end of each line. m-lines that are only bundled get a port. Those
/// that rest (`a=inactive`) only receive, since the library would stop an inactive one for good; the answer is the same. A
/// direction that goes without saying is said.
///
/// `description` is `text`, parsed.
#[must_use]
pub fn for_library(text: &str, description: &Description<'_>) -> String {
    let mut out = String::with_capacity(text.len() + 256);
    let mut sections = description.sections.iter();
    let (mut live, mut undirected) = (false, false);
    for line in text.lines().filter(|line| is_handed(line)) {
        if let Some(media) = line.strip_prefix("m=") {
            if undirected {
                out.push_str("a=sendrecv\r\n");
            }
            let section = sections.next();
            live = section.is_some_and(|section| !section.rejected);
            undirected = section.is_some_and(Section::is_rtp);
            let mut words = media.splitn(3, ' ');
            if let (true, Some(kind), Some("0"), Some(rest)) = (live, words.next(), words.next(), words.next()) {
                out.extend(["m=", kind, " 9 ", rest, "\r\n"]);
                continue;
            }
        }
        undirected &= !matches!(line, "a=sendrecv" | "a=sendonly" | "a=recvonly" | "a=inactive");
        out.push_str(if live && line == "a=inactive" { "a=recvonly" } else { line });
        out.push_str("\r\n");
    }
    if undirected {
        out.push_str("a=sendrecv\r\n");
    }
    out
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
                "extmap" => value.split(' ').nth(1).is_some_and(|uri| EXTENSIONS.contains(&uri)),
                _ => HANDED.contains(&key),
            }
        }
        _ => false,
    }
}
