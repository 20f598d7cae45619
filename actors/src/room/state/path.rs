//! Which way the room's media goes: through the server, or directly between the two who are alone in it.
//!
//! Only members are connected directly: it tells each the other's addresses, and a guest's address is nobody's business, nor
//! a member's a guest's.
//!
//! While the host restricts what others may send, media goes through the server, which can stop it.
//!
//! **Invariant:** a room that went back to the server for any reason but that one of two left or that their link was of no
//! use, or in which anything was restricted while somebody was there, stays there until it is empty. A link that was of no use
//! is not followed by another for as long as the same two are there without a break.

use std::time::Duration;

use rookery_schemas::bus::RoomReply;
use rookery_schemas::error::ErrorCode;
use rookery_schemas::ids::{Attachment, Epoch, LinkNumber, PeerId};
use rookery_schemas::signal::{DirectSend, MediaPath, PeerInfo, Role, RoomKind, ServerMessage};

use super::{Error, RoomState, answer};
use crate::now::Now;
use crate::room::effect::{AskId, Effect, Seated};
use crate::room::roster::Seat;

/// After the direct way, clients have so long to be heard by the server again before their silence counts.
const SPARED: Duration = Duration::from_secs(3);

/// Links of one epoch have numbers of their own: this many binary digits are for the count.
const LINKS_BITS: u32 = 20;

/// The room's way, and whether it may still change for a direct one.
#[derive(Debug)]
pub(super) struct Path {
    pub(super) way: MediaPath,
    /// Through the server until the room is empty.
    latched: bool,
    /// Through the server for as long as the two who are here stay: their link was of no use.
    useless: bool,
    links: LinkNumber,
    /// Links up to this one were made in former epochs.
    former: LinkNumber,
}

impl Path {
    pub(super) fn under(epoch: Epoch) -> Self {
        let former = LinkNumber(epoch.0 << LINKS_BITS);
        Self { way: MediaPath::Sfu, latched: false, useless: false, links: former, former }
    }
}

impl RoomState {
    /// Decides anew; to be called after every change of the roster.
    pub(super) fn repath(&mut self, now: Now, out: &mut Vec<Effect>) -> Result<(), Error> {
        match self.roster.len() {
            0 => (self.path.latched, self.path.useless) = (false, false),
            1 | 2 if self.row.allowed.everything() => {}
            _ => self.path.latched = true,
        }
        // Whoever was away may be somewhere else now, and a link is no worse for an end that was lost.
        self.path.useless &= self.two_are_here();
        match (self.path.way, self.pair()) {
            (MediaPath::Direct { peers, .. }, Some(pair)) if peers == pair => Ok(()),
            (MediaPath::Direct { .. }, _) => {
                self.path.latched |= self.roster.len() > 1;
                self.take_way(now, MediaPath::Sfu, out)
            }
            (MediaPath::Sfu, Some(pair)) if self.may_begin(pair) => match self.outlived(pair) {
                Some(link) => self.take_way(now, MediaPath::Direct { link, peers: pair }, out),
                None => self.connect(now, pair, out),
            },
            (MediaPath::Sfu, _) => Ok(()),
        }
    }

    /// One of the two begins anew, without the connections that it had to the server, and perhaps with the direct link.
    pub(super) fn link_lost(
        &mut self,
        now: Now,
        by: PeerId,
        kept: Option<LinkNumber>,
        out: &mut Vec<Effect>,
    ) -> Result<(), Error> {
        match self.path.way {
            MediaPath::Direct { link, .. } if kept == Some(link) => Ok(()),
            MediaPath::Direct { peers, .. } if peers.contains(&by) => self.connect(now, peers, out),
            _ => Ok(()),
        }
    }

    /// Through the server from now on, until the room is empty.
    pub(super) fn latch(&mut self) {
        self.path.latched = true;
    }

