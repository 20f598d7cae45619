//! What a client knows of its room, made of nothing but what the server said.
//!
//! **Invariant:** numbered events are applied once each; holes and repeats are counted, never smoothed over.

use std::collections::{BTreeMap, VecDeque};

use rookery_schemas::ids::{Attachment, Epoch, EventNumber, Negotiation, PeerId, Seq, SlotIndex, TrackId};
use rookery_schemas::signal::{
    ChatMessage, Joined, LeaveReason, MediaKind, PeerInfo, Role, RoomClosedReason, ServerFrame, ServerMessage,
    SlotPair, SpeakerLevel, SubscribeOffer, TrackInfo,
};

/// Chat messages and departures remembered; the oldest go first.
const KEPT_MAX: usize = 10_000;

/// How a call ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Over {
    /// Put out by a host.
    Kicked,
    /// The room ended.
    Closed(RoomClosedReason),
}

/// What a client knows of its room.
#[derive(Clone, Debug)]
pub struct View {
    /// The owner's term.
    pub epoch: Epoch,
    /// The last event applied.
    pub n: EventNumber,
    /// How often this peer has attached.
    pub attachment: Attachment,
    /// What this client may do.
    pub role: Role,
    /// Everyone, this client included.
    pub roster: BTreeMap<PeerId, PeerInfo>,
    /// Every publication, own ones included.
    pub tracks: BTreeMap<TrackId, TrackInfo>,
    /// Who left, and why, the latest last.
    pub left: VecDeque<(PeerId, LeaveReason)>,
    /// Chat messages seen here, in the order of their coming.
    pub chat: VecDeque<ChatMessage>,
    /// The last chat message known to be stored.
    pub last_seq: Seq,
    /// Who speaks, loudest first.
    pub speakers: Vec<SpeakerLevel>,
    /// Who has the floor.
    pub floor: Option<TrackId>,
    /// For `resume`.
    pub resume_token: String,
    /// The last offer of the subscribe connection.
    pub offer: Option<SubscribeOffer>,
    /// The last offer that was answered, and the server took the answer.
    pub answered: Option<Negotiation>,
    /// The pairs of that offer.
    pub slots: Vec<SlotPair>,
    /// What this client bound, by its own requests.
    pub bound: BTreeMap<(SlotIndex, Half), TrackId>,
    /// What the server says that each slot carries.
    pub live: BTreeMap<(SlotIndex, Half), TrackId>,
    /// `slot_live` messages.
    pub times_live: u64,
    /// `reattach` messages.
    pub reattaches: u64,
    /// Unasked snapshots.
    pub snapshots: u64,
    /// Event numbers that were left out within an epoch.
    pub event_gaps: u64,
    /// Event numbers that came again.
    pub event_repeats: u64,
    /// Events that this client was too slow to read.
    pub events_missed: u64,
    /// Pings that were not answered in time.
    pub pings_missed: u64,
    /// Answers to offers that failed, here or there: their errors.
    pub negotiation_errors: Vec<String>,
    /// Set when the call is over.
    pub over: Option<Over>,
    /// Set when the socket is.
    pub socket_closed: Option<crate::socket::Closed>,
}

/// A half of a slot pair, in an order of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Half {
    /// The audio m-line.
    Audio,
    /// The video m-line.
    Video,
}

impl From<MediaKind> for Half {
    fn from(kind: MediaKind) -> Self {
        match kind {
            MediaKind::Audio => Self::Audio,
            MediaKind::Video => Self::Video,
        }
    }
}

impl View {
    pub(super) fn of(joined: &Joined) -> Self {
        let mut view = Self {
            epoch: joined.epoch,
            n: joined.n,
            attachment: joined.attachment,
            role: joined.role,
            roster: BTreeMap::new(),
            tracks: BTreeMap::new(),
            left: VecDeque::new(),
            chat: VecDeque::new(),
            last_seq: joined.last_seq,
            speakers: Vec::new(),
            floor: None,
            resume_token: String::new(),
            offer: None,
            answered: None,
            slots: Vec::new(),
            bound: BTreeMap::new(),
            live: BTreeMap::new(),
            times_live: 0,
            reattaches: 0,
            snapshots: 0,
            event_gaps: 0,
            event_repeats: 0,
            events_missed: 0,
            pings_missed: 0,
            negotiation_errors: Vec::new(),
            over: None,
            socket_closed: None,
        };
        view.snapshot(joined);
        view
    }

