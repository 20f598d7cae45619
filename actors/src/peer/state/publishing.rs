//! The publish connection: the client offers, and announces what its m-lines carry.
//!
//! **Invariant:** `publications` never exceeds [`TRACKS_PER_PEER_MAX`], and no two of them share an m-line.

use std::time::Duration;

use rookery_media::ConnectionId;
use rookery_schemas::error::{ErrorCode, Refusal};
use rookery_schemas::ids::TrackId;
use rookery_schemas::limits::{CLIENT_FRAME_BYTES_MAX, TRACKS_PER_PEER_MAX};
use rookery_schemas::signal::{Codec, Connection, Publish, ServerMessage, SourceKind, TrackInfo};

use super::{ENDED_KEPT, PeerState, ok, personal, reply};
use crate::env::FreshIds;
use crate::now::Now;
use crate::peer::effect::{AskId, Effect, Op};
use crate::room::PeerFact;
use crate::router::RouterOrder;
use crate::transport::Answered;

/// Lines of a description: forty m-lines of a browser have 3,000.
pub(super) const SDP_LINES_MAX: usize = 10_000;

/// Characters of a mid (RFC 8843 lets them be longer; the RTP header extension holds 16).
const MID_CHARS_MAX: usize = 16;

/// How long an announced track waits for the offer that carries its m-line.
pub(super) const NEGOTIATED_WITHIN: Duration = Duration::from_secs(10);

/// One track that the client has announced.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Publication {
    pub(super) track: TrackInfo,
    mid: String,
    /// Its m-line is negotiated, and the room knows of it.
    pub(super) live: bool,
    deadline: Duration,
}

impl Publication {
    pub(super) fn deadline(&self) -> Option<Duration> {
        (!self.live).then_some(self.deadline)
    }

    /// Makes the track what it is here, whether the media plane has it already or not.
    pub(super) fn orders(&self, connection: ConnectionId) -> [RouterOrder; 2] {
        let TrackInfo { track, muted, .. } = self.track;
        [self.order(connection), RouterOrder::Mute { track, muted }]
    }

    fn order(&self, connection: ConnectionId) -> RouterOrder {
        let TrackInfo { track, peer, kind, muted, .. } = self.track;
        RouterOrder::Publish { connection, mid: self.mid.clone(), track, peer, kind, muted }
    }
}

/// Refuses descriptions that no browser writes.
///
/// # Errors
/// `too_large` or `sdp_refused`.
pub(super) fn check_sdp(sdp: &str) -> Result<(), Refusal> {
    if sdp.len() > CLIENT_FRAME_BYTES_MAX {
        return Err(ErrorCode::TooLarge.into());
    }
    if sdp.lines().count() > SDP_LINES_MAX {
        return Err(ErrorCode::SdpRefused.into());
    }
    Ok(())
}

impl PeerState {
    pub(super) fn offer(
        &mut self,
        ask: AskId,
        sdp: String,
        ids: &dyn FreshIds,
        out: &mut Vec<Effect>,
    ) -> Result<(), Refusal> {
        check_sdp(&sdp)?;
        let connection = match self.publish {
            Some(link) => link.connection,
            None => self.open(Connection::Publish, ids, out),
        };
        out.push(Effect::Op(Op::Answer { connection, ask, sdp }));
        Ok(())
    }

