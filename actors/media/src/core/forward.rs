//! A round's way out: what came in since the last round goes to everyone who receives it.
//!
//! Grouped by subscriber and slot, so that a frame's packets lie behind each other and leave as one segmented send.
//! Encoders cut a frame into packets that differ by a byte or two, which would end a run: they are padded to the
//! frame's largest.
//!
//! **Invariant:** a packet touches only the slots bound to its track.

use super::{
    Core,
    connection::Connection,
    output::{self, Outgoing, Writer},
    slab::Key,
    slot::Admission,
    source::{SlotRef, Source, Track},
    subscriptions::key_slot,
};
use crate::{
    batch::Transmit,
    bits::{len16, low8},
    clock::Now,
    codec::Mapped,
    event::Event,
    rtp,
};

/// Packets of one round at the most.
pub(super) const FRESH_MAX: usize = 1_024;
/// Padding of one packet at the most: what the packets of one frame differ by; 1 % of a full packet.
const PAD_MAX: u16 = 12;

/// A packet that came in this round.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Fresh {
    pub(crate) track: Key<Track>,
    pub(crate) source: Key<Source>,
    pub(crate) payload: Mapped,
    pub(crate) number: u64,
    pub(crate) timestamp: u32,
    pub(crate) length: u16,
    pub(crate) marker: bool,
    /// Whether a decoder can begin with it.
    pub(crate) begins: bool,
    pub(crate) picture: bool,
    /// RFC 6464's byte.
    pub(crate) level: u8,
    /// Its place among the round's frames.
    pub(crate) frame: u16,
}

/// The packets of one frame that came in this round.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Frame {
    source: Key<Source>,
    timestamp: u32,
    longest: u16,
}

impl Core {
    /// Forwards what has been received since, and sends everything that waits.
    pub fn forward(&mut self, now: Now, out: &mut impl Transmit) {
        if !self.fresh.is_empty() {
            self.find_frames();
            self.distribute();
            let send_time = rtp::send_time(now);
            let mut dirty = std::mem::take(&mut self.dirty);
            for key in dirty.drain(..) {
                self.forward_to(key, now, send_time);
                if self.batch.full() {
                    self.flush(out);
                }
            }
            self.dirty = dirty;
            self.fresh.clear();
        }
        self.flush(out);
    }

    fn find_frames(&mut self) {
        self.frames.clear();
        for fresh in &mut self.fresh {
            let same = |frame: &Frame| frame.source == fresh.source && frame.timestamp == fresh.timestamp;
            // nearly always the last one
            let at = match self.frames.iter().rposition(same) {
                Some(at) => at,
                None => {
                    self.frames.push(Frame { source: fresh.source, timestamp: fresh.timestamp, longest: 0 });
                    self.frames.len() - 1
                }
            };
            if let Some(frame) = self.frames.get_mut(at) {
                frame.longest = frame.longest.max(fresh.length);
            }
            fresh.frame = len16(at);
        }
    }

    /// Notes each packet with the connections that have a slot for it.
    fn distribute(&mut self) {
        let Self { fresh, tracks, connections, dirty, .. } = self;
        for (index, fresh) in (0..).zip(fresh.iter()) {
            let Some(track) = tracks.get(fresh.track).filter(|track| !track.muted) else { continue };
            for to in &track.bound {
                let Some(connection) = connections.get_mut(to.connection) else { continue };
                if connection.session.is_none() || connection.remote.is_none() {
                    continue;
                }
                if connection.pending.is_empty() {
                    dirty.push(to.connection);
                }
                connection.pending.push((to.slot, index));
            }
        }
    }

    fn forward_to(&mut self, key: Key<Connection>, now: Now, send_time: [u8; 3]) {
        let Self { connections, sources, tracks, rooms, fresh, frames, batch, stats, video, due, .. } = self;
        let Some(connection) = connections.get_mut(key) else { return };
        let Connection { id, room, session, remote, slots, pending, transport, due: own_due, .. } = connection;
        let (Some(session), Some(to)) = (session.as_mut(), *remote) else { return pending.clear() };
        if !pending.is_sorted() {
            pending.sort_unstable();
        }
        let mut writer = Writer { batch, stats, sealer: &mut session.sealer, transport, to, now, send_time };
        for (at, index) in pending.drain(..) {
            let Some(fresh) = fresh.get(usize::from(index)) else { continue };
            let Some(slot) = slots.get_mut(usize::from(at)).and_then(Option::as_mut) else { continue };
            let Some(source) = sources.get(fresh.source) else { continue };
            let Some((_, payload)) = source.history.get(fresh.number) else { continue };
            if slot.stream.is_none() && key_slot(slot, writer.sealer).is_none() {
                continue;
            }
            let before = slot.flow;
            let number = match slot.admit(fresh, payload, now) {
                Admission::Yes(number) | Admission::Switch(number) => number,
                Admission::No => continue,
                Admission::BeforeSwitch => {
                    writer.stats.drop_before_switch += 1;
                    continue;
                }
                Admission::NoPayloadType => {
                    writer.stats.drop_no_payload_type += 1;
                    continue;
                }
            };
            let Some(segment) = slot.segment().copied() else { continue };
            if before.map(|flow| flow.source) != Some(fresh.source) {
                if before.is_none() {
                    writer.stats.slots_live += 1;
                }
                let another_track = before.map(|flow| flow.track) != Some(fresh.track);
                if another_track && let Some(old) = before.and_then(|flow| tracks.get_mut(flow.track)) {
                    old.detach(SlotRef { connection: key, slot: at });
                }
                if slot.tells(source.rid.as_ref(), another_track, now) {
                    if let Some(track) = tracks.get(fresh.track) {
                        let (slot, layer) = (slot.key, source.rid.clone());
                        output::emit(rooms, *room, Event::SlotLive { connection: *id, slot, track: track.id, layer });
                    }
                } else {
                    own_due.tell(slot.telling());
                    *due = (*due).min(slot.telling());
                }
                if let Some(report) = source.reception.report() {
                    writer.sender_report(slot, segment.shift, report);
                }
            }
            if fresh.picture {
                *video = Some(now);
            }
            let longest = frames.get(usize::from(fresh.frame)).map_or(0, |frame| frame.longest);
            let pad = Some(longest - fresh.length).filter(|pad| *pad <= PAD_MAX && fresh.picture).unwrap_or(0);
            let packet = Outgoing {
                payload,
                timestamp: fresh.timestamp,
                marker: fresh.marker,
                level: fresh.level,
                pad: low8(u64::from(pad)),
            };
            writer.media(slot, &segment, number, &packet);
        }
    }
}
