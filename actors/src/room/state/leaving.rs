//! Losing the socket, leaving, being put out, and the room's own end.
//!
//! **Invariant:** a ban and a closing are told to nobody before the store has them; who is out is out at once, media too.

use std::time::Duration;

use rookery_schemas::bus::RoomReply;
use rookery_schemas::error::ErrorCode;
use rookery_schemas::ids::{Attachment, PeerId, TrackId, UnixMillis};
use rookery_schemas::limits::AD_HOC_ENDS_AFTER;
use rookery_schemas::rows::{Banned, RoomRow};
use rookery_schemas::signal::{LeaveReason, Role, RoomClosedReason, ServerMessage};

use super::{Error, LATE_TICK, LEFT_MAX, RoomState, STORE_RETRY, answer, refuse};
use crate::now::Now;
use crate::room::effect::{AskId, DeskOp, DeskResult, Effect, Seated};
use crate::room::roster::Seat;

impl RoomState {
    pub(super) fn detach(
        &mut self,
        now: Now,
        ask: AskId,
        peer: PeerId,
        attachment: Attachment,
        out: &mut Vec<Effect>,
    ) -> Result<Result<(), ErrorCode>, Error> {
        if let Err(code) = self.seat(peer, attachment) {
            return Ok(Err(code));
        }
        if let Some(seat) = self.roster.get_mut(peer) {
            (seat.connected, seat.lapsed) = (false, false);
        }
        self.seat_changed(now, peer, out)?;
        answer(ask, RoomReply::Done, out);
        Ok(Ok(()))
    }

    pub(super) fn leave(
        &mut self,
        now: Now,
        ask: AskId,
        peer: PeerId,
        attachment: Attachment,
        out: &mut Vec<Effect>,
    ) -> Result<Result<(), ErrorCode>, Error> {
        if let Err(code) = self.seat(peer, attachment) {
            return Ok(Err(code));
        }
        self.unseat(now, peer, LeaveReason::Left, out)?;
        answer(ask, RoomReply::Done, out);
        Ok(Ok(()))
    }

    pub(super) fn kick(
        &mut self,
        ask: AskId,
        by: PeerId,
        attachment: Attachment,
        peer: PeerId,
        out: &mut Vec<Effect>,
    ) -> Result<(), ErrorCode> {
        self.host(by, attachment)?;
        let target = &self.roster.get(peer).ok_or(ErrorCode::PeerNotFound)?.info;
        if target.role == Role::Host {
            return Err(ErrorCode::Forbidden);
        }
        let who = target.user.map_or(Banned::Peer(peer), Banned::User);
        self.kicks.insert(ask, peer);
        out.push(Effect::Desk(DeskOp::Ban { ask, who }));
        Ok(())
    }

    pub(super) fn close(
        &mut self,
        now: Now,
        ask: AskId,
        by: PeerId,
        attachment: Attachment,
        out: &mut Vec<Effect>,
    ) -> Result<(), ErrorCode> {
        if let Some(code) = self.shut(now) {
            return Err(code);
        }
        self.host(by, attachment)?;
        self.closers.push(ask);
        self.begin_closing(now, RoomClosedReason::Host, out);
        Ok(())
    }

    /// Has the row read again, because it was changed elsewhere.
    pub(super) fn reread(&mut self, ask: Option<AskId>, out: &mut Vec<Effect>) {
        self.rereads += 1;
        self.reread_at = None;
        out.push(Effect::Desk(DeskOp::Row { ask }));
    }

    /// The row as it is stored now, or why it could not be read; then it is read again later.
    fn row_read(
        &mut self,
        now: Now,
        ask: Option<AskId>,
        found: Result<Option<Box<RoomRow>>, ErrorCode>,
        out: &mut Vec<Effect>,
    ) -> Result<(), Error> {
        self.rereads = self.rereads.saturating_sub(1);
        let row = match found {
            Ok(Some(row)) => *row,
            // Rows are never removed.
            Ok(None) => RoomRow { deleted: true, ..self.row.clone() },
            Err(code) => {
                self.reread_at = Some(now.elapsed + STORE_RETRY);
                ask.into_iter().for_each(|ask| refuse(ask, code, out));
                return Ok(());
            }
        };
        let before = self.info();
        let was_over = self.row.closed_at.is_some() || self.row.deleted;
        // A row that was read before the end was written must not undo it.
        let (closed_at, deleted) = (self.row.closed_at.or(row.closed_at), self.row.deleted || row.deleted);
        self.end_stored = row.expires_at;
        // An ad-hoc room's end is ours to say.
        let expires_at = if row.ad_hoc { self.row.expires_at } else { row.expires_at };
        self.row = RoomRow { closed_at, deleted, expires_at, ..row };
        let over = self.row.closed_at.is_some() || self.row.deleted;
        match self.shut(now) {
            Some(code) if over && !was_over => self.end_for_all(closed_reason(code), now, out)?,
            _ => {
                self.look_again(now, &before, out)?;
                self.expire(now, out);
                self.reconcile(now, out);
            }
        }
        ask.into_iter().for_each(|ask| answer(ask, RoomReply::Done, out));
        Ok(())
    }

