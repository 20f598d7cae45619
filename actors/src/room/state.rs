//! What a room is and decides: who is in, what is published, what is said, when it ends.
//!
//! Pure. Time comes in as an argument, what must be done goes out as [`Effect`]s, requests are [`AskId`]s.
//!
//! **Invariant:** whatever lasts (bans, closing, ends) is announced only after the desk has said that it is stored; every
//! ask is answered by exactly one [`Effect::Answer`].

mod entering;
mod facts;
mod leaving;
mod path;
mod restricting;
mod talking;

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use rookery_schemas::bus::{RoomCommand, RoomReply, Snapshot};
use rookery_schemas::error::{ErrorCode, Refusal};
use rookery_schemas::ids::{Attachment, Epoch, EventNumber, Incarnation, NodeId, PeerId, TrackId, UnixMillis};
use rookery_schemas::limits::AD_HOC_ENDS_AFTER;
use rookery_schemas::rows::{Banned, RoomRow};
use rookery_schemas::signal::{PeerInfo, Role, RoomKind, ServerMessage, SpeakerLevel, TrackInfo};

use super::chat::Chat;
use super::effect::{Activation, AskId, DeskOp, Effect, PeerReport};
use super::events::Events;
use super::roster::{Roster, Seat};
use super::tickets::Tickets;
use crate::catalogue::{Catalogue, Published};
use crate::now::Now;
use entering::Entry;
use path::Path;

/// An empty room is put away after this: long enough that a reload finds it warm.
pub(crate) const EMPTY_MAX: Duration = Duration::from_secs(60);

/// Between two tries to store the same thing while the store fails.
const STORE_RETRY: Duration = Duration::from_secs(5);

/// A tick, due each second, that comes so late says that this process stood still.
const LATE_TICK: Duration = Duration::from_secs(3);

/// Between two marks of last use; lists are ordered by it, and no one needs it finer.
const TOUCH_EVERY: Duration = Duration::from_secs(10);

/// Peers that left for good, remembered while their resume tokens could be valid.
const LEFT_KEPT: Duration = Duration::from_secs(600);

/// And how many of them; beyond it the newest leaver might resume, which costs nothing but a surprise.
const LEFT_MAX: usize = 10_000;

/// Why a room's state cannot go on.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// A message has no JSON form.
    #[error("a message cannot be encoded")]
    Encode(#[from] serde_json::Error),
}

/// The node that owns the room and has its media.
#[derive(Clone, Debug)]
pub(crate) struct Here {
    pub(crate) node: NodeId,
    pub(crate) incarnation: Incarnation,
}

/// One awake room under one epoch.
#[derive(Debug)]
pub(crate) struct RoomState {
    here: Here,
    row: RoomRow,
    epoch: Epoch,
    bans: HashSet<Banned>,
    roster: Roster,
    tracks: HashMap<TrackId, TrackInfo>,
    catalogue: Arc<Catalogue>,
    events: Events,
    tickets: Tickets,
    chat: Chat,
    path: Path,
    left: HashMap<PeerId, Duration>,
    entries: HashMap<AskId, Entry>,
    kicks: HashMap<AskId, PeerId>,
    closers: Vec<AskId>,
    closing: bool,
    close_retry_at: Duration,
    end_stored: Option<UnixMillis>,
    end_in_flight: bool,
    end_retry_at: Duration,
    /// The row is being read again.
    rereads: u32,
    /// When it is to be tried once more.
    reread_at: Option<Duration>,
    touched_at: Option<Duration>,
    ticked_at: Duration,
    /// Silence of gateways counts from here.
    lapses_from: Duration,
    empty_since: Option<Duration>,
    draining: bool,
}