    /// After a resume: the snapshot, and no media unless it was kept.
    pub(super) fn resumed(&mut self, joined: &Joined) {
        self.snapshot(joined);
        self.socket_closed = None;
        if !joined.media_kept {
            (self.offer, self.answered) = (None, None);
            self.slots.clear();
            self.bound.clear();
            self.live.clear();
        }
    }

    fn snapshot(&mut self, joined: &Joined) {
        (self.epoch, self.n) = (joined.epoch, joined.n);
        (self.attachment, self.role) = (joined.attachment, joined.role);
        self.roster = joined.roster.iter().map(|peer| (peer.peer, peer.clone())).collect();
        self.tracks = joined.tracks.iter().map(|track| (track.track, track.clone())).collect();
        self.last_seq = self.last_seq.max(joined.last_seq);
        self.resume_token.clone_from(&joined.resume_token);
    }

    /// Applies what the server said.
    pub(super) fn apply(&mut self, frame: &ServerFrame) {
        if let (Some(epoch), Some(n)) = (frame.epoch, frame.n)
            && !matches!(frame.message, ServerMessage::Joined(_))
            && !self.count(epoch, n)
        {
            return;
        }
        match &frame.message {
            ServerMessage::Joined(joined) => {
                self.snapshots += 1;
                self.snapshot(joined);
            }
            ServerMessage::PeerJoined { peer } | ServerMessage::PeerUpdated { peer } => {
                self.roster.insert(peer.peer, peer.clone());
            }
            ServerMessage::PeerLeft { peer, reason } => {
                self.roster.remove(peer);
                keep(&mut self.left, (*peer, *reason));
            }
            ServerMessage::TrackPublished { track } | ServerMessage::TrackUpdated { track } => {
                self.tracks.insert(track.track, track.clone());
            }
            ServerMessage::TrackUnpublished { track } => {
                self.tracks.remove(track);
                self.bound.retain(|_, bound| bound != track);
                self.live.retain(|_, live| live != track);
            }
            ServerMessage::Speakers { levels, active } => {
                self.speakers.clone_from(levels);
                self.floor = *active;
            }
            ServerMessage::Chat { message } => {
                self.last_seq = self.last_seq.max(message.seq);
                keep(&mut self.chat, message.clone());
            }
            ServerMessage::RoomClosed { reason } => self.over = Some(Over::Closed(*reason)),
            ServerMessage::Kicked => self.over = Some(Over::Kicked),
            ServerMessage::SubscribeOffer(offer) => self.offer = Some(offer.clone()),
            ServerMessage::SlotLive { slot, kind, track, .. } => {
                self.times_live += 1;
                self.live.insert((*slot, Half::from(*kind)), *track);
            }
            ServerMessage::SlotIdle { slot, kind } => {
                self.live.remove(&(*slot, Half::from(*kind)));
            }
            ServerMessage::ResumeToken { token } => self.resume_token.clone_from(token),
            ServerMessage::Reattach { .. } => self.reattaches += 1,
            // Answers come to those who asked.
            ServerMessage::Answer { .. }
            | ServerMessage::Published { .. }
            | ServerMessage::ChatAck(_)
            | ServerMessage::History(_)
            | ServerMessage::Ok
            | ServerMessage::Error(_)
            | ServerMessage::PathChanged { .. }
            | ServerMessage::Direct { .. }
            | ServerMessage::RoomUpdated { .. }
            | ServerMessage::IceServers { .. }
            | ServerMessage::Pong { .. } => {}
        }
    }

    /// Whether a numbered event is new; what is left out or comes again is counted.
    fn count(&mut self, epoch: Epoch, n: EventNumber) -> bool {
        if (epoch, n) <= (self.epoch, self.n) {
            self.event_repeats += 1;
            return false;
        }
        let expected = if epoch == self.epoch { self.n.next() } else { EventNumber(1) };
        self.event_gaps += n.0.saturating_sub(expected.0);
        (self.epoch, self.n) = (epoch, n);
        true
    }

    /// Where a track is bound.
    #[must_use]
    pub fn slot_of(&self, track: TrackId) -> Option<(SlotIndex, Half)> {
        self.bound.iter().find(|(_, bound)| **bound == track).map(|(slot, _)| *slot)
    }

    /// Whether a peer has a publication.
    #[must_use]
    pub fn publishes(&self, peer: PeerId) -> bool {
        self.tracks.values().any(|track| track.peer == peer)
    }

