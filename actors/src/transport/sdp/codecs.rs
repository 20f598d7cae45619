//! Codecs and header extensions of our descriptions, written by us and not by the library.
//!
//! Media never comes to the library, so it need not know them; and it negotiates one list of codecs for all m-lines of a
//! kind, so that a second m-line with another codec would be answered with the first one's. Here each m-line is answered
//! with what it offers, in its order, and each slot offers everything.
//!
//! **Invariant:** an answer names, for each m-line, only payload types, feedback and extension ids of that m-line's offer.

use std::fmt::Write as _;

use super::negotiated::{
    EXTENSION_ABS_SEND_TIME, EXTENSION_AUDIO_LEVEL, EXTENSION_ID_MAX, EXTENSION_MID, EXTENSION_REPAIRED_RID,
    EXTENSION_RID, EXTENSION_TRANSPORT_CC, codec, repaired,
};
use super::{Description, Format, Section};

/// Video codecs in the order of our offers, with their payload types; the next number is their retransmissions'. VP8 first,
/// since everyone has it. Two H264: constrained baseline as browsers name it, and baseline as cameras do.
const VIDEO: [(u8, &str, &str); 5] = [
    (96, "VP8/90000", ""),
    (98, "H264/90000", "level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42e01f"),
    (100, "H264/90000", "level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42001f"),
    (102, "VP9/90000", "profile-id=0"),
    (104, "AV1/90000", "level-idx=5;profile=0;tier=0"),
];
const OPUS: (u8, &str) = (111, "opus/48000/2");
/// In-band error correction is wanted.
const OPUS_FMTP: &str = "minptime=10;useinbandfec=1";

const VIDEO_FEEDBACK: [&str; 4] = ["nack", "nack pli", "ccm fir", "transport-cc"];
const AUDIO_FEEDBACK: [&str; 1] = ["transport-cc"];

/// Extensions with the ids of our offers, of sound and of pictures; the ids are those that Chromium uses.
const AUDIO_EXTENSIONS: [(u8, &str); 3] = [(1, EXTENSION_AUDIO_LEVEL), (3, EXTENSION_TRANSPORT_CC), (4, EXTENSION_MID)];
const VIDEO_EXTENSIONS: [(u8, &str); 5] = [
    (2, EXTENSION_ABS_SEND_TIME),
    (3, EXTENSION_TRANSPORT_CC),
    (4, EXTENSION_MID),
    (10, EXTENSION_RID),
    (11, EXTENSION_REPAIRED_RID),
];

/// Our offer, from the library's: every m-line of sound or pictures lists all codecs, with retransmissions, and the
/// extensions that a sender writes.
#[must_use]
pub fn with_offered_codecs(offer: &str) -> String {
    rewritten(offer, |out, media, _mid| {
        let Written { formats, body, .. } = out;
        if media == "audio" {
            let (number, encoding) = OPUS;
            let _ = write!(formats, " {number}");
            format_lines(body, number, encoding, OPUS_FMTP, AUDIO_FEEDBACK.iter().copied());
        } else {
            for (number, encoding, fmtp) in VIDEO {
                let _ = write!(formats, " {number} {}", number + 1);
                format_lines(body, number, encoding, fmtp, VIDEO_FEEDBACK.iter().copied());
                format_lines(body, number + 1, "rtx/90000", &format!("apt={number}"), std::iter::empty());
            }
        }
        let sent = |uri: &str| uri != EXTENSION_RID && uri != EXTENSION_REPAIRED_RID;
        for (id, uri) in extensions(media).iter().filter(|(_, uri)| sent(uri)) {
            let _ = write!(body, "a=extmap:{id} {uri}\r\n");
        }
    })
}

/// Our answer, from the library's: every m-line lists what is served of its offer, in the offer's order; one of which
/// nothing is served is rejected and leaves the bundle (RFC 9143 7.3.3).
#[must_use]
pub fn with_answered_codecs(answer: &str, offer: &Description<'_>) -> String {
    rewritten(answer, |out, media, mid| {
        let Some(section) = offer.sections.iter().find(|section| section.mid == mid) else { return };
        if !section.formats.iter().any(|format| codec(format).is_some()) {
            out.rejected = true;
            return;
        }
        let served = |number: u8| section.formats.iter().any(|f| f.number == number && codec(f).is_some());
        let ours = if media == "audio" { &AUDIO_FEEDBACK[..] } else { &VIDEO_FEEDBACK[..] };
        for format in &section.formats {
            let Format { number, encoding, fmtp } = *format;
            if codec(format).is_some() {
                let fmtp = if media == "audio" { OPUS_FMTP } else { fmtp };
                let feedback = ours.iter().copied().filter(|name| wants(section, number, name));
                format_lines(&mut out.body, number, encoding, fmtp, feedback);
            } else if repaired(format).is_some_and(served) {
                format_lines(&mut out.body, number, encoding, fmtp, std::iter::empty());
            } else {
                continue;
            }
            let _ = write!(out.formats, " {number}");
        }
        let known = |uri: &str| extensions(media).iter().any(|(_, known)| *known == uri);
        let usable = |(id, uri): &&(u8, &str)| (1..=EXTENSION_ID_MAX).contains(id) && known(uri);
        for (id, uri) in section.extensions.iter().filter(usable) {
            let _ = write!(out.body, "a=extmap:{id} {uri}\r\n");
        }
    })
}

