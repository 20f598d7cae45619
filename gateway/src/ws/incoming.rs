//! A client's frame: read, and checked as far as that needs no state.
//!
//! **Invariant:** what [`read`] lets through has a known shape, and every size in it is within its bound.

use garde::Validate;
use rookery_schemas::error::{ErrorCode, Refusal};
use rookery_schemas::ids::RoomId;
use rookery_schemas::limits::{CLIENT_FRAME_BYTES_MAX, HISTORY_PAGE_MAX, SLOT_PAIRS_MAX};
use rookery_schemas::signal::{ClientFrame, ClientMessage, DirectPayload, DirectSend, History, PROTOCOL_VERSION};
use serde::Deserialize;
use serde_json::Value;

/// Lines of a session description: an offer of 40 m-lines has under 4,000.
const SDP_LINES_MAX: usize = 10_000;
/// Bytes of a candidate line: the longest real ones have under 300.
const CANDIDATE_BYTES_MAX: usize = 1_024;
/// Characters of an m-line's mid.
const MID_CHARS_MAX: usize = 16;

/// Why a frame is not taken, and what it said of itself, so that the refusal finds its asker.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Rejected {
    pub(super) re: Option<u32>,
    pub(super) room: Option<RoomId>,
    pub(super) refusal: Refusal,
}

/// Reads a frame.
pub(super) fn read(text: &str) -> Result<ClientFrame, Rejected> {
    if text.len() > CLIENT_FRAME_BYTES_MAX {
        let sentence = format!("A message may have {CLIENT_FRAME_BYTES_MAX} bytes.");
        return Err(rejected(text, Refusal::because(ErrorCode::TooLarge, sentence)));
    }
    let frame: ClientFrame =
        serde_json::from_str(text).map_err(|_| rejected(text, Refusal::new(ErrorCode::Malformed)))?;
    match check(&frame) {
        Ok(()) => Ok(frame),
        Err(refusal) => Err(Rejected { re: frame.id, room: frame.room, refusal }),
    }
}

/// What can still be made out of a frame that is none: each field by itself, if it has its type.
pub(super) fn rejected(text: &str, refusal: Refusal) -> Rejected {
    #[derive(Default, Deserialize)]
    struct Peek {
        #[serde(default)]
        id: Value,
        #[serde(default)]
        room: Value,
    }
    let peek: Peek = serde_json::from_str(text).unwrap_or_default();
    Rejected {
        re: peek.id.as_u64().and_then(|id| u32::try_from(id).ok()),
        room: peek.room.as_str().and_then(|room| room.parse().ok()),
        refusal,
    }
}

fn check(frame: &ClientFrame) -> Result<(), Refusal> {
    if !(1..=PROTOCOL_VERSION).contains(&frame.v) {
        return Err(invalid(format!("Version {} of the protocol is not served here.", frame.v)));
    }
    match &frame.message {
        ClientMessage::Offer { sdp } | ClientMessage::Answer { sdp, .. } => description(sdp),
        ClientMessage::Candidate(sent) => candidate(&sent.candidate, sent.mid.as_deref()),
        ClientMessage::Direct(DirectSend { payload, .. }) => match payload {
            DirectPayload::Description { sdp, .. } => description(sdp),
            DirectPayload::Candidate { candidate: line, mid } => candidate(line, mid.as_deref()),
        },
        ClientMessage::Publish(publish) if !mid_fits(&publish.mid) => {
            Err(invalid(format!("A mid has 1 to {MID_CHARS_MAX} characters.")))
        }
        ClientMessage::Slots { pairs } if *pairs > SLOT_PAIRS_MAX => {
            Err(Refusal::because(ErrorCode::TooMany, format!("There are at most {SLOT_PAIRS_MAX} pairs of slots.")))
        }
        ClientMessage::ChatSend(chat) => {
            chat.validate().map_err(|_| invalid("A message has 1 to 4,000 characters.".to_owned()))
        }
        ClientMessage::History(History { before, after, limit }) => {
            if before.is_some() && after.is_some() {
                return Err(invalid("A page lies before or after a message, not both.".to_owned()));
            }
            if limit.is_some_and(|limit| !(1..=HISTORY_PAGE_MAX).contains(&limit)) {
                return Err(invalid(format!("A page has 1 to {HISTORY_PAGE_MAX} messages.")));
            }
            Ok(())
        }
        _ => Ok(()),
    }
}

fn description(sdp: &str) -> Result<(), Refusal> {
    if sdp.trim().is_empty() || sdp.lines().count() > SDP_LINES_MAX {
        return Err(Refusal::because(
            ErrorCode::SdpRefused,
            format!("A session description has 1 to {SDP_LINES_MAX} lines."),
        ));
    }
    Ok(())
}

fn candidate(line: &str, mid: Option<&str>) -> Result<(), Refusal> {
    if mid.is_none_or(mid_fits) && line.len() <= CANDIDATE_BYTES_MAX {
        return Ok(());
    }
    Err(invalid(format!("A candidate has at most {CANDIDATE_BYTES_MAX} bytes, its mid 1 to {MID_CHARS_MAX}.")))
}

