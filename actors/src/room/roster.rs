//! Who is in the room: their seats, kept for a while when a socket or an actor is lost.
//!
//! A gateway that holds a seat's WebSocket says so again and again; one that falls silent has lost it, whether or not it could
//! still say so.
//!
//! **Invariant:** `info.reconnecting` and `absent_since` always follow from the seat's other fields ([`Seat::refresh`]).

use std::collections::HashMap;
use std::time::Duration;

use rookery_schemas::bus::{SEAT_LAPSES_AFTER, SEAT_RENEWED_EVERY};
use rookery_schemas::ids::{Attachment, LinkNumber, PeerId};
use rookery_schemas::signal::{LeaveReason, PeerInfo, SrtpProfile};

/// How long a seat is kept without a WebSocket and without media: long enough for a reload or a change of network.
pub(crate) const ABSENT_MAX: Duration = Duration::from_secs(15);

/// What the peer's actor last said of its connections.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct MediaHealth {
    /// At least one is connected and heard.
    pub(crate) up: bool,
    /// What was up is silent now: the publish connection, or everything.
    pub(crate) silent: bool,
}

/// One participant.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Seat {
    pub(crate) info: PeerInfo,
    /// The newest attachment: older ones are refused.
    pub(crate) attachment: Attachment,
    pub(crate) srtp: SrtpProfile,
    /// Its client can be connected to another directly.
    pub(crate) direct: bool,
    /// The direct link that it still had when it came back.
    pub(crate) link: Option<LinkNumber>,
    /// Its WebSocket is there.
    pub(crate) connected: bool,
    /// When its gateway last said so.
    pub(crate) renewed_at: Duration,
    /// The newest renewal of this attachment that was heard.
    pub(crate) renewal: u64,
    /// It is not connected only because its gateway was not heard: hearing it again connects it.
    pub(crate) lapsed: bool,
    /// The attachment at which its living actor was made; `None` while it has none.
    pub(crate) born: Option<Attachment>,
    pub(crate) media: MediaHealth,
    /// Until then its silence towards the server says nothing: its media goes another way, or did just now.
    pub(crate) spared_until: Duration,
    /// Since when it has neither WebSocket nor media.
    pub(crate) absent_since: Option<Duration>,
}

impl Seat {
    /// Brings what follows from the other fields up to date; true if others should be told.
    pub(crate) fn refresh(&mut self, now: Duration) -> bool {
        if self.born.is_none() {
            self.media = MediaHealth::default();
        }
        let absent = !self.media.up && (!self.connected || self.born.is_none());
        self.absent_since = if absent { self.absent_since.or(Some(now)) } else { None };
        let lost = self.born.is_none() || self.media.silent;
        let reconnecting = !self.connected || (lost && now >= self.spared_until);
        std::mem::replace(&mut self.info.reconnecting, reconnecting) != reconnecting
    }

    /// What was up is silent, and should not be.
    pub(crate) fn is_silent(&self, now: Duration) -> bool {
        self.media.silent && now >= self.spared_until
    }

    /// Whether a client that asks for it may go on with the connections that it has.
    pub(crate) fn is_up(&self, now: Duration) -> bool {
        self.born.is_some() && (self.media.up || now < self.spared_until)
    }

    /// Disconnects a seat whose gateway has not been heard for too long, counted from `from` at the earliest; true if so.
    /// Its absence counts from when the WebSocket may just have been there.
    pub(crate) fn lapse(&mut self, now: Duration, from: Duration) -> bool {
        let heard = self.renewed_at.max(from);
        if !self.connected || now.saturating_sub(heard) < SEAT_LAPSES_AFTER {
            return false;
        }
        (self.connected, self.lapsed) = (false, true);
        self.absent_since = self.absent_since.or(Some(heard + SEAT_RENEWED_EVERY));
        true
    }

    /// Whether the gateway's `n`th renewal is newer than what was heard of it.
    pub(crate) fn is_news(&mut self, n: u64) -> bool {
        let news = n >= self.renewal;
        self.renewal = self.renewal.max(n);
        news
    }

    /// The gateway hears nothing from the client any more; true if it counted as connected.
    pub(crate) fn fall_quiet(&mut self) -> bool {
        self.lapsed |= self.connected;
        std::mem::take(&mut self.connected)
    }

    /// The gateway says that the WebSocket is there; true if that was not known.
    pub(crate) fn renew(&mut self, now: Duration) -> bool {
        self.renewed_at = now;
        let back = std::mem::take(&mut self.lapsed);
        self.connected |= back;
        back
    }
}

/// All seats of a room.
#[derive(Debug, Default)]
pub(crate) struct Roster {
    seats: HashMap<PeerId, Seat>,
}

impl Roster {
    pub(crate) fn len(&self) -> usize {
        self.seats.len()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.seats.is_empty()
    }

    pub(crate) fn get(&self, peer: PeerId) -> Option<&Seat> {
        self.seats.get(&peer)
    }

    pub(crate) fn get_mut(&mut self, peer: PeerId) -> Option<&mut Seat> {
        self.seats.get_mut(&peer)
    }

