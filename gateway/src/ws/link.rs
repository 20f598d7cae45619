//! One joined room of one socket.
//!
//! **Invariant:** a link exists from `joined` until the room is left, lost or ended, and answers for exactly one attachment.

use bytes::Bytes;
use rookery_schemas::bus::{Attached, EventFrame, Snapshot};
use rookery_schemas::error::ErrorCode;
use rookery_schemas::ids::{Attachment, Epoch, EventNumber, NodeId, RoomId, UnixMillis};
use rookery_schemas::signal::{IceServer, Joined};
use serde::Deserialize;

use super::admission::HeldSeat;
use super::cursor::Cursor;
use super::seat::Sitter;

/// Bytes of a `room_closed` event: it has under 200, and fields may be added.
const ROOM_CLOSED_BYTES_MAX: usize = 1_024;

/// A joined room.
pub(super) struct Link {
    pub(super) sitter: Sitter,
    /// What the owner gave, but its snapshot's lists, which would only grow old here.
    pub(super) attached: Attached,
    pub(super) cursor: Cursor,
    /// A `resume` for this room is under way on this same socket.
    pub(super) resuming: bool,
    /// `superseded` was heard meanwhile: by our own resume, if that succeeds.
    pub(super) superseded: Option<Bytes>,
    /// The client was told to attach again; once for each attachment is enough.
    pub(super) reattach_said: bool,
    /// Keeps the seat renewed.
    pub(super) held: HeldSeat,
}

/// What a personal message means for the link.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Meaning {
    /// Nothing: it goes to the client.
    Plain,
    /// A newer attachment has taken over.
    Superseded,
    /// Nothing follows: the client was put out, or the room ended.
    Ended,
}

impl Link {
    pub(super) fn new(sitter: Sitter, mut attached: Attached, held: HeldSeat) -> (Self, Snapshot) {
        let snapshot = attached.snapshot.clone();
        attached.snapshot.roster = Vec::new();
        attached.snapshot.tracks = Vec::new();
        let cursor = Cursor::at(snapshot.epoch, snapshot.n);
        let link = Self { sitter, attached, cursor, resuming: false, superseded: None, reattach_said: false, held };
        (link, snapshot)
    }

    pub(super) fn attachment(&self) -> Attachment {
        self.attached.attachment
    }

    pub(super) fn media_node(&self) -> &NodeId {
        &self.attached.media_node
    }

    /// What the client is told of a snapshot.
    pub(super) fn joined(
        &self,
        snapshot: Snapshot,
        ice_servers: Vec<IceServer>,
        gateways: Vec<String>,
        resume_token: String,
    ) -> Joined {
        Joined {
            peer: self.sitter.peer,
            attachment: self.attached.attachment,
            role: self.attached.role,
            room: snapshot.room,
            epoch: snapshot.epoch,
            n: snapshot.n,
            roster: snapshot.roster,
            tracks: snapshot.tracks,
            path: snapshot.path,
            last_seq: snapshot.last_seq,
            ice_servers,
            gateways,
            resume_token,
            media_kept: self.attached.media_kept,
        }
    }

    pub(super) fn resume_token(&self, now: UnixMillis) -> (RoomId, rookery_schemas::bus::ResumeToken) {
        (self.sitter.room, self.sitter.token(&self.attached, now))
    }
}

#[derive(Deserialize)]
struct Envelope<'a> {
    #[serde(default)]
    epoch: Epoch,
    #[serde(default)]
    n: EventNumber,
    #[serde(borrow)]
    message: Tag<'a>,
}

#[derive(Deserialize)]
struct Tag<'a> {
    #[serde(rename = "type", borrow)]
    kind: &'a str,
    #[serde(default)]
    code: Option<ErrorCode>,
}

/// Reads what a personal message means. They are few: each is parsed.
pub(super) fn meaning(body: &[u8]) -> Meaning {
    match serde_json::from_slice::<Envelope<'_>>(body).map(|envelope| envelope.message) {
        Ok(Tag { kind: "kicked" | "room_closed", .. }) => Meaning::Ended,
        Ok(Tag { kind: "error", code: Some(ErrorCode::Superseded) }) => Meaning::Superseded,
        _ => Meaning::Plain,
    }
}

/// Whether an event ends the room. Events are many and forwarded unread: only a short one that has these bytes is parsed.
/// They cannot stand inside a text, where quotes are escaped.
pub(super) fn ends_room(body: &[u8]) -> bool {
    const MARK: &[u8] = b"\"room_closed\"";
    body.len() <= ROOM_CLOSED_BYTES_MAX
        && body.windows(MARK.len()).any(|window| window == MARK)
        && meaning(body) == Meaning::Ended
}

/// A refilled frame, with the numbers that its body has.
pub(super) fn numbered(body: String) -> Option<EventFrame> {
    let Envelope { epoch, n, .. } = serde_json::from_str(&body).ok()?;
    Some(EventFrame { epoch, n, body: Bytes::from(body) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_message_itself_ends_a_link_never_a_text_in_it() {
        for (body, expected) in [
            (r#"{"message":{"type":"kicked"}}"#, Meaning::Ended),
            (r#"{"epoch":1,"n":2,"message":{"type":"room_closed","reason":"host"}}"#, Meaning::Ended),
            (r#"{"message":{"type":"error","code":"superseded","message":"x"}}"#, Meaning::Superseded),
            (r#"{"message":{"type":"error","code":"room_full","message":"x"}}"#, Meaning::Plain),
            (r#"{"message":{"type":"error","code":"from_the_future","message":"x"}}"#, Meaning::Plain),
            (r#"{"message":{"type":"chat","message":{"text":"{\"type\":\"kicked\"}"}}}"#, Meaning::Plain),
            ("not json", Meaning::Plain),
        ] {
            assert_eq!(meaning(body.as_bytes()), expected, "{body}");
        }
        assert!(ends_room(br#"{"epoch":1,"n":2,"message":{"type":"room_closed","reason":"host"}}"#));
        assert!(!ends_room(br#"{"message":{"type":"chat","message":{"text":"\"room_closed\""}}}"#));
        assert!(!ends_room(br#"{"message":{"type":"chat","message":{"text":"room_closed"}}}"#));
    }

    #[test]
    fn refilled_frames_get_the_numbers_of_their_bodies() {
        let body = r#"{"epoch":4,"n":9,"message":{"type":"peer_left"}}"#;
        let frame = numbered(body.to_owned()).unwrap();
        assert_eq!((frame.epoch, frame.n, frame.body), (Epoch(4), EventNumber(9), Bytes::from(body)));
        assert_eq!(numbered("{}".to_owned()), None);
    }
}
