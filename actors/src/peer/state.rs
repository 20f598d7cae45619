//! What a peer is and decides: its two connections, what it publishes, what it watches.
//!
//! Pure. Time comes in as an argument, what must be done goes out as [`Effect`]s.
//!
//! **Invariant:** a track is announced only once its m-line is negotiated; an outcome or event of a connection that is no
//! longer this peer's changes nothing; every ask is answered exactly once.

mod links;
mod publishing;
mod watching;

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use rookery_media::{ConnectionId, Event};
use rookery_schemas::bus::RoomReply;
use rookery_schemas::error::{ErrorCode, Refusal};
use rookery_schemas::ids::{Attachment, PeerId, TrackId};
use rookery_schemas::signal::{ClientMessage, Connection, IceCandidate, MediaKind, ServerMessage, SrtpProfile};

use super::effect::{AskId, Effect, Op, Outcome};
use super::negotiation::Negotiating;
use super::slots::Slots;
use crate::catalogue::Catalogue;
use crate::env::FreshIds;
use crate::now::Now;
use crate::room::{MediaHealth, PeerReport, Seated, Seating};
use crate::router::{Learned, RouterOrder};
use crate::transport::{TransportError, TransportEvent};
use links::{CONNECTION_LOST, Gone, Link};
use publishing::Publication;

/// Characters of a candidate: host names included they are under 300.
const CANDIDATE_CHARS_MAX: usize = 1_024;

/// Tracks ended lately, told to a router that starts anew: it may have failed over one.
const ENDED_KEPT: usize = 16;

/// One participant's side of the server.
#[derive(Debug)]
pub(crate) struct PeerState {
    seated: Seated,
    srtp: SrtpProfile,
    born: Attachment,
    takes_media: bool,
    catalogue: Arc<Catalogue>,
    publish: Option<Link>,
    lines: Vec<(String, MediaKind)>,
    publications: HashMap<TrackId, Publication>,
    ended: VecDeque<TrackId>,
    subscribe: Option<Link>,
    /// The subscribe connection was lost or closed: the next one is made when the client asks or attaches again.
    subscribe_held: bool,
    slots: Slots,
    negotiating: Negotiating,
    health: MediaHealth,
}

impl PeerState {
    /// A peer that has just been given a seat.
    pub(crate) fn new(seating: Seating, ids: &dyn FreshIds, out: &mut Vec<Effect>) -> Self {
        let Seating { seated, srtp, catalogue, takes_media, .. } = seating;
        let mut peer = Self {
            born: seated.attachment,
            seated,
            srtp,
            takes_media,
            catalogue,
            publish: None,
            lines: Vec::new(),
            publications: HashMap::new(),
            ended: VecDeque::new(),
            subscribe: None,
            subscribe_held: false,
            slots: Slots::default(),
            negotiating: Negotiating::new(),
            health: MediaHealth::default(),
        };
        peer.make_room(ids, out);
        peer
    }

    /// The newest attachment: where personal messages go.
    pub(crate) fn attachment(&self) -> Attachment {
        self.seated.attachment
    }

    /// Who this is, and at which attachment its actor was made.
    pub(crate) fn identity(&self) -> (PeerId, Attachment) {
        (self.seated.info.peer, self.born)
    }

    /// A newer attachment takes over.
    pub(crate) fn attach(&mut self, now: Now, seating: Seating, ids: &dyn FreshIds, out: &mut Vec<Effect>) {
        self.seated = seating.seated;
        self.catalogue = seating.catalogue;
        self.subscribe_held = false;
        if seating.keep_media {
            if let Some(offer) = self.negotiating.tell_again(now.elapsed) {
                out.push(personal(ServerMessage::SubscribeOffer(offer)));
            }
            if !self.health.up {
                // It was when the room answered, and has failed since.
                out.push(personal(ServerMessage::Reattach { reason: CONNECTION_LOST.to_owned() }));
            }
        } else {
            self.give_up(Connection::Publish, Gone::Quietly, out);
            self.give_up(Connection::Subscribe, Gone::Quietly, out);
            self.end_all(out);
            self.subscribe_held = false;
            self.srtp = seating.srtp;
        }
        self.end_forbidden(out);
        self.make_room(ids, out);
    }

