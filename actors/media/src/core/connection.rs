//! One DTLS association: its keys, addresses, incoming streams and slots.
//!
//! **Invariant:** every table of it is bounded; what a hostile client can fill is its own alone.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use rookery_schemas::{ids::TrackId, signal::MediaKind};

use super::{
    room::Room,
    slab::Key,
    slot::Slot,
    source::{Source, Track},
};
use crate::{
    clock::Now,
    codec::Mapped,
    command::{ConnectionId, ExtensionIds, ReceiveLine, SlotKey},
    link::{ControlLink, Path, ROUTES_MAX},
    rtcp::transport_cc::Recorder,
    rtp::{Fields, Header},
    srtp::{Session, Window},
};

/// Incoming SSRCs of one connection: 8 tracks of 3 layers with their retransmissions, and some that were replaced.
pub(crate) const STREAMS_MAX: usize = 64;
/// An incoming stream without packets for this long gives way to another when the table is full.
const STREAM_IDLE: Duration = Duration::from_secs(10);
/// m-lines of one connection.
pub(crate) const LINES_MAX: usize = 64;
/// Slots of one connection: 64 pairs.
pub(crate) const SLOTS_MAX: usize = 128;
/// Ufrags that are valid at a time: the old and the new one during an ICE restart.
const UFRAGS: usize = 2;
/// RFC 8839 5.4 has 256 characters at the most.
pub(crate) const UFRAG_MAX: usize = 256;

/// Silence after which a connection from which media is expected is taken to be gone: others are told within 3 s, and
/// receivers report once a second (RFC 3550 section 6.2).
pub(crate) const SILENT_AFTER: Duration = Duration::from_millis(2_500);
/// The same where only consent checks are expected: Firefox's are up to 6 s apart.
pub(crate) const SILENT_IDLE_AFTER: Duration = Duration::from_secs(8);

/// Packets retransmitted to one subscriber: at most this many a second ...
const REPAIRS_PER_SECOND: u64 = 1_000;
/// ... and this many at once: a lost key frame of a large picture.
const REPAIRS_BURST: u64 = 256;

/// One connection.
pub(crate) struct Connection {
    pub(crate) id: ConnectionId,
    pub(crate) room: Key<Room>,
    pub(crate) link: Arc<ControlLink>,
    pub(crate) ufrags: Vec<Box<[u8]>>,
    pub(crate) routes: Vec<SocketAddr>,
    pub(crate) session: Option<Session>,
    pub(crate) remote: Option<Path>,
    pub(crate) announced: Option<SocketAddr>,
    pub(crate) heard: Now,
    pub(crate) silent: bool,
    /// The sender SSRC of our RTCP to a publisher.
    pub(crate) own_ssrc: u32,
    pub(crate) lines: Vec<Line>,
    pub(crate) extensions: ExtensionIds,
    pub(crate) streams: Vec<Stream>,
    pub(crate) publications: Vec<(String, Key<Track>)>,
    pub(crate) arrivals: Recorder,
    /// Places keep their meaning: a removed slot leaves an empty one.
    pub(crate) slots: Vec<Option<Slot>>,
    /// Fresh packets of this round: (slot, index of the packet).
    pub(crate) pending: Vec<(u16, u16)>,
    /// The transport-wide sequence number sent last.
    pub(crate) transport: u16,
    pub(crate) repairs: Budget,
    pub(crate) due: Due,
}

/// When a connection's timers run out.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Due {
    /// The earliest of all; a tick looks no further before it.
    pub(crate) any: Now,
    pub(crate) feedback: Now,
    pub(crate) report: Now,
    pub(crate) waiting: Now,
    pub(crate) layers: Now,
}

impl Due {
    /// A slot's layer is to be told then.
    pub(crate) fn tell(&mut self, at: Now) {
        self.waiting = self.waiting.min(at);
        self.any = self.any.min(at);
    }
}

/// An m-line on which the client sends.
pub(crate) struct Line {
    pub(crate) mid: String,
    pub(crate) kind: MediaKind,
    pub(crate) payloads: Vec<Mapped>,
    ssrcs: Vec<u32>,
    fid: Vec<(u32, u32)>,
    pub(crate) rids: Vec<String>,
}

