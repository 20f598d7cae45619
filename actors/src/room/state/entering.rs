//! Joining, and coming back.
//!
//! **Invariant:** a ticket admits once; an attachment's number is above every one that its peer had before.

use rookery_schemas::bus::{Attached, JoinTicket, ResumeToken, RoomReply};
use rookery_schemas::error::{ErrorCode, Refusal};
use rookery_schemas::ids::{Attachment, LinkNumber, PeerId, UserId};
use rookery_schemas::rows::{Banned, MemberRow};
use rookery_schemas::signal::{PeerInfo, Role, ServerMessage, SrtpProfile};

use super::{Error, RoomState, answer, refuse};
use crate::now::Now;
use crate::room::effect::{AskId, DeskOp, Effect, Seated, Seating};
use crate::room::roster::{MediaHealth, Seat};
use crate::room::tickets::Use;

/// Someone at the door: what was presented, while the store is asked for the role.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Entry {
    /// With a ticket.
    Join { ticket: JoinTicket, srtp: SrtpProfile, direct: bool },
    /// With a resume token.
    Resume {
        token: ResumeToken,
        srtp: SrtpProfile,
        keep_media: bool,
        direct: bool,
        link: Option<LinkNumber>,
        retake: bool,
    },
}

impl Entry {
    fn peer(&self) -> PeerId {
        match self {
            Self::Join { ticket, .. } => ticket.peer,
            Self::Resume { token, .. } => token.peer,
        }
    }

    fn user(&self) -> Option<UserId> {
        match self {
            Self::Join { ticket, .. } => ticket.user,
            Self::Resume { token, .. } => token.user,
        }
    }
}

impl RoomState {
    pub(super) fn join(
        &mut self,
        now: Now,
        ask: AskId,
        entry: Entry,
        out: &mut Vec<Effect>,
    ) -> Result<Result<(), ErrorCode>, Error> {
        if let Some(code) = self.shut(now) {
            return Ok(Err(code));
        }
        let Entry::Join { ticket, .. } = &entry else { return Ok(Err(ErrorCode::Internal)) };
        if ticket.expires_at < now.unix || ticket.epoch != self.epoch {
            return Ok(Err(ErrorCode::TicketExpired));
        }
        if self.roster.get(ticket.peer).is_some() {
            return Ok(Err(ErrorCode::TicketInvalid));
        }
        match self.tickets.take(now.elapsed, ticket.id) {
            Use::First => {}
            Use::Again => return Ok(Err(ErrorCode::TicketInvalid)),
            Use::Full => return Ok(Err(ErrorCode::Overloaded)),
        }
        self.at_the_door(now, ask, entry, out)
    }

    pub(super) fn resume(
        &mut self,
        now: Now,
        ask: AskId,
        entry: Entry,
        out: &mut Vec<Effect>,
    ) -> Result<Result<(), ErrorCode>, Error> {
        if let Some(code) = self.shut(now) {
            return Ok(Err(code));
        }
        let expired = matches!(&entry, Entry::Resume { token, .. } if token.expires_at < now.unix);
        if expired || self.left.contains_key(&entry.peer()) {
            return Ok(Err(ErrorCode::ResumeRefused));
        }
        self.at_the_door(now, ask, entry, out)
    }

    /// Lets guests through at once, and asks the store what an account is here.
    fn at_the_door(
        &mut self,
        now: Now,
        ask: AskId,
        entry: Entry,
        out: &mut Vec<Effect>,
    ) -> Result<Result<(), ErrorCode>, Error> {
        if let Err(code) = self.admissible(&entry) {
            return Ok(Err(code));
        }
        match entry.user() {
            Some(user) => {
                self.entries.insert(ask, entry);
                out.push(Effect::Desk(DeskOp::Member { ask, user }));
                Ok(Ok(()))
            }
            None => self.enter(now, ask, entry, Role::Guest, out).map(Ok),
        }
    }

    /// What holds before the store is asked must hold after it too.
    fn admissible(&self, entry: &Entry) -> Result<(), ErrorCode> {
        let banned_user = entry.user().is_some_and(|user| self.bans.contains(&Banned::User(user)));
        if banned_user || self.bans.contains(&Banned::Peer(entry.peer())) {
            return Err(ErrorCode::Banned);
        }
        let full = self.roster.len() >= usize::try_from(self.row.peers_max).unwrap_or(usize::MAX);
        if full && self.roster.get(entry.peer()).is_none() {
            return Err(ErrorCode::RoomFull);
        }
        Ok(())
    }

    /// The store has said what the account at the door is here.
    pub(super) fn recognised(
        &mut self,
        now: Now,
        ask: AskId,
        found: Result<Option<MemberRow>, ErrorCode>,
        out: &mut Vec<Effect>,
    ) -> Result<(), Error> {
        let Some(entry) = self.entries.remove(&ask) else { return Ok(()) };
        let role = match found {
            Ok(Some(member)) => Ok(member.role),
            Ok(None) => Err(ErrorCode::MembersOnly),
            Err(code) => {
                if let Entry::Join { ticket, .. } = &entry {
                    self.tickets.give_back(ticket.id);
                }
                Err(code)
            }
        };
        // Whoever was put out while the store was asked is no member any more, and is told why.
        let banned = self.admissible(&entry).err().filter(|code| *code == ErrorCode::Banned);
        let role = banned.map_or(role, Err);
        let left = matches!(entry, Entry::Resume { .. }) && self.left.contains_key(&entry.peer());
        let role = role.and_then(|role| match self.shut(now) {
            Some(code) => Err(code),
            None if self.draining => Err(ErrorCode::OwnerUnavailable),
            None if left => Err(ErrorCode::ResumeRefused),
            None => self.admissible(&entry).map(|()| role),
        });
        match role {
            Ok(role) => self.enter(now, ask, entry, role, out),
            Err(code) => {
                refuse(ask, code, out);
                Ok(())
            }
        }
    }

