//! What is due without a cause: feedback and reports to publishers, requests for what is missing, silence, loudness.
//!
//! **Invariant:** [`Core::due`] is never later than what is due first.

use std::time::Duration;

use super::{
    Core,
    connection::{Connection, SILENT_AFTER, SILENT_IDLE_AFTER},
    levels::{LEVELS_EVERY, Level},
    output,
    receive::LAYERS_EVERY,
    slab::Key,
    source::{KEY_FRAME_EVERY, SlotRef},
};
use crate::{batch::Transmit, clock::Now, event::Event, rtcp};

/// Between two receiver reports.
const REPORT_EVERY: Duration = Duration::from_secs(1);
/// A source without packets for this long is not reported.
const REPORT_IDLE: Duration = Duration::from_secs(5);
/// Bytes of RTCP after which a datagram is closed; the largest part, a NACK, has 412.
const COMPOUND_BYTES: usize = 700;
/// Transport feedback packets in one go: they are split only by long pauses.
const FEEDBACK_MAX: usize = 8;

impl Core {
    /// Does what is due.
    pub fn tick(&mut self, now: Now, out: &mut impl Transmit) {
        if now < self.due {
            return;
        }
        self.due = Now::NEVER;
        let mut from = 0;
        while let Some((next, key)) = self.connections.next(from) {
            from = next;
            if self.connections.get(key).is_some_and(|connection| connection.due.any <= now) {
                self.tick_connection(key, now);
            }
            let any = self.connections.get(key).map_or(Now::NEVER, |connection| connection.due.any);
            self.due = self.due.min(any);
            if self.batch.full() {
                self.flush(out);
            }
        }
        self.tick_rooms(now);
        self.flush(out);
    }

    fn tick_connection(&mut self, key: Key<Connection>, now: Now) {
        if let Some(connection) = self.connections.get_mut(key) {
            connection.due.any = Now::NEVER;
        }
        self.silence(key, now);
        self.ask_and_report(key, now);
        self.waiting(key, now);
        self.layers(key, now);
        let Some(connection) = self.connections.get_mut(key) else { return };
        let due = connection.due;
        connection.wake(due.feedback.min(due.report).min(due.waiting).min(due.layers));
    }

    /// Announces a connection from which nothing has come for too long.
    fn silence(&mut self, key: Key<Connection>, now: Now) {
        let Self { connections, tracks, rooms, .. } = self;
        let Some(connection) = connections.get_mut(key).filter(|connection| !connection.silent) else { return };
        let sends = connection
            .publications
            .iter()
            .any(|(_, track)| tracks.get(*track).is_some_and(|track| !track.muted && !track.sources.is_empty()));
        let receives = connection.slots.iter().flatten().any(|slot| slot.flow.is_some());
        let after = if sends || receives { SILENT_AFTER } else { SILENT_IDLE_AFTER };
        if now.since(connection.heard) >= after {
            connection.silent = true;
            output::emit(rooms, connection.room, Event::Silent { connection: connection.id });
        } else {
            connection.wake(connection.heard.after(SILENT_AFTER).max(now.after(SILENT_AFTER / 10)));
        }
    }

    /// Feedback, requests and reports to a publisher, in as few datagrams as they fit.
    fn ask_and_report(&mut self, key: Key<Connection>, now: Now) {
        let Self { connections, sources, batch, stats, sequences, blocks, .. } = self;
        let Some(connection) = connections.get_mut(key) else { return };
        let own = connection.own_ssrc;
        let Some(media) = connection.sources().find_map(|source| sources.get(source)).map(|source| source.ssrc) else {
            connection.due.feedback = Now::NEVER;
            connection.due.report = Now::NEVER;
            return;
        };
        if connection.due.feedback <= now {
            connection.due.feedback = Now::NEVER;
            for _ in 0..FEEDBACK_MAX {
                let mut more = false;
                let mut arrivals = std::mem::take(&mut connection.arrivals);
                output::rtcp_to(connection, batch, |out| more = arrivals.report(out, own, media));
                connection.arrivals = arrivals;
                if !more {
                    break;
                }
                stats.transport_feedback_sent += 1;
            }
        }
        let reports = connection.due.report <= now;
        blocks.clear();
        let mut next = Now::NEVER;
        for at in 0..connection.streams.len() {
            let Some(super::connection::Role::Media(source)) = connection.streams.get(at).map(|stream| stream.role)
            else {
                continue;
            };
            let Some(source) = sources.get_mut(source) else { continue };
            if source.missing.next() <= now {
                sequences.clear();
                let given_up = source.missing.due(now, sequences);
                stats.given_up += given_up as u64;
                stats.nacks_sent += sequences.len() as u64;
                if given_up > 0 {
                    source.key_frames.want_later();
                }
                let mut rest = sequences.as_slice();
                while !rest.is_empty() {
                    let mut taken = 0;
                    output::rtcp_to(connection, batch, |out| taken = rtcp::nack(out, own, source.ssrc, rest));
                    rest = rest.get(taken.max(1)..).unwrap_or_default();
                }
            }
            if source.key_frames.take(now) {
                stats.key_frame_requests_sent += 1;
                output::rtcp_to(connection, batch, |out| rtcp::key_frame_request(out, own, source.ssrc));
            }
            if reports && now.since(source.last) < REPORT_IDLE {
                blocks.extend(source.reception.block(source.ssrc, now));
            }
            next = next.min(source.missing.next()).min(source.key_frames.next());
        }
        if reports {
            connection.due.report = now.after(REPORT_EVERY);
            for blocks in blocks.chunks(COMPOUND_BYTES / 24) {
                output::rtcp_to(connection, batch, |out| rtcp::receiver_report(out, own, blocks));
            }
        }
        connection.wake(next);
    }

