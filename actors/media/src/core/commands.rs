//! What the control plane changes: rooms, connections, m-lines and tracks. Slots are in [`super::subscriptions`].
//!
//! **Invariant:** closing a thing closes all that hangs on it, before the next packet.

use std::sync::Arc;

use rand::Rng;
use rookery_schemas::ids::{RoomId, TrackId};

use super::{
    CONNECTIONS_MAX, Core, ROOMS_MAX,
    connection::{Connection, LINES_MAX, Role, UFRAG_MAX},
    levels::Announced,
    output,
    room::Room,
    slab::Key,
    source::{Source, Track},
};
use crate::{
    clock::Now,
    command::{Command, ConnectionId, ReceiveLine},
    event::{Event, EventSink},
    link::{ControlLink, Learned},
    srtp::Session,
};

/// Tracks of one connection; the control plane allows fewer.
const TRACKS_MAX: usize = 32;

impl Core {
    /// Applies a command. Follow a series of them with [`Core::flush`].
    pub fn command(&mut self, now: Now, command: Command) {
        let applied = match command {
            Command::OpenRoom { room, sink } => self.open_room(room, sink),
            Command::CloseRoom { room } => self.room_ids.get(&room).copied().map(|key| self.close_room(key)),
            Command::OpenConnection { room, connection, link } => self.open_connection(room, connection, link, now),
            Command::CloseConnection { connection } => {
                self.connection_ids.get(&connection).copied().map(|key| self.close_connection(key, now))
            }
            Command::Credentials { connection, ufrag } => self.credentials(connection, &ufrag),
            Command::Receive { connection, lines } => self.receive_lines(connection, lines, now),
            Command::Send { connection, slots } => self.send_slots(connection, slots, now),
            Command::Publish { connection, mid, track, muted } => self.publish(connection, mid, track, muted, now),
            Command::Unpublish { track } => self.track_ids.get(&track).copied().map(|key| self.remove_track(key, now)),
            Command::Mute { track, muted } => self.track_ids.get(&track).copied().map(|key| self.mute(key, muted, now)),
            Command::Bind { connection, slot, track, size } => self.bind(connection, slot, track, size, now),
        };
        if applied.is_none() {
            self.stats.commands_refused += 1;
        }
        self.gauges();
    }

    /// Takes what links have learned: routes, nominations and keys.
    pub fn links_changed(&mut self, now: Now) {
        let mut from = 0;
        while let Some((next, key)) = self.connections.next(from) {
            from = next;
            let learned = self.connections.get(key).and_then(|connection| connection.link.take_learned());
            if let Some(learned) = learned {
                self.learned(key, learned, now);
            }
        }
        self.gauges();
    }

    fn learned(&mut self, key: Key<Connection>, learned: Learned, now: Now) {
        let Some(connection) = self.connections.get_mut(key) else { return };
        for route in &learned.routes {
            if let Some(old) = connection.add_route(route.remote)
                && self.by_address.get(&old) == Some(&key)
            {
                self.by_address.remove(&old);
            }
            // The newest proof wins: an address that a NAT has given to another client is that client's.
            self.by_address.insert(route.remote, key);
        }
        if let Some(keys) = learned.keys
            && connection.session.is_none()
        {
            connection.session = Session::derive(&keys.bytes, keys.profile);
            if connection.session.is_none() {
                tracing::error!(connection = connection.id.0, "keying material too short for its profile");
            }
        }
        connection.remote = learned.nominated.or(connection.remote);
        if let (true, Some(path)) = (connection.session.is_some(), connection.remote)
            && connection.announced != Some(path.remote)
        {
            connection.announced = Some(path.remote);
            let event = Event::Connected { connection: connection.id, remote: path.remote };
            output::emit(&self.rooms, connection.room, event);
            connection.due.waiting = now;
            connection.wake(now);
            self.due = self.due.min(now);
        }
    }