impl RoomState {
    /// Wakes a room with what the store holds and with the peers that outlived its last actor.
    ///
    /// # Errors
    /// [`Error`] if an event cannot be encoded.
    pub(crate) fn wake(
        here: Here,
        found: Activation,
        reports: Vec<PeerReport>,
        now: Now,
        out: &mut Vec<Effect>,
    ) -> Result<Self, Error> {
        let Activation { row, epoch, bans, chat } = found;
        let mut room = Self {
            here,
            events: Events::new(row.id, epoch),
            chat: Chat::new(epoch, &chat, now),
            end_stored: row.expires_at,
            catalogue: Arc::new(Catalogue { allowed: row.allowed, ..Catalogue::default() }),
            row,
            epoch,
            bans,
            roster: Roster::default(),
            tracks: HashMap::new(),
            tickets: Tickets::default(),
            path: Path::under(epoch),
            left: HashMap::new(),
            entries: HashMap::new(),
            kicks: HashMap::new(),
            closers: Vec::new(),
            closing: false,
            close_retry_at: Duration::ZERO,
            end_in_flight: false,
            end_retry_at: Duration::ZERO,
            rereads: 0,
            reread_at: None,
            touched_at: None,
            ticked_at: now.elapsed,
            lapses_from: now.elapsed,
            empty_since: Some(now.elapsed),
            draining: false,
        };
        room.readopt(reports, now, out)?;
        if room.row.ad_hoc && room.roster.is_empty() && room.row.expires_at.is_none() {
            room.row.expires_at = Some(now.unix_after(AD_HOC_ENDS_AFTER));
        }
        room.reconcile(now, out);
        out.push(Effect::Presence);
        Ok(room)
    }

    /// Takes the peers of the room's last actor in again. The epoch is a new one, so everyone needs a snapshot: the first
    /// event of the epoch makes each gateway ask for one.
    fn readopt(&mut self, reports: Vec<PeerReport>, now: Now, out: &mut Vec<Effect>) -> Result<(), Error> {
        for report in reports {
            let PeerReport { seated, srtp, born, media, tracks } = report;
            let mut seat = Seat {
                // Who could before can still, but the room stays with the server.
                direct: false,
                link: None,
                info: seated.info,
                attachment: seated.attachment,
                srtp,
                connected: seated.connected,
                renewed_at: now.elapsed,
                renewal: 0,
                // Whoever is still there will say so.
                lapsed: !seated.connected,
                born: Some(born),
                media,
                spared_until: Duration::ZERO,
                absent_since: None,
            };
            seat.refresh(now.elapsed);
            self.roster.insert(seat);
            let allowed = tracks.into_iter().filter(|track| self.permits(track)).collect::<Vec<_>>();
            self.tracks.extend(allowed.into_iter().map(|track| (track.track, track)));
        }
        if self.roster.is_empty() {
            return Ok(());
        }
        self.latch();
        self.empty_since = None;
        if self.row.ad_hoc {
            self.row.expires_at = None;
        }
        self.publish_catalogue(out);
        if let Some(peer) = self.roster.infos().into_iter().next() {
            self.announce(ServerMessage::PeerUpdated { peer }, out)?;
        }
        if let Some(code) = self.shut(now) {
            let reason = leaving::closed_reason(code);
            self.end_for_all(reason, now, out)?;
        }
        Ok(())
    }

    /// One request.
    ///
    /// # Errors
    /// [`Error`] if an event cannot be encoded.
    pub(crate) fn command(
        &mut self,
        now: Now,
        ask: AskId,
        command: RoomCommand,
        out: &mut Vec<Effect>,
    ) -> Result<(), Error> {
        if self.draining && !matches!(command, RoomCommand::Leave { .. } | RoomCommand::Detach { .. }) {
            refuse(ask, ErrorCode::OwnerUnavailable, out);
            return Ok(());
        }
        let done = match command {
            RoomCommand::Activate => self.activate(now, ask, out),
            RoomCommand::Join { ticket, srtp, direct } => {
                self.join(now, ask, Entry::Join { ticket, srtp, direct }, out)?
            }
            RoomCommand::Resume { token, srtp, keep_media, direct, link, retake } => {
                self.resume(now, ask, Entry::Resume { token, srtp, keep_media, direct, link, retake }, out)?
            }
            RoomCommand::Detach { peer, attachment } => self.detach(now, ask, peer, attachment, out)?,
            RoomCommand::Leave { peer, attachment } => self.leave(now, ask, peer, attachment, out)?,
            RoomCommand::Chat { peer, attachment, message } => self.chat(now, ask, peer, attachment, message, out),
            RoomCommand::Direct { peer, attachment, message } => self.relay(ask, peer, attachment, message, out),
            RoomCommand::DirectFailed { peer, attachment, link } => {
                self.direct_failed(now, ask, (peer, attachment), link, out)?
            }
            RoomCommand::Kick { by, attachment, peer } => self.kick(ask, by, attachment, peer, out),
            RoomCommand::Close { by, attachment } => self.close(now, ask, by, attachment, out),
            RoomCommand::Changed => {
                self.reread(Some(ask), out);
                Ok(())
            }
            RoomCommand::Refill { epoch, after } => self.refill(ask, epoch, after, out),
        };
        if let Err(code) = done {
            refuse(ask, code, out);
        }
        Ok(())
    }