    /// The sweep has found the room: past its end, or in use for so long that it looks unused.
    pub(crate) fn swept(&mut self, now: Now, out: &mut Vec<Effect>) {
        if self.row.expires_at.is_none() && !self.roster.is_empty() {
            self.touch(now, out);
        }
        self.expire(now, out);
    }

    /// Closes the room if its end has come.
    pub(crate) fn expire(&mut self, now: Now, out: &mut Vec<Effect>) {
        let due = self.row.expires_at.is_some_and(|end| end <= now.unix);
        let open = self.row.closed_at.is_none() && !self.row.deleted;
        if due && open && !self.draining && now.elapsed >= self.close_retry_at {
            self.begin_closing(now, RoomClosedReason::Expired, out);
        }
    }

    fn begin_closing(&mut self, now: Now, reason: RoomClosedReason, out: &mut Vec<Effect>) {
        if std::mem::replace(&mut self.closing, true) {
            return;
        }
        let at = now.unix;
        // The end that is known here is the stored one only where nobody else writes it.
        let moved = reason == RoomClosedReason::Expired && !self.row.ad_hoc;
        out.push(Effect::Desk(if moved { DeskOp::End { at } } else { DeskOp::Close { at, reason } }));
    }

    /// The desk has done something, or could not.
    ///
    /// # Errors
    /// [`Error`] if an event cannot be encoded.
    pub(crate) fn desk_did(&mut self, now: Now, result: DeskResult, out: &mut Vec<Effect>) -> Result<(), Error> {
        match result {
            DeskResult::Member { ask, found } => self.recognised(now, ask, found, out),
            DeskResult::Banned { ask, who, done } => self.banned(now, ask, who, done, out),
            DeskResult::Row { ask, found } => self.row_read(now, ask, found, out),
            DeskResult::Closed { at, reason, done } => self.closed(now, at, reason, done, out),
            DeskResult::NotOver => {
                self.closing = false;
                self.close_retry_at = now.elapsed + STORE_RETRY;
                self.reread(None, out);
                Ok(())
            }
            DeskResult::EndSet { expires_at, done } => {
                self.end_in_flight = false;
                match done {
                    Ok(()) => self.end_stored = expires_at,
                    Err(_) => self.end_retry_at = now.elapsed + STORE_RETRY,
                }
                self.reconcile(now, out);
                Ok(())
            }
        }
    }

    fn banned(
        &mut self,
        now: Now,
        ask: AskId,
        who: Banned,
        done: Result<(), ErrorCode>,
        out: &mut Vec<Effect>,
    ) -> Result<(), Error> {
        self.kicks.remove(&ask);
        if let Err(code) = done {
            refuse(ask, code, out);
            return Ok(());
        }
        let theirs = |info: &&rookery_schemas::signal::PeerInfo| match who {
            Banned::User(user) => info.user == Some(user),
            Banned::Peer(peer) => info.peer == peer,
        };
        let infos = self.roster.infos();
        for peer in infos.iter().filter(theirs).map(|info| info.peer) {
            if let Some(seat) = self.roster.get(peer) {
                let message = Box::new(ServerMessage::Kicked);
                out.push(Effect::Personal { peer, attachment: seat.attachment, message });
            }
            self.unseat(now, peer, LeaveReason::Kicked, out)?;
        }
        self.bans.insert(who);
        answer(ask, RoomReply::Done, out);
        Ok(())
    }

    fn closed(
        &mut self,
        now: Now,
        at: UnixMillis,
        reason: RoomClosedReason,
        done: Result<(), ErrorCode>,
        out: &mut Vec<Effect>,
    ) -> Result<(), Error> {
        self.closing = false;
        match done {
            Ok(()) => {
                self.row.closed_at = Some(self.row.closed_at.unwrap_or(at));
                self.end_for_all(reason, now, out)?;
                self.closers.drain(..).for_each(|ask| answer(ask, RoomReply::Done, out));
            }
            Err(code) => {
                self.close_retry_at = now.elapsed + STORE_RETRY;
                self.closers.drain(..).for_each(|ask| refuse(ask, code, out));
            }
        }
        Ok(())
    }