    /// Slots that wait for a key frame ask again; layers that were not told yet are.
    fn waiting(&mut self, key: Key<Connection>, now: Now) {
        let Some(connection) = self.connections.get_mut(key).filter(|connection| connection.due.waiting <= now) else {
            return;
        };
        connection.due.waiting = Now::NEVER;
        let slots = connection.slots.len();
        for at in 0..crate::bits::len16(slots) {
            let slot = self.connections.get_mut(key).and_then(|connection| connection.slot_mut(at));
            let Some(slot) = slot else { continue };
            let (waits, target, telling) = (slot.waits(now), slot.target, slot.telling());
            if telling <= now {
                self.tell_layer(SlotRef { connection: key, slot: at }, now);
            } else if let Some(connection) = self.connections.get_mut(key) {
                connection.due.waiting = connection.due.waiting.min(telling);
            }
            let (Some(too_long), Some(target)) = (waits, target) else { continue };
            let here = SlotRef { connection: key, slot: at };
            if too_long {
                self.give_up_old_picture(here);
            }
            self.choose(here, target.track, now);
            if let Some(connection) = self.connections.get_mut(key) {
                connection.due.waiting = connection.due.waiting.min(now.after(KEY_FRAME_EVERY));
            }
        }
    }

    /// Leaves layers that their publisher's bandwidth has stopped, and takes up those that came back.
    fn layers(&mut self, key: Key<Connection>, now: Now) {
        let Some(connection) = self.connections.get_mut(key).filter(|connection| connection.due.layers <= now) else {
            return;
        };
        connection.due.layers = Now::NEVER;
        for at in 0..connection.publications.len() {
            let track = self.connections.get(key).and_then(|c| c.publications.get(at)).map(|(_, track)| *track);
            let Some(track) = track.filter(|t| self.tracks.get(*t).is_some_and(|t| t.sources.len() > 1)) else {
                continue;
            };
            self.retarget(track, now);
            if let Some(connection) = self.connections.get_mut(key) {
                connection.due.layers = now.after(LAYERS_EVERY);
            }
        }
    }

    /// Judges loudness where somebody is heard.
    fn tick_rooms(&mut self, now: Now) {
        let mut from = 0;
        while let Some((next, key)) = self.rooms.next(from) {
            from = next;
            let Self { rooms, tracks, sources, due, .. } = self;
            let Some(room) = rooms.get_mut(key) else { continue };
            if room.judged > now {
                *due = (*due).min(room.judged);
                continue;
            }
            let audible = room.tracks.iter().filter_map(|key| {
                let track = tracks.get(*key).filter(|track| !track.muted)?;
                let source = track.sources.first().and_then(|source| sources.get(*source))?;
                (source.level != Level::default()).then_some((track.id, source.level))
            });
            let active = audible.clone().any(|(_, level)| level.fresh(now));
            let news = room.announced.judge(audible, now);
            room.judged = if active { now.after(LEVELS_EVERY) } else { Now::NEVER };
            *due = (*due).min(room.judged);
            if let Some(levels) = news.levels {
                self.emit(key, Event::Levels { levels });
            }
            if let Some(track) = news.speaker {
                self.emit(key, Event::ActiveSpeaker { track });
            }
        }
    }
}