    pub(super) fn publish(
        &mut self,
        now: Now,
        ask: AskId,
        publish: Publish,
        ids: &dyn FreshIds,
        out: &mut Vec<Effect>,
    ) -> Result<(), Refusal> {
        let Publish { mid, kind, source, muted } = publish;
        if !(1..=MID_CHARS_MAX).contains(&mid.len()) || !mid.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(Refusal::because(ErrorCode::Invalid, "A mid has 1 to 16 visible characters."));
        }
        if self.publications.values().any(|publication| publication.mid == mid) {
            return Err(Refusal::because(ErrorCode::Invalid, "This mid carries another track already."));
        }
        if self.publications.len() >= TRACKS_PER_PEER_MAX {
            return Err(ErrorCode::TooMany.into());
        }
        if source.media() != kind {
            return Err(Refusal::because(ErrorCode::Invalid, "A source of this kind has no such track."));
        }
        if !self.may_send(source) {
            return Err(ErrorCode::NotAllowed.into());
        }
        let line = self.lines.iter().find(|(negotiated, _)| *negotiated == mid);
        if line.is_some_and(|(_, negotiated)| *negotiated != kind) {
            return Err(Refusal::because(ErrorCode::Invalid, "The m-line with this mid is of the other kind."));
        }
        let track = ids.track();
        let info = TrackInfo { track, peer: self.seated.info.peer, kind, source, muted, codec: None };
        let deadline = now.elapsed + NEGOTIATED_WITHIN;
        let negotiated = line.is_some();
        self.publications.insert(track, Publication { track: info, mid, live: false, deadline });
        reply(ask, ServerMessage::Published { track }, out);
        if negotiated {
            self.go_live(track, out);
        }
        Ok(())
    }

    pub(super) fn unpublish(&mut self, ask: AskId, track: TrackId, out: &mut Vec<Effect>) -> Result<(), Refusal> {
        if !self.publications.contains_key(&track) {
            return Err(ErrorCode::TrackNotFound.into());
        }
        self.end(track, out);
        ok(ask, out);
        Ok(())
    }

    pub(super) fn mute(
        &mut self,
        ask: AskId,
        track: TrackId,
        muted: bool,
        out: &mut Vec<Effect>,
    ) -> Result<(), Refusal> {
        let publication = self.publications.get_mut(&track).ok_or(ErrorCode::TrackNotFound)?;
        let changed = std::mem::replace(&mut publication.track.muted, muted) != muted;
        if changed && publication.live {
            out.push(Effect::Router(RouterOrder::Mute { track, muted }));
            out.push(Effect::Room(PeerFact::Changed(publication.track.clone())));
        }
        ok(ask, out);
        Ok(())
    }

    /// The client's offer was answered: its m-lines are as `answered` says.
    pub(super) fn answered(&mut self, ask: AskId, answered: Answered, out: &mut Vec<Effect>) {
        let Answered { sdp, lines } = answered;
        reply(ask, ServerMessage::Answer { sdp }, out);
        self.lines = lines.into_iter().map(|line| (line.mid, line.kind)).collect();
        let mut tracks: Vec<TrackId> = self.publications.keys().copied().collect();
        tracks.sort();
        for track in tracks {
            let Some(publication) = self.publications.get(&track) else { continue };
            let line = self.lines.iter().find(|(mid, _)| *mid == publication.mid);
            match line {
                Some((_, kind)) if *kind != publication.track.kind => {
                    self.end(track, out);
                    let why = "The m-line of a published track is of the other kind; the track was dropped.";
                    out.push(personal(ServerMessage::Error(Refusal::because(ErrorCode::Invalid, why))));
                }
                Some(_) if !publication.live => self.go_live(track, out),
                None if publication.live => self.end(track, out),
                _ => {}
            }
        }
    }

    /// The first packet of a track, or of another codec, has come.
    pub(super) fn started(&mut self, track: TrackId, codec: Codec, out: &mut Vec<Effect>) {
        let Some(publication) = self.publications.get_mut(&track) else { return };
        if publication.track.codec.replace(codec) != Some(codec) && publication.live {
            out.push(Effect::Room(PeerFact::Changed(publication.track.clone())));
        }
    }

    pub(super) fn drop_unnegotiated(&mut self, now: Now, out: &mut Vec<Effect>) {
        let late = |publication: &&super::Publication| publication.deadline().is_some_and(|at| at <= now.elapsed);
        let late: Vec<TrackId> = self.publications.values().filter(late).map(|p| p.track.track).collect();
        for track in late {
            self.publications.remove(&track);
            let why = "No offer with the mid of a published track has come; the track was dropped.";
            out.push(personal(ServerMessage::Error(Refusal::because(ErrorCode::TrackNotFound, why))));
        }
    }

    pub(super) fn end_all(&mut self, out: &mut Vec<Effect>) {
        let mut tracks: Vec<TrackId> = self.publications.keys().copied().collect();
        tracks.sort();
        tracks.into_iter().for_each(|track| self.end(track, out));
    }

    fn may_send(&self, source: SourceKind) -> bool {
        self.catalogue.allowed.permits(self.seated.info.role, source)
    }

    /// Ends what the host does not allow any more; what goes on coming of it is nobody's.
    pub(super) fn end_forbidden(&mut self, out: &mut Vec<Effect>) {
        let forbidden = self.publications.values().filter(|publication| !self.may_send(publication.track.source));
        let mut tracks: Vec<TrackId> = forbidden.map(|publication| publication.track.track).collect();
        tracks.sort();
        tracks.into_iter().for_each(|track| self.end(track, out));
    }

    fn go_live(&mut self, track: TrackId, out: &mut Vec<Effect>) {
        let (Some(link), Some(publication)) = (self.publish, self.publications.get_mut(&track)) else { return };
        publication.live = true;
        out.push(Effect::Router(publication.order(link.connection)));
        out.push(Effect::Room(PeerFact::Announced(publication.track.clone())));
    }

    fn end(&mut self, track: TrackId, out: &mut Vec<Effect>) {
        if self.publications.remove(&track).is_some_and(|publication| publication.live) {
            if self.ended.len() >= ENDED_KEPT {
                self.ended.pop_front();
            }
            self.ended.push_back(track);
            out.push(Effect::Router(RouterOrder::Unpublish(track)));
            out.push(Effect::Room(PeerFact::Ended(track)));
        }
    }
}
