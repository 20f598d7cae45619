//! A datagram's way in: whose it is, what it is, and, for media, opening, numbering and keeping it.
//!
//! STUN requests go by the ufrag in their USERNAME, since they may come from a new address; everything else goes by its
//! source address, which only a proven answer puts into the table.
//!
//! **Invariant:** before a packet is authentic it changes nothing but counters.

use std::time::Duration;

use rookery_schemas::signal::{Codec, MediaKind};

use super::{
    Core,
    connection::{Connection, Lesson, Role, Stream},
    forward::{FRESH_MAX, Fresh},
    gaps::Gaps,
    history::History,
    levels::{LEVELS_EVERY, Level},
    missing::Missing,
    output,
    reception::Reception,
    slab::Key,
    source::{KeyFrames, Source, Track},
};
use crate::{
    clock::Now,
    codec::{self, ticks_per_ms},
    event::Event,
    link::{
        Path,
        stun::{self, Kind, Message},
    },
    rtp::{Fields, Header},
    srtp::{Window, extend},
};

/// Between two feedback packets to a publisher: twenty a second react within a frame or two of congestion.
const FEEDBACK_EVERY: Duration = Duration::from_millis(50);
/// Under load feedback goes out when this many arrivals wait.
const FEEDBACK_AT: usize = crate::rtcp::transport_cc::ARRIVALS_MAX / 2;
/// Between two receiver reports.
const REPORT_EVERY: Duration = Duration::from_secs(1);

/// Between two looks at which layers of a publisher still come.
pub(super) const LAYERS_EVERY: Duration = Duration::from_millis(500);

/// RFC 6464: silence, where nothing was said about the level.
pub(super) const NO_LEVEL: u8 = 127;

/// One packet of a source, authentic and with its padding taken off.
struct Arrival<'a> {
    index: u64,
    payload: &'a [u8],
    payload_type: u8,
    timestamp: u32,
    marker: bool,
    level: Option<u8>,
    repaired: bool,
}

impl Core {
    /// Takes one datagram. What it causes to be forwarded waits for [`Core::forward`], which must be called at least
    /// every 1,024 datagrams.
    pub fn receive(&mut self, now: Now, path: Path, datagram: &mut [u8]) {
        self.stats.packets_in += 1;
        self.stats.bytes_in += datagram.len() as u64;
        match datagram.first() {
            Some(0..=3) => self.stun(now, path, datagram),
            Some(20..=63) => {
                if let Some(key) = self.route(now, path) {
                    self.heard(key, now);
                    self.deliver(key, path, datagram);
                }
            }
            Some(128..=191) => {
                if let Some(key) = self.route(now, path) {
                    self.heard(key, now);
                    match datagram.get(1) {
                        Some(192..=223) => self.rtcp(now, key, datagram),
                        _ => self.rtp(now, key, datagram),
                    }
                }
            }
            _ => self.stats.drop_malformed += 1,
        }
    }

    /// Whose an address is. A route that was learned a moment ago may not have been taken over yet.
    #[inline]
    fn route(&mut self, now: Now, path: Path) -> Option<Key<Connection>> {
        let mut found = self.by_address.get(&path.remote).copied();
        if found.is_none() && self.wire.take_notified() {
            self.links_changed(now);
            found = self.by_address.get(&path.remote).copied();
        }
        if found.is_none() {
            self.stats.drop_unknown_source += 1;
        }
        found
    }

    #[inline]
    fn heard(&mut self, key: Key<Connection>, now: Now) {
        let Some(connection) = self.connections.get_mut(key) else { return };
        connection.heard = now;
        if connection.silent {
            connection.silent = false;
            connection.wake(now);
            self.due = self.due.min(now);
            output::emit(&self.rooms, connection.room, Event::Heard { connection: connection.id });
        }
    }

    fn deliver(&self, key: Key<Connection>, path: Path, datagram: &[u8]) {
        if let Some(connection) = self.connections.get(key) {
            connection.link.deliver(path, datagram);
        }
    }