    /// Whether the server says that a track is in one of the slots.
    #[must_use]
    pub fn is_live(&self, track: TrackId) -> bool {
        self.live.values().any(|live| *live == track)
    }

    /// The mid of a half of a slot.
    #[must_use]
    pub fn mid_of(&self, slot: SlotIndex, half: Half) -> Option<&str> {
        let pair = self.slots.iter().find(|pair| pair.slot == slot)?;
        Some(match half {
            Half::Audio => &pair.audio_mid,
            Half::Video => &pair.video_mid,
        })
    }
}

fn keep<T>(list: &mut VecDeque<T>, item: T) {
    if list.len() >= KEPT_MAX {
        list.pop_front();
    }
    list.push_back(item);
}

#[cfg(test)]
pub(super) mod tests {
    use rookery_schemas::ids::{RoomId, Slug, UnixMillis};
    use rookery_schemas::signal::{RoomInfo, RoomKind, SourceKind};
    use uuid::Uuid;

    use super::*;

    pub(in crate::client) fn empty() -> View {
        View::of(&Joined {
            path: rookery_schemas::signal::MediaPath::Sfu,
            peer: PeerId(Uuid::nil()),
            attachment: Attachment(1),
            role: Role::Guest,
            room: RoomInfo {
                id: RoomId(Uuid::nil()),
                slug: Slug::from_letters([0; 10]),
                name: "Room".to_owned(),
                kind: RoomKind::Meeting,
                allowed: Default::default(),
            },
            epoch: Epoch(3),
            n: EventNumber(10),
            roster: Vec::new(),
            tracks: Vec::new(),
            last_seq: Seq(4),
            ice_servers: Vec::new(),
            gateways: Vec::new(),
            resume_token: "token".to_owned(),
            media_kept: false,
        })
    }

    pub(in crate::client) fn track(track: u128, peer: u128, source: SourceKind) -> TrackInfo {
        let kind = match source {
            SourceKind::Camera | SourceKind::Screen => MediaKind::Video,
            SourceKind::Microphone | SourceKind::ScreenAudio => MediaKind::Audio,
        };
        let (track, peer) = (TrackId(Uuid::from_u128(track)), PeerId(Uuid::from_u128(peer)));
        TrackInfo { track, peer, kind, source, muted: false, codec: None }
    }

    fn event(epoch: u64, n: u64, message: ServerMessage) -> ServerFrame {
        ServerFrame { room: None, re: None, epoch: Some(Epoch(epoch)), n: Some(EventNumber(n)), message }
    }

    fn peer_joined(peer: u128) -> ServerMessage {
        let peer = PeerId(Uuid::from_u128(peer));
        let peer = PeerInfo {
            peer,
            user: None,
            display_name: "A".to_owned(),
            role: Role::Guest,
            joined_at: UnixMillis(0),
            reconnecting: false,
        };
        ServerMessage::PeerJoined { peer }
    }

    #[test]
    fn events_are_applied_once_and_holes_are_counted() {
        let mut view = empty();
        for (epoch, n, peer) in [(3, 11, 1), (3, 11, 2), (3, 12, 3), (3, 15, 4), (2, 99, 5), (4, 1, 6), (4, 3, 7)] {
            view.apply(&event(epoch, n, peer_joined(peer)));
        }
        assert_eq!((view.event_gaps, view.event_repeats), (3, 2));
        assert_eq!(view.roster.len(), 5);
        assert_eq!((view.epoch, view.n), (Epoch(4), EventNumber(3)));
    }

    #[test]
    fn an_unpublished_track_leaves_its_slot() {
        let mut view = empty();
        let camera = track(1, 1, SourceKind::Camera);
        let slot = (SlotIndex(0), Half::Video);
        view.apply(&event(3, 11, ServerMessage::TrackPublished { track: camera.clone() }));
        view.bound.insert(slot, camera.track);
        let live =
            ServerMessage::SlotLive { slot: SlotIndex(0), kind: MediaKind::Video, track: camera.track, layer: None };
        view.apply(&ServerFrame { room: None, re: None, epoch: None, n: None, message: live });
        assert_eq!((view.is_live(camera.track), view.slot_of(camera.track)), (true, Some(slot)));
        view.apply(&event(3, 12, ServerMessage::TrackUnpublished { track: camera.track }));
        assert_eq!((view.is_live(camera.track), view.slot_of(camera.track)), (false, None));
        assert!(view.tracks.is_empty());
    }
}