    /// A room that is open gets the new sink: its actor was restarted.
    fn open_room(&mut self, id: RoomId, sink: Arc<dyn EventSink>) -> Option<()> {
        if let Some(key) = self.room_ids.get(&id) {
            self.rooms.get_mut(*key)?.sink = sink;
            return Some(());
        }
        if self.rooms.len() >= ROOMS_MAX {
            return None;
        }
        let room = Room {
            id,
            sink,
            connections: Vec::new(),
            tracks: Vec::new(),
            announced: Announced::default(),
            judged: Now::NEVER,
        };
        let key = self.rooms.insert(room);
        self.room_ids.insert(id, key);
        Some(())
    }

    /// Closes a room without telling its sink, which has asked for it.
    pub(super) fn close_room(&mut self, key: Key<Room>) {
        let Some(room) = self.rooms.remove(key) else { return };
        self.room_ids.remove(&room.id);
        for connection in room.connections {
            self.close_connection(connection, Now::default());
        }
    }

    fn open_connection(&mut self, room: RoomId, id: ConnectionId, link: Arc<ControlLink>, now: Now) -> Option<()> {
        let room_key = *self.room_ids.get(&room)?;
        if self.connection_ids.contains_key(&id) || self.connections.len() >= CONNECTIONS_MAX {
            return None;
        }
        let own_ssrc = self.random.random();
        let key = self.connections.insert(Connection::new(id, room_key, link.clone(), own_ssrc, now));
        self.connection_ids.insert(id, key);
        self.rooms.get_mut(room_key)?.connections.push(key);
        self.due = self.due.min(now.after(super::connection::SILENT_AFTER));
        if let Some(learned) = link.take_learned() {
            self.learned(key, learned, now);
        }
        Some(())
    }

    pub(super) fn close_connection(&mut self, key: Key<Connection>, now: Now) {
        let slots = self.connections.get(key).map_or(0, |connection| connection.slots.len());
        for at in 0..slots {
            self.remove_slot(key, crate::bits::len16(at));
        }
        while let Some(track) = self.connections.get(key).and_then(|c| c.publications.first().map(|p| p.1)) {
            self.remove_track(track, now);
        }
        let Some(connection) = self.connections.remove(key) else { return };
        for source in connection.sources() {
            self.sources.remove(source);
        }
        for address in &connection.routes {
            if self.by_address.get(address) == Some(&key) {
                self.by_address.remove(address);
            }
        }
        for ufrag in &connection.ufrags {
            if self.by_ufrag.get(ufrag) == Some(&key) {
                self.by_ufrag.remove(ufrag);
            }
        }
        self.connection_ids.remove(&connection.id);
        if let Some(room) = self.rooms.get_mut(connection.room) {
            room.connections.retain(|other| *other != key);
        }
        self.gauges();
    }

    fn credentials(&mut self, id: ConnectionId, ufrag: &str) -> Option<()> {
        let key = *self.connection_ids.get(&id)?;
        let ufrag: Box<[u8]> = ufrag.as_bytes().into();
        let taken = self.by_ufrag.get(&ufrag).is_some_and(|owner| *owner != key);
        if taken || !(1..=UFRAG_MAX).contains(&ufrag.len()) {
            return None;
        }
        if let Some(old) = self.connections.get_mut(key)?.add_ufrag(ufrag.clone()) {
            self.by_ufrag.remove(&old);
        }
        self.by_ufrag.insert(ufrag, key);
        Some(())
    }

    /// Replaces the m-lines. Streams of lines that are gone end; the others keep their state.
    fn receive_lines(&mut self, id: ConnectionId, lines: Vec<ReceiveLine>, now: Now) -> Option<()> {
        let key = *self.connection_ids.get(&id)?;
        if lines.len() > LINES_MAX {
            return None;
        }
        let connection = self.connections.get_mut(key)?;
        let before: Vec<String> = connection.lines.iter().map(|line| line.mid.clone()).collect();
        connection.set_lines(lines);
        let mut gone = Vec::new();
        let Connection { streams, lines, .. } = connection;
        streams.retain_mut(|stream| match &mut stream.role {
            Role::Media(source) => {
                let stays = self.sources.get(*source).is_some_and(|s| lines.iter().any(|line| line.mid == s.mid));
                if !stays {
                    gone.push(*source);
                }
                stays
            }
            Role::Repair { line, .. } => {
                let moved = before.get(*line).and_then(|mid| lines.iter().position(|line| line.mid == *mid));
                *line = moved.unwrap_or(usize::MAX);
                moved.is_some()
            }
        });
        for source in gone {
            self.remove_source(source, now);
        }
        Some(())
    }