    fn stun(&mut self, now: Now, path: Path, datagram: &[u8]) {
        let Some(message) = Message::parse(datagram) else {
            self.stats.drop_malformed += 1;
            return;
        };
        if message.kind != Kind::BindingRequest {
            if let Some(key) = self.route(now, path) {
                self.heard(key, now);
                self.deliver(key, path, datagram);
            }
            return;
        }
        let Some(ufrag) = message.ufrag() else {
            self.answer_stun(now, path, &message);
            return;
        };
        match self.by_ufrag.get(ufrag).copied() {
            Some(key) => {
                // A ufrag alone is no proof: only where it comes from a known address does it count as life.
                if self.by_address.get(&path.remote) == Some(&key) {
                    self.heard(key, now);
                }
                self.deliver(key, path, datagram);
            }
            None => self.stats.drop_unknown_ufrag += 1,
        }
    }

    /// Says where a request without USERNAME came from, so that no foreign STUN server is needed.
    fn answer_stun(&mut self, now: Now, path: Path, message: &Message<'_>) {
        if !self.stun.allow(path.remote.ip(), now) {
            self.stats.drop_stun_limited += 1;
            return;
        }
        let mut answer = [0; stun::ANSWER_MAX];
        let length = stun::answer(&mut answer, &message.transaction, path.remote);
        let mark = self.batch.mark();
        self.batch.space().extend_from_slice(answer.get(..length).unwrap_or_default());
        self.batch.push(mark, path);
        self.stats.stun_answered += 1;
    }

    fn rtp(&mut self, now: Now, key: Key<Connection>, packet: &mut [u8]) {
        let Some(header) = Header::parse(packet) else {
            self.stats.drop_malformed += 1;
            return;
        };
        let Some(connection) = self.connections.get_mut(key) else { return };
        let Some(session) = &connection.session else {
            self.stats.drop_no_keys += 1;
            return;
        };
        let known = connection.streams.iter().position(|stream| stream.ssrc == header.ssrc);
        let window = known.and_then(|at| connection.streams.get(at)).map(|stream| &stream.window);
        let index = extend(window.and_then(Window::highest), header.sequence);
        let Some(index) = index.filter(|index| window.is_none_or(|window| window.check(*index).is_ok())) else {
            self.stats.drop_replayed += 1;
            return;
        };
        let Some(length) = session.opener.open_rtp(packet, header.length, header.ssrc, index) else {
            self.stats.drop_unauthentic += 1;
            return;
        };
        let fields = header.fields(packet, &connection.extensions);
        if let Some(number) = fields.transport_cc {
            connection.arrivals.record(number, now);
            let every = if connection.arrivals.waiting() >= FEEDBACK_AT { Duration::ZERO } else { FEEDBACK_EVERY };
            if connection.due.feedback > now.after(every) {
                connection.due.feedback = now.after(every);
                connection.wake(now.after(every));
                self.due = self.due.min(now.after(every));
            }
        }
        let role = match known {
            Some(at) => self.role(key, at, index, now),
            None => self.learn(key, &header, &fields, index, now),
        };
        let Some(role) = role else {
            self.stats.drop_unknown_ssrc += 1;
            return;
        };
        let body = packet.get(header.length..header.length + length).unwrap_or_default();
        let Some(payload) = header.unpadded(body).and_then(|length| body.get(..length)) else {
            self.stats.drop_malformed += 1;
            return;
        };
        let arrival = Arrival {
            index,
            payload,
            payload_type: header.payload_type,
            timestamp: header.timestamp,
            marker: header.marker,
            level: fields.audio_level,
            repaired: false,
        };
        match role {
            Role::Media(source) => self.media(key, source, &arrival, now),
            Role::Repair { of, line, layer } => self.repaired(key, (of, line, layer), arrival, now),
        }
    }

    /// The role of a known stream, with the packet noted in its window.
    #[inline]
    fn role(&mut self, key: Key<Connection>, at: usize, index: u64, now: Now) -> Option<Role> {
        let stream = self.connections.get_mut(key)?.streams.get_mut(at)?;
        stream.last = now;
        stream.window.take(index).ok()?;
        Some(stream.role)
    }

