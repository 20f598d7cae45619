//! A client's description as the library is given it.
//!
//! The library gets what it negotiates with and nothing else: what it does not see it cannot stumble over after it has half
//! taken a description. Candidates above all stay here: the client's addresses are learned from its checks. Were its
//! candidates handed on, the library would send STUN to whatever address a client cares to name, and the media plane takes
//! an address to which the library sends STUN as proven.
//!
//! **Invariant:** what is handed on means what was checked, and names no candidate.

use std::fmt::Write as _;

use super::negotiated::{EXTENSION_ID_MAX, EXTENSIONS, codec, repaired};
use super::{Description, Format, Section};

/// Attributes that the library negotiates with, beside payload types and extensions, which are written anew. Tracks (`msid`, `ssrc`) are not among them: media never comes to it, and it
/// refuses some that others write, such as two m-lines without SSRCs.
const HANDED: [&str; 18] = [
    "mid",
    "rtcp-mux",
    "rtcp-rsize",
    "sendrecv",
    "sendonly",
    "recvonly",
    "inactive",
    "rtcp-fb",
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

/// Makes the description for the library, CRLF at the end of each line. m-lines that are only bundled get a port, and all
/// name the served payload types alone. Those that rest (`a=inactive`) only receive, since the library
/// would stop an inactive one for good; the answer is the same. A direction that goes without saying is said.
///
/// `description` is `text`, parsed.
#[must_use]
pub fn for_library(text: &str, description: &Description<'_>) -> String {
    let mut out = String::with_capacity(text.len() + 256);
    let mut sections = description.sections.iter();
    let mut current = None;
    let mut kept = Vec::new();
    let mut undirected = false;
    for line in text.lines().filter(|line| is_handed(line)) {
        if line.starts_with("m=") {
            end_section(&mut out, undirected);
            current = sections.next();
            let Some(section) = current else { break };
            kept = kept_formats(section);
            undirected = section.is_rtp() && section.said_direction.is_none();
            media_line(&mut out, section, &kept);
            continue;
        }
        if current.is_some_and(Section::is_rtp) && is_of_other_format(line, &kept) {
            continue;
        }
        let rests = line == "a=inactive" && current.is_some_and(|section| !section.rejected);
        out.push_str(if rests { "a=recvonly" } else { line });
        out.push_str("\r\n");
    }
    end_section(&mut out, undirected);
    out
}

fn end_section(out: &mut String, undirected: bool) {
    if undirected {
        out.push_str("a=sendrecv\r\n");
    }
}

fn media_line(out: &mut String, section: &Section<'_>, kept: &[Format<'_>]) {
    let port = if section.rejected { "0" } else { "9" };
    // writing to a String does not fail
    if !section.is_rtp() {
        let _ = write!(out, "m=application {port} {} webrtc-datachannel\r\n", section.protocol);
        return;
    }
    // with nothing in common the library rejects the line, but it wants to see some payload type
    let nothing = [Format { number: 127, encoding: "none/90000", fmtp: "" }];
    let formats = if kept.is_empty() { &nothing[..] } else { kept };
    let _ = write!(out, "m={} {port} {}", section.media, section.protocol);
    for format in formats {
        let _ = write!(out, " {}", format.number);
    }
    out.push_str("\r\n");
    for Format { number, encoding, fmtp } in formats {
        let _ = write!(out, "a=rtpmap:{number} {encoding}\r\n");
        if !fmtp.is_empty() {
            let _ = write!(out, "a=fmtp:{number} {fmtp}\r\n");
        }
    }
    let served = |(id, uri): &&(u8, &str)| (1..=EXTENSION_ID_MAX).contains(id) && EXTENSIONS.contains(uri);
    for (id, uri) in section.extensions.iter().filter(served) {
        let _ = write!(out, "a=extmap:{id} {uri}\r\n");
    }
}

/// The payload types that are served, with their retransmissions.
fn kept_formats<'a>(section: &Section<'a>) -> Vec<Format<'a>> {
    let served = |number: u8| section.formats.iter().any(|format| format.number == number && codec(format).is_some());
    let kept = |format: &&Format<'_>| codec(format).is_some() || repaired(format).is_some_and(served);
    section.formats.iter().filter(kept).copied().collect()
}

/// `a=rtcp-fb` of a payload type that is not kept.
fn is_of_other_format(line: &str, kept: &[Format<'_>]) -> bool {
    let number = line.strip_prefix("a=rtcp-fb:").map(|value| value.split(' ').next().unwrap_or_default());
    number.is_some_and(|number| {
        number != "*" && !number.parse().is_ok_and(|number: u8| kept.iter().any(|format| format.number == number))
    })
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
