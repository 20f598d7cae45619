//! Slots and what they are bound to.
//!
//! A slot has a target (what was asked for) and a flow (what leaves). They differ while a key frame is awaited: the old
//! picture goes on until the new one can begin, unless the old one's track has ended or was muted.
//!
//! **Invariant:** a slot is in the lists of its target's and its flow's track, and in no other.

use rand::Rng;
use rookery_schemas::{
    ids::TrackId,
    signal::{MediaKind, WantedSize},
};

use super::{
    Core,
    connection::{Connection, SLOTS_MAX},
    output,
    slab::Key,
    slot::{Quality, Repair, Slot},
    source::{self, KEY_FRAME_EVERY, SlotRef, Source, Track},
};
use crate::{
    clock::Now,
    codec::Mapped,
    command::{ConnectionId, SendSlot, SlotKey},
    event::Event,
    rtcp,
    rtp::Layout,
    srtp::StreamKey,
    stats::PlaneStats,
};

impl Core {
    /// Replaces the slots. One whose SSRC stays keeps its state.
    pub(super) fn send_slots(&mut self, id: ConnectionId, slots: Vec<SendSlot>, now: Now) -> Option<()> {
        let key = *self.connection_ids.get(&id)?;
        if slots.len() > SLOTS_MAX {
            return None;
        }
        let connection = self.connections.get(key)?;
        let gone: Vec<u16> = (0..)
            .zip(&connection.slots)
            .filter_map(|(at, slot)| {
                let slot = slot.as_ref()?;
                let stays = slots.iter().any(|other| other.ssrc == slot.ssrc && other.key == slot.key);
                (!stays).then_some(at)
            })
            .collect();
        for at in gone {
            self.remove_slot(key, at);
        }
        let mut applied = Some(());
        for slot in slots {
            applied = applied.and(self.send_slot(key, &slot));
        }
        self.wake(key, now);
        applied
    }

    fn send_slot(&mut self, key: Key<Connection>, from: &SendSlot) -> Option<()> {
        let connection = self.connections.get_mut(key)?;
        // Slots need keys: an answer comes with the DTLS handshake still ahead, so streams are made when sealing.
        let at = connection.slots.iter().position(|slot| slot.as_ref().is_some_and(|slot| slot.ssrc == from.ssrc));
        let slot = match at {
            Some(at) => connection.slots.get_mut(at)?.as_mut()?,
            None => {
                let slot = Slot::new(from.key, from.ssrc, self.random.random_range(1..0x4000));
                self.stats.slots += 1;
                match connection.slots.iter_mut().find(|slot| slot.is_none()) {
                    Some(place) => place.insert(slot),
                    None => {
                        connection.slots.push(Some(slot));
                        connection.slots.last_mut()?.as_mut()?
                    }
                }
            }
        };
        slot.payloads = from.codecs.iter().map(Mapped::new).collect();
        slot.layout = Layout::new(&from.extensions);
        match (from.rtx_ssrc, slot.repair) {
            (Some(ssrc), Some(repair)) if repair.ssrc == ssrc => {}
            (Some(ssrc), _) => {
                slot.repair = Some(Repair { ssrc, stream: None, next: self.random.random_range(1..0x4000) });
            }
            (None, _) => slot.repair = None,
        }
        Some(())
    }

    /// Takes a slot away; the state of its SSRC stays with the association's sealer.
    pub(super) fn remove_slot(&mut self, key: Key<Connection>, at: u16) {
        self.release(SlotRef { connection: key, slot: at });
        let removed = self.connections.get_mut(key).and_then(|c| c.slots.get_mut(usize::from(at))?.take());
        if let Some(slot) = removed {
            self.stats.slots -= 1;
            slot.quality.forget(&mut self.stats);
        }
    }

    pub(super) fn bind(
        &mut self,
        id: ConnectionId,
        slot_key: SlotKey,
        track: Option<TrackId>,
        size: Option<WantedSize>,
        now: Now,
    ) -> Option<()> {
        let key = *self.connection_ids.get(&id)?;
        let connection = self.connections.get_mut(key)?;
        let at = connection.slot_at(slot_key)?;
        let room = connection.room;
        let slot = connection.slot_mut(at)?;
        let known = track.and_then(|track| self.track_ids.get(&track)).copied();
        if let Some(known) = known
            && self.tracks.get(known)?.room != room
        {
            return None;
        }
        (slot.wanted, slot.size) = (track, size);
        match known {
            Some(track) => self.aim_slot(key, at, track, now),
            None => {
                self.release(SlotRef { connection: key, slot: at });
                if let Some(slot) = self.connections.get_mut(key)?.slot_mut(at) {
                    slot.wanted = track;
                }
            }
        }
        Some(())
    }