    fn enter(&mut self, now: Now, ask: AskId, entry: Entry, role: Role, out: &mut Vec<Effect>) -> Result<(), Error> {
        let peer = entry.peer();
        let (seat, keep_media) = match entry {
            Entry::Join { ticket, srtp, direct } => {
                let JoinTicket { user, display_name, .. } = ticket;
                let info = PeerInfo { peer, user, display_name, role, joined_at: now.unix, reconnecting: false };
                (new_seat(info, Attachment(1), srtp, direct), false)
            }
            Entry::Resume { token, srtp, keep_media, direct, link, retake } => match self.roster.get(peer) {
                Some(seat) if retake && seat.attachment > token.attachment => {
                    refuse(ask, ErrorCode::Superseded, out);
                    return Ok(());
                }
                Some(seat) => {
                    let seat = seat.clone();
                    let back = Returning { seat, token, srtp, keep_media, direct, link, role };
                    return self.reattach(now, ask, back, out);
                }
                None => {
                    let ResumeToken { user, display_name, joined_at, attachment, .. } = token;
                    let info = PeerInfo { peer, user, display_name, role, joined_at, reconnecting: false };
                    (Seat { link, ..new_seat(info, attachment.next(), srtp, direct) }, false)
                }
            },
        };
        self.announce(ServerMessage::PeerJoined { peer: seat.info.clone() }, out)?;
        self.empty_since = None;
        if self.row.ad_hoc {
            self.row.expires_at = None;
        }
        self.take_seat(now, ask, seat, keep_media, out)?;
        self.reconcile(now, out);
        self.touch(now, out);
        out.push(Effect::Presence);
        Ok(())
    }

    /// The seat is still there: its newest attachment takes over.
    fn reattach(&mut self, now: Now, ask: AskId, back: Returning, out: &mut Vec<Effect>) -> Result<(), Error> {
        let Returning { mut seat, token, srtp, keep_media, direct, link, role } = back;
        let (peer, older) = (seat.info.peer, seat.attachment);
        if seat.connected {
            let refusal = Refusal::new(ErrorCode::Superseded);
            let message = Box::new(ServerMessage::Error(refusal));
            out.push(Effect::Personal { peer, attachment: older, message });
        }
        let keep_media = keep_media && seat.is_up(now.elapsed) && seat.srtp == srtp;
        seat.attachment = token.attachment.max(older).next();
        (seat.connected, seat.lapsed) = (true, false);
        (seat.srtp, seat.direct, seat.link) = (srtp, direct, link);
        if !keep_media {
            seat.media = MediaHealth::default();
        }
        let role_changed = std::mem::replace(&mut seat.info.role, role) != role;
        let was_reconnecting = seat.info.reconnecting;
        // Who comes back has an actor from now on.
        seat.info.reconnecting = seat.is_silent(now.elapsed);
        if role_changed || was_reconnecting != seat.info.reconnecting {
            self.announce(ServerMessage::PeerUpdated { peer: seat.info.clone() }, out)?;
        }
        if !keep_media {
            self.link_lost(now, peer, link, out)?;
        }
        self.take_seat(now, ask, seat, keep_media, out)
    }

    fn take_seat(
        &mut self,
        now: Now,
        ask: AskId,
        mut seat: Seat,
        keep_media: bool,
        out: &mut Vec<Effect>,
    ) -> Result<(), Error> {
        let born = seat.born;
        seat.born = Some(born.unwrap_or(seat.attachment));
        (seat.renewed_at, seat.renewal) = (now.elapsed, 0);
        seat.refresh(now.elapsed);
        let Seat { info, attachment, srtp, .. } = seat.clone();
        self.roster.insert(seat);
        self.repath(now, out)?;
        let seated = Seated { info: info.clone(), attachment, connected: true };
        let catalogue = self.catalogue.clone();
        let takes_media = self.takes_media();
        out.push(Effect::Seat(Box::new(Seating { seated, srtp, born, keep_media, catalogue, takes_media })));
        let reply = Attached {
            peer: info.peer,
            attachment,
            role: info.role,
            joined_at: info.joined_at,
            media_node: self.here.node.clone(),
            media_incarnation: self.here.incarnation,
            media_kept: keep_media,
            snapshot: self.snapshot(),
        };
        answer(ask, RoomReply::Attached(Box::new(reply)), out);
        Ok(())
    }
}

struct Returning {
    seat: Seat,
    token: ResumeToken,
    srtp: SrtpProfile,
    keep_media: bool,
    direct: bool,
    link: Option<LinkNumber>,
    role: Role,
}

fn new_seat(info: PeerInfo, attachment: Attachment, srtp: SrtpProfile, direct: bool) -> Seat {
    Seat {
        info,
        attachment,
        srtp,
        direct,
        link: None,
        connected: true,
        renewed_at: std::time::Duration::ZERO,
        renewal: 0,
        lapsed: false,
        born: None,
        media: MediaHealth::default(),
        spared_until: std::time::Duration::ZERO,
        absent_since: None,
    }
}
