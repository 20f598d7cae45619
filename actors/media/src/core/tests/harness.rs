//! A world of clients around one core. Each has an address, keys and its own view of what it received; every sealed
//! nonce of every client is remembered, and one that comes twice fails the test.

use std::{
    collections::{HashMap, HashSet},
    net::SocketAddr,
    sync::{Arc, atomic::AtomicBool, atomic::Ordering},
    time::Duration,
};

use parking_lot::Mutex;
use rookery_schemas::{
    ids::{RoomId, SlotIndex, TrackId},
    signal::{Codec, MediaKind, SrtpProfile, WantedSize},
};
use uuid::Uuid;

use crate::{
    Batch, Command, ConnectionId, ControlLink, Core, Event, EventSink, ExtensionIds, Local, Now, Path, PayloadType,
    ReceiveLine, SendSlot, SlotKey, Transmit, Wire,
    bits::{be16, be32, low16},
    rtp::Header,
    srtp::{Session, StreamKey, extend},
};

pub(super) const IDS: ExtensionIds = ExtensionIds {
    mid: Some(4),
    rid: Some(10),
    repaired_rid: Some(11),
    audio_level: Some(1),
    transport_cc: Some(3),
    abs_send_time: Some(2),
};

/// Payload types of every client, with their retransmissions.
pub(super) const CODECS: [(u8, Codec, Option<u8>); 5] = [
    (111, Codec::Opus, None),
    (96, Codec::Vp8, Some(97)),
    (102, Codec::H264, Some(103)),
    (98, Codec::Vp9, Some(99)),
    (45, Codec::Av1, Some(46)),
];

#[derive(Default)]
pub(super) struct TestWire {
    addrs: Vec<SocketAddr>,
    notified: AtomicBool,
}

impl Wire for TestWire {
    fn local_addrs(&self) -> &[SocketAddr] {
        &self.addrs
    }
    fn send(&self, _: Local, _: &[u8], _: SocketAddr) -> bool {
        true
    }
    fn notify(&self) {
        self.notified.store(true, Ordering::Relaxed);
    }
    fn take_notified(&self) -> bool {
        self.notified.swap(false, Ordering::Relaxed)
    }
}

#[derive(Default)]
pub(super) struct Sink(Mutex<Vec<Event>>);

impl EventSink for Sink {
    fn event(&self, event: Event) {
        self.0.lock().push(event);
    }
}

/// Messages as they left: address, packets in one send, bytes of each.
#[derive(Default)]
pub(super) struct Network {
    pub(super) messages: Vec<(SocketAddr, Vec<Vec<u8>>)>,
}

impl Transmit for Network {
    fn transmit(&mut self, batch: &Batch) {
        for message in batch.messages() {
            let packets = batch.bytes(message).chunks(message.segment.into()).map(<[u8]>::to_vec);
            self.messages.push((message.to.remote, packets.collect()));
        }
    }
}

/// A packet as a client received it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Got {
    pub(super) ssrc: u32,
    pub(super) payload_type: u8,
    pub(super) index: u64,
    pub(super) timestamp: u32,
    pub(super) marker: bool,
    pub(super) payload: Vec<u8>,
    pub(super) padding: usize,
}

pub(super) struct Client {
    pub(super) id: ConnectionId,
    pub(super) addr: SocketAddr,
    pub(super) link: Arc<ControlLink>,
    session: Session,
    streams: HashMap<u32, StreamKey>,
    highest: HashMap<u32, u64>,
    nonces: HashSet<(u32, u64)>,
    pub(super) media: Vec<Got>,
    pub(super) rtcp: Vec<Vec<u8>>,
    pub(super) transport: u16,
}

pub(super) struct World {
    pub(super) core: Core,
    pub(super) now: Now,
    pub(super) network: Network,
    pub(super) clients: Vec<Client>,
    pub(super) room: RoomId,
    wire: Arc<TestWire>,
    sink: Arc<Sink>,
    profile: SrtpProfile,
}