    /// Points a slot at a published track.
    pub(super) fn aim_slot(&mut self, key: Key<Connection>, at: u16, track: Key<Track>, now: Now) {
        let here = SlotRef { connection: key, slot: at };
        let Some(entry) = self.tracks.get_mut(track) else { return };
        if !entry.attach(here) {
            self.stats.commands_refused += 1;
            return;
        }
        let muted = entry.muted;
        let Some(slot) = self.connections.get_mut(key).and_then(|connection| connection.slot_mut(at)) else { return };
        let (target, flow) = (slot.target.map(|target| target.track), slot.flow.map(|flow| flow.track));
        // Another's voice would be taken for the new one's, and a muted track has no key frame to wait for.
        let stops =
            slot.paused() || (flow.is_some_and(|flow| flow != track) && (slot.key.kind == MediaKind::Audio || muted));
        if stops {
            self.stop_slot(here);
        }
        for old in [target, flow.filter(|_| stops)].into_iter().flatten() {
            if old != track && (stops || Some(old) != flow) {
                self.detach(old, here);
            }
        }
        self.choose(here, track, now);
    }

    /// Chooses the layer of a slot's target, and asks for a key frame if that one is not flowing.
    pub(super) fn choose(&mut self, here: SlotRef, track: Key<Track>, now: Now) {
        let Self { connections, tracks, sources, .. } = self;
        let (Some(connection), Some(entry)) = (connections.get_mut(here.connection), tracks.get(track)) else { return };
        let Some(slot) = connection.slot_mut(here.slot) else { return };
        let layers = entry.sources.iter().filter_map(|key| sources.get(*key).map(|source| (*key, source)));
        let source = source::choose(layers, slot.size, now);
        slot.aim(track, source, now);
        if entry.muted || slot.waits(now).is_none() {
            return;
        }
        // A key frame that comes before there are keys and an address is lost, and the throttle holds back the next: it is asked
        // for when the connection is there.
        if connection.session.is_none() || connection.remote.is_none() {
            return;
        }
        connection.due.waiting = connection.due.waiting.min(now.after(KEY_FRAME_EVERY));
        let at = connection.due.waiting;
        self.wake(here.connection, at);
        let Some(source) = source else { return };
        match self.sources.get_mut(source).filter(|source| source.reception.next().is_none()) {
            // Its first packet is being handled, and is most likely a key frame: ask afterwards if it was not.
            Some(new) => {
                new.key_frames.want_later();
                let publisher = new.connection;
                self.wake(publisher, now);
            }
            None => self.want_key_frame(source, now),
        }
    }

    /// Chooses anew for all slots that want a track: a layer came or went, or it was unmuted.
    pub(super) fn retarget(&mut self, track: Key<Track>, now: Now) {
        let mut at = 0;
        while let Some(here) = self.tracks.get(track).and_then(|track| track.bound.get(at)).copied() {
            at += 1;
            let slot = self.connections.get_mut(here.connection).and_then(|connection| connection.slot_mut(here.slot));
            if slot.is_some_and(|slot| slot.target.is_some_and(|target| target.track == track)) {
                self.choose(here, track, now);
            }
        }
    }

    /// Empties a slot.
    fn release(&mut self, here: SlotRef) {
        self.stop_slot(here);
        let slot = self.connections.get_mut(here.connection).and_then(|connection| connection.slot_mut(here.slot));
        let Some(slot) = slot else { return };
        slot.wanted = None;
        let target = slot.target.take();
        if let Some(target) = target {
            self.detach(target.track, here);
        }
    }

    /// Nothing leaves on a slot any more; its target stays.
    fn stop_slot(&mut self, here: SlotRef) {
        let Some(connection) = self.connections.get_mut(here.connection) else { return };
        let (id, room) = (connection.id, connection.room);
        let Some(slot) = connection.slot_mut(here.slot) else { return };
        let (flow, target, key) = (slot.flow, slot.target.map(|target| target.track), slot.key);
        if slot.stop() {
            self.stats.slots_live -= 1;
            output::emit(&self.rooms, room, Event::SlotIdle { connection: id, slot: key });
        }
        if let Some(flow) = flow
            && Some(flow.track) != target
        {
            self.detach(flow.track, here);
        }
    }

