//! Which connection and track is whose: what turns media events into news for peers and the room.
//!
//! Pure. What must be done goes out as [`Effect`]s.
//!
//! **Invariant:** after a failure everything here can be learned from the peers again, and repeating an order changes
//! nothing in the media plane.

use std::collections::{HashMap, HashSet};

use rookery_media::{ConnectionId, Event, SlotKey};
use rookery_schemas::ids::{PeerId, TrackId};
use rookery_schemas::signal::{MediaKind, SpeakerLevel};

use crate::peer::Bound;

/// What a peer wants of the media plane.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum RouterOrder {
    /// A connection is about to be opened.
    Opened { peer: PeerId, connection: ConnectionId },
    /// A connection is given up: its media stops now.
    Closed(ConnectionId),
    /// A track's m-line is negotiated.
    Publish { connection: ConnectionId, mid: String, track: TrackId, peer: PeerId, kind: MediaKind, muted: bool },
    /// A track ended.
    Unpublish(TrackId),
    /// A track was muted or unmuted.
    Mute { track: TrackId, muted: bool },
    /// A slot carries another track, another size, or nothing.
    Bind { connection: ConnectionId, slot: SlotKey, bound: Option<Bound> },
}

/// All that a peer knows, for a router that starts anew.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Learned {
    pub(crate) peer: PeerId,
    pub(crate) connections: Vec<ConnectionId>,
    pub(crate) orders: Vec<RouterOrder>,
}

/// What the shell must do.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Effect {
    /// Give the media plane an order.
    Order(RouterOrder),
    /// Tell a peer what happened.
    Tell(PeerId, Event),
    /// Tell the room who is heard.
    Speakers { levels: Vec<SpeakerLevel>, active: Option<TrackId> },
}

/// The routes of one room.
#[derive(Debug)]
pub(super) struct RouterState {
    /// Peers that outlived the last router and have not told what they know.
    awaited: HashSet<PeerId>,
    connections: HashMap<ConnectionId, PeerId>,
    tracks: HashMap<TrackId, PeerId>,
    levels: Vec<(TrackId, u8)>,
    active: Option<TrackId>,
}

impl RouterState {
    pub(super) fn new(awaited: HashSet<PeerId>) -> Self {
        Self { awaited, connections: HashMap::new(), tracks: HashMap::new(), levels: Vec::new(), active: None }
    }

    /// True if events can be told to whom they are about.
    pub(super) fn knows_all(&self) -> bool {
        self.awaited.is_empty()
    }

    /// Waits for no peer any longer.
    pub(super) fn wait_no_more(&mut self) {
        self.awaited.clear();
    }

    pub(super) fn order(&mut self, order: RouterOrder, out: &mut Vec<Effect>) {
        match &order {
            RouterOrder::Opened { peer, connection } => {
                self.connections.insert(*connection, *peer);
                return;
            }
            RouterOrder::Closed(connection) => {
                self.connections.remove(connection);
            }
            RouterOrder::Publish { track, peer, .. } => {
                self.tracks.insert(*track, *peer);
            }
            RouterOrder::Unpublish(track) => {
                self.tracks.remove(track);
            }
            RouterOrder::Mute { .. } | RouterOrder::Bind { .. } => {}
        }
        out.push(Effect::Order(order));
    }

    /// A peer has told what it knows; the orders are given again, since the last router may have failed over one.
    pub(super) fn learned(&mut self, learned: Learned, out: &mut Vec<Effect>) {
        let Learned { peer, connections, orders } = learned;
        self.awaited.remove(&peer);
        self.connections.extend(connections.into_iter().map(|connection| (connection, peer)));
        orders.into_iter().for_each(|order| self.order(order, out));
    }

    /// A peer has left or failed: its media stops now.
    pub(super) fn peer_gone(&mut self, peer: PeerId, out: &mut Vec<Effect>) {
        self.awaited.remove(&peer);
        self.tracks.retain(|_, of| *of != peer);
        let mut theirs: Vec<_> = self.connections.iter().filter(|(_, of)| **of == peer).map(|(c, _)| *c).collect();
        theirs.sort();
        theirs.into_iter().for_each(|connection| self.order(RouterOrder::Closed(connection), out));
    }

