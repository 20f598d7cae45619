//! What the control plane tells a worker: rooms, connections, what was negotiated, who is bound to what.
//!
//! Commands are applied in the order in which they were sent. One that names something unknown changes nothing and is
//! counted ([`PlaneStats::commands_refused`](crate::PlaneStats)).
//!
//! **Invariant:** a command carries whole state (all lines, all slots), never a difference, so that none can be missed.

use std::sync::Arc;

use rookery_schemas::{
    ids::{RoomId, SlotIndex, TrackId},
    signal::{Codec, MediaKind, WantedSize},
};

use crate::{event::EventSink, link::ControlLink};

/// One DTLS association of one peer. Never used again in a process.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ConnectionId(pub u64);

/// A worker, from 0 to [`Plane::workers`](crate::Plane::workers) - 1. A room lives on one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct WorkerIndex(pub u16);

/// One half of a pair of slots of a subscribe connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct SlotKey {
    /// Which pair.
    pub index: SlotIndex,
    /// Which half.
    pub kind: MediaKind,
}

/// Ids of RTP header extensions as negotiated, 1 to 14 (RFC 8285); `None` is not negotiated.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ExtensionIds {
    /// `urn:ietf:params:rtp-hdrext:sdes:mid`.
    pub mid: Option<u8>,
    /// `urn:ietf:params:rtp-hdrext:sdes:rtp-stream-id`.
    pub rid: Option<u8>,
    /// `urn:ietf:params:rtp-hdrext:sdes:repaired-rtp-stream-id`.
    pub repaired_rid: Option<u8>,
    /// `urn:ietf:params:rtp-hdrext:ssrc-audio-level` (RFC 6464).
    pub audio_level: Option<u8>,
    /// `http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01`.
    pub transport_cc: Option<u8>,
    /// `http://www.webrtc.org/experiments/rtp-hdrext/abs-send-time`.
    pub abs_send_time: Option<u8>,
}

/// One negotiated payload type.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PayloadType {
    /// Its number, 0 to 127.
    pub number: u8,
    /// What it carries.
    pub codec: Codec,
    /// The payload type of its retransmissions (RFC 4588), if negotiated.
    pub rtx: Option<u8>,
    /// The `a=fmtp` parameters. For H264 `profile-level-id` and `packetization-mode` are read, else nothing.
    pub fmtp: String,
}

/// One m-line on which the client sends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReceiveLine {
    /// Its mid, 1 to 16 characters.
    pub mid: String,
    /// Sound or pictures.
    pub kind: MediaKind,
    /// Payload types of the negotiated description.
    pub codecs: Vec<PayloadType>,
    /// Extension ids. In one bundle an id means the same on all lines.
    pub extensions: ExtensionIds,
    /// SSRCs that the client announced; empty with simulcast, then they are learned from mid and rid.
    pub ssrcs: Vec<u32>,
    /// Pairs of (media, retransmission) SSRC.
    pub fid: Vec<(u32, u32)>,
    /// Simulcast layers in the order of `a=simulcast:send`, smallest first; empty without simulcast.
    pub rids: Vec<String>,
}

/// One slot of a subscribe connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SendSlot {
    /// Which.
    pub key: SlotKey,
    /// Its m-line's mid.
    pub mid: String,
    /// Its SSRC: once in an association, for this slot alone.
    pub ssrc: u32,
    /// The SSRC of its retransmissions, under the same rule.
    pub rtx_ssrc: Option<u32>,
    /// Payload types of the **answer**: a browser refuses some that were offered.
    pub codecs: Vec<PayloadType>,
    /// Extension ids. `transport_cc`, `abs_send_time` and `audio_level` are written when given.
    pub extensions: ExtensionIds,
}

/// What a worker is asked to do.
pub enum Command {
    /// Makes a room on this worker.
    OpenRoom {
        /// Its id.
        room: RoomId,
        /// Who is told of its events.
        sink: Arc<dyn EventSink>,
    },
    /// Closes a room with all of its connections and tracks.
    CloseRoom {
        /// Which.
        room: RoomId,
    },
    /// Makes a connection in a room.
    OpenConnection {
        /// Its room.
        room: RoomId,
        /// Its id.
        connection: ConnectionId,
        /// What ties it to its ICE and DTLS; made by [`Plane::link`](crate::Plane::link) for the same worker.
        link: Arc<ControlLink>,
    },
    /// Closes a connection: its tracks, slots and routes are gone when the command has been applied.
    CloseConnection {
        /// Which.
        connection: ConnectionId,
    },
    /// Registers our ICE ufrag of a description that is about to leave. The last two are valid.
    Credentials {
        /// Whose.
        connection: ConnectionId,
        /// Ours, at most 256 bytes.
        ufrag: String,
    },
    /// The m-lines on which the client sends, after a negotiation.
    Receive {
        /// Whose.
        connection: ConnectionId,
        /// All of them.
        lines: Vec<ReceiveLine>,
    },
    /// The slots of a subscribe connection, after an answer. A slot whose SSRC stays keeps its state.
    Send {
        /// Whose.
        connection: ConnectionId,
        /// All of them.
        slots: Vec<SendSlot>,
    },
    /// A track is published: what comes on this m-line belongs to it.
    Publish {
        /// By whom.
        connection: ConnectionId,
        /// On which m-line.
        mid: String,
        /// The track.
        track: TrackId,
        /// True: nothing of it is forwarded until it is unmuted.
        muted: bool,
    },
    /// A track ends; slots bound to it go idle.
    Unpublish {
        /// Which.
        track: TrackId,
    },
    /// A track is muted or unmuted.
    Mute {
        /// Which.
        track: TrackId,
        /// True: nothing of it is forwarded.
        muted: bool,
    },
    /// Binds a track to a slot, or empties the slot.
    Bind {
        /// Whose slot.
        connection: ConnectionId,
        /// Which slot.
        slot: SlotKey,
        /// The track; it may be published later. `None` empties the slot.
        track: Option<TrackId>,
        /// How large it is shown. 0 x 0 sends nothing, `None` is "as large as it comes".
        size: Option<WantedSize>,
    },
}
