//! What gateways, owners and peers' nodes say to each other over the bus.
//!
//! Requests and replies are JSON. Room events are a fixed prefix and then the finished WebSocket frame body, so that a
//! gateway forwards the bytes it received ([`EventFrame`]).
//!
//! | subject | who serves or sends | what |
//! |---|---|---|
//! | `node.{node}.rooms` | the node named | [`RoomRequest`], answered by [`RoomAnswer`] |
//! | `node.{node}.peers` | the node that has the peer's media | [`PeerRequest`], answered by [`RoomAnswer`] |
//! | `node.{node}.presence` | the node named | [`PresenceRequest`], answered by [`PresenceAnswer`] |
//! | `node.{node}.seats` | the node named | [`SeatRenewal`], answered by [`RoomReply::Done`] once it is passed on |
//! | `gateways.sign-out` | a gateway, to all | [`SignOut`] |
//! | `room.{room}.events` | the owner | [`EventFrame`] |
//! | `peer.{room}.{peer}.{attachment}` | the owner, the peer's node | [`EventFrame`], numbers 0 for personal messages |
//!
//! **Invariant:** every message names its epoch where it has one, and receivers refuse lower ones.

use std::time::Duration;

use bytes::{BufMut, Bytes, BytesMut};
use serde::{Deserialize, Serialize};

use crate::error::Refusal;
use crate::ids::{
    Attachment, Epoch, EventNumber, FamilyId, Incarnation, LinkNumber, NodeId, PeerId, RequestId, RoomId, Seq,
    UnixMillis, UserId,
};
use crate::signal::{
    ChatSend, ClientMessage, DirectSend, MediaPath, PeerInfo, Role, RoomInfo, ServerMessage, SrtpProfile, TrackInfo,
};

/// Subject of room requests at a node.
#[must_use]
pub fn rooms_subject(node: &NodeId) -> String {
    format!("node.{node}.rooms")
}

/// Subject of peer requests at a node.
#[must_use]
pub fn peers_subject(node: &NodeId) -> String {
    format!("node.{node}.peers")
}

/// Subject of presence requests at a node.
#[must_use]
pub fn presence_subject(node: &NodeId) -> String {
    format!("node.{node}.presence")
}

/// Subject of seat renewals at a node.
#[must_use]
pub fn seats_subject(node: &NodeId) -> String {
    format!("node.{node}.seats")
}

/// Subject on which every gateway hears that devices were signed out.
pub const SIGN_OUT_SUBJECT: &str = "gateways.sign-out";

/// How often a gateway renews its seats: often enough that a lost gateway shows while people still wait, seldom enough to cost
/// nothing (10,000 seats are 0.3 MB/s in a cluster).
pub const SEAT_RENEWED_EVERY: Duration = Duration::from_secs(4);

/// A seat that was not renewed for so long has lost its WebSocket: two renewals were missed.
pub const SEAT_LAPSES_AFTER: Duration = Duration::from_secs(10);

/// Seats of one [`SeatRenewal`]: about 130 bytes each, far below what a bus carries at once.
pub const SEATS_PER_RENEWAL_MAX: usize = 1_000;

/// Subject of a room's events.
#[must_use]
pub fn events_subject(room: RoomId) -> String {
    format!("room.{room}.events")
}

/// Subject of one attachment's personal messages.
#[must_use]
pub fn personal_subject(room: RoomId, peer: PeerId, attachment: Attachment) -> String {
    format!("peer.{room}.{peer}.{attachment}")
}

/// Asked of a room's owner.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct RoomRequest {
    /// Which room.
    pub room: RoomId,
    /// For logs along the way.
    pub request: RequestId,
    /// What is asked.
    pub command: RoomCommand,
}