    /// The seat changed.
    pub(crate) fn seated(&mut self, seated: Seated, out: &mut Vec<Effect>) {
        self.seated = seated;
        self.end_forbidden(out);
    }

    /// What is published changed.
    pub(crate) fn catalogue(&mut self, catalogue: Arc<Catalogue>, ids: &dyn FreshIds, out: &mut Vec<Effect>) {
        self.catalogue = catalogue;
        self.end_forbidden(out);
        self.slots.keep_published(&self.catalogue);
        self.make_room(ids, out);
    }

    /// One request of the client.
    pub(crate) fn request(
        &mut self,
        now: Now,
        ask: AskId,
        request: (Attachment, ClientMessage),
        ids: &dyn FreshIds,
        out: &mut Vec<Effect>,
    ) {
        let (attachment, message) = request;
        let done = if attachment < self.seated.attachment {
            Err(ErrorCode::Superseded.into())
        } else if !self.takes_media {
            Err(ErrorCode::KindRefusesMedia.into())
        } else {
            match message {
                ClientMessage::Offer { sdp } => self.offer(ask, sdp, ids, out),
                ClientMessage::Answer { negotiation, sdp } => self.answer(ask, negotiation, sdp, out),
                ClientMessage::Candidate(candidate) => self.candidate(ask, candidate, out),
                ClientMessage::Publish(publish) => self.publish(now, ask, publish, ids, out),
                ClientMessage::Unpublish { track } => self.unpublish(ask, track, out),
                ClientMessage::Mute { track, muted } => self.mute(ask, track, muted, out),
                ClientMessage::Subscribe(subscribe) => self.subscribe(ask, subscribe, out),
                ClientMessage::Unsubscribe(unsubscribe) => self.unsubscribe(ask, unsubscribe, out),
                ClientMessage::Slots { pairs } => self.want_slots(ask, pairs, ids, out),
                ClientMessage::RestartIce => self.restart_ice(now, ask, out),
                _ => Err(Refusal::because(ErrorCode::Invalid, "This message is not about media.")),
            }
        };
        if let Err(refusal) = done {
            out.push(Effect::Answer { ask, answer: Box::new(Err(refusal)) });
        }
    }

    /// An operation has ended.
    pub(crate) fn done(&mut self, now: Now, outcome: Outcome, out: &mut Vec<Effect>) {
        match outcome {
            Outcome::Answered { connection, ask, result } => match result {
                Ok(answered) if self.is(Connection::Publish, connection) => self.answered(ask, answered, out),
                Ok(_) => refuse(ask, ErrorCode::Superseded, out),
                Err(error) => self.op_failed(Connection::Publish, connection, ask, &error, out),
            },
            Outcome::Offered { connection, result } => self.offered(now, connection, result, out),
            Outcome::Accepted { connection, ask, result } => match result {
                Ok(slots) if self.is(Connection::Subscribe, connection) => self.accepted(ask, &slots, out),
                Ok(_) => refuse(ask, ErrorCode::NegotiationStale, out),
                Err(error) => {
                    if self.is(Connection::Subscribe, connection) {
                        self.negotiating.refused();
                    }
                    self.op_failed(Connection::Subscribe, connection, ask, &error, out);
                }
            },
            Outcome::Candidate { ask, result } => match result {
                Err(TransportError::Sdp(_)) => refuse(ask, ErrorCode::SdpRefused, out),
                // Of a connection that is gone it is of no use, and no harm.
                Ok(()) | Err(_) => ok(ask, out),
            },
        }
    }

    /// A connection's own news.
    pub(crate) fn transport(&mut self, connection: ConnectionId, event: &TransportEvent, out: &mut Vec<Effect>) {
        let Some(kind) = self.kind_of(connection) else { return };
        match event {
            TransportEvent::Connected => self.link_changed(connection, |link| link.connected = true, out),
            TransportEvent::SrtpProfileRefused => self.give_up(kind, Gone::Profile, out),
            TransportEvent::ClosedByClient => self.give_up(kind, Gone::Quietly, out),
            TransportEvent::Failed(_) => self.give_up(kind, Gone::Failed, out),
        }
    }

