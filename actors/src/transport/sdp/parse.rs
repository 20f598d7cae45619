//! The parser: one pass over the lines, borrowing from the text.
//!
//! **Invariant:** an attribute that this project does not use is skipped, whatever it contains; one that it uses is
//! read whole or the description is refused.

use super::{
    Description, Direction, FEEDBACK_MAX, Format, SDP_BYTES_MAX, SDP_LINE_BYTES_MAX, SDP_LINES_MAX, SECTION_ITEMS_MAX,
    Section, Security, Setup, refused,
};
use crate::transport::TransportError;

/// m-sections at the most: an answer to all slots and a data channel.
pub(super) const SECTIONS_MAX: usize = 2 * rookery_schemas::limits::SLOT_PAIRS_MAX as usize + 1;

pub(super) fn description(text: &str) -> Result<Description<'_>, TransportError> {
    if text.len() > SDP_BYTES_MAX {
        return Err(refused(format!("it has {} bytes, more than {SDP_BYTES_MAX}", text.len())));
    }
    let mut out = Description::default();
    for (at, line) in text.lines().enumerate() {
        if at >= SDP_LINES_MAX {
            return Err(refused(format!("it has more than {SDP_LINES_MAX} lines")));
        }
        if line.is_empty() && at > 0 {
            continue;
        }
        let (kind, value) = split_line(line).ok_or_else(|| refused(format!("line {} is not of SDP", at + 1)))?;
        if (at == 0) != (kind == 'v') {
            return Err(refused("it does not begin with v=0"));
        }
        if kind == 'm' && out.sections.len() >= SECTIONS_MAX {
            return Err(refused(format!("it has more than {SECTIONS_MAX} m-lines")));
        }
        match (kind, out.sections.last_mut()) {
            ('m', _) => out.sections.push(media_line(value)?),
            ('a', None) => session_attribute(&mut out, value)?,
            ('a', Some(section)) => {
                section_attribute(section, value)?;
                if over_limit(section) {
                    return Err(refused(format!("an m-section has more than {SECTION_ITEMS_MAX} of something")));
                }
            }
            _ => {}
        }
    }
    if out.sections.is_empty() {
        return Err(refused("it has no m-line"));
    }
    Ok(out)
}

/// `x=...` without control characters and within the limit.
fn split_line(line: &str) -> Option<(char, &str)> {
    if line.len() > SDP_LINE_BYTES_MAX || line.chars().any(char::is_control) {
        return None;
    }
    let (kind, value) = line.split_once('=')?;
    let mut letters = kind.chars();
    match (letters.next(), letters.next()) {
        (Some(letter @ 'a'..='z'), None) => Some((letter, value)),
        _ => None,
    }
}

fn over_limit(section: &Section<'_>) -> bool {
    let Section { formats, feedback, extensions, ssrcs, fid, rids, .. } = section;
    let lengths = [formats.len(), extensions.len(), ssrcs.len(), fid.len(), rids.len()];
    feedback.len() > FEEDBACK_MAX || lengths.into_iter().any(|n| n > SECTION_ITEMS_MAX)
}

/// `m=<media> <port>[/<n>] <protocol> <format> ...`
fn media_line(value: &str) -> Result<Section<'_>, TransportError> {
    let bad = || refused("an m-line is malformed");
    let mut words = value.split(' ').filter(|word| !word.is_empty());
    let (media, port, protocol) =
        (words.next().ok_or_else(bad)?, words.next().ok_or_else(bad)?, words.next().ok_or_else(bad)?);
    let port: u16 = port.split('/').next().unwrap_or_default().parse().map_err(|_| bad())?;
    let mut section = Section { media, protocol, rejected: port == 0, ..Section::default() };
    // RFC 8841 5.1; the older form with a port for a format is no more
    if section.is_data() && words.next() != Some("webrtc-datachannel") {
        return Err(bad());
    }
    if section.is_rtp() {
        for word in words {
            let number = payload_type(word).ok_or_else(bad)?;
            if section.formats.iter().any(|format| format.number == number) {
                return Err(refused(format!("payload type {number} stands twice in an m-line")));
            }
            section.formats.push(Format { number, encoding: "", fmtp: "" });
        }
    }
    Ok(section)
}

fn payload_type(word: &str) -> Option<u8> {
    word.parse().ok().filter(|number| *number < 128)
}

fn session_attribute<'a>(out: &mut Description<'a>, attribute: &'a str) -> Result<(), TransportError> {
    let (key, value) = attribute.split_once(':').unwrap_or((attribute, ""));
    match key {
        "ice-lite" => out.ice_lite = true,
        "group" if out.bundle.is_empty() => {
            if let Some(mids) = value.strip_prefix("BUNDLE") {
                out.bundle = mids.split(' ').filter(|mid| !mid.is_empty()).take(SECTIONS_MAX).collect();
            }
        }
        _ => return security_attribute(&mut out.security, key, value),
    }
    Ok(())
}