    fn detach(&mut self, track: Key<Track>, here: SlotRef) {
        if let Some(track) = self.tracks.get_mut(track) {
            track.detach(here);
        }
    }

    /// A track that a slot carries or waits for has ended.
    pub(super) fn track_ended(&mut self, here: SlotRef, track: Key<Track>) {
        let slot = self.connections.get_mut(here.connection).and_then(|connection| connection.slot_mut(here.slot));
        let Some(slot) = slot else { return };
        if slot.target.is_some_and(|target| target.track == track) {
            self.release(here);
        } else if slot.flow.is_some_and(|flow| flow.track == track) {
            self.stop_slot(here);
        }
    }

    /// A track that a slot carries or waits for was muted.
    pub(super) fn silence_slot(&mut self, here: SlotRef, track: Key<Track>) {
        let slot = self.connections.get_mut(here.connection).and_then(|connection| connection.slot_mut(here.slot));
        let Some(slot) = slot else { return };
        let carries = slot.flow.is_some_and(|flow| flow.track == track);
        if carries || slot.target.is_some_and(|target| target.track == track) {
            self.stop_slot(here);
        }
    }

    /// Tells which layer leaves on a slot, which could not be told when it began.
    pub(super) fn tell_layer(&mut self, here: SlotRef, now: Now) {
        let Self { connections, tracks, sources, rooms, .. } = self;
        let Some(connection) = connections.get_mut(here.connection) else { return };
        let (id, room) = (connection.id, connection.room);
        let Some(slot) = connection.slot_mut(here.slot) else { return };
        let Some((track, source)) =
            slot.flow.and_then(|flow| Some((tracks.get(flow.track)?, sources.get(flow.source)?)))
        else {
            return;
        };
        if slot.tells(source.rid.as_ref(), false, now) {
            let (slot, layer) = (slot.key, source.rid.clone());
            output::emit(rooms, room, Event::SlotLive { connection: id, slot, track: track.id, layer });
        }
    }

    /// A slot has waited too long with another's picture.
    pub(super) fn give_up_old_picture(&mut self, here: SlotRef) {
        self.stop_slot(here);
    }

    /// Asks a source's publisher for a key frame, now or as soon as the throttle allows.
    pub(super) fn want_key_frame(&mut self, key: Key<Source>, now: Now) {
        let Self { connections, sources, batch, stats, due, .. } = self;
        let Some(source) = sources.get_mut(key).filter(|source| source.kind == MediaKind::Video) else { return };
        let Some(connection) = connections.get_mut(source.connection) else { return };
        if source.key_frames.want(now) {
            stats.key_frame_requests_sent += 1;
            let own = connection.own_ssrc;
            output::rtcp_to(connection, batch, |out| rtcp::key_frame_request(out, own, source.ssrc));
        } else {
            connection.wake(source.key_frames.next());
            *due = (*due).min(source.key_frames.next());
        }
    }
}

impl Quality {
    /// Takes these figures out of the sums.
    pub(super) fn forget(&self, stats: &mut PlaneStats) {
        if let Some(loss) = self.loss_256ths {
            stats.loss_256ths -= u64::from(loss);
            stats.loss_reports -= 1;
        }
        if let Some(round_trip) = self.round_trip {
            stats.rtt_us -= micros(round_trip);
            stats.rtt_reports -= 1;
        }
    }

    /// Adds these figures to the sums.
    pub(super) fn count(&self, stats: &mut PlaneStats) {
        if let Some(loss) = self.loss_256ths {
            stats.loss_256ths += u64::from(loss);
            stats.loss_reports += 1;
        }
        if let Some(round_trip) = self.round_trip {
            stats.rtt_us += micros(round_trip);
            stats.rtt_reports += 1;
        }
    }
}

fn micros(duration: std::time::Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}

/// Gives a slot its streams once the connection has keys: their counters go on where the association's stand.
pub(super) fn key_slot(slot: &mut Slot, sealer: &mut crate::srtp::Sealer) -> Option<StreamKey> {
    if slot.stream.is_none() {
        let stream = sealer.stream(slot.ssrc)?;
        slot.next = sealer.highest(stream).map_or(slot.next, |highest| highest + 1);
        slot.stream = Some(stream);
    }
    if let Some(repair) = slot.repair.as_mut().filter(|repair| repair.stream.is_none()) {
        repair.stream = sealer.stream(repair.ssrc);
        if let Some(highest) = repair.stream.and_then(|stream| sealer.highest(stream)) {
            repair.next = highest + 1;
        }
    }
    slot.stream
}