/// What a room's owner can be asked.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum RoomCommand {
    /// Wake the room if it sleeps and tell its epoch. Answered by [`RoomReply::Active`].
    Activate,
    /// A client with a verified ticket enters. Answered by [`RoomReply::Attached`].
    Join {
        /// What the ticket says.
        ticket: JoinTicket,
        /// For its connections.
        srtp: SrtpProfile,
        /// It can be connected to another directly.
        #[serde(default)]
        direct: bool,
    },
    /// A client with a verified resume token comes back. Answered by [`RoomReply::Attached`].
    Resume {
        /// What the token says.
        token: ResumeToken,
        /// For its connections.
        srtp: SrtpProfile,
        /// Keep the media connections if they are up.
        keep_media: bool,
        /// The seat is to be taken only from the token's own attachment, else this is `superseded`: a gateway takes it again
        /// where it could not know the number of its first attachment, and must not take it from whoever came later.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        retake: bool,
        /// It can be connected to another directly.
        #[serde(default)]
        direct: bool,
        /// The direct link that it still has.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        link: Option<LinkNumber>,
    },
    /// The attachment's WebSocket is gone; its seat is kept 15 s.
    Detach {
        /// Who.
        peer: PeerId,
        /// Which attachment.
        attachment: Attachment,
    },
    /// The client leaves for good.
    Leave {
        /// Who.
        peer: PeerId,
        /// Which attachment.
        attachment: Attachment,
    },
    /// A chat message. Answered by [`RoomReply::Message`] with `chat_ack`.
    Chat {
        /// Who.
        peer: PeerId,
        /// Which attachment.
        attachment: Attachment,
        /// The message.
        message: ChatSend,
    },
    /// One end of the direct link has something for the other.
    Direct {
        /// Who says it.
        peer: PeerId,
        /// Which attachment.
        attachment: Attachment,
        /// What, and to whom.
        message: DirectSend,
    },
    /// The direct link is no use.
    DirectFailed {
        /// Who found out.
        peer: PeerId,
        /// Which attachment.
        attachment: Attachment,
        /// Which link.
        link: LinkNumber,
    },
    /// A host puts someone out.
    Kick {
        /// The host.
        by: PeerId,
        /// Which attachment of the host.
        attachment: Attachment,
        /// Whom.
        peer: PeerId,
    },
    /// A host ends the room.
    Close {
        /// The host.
        by: PeerId,
        /// Which attachment of the host.
        attachment: Attachment,
    },
    /// The stored room was changed over HTTP (settings, deletion); the owner reads the row and acts. The row is not told, since of
    /// two changes at once the later message may have the older row.
    Changed,
    /// Events after this one, of the same epoch, for a gateway that missed some. Answered by [`RoomReply::Events`], or by
    /// [`RoomReply::Snapshot`] where they are no longer kept.
    Refill {
        /// The epoch the gateway knows.
        epoch: Epoch,
        /// The last event it has.
        after: EventNumber,
    },
}

/// What a join ticket says, after the gateway has verified it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct JoinTicket {
    /// The ticket's own id: used once.
    pub id: RequestId,
    /// Who enters: made with the ticket.
    pub peer: PeerId,
    /// The account; absent for guests.
    pub user: Option<UserId>,
    /// What others will see.
    pub display_name: String,
    /// What it may do.
    pub role: Role,
    /// The room's epoch when the ticket was made.
    pub epoch: Epoch,
    /// When it runs out.
    pub expires_at: UnixMillis,
}

/// What a resume token says, after the gateway has verified it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ResumeToken {
    /// Who comes back.
    pub peer: PeerId,
    /// The account; absent for guests.
    pub user: Option<UserId>,
    /// The signed-in device that it was given to, if it is known: the token is worthless once that is signed out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub family: Option<FamilyId>,
    /// What others saw.
    pub display_name: String,
    /// What it might do; the owner checks it again.
    pub role: Role,
    /// The attachment it was given for; the new one is higher.
    pub attachment: Attachment,
    /// When it first entered.
    pub joined_at: UnixMillis,
    /// When the token runs out, 10 minutes after it was made.
    pub expires_at: UnixMillis,
}

/// The answer to a [`RoomRequest`] or [`PeerRequest`].
pub type RoomAnswer = Result<RoomReply, Refusal>;

/// What a room or peer answers. Its tag is not `type`, which the client's message in [`RoomReply::Message`] has already.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(tag = "reply", rename_all = "snake_case")]
pub enum RoomReply {
    /// Done.
    Done,
    /// The room is awake.
    Active {
        /// Its owner's term.
        epoch: Epoch,
        /// People inside.
        peers: u32,
        /// People it holds.
        peers_max: u32,
    },
    /// The peer is in.
    Attached(Box<Attached>),
    /// To be sent to the client as it is, under its `re`.
    Message(ServerMessage),
    /// Missed frames, in order.
    Events {
        /// Finished frame bodies.
        frames: Vec<String>,
    },
    /// The room as it is.
    Snapshot(Box<Snapshot>),
    /// Ask this node instead.
    Redirect {
        /// The owner as far as is known.
        node: NodeId,
    },
}

/// A peer's seat, from which the gateway makes `joined` and the resume token.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Attached {
    /// Who.
    pub peer: PeerId,
    /// Its new attachment.
    pub attachment: Attachment,
    /// What it may do.
    pub role: Role,
    /// When it first entered.
    pub joined_at: UnixMillis,
    /// The node with its media, where [`PeerRequest`]s go.
    pub media_node: NodeId,
    /// That node's incarnation.
    pub media_incarnation: Incarnation,
    /// True if its media connections go on.
    pub media_kept: bool,
    /// The room.
    pub snapshot: Snapshot,
}

/// A room at one event.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Snapshot {
    /// The room.
    pub room: RoomInfo,
    /// The owner's term.
    pub epoch: Epoch,
    /// The last event contained.
    pub n: EventNumber,
    /// Everyone.
    pub roster: Vec<PeerInfo>,
    /// Every publication.
    pub tracks: Vec<TrackInfo>,
    /// Which way media goes.
    #[serde(default)]
    pub path: MediaPath,
    /// The last stored chat message.
    pub last_seq: Seq,
}