pub(super) fn track(n: u128) -> TrackId {
    TrackId(Uuid::from_u128(n))
}

pub(super) fn video(index: u16) -> SlotKey {
    SlotKey { index: SlotIndex(index), kind: MediaKind::Video }
}

pub(super) fn audio(index: u16) -> SlotKey {
    SlotKey { index: SlotIndex(index), kind: MediaKind::Audio }
}

/// The SSRC of a test's slot; its retransmissions have the next.
pub(super) fn ssrc_of(key: SlotKey) -> u32 {
    10_000 + u32::from(key.index.0) * 10 + if key.kind == MediaKind::Audio { 5 } else { 0 }
}

pub(super) fn codecs() -> Vec<PayloadType> {
    CODECS.map(|(number, codec, rtx)| PayloadType { number, codec, rtx, fmtp: String::new() }).into()
}

pub(super) fn line(mid: &str, kind: MediaKind, ssrcs: &[u32]) -> ReceiveLine {
    let fid = ssrcs.iter().map(|ssrc| (*ssrc, ssrc + 1)).collect();
    ReceiveLine {
        mid: mid.into(),
        kind,
        codecs: codecs(),
        extensions: IDS,
        ssrcs: ssrcs.to_vec(),
        fid,
        rids: Vec::new(),
    }
}

/// A VP8 packet with a 15-bit picture id: the first of a key frame, or of another.
pub(super) fn vp8(key: bool, picture: u16, size: usize) -> Vec<u8> {
    let [high, low] = (picture | 0x8000).to_be_bytes();
    let mut payload = vec![0x90, 0x80, high, low, if key { 0x10 } else { 0x11 }, 0, 0, 0x9D, 0x01, 0x2A, 64, 1, 180, 0];
    payload.resize(size.max(payload.len()), 0x55);
    payload
}

pub(super) fn payload_type(codec: Codec) -> u8 {
    CODECS.iter().find(|entry| entry.1 == codec).unwrap().0
}

/// One outgoing packet of a test's publisher.
#[derive(Clone)]
pub(super) struct Rtp {
    pub(super) ssrc: u32,
    pub(super) payload_type: u8,
    pub(super) index: u64,
    pub(super) timestamp: u32,
    pub(super) marker: bool,
    pub(super) payload: Vec<u8>,
    pub(super) padding: u8,
    /// One-byte header extensions: (id, value).
    pub(super) extensions: Vec<(u8, Vec<u8>)>,
}

impl Rtp {
    pub(super) fn new(ssrc: u32, codec: Codec, index: u64, timestamp: u32, payload: Vec<u8>) -> Self {
        Self {
            ssrc,
            payload_type: payload_type(codec),
            index,
            timestamp,
            marker: true,
            payload,
            padding: 0,
            extensions: Vec::new(),
        }
    }
}

impl World {
    pub(super) fn new(profile: SrtpProfile) -> Self {
        let wire = Arc::new(TestWire {
            addrs: vec!["127.0.0.1:7000".parse().unwrap(), "[::1]:7000".parse().unwrap()],
            ..TestWire::default()
        });
        let mut world = Self {
            core: Core::new(wire.clone(), 1),
            now: Now::at(Duration::from_secs(100)),
            network: Network::default(),
            clients: Vec::new(),
            room: RoomId(Uuid::from_u128(1)),
            wire,
            sink: Arc::default(),
            profile,
        };
        world.command(Command::OpenRoom { room: world.room, sink: world.sink.clone() });
        world
    }

    pub(super) fn command(&mut self, command: Command) {
        self.core.command(self.now, command);
        self.core.flush(&mut self.network);
        self.collect();
    }

    /// Opens a connection and completes ICE and DTLS as its library would. Returns the client's index.
    pub(super) fn connect(&mut self) -> usize {
        let at = self.open();
        self.nominate(at);
        at
    }

