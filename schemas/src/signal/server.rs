//! Server to client.

use serde::{Deserialize, Serialize};
use ts_rs::TS;
use utoipa::ToSchema;

use crate::error::Refusal;
use crate::ids::{
    Attachment, Epoch, EventNumber, LinkNumber, Negotiation, Nonce, PeerId, RoomId, Seq, SlotIndex, Slug, TrackId,
    UnixMillis, UserId,
};
use crate::signal::{Allowed, DirectPayload, MediaKind, MediaPath, SourceKind};

/// One frame to a client.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, TS)]
#[serde(rename_all = "camelCase")]
pub struct ServerFrame {
    /// The room that it is about; absent where it is about the socket.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[ts(optional)]
    pub room: Option<RoomId>,
    /// The `id` of the client frame that this answers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[ts(optional, type = "number")]
    pub re: Option<u32>,
    /// The room's epoch, in room events.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[ts(optional)]
    pub epoch: Option<Epoch>,
    /// The event's number in its epoch, in room events; one more than the last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[ts(optional)]
    pub n: Option<EventNumber>,
    /// What is said.
    pub message: ServerMessage,
}

/// What a server can say. "Event" marks those that everyone in the room gets.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, TS)]
#[serde(tag = "type", rename_all = "snake_case", rename_all_fields = "camelCase")]
pub enum ServerMessage {
    /// The room as it is. The answer to `join` and `resume`; also sent unasked as a snapshot after a gap or a new epoch.
    Joined(Box<Joined>),
    /// Event: someone entered.
    PeerJoined {
        /// Who.
        peer: PeerInfo,
    },
    /// Event: someone left.
    PeerLeft {
        /// Who.
        peer: PeerId,
        /// Why.
        reason: LeaveReason,
    },
    /// Event: someone's entry in the roster changed (name, role, reconnecting or back).
    PeerUpdated {
        /// The whole entry.
        peer: PeerInfo,
    },
    /// Event: a track can be subscribed to.
    TrackPublished {
        /// It.
        track: TrackInfo,
    },
    /// Event: a track ended.
    TrackUnpublished {
        /// Which.
        track: TrackId,
    },
    /// Event: a track was muted or unmuted.
    TrackUpdated {
        /// The whole entry.
        track: TrackInfo,
    },
    /// Event: the room's name, or what people may send in it, changed.
    RoomUpdated {
        /// The whole entry.
        room: RoomInfo,
    },
    /// Event: media goes another way from now on, or over another direct link.
    PathChanged {
        /// Which way.
        path: MediaPath,
    },
    /// Said by the other end of the direct link.
    Direct {
        /// By whom.
        from: PeerId,
        /// On which link.
        link: LinkNumber,
        /// What.
        payload: DirectPayload,
    },
    /// Event without a number: who speaks, loudest first, at most five, sent when it changes and at most five times a second.
    Speakers {
        /// Empty when nobody speaks.
        levels: Vec<SpeakerLevel>,
        /// The audio track that has the floor: changes more slowly than the loudest, and stays through short pauses.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        #[ts(optional)]
        active: Option<TrackId>,
    },
    /// Event: a chat message, in the order of its `seq`.
    Chat {
        /// It.
        message: ChatMessage,
    },
    /// Event: the room ended; nothing follows.
    RoomClosed {
        /// Why.
        reason: RoomClosedReason,
    },
    /// The answer to `offer`.
    Answer {
        /// RFC 8866, with every candidate in it.
        sdp: String,
    },
    /// An offer of the subscribe connection: to be answered by `answer`.
    SubscribeOffer(SubscribeOffer),
    /// The answer to `publish`.
    Published {
        /// The track's id.
        track: TrackId,
    },
    /// A slot carries a new track from its next frame on (video) or packet (audio).
    SlotLive {
        /// Which pair.
        slot: SlotIndex,
        /// Which half.
        kind: MediaKind,
        /// What it carries now.
        track: TrackId,
        /// The simulcast layer that is forwarded, by its publisher's name for it (rid); absent where there is one only.
        /// When it changes the whole is told again, at most twice a second.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        #[ts(optional)]
        layer: Option<String>,
    },
    /// A slot was emptied because its track ended or was muted; browsers keep showing the last picture until told so.
    SlotIdle {
        /// Which pair.
        slot: SlotIndex,
        /// Which half.
        kind: MediaKind,
    },
    /// The answer to `chat_send`: stored for good.
    ChatAck(ChatAck),
    /// The answer to `history`.
    History(HistoryPage),
    /// The answer to `ice_servers`.
    IceServers {
        /// With credentials that are good from now on.
        ice_servers: Vec<IceServer>,
    },
    /// A fresh resume token, before the last one runs out.
    ResumeToken {
        /// Replaces the former.
        token: String,
    },
    /// This peer's media or seat was lost on the server: send `resume` with the last token on this same socket.
    Reattach {
        /// For logs and the stats overlay.
        reason: String,
    },
    /// The caller was put out of the room; nothing follows.
    Kicked,
    /// Done, and nothing to say about it.
    Ok,
    /// Refused. Costs nothing but the refused message, unless the socket is closed with the same code.
    Error(Refusal),
    /// The answer to `ping`.
    Pong {
        /// As it was sent.
        #[ts(type = "number")]
        at: u64,
        /// The server's clock, for display only.
        now: UnixMillis,
    },
}