fn mid_fits(mid: &str) -> bool {
    (1..=MID_CHARS_MAX).contains(&mid.chars().count())
}

fn invalid(sentence: String) -> Refusal {
    Refusal::because(ErrorCode::Invalid, sentence)
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROOM: &str = "0190b0f0-0000-7000-8000-000000000001";

    #[test]
    fn a_refusal_finds_its_asker() {
        let room: RoomId = ROOM.parse().unwrap();
        for (text, re, named) in [
            ("", None, None),
            ("[]", None, None),
            ("{\"id\":7}", Some(7), None),
            ("{\"id\":\"7\",\"message\":{\"type\":\"nonsense\"}}", None, None),
            ("{\"id\":-1}", None, None),
            ("{\"id\":4294967296}", None, None),
            (&format!("{{\"id\":7,\"room\":\"{ROOM}\",\"message\":{{\"type\":\"nonsense\"}}}}"), Some(7), Some(room)),
            (&format!("{{\"id\":7,\"room\":\"{ROOM}\",\"message\":{{\"type\":\"kick\"}}}}"), Some(7), Some(room)),
            ("{\"id\":8,\"room\":\"../etc\",\"message\":{\"type\":\"leave\"}}", Some(8), None),
        ] {
            let rejected = read(text).unwrap_err();
            assert_eq!(rejected.refusal.code, ErrorCode::Malformed, "{text}");
            assert_eq!((rejected.re, rejected.room), (re, named), "{text}");
        }
    }

    #[test]
    fn sizes_are_within_their_bounds() {
        let long = |n: usize| "x".repeat(n);
        let lines = |n: usize| "a\\r\\n".repeat(n);
        let nonce = "0190b0f0-0000-7000-8000-000000000002";
        for (message, code) in [
            (format!("{{\"type\":\"offer\",\"sdp\":\"{}\"}}", lines(10_000)), None),
            (format!("{{\"type\":\"offer\",\"sdp\":\"{}\"}}", lines(10_001)), Some(ErrorCode::SdpRefused)),
            ("{\"type\":\"answer\",\"negotiation\":1,\"sdp\":\" \"}".into(), Some(ErrorCode::SdpRefused)),
            (format!("{{\"type\":\"offer\",\"sdp\":\"{}\"}}", long(70_000)), Some(ErrorCode::TooLarge)),
            (
                "{\"type\":\"publish\",\"mid\":\"\",\"kind\":\"audio\",\"source\":\"screen\"}".into(),
                Some(ErrorCode::Invalid),
            ),
            (
                format!("{{\"type\":\"publish\",\"mid\":\"{}\",\"kind\":\"audio\",\"source\":\"screen\"}}", long(17)),
                Some(ErrorCode::Invalid),
            ),
            ("{\"type\":\"publish\",\"mid\":\"0\",\"kind\":\"audio\",\"source\":\"screen\"}".into(), None),
            (
                format!("{{\"type\":\"candidate\",\"connection\":\"publish\",\"candidate\":\"{}\"}}", long(1_025)),
                Some(ErrorCode::Invalid),
            ),
            ("{\"type\":\"candidate\",\"connection\":\"publish\",\"candidate\":\"\"}".into(), None),
            ("{\"type\":\"slots\",\"pairs\":24}".into(), None),
            ("{\"type\":\"slots\",\"pairs\":25}".into(), Some(ErrorCode::TooMany)),
            (format!("{{\"type\":\"chat_send\",\"nonce\":\"{nonce}\",\"text\":\"\"}}"), Some(ErrorCode::Invalid)),
            (format!("{{\"type\":\"chat_send\",\"nonce\":\"{nonce}\",\"text\":\"{}\"}}", "é".repeat(4_000)), None),
            (
                format!("{{\"type\":\"chat_send\",\"nonce\":\"{nonce}\",\"text\":\"{}\"}}", long(4_001)),
                Some(ErrorCode::Invalid),
            ),
            ("{\"type\":\"history\",\"limit\":0}".into(), Some(ErrorCode::Invalid)),
            ("{\"type\":\"history\",\"limit\":51}".into(), Some(ErrorCode::Invalid)),
            ("{\"type\":\"history\",\"before\":9,\"after\":1}".into(), Some(ErrorCode::Invalid)),
            ("{\"type\":\"history\",\"before\":9,\"limit\":50,\"new_field\":[]}".into(), None),
        ] {
            let text = format!("{{\"id\":1,\"room\":\"{ROOM}\",\"message\":{message}}}");
            let got = read(&text).err().map(|rejected| (rejected.re, rejected.refusal.code));
            assert_eq!(got, code.map(|code| (Some(1), code)), "{}", &message[..message.len().min(80)]);
        }
    }

    #[test]
    fn other_versions_are_refused() {
        for (v, fits) in [(1, true), (0, false), (2, false)] {
            let text = format!("{{\"v\":{v},\"message\":{{\"type\":\"ping\"}}}}");
            assert_eq!(read(&text).is_ok(), fits, "version {v}");
        }
    }
}