    /// Makes a stream for an SSRC that was not seen before.
    fn learn(
        &mut self,
        key: Key<Connection>,
        header: &Header,
        fields: &Fields<'_>,
        index: u64,
        now: Now,
    ) -> Option<Role> {
        let connection = self.connections.get_mut(key)?;
        let lesson = connection.learn(header, fields)?;
        if let Some(Role::Media(gone)) = connection.make_room(now).ok()? {
            self.remove_source(gone, now);
        }
        let role = match lesson {
            Lesson::Repair { of, line, layer } => Role::Repair { of, line, layer },
            Lesson::Media { line, layer, payload } => {
                let connection = self.connections.get(key)?;
                let line = connection.lines.get(line)?;
                let (mid, kind) = (line.mid.clone(), line.kind);
                let rid = line.rids.get(usize::from(layer)).map(|rid| rid.as_str().into());
                let replaced = connection.sources().find(|source| {
                    self.sources.get(*source).is_some_and(|source| source.mid == mid && source.layer == layer)
                });
                let track = connection.publications.iter().find(|(other, _)| *other == mid).map(|(_, track)| *track);
                if let Some(replaced) = replaced {
                    let streams = &mut self.connections.get_mut(key)?.streams;
                    streams.retain(|stream| stream.role != Role::Media(replaced));
                    self.remove_source(replaced, now);
                }
                let source = Source {
                    connection: key,
                    track,
                    mid,
                    layer,
                    rid,
                    kind,
                    ssrc: header.ssrc,
                    payload,
                    gaps: Gaps::default(),
                    history: History::new(kind),
                    reception: Reception::default(),
                    missing: Missing::default(),
                    key_frames: KeyFrames::default(),
                    level: Level::default(),
                    size: None,
                    last: now,
                };
                Role::Media(self.add_source(source, now))
            }
        };
        let mut stream = Stream { ssrc: header.ssrc, role, window: Window::default(), last: now };
        stream.window.take(index).ok()?;
        self.connections.get_mut(key)?.streams.push(stream);
        self.gauges();
        Some(role)
    }

    fn add_source(&mut self, source: Source, now: Now) -> Key<Source> {
        let (track, connection) = (source.track, source.connection);
        let key = self.sources.insert(source);
        if let Some(track) = track
            && let Some(entry) = self.tracks.get_mut(track)
        {
            entry.sources.push(key);
            let layered = entry.sources.len() > 1;
            self.retarget(track, now);
            if let Some(connection) = self.connections.get_mut(connection).filter(|_| layered) {
                connection.due.layers = connection.due.layers.min(now.after(LAYERS_EVERY));
                connection.wake(connection.due.layers);
                self.due = self.due.min(connection.due.layers);
            }
        }
        if let Some(connection) = self.connections.get_mut(connection)
            && connection.due.report == Now::NEVER
        {
            connection.due.report = now.after(REPORT_EVERY);
            connection.wake(connection.due.report);
            self.due = self.due.min(connection.due.report);
        }
        key
    }

    /// A retransmission: the original sequence number, then the original payload (RFC 4588 4).
    fn repaired(
        &mut self,
        key: Key<Connection>,
        (of, line, layer): (Option<u32>, usize, u8),
        arrival: Arrival<'_>,
        now: Now,
    ) {
        let Some((original, payload)) = arrival.payload.split_at_checked(2).filter(|(_, rest)| !rest.is_empty()) else {
            self.stats.padding_in += 1;
            return;
        };
        let Some(index) = self.lost_index(key, (of, line, layer), original) else {
            self.stats.drop_useless_repair += 1;
            return;
        };
        let (source, index) = index;
        let Some(payload_type) = self.sources.get(source).map(|source| source.payload.number) else { return };
        self.stats.recovered += 1;
        self.media(key, source, &Arrival { index, payload, payload_type, repaired: true, ..arrival }, now);
    }