/// The room as the joining peer finds it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, TS)]
#[serde(rename_all = "camelCase")]
pub struct Joined {
    /// The caller's own id.
    pub peer: PeerId,
    /// How often it has attached.
    pub attachment: Attachment,
    /// What the caller may do.
    pub role: Role,
    /// The room.
    pub room: RoomInfo,
    /// The term of the present owner.
    pub epoch: Epoch,
    /// The last event that this snapshot contains.
    pub n: EventNumber,
    /// Everyone, the caller included.
    pub roster: Vec<PeerInfo>,
    /// Every publication, the caller's own included.
    pub tracks: Vec<TrackInfo>,
    /// Which way media goes.
    #[serde(default)]
    pub path: MediaPath,
    /// The last chat message stored, 0 if none.
    pub last_seq: Seq,
    /// For the client's connections.
    pub ice_servers: Vec<IceServer>,
    /// WebSocket addresses that know this room, own first.
    pub gateways: Vec<String>,
    /// For `resume`; valid 10 minutes, renewed by `resume_token`.
    pub resume_token: String,
    /// True if the media connections of an earlier attachment go on.
    #[serde(default)]
    pub media_kept: bool,
}

/// A room's public face.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, TS, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct RoomInfo {
    /// Its id.
    pub id: RoomId,
    /// Its short name in links.
    pub slug: Slug,
    /// Its title, 1 to 100 characters.
    pub name: String,
    /// What it is for.
    pub kind: RoomKind,
    /// What those who are not its host may send.
    #[serde(default)]
    pub allowed: Allowed,
}

/// What a room is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, TS, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum RoomKind {
    /// Voice, pictures and chat.
    Meeting,
    /// Text only.
    Chat,
    /// Two people. Not built yet.
    Direct,
    /// Watching together. Not built yet.
    Watch,
}

/// What a peer may do, growing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, TS, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Came by link, has no account.
    Guest,
    /// Has an account and belongs to the room.
    Member,
    /// May kick, close, and say what others may send; may send everything.
    Host,
}

/// A line of the roster.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, TS)]
#[serde(rename_all = "camelCase")]
pub struct PeerInfo {
    /// Who.
    pub peer: PeerId,
    /// The account; absent for guests.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[ts(optional)]
    pub user: Option<UserId>,
    /// What others see.
    pub display_name: String,
    /// What it may do.
    pub role: Role,
    /// When it first entered.
    pub joined_at: UnixMillis,
    /// True while its socket is lost and its seat is kept.
    #[serde(default)]
    pub reconnecting: bool,
}