    /// The room is over: told once, and everyone is out.
    pub(super) fn end_for_all(
        &mut self,
        reason: RoomClosedReason,
        now: Now,
        out: &mut Vec<Effect>,
    ) -> Result<(), Error> {
        self.announce(ServerMessage::RoomClosed { reason }, out)?;
        for info in self.roster.infos() {
            self.roster.remove(info.peer);
            out.push(Effect::Unseat { peer: info.peer });
        }
        self.tracks.clear();
        self.publish_catalogue(out);
        self.empty_since = self.empty_since.or(Some(now.elapsed));
        out.push(Effect::Presence);
        Ok(())
    }

    /// Takes a peer out of the room.
    pub(super) fn unseat(
        &mut self,
        now: Now,
        peer: PeerId,
        reason: LeaveReason,
        out: &mut Vec<Effect>,
    ) -> Result<(), Error> {
        if self.roster.remove(peer).is_none() {
            return Ok(());
        }
        out.push(Effect::Unseat { peer });
        self.end_tracks_of(peer, out)?;
        self.announce(ServerMessage::PeerLeft { peer, reason }, out)?;
        self.repath(now, out)?;
        // One that was only lost may come back with its token; one that was put out is banned.
        if reason == LeaveReason::Left && self.left.len() < LEFT_MAX {
            self.left.insert(peer, now.elapsed);
        }
        if self.roster.is_empty() {
            self.empty_since = Some(now.elapsed);
            if self.row.ad_hoc && self.row.closed_at.is_none() {
                self.row.expires_at = Some(now.unix_after(AD_HOC_ENDS_AFTER));
            }
            self.reconcile(now, out);
        }
        out.push(Effect::Presence);
        Ok(())
    }

    pub(super) fn end_tracks_of(&mut self, peer: PeerId, out: &mut Vec<Effect>) -> Result<(), Error> {
        let mut ended: Vec<TrackId> = self.tracks.values().filter(|t| t.peer == peer).map(|t| t.track).collect();
        if ended.is_empty() {
            return Ok(());
        }
        ended.sort();
        self.tracks.retain(|_, track| track.peer != peer);
        self.publish_catalogue(out);
        for track in ended {
            self.announce(ServerMessage::TrackUnpublished { track }, out)?;
        }
        Ok(())
    }

    /// A gateway says that it holds these attachments' WebSockets, and whether their clients have fallen silent: the `n`th thing
    /// that it says of seats.
    ///
    /// # Errors
    /// [`Error`] if an event cannot be encoded.
    pub(crate) fn renewed(
        &mut self,
        now: Now,
        seats: &[(PeerId, Attachment)],
        (n, quiet): (u64, bool),
        out: &mut Vec<Effect>,
    ) -> Result<(), Error> {
        for (peer, attachment) in seats {
            let seat = self.roster.get_mut(*peer).filter(|seat| seat.attachment == *attachment);
            let hear = |seat: &mut Seat| if quiet { seat.fall_quiet() } else { seat.renew(now.elapsed) };
            if seat.is_some_and(|seat| seat.is_news(n) && hear(seat)) {
                self.seat_changed(now, *peer, out)?;
            }
        }
        Ok(())
    }

    /// Takes the WebSockets of silent gateways for gone. Nothing counts while this node's bus does not work, or from before
    /// it did, or from before a pause of ours: who was silent then was not heard through no fault of its own.
    pub(super) fn lapse(
        &mut self,
        now: Now,
        bus_works_since: Option<Duration>,
        out: &mut Vec<Effect>,
    ) -> Result<(), Error> {
        if now.elapsed.saturating_sub(self.ticked_at) >= LATE_TICK {
            self.lapses_from = now.elapsed;
        }
        self.ticked_at = now.elapsed;
        let Some(since) = bus_works_since else { return Ok(()) };
        for peer in self.roster.lapse(now.elapsed, since.max(self.lapses_from)) {
            tracing::info!(%peer, "a seat's gateway has fallen silent");
            self.seat_changed(now, peer, out)?;
        }
        Ok(())
    }

    /// A seat's fields were changed: tells others if they can see it, and its actor in any case.
    pub(super) fn seat_changed(&mut self, now: Now, peer: PeerId, out: &mut Vec<Effect>) -> Result<(), Error> {
        let Some(seat) = self.roster.get_mut(peer) else { return Ok(()) };
        let visible = seat.refresh(now.elapsed);
        let seated = Seated { info: seat.info.clone(), attachment: seat.attachment, connected: seat.connected };
        if visible {
            self.announce(ServerMessage::PeerUpdated { peer: seated.info.clone() }, out)?;
        }
        out.push(Effect::Seated(Box::new(seated)));
        self.repath(now, out)
    }
}

/// What is told to all when nobody can be in a room for this reason.
pub(super) fn closed_reason(code: ErrorCode) -> RoomClosedReason {
    match code {
        ErrorCode::RoomExpired => RoomClosedReason::Expired,
        ErrorCode::RoomNotFound => RoomClosedReason::Deleted,
        _ => RoomClosedReason::Host,
    }
}
