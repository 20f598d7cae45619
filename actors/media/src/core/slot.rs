//! One outgoing stream of a subscriber: one SSRC whose sequence, timestamps and counters run on, whoever it carries.
//!
//! A stretch of packets from one source is a [`Segment`]: from its first packet on, sequence numbers and timestamps are
//! the source's plus a constant. A switch begins the next segment behind everything that was sent.
//!
//! **Invariant:** segments never overlap: every number of a later one is higher than all of an earlier one that were
//! sent, and a packet from before a segment's first is never sent in it.

use std::{collections::VecDeque, sync::Arc, time::Duration};

use rookery_schemas::{
    ids::TrackId,
    signal::{MediaKind, WantedSize},
};

use super::{
    forward::Fresh,
    slab::Key,
    source::{Source, Track},
};
use crate::{
    clock::Now,
    codec::{Mapped, matching, ticks_per_ms, vp8},
    command::SlotKey,
    event::LAYER_TOLD_EVERY,
    rtp::Layout,
    srtp::StreamKey,
};

/// Segments whose packets can still be retransmitted: four switches within a second.
const SEGMENTS_MAX: usize = 4;
/// The timestamp moves on by at least this at a switch: an equal one would merge two frames, and freeze the receiver.
const SWITCH_STEP: Duration = Duration::from_millis(10);
/// How long a picture of the old source goes on while the new one has no key frame.
pub(crate) const SWITCH_WAIT: Duration = Duration::from_secs(2);

/// A stretch of packets from one source.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Segment {
    pub(crate) source: Key<Source>,
    /// The source's number of its first packet.
    first: u64,
    /// What that packet was sent as.
    start: u64,
    pub(crate) shift: u32,
    /// How the source encodes.
    from: Mapped,
    /// How it is sent.
    pub(crate) to: Mapped,
    pub(crate) vp8: vp8::Shift,
}

impl Segment {
    /// The outgoing number of a source's packet; none for one from before the switch.
    #[inline]
    fn out(&self, number: u64) -> Option<u64> {
        Some(self.start + number.checked_sub(self.first)?)
    }
}

/// What a slot is to carry.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Target {
    pub(crate) track: Key<Track>,
    /// The chosen layer; none before its first packet.
    pub(crate) source: Option<Key<Source>>,
    since: Now,
}

/// What a slot carries.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Flow {
    pub(crate) track: Key<Track>,
    pub(crate) source: Key<Source>,
}

/// What the subscriber was told of the layer that it gets.
#[derive(Clone, Debug, Default)]
struct Told {
    layer: Option<Arc<str>>,
    at: Now,
    /// Another one flows since, and the last word is too fresh.
    late: bool,
}

/// Retransmissions of a slot.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Repair {
    pub(crate) ssrc: u32,
    /// None before the connection has keys.
    pub(crate) stream: Option<StreamKey>,
    pub(crate) next: u64,
}

/// One slot of a subscribe connection.
pub(crate) struct Slot {
    pub(crate) key: SlotKey,
    pub(crate) ssrc: u32,
    /// None before the connection has keys.
    pub(crate) stream: Option<StreamKey>,
    pub(crate) repair: Option<Repair>,
    pub(crate) payloads: Vec<Mapped>,
    pub(crate) layout: Layout,
    /// The track that was asked for, published or not.
    pub(crate) wanted: Option<TrackId>,
    pub(crate) size: Option<WantedSize>,
    pub(crate) target: Option<Target>,
    pub(crate) flow: Option<Flow>,
    segments: VecDeque<Segment>,
    /// One past the highest number sent.
    pub(crate) next: u64,
    timestamp: u32,
    sent_at: Option<Now>,
    vp8: vp8::Counters,
    pub(crate) packets: u32,
    pub(crate) bytes: u32,
    pub(crate) quality: Quality,
    told: Told,
}

/// What the subscriber reports, and what is needed to read it.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Quality {
    /// Middle 32 bits of the NTP time in our last sender report, and when it left.
    pub(crate) reported: Option<(u32, Now)>,
    pub(crate) loss_256ths: Option<u8>,
    pub(crate) round_trip: Option<Duration>,
}

/// Whether a packet leaves on a slot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Admission {
    /// It does, as this number.
    Yes(u64),
    /// It does, and is the first of a new segment.
    Switch(u64),
    /// It is none of this slot's, or nothing that a decoder can begin with.
    No,
    BeforeSwitch,
    NoPayloadType,
}

impl Slot {
    /// An empty slot whose first packet will have the number `next`.
    pub(crate) fn new(key: SlotKey, ssrc: u32, next: u64) -> Self {
        Self {
            key,
            ssrc,
            stream: None,
            repair: None,
            payloads: Vec::new(),
            layout: Layout::new(&crate::ExtensionIds::default()),
            wanted: None,
            size: None,
            target: None,
            flow: None,
            segments: VecDeque::with_capacity(SEGMENTS_MAX),
            next,
            timestamp: 0,
            sent_at: None,
            vp8: vp8::Counters::default(),
            packets: 0,
            bytes: 0,
            quality: Quality::default(),
            told: Told::default(),
        }
    }

    /// Whether 0 x 0 was asked for: not seen, send nothing.
    pub(crate) fn paused(&self) -> bool {
        self.size.is_some_and(|size| size.width == 0 && size.height == 0)
    }

