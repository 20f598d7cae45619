//! Client to server.

use garde::Validate;
use serde::{Deserialize, Serialize};
use ts_rs::TS;
use utoipa::ToSchema;

use crate::ids::{LinkNumber, Negotiation, Nonce, PeerId, RoomId, Seq, SlotIndex, TrackId};
use crate::limits::CHAT_TEXT_CHARS_MAX;
use crate::signal::{DirectSend, PROTOCOL_VERSION};
use crate::visible::says_something;

/// One frame from a client.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, TS)]
#[serde(rename_all = "camelCase")]
pub struct ClientFrame {
    /// [`PROTOCOL_VERSION`] of the sender; absent means 1.
    #[serde(default = "version")]
    pub v: u16,
    /// Chosen by the client and returned as `re`; absent for messages that want no answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[ts(optional, type = "number")]
    pub id: Option<u32>,
    /// The room that is meant. Absent only in `ping`, `resume` and `join`, whose token or ticket names it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[ts(optional)]
    pub room: Option<RoomId>,
    /// What is said.
    pub message: ClientMessage,
}

const fn version() -> u16 {
    PROTOCOL_VERSION
}

/// What a client can say.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, TS)]
#[serde(tag = "type", rename_all = "snake_case", rename_all_fields = "camelCase")]
pub enum ClientMessage {
    /// Enters a room. Answered by `joined`.
    Join(JoinRoom),
    /// Takes a call up again after a lost socket or a `reattach`. Answered by `joined`.
    Resume(ResumeRoom),
    /// Leaves the room for good.
    Leave,
    /// The client's offer on the publish connection. Answered by `answer`.
    Offer {
        /// RFC 8866, at most 10,000 lines; candidates may be left out, the server is ICE-lite.
        sdp: String,
    },
    /// The client's answer to a `subscribe_offer`. Answered by `ok`.
    Answer {
        /// Which offer this answers.
        negotiation: Negotiation,
        /// RFC 8866.
        sdp: String,
    },
    /// A candidate found late. Optional: the server learns the client's address from its checks.
    Candidate(IceCandidate),
    /// Announces a track, before or with the offer that carries its m-line. Answered by `published`.
    Publish(Publish),
    /// Ends a publication.
    Unpublish {
        /// One of the caller's own.
        track: TrackId,
    },
    /// Binds a track to a slot of the subscribe connection, or changes the wanted size. No SDP is needed.
    Subscribe(Subscribe),
    /// Empties a slot.
    Unsubscribe(Unsubscribe),
    /// Asks for (more) slots on the subscribe connection; answered by `ok`, followed by a `subscribe_offer` where needed.
    Slots {
        /// Pairs wanted in all, at most [`crate::limits::SLOT_PAIRS_MAX`].
        pairs: u16,
    },
    /// Asks for an ICE restart of the subscribe connection; a `subscribe_offer` follows.
    RestartIce,
    /// Mutes or unmutes an own track. The room is told; a muted track is not forwarded.
    Mute {
        /// One of the caller's own.
        track: TrackId,
        /// True: nothing is forwarded.
        muted: bool,
    },
    /// To the other end of the direct link, and to nobody else.
    Direct(DirectSend),
    /// The direct link did not come up within 2 s, or failed later: the room goes through the server from now on.
    DirectFailed {
        /// Which link.
        link: LinkNumber,
    },
    /// Asks for STUN and TURN servers with credentials that have just been made. Answered by `ice_servers`.
    IceServers,
    /// A chat message. Answered by `chat_ack` once it is durable.
    ChatSend(ChatSend),
    /// How far the caller has read. Kept for members.
    ChatRead {
        /// The last message seen.
        seq: Seq,
    },
    /// A page of history. Answered by `history`.
    History(History),
    /// Puts a peer out of the room. Hosts only.
    Kick {
        /// Whom.
        peer: PeerId,
    },
    /// Ends the room for all. Hosts only.
    CloseRoom,
    /// Answered by `pong` at once; every 500 ms keeps a dead gateway noticed within 1.5 s.
    Ping {
        /// Returned as it is.
        #[serde(default)]
        #[ts(type = "number")]
        at: u64,
    },
}

/// Enters a room.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, TS)]
#[serde(rename_all = "camelCase")]
pub struct JoinRoom {
    /// From `POST rooms/{room}/join`; used once.
    pub ticket: String,
    /// What the client's connections will offer.
    #[serde(default)]
    pub srtp: SrtpProfile,
    /// True if the client can be connected to another directly.
    #[serde(default)]
    pub direct: bool,
}