    /// Hands on what one end of the direct link says to the other.
    pub(super) fn relay(
        &self,
        ask: AskId,
        from: PeerId,
        attachment: Attachment,
        message: DirectSend,
        out: &mut Vec<Effect>,
    ) -> Result<(), ErrorCode> {
        self.seat(from, attachment)?;
        let DirectSend { to, link, payload } = message;
        let peers = self.ends_of(link)?;
        if to == from || !peers.contains(&to) || !peers.contains(&from) {
            return Err(ErrorCode::PeerNotFound);
        }
        let Some(attachment) = self.roster.get(to).map(|seat| seat.attachment) else {
            return Err(ErrorCode::PeerNotFound);
        };
        let message = Box::new(ServerMessage::Direct { from, link, payload });
        out.push(Effect::Personal { peer: to, attachment, message });
        answer(ask, RoomReply::Done, out);
        Ok(())
    }

    /// One end found the direct link to be of no use. That the other is away says nothing of the link: the two get another.
    pub(super) fn direct_failed(
        &mut self,
        now: Now,
        ask: AskId,
        (peer, attachment): (PeerId, Attachment),
        link: LinkNumber,
        out: &mut Vec<Effect>,
    ) -> Result<Result<(), ErrorCode>, Error> {
        if let Err(code) = self.seat(peer, attachment).and_then(|_| self.ends_of(link)) {
            return Ok(Err(code));
        }
        self.path.useless = self.two_are_here();
        tracing::info!(%peer, %link, useless = self.path.useless, "two people are not connected directly any more");
        self.take_way(now, MediaPath::Sfu, out)?;
        answer(ask, RoomReply::Done, out);
        Ok(Ok(()))
    }

    fn ends_of(&self, link: LinkNumber) -> Result<[PeerId; 2], ErrorCode> {
        match self.path.way {
            MediaPath::Direct { link: present, peers } if present == link => Ok(peers),
            _ => Err(ErrorCode::DirectStale),
        }
    }

    /// The two that could be connected directly, the lower id first.
    fn pair(&self) -> Option<[PeerId; 2]> {
        // a large room's list is not made for this
        if self.roster.len() != 2 || self.row.kind != RoomKind::Meeting || !self.row.allowed.everything() {
            return None;
        }
        let mut peers: [PeerId; 2] = <[PeerInfo; 2]>::try_from(self.roster.infos()).ok()?.map(|info| info.peer);
        peers.sort();
        let may = |seat: &Seat| seat.direct && seat.info.role >= Role::Member;
        peers.iter().all(|peer| self.roster.get(*peer).is_some_and(may)).then_some(peers)
    }

    fn may_begin(&self, pair: [PeerId; 2]) -> bool {
        let barred = self.path.latched || self.path.useless || self.draining;
        !barred && pair.iter().all(|peer| self.is_here(*peer))
    }

    fn two_are_here(&self) -> bool {
        self.roster.len() == 2 && self.roster.infos().iter().all(|info| self.is_here(info.peer))
    }

    fn is_here(&self, peer: PeerId) -> bool {
        self.roster.get(peer).is_some_and(|seat| seat.connected && seat.born.is_some())
    }

    /// The link of a former epoch that both still have.
    fn outlived(&self, pair: [PeerId; 2]) -> Option<LinkNumber> {
        let [one, other] = pair.map(|peer| self.roster.get(peer).and_then(|seat| seat.link));
        one.filter(|link| other == one && *link <= self.path.former)
    }

    fn connect(&mut self, now: Now, peers: [PeerId; 2], out: &mut Vec<Effect>) -> Result<(), Error> {
        self.path.links = self.path.links.next();
        self.take_way(now, MediaPath::Direct { link: self.path.links, peers }, out)
    }

    fn take_way(&mut self, now: Now, way: MediaPath, out: &mut Vec<Effect>) -> Result<(), Error> {
        self.path.way = way;
        self.announce(ServerMessage::PathChanged { path: way }, out)?;
        for PeerInfo { peer, .. } in self.roster.infos() {
            let Some(seat) = self.roster.get_mut(peer) else { continue };
            match way {
                MediaPath::Direct { .. } => seat.spared_until = Duration::MAX,
                MediaPath::Sfu if seat.spared_until == Duration::MAX => seat.spared_until = now.elapsed + SPARED,
                MediaPath::Sfu => {}
            }
            if seat.refresh(now.elapsed) {
                let seated = Seated { info: seat.info.clone(), attachment: seat.attachment, connected: seat.connected };
                self.announce(ServerMessage::PeerUpdated { peer: seated.info.clone() }, out)?;
                out.push(Effect::Seated(Box::new(seated)));
            }
        }
        Ok(())
    }
}
