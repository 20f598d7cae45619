//! A room before it is awake: what was asked of it, and what the peers that outlived its last actor report.
//!
//! **Invariant:** a room wakes only when the store has answered and every expected peer has reported, failed, or let the
//! time pass.

use std::collections::HashMap;

use rookery_schemas::bus::RoomCommand;
use rookery_schemas::ids::{Attachment, PeerId};

use super::effect::{Activation, AskId, PeerFact, PeerReport};

/// What is collected until the room can wake.
#[derive(Debug, Default)]
pub(super) struct Waking {
    /// In their order; each holds a permit.
    requests: Vec<(AskId, RoomCommand)>,
    expected: HashMap<PeerId, Attachment>,
    reports: HashMap<PeerId, PeerReport>,
    found: Option<Activation>,
}

/// All that a room needs to wake.
#[derive(Debug)]
pub(super) struct Ready {
    pub(super) found: Activation,
    pub(super) reports: Vec<PeerReport>,
    pub(super) requests: Vec<(AskId, RoomCommand)>,
}

impl Waking {
    /// Begins, with the peers that are alive.
    pub(super) fn new(expected: HashMap<PeerId, Attachment>) -> Self {
        Self { expected, ..Self::default() }
    }

    /// True if there are people inside, as far as is known.
    pub(super) fn has_peers(&self) -> bool {
        !self.expected.is_empty() || !self.reports.is_empty()
    }

    pub(super) fn request(&mut self, ask: AskId, command: RoomCommand) {
        self.requests.push((ask, command));
    }

    /// Those who wait for the room.
    pub(super) fn take_requests(&mut self) -> Vec<(AskId, RoomCommand)> {
        std::mem::take(&mut self.requests)
    }

    pub(super) fn report(&mut self, report: PeerReport) {
        let peer = report.seated.info.peer;
        self.expected.remove(&peer);
        self.reports.insert(peer, report);
    }

    /// A fact that comes after its peer's report changes it; one that comes before is contained in it.
    pub(super) fn fact(&mut self, peer: PeerId, born: Attachment, fact: PeerFact) {
        let Some(report) = self.reports.get_mut(&peer).filter(|report| report.born == born) else { return };
        match fact {
            PeerFact::Announced(track) | PeerFact::Changed(track) => {
                report.tracks.retain(|known| known.track != track.track);
                report.tracks.push(track);
            }
            PeerFact::Ended(track) => report.tracks.retain(|known| known.track != track),
            PeerFact::Media(media) => report.media = media,
        }
    }

    pub(super) fn peer_failed(&mut self, peer: PeerId) {
        self.expected.remove(&peer);
        self.reports.remove(&peer);
    }

    /// Waits for no more reports.
    pub(super) fn reports_due(&mut self) {
        self.expected.clear();
    }

    pub(super) fn found(&mut self, found: Activation) {
        self.found = Some(found);
    }

    /// Everything, once it is there.
    pub(super) fn ready(&mut self) -> Option<Ready> {
        if !self.expected.is_empty() {
            return None;
        }
        let found = self.found.take()?;
        let mut reports: Vec<_> = self.reports.drain().map(|(_, report)| report).collect();
        reports.sort_by_key(|report| (report.seated.info.joined_at, report.seated.info.peer));
        Some(Ready { found, reports, requests: self.take_requests() })
    }
}