/// A publication.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, TS)]
#[serde(rename_all = "camelCase")]
pub struct TrackInfo {
    /// Its id.
    pub track: TrackId,
    /// Whose.
    pub peer: PeerId,
    /// Sound or pictures.
    pub kind: MediaKind,
    /// Where from.
    pub source: SourceKind,
    /// Nothing is forwarded while true.
    pub muted: bool,
    /// Known from the first packet on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[ts(optional)]
    pub codec: Option<Codec>,
}

/// A media codec (RFC 7587, 7741, 6184, 9628, AV1 RTP 1.0).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, TS)]
#[serde(rename_all = "lowercase")]
pub enum Codec {
    /// Audio.
    Opus,
    /// Video.
    Vp8,
    /// Video.
    H264,
    /// Video.
    Vp9,
    /// Video.
    Av1,
}

/// How loud a track is.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, TS)]
#[serde(rename_all = "camelCase")]
pub struct SpeakerLevel {
    /// The audio track.
    pub track: TrackId,
    /// Whose.
    pub peer: PeerId,
    /// 0 silent to 127 loudest: 127 + dBov of RFC 6464, smoothed over 200 ms.
    pub level: u8,
}

/// Why a peer is no longer in the room.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "snake_case")]
pub enum LeaveReason {
    /// It said so.
    Left,
    /// A host put it out.
    Kicked,
    /// Neither socket nor media for 15 s.
    TimedOut,
    /// Its actor failed; it may resume.
    Failed,
}

/// Why a room ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "snake_case")]
pub enum RoomClosedReason {
    /// The host ended it for all.
    Host,
    /// Its time was over.
    Expired,
    /// It was deleted.
    Deleted,
}

/// An offer of the subscribe connection.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, TS)]
#[serde(rename_all = "camelCase")]
pub struct SubscribeOffer {
    /// To be named by the answer.
    pub negotiation: Negotiation,
    /// RFC 8866, with every candidate in it.
    pub sdp: String,
    /// Every pair of this connection so far, in the order of their index.
    pub slots: Vec<SlotPair>,
}

/// The two m-lines of a pair.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "camelCase")]
pub struct SlotPair {
    /// Its index.
    pub slot: SlotIndex,
    /// mid of the video half.
    pub video_mid: String,
    /// mid of the audio half.
    pub audio_mid: String,
}

/// A stored chat message.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, TS, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ChatMessage {
    /// Its place in the room.
    pub seq: Seq,
    /// Given by the sender.
    pub nonce: Nonce,
    /// Who sent it (the peer of that time).
    pub peer: PeerId,
    /// The sender's account; absent for guests.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[ts(optional)]
    pub user: Option<UserId>,
    /// The sender's name at that time.
    pub display_name: String,
    /// Plain text.
    pub text: String,
    /// When the owner took it.
    pub at: UnixMillis,
}

/// A chat message is stored.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "camelCase")]
pub struct ChatAck {
    /// Which.
    pub nonce: Nonce,
    /// Its place.
    pub seq: Seq,
    /// Its time.
    pub at: UnixMillis,
}

/// A page of history, oldest first.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, TS, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct HistoryPage {
    /// At most 50, and at most what fits a frame.
    pub messages: Vec<ChatMessage>,
    /// True if there is more in the direction that was asked for.
    pub more: bool,
}

/// One STUN or TURN server, in the shape of `RTCIceServer`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, TS, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct IceServer {
    /// RFC 7064 and 7065.
    pub urls: Vec<String>,
    /// For TURN.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[ts(optional)]
    pub username: Option<String>,
    /// For TURN.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[ts(optional)]
    pub credential: Option<String>,
    /// How long the credentials are good from when they were told, ms; absent where they do not run out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[ts(optional, type = "number")]
    pub lifetime_ms: Option<u64>,
}