    /// Opens a connection whose keys are known but whose address is not.
    pub(super) fn open(&mut self) -> usize {
        let n = self.clients.len();
        let id = ConnectionId(n as u64);
        let link = ControlLink::new(self.wire.clone());
        self.command(Command::OpenConnection { room: self.room, connection: id, link: link.clone() });
        self.command(Command::Credentials { connection: id, ufrag: format!("ufrag{n}") });
        let salt = if self.profile == SrtpProfile::Gcm { 12 } else { 14 };
        let material: Vec<u8> = (0..32 + 2 * salt).map(|i| u8::try_from((i * 31 + n * 7 + 5) % 251).unwrap()).collect();
        let swapped = [&material[16..32], &material[..16], &material[32 + salt..], &material[32..32 + salt]].concat();
        link.set_keys(&material, self.profile);
        self.clients.push(Client {
            id,
            addr: SocketAddr::from(([10, 0, 0, 1], 5_000 + u16::try_from(n).unwrap())),
            link,
            session: Session::derive(&swapped, self.profile).unwrap(),
            streams: HashMap::new(),
            highest: HashMap::new(),
            nonces: HashSet::new(),
            media: Vec::new(),
            rtcp: Vec::new(),
            transport: 0,
        });
        n
    }

    /// A nominating check of the client's present address and the library's answer.
    pub(super) fn nominate(&mut self, at: usize) {
        let (addr, link) = (self.clients[at].addr, self.clients[at].link.clone());
        self.raw(addr, &binding_request(Some(&format!("ufrag{at}:theirs")), true));
        assert!(link.send(&binding_success(), addr));
        self.core.links_changed(self.now);
        self.core.flush(&mut self.network);
        self.collect();
    }

    /// One m-line with one SSRC, published as a track.
    pub(super) fn publish(&mut self, at: usize, mid: &str, kind: MediaKind, ssrc: u32, id: TrackId) {
        let connection = self.clients[at].id;
        self.command(Command::Receive { connection, lines: vec![line(mid, kind, &[ssrc])] });
        self.command(Command::Publish { connection, mid: mid.into(), track: id, muted: false });
    }

    /// Slots as pairs 0.. of a subscriber.
    pub(super) fn slots(&mut self, at: usize, pairs: u16) {
        let slots = (0..pairs).flat_map(|n| [video(n), audio(n)]).map(slot).collect();
        self.command(Command::Send { connection: self.clients[at].id, slots });
    }

    pub(super) fn bind(&mut self, at: usize, slot: SlotKey, track: Option<TrackId>) {
        self.bind_sized(at, slot, track, None);
    }

    pub(super) fn bind_sized(&mut self, at: usize, slot: SlotKey, track: Option<TrackId>, size: Option<(u16, u16)>) {
        let size = size.map(|(width, height)| WantedSize { width, height });
        self.command(Command::Bind { connection: self.clients[at].id, slot, track, size });
    }

    /// Lets time pass in steps of a millisecond at the most, doing what is due.
    pub(super) fn pass(&mut self, ms: u64) {
        let until = self.now.after(Duration::from_millis(ms));
        while self.now < until {
            self.now = self.now.after(Duration::from_millis(1)).min(until);
            self.core.tick(self.now, &mut self.network);
        }
        self.collect();
    }

    /// Packets of one client arrive as one batch.
    pub(super) fn send(&mut self, at: usize, packets: &[Rtp]) {
        for packet in packets {
            let sealed = self.clients[at].seal(packet);
            let path = Path { local: Local(0), remote: self.clients[at].addr };
            self.core.receive(self.now, path, &mut sealed.clone());
        }
        self.core.forward(self.now, &mut self.network);
        self.collect();
    }