    /// The source and extended number that a retransmission is of, if that packet has not come yet.
    fn lost_index(
        &mut self,
        key: Key<Connection>,
        (of, line, layer): (Option<u32>, usize, u8),
        original: &[u8],
    ) -> Option<(Key<Source>, u64)> {
        let Self { connections, sources, .. } = self;
        let connection = connections.get_mut(key)?;
        let mid = &connection.lines.get(line)?.mid;
        let stream = connection.streams.iter_mut().find(|stream| match (stream.role, of) {
            (Role::Media(_), Some(ssrc)) => stream.ssrc == ssrc,
            (Role::Media(source), None) => {
                sources.get(source).is_some_and(|source| source.mid == *mid && source.layer == layer)
            }
            _ => false,
        })?;
        let highest = stream.window.highest()?;
        let index = extend(Some(highest), crate::bits::be16(original, 0)?)?;
        if index > highest || stream.window.take(index).is_err() {
            return None;
        }
        match stream.role {
            Role::Media(source) => Some((source, index)),
            Role::Repair { .. } => None,
        }
    }

    /// One media packet of a source, fresh or repaired.
    fn media(&mut self, key: Key<Connection>, source_key: Key<Source>, arrival: &Arrival<'_>, now: Now) {
        let Some(source) = self.sources.get_mut(source_key) else { return };
        source.last = now;
        source.missing.came(arrival.index, now);
        if !arrival.repaired {
            self.account(key, source_key, arrival, now);
        }
        let Some(source) = self.sources.get_mut(source_key) else { return };
        if arrival.payload.is_empty() {
            self.stats.padding_in += 1;
            source.gaps.skip(arrival.index);
            return;
        }
        let Some(number) = source.gaps.number(arrival.index) else { return };
        if source.payload.number != arrival.payload_type {
            let payloads = self.connections.get(key).and_then(|c| c.lines.iter().find(|line| line.mid == source.mid));
            let payload = payloads.and_then(|l| l.payloads.iter().find(|p| p.number == arrival.payload_type));
            let Some(payload) = payload else {
                self.stats.drop_unknown_ssrc += 1;
                return;
            };
            source.payload = *payload;
        }
        let begins = codec::begins(source.payload.format.codec, arrival.payload);
        if begins && source.kind == MediaKind::Video {
            source.key_frames.came();
            source.size = codec::size(source.payload.format.codec, arrival.payload).or(source.size);
        }
        let Some(track_key) = source.track else { return };
        let Some(track) = self.tracks.get_mut(track_key).filter(|track| !track.muted) else { return };
        if let Some(level) = arrival.level.filter(|_| source.kind == MediaKind::Audio) {
            source.level.heard(level, now);
            if let Some(room) = self.rooms.get_mut(track.room)
                && room.judged == Now::NEVER
            {
                room.judged = now.after(LEVELS_EVERY);
                self.due = self.due.min(room.judged);
            }
        }
        announce(&self.rooms, track, source.payload.format.codec);
        let fits = self.fresh.len() < FRESH_MAX;
        if !fits || !source.history.store(number, arrival.timestamp, arrival.marker, arrival.payload) {
            self.stats.drop_overrun += 1;
            return;
        }
        self.fresh.push(Fresh {
            track: track_key,
            source: source_key,
            payload: source.payload,
            number,
            timestamp: arrival.timestamp,
            length: crate::bits::len16(arrival.payload.len()),
            marker: arrival.marker,
            begins,
            picture: source.kind == MediaKind::Video,
            level: arrival.level.unwrap_or(NO_LEVEL),
            frame: 0,
        });
    }

    /// Notes a packet that came on the stream itself: statistics, and what is missing before it.
    fn account(&mut self, key: Key<Connection>, source_key: Key<Source>, arrival: &Arrival<'_>, now: Now) {
        let Some(source) = self.sources.get_mut(source_key) else { return };
        let expected = source.reception.next();
        source.reception.received(arrival.index, arrival.timestamp, ticks_per_ms(source.kind), now);
        let Some(expected) = expected.filter(|expected| arrival.index > *expected) else { return };
        if source.kind != MediaKind::Video {
            return;
        }
        if source.missing.lost(expected, arrival.index, now) {
            let next = source.missing.next();
            self.wake(key, next);
        } else {
            self.want_key_frame(source_key, now);
        }
    }
}

/// Tells the room that a track has begun, or goes on with another codec.
#[inline]
fn announce(rooms: &super::Slab<super::Room>, track: &mut Track, codec: Codec) {
    if track.announced != Some(codec) {
        track.announced = Some(codec);
        output::emit(rooms, track.room, Event::TrackStarted { track: track.id, codec });
    }
}
