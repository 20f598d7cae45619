//! What a client and its gateway say to each other: JSON, one message in one WebSocket text frame.
//!
//! A client sends [`ClientFrame`]s and gets [`ServerFrame`]s. A frame with an `id` is answered by exactly one frame whose
//! `re` is that id: the named reply, `ok`, or `error`. Room events carry `epoch` and `n`; personal messages carry neither.
//!
//! **Invariant:** unknown fields are ignored and fields are only added, so that an older client lives with a newer server.

mod allowed;
mod client;
mod direct;
mod server;

pub use allowed::Allowed;
pub use client::{
    ChatSend, ClientFrame, ClientMessage, Connection, History, IceCandidate, JoinRoom, MediaKind, Publish, ResumeRoom,
    SourceKind, SrtpProfile, Subscribe, Unsubscribe, WantedSize,
};
pub use direct::{DescriptionKind, DirectPayload, DirectSend, MediaPath};
pub use server::{
    ChatAck, ChatMessage, Codec, HistoryPage, IceServer, Joined, LeaveReason, PeerInfo, Role, RoomClosedReason,
    RoomInfo, RoomKind, ServerFrame, ServerMessage, SlotPair, SpeakerLevel, SubscribeOffer, TrackInfo,
};

/// The version of this protocol, sent in every client frame. A server serves its own and the one before.
pub const PROTOCOL_VERSION: u16 = 1;