    /// Once a second: ends what is due and tries again what failed. `bus_works_since`: how long this node has been able to hear
    /// gateways; `None` while it is not.
    ///
    /// # Errors
    /// [`Error`] if an event cannot be encoded.
    pub(crate) fn tick(
        &mut self,
        now: Now,
        bus_works_since: Option<Duration>,
        out: &mut Vec<Effect>,
    ) -> Result<(), Error> {
        self.lapse(now, bus_works_since, out)?;
        for peer in self.roster.no_longer_spared(now.elapsed) {
            self.seat_changed(now, peer, out)?;
        }
        for (peer, reason) in self.roster.overdue(now.elapsed) {
            self.unseat(now, peer, reason, out)?;
        }
        for (ask, code) in self.chat.tick(now) {
            refuse(ask, code, out);
        }
        self.left.retain(|_, left| now.elapsed.saturating_sub(*left) < LEFT_KEPT);
        if self.reread_at.is_some_and(|at| now.elapsed >= at) {
            self.reread(None, out);
        }
        self.expire(now, out);
        self.reconcile(now, out);
        let quiet = self.entries.is_empty() && self.kicks.is_empty() && !self.closing && self.chat.is_idle();
        let settled = quiet && !self.end_in_flight && self.rereads == 0;
        if self.draining && settled && self.end_stored == self.row.expires_at {
            out.push(Effect::Drained);
        } else if settled && self.empty_since.is_some_and(|since| now.elapsed.saturating_sub(since) >= EMPTY_MAX) {
            out.push(Effect::Idle);
        }
        Ok(())
    }

    /// The node goes away: finish what is being stored, take nothing new. For an ad-hoc meeting that counts as leaving.
    pub(crate) fn drain(&mut self, now: Now, out: &mut Vec<Effect>) {
        if !self.draining && self.row.ad_hoc && !self.roster.is_empty() {
            self.row.expires_at = Some(now.unix_after(AD_HOC_ENDS_AFTER));
        }
        self.draining = true;
        self.reconcile(now, out);
    }

    /// Who speaks, to everyone and without a number.
    ///
    /// # Errors
    /// [`Error`] if it cannot be encoded.
    pub(crate) fn speakers(
        &self,
        levels: Vec<SpeakerLevel>,
        active: Option<TrackId>,
        out: &mut Vec<Effect>,
    ) -> Result<(), Error> {
        let levels = levels.into_iter().filter(|level| self.tracks.contains_key(&level.track)).collect();
        let active = active.filter(|track| self.tracks.contains_key(track));
        out.push(Effect::Publish(self.events.unnumbered(ServerMessage::Speakers { levels, active })?));
        Ok(())
    }

    /// People inside.
    pub(crate) fn peers(&self) -> usize {
        self.roster.len()
    }

    /// The first few names, longest inside first.
    pub(crate) fn names(&self, count: usize) -> Vec<String> {
        self.roster.infos().into_iter().take(count).map(|info| info.display_name).collect()
    }

    fn activate(&self, now: Now, ask: AskId, out: &mut Vec<Effect>) -> Result<(), ErrorCode> {
        if let Some(code) = self.shut(now) {
            return Err(code);
        }
        let peers = u32::try_from(self.roster.len()).unwrap_or(u32::MAX);
        answer(ask, RoomReply::Active { epoch: self.epoch, peers, peers_max: self.row.peers_max }, out);
        Ok(())
    }

