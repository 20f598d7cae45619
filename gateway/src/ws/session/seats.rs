//! Joining, resuming, and what becomes of them.
//!
//! **Invariant:** a seat is taken only for who the socket belongs to, and only by a ticket or token of ours.

use std::sync::Arc;

use futures_util::FutureExt;
use rookery_schemas::bus::{RoomCommand, SeatRef, Snapshot};
use rookery_schemas::error::{ErrorCode, Refusal};
use rookery_schemas::ids::RoomId;
use rookery_schemas::limits::ROOMS_PER_SOCKET_MAX;
use rookery_schemas::signal::{JoinRoom, ResumeRoom, ServerMessage};

use super::super::WsDeps;
use super::super::chores::mark_seats;
use super::super::close::Cut;
use super::super::frames;
use super::super::link::Link;
use super::super::metrics::JoinPhase;
use super::super::seat::{self, Asking, Media, Seated};
use super::{Identity, Outcome, Session, Source};

impl Session {
    pub(super) fn start_join(&mut self, re: Option<u32>, room: Option<RoomId>, join: JoinRoom) {
        match self.judge_join(room, join) {
            Ok(asking) => {
                self.deps.metrics.join(JoinPhase::Present, None);
                self.take_seat(re, asking, false);
            }
            Err((room, refusal)) => {
                self.deps.metrics.join(JoinPhase::Present, Some(refusal.code));
                self.refuse(room, re, refusal);
            }
        }
    }

    fn judge_join(&self, named: Option<RoomId>, join: JoinRoom) -> Result<Asking, (Option<RoomId>, Refusal)> {
        let refused = |room, code| Err((room, Refusal::new(code)));
        let (room, ticket) = self.deps.tokens.verify_join_ticket(&join.ticket).map_err(|refusal| (named, refusal))?;
        if named.is_some_and(|named| named != room) || ticket.user != self.who.and_then(|who| who.user) {
            return refused(named, ErrorCode::TicketInvalid);
        }
        if self.links.contains_key(&room) || self.seating.contains(&room) {
            return refused(Some(room), ErrorCode::AlreadyJoined);
        }
        if self.links.len() + self.seating.len() >= ROOMS_PER_SOCKET_MAX {
            return refused(Some(room), ErrorCode::TooMany);
        }
        let direct = join.direct && self.deps.config.direct;
        Ok(Asking::join(
            room,
            ticket,
            self.who.and_then(|who| who.family),
            Media { srtp: join.srtp, direct, link: None, keep: false },
        ))
    }

    pub(super) fn start_resume(&mut self, re: Option<u32>, room: Option<RoomId>, resume: ResumeRoom) {
        match self.judge_resume(room, resume) {
            Ok(asking) => {
                self.deps.metrics.join(JoinPhase::Present, None);
                if let Some(link) = self.links.get_mut(&asking.sitter.room) {
                    link.resuming = true;
                }
                self.take_seat(re, asking, true);
            }
            Err((room, refusal)) => {
                self.deps.metrics.join(JoinPhase::Present, Some(refusal.code));
                if self.who.is_none() {
                    self.cut.get_or_insert(Cut::Because(refusal.code));
                }
                self.refuse(room, re, refusal);
            }
        }
    }

    fn judge_resume(&mut self, named: Option<RoomId>, resume: ResumeRoom) -> Result<Asking, (Option<RoomId>, Refusal)> {
        let refused = |room, code| Err((room, Refusal::new(code)));
        let (room, token) = self.deps.tokens.verify_resume_token(&resume.token).map_err(|refusal| (named, refusal))?;
        if named.is_some_and(|named| named != room) {
            return refused(named, ErrorCode::ResumeRefused);
        }
        match self.who {
            Some(who) if who.user != token.user => return refused(Some(room), ErrorCode::ResumeRefused),
            Some(_) => {}
            None => {
                if let Some(user) = token.user
                    && let Err(code) = self.pass.belongs_to(user, token.family, self.id, &self.deps.config)
                {
                    return refused(Some(room), code);
                }
                self.who = Some(Identity { user: token.user, family: token.family, signed_in: false });
            }
        }
        let link = self.links.get(&room);
        if self.seating.contains(&room) || link.is_some_and(|link| link.sitter.peer != token.peer) {
            return refused(Some(room), ErrorCode::AlreadyJoined);
        }
        if link.is_none() && self.links.len() + self.seating.len() >= ROOMS_PER_SOCKET_MAX {
            return refused(Some(room), ErrorCode::TooMany);
        }
        let direct = resume.direct && self.deps.config.direct;
        let link = resume.link.filter(|_| direct);
        Ok(Asking::resume(room, token, Media { srtp: resume.srtp, direct, link, keep: resume.keep_media }))
    }