    /// An RTCP compound of one client arrives.
    pub(super) fn send_rtcp(&mut self, at: usize, write: impl FnOnce(&mut Vec<u8>)) {
        let mut packet = Vec::new();
        write(&mut packet);
        assert!(self.clients[at].session.sealer.seal_rtcp(&mut packet, 0));
        let addr = self.clients[at].addr;
        self.raw(addr, &packet);
    }

    pub(super) fn raw(&mut self, from: SocketAddr, datagram: &[u8]) {
        let path = Path { local: Local(if from.is_ipv4() { 0 } else { 1 }), remote: from };
        self.core.receive(self.now, path, &mut datagram.to_vec());
        self.core.forward(self.now, &mut self.network);
        self.collect();
    }

    /// Gives every client what was sent to its address, and keeps the messages for [`World::messages`].
    fn collect(&mut self) {
        for (to, packets) in &self.network.messages {
            let Some(client) = self.clients.iter_mut().find(|client| client.addr == *to) else { continue };
            for packet in packets {
                client.take(packet);
            }
        }
        LAST.with_borrow_mut(|last| last.append(&mut self.network.messages));
    }

    /// What left since this was last asked: address and sizes of the packets of each message.
    pub(super) fn messages(&mut self) -> Vec<(SocketAddr, Vec<Vec<u8>>)> {
        LAST.take()
    }

    pub(super) fn events(&self) -> Vec<Event> {
        std::mem::take(&mut *self.sink.0.lock())
    }

    /// What a client received since this was last asked.
    pub(super) fn got(&mut self, at: usize) -> Vec<Got> {
        std::mem::take(&mut self.clients[at].media)
    }

    pub(super) fn got_rtcp(&mut self, at: usize) -> Vec<Vec<u8>> {
        std::mem::take(&mut self.clients[at].rtcp)
    }
}

thread_local! {
    /// Messages already given to clients; each test runs on a thread of its own.
    static LAST: std::cell::RefCell<Vec<(SocketAddr, Vec<Vec<u8>>)>> = const { std::cell::RefCell::new(Vec::new()) };
}

pub(super) fn slot(key: SlotKey) -> SendSlot {
    let ssrc = ssrc_of(key);
    SendSlot {
        key,
        mid: format!("{}{}", if key.kind == MediaKind::Audio { "a" } else { "v" }, key.index.0),
        ssrc,
        rtx_ssrc: (key.kind == MediaKind::Video).then_some(ssrc + 1),
        codecs: codecs(),
        extensions: ExtensionIds { audio_level: IDS.audio_level.filter(|_| key.kind == MediaKind::Audio), ..IDS },
    }
}

impl Client {
    /// Seals a packet as this client. The same index twice is the same packet twice, as a network would have it.
    pub(super) fn seal(&mut self, packet: &Rtp) -> Vec<u8> {
        self.try_seal(packet).unwrap()
    }

    /// The same; none for a packet that its own window refuses.
    pub(super) fn try_seal(&mut self, packet: &Rtp) -> Option<Vec<u8>> {
        let mut bytes = vec![0x80, packet.payload_type | if packet.marker { 0x80 } else { 0 }];
        bytes.extend_from_slice(&low16(packet.index).to_be_bytes());
        bytes.extend_from_slice(&packet.timestamp.to_be_bytes());
        bytes.extend_from_slice(&packet.ssrc.to_be_bytes());
        if !packet.extensions.is_empty() {
            let mut fields = Vec::new();
            for (id, value) in &packet.extensions {
                fields.push(id << 4 | u8::try_from(value.len() - 1).unwrap());
                fields.extend_from_slice(value);
            }
            fields.resize(fields.len().next_multiple_of(4), 0);
            bytes[0] |= 0x10;
            bytes.extend_from_slice(&[0xBE, 0xDE, 0, u8::try_from(fields.len() / 4).unwrap()]);
            bytes.extend_from_slice(&fields);
        }
        let header = bytes.len();
        bytes.extend_from_slice(&packet.payload);
        crate::rtp::pad(&mut bytes, 0, packet.padding);
        let plain = bytes.len() - header;
        bytes.resize(bytes.len() + 16, 0);
        let sealer = &mut self.session.sealer;
        let stream = *self.streams.entry(packet.ssrc).or_insert_with(|| sealer.stream(packet.ssrc).unwrap());
        let length = sealer.seal_rtp(stream, &mut bytes, header, plain, packet.index).ok()?;
        bytes.truncate(length);
        Some(bytes)
    }