    /// News of the media plane about this peer's connections and tracks.
    pub(crate) fn media(&mut self, event: &Event, out: &mut Vec<Effect>) {
        match event {
            Event::Connected { connection, .. } => {
                let up = |link: &mut Link| {
                    link.connected = true;
                    link.silent = false;
                };
                self.link_changed(*connection, up, out);
            }
            Event::Silent { connection } => self.link_changed(*connection, |link| link.silent = true, out),
            Event::Heard { connection } => self.link_changed(*connection, |link| link.silent = false, out),
            Event::TrackStarted { track, codec } => self.started(*track, *codec, out),
            Event::SlotLive { connection, slot, track, layer } if self.is(Connection::Subscribe, *connection) => {
                let layer = layer.as_deref().map(str::to_owned);
                out.push(personal(ServerMessage::SlotLive { slot: slot.index, kind: slot.kind, track: *track, layer }));
            }
            Event::SlotIdle { connection, slot } if self.is(Connection::Subscribe, *connection) => {
                out.push(personal(ServerMessage::SlotIdle { slot: slot.index, kind: slot.kind }));
            }
            Event::SlotLive { .. } | Event::SlotIdle { .. } | Event::Levels { .. } | Event::ActiveSpeaker { .. } => {}
        }
    }

    /// When [`PeerState::wake`] should be called.
    pub(crate) fn deadline(&self) -> Option<Duration> {
        let publications = self.publications.values().filter_map(Publication::deadline);
        publications.chain(self.negotiating.deadline()).min()
    }

    /// Does what is due.
    pub(crate) fn wake(&mut self, now: Now, out: &mut Vec<Effect>) {
        self.drop_unnegotiated(now, out);
        if let Some(offer) = self.negotiating.due(now.elapsed) {
            out.push(personal(ServerMessage::SubscribeOffer(offer)));
        }
    }

    /// Everything, for a room that starts anew.
    pub(crate) fn report(&self) -> PeerReport {
        let announced = self.publications.values().filter(|publication| publication.live);
        PeerReport {
            seated: self.seated.clone(),
            srtp: self.srtp,
            born: self.born,
            media: self.health,
            tracks: announced.map(|publication| publication.track.clone()).collect(),
        }
    }

    /// Everything, for a router that starts anew.
    pub(crate) fn relearn(&self) -> Learned {
        let links = [self.publish, self.subscribe];
        let mut orders: Vec<RouterOrder> = self.ended.iter().map(|track| RouterOrder::Unpublish(*track)).collect();
        if let Some(link) = self.publish {
            let live = self.publications.values().filter(|publication| publication.live);
            // A track that is there already is not published again, so its muting is ordered by itself.
            orders.extend(live.flat_map(|publication| publication.orders(link.connection)));
        }
        if let Some(Link { connection, .. }) = self.subscribe {
            let bind = |(slot, bound)| RouterOrder::Bind { connection, slot, bound };
            orders.extend(self.slots.all().into_iter().map(bind));
        }
        Learned {
            peer: self.seated.info.peer,
            connections: links.iter().flatten().map(|link| link.connection).collect(),
            orders,
        }
    }

    fn candidate(&mut self, ask: AskId, candidate: IceCandidate, out: &mut Vec<Effect>) -> Result<(), Refusal> {
        let IceCandidate { connection: kind, candidate, .. } = candidate;
        if candidate.len() > CANDIDATE_CHARS_MAX {
            return Err(ErrorCode::TooLarge.into());
        }
        match self.link(kind) {
            Some(Link { connection, .. }) if !candidate.is_empty() => {
                out.push(Effect::Op(Op::Candidate { connection, ask, candidate }));
            }
            // The end of candidates, or a connection that is gone or not there yet.
            _ => ok(ask, out),
        }
        Ok(())
    }
}

fn personal(message: ServerMessage) -> Effect {
    Effect::Personal(Box::new(message))
}

fn reply(ask: AskId, message: ServerMessage, out: &mut Vec<Effect>) {
    out.push(Effect::Answer { ask, answer: Box::new(Ok(RoomReply::Message(message))) });
}

fn ok(ask: AskId, out: &mut Vec<Effect>) {
    reply(ask, ServerMessage::Ok, out);
}

fn refuse(ask: AskId, code: ErrorCode, out: &mut Vec<Effect>) {
    out.push(Effect::Answer { ask, answer: Box::new(Err(code.into())) });
}

#[cfg(test)]
mod tests;
