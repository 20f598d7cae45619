//! What the room's state asks its shell to do, and what it hears of others.
//!
//! **Invariant:** effects of one decision are performed in their order; a fact names the actor that it is about, so that
//! one of an actor long gone changes nothing.

use std::collections::HashSet;
use std::sync::Arc;

use rookery_schemas::bus::{EventFrame, RoomAnswer};
use rookery_schemas::error::ErrorCode;
use rookery_schemas::ids::{Attachment, Epoch, PeerId, TrackId, UnixMillis, UserId};
use rookery_schemas::rows::{Banned, MemberRow, RoomRow};
use rookery_schemas::signal::{PeerInfo, RoomClosedReason, ServerMessage, SrtpProfile, TrackInfo};

use super::chat::Batch;
use super::roster::MediaHealth;
use super::takeover::Takeover;
use crate::catalogue::Catalogue;

/// One unanswered request, as the state knows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct AskId(pub(crate) u64);

/// What the shell must do.
#[derive(Debug)]
pub(crate) enum Effect {
    /// Answer a request.
    Answer { ask: AskId, answer: Box<RoomAnswer> },
    /// Publish to everyone in the room.
    Publish(EventFrame),
    /// Publish to one attachment.
    Personal { peer: PeerId, attachment: Attachment, message: Box<ServerMessage> },
    /// Make the peer's actor, or attach it anew.
    Seat(Box<Seating>),
    /// Tell the peer's actor what its seat looks like now.
    Seated(Box<Seated>),
    /// End the peer's actor; its media stops at once.
    Unseat { peer: PeerId },
    /// Tell all peers what is published.
    Catalogue(Arc<Catalogue>),
    /// Have the desk do something in the store.
    Desk(DeskOp),
    /// Have the writer write chat.
    Append(Batch),
    /// Who is inside has changed.
    Presence,
    /// Nobody has been here for a while: the room may be put away.
    Idle,
    /// Everything that must last is stored: the room may be stopped.
    Drained,
    /// The room is another's now: tell the peers, and stop.
    StepDown,
}

/// How a peer's actor is made or attached anew.
#[derive(Clone, Debug)]
pub(crate) struct Seating {
    pub(crate) seated: Seated,
    pub(crate) srtp: SrtpProfile,
    /// The living actor that is meant; `None`: make one.
    pub(crate) born: Option<Attachment>,
    /// Its connections go on.
    pub(crate) keep_media: bool,
    pub(crate) catalogue: Arc<Catalogue>,
    /// A `chat` room takes no media.
    pub(crate) takes_media: bool,
}

/// What a peer's actor knows of its seat, so that it can tell a room that starts anew.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Seated {
    pub(crate) info: PeerInfo,
    pub(crate) attachment: Attachment,
    pub(crate) connected: bool,
}

/// What the desk does in the store, one after another.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum DeskOp {
    /// Read what a user is here.
    Member { ask: AskId, user: UserId },
    /// Put someone out for good.
    Ban { ask: AskId, who: Banned },
    /// Read the room, for whoever asked for it.
    Row { ask: Option<AskId> },
    /// Close the room.
    Close { at: UnixMillis, reason: RoomClosedReason },
    /// Close the room if its end, which its host may have moved, has come.
    End { at: UnixMillis },
    /// Set when an ad-hoc room ends.
    SetEnd { expires_at: Option<UnixMillis> },
    /// Mark the room as used. Nothing comes back.
    Touch { at: UnixMillis },
}

/// What came of a [`DeskOp`].
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum DeskResult {
    Member {
        ask: AskId,
        found: Result<Option<MemberRow>, ErrorCode>,
    },
    Banned {
        ask: AskId,
        who: Banned,
        done: Result<(), ErrorCode>,
    },
    Row {
        ask: Option<AskId>,
        found: Result<Option<Box<RoomRow>>, ErrorCode>,
    },
    Closed {
        at: UnixMillis,
        reason: RoomClosedReason,
        done: Result<(), ErrorCode>,
    },
    /// The end was moved.
    NotOver,
    EndSet {
        expires_at: Option<UnixMillis>,
        done: Result<(), ErrorCode>,
    },
}

/// What a peer's actor tells its room.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum PeerFact {
    /// A track can be subscribed to.
    Announced(TrackInfo),
    /// Its muting or codec changed.
    Changed(TrackInfo),
    /// It ended.
    Ended(TrackId),
    /// Its connections came up or fell silent.
    Media(MediaHealth),
}

/// Everything that a peer's actor knows, for a room that starts anew.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct PeerReport {
    pub(crate) seated: Seated,
    pub(crate) srtp: SrtpProfile,
    pub(crate) born: Attachment,
    pub(crate) media: MediaHealth,
    pub(crate) tracks: Vec<TrackInfo>,
}

/// What a room finds in the store when it wakes.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Activation {
    pub(crate) row: RoomRow,
    pub(crate) epoch: Epoch,
    pub(crate) bans: HashSet<Banned>,
    pub(crate) chat: Takeover,
}