/// Takes a call up again.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, TS)]
#[serde(rename_all = "camelCase")]
pub struct ResumeRoom {
    /// The last one received in `joined` or `resume_token`.
    pub token: String,
    /// As in `join`.
    #[serde(default)]
    pub srtp: SrtpProfile,
    /// True if the client's media connections are still up and are to be kept.
    #[serde(default)]
    pub keep_media: bool,
    /// As in `join`.
    #[serde(default)]
    pub direct: bool,
    /// The direct link that the client still has, if it has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[ts(optional)]
    pub link: Option<LinkNumber>,
}

/// The one SRTP protection profile that a peer's connections use.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "snake_case")]
pub enum SrtpProfile {
    /// AEAD_AES_128_GCM, RFC 7714.
    #[default]
    Gcm,
    /// AES128_CM_HMAC_SHA1_80, RFC 3711, for clients without GCM.
    Cm,
}

/// One of a peer's two media connections.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, TS)]
#[serde(rename_all = "snake_case")]
pub enum Connection {
    /// The client offers and sends.
    Publish,
    /// The server offers and the client receives.
    Subscribe,
}

/// RFC 8839 candidate.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, TS)]
#[serde(rename_all = "camelCase")]
pub struct IceCandidate {
    /// Of which connection.
    pub connection: Connection,
    /// The candidate line, without `a=`; empty means that no more will come.
    pub candidate: String,
    /// The m-line's mid.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[ts(optional)]
    pub mid: Option<String>,
}

/// Audio or video.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, TS, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum MediaKind {
    /// Sound.
    Audio,
    /// Pictures.
    Video,
}

/// Where a track comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, TS)]
#[serde(rename_all = "snake_case")]
pub enum SourceKind {
    /// The sender's face.
    Camera,
    /// The sender's voice.
    Microphone,
    /// A shared screen, window or tab.
    Screen,
    /// Its sound.
    ScreenAudio,
}

impl SourceKind {
    /// What a track of this source carries.
    #[must_use]
    pub fn media(self) -> MediaKind {
        match self {
            Self::Camera | Self::Screen => MediaKind::Video,
            Self::Microphone | Self::ScreenAudio => MediaKind::Audio,
        }
    }
}

/// Announces a track.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, TS)]
#[serde(rename_all = "camelCase")]
pub struct Publish {
    /// The m-line's mid on the publish connection, 1 to 16 characters.
    pub mid: String,
    /// Sound or pictures; must be the m-line's.
    pub kind: MediaKind,
    /// Where from.
    pub source: SourceKind,
    /// Whether it begins muted.
    #[serde(default)]
    pub muted: bool,
}

/// Binds a track to a slot.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, TS)]
#[serde(rename_all = "camelCase")]
pub struct Subscribe {
    /// Which track.
    pub track: TrackId,
    /// Which pair; its video or audio half is taken by the track's kind.
    pub slot: SlotIndex,
    /// How large it is shown; absent for audio, and for "as large as it comes".
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[ts(optional)]
    pub size: Option<WantedSize>,
}

/// Empties a slot.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, TS)]
#[serde(rename_all = "camelCase")]
pub struct Unsubscribe {
    /// Which pair.
    pub slot: SlotIndex,
    /// Which half.
    pub kind: MediaKind,
}

/// Device pixels that a picture will cover. 0 x 0 means: not seen, send nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "camelCase")]
pub struct WantedSize {
    /// Pixels across.
    pub width: u16,
    /// Pixels down.
    pub height: u16,
}

/// A chat message on its way in.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, TS, Validate)]
#[serde(rename_all = "camelCase")]
pub struct ChatSend {
    /// The same nonce twice is one message.
    #[garde(skip)]
    pub nonce: Nonce,
    /// Plain text, 1 to 4,000 characters of which something can be seen, and no U+0000.
    #[garde(length(chars, min = 1, max = CHAT_TEXT_CHARS_MAX), custom(says_something))]
    pub text: String,
    /// The last message that the sender had seen; a retry names it so that an old one is not taken for new.
    #[serde(default)]
    #[garde(skip)]
    pub seen: Seq,
}

/// Asks for a page of history. With neither bound: the newest page.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, TS)]
#[serde(rename_all = "camelCase")]
pub struct History {
    /// Only messages before this one, newest first taken.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[ts(optional)]
    pub before: Option<Seq>,
    /// Only messages after this one, oldest first taken.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[ts(optional)]
    pub after: Option<Seq>,
    /// 1 to 50, 50 if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[ts(optional, type = "number")]
    pub limit: Option<u16>,
}