/// What an incoming SSRC is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    Media(Key<Source>),
    /// Retransmissions of a source, by its SSRC if that was signalled, else by its m-line and layer.
    Repair {
        of: Option<u32>,
        line: usize,
        layer: u8,
    },
}

/// One incoming SSRC.
pub(crate) struct Stream {
    pub(crate) ssrc: u32,
    pub(crate) role: Role,
    pub(crate) window: Window,
    pub(crate) last: Now,
}

/// What the first packet of an unknown SSRC tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Lesson {
    Media { line: usize, layer: u8, payload: Mapped },
    Repair { of: Option<u32>, line: usize, layer: u8 },
}

impl Connection {
    pub(crate) fn new(id: ConnectionId, room: Key<Room>, link: Arc<ControlLink>, own_ssrc: u32, now: Now) -> Self {
        Self {
            id,
            room,
            link,
            ufrags: Vec::new(),
            routes: Vec::new(),
            session: None,
            remote: None,
            announced: None,
            heard: now,
            silent: false,
            own_ssrc,
            lines: Vec::new(),
            extensions: ExtensionIds::default(),
            streams: Vec::new(),
            publications: Vec::new(),
            arrivals: Recorder::default(),
            slots: Vec::new(),
            pending: Vec::new(),
            transport: 0,
            repairs: Budget { tokens: REPAIRS_BURST, at: now },
            due: Due {
                any: now.after(SILENT_AFTER),
                feedback: Now::NEVER,
                report: Now::NEVER,
                waiting: Now::NEVER,
                layers: Now::NEVER,
            },
        }
    }

    /// Registers a ufrag; returns the one that is no longer valid.
    pub(crate) fn add_ufrag(&mut self, ufrag: Box<[u8]>) -> Option<Box<[u8]>> {
        self.ufrags.retain(|known| *known != ufrag);
        let old = if self.ufrags.len() >= UFRAGS { Some(self.ufrags.remove(0)) } else { None };
        self.ufrags.push(ufrag);
        old
    }

    /// Registers a route; returns the one that gives way.
    pub(crate) fn add_route(&mut self, remote: SocketAddr) -> Option<SocketAddr> {
        if self.routes.contains(&remote) {
            return None;
        }
        let old = if self.routes.len() >= ROUTES_MAX { Some(self.routes.remove(0)) } else { None };
        self.routes.push(remote);
        old
    }

    /// Makes sure that a tick looks at this connection then.
    #[inline]
    pub(crate) fn wake(&mut self, at: Now) {
        self.due.any = self.due.any.min(at);
    }

    /// The source of an SSRC.
    pub(crate) fn source_of(&self, ssrc: u32) -> Option<Key<Source>> {
        match self.streams.iter().find(|stream| stream.ssrc == ssrc)?.role {
            Role::Media(source) => Some(source),
            Role::Repair { .. } => None,
        }
    }