    /// Sets what it is to carry.
    pub(crate) fn aim(&mut self, track: Key<Track>, source: Option<Key<Source>>, now: Now) {
        let since = self.target.filter(|target| target.track == track).map_or(now, |target| target.since);
        self.target = Some(Target { track, source, since });
    }

    /// Whether it waits for a key frame, and whether for too long with an old picture.
    pub(crate) fn waits(&self, now: Now) -> Option<bool> {
        let target = self.target.filter(|_| self.key.kind == MediaKind::Video && !self.paused())?;
        let flows = self.flow.is_some_and(|flow| Some(flow.source) == target.source);
        let other = self.flow.is_some_and(|flow| flow.track != target.track);
        (!flows).then(|| other && now.since(target.since) >= SWITCH_WAIT)
    }

    /// Nothing leaves from here on, retransmissions included. True if something did.
    pub(crate) fn stop(&mut self) -> bool {
        self.segments.clear();
        self.told.late = false;
        self.flow.take().is_some()
    }

    /// Another source flows, of this layer: whether that is to be told now. Another track is told at once, another layer
    /// of the same one not before [`Slot::telling`].
    pub(crate) fn tells(&mut self, layer: Option<&Arc<str>>, another_track: bool, now: Now) -> bool {
        let news = another_track || self.told.layer.as_ref() != layer;
        let may = another_track || now.since(self.told.at) >= LAYER_TOLD_EVERY;
        self.told.late = news && !may;
        if news && may {
            self.told = Told { layer: layer.cloned(), at: now, late: false };
        }
        news && may
    }

    /// When the layer that flows is to be told, which has not been; [`Now::NEVER`] if it was.
    pub(crate) fn telling(&self) -> Now {
        if self.told.late { self.told.at.after(LAYER_TOLD_EVERY) } else { Now::NEVER }
    }

    /// Decides on a fresh packet; at a point where the wanted source can begin, switches to it.
    #[inline]
    pub(crate) fn admit(&mut self, fresh: &Fresh, payload: &[u8], now: Now) -> Admission {
        if let (Some(flow), Some(segment)) = (self.flow, self.segments.back())
            && flow.source == fresh.source
            && segment.from == fresh.payload
        {
            return segment.out(fresh.number).map_or(Admission::BeforeSwitch, Admission::Yes);
        }
        let wanted = self.target.is_some_and(|target| target.source == Some(fresh.source)) && !self.paused();
        let changed = self.flow.is_some_and(|flow| flow.source == fresh.source);
        if !(wanted || changed) || !fresh.begins {
            return Admission::No;
        }
        self.switch(fresh, payload, now)
    }

    fn switch(&mut self, fresh: &Fresh, payload: &[u8], now: Now) -> Admission {
        let Some(to) = matching(&self.payloads, fresh.payload.format) else { return Admission::NoPayloadType };
        let timestamp = match self.sent_at {
            None => fresh.timestamp,
            Some(sent_at) => {
                let passed = now.since(sent_at).max(SWITCH_STEP).as_micros() * u128::from(self.ticks_per_ms()) / 1_000;
                self.timestamp.wrapping_add(crate::bits::low32(u64::try_from(passed).unwrap_or(0)))
            }
        };
        if self.segments.len() >= SEGMENTS_MAX {
            self.segments.pop_front();
        }
        self.segments.push_back(Segment {
            source: fresh.source,
            first: fresh.number,
            start: self.next,
            shift: timestamp.wrapping_sub(fresh.timestamp),
            from: fresh.payload,
            to,
            vp8: if to.format.codec == rookery_schemas::signal::Codec::Vp8 {
                self.vp8.follow(payload)
            } else {
                vp8::Shift::default()
            },
        });
        self.flow = Some(Flow { track: fresh.track, source: fresh.source });
        Admission::Switch(self.next)
    }

    /// The segment that is being sent.
    #[inline]
    pub(crate) fn segment(&self) -> Option<&Segment> {
        self.segments.back()
    }

    /// Where a number that was sent came from: its segment and the source's number.
    pub(crate) fn origin(&self, out: u64) -> Option<(&Segment, u64)> {
        if out >= self.next {
            return None;
        }
        let segment = self.segments.iter().rev().find(|segment| segment.start <= out)?;
        Some((segment, out - segment.start + segment.first))
    }

    /// Where VP8's counters stand after a packet, as rewritten.
    #[inline]
    pub(crate) fn vp8_after(&self, payload: &[u8]) -> vp8::Counters {
        let mut counters = self.vp8;
        counters.sent(payload);
        counters
    }

    /// Notes what was sent, with the length of its payload.
    #[inline]
    pub(crate) fn sent(&mut self, out: u64, timestamp: u32, length: usize, vp8: Option<vp8::Counters>, now: Now) {
        self.packets = self.packets.wrapping_add(1);
        self.bytes = self.bytes.wrapping_add(crate::bits::len32(length));
        if out >= self.next {
            self.next = out + 1;
            self.timestamp = timestamp;
            self.sent_at = Some(now);
            self.vp8 = vp8.unwrap_or(self.vp8);
        }
    }

    fn ticks_per_ms(&self) -> u32 {
        ticks_per_ms(self.key.kind)
    }
}