fn security_attribute<'a>(security: &mut Security<'a>, key: &str, value: &'a str) -> Result<(), TransportError> {
    match key {
        "ice-ufrag" => once(&mut security.ufrag, value, key),
        "ice-pwd" => once(&mut security.pwd, value, key),
        "fingerprint" => match value.split_once(' ') {
            Some((hash, value)) if hash.eq_ignore_ascii_case("sha-256") => once(&mut security.sha256, value, key),
            _ => Ok(()),
        },
        "setup" => {
            let setup = match value {
                "actpass" => Setup::ActPass,
                "active" => Setup::Active,
                "passive" => Setup::Passive,
                _ => Setup::Other,
            };
            once(&mut security.setup, setup, key)
        }
        _ => Ok(()),
    }
}

/// Sets what may be said once, or again with the same words: two readers must not read two things.
fn once<T: PartialEq>(slot: &mut Option<T>, value: T, key: &str) -> Result<(), TransportError> {
    match slot {
        Some(said) if *said != value => Err(refused(format!("a={key} is said twice"))),
        _ => {
            *slot = Some(value);
            Ok(())
        }
    }
}

fn section_attribute<'a>(section: &mut Section<'a>, attribute: &'a str) -> Result<(), TransportError> {
    let (key, value) = attribute.split_once(':').unwrap_or((attribute, ""));
    let (first, rest) = value.split_once(' ').unwrap_or((value, ""));
    let bad = || refused(format!("a={key} of an m-section is malformed"));
    match key {
        "mid" if value.is_empty() || !section.mid.is_empty() => return Err(bad()),
        "mid" => section.mid = value,
        "rtcp-mux" => section.rtcp_mux = true,
        // RFC 9143 6: port 0 is then no rejection, but says that there is no transport without the bundle
        "bundle-only" => section.rejected = false,
        "sendrecv" => once(&mut section.said_direction, Direction::SendRecv, key)?,
        "sendonly" => once(&mut section.said_direction, Direction::SendOnly, key)?,
        "recvonly" => once(&mut section.said_direction, Direction::RecvOnly, key)?,
        "inactive" => once(&mut section.said_direction, Direction::Inactive, key)?,
        "rtpmap" if section.is_rtp() => {
            let number = payload_type(first).ok_or_else(bad)?;
            if let Some(format) = section.formats.iter_mut().find(|format| format.number == number) {
                format.encoding = rest;
            }
        }
        "fmtp" if section.is_rtp() => {
            let number = payload_type(first).ok_or_else(bad)?;
            if let Some(format) = section.formats.iter_mut().find(|format| format.number == number) {
                format.fmtp = rest;
            }
        }
        "rtcp-fb" if section.is_rtp() => {
            let number = if first == "*" { None } else { Some(payload_type(first).ok_or_else(bad)?) };
            section.feedback.push((number, rest));
        }
        "extmap" => {
            let id = first.split('/').next().unwrap_or_default().parse().map_err(|_| bad())?;
            section.extensions.push((id, rest.split(' ').next().unwrap_or_default()));
        }
        "ssrc" => {
            let ssrc = first.parse().map_err(|_| bad())?;
            if !section.ssrcs.contains(&ssrc) {
                section.ssrcs.push(ssrc);
            }
        }
        "ssrc-group" if first == "FID" => {
            let mut ssrcs = rest.split(' ').map(str::parse);
            match (ssrcs.next(), ssrcs.next(), ssrcs.next()) {
                (Some(Ok(media)), Some(Ok(rtx)), None) => section.fid.push((media, rtx)),
                _ => return Err(bad()),
            }
        }
        "rid" | "simulcast" => layers(section, key, value),
        _ => security_attribute(&mut section.security, key, value)?,
    }
    Ok(())
}

/// `a=rid:<id> send ...` in the order of mention, put into the order of `a=simulcast:send <id>[,<id>];...` (RFC 8853).
fn layers<'a>(section: &mut Section<'a>, key: &str, value: &'a str) {
    if key == "rid" {
        let mut words = value.split(' ');
        if let (Some(rid), Some("send")) = (words.next(), words.next())
            && !section.rids.contains(&rid)
        {
            section.rids.push(rid);
        }
        return;
    }
    let mut words = value.split(' ');
    while let Some(word) = words.next() {
        let list = words.next().unwrap_or_default();
        if word == "send" {
            let first = |layer: &'a str| layer.split(',').next().unwrap_or_default().trim_start_matches('~');
            section.rids = list.split(';').map(first).filter(|rid| !rid.is_empty()).collect();
        }
    }
}
