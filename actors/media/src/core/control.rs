//! RTCP's way in: publishers' sender reports, and what subscribers report and ask for.
//!
//! **Invariant:** a report or request concerns only streams of the connection that it came on.

use std::time::Duration;

use super::{
    Core,
    connection::Connection,
    output::{Outgoing, Writer},
    receive::NO_LEVEL,
    slab::Key,
    source::{SlotRef, Source},
};
use crate::{
    bits::be32,
    clock::Now,
    rtcp::{self, Block, Packet},
    rtp,
    srtp::RtcpRefusal,
};

/// A measured round trip above this is a forged or stale report.
const ROUND_TRIP_MAX: Duration = Duration::from_secs(30);

impl Core {
    pub(super) fn rtcp(&mut self, now: Now, key: Key<Connection>, packet: &mut [u8]) {
        let Some(connection) = self.connections.get_mut(key) else { return };
        let Some(session) = &mut connection.session else {
            self.stats.drop_no_keys += 1;
            return;
        };
        let length = match session.opener.open_rtcp(packet) {
            Ok(length) => length,
            Err(RtcpRefusal::Unauthentic) => {
                self.stats.drop_unauthentic += 1;
                return;
            }
            Err(RtcpRefusal::Replayed) => {
                self.stats.drop_replayed += 1;
                return;
            }
        };
        for packet in rtcp::read(packet.get(..length).unwrap_or_default()) {
            match packet {
                Packet::SenderReport { ssrc, ntp, timestamp, blocks } => {
                    self.sender_report(key, ssrc, (ntp, timestamp), now);
                    blocks.iter().for_each(|block| self.reported(key, &block, now));
                }
                Packet::ReceiverReport { blocks } => {
                    blocks.iter().for_each(|block| self.reported(key, &block, now));
                }
                Packet::Nack { media, entries } => self.nacked(key, media, entries, now),
                Packet::PictureLoss { media } => self.key_frame_asked(key, media, now),
                Packet::FullIntra { entries } => {
                    for media in entries.chunks_exact(8).filter_map(|entry| be32(entry, 0)) {
                        self.key_frame_asked(key, media, now);
                    }
                }
                Packet::TransportCc => self.stats.transport_feedback_received += 1,
                Packet::Other => {}
            }
        }
    }

    /// A publisher's report goes to everyone who receives that source, so that sound and pictures stay in step.
    fn sender_report(&mut self, key: Key<Connection>, ssrc: u32, (ntp, timestamp): (u64, u32), now: Now) {
        let Some(source_key) = self.connections.get(key).and_then(|connection| connection.source_of(ssrc)) else {
            return;
        };
        let Some(source) = self.sources.get_mut(source_key) else { return };
        source.reception.report_came(ntp, timestamp, now);
        let (Some(report), Some(track)) = (source.reception.report(), source.track) else { return };
        let Self { tracks, connections, batch, stats, .. } = self;
        let Some(track) = tracks.get(track).filter(|track| !track.muted) else { return };
        for SlotRef { connection, slot } in &track.bound {
            let Some(connection) = connections.get_mut(*connection) else { continue };
            let (Some(session), Some(to)) = (connection.session.as_mut(), connection.remote) else { continue };
            let Some(slot) = connection.slots.get_mut(usize::from(*slot)).and_then(Option::as_mut) else { continue };
            if !slot.flow.is_some_and(|flow| flow.source == source_key) {
                continue;
            }
            let Some(shift) = slot.segment().map(|segment| segment.shift) else { continue };
            let (sealer, transport) = (&mut session.sealer, &mut connection.transport);
            let mut writer = Writer { batch, stats, sealer, transport, to, now, send_time: [0; 3] };
            writer.sender_report(slot, shift, report);
        }
    }

    /// A subscriber's view of a slot.
    fn reported(&mut self, key: Key<Connection>, block: &Block, now: Now) {
        let Some(connection) = self.connections.get_mut(key) else { return };
        let slot = connection.slots.iter_mut().flatten().find(|slot| slot.ssrc == block.ssrc);
        let Some(slot) = slot else { return };
        slot.quality.forget(&mut self.stats);
        slot.quality.loss_256ths = Some(block.fraction_lost);
        if let Some((ntp, sent)) = slot.quality.reported
            && ntp == block.last_report
        {
            let held = Duration::from_nanos((u64::from(block.delay) * 1_000_000_000) >> 16);
            let round_trip = now.since(sent).checked_sub(held).filter(|trip| *trip <= ROUND_TRIP_MAX);
            slot.quality.round_trip = round_trip.or(slot.quality.round_trip);
        }
        slot.quality.count(&mut self.stats);
    }

    fn key_frame_asked(&mut self, key: Key<Connection>, media: u32, now: Now) {
        let Some(connection) = self.connections.get(key) else { return };
        let Some(slot) = connection.slots.iter().flatten().find(|slot| slot.ssrc == media) else { return };
        self.stats.key_frame_requests_received += 1;
        let flowing: Option<Key<Source>> = slot.flow.map(|flow| flow.source);
        if let Some(source) = flowing.or_else(|| slot.target?.source) {
            self.want_key_frame(source, now);
        }
    }

    /// Retransmits what a subscriber misses, as far as it is still kept and the subscriber's budget lasts.
    fn nacked(&mut self, key: Key<Connection>, media: u32, entries: &[u8], now: Now) {
        let Self { connections, sources, batch, stats, .. } = self;
        let Some(connection) = connections.get_mut(key) else { return };
        let Connection { session, remote, slots, transport, repairs, .. } = connection;
        let (Some(session), Some(to)) = (session.as_mut(), *remote) else { return };
        let Some(slot) = slots.iter_mut().flatten().find(|slot| slot.ssrc == media) else { return };
        let send_time = rtp::send_time(now);
        let mut writer = Writer { batch, stats, sealer: &mut session.sealer, transport, to, now, send_time };
        for sequence in rtcp::nacked(entries) {
            writer.stats.nacks_received += 1;
            let Some(newest) = slot.next.checked_sub(1) else { return };
            let behind = u64::from(crate::bits::low16(newest).wrapping_sub(sequence));
            let Some(number) = newest.checked_sub(behind) else { continue };
            let Some((segment, original)) = slot.origin(number).map(|(segment, number)| (*segment, number)) else {
                continue;
            };
            let Some(source) = sources.get(segment.source) else { continue };
            let Some((entry, payload)) = source.history.get(original) else { continue };
            if !repairs.take(now) {
                writer.stats.drop_retransmit_limited += 1;
                return;
            }
            let packet =
                Outgoing { payload, timestamp: entry.timestamp, marker: entry.marker, level: NO_LEVEL, pad: 0 };
            writer.repair(slot, &segment, number, &packet);
        }
    }
}