    fn take(&mut self, packet: &[u8]) {
        let mut bytes = packet.to_vec();
        if bytes[0] < 128 {
            return;
        }
        if (192..=223).contains(&bytes[1]) {
            let length = self.session.opener.open_rtcp(&mut bytes).expect("our RTCP opens");
            bytes.truncate(length);
            self.rtcp.push(bytes);
            return;
        }
        let header = Header::parse(&bytes).unwrap();
        let index = extend(self.highest.get(&header.ssrc).copied(), header.sequence).unwrap();
        assert!(self.nonces.insert((header.ssrc, index)), "nonce {}:{index} was sealed twice", header.ssrc);
        let length = self.session.opener.open_rtp(&mut bytes, header.length, header.ssrc, index).expect("media opens");
        let highest = self.highest.entry(header.ssrc).or_insert(index);
        *highest = index.max(*highest);
        let fields = header.fields(&bytes, &IDS);
        assert_eq!(fields.transport_cc, Some(self.transport.wrapping_add(1)), "numbered without a gap");
        self.transport = self.transport.wrapping_add(1);
        let payload = &bytes[header.length..header.length + length];
        let plain = header.unpadded(payload).unwrap();
        self.media.push(Got {
            ssrc: header.ssrc,
            payload_type: header.payload_type,
            index,
            timestamp: header.timestamp,
            marker: header.marker,
            payload: payload[..plain].to_vec(),
            padding: length - plain,
        });
    }
}

pub(super) fn binding_request(username: Option<&str>, nominates: bool) -> Vec<u8> {
    let mut attributes = Vec::new();
    if let Some(username) = username {
        attributes.extend_from_slice(&[0, 6, 0, u8::try_from(username.len()).unwrap()]);
        attributes.extend_from_slice(username.as_bytes());
        attributes.resize(attributes.len().next_multiple_of(4), 0);
    }
    if nominates {
        attributes.extend_from_slice(&[0, 0x25, 0, 0]);
    }
    stun(1, &attributes)
}

pub(super) fn binding_success() -> Vec<u8> {
    stun(0x0101, &[])
}

fn stun(kind: u16, attributes: &[u8]) -> Vec<u8> {
    let mut datagram = kind.to_be_bytes().to_vec();
    datagram.extend_from_slice(&u16::try_from(attributes.len()).unwrap().to_be_bytes());
    datagram.extend_from_slice(&[0x21, 0x12, 0xA4, 0x42]);
    datagram.extend_from_slice(&[9; 12]);
    datagram.extend_from_slice(attributes);
    datagram
}

/// Packet types and formats of compounds, e.g. (206, 1) for a picture loss indication.
pub(super) fn kinds(compounds: &[Vec<u8>]) -> Vec<(u8, u8)> {
    let mut kinds = Vec::new();
    for compound in compounds {
        let mut rest = &compound[..];
        while rest.len() >= 4 {
            kinds.push((rest[1], rest[0] & 31));
            rest = &rest[4 + 4 * usize::from(be16(rest, 2).unwrap())..];
        }
    }
    kinds
}

/// The media SSRCs of all key-frame requests.
pub(super) fn key_frame_requests(compounds: &[Vec<u8>]) -> Vec<u32> {
    compounds.iter().filter(|c| kinds(&[c.to_vec()]) == [(206, 1)]).filter_map(|c| be32(c, 8)).collect()
}
