//! Writing packets into the batch: media and retransmissions of a slot, RTCP, events.
//!
//! **Invariant:** whatever leaves is sealed here, by the connection's one sealer, or not at all.

use super::{
    connection::Connection,
    reception::Report,
    room::Room,
    slab::{Key, Slab},
    slot::{Segment, Slot},
};
use crate::{
    batch::Batch,
    bits::{low16, low32},
    clock::Now,
    event::Event,
    link::Path,
    rtcp,
    rtp::{self, Values},
    srtp::{Sealer, StreamKey, TAG_MAX},
    stats::PlaneStats,
};
use rookery_schemas::signal::Codec;

/// Tells a room's sink.
pub(super) fn emit(rooms: &Slab<Room>, room: Key<Room>, event: Event) {
    if let Some(room) = rooms.get(room) {
        room.sink.event(event);
    }
}

/// Where packets of one connection are written.
pub(super) struct Writer<'a> {
    pub(super) batch: &'a mut Batch,
    pub(super) stats: &'a mut PlaneStats,
    pub(super) sealer: &'a mut Sealer,
    pub(super) transport: &'a mut u16,
    pub(super) to: Path,
    pub(super) now: Now,
    pub(super) send_time: [u8; 3],
}

/// A packet of a source, as it is to be sent.
#[derive(Clone, Copy)]
pub(super) struct Outgoing<'a> {
    pub(super) payload: &'a [u8],
    pub(super) timestamp: u32,
    pub(super) marker: bool,
    pub(super) level: u8,
    pub(super) pad: u8,
}

impl Writer<'_> {
    /// Sends a packet as number `out` of a slot.
    #[inline]
    pub(super) fn media(&mut self, slot: &mut Slot, segment: &Segment, out: u64, packet: &Outgoing<'_>) {
        let Some(stream) = slot.stream else { return };
        let timestamp = packet.timestamp.wrapping_add(segment.shift);
        let values = self.values(slot, segment.to.number, out, slot.ssrc, timestamp, packet);
        let mark = self.batch.mark();
        let space = self.batch.space();
        let header = slot.layout.write(space, &values);
        let at = mark + header;
        space.extend_from_slice(packet.payload);
        let mut vp8 = None;
        if segment.to.format.codec == Codec::Vp8
            && let Some(payload) = space.get_mut(at..)
        {
            segment.vp8.apply(payload);
            vp8 = Some(slot.vp8_after(payload));
        }
        rtp::pad(space, mark, packet.pad);
        if self.seal(mark, header, stream, out) {
            slot.sent(out, timestamp, packet.payload.len(), vp8, self.now);
            self.stats.forwarded += 1;
            self.stats.padding_out_bytes += u64::from(packet.pad);
            self.batch.push(mark, self.to);
        }
    }

    /// Sends again what was number `out` of a slot, as RFC 4588 has it. False if the slot cannot.
    pub(super) fn repair(&mut self, slot: &mut Slot, segment: &Segment, out: u64, packet: &Outgoing<'_>) -> bool {
        let (Some(mut repair), Some(payload_type)) = (slot.repair, segment.to.rtx) else { return false };
        let Some(stream) = repair.stream else { return false };
        let timestamp = packet.timestamp.wrapping_add(segment.shift);
        let values = self.values(slot, payload_type, repair.next, repair.ssrc, timestamp, packet);
        let mark = self.batch.mark();
        let space = self.batch.space();
        let header = slot.layout.write(space, &values);
        space.extend_from_slice(&low16(out).to_be_bytes());
        let at = mark + header + 2;
        space.extend_from_slice(packet.payload);
        if segment.to.format.codec == Codec::Vp8
            && let Some(payload) = space.get_mut(at..)
        {
            segment.vp8.apply(payload);
        }
        let sealed = self.seal(mark, header, stream, repair.next);
        repair.next += 1;
        slot.repair = Some(repair);
        if sealed {
            self.stats.retransmitted += 1;
            self.batch.push(mark, self.to);
        }
        sealed
    }

    /// Sends a slot's sender report: the publisher's clock as it is, its timestamp moved as its packets are.
    pub(super) fn sender_report(&mut self, slot: &mut Slot, shift: u32, report: Report) {
        let mark = self.batch.mark();
        let timestamp = report.timestamp.wrapping_add(shift);
        rtcp::sender_report(self.batch.space(), slot.ssrc, report.ntp, timestamp, slot.packets, slot.bytes);
        slot.quality.reported = Some((low32(report.ntp >> 16), self.now));
        if self.sealer.seal_rtcp(self.batch.space(), mark) {
            self.batch.push(mark, self.to);
        }
    }

    #[inline]
    fn values(
        &mut self,
        slot: &Slot,
        payload_type: u8,
        number: u64,
        ssrc: u32,
        timestamp: u32,
        packet: &Outgoing<'_>,
    ) -> Values {
        if slot.layout.numbers_transport() {
            *self.transport = self.transport.wrapping_add(1);
        }
        Values {
            payload_type,
            marker: packet.marker,
            sequence: low16(number),
            timestamp,
            ssrc,
            send_time: self.send_time,
            transport: *self.transport,
            level: packet.level,
        }
    }

    /// Seals what lies behind `mark`, or takes it back.
    #[inline]
    fn seal(&mut self, mark: usize, header: usize, stream: StreamKey, number: u64) -> bool {
        let space = self.batch.space();
        let plain = space.len() - mark - header;
        space.resize(space.len() + TAG_MAX, 0);
        let sealed = match space.get_mut(mark..) {
            Some(packet) => self.sealer.seal_rtp(stream, packet, header, plain, number).ok(),
            None => None,
        };
        match sealed {
            Some(length) => {
                space.truncate(mark + length);
                true
            }
            None => {
                self.stats.seal_refused += 1;
                self.batch.cancel(mark);
                false
            }
        }
    }
}

/// Sends the RTCP that `write` appends, if it appends any and the connection can send.
pub(super) fn rtcp_to(connection: &mut Connection, batch: &mut Batch, write: impl FnOnce(&mut Vec<u8>)) {
    let (Some(session), Some(to)) = (connection.session.as_mut(), connection.remote) else { return };
    let mark = batch.mark();
    write(batch.space());
    if batch.mark() > mark && session.sealer.seal_rtcp(batch.space(), mark) {
        batch.push(mark, to);
    }
}