    fn take_seat(&mut self, re: Option<u32>, asking: Asking, resumed: bool) {
        let room = asking.sitter.room;
        let deps = Arc::clone(&self.deps);
        self.seating.insert(room);
        self.in_flight += 1;
        let taking = async move {
            let seat = match still_good(&deps, &asking).await {
                Ok(()) => seat::take(&deps, asking).await.map(Box::new),
                Err(refusal) => Err(refusal),
            };
            Outcome::Seated { room, re, resumed, seat }
        };
        self.tasks.push(taking.boxed());
    }

    pub(super) fn seated(&mut self, room: RoomId, re: Option<u32>, resumed: bool, seat: Result<Box<Seated>, Refusal>) {
        self.seating.remove(&room);
        let phase = if resumed { JoinPhase::Resume } else { JoinPhase::Seat };
        self.deps.metrics.join(phase, seat.as_ref().err().map(|refusal| refusal.code));
        match seat {
            Ok(seat) => {
                let Seated { sitter, attached, events, personal } = *seat;
                tracing::info!(%room, peer = %sitter.peer, attachment = attached.attachment.0, "joined");
                let held = self.deps.sockets.hold(SeatRef { room, peer: sitter.peer, attachment: attached.attachment });
                if !self.heard {
                    // It fell silent while its seat was being taken.
                    mark_seats(&self.deps, vec![held.seat], false);
                }
                let (link, snapshot) = Link::new(sitter, attached, held);
                self.insert_link(room, link);
                self.say_joined(room, re, snapshot);
                self.listen(room, Source::Events, events);
                self.listen(room, Source::Personal, personal);
            }
            Err(refusal) => {
                tracing::info!(%room, code = %refusal.code, resumed, "not joined");
                self.refuse(Some(room), re, refusal);
                // Our own resume did not take over after all: then somebody else's did.
                if let Some(link) = self.links.get_mut(&room) {
                    link.resuming = false;
                    if let Some(body) = link.superseded.take() {
                        self.drop_link(room);
                        self.forward(body);
                    }
                }
            }
        }
    }

    /// Tells the client of a joined room what it looks like.
    pub(super) fn say_joined(&mut self, room: RoomId, re: Option<u32>, snapshot: Snapshot) {
        let Some(link) = self.links.get(&room) else { return };
        let (_, token) = link.resume_token(self.deps.clock.now());
        match self.deps.tokens.resume_token(room, &token) {
            Ok(token) => {
                let ice_servers = (self.deps.ice_servers)(&link.sitter.who());
                let joined = link.joined(snapshot, ice_servers, self.gateways.to_vec(), token);
                for frame in frames::joined(room, re, joined) {
                    self.push(frame);
                }
            }
            Err(refusal) => self.refuse(Some(room), re, refusal),
        }
    }

    /// Gives every seat a fresh resume token.
    pub(super) fn renew_tokens(&mut self) {
        let now = self.deps.clock.now();
        let tokens: Vec<_> = self
            .links
            .values()
            .filter_map(|link| {
                let (room, token) = link.resume_token(now);
                Some((room, self.deps.tokens.resume_token(room, &token).ok()?))
            })
            .collect();
        for (room, token) in tokens {
            self.say(Some(room), None, ServerMessage::ResumeToken { token });
        }
    }

    /// Finds out whether the socket's device is still signed in: whoever signed it out may not have been heard here.
    pub(super) fn look_at_device(&mut self) {
        let Some(Identity { user: Some(user), family: Some(family), .. }) = self.who else { return };
        let deps = Arc::clone(&self.deps);
        let looking = async move { Outcome::Standing { signed_in: deps.tokens.signed_in(user, family).await } };
        self.tasks.push(looking.boxed());
    }
}

/// Refuses a resume of a device that was signed out since, and of an account whose password was changed; a guest has neither.
async fn still_good(deps: &WsDeps, asking: &Asking) -> Result<(), Refusal> {
    let RoomCommand::Resume { token, .. } = &asking.command else { return Ok(()) };
    let Some(user) = token.user else { return Ok(()) };
    match deps.tokens.outlives_sign_out(user, token).await {
        Ok(true) => Ok(()),
        Ok(false) => Err(ErrorCode::ResumeRefused.into()),
        Err(error) => {
            tracing::warn!(%error, "an account could not be read for a resume");
            Err(ErrorCode::StoreUnavailable.into())
        }
    }
}