    fn publish(&mut self, id: ConnectionId, mid: String, track: TrackId, muted: bool, now: Now) -> Option<()> {
        let key = *self.connection_ids.get(&id)?;
        let connection = self.connections.get(key)?;
        if self.track_ids.contains_key(&track) || connection.publications.len() >= TRACKS_MAX {
            return None;
        }
        let room = connection.room;
        let sources: Vec<_> = connection
            .sources()
            .filter(|source| self.sources.get(*source).is_some_and(|source| source.mid == mid))
            .collect();
        if let Some((_, old)) = connection.publications.iter().find(|(other, _)| *other == mid) {
            self.remove_track(*old, now);
        }
        let entry = Track {
            id: track,
            room,
            connection: key,
            muted,
            sources: sources.clone(),
            bound: Vec::new(),
            announced: None,
        };
        let track_key = self.tracks.insert(entry);
        self.track_ids.insert(track, track_key);
        for source in sources {
            if let Some(source) = self.sources.get_mut(source) {
                source.track = Some(track_key);
            }
        }
        self.connections.get_mut(key)?.publications.push((mid, track_key));
        let room = self.rooms.get_mut(room)?;
        room.tracks.push(track_key);
        for subscriber in room.connections.clone() {
            let waiting: Vec<u16> = match self.connections.get(subscriber) {
                Some(connection) => connection.slots_wanting(track).collect(),
                None => continue,
            };
            for at in waiting {
                self.aim_slot(subscriber, at, track_key, now);
            }
        }
        Some(())
    }

    /// Ends a track: slots that carry it or wait for it go idle, its sources go on without it.
    pub(super) fn remove_track(&mut self, key: Key<Track>, now: Now) {
        let Some(track) = self.tracks.get_mut(key) else { return };
        for slot in std::mem::take(&mut track.bound) {
            self.track_ended(slot, key);
        }
        let Some(track) = self.tracks.remove(key) else { return };
        self.track_ids.remove(&track.id);
        for source in track.sources {
            if let Some(source) = self.sources.get_mut(source) {
                source.track = None;
            }
        }
        if let Some(connection) = self.connections.get_mut(track.connection) {
            connection.publications.retain(|(_, other)| *other != key);
        }
        if let Some(room) = self.rooms.get_mut(track.room) {
            room.tracks.retain(|other| *other != key);
            if room.judged == Now::NEVER {
                room.judged = now;
            }
            self.due = self.due.min(room.judged);
        }
    }

    fn mute(&mut self, key: Key<Track>, muted: bool, now: Now) {
        let Some(track) = self.tracks.get_mut(key) else { return };
        if std::mem::replace(&mut track.muted, muted) == muted {
            return;
        }
        if !muted {
            self.retarget(key, now);
            return;
        }
        for source in track.sources.clone() {
            if let Some(source) = self.sources.get_mut(source) {
                source.level.silence();
            }
        }
        let bound = self.tracks.get(key).map(|track| track.bound.clone()).unwrap_or_default();
        for slot in bound {
            self.silence_slot(slot, key);
        }
    }

    /// Ends a source whose m-line is gone or whose SSRC was replaced.
    pub(super) fn remove_source(&mut self, key: Key<Source>, now: Now) {
        let Some(source) = self.sources.remove(key) else { return };
        if let Some(track) = source.track
            && let Some(entry) = self.tracks.get_mut(track)
        {
            entry.sources.retain(|other| *other != key);
            self.retarget(track, now);
        }
    }
}