    /// All sources, and their SSRCs' places.
    pub(crate) fn sources(&self) -> impl Iterator<Item = Key<Source>> + '_ {
        self.streams.iter().filter_map(|stream| match stream.role {
            Role::Media(source) => Some(source),
            Role::Repair { .. } => None,
        })
    }

    /// Room for one more stream: the longest idle one gives way. Returns what it was; `Err` if none is idle.
    pub(crate) fn make_room(&mut self, now: Now) -> Result<Option<Role>, ()> {
        if self.streams.len() < STREAMS_MAX {
            return Ok(None);
        }
        let oldest = self.streams.iter().enumerate().min_by_key(|(_, stream)| stream.last).map(|(at, _)| at);
        let idle =
            oldest.filter(|at| self.streams.get(*at).is_some_and(|stream| now.since(stream.last) >= STREAM_IDLE));
        idle.map(|at| Some(self.streams.swap_remove(at).role)).ok_or(())
    }

    /// Which m-line and layer an unknown SSRC belongs to; none if the packet does not tell.
    pub(crate) fn learn(&self, header: &Header, fields: &Fields<'_>) -> Option<Lesson> {
        let has_payload = |line: &Line| {
            line.payloads.iter().any(|p| p.number == header.payload_type || p.rtx == Some(header.payload_type))
        };
        let by_mid = |line: &Line| fields.mid.is_some_and(|mid| line.mid.as_bytes() == mid);
        let by_ssrc = |line: &Line| {
            line.ssrcs.contains(&header.ssrc) || line.fid.iter().any(|(_, repair)| *repair == header.ssrc)
        };
        let at = match fields.mid {
            Some(_) => self.lines.iter().position(by_mid)?,
            None => self.lines.iter().position(by_ssrc).or_else(|| self.only(has_payload))?,
        };
        let line = self.lines.get(at)?;
        let layer = |rid: Option<&[u8]>| match rid {
            _ if line.rids.is_empty() => Some(0),
            Some(rid) => u8::try_from(line.rids.iter().position(|known| known.as_bytes() == rid)?).ok(),
            None => None,
        };
        if let Some(payload) = line.payloads.iter().find(|payload| payload.number == header.payload_type) {
            return Some(Lesson::Media { line: at, layer: layer(fields.rid)?, payload: *payload });
        }
        line.payloads.iter().find(|payload| payload.rtx == Some(header.payload_type))?;
        let of = line.fid.iter().find(|(_, repair)| *repair == header.ssrc).map(|(media, _)| *media);
        match of {
            Some(_) => Some(Lesson::Repair { of, line: at, layer: 0 }),
            None => Some(Lesson::Repair { of, line: at, layer: layer(fields.repaired_rid)? }),
        }
    }

    /// The only line of which something is true.
    fn only(&self, is: impl Fn(&Line) -> bool) -> Option<usize> {
        let mut fitting = self.lines.iter().enumerate().filter(|(_, line)| is(line));
        let (first, second) = (fitting.next(), fitting.next());
        first.filter(|_| second.is_none()).map(|(at, _)| at)
    }

    /// Replaces the m-lines.
    pub(crate) fn set_lines(&mut self, lines: Vec<ReceiveLine>) {
        let mut extensions = ExtensionIds::default();
        for ids in lines.iter().map(|line| line.extensions) {
            extensions.mid = extensions.mid.or(ids.mid);
            extensions.rid = extensions.rid.or(ids.rid);
            extensions.repaired_rid = extensions.repaired_rid.or(ids.repaired_rid);
            extensions.audio_level = extensions.audio_level.or(ids.audio_level);
            extensions.transport_cc = extensions.transport_cc.or(ids.transport_cc);
        }
        self.extensions = extensions;
        self.lines = lines
            .into_iter()
            .map(|line| Line {
                mid: line.mid,
                kind: line.kind,
                payloads: line.codecs.iter().map(Mapped::new).collect(),
                ssrcs: line.ssrcs,
                fid: line.fid,
                rids: line.rids,
            })
            .collect();
    }

    pub(crate) fn slot_at(&self, key: SlotKey) -> Option<u16> {
        let at = self.slots.iter().position(|slot| slot.as_ref().is_some_and(|slot| slot.key == key))?;
        u16::try_from(at).ok()
    }

    #[inline]
    pub(crate) fn slot_mut(&mut self, at: u16) -> Option<&mut Slot> {
        self.slots.get_mut(usize::from(at))?.as_mut()
    }

    /// The slot that waits for a track which is not published yet.
    pub(crate) fn slots_wanting(&self, track: TrackId) -> impl Iterator<Item = u16> + '_ {
        (0..)
            .zip(&self.slots)
            .filter_map(move |(at, slot)| slot.as_ref().is_some_and(|slot| slot.wanted == Some(track)).then_some(at))
    }
}

/// A token bucket.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Budget {
    tokens: u64,
    at: Now,
}

impl Budget {
    /// Takes one retransmission, if there is one left.
    pub(crate) fn take(&mut self, now: Now) -> bool {
        let passed = u64::try_from(now.since(self.at).as_millis()).unwrap_or(u64::MAX).min(1_000);
        let earned = passed * REPAIRS_PER_SECOND / 1_000;
        if earned > 0 {
            self.tokens = (self.tokens + earned).min(REPAIRS_BURST);
            self.at = now;
        }
        if self.tokens == 0 {
            return false;
        }
        self.tokens -= 1;
        true
    }
}