    /// What the media plane says, in its order.
    pub(super) fn events(&mut self, events: Vec<Event>, out: &mut Vec<Effect>) {
        let mut heard = false;
        for event in events {
            let peer = match &event {
                Event::Connected { connection, .. }
                | Event::Silent { connection }
                | Event::Heard { connection }
                | Event::SlotLive { connection, .. }
                | Event::SlotIdle { connection, .. } => self.connections.get(connection),
                Event::TrackStarted { track, .. } => self.tracks.get(track),
                Event::Levels { levels } => {
                    self.levels.clone_from(levels);
                    heard = true;
                    continue;
                }
                Event::ActiveSpeaker { track } => {
                    self.active = *track;
                    heard = true;
                    continue;
                }
            };
            out.extend(peer.map(|peer| Effect::Tell(*peer, event)));
        }
        if heard {
            let level = |(track, level): &(TrackId, u8)| {
                self.tracks.get(track).map(|peer| SpeakerLevel { track: *track, peer: *peer, level: *level })
            };
            let levels = self.levels.iter().filter_map(level).collect();
            out.push(Effect::Speakers { levels, active: self.active });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rookery_schemas::signal::Codec;
    use uuid::Uuid;

    fn peer(n: u128) -> PeerId {
        PeerId(Uuid::from_u128(n))
    }

    fn track(n: u128) -> TrackId {
        TrackId(Uuid::from_u128(n))
    }

    fn publish(of: u128, connection: u64) -> RouterOrder {
        let (connection, track, kind) = (ConnectionId(connection), track(of), MediaKind::Audio);
        RouterOrder::Publish { connection, mid: "0".into(), track, peer: peer(of), kind, muted: false }
    }

    fn router() -> RouterState {
        let mut router = RouterState::new(HashSet::new());
        let mut out = Vec::new();
        for n in [1_u8, 2] {
            router.order(RouterOrder::Opened { peer: peer(n.into()), connection: ConnectionId(n.into()) }, &mut out);
            router.order(publish(n.into(), n.into()), &mut out);
        }
        assert_eq!(out, [Effect::Order(publish(1, 1)), Effect::Order(publish(2, 2))]);
        router
    }

    #[test]
    fn events_go_to_whom_they_are_about() {
        let mut router = router();
        let mut out = Vec::new();
        let silent = Event::Silent { connection: ConnectionId(2) };
        let started = Event::TrackStarted { track: track(1), codec: Codec::Opus };
        let stranger = Event::Silent { connection: ConnectionId(9) };
        let levels = Event::Levels { levels: vec![(track(2), 90), (track(9), 80), (track(1), 70)] };
        let active = Event::ActiveSpeaker { track: Some(track(2)) };
        router.events(vec![silent.clone(), levels, started.clone(), stranger, active], &mut out);
        let level = |n, level| SpeakerLevel { track: track(n), peer: peer(n), level };
        let speakers = Effect::Speakers { levels: vec![level(2, 90), level(1, 70)], active: Some(track(2)) };
        assert_eq!(out, [Effect::Tell(peer(2), silent), Effect::Tell(peer(1), started), speakers]);
    }

    #[test]
    fn who_is_gone_is_closed_and_unheard() {
        let mut router = router();
        let mut out = Vec::new();
        router.peer_gone(peer(1), &mut out);
        assert_eq!(out, [Effect::Order(RouterOrder::Closed(ConnectionId(1)))]);
        out.clear();
        router.events(vec![Event::Silent { connection: ConnectionId(1) }], &mut out);
        router.peer_gone(peer(1), &mut out);
        assert_eq!(out, []);
    }

    #[test]
    fn a_new_router_learns_everything_and_repeats_the_orders() {
        let mut router = RouterState::new(HashSet::from([peer(1), peer(2)]));
        let mut out = Vec::new();
        let orders = vec![RouterOrder::Unpublish(track(7)), publish(1, 1)];
        router.learned(Learned { peer: peer(1), connections: vec![ConnectionId(1)], orders: orders.clone() }, &mut out);
        assert_eq!(out, orders.into_iter().map(Effect::Order).collect::<Vec<_>>());
        assert!(!router.knows_all());
        router.peer_gone(peer(2), &mut out);
        assert!(router.knows_all());
        out.clear();
        let silent = Event::Silent { connection: ConnectionId(1) };
        router.events(vec![silent.clone()], &mut out);
        assert_eq!(out, [Effect::Tell(peer(1), silent)]);
    }
}