/// One attachment's seat.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct SeatRef {
    /// Where.
    pub room: RoomId,
    /// Whose.
    pub peer: PeerId,
    /// Which of its attachments.
    pub attachment: Attachment,
}

/// A gateway says that it holds the WebSockets of these seats. Every few seconds, all seats of one owner together; an owner
/// that does not hear it for a while takes a seat's WebSocket for gone.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SeatRenewal {
    /// At most [`SEATS_PER_RENEWAL_MAX`], in no order.
    pub seats: Vec<SeatRef>,
    /// The WebSockets are there, but nothing comes from the clients any more: they count as gone until the seats are renewed
    /// again. Said at once when it is noticed.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub quiet: bool,
    /// Rises with each that a gateway makes: of two that overtook each other, the older says nothing any more.
    #[serde(default)]
    pub n: u64,
}

/// Devices were signed out: every gateway ends their WebSockets.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum SignOut {
    /// One device: signed out, or its refresh token was stolen.
    Device {
        /// Whose.
        user: UserId,
        /// Which.
        family: FamilyId,
    },
    /// Every device of an account but one: its password was changed there.
    Others {
        /// Whose.
        user: UserId,
        /// Where.
        keep: FamilyId,
    },
}

/// Asked of the node that has a peer's media.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct PeerRequest {
    /// Which room.
    pub room: RoomId,
    /// Whose.
    pub peer: PeerId,
    /// Lower ones are refused with `superseded`.
    pub attachment: Attachment,
    /// For logs along the way.
    pub request: RequestId,
    /// One of the media messages: offer, answer, candidate, publish, unpublish, subscribe, unsubscribe, slots, restart_ice, mute.
    pub message: ClientMessage,
}

/// Who is inside these rooms.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct PresenceRequest {
    /// At most a list page.
    pub rooms: Vec<RoomId>,
}

/// Who is inside, for the rooms that are awake here.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct PresenceAnswer {
    /// In no order; rooms that sleep are absent.
    pub rooms: Vec<RoomPresence>,
}

/// Who is inside one room.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct RoomPresence {
    /// Which.
    pub room: RoomId,
    /// How many.
    pub peers: u32,
    /// The first few, longest inside first, at most eight.
    pub names: Vec<String>,
}

/// A room event or personal message: two numbers, then the finished frame body.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EventFrame {
    /// The owner's term; 0 in personal messages that have none.
    pub epoch: Epoch,
    /// The event's number; 0 for events without one and for personal messages.
    pub n: EventNumber,
    /// A complete WebSocket text frame body.
    pub body: Bytes,
}

/// Why bytes are no [`EventFrame`].
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("an event frame has at least 16 bytes, not {0}")]
pub struct EventFrameError(usize);

impl EventFrame {
    /// Bytes before the body: epoch and number, big-endian.
    pub const PREFIX: usize = 16;

    /// The frame as it goes over the bus.
    #[must_use]
    pub fn encode(&self) -> Bytes {
        let mut out = BytesMut::with_capacity(Self::PREFIX + self.body.len());
        out.put_u64(self.epoch.0);
        out.put_u64(self.n.0);
        out.extend_from_slice(&self.body);
        out.freeze()
    }

    /// Reads a frame; the body shares the memory of `bytes`.
    ///
    /// # Errors
    /// [`EventFrameError`] if there are fewer bytes than the prefix has.
    pub fn decode(mut bytes: Bytes) -> Result<Self, EventFrameError> {
        if bytes.len() < Self::PREFIX {
            return Err(EventFrameError(bytes.len()));
        }
        let body = bytes.split_off(Self::PREFIX);
        let number =
            |at: usize| bytes.get(at..at + 8).and_then(|b| <[u8; 8]>::try_from(b).ok()).map_or(0, u64::from_be_bytes);
        Ok(Self { epoch: Epoch(number(0)), n: EventNumber(number(8)), body })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clients_message_comes_through_an_answer_as_it_is() -> Result<(), serde_json::Error> {
        for message in [ServerMessage::Ok, ServerMessage::Answer { sdp: "v=0".into() }, ServerMessage::Kicked] {
            let answer: RoomAnswer = Ok(RoomReply::Message(message.clone()));
            let back: RoomAnswer = serde_json::from_str(&serde_json::to_string(&answer)?)?;
            assert!(matches!(back, Ok(RoomReply::Message(back)) if back == message));
        }
        Ok(())
    }

    #[test]
    fn event_frames_come_back_as_they_went() -> Result<(), EventFrameError> {
        let frame = EventFrame { epoch: Epoch(7), n: EventNumber(9), body: Bytes::from_static(b"{}") };
        assert_eq!(EventFrame::decode(frame.encode())?, frame);
        assert_eq!(EventFrame::decode(Bytes::from_static(b"short")), Err(EventFrameError(5)));
        Ok(())
    }
}