    /// Everyone whose WebSocket has lapsed just now.
    pub(crate) fn lapse(&mut self, now: Duration, from: Duration) -> Vec<PeerId> {
        let lapsed = |seat: &mut Seat| seat.lapse(now, from).then_some(seat.info.peer);
        let mut lapsed: Vec<PeerId> = self.seats.values_mut().filter_map(lapsed).collect();
        lapsed.sort();
        lapsed
    }

    /// Everyone whose silence counts again from now on.
    pub(crate) fn no_longer_spared(&mut self, now: Duration) -> Vec<PeerId> {
        let due = |seat: &&mut Seat| !seat.spared_until.is_zero() && now >= seat.spared_until;
        let spared = self.seats.values_mut().filter(due);
        let mut peers: Vec<PeerId> = spared
            .map(|seat| {
                seat.spared_until = Duration::ZERO;
                seat.info.peer
            })
            .collect();
        peers.sort();
        peers
    }

    pub(crate) fn insert(&mut self, seat: Seat) {
        self.seats.insert(seat.info.peer, seat);
    }

    pub(crate) fn remove(&mut self, peer: PeerId) -> Option<Seat> {
        self.seats.remove(&peer)
    }

    /// Everyone, longest inside first.
    pub(crate) fn infos(&self) -> Vec<PeerInfo> {
        let mut infos: Vec<PeerInfo> = self.seats.values().map(|seat| seat.info.clone()).collect();
        infos.sort_by_key(|info| (info.joined_at, info.peer));
        infos
    }

    /// Those whose absence has lasted too long, and why they go.
    pub(crate) fn overdue(&self, now: Duration) -> Vec<(PeerId, LeaveReason)> {
        let late = |seat: &&Seat| seat.absent_since.is_some_and(|since| now.saturating_sub(since) >= ABSENT_MAX);
        let why = |seat: &Seat| if seat.born.is_none() { LeaveReason::Failed } else { LeaveReason::TimedOut };
        self.seats.values().filter(late).map(|seat| (seat.info.peer, why(seat))).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rookery_schemas::ids::UnixMillis;
    use rookery_schemas::signal::Role;
    use uuid::Uuid;

    #[test]
    fn a_seat_is_absent_only_without_socket_and_media() {
        let (up, down) = (MediaHealth { up: true, silent: false }, MediaHealth { up: false, silent: false });
        let silent = MediaHealth { up: false, silent: true };
        // connected, has an actor, media -> reconnecting, absent
        for (connected, alive, media, reconnecting, absent) in [
            (true, true, down, false, false),
            (true, true, up, false, false),
            (true, true, silent, true, false),
            (false, true, up, true, false),
            (false, true, down, true, true),
            (true, false, up, true, true),
            (false, false, up, true, true),
        ] {
            let mut seat = Seat {
                info: PeerInfo {
                    peer: PeerId(Uuid::nil()),
                    user: None,
                    display_name: "A".into(),
                    role: Role::Guest,
                    joined_at: UnixMillis(0),
                    reconnecting: false,
                },
                attachment: Attachment(1),
                srtp: SrtpProfile::Gcm,
                direct: false,
                link: None,
                connected,
                renewed_at: Duration::ZERO,
                renewal: 0,
                lapsed: false,
                born: alive.then_some(Attachment(1)),
                media,
                spared_until: Duration::ZERO,
                absent_since: None,
            };
            let changed = seat.refresh(Duration::from_secs(1));
            let got = (seat.info.reconnecting, seat.absent_since.is_some(), changed);
            assert_eq!(got, (reconnecting, absent, reconnecting), "{connected} {alive} {media:?}");
            seat.refresh(Duration::from_secs(9));
            assert_eq!(
                seat.absent_since,
                absent.then_some(Duration::from_secs(1)),
                "absence counts from its beginning"
            );
        }
    }

    #[test]
    fn silence_says_nothing_while_media_goes_another_way() {
        let mut seat = Seat {
            info: PeerInfo {
                peer: PeerId(Uuid::nil()),
                user: None,
                display_name: "A".into(),
                role: Role::Member,
                joined_at: UnixMillis(0),
                reconnecting: false,
            },
            attachment: Attachment(1),
            srtp: SrtpProfile::Gcm,
            direct: true,
            link: None,
            connected: true,
            renewed_at: Duration::ZERO,
            renewal: 0,
            lapsed: false,
            born: Some(Attachment(1)),
            media: MediaHealth { up: false, silent: true },
            spared_until: Duration::MAX,
            absent_since: None,
        };
        assert!(!seat.refresh(Duration::from_secs(100)) && seat.is_up(Duration::from_secs(100)));
        seat.born = None;
        assert!(!seat.refresh(Duration::from_secs(100)), "nor does an actor that failed");
        (seat.born, seat.media) = (Some(Attachment(1)), MediaHealth { up: false, silent: true });
        seat.refresh(Duration::from_secs(100));
        seat.spared_until = Duration::from_secs(103);
        assert!(!seat.refresh(Duration::from_secs(102)), "it has a moment to be heard");
        assert!(seat.refresh(Duration::from_secs(103)) && seat.info.reconnecting);
        assert!(!seat.is_up(Duration::from_secs(103)));
    }
}