    fn refill(&self, ask: AskId, epoch: Epoch, after: EventNumber, out: &mut Vec<Effect>) -> Result<(), ErrorCode> {
        let reply = match self.events.since(epoch, after) {
            Some(frames) => RoomReply::Events { frames },
            None => RoomReply::Snapshot(Box::new(self.snapshot())),
        };
        answer(ask, reply, out);
        Ok(())
    }

    fn snapshot(&self) -> Snapshot {
        let mut tracks: Vec<TrackInfo> = self.tracks.values().cloned().collect();
        tracks.sort_by_key(|track| (track.peer, track.track));
        Snapshot {
            room: self.info(),
            epoch: self.epoch,
            n: self.events.last(),
            roster: self.roster.infos(),
            tracks,
            path: self.path.way,
            last_seq: self.chat.last(),
        }
    }

    /// Why nobody can be in this room any more, if so.
    fn shut(&self, now: Now) -> Option<ErrorCode> {
        if self.row.deleted {
            return Some(ErrorCode::RoomNotFound);
        }
        let expired_by = |at: UnixMillis| self.row.expires_at.is_some_and(|end| end <= at);
        match self.row.closed_at {
            Some(at) if expired_by(at) => Some(ErrorCode::RoomExpired),
            Some(_) => Some(ErrorCode::RoomClosed),
            None if expired_by(now.unix) && !self.draining => Some(ErrorCode::RoomExpired),
            None => None,
        }
    }

    fn takes_media(&self) -> bool {
        self.row.kind != RoomKind::Chat
    }

    /// The seat that an attachment speaks for.
    fn seat(&self, peer: PeerId, attachment: Attachment) -> Result<&Seat, ErrorCode> {
        let seat = self.roster.get(peer).ok_or(ErrorCode::NotJoined)?;
        if attachment < seat.attachment {
            return Err(ErrorCode::Superseded);
        }
        Ok(seat)
    }

    fn host(&self, peer: PeerId, attachment: Attachment) -> Result<&PeerInfo, ErrorCode> {
        let info = &self.seat(peer, attachment)?.info;
        if info.role < Role::Host { Err(ErrorCode::Forbidden) } else { Ok(info) }
    }

    fn announce(&mut self, message: ServerMessage, out: &mut Vec<Effect>) -> Result<(), Error> {
        out.push(Effect::Publish(self.events.number(message)?));
        Ok(())
    }

    fn publish_catalogue(&mut self, out: &mut Vec<Effect>) {
        let brief = |track: &TrackInfo| (track.track, Published { peer: track.peer, kind: track.kind });
        let tracks = self.tracks.values().map(brief).collect();
        self.catalogue = Arc::new(Catalogue { tracks, allowed: self.row.allowed });
        out.push(Effect::Catalogue(Arc::clone(&self.catalogue)));
    }

    /// Stores what differs from what is stored, unless that is under way or has just failed.
    fn reconcile(&mut self, now: Now, out: &mut Vec<Effect>) {
        let differs = self.row.ad_hoc && self.row.closed_at.is_none() && self.row.expires_at != self.end_stored;
        if differs && !self.end_in_flight && now.elapsed >= self.end_retry_at {
            self.end_in_flight = true;
            out.push(Effect::Desk(DeskOp::SetEnd { expires_at: self.row.expires_at }));
        }
    }

    fn touch(&mut self, now: Now, out: &mut Vec<Effect>) {
        if self.touched_at.is_none_or(|at| now.elapsed.saturating_sub(at) >= TOUCH_EVERY) {
            self.touched_at = Some(now.elapsed);
            out.push(Effect::Desk(DeskOp::Touch { at: now.unix }));
        }
    }
}

fn answer(ask: AskId, reply: RoomReply, out: &mut Vec<Effect>) {
    out.push(Effect::Answer { ask, answer: Box::new(Ok(reply)) });
}

fn refuse(ask: AskId, code: ErrorCode, out: &mut Vec<Effect>) {
    out.push(Effect::Answer { ask, answer: Box::new(Err(Refusal::new(code))) });
}

#[cfg(test)]
mod tests;