/// The m-line's formats, each after a space, and its attributes.
#[derive(Default)]
struct Written {
    formats: String,
    body: String,
    rejected: bool,
}

fn extensions(media: &str) -> &'static [(u8, &'static str)] {
    if media == "audio" { &AUDIO_EXTENSIONS } else { &VIDEO_EXTENSIONS }
}

/// Whether an offer asks for a kind of feedback for a payload type, by number or for all.
fn wants(section: &Section<'_>, number: u8, name: &str) -> bool {
    section.feedback.iter().any(|(of, wanted)| of.is_none_or(|of| of == number) && *wanted == name)
}

fn format_lines<'a>(out: &mut String, number: u8, encoding: &str, fmtp: &str, feedback: impl Iterator<Item = &'a str>) {
    // writing to a String does not fail
    let _ = write!(out, "a=rtpmap:{number} {encoding}\r\n");
    for name in feedback {
        let _ = write!(out, "a=rtcp-fb:{number} {name}\r\n");
    }
    if !fmtp.is_empty() {
        let _ = write!(out, "a=fmtp:{number} {fmtp}\r\n");
    }
}

/// Replaces payload types and extensions of each m-section of sound or pictures that is not rejected and for which
/// something is written; rejects it if so told.
fn rewritten(text: &str, write: impl Fn(&mut Written, &str, &str)) -> String {
    let mut sections = String::with_capacity(2 * text.len());
    let mut rejected = Vec::new();
    let (session, mut rest) = text.split_at(next_section(text));
    while !rest.is_empty() {
        // past the section's own m=
        let (section, next) = rest.split_at(2 + next_section(rest.get(2..).unwrap_or_default()));
        rest = next;
        if !section_rewritten(&mut sections, section, &write) {
            rejected.push(mid_of(section));
        }
    }
    without_mids(session, &rejected) + &sections
}

/// Where the next m-line begins, or the end.
fn next_section(text: &str) -> usize {
    text.find("\nm=").map_or(text.len(), |at| at + 1)
}

fn mid_of(section: &str) -> &str {
    section.lines().find_map(|line| line.strip_prefix("a=mid:")).unwrap_or_default()
}

/// The session's part, with rejected m-lines out of the bundle.
fn without_mids(session: &str, rejected: &[&str]) -> String {
    let mut out = String::with_capacity(session.len());
    for line in session.lines() {
        match line.strip_prefix("a=group:BUNDLE") {
            Some(mids) if !rejected.is_empty() => {
                let left: Vec<&str> = mids.split_whitespace().filter(|mid| !rejected.contains(mid)).collect();
                if !left.is_empty() {
                    let _ = write!(out, "a=group:BUNDLE {}\r\n", left.join(" "));
                }
            }
            _ => {
                out.push_str(line);
                out.push_str("\r\n");
            }
        }
    }
    out
}

/// False if the section is rejected here.
fn section_rewritten(out: &mut String, section: &str, write: &impl Fn(&mut Written, &str, &str)) -> bool {
    let words: Vec<&str> = section.lines().next().unwrap_or_default().split(' ').collect();
    let [media, port, protocol, formats @ ..] = words.as_slice() else {
        out.push_str(section);
        return true;
    };
    let media = media.strip_prefix("m=").unwrap_or_default();
    let mut written = Written::default();
    if matches!(media, "audio" | "video") && *port != "0" {
        write(&mut written, media, mid_of(section));
    }
    let port = if written.rejected { "0" } else { port };
    if written.formats.is_empty() {
        let rest = section.split_once('\n').map_or("", |(_, rest)| rest);
        let _ = write!(out, "m={media} {port} {protocol} {}\r\n{rest}", formats.join(" "));
        return !written.rejected;
    }
    let _ = write!(out, "m={media} {port} {protocol}{}\r\n", written.formats);
    let replaced = ["a=rtpmap:", "a=fmtp:", "a=rtcp-fb:", "a=extmap:"];
    for line in section.lines().skip(1).filter(|line| !replaced.iter().any(|key| line.starts_with(key))) {
        out.push_str(line);
        out.push_str("\r\n");
    }
    out.push_str(&written.body);
    true
}
