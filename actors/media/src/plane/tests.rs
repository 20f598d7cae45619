//! The real shell over loopback: threads, sockets, wake-ups, segmented sends. Nothing here sleeps: every wait is for a
//! datagram or an event, with a generous deadline.

use std::{
    sync::mpsc::{Receiver, SyncSender, sync_channel},
    time::Duration,
};

use rookery_schemas::{
    ids::{RoomId, SlotIndex, TrackId},
    signal::{Codec, MediaKind, SrtpProfile},
};
use uuid::Uuid;

use super::*;
use crate::{
    ConnectionId, Event, EventSink, ExtensionIds, PayloadType, ReceiveLine, SendSlot, SlotKey,
    rtp::Header,
    srtp::{Session, StreamKey},
};

const DEADLINE: Duration = Duration::from_secs(10);

struct Sink(SyncSender<Event>);

impl EventSink for Sink {
    fn event(&self, event: Event) {
        self.0.try_send(event).unwrap();
    }
}

struct Client {
    socket: UdpSocket,
    link: Arc<ControlLink>,
    session: Session,
    stream: StreamKey,
    id: ConnectionId,
}

fn start(workers: u16, bind: &[&str]) -> Plane {
    let bind = bind.iter().map(|ip| ip.parse().unwrap()).collect();
    Plane::start(PlaneConfig { workers, bind, ..PlaneConfig::default() }).unwrap()
}

fn stun(kind: u16, username: &str) -> Vec<u8> {
    let mut attributes = vec![0, 6, 0, u8::try_from(username.len()).unwrap()];
    attributes.extend_from_slice(username.as_bytes());
    attributes.resize(attributes.len().next_multiple_of(4), 0);
    attributes.extend_from_slice(&[0, 0x25, 0, 0]);
    if username.is_empty() {
        attributes.clear();
    }
    let mut datagram = kind.to_be_bytes().to_vec();
    datagram.extend_from_slice(&[0, u8::try_from(attributes.len()).unwrap(), 0x21, 0x12, 0xA4, 0x42]);
    datagram.extend_from_slice(&[7; 12]);
    datagram.extend_from_slice(&attributes);
    datagram
}

/// Waits for the worker to hand a control datagram to the link, as a library's task would.
fn control(link: &ControlLink) -> SocketAddr {
    struct Unpark(std::thread::Thread);
    impl std::task::Wake for Unpark {
        fn wake(self: Arc<Self>) {
            self.0.unpark();
        }
    }
    let waker = std::task::Waker::from(Arc::new(Unpark(std::thread::current())));
    let mut context = std::task::Context::from_waker(&waker);
    let mut buffer = [0; 1_500];
    loop {
        match link.poll_recv(&mut context, &mut buffer) {
            std::task::Poll::Ready((_, source)) => return source,
            std::task::Poll::Pending => std::thread::park_timeout(DEADLINE),
        }
    }
}

fn connect(plane: &Plane, room: RoomId, id: u64, events: &Receiver<Event>, local: usize) -> Client {
    let (worker, id) = (WorkerIndex(0), ConnectionId(id));
    let link = plane.link(worker);
    plane.send(worker, Command::OpenConnection { room, connection: id, link: link.clone() }).unwrap();
    plane.send(worker, Command::Credentials { connection: id, ufrag: format!("u{}", id.0) }).unwrap();
    let to = plane.local_addrs(worker)[local];
    let socket = UdpSocket::bind((to.ip(), 0)).unwrap();
    socket.set_read_timeout(Some(DEADLINE)).unwrap();
    socket.connect(to).unwrap();
    socket.send(&stun(1, &format!("u{}:x", id.0))).unwrap();
    let source = control(&link);
    assert_eq!(source, socket.local_addr().unwrap());
    let material: Vec<u8> = (0..56).map(|n: u8| n.wrapping_mul(13).wrapping_add(u8::try_from(id.0).unwrap())).collect();
    let swapped = [&material[16..32], &material[..16], &material[44..56], &material[32..44]].concat();
    link.set_keys(&material, SrtpProfile::Gcm);
    assert!(link.send(&stun(0x0101, ""), source));
    let mut buffer = [0; 100];
    assert_eq!(socket.recv(&mut buffer).unwrap(), 20, "the library's answer leaves by the worker's port");
    assert_eq!(events.recv_timeout(DEADLINE).unwrap(), Event::Connected { connection: id, remote: source });
    let mut session = Session::derive(&swapped, SrtpProfile::Gcm).unwrap();
    let stream = session.sealer.stream(500).unwrap();
    Client { socket, link, session, stream, id }
}

fn codecs() -> Vec<PayloadType> {
    vec![PayloadType { number: 96, codec: Codec::Vp8, rtx: Some(97), fmtp: String::new() }]
}

#[test]
fn a_frame_crosses_the_real_shell_over_ipv4_and_ipv6_in_one_send() {
    let plane = start(1, &["127.0.0.1", "::1"]);
    let addrs = plane.local_addrs(WorkerIndex(0)).to_vec();
    assert!(addrs[0].is_ipv4() && addrs[1].is_ipv6() && addrs[0].port() == addrs[1].port(), "{addrs:?}");
    let (sender, events) = sync_channel(64);
    let (room, track) = (RoomId(Uuid::from_u128(1)), TrackId(Uuid::from_u128(2)));
    let worker = WorkerIndex(0);
    plane.send(worker, Command::OpenRoom { room, sink: Arc::new(Sink(sender)) }).unwrap();
    let mut publisher = connect(&plane, room, 1, &events, 0);
    let subscribers = [connect(&plane, room, 2, &events, 0), connect(&plane, room, 3, &events, 1)];
    let line = ReceiveLine {
        mid: "0".into(),
        kind: MediaKind::Video,
        codecs: codecs(),
        extensions: ExtensionIds::default(),
        ssrcs: vec![500],
        fid: vec![],
        rids: vec![],
    };
    plane.send(worker, Command::Receive { connection: publisher.id, lines: vec![line] }).unwrap();
    let publish = Command::Publish { connection: publisher.id, mid: "0".into(), track, muted: false };
    plane.send(worker, publish).unwrap();
    let key = SlotKey { index: SlotIndex(0), kind: MediaKind::Video };
    for subscriber in &subscribers {
        let slot = SendSlot {
            key,
            mid: "v0".into(),
            ssrc: 900,
            rtx_ssrc: Some(901),
            codecs: codecs(),
            extensions: ExtensionIds::default(),
        };
        let connection = subscriber.id;
        plane.send(worker, Command::Send { connection, slots: vec![slot] }).unwrap();
        plane.send(worker, Command::Bind { connection, slot: key, track: Some(track), size: None }).unwrap();
    }
    for frame in 0..5u64 {
        for n in 0..8u64 {
            let index = frame * 8 + n;
            let mut packet = vec![0x80, 96];
            packet.extend_from_slice(&crate::bits::low16(index).to_be_bytes());
            packet.extend_from_slice(&(crate::bits::low32(frame) * 3_000).to_be_bytes());
            packet.extend_from_slice(&500u32.to_be_bytes());
            packet.push(if n == 0 { 0x10 } else { 0 });
            packet.resize(1_000, 0);
            packet.resize(1_016, 0);
            publisher.session.sealer.seal_rtp(publisher.stream, &mut packet, 12, 988, index).unwrap();
            publisher.socket.send(&packet).unwrap();
        }
        for subscriber in &subscribers {
            for _ in 0..8 {
                let mut buffer = [0; 1_500];
                let length = subscriber.socket.recv(&mut buffer).unwrap();
                let packet = &mut buffer[..length];
                let header = Header::parse(packet).unwrap();
                let index = u64::from(header.sequence);
                assert_eq!(subscriber.session.opener.open_rtp(packet, header.length, 900, index), Some(988));
            }
        }
    }
    for subscriber in &subscribers {
        let live = events.recv_timeout(DEADLINE).unwrap();
        assert!(matches!(live, Event::SlotLive { .. } | Event::TrackStarted { .. }), "{live:?}");
        plane.send(worker, Command::CloseConnection { connection: subscriber.id }).unwrap();
    }
    assert_eq!(subscribers[0].link.nominated(), Some(subscribers[0].socket.local_addr().unwrap()));
    plane.stop();
    let stats = plane.stats();
    assert_eq!((stats.forwarded, stats.connections, stats.rooms, stats.send_errors), (80, 0, 0, 0));
    let sends: u64 = stats.sends.iter().sum();
    assert!(sends < stats.packets_out, "some packets left together: {stats:?}");
    assert!(plane.send(worker, Command::CloseRoom { room }).is_err(), "stopped");
}

#[test]
fn plain_stun_is_answered_on_every_address_of_every_worker() {
    let plane = start(2, &["127.0.0.1", "::1"]);
    assert_eq!(plane.workers(), 2);
    for worker in [WorkerIndex(0), WorkerIndex(1)] {
        for addr in plane.local_addrs(worker) {
            let socket = UdpSocket::bind((addr.ip(), 0)).unwrap();
            socket.set_read_timeout(Some(DEADLINE)).unwrap();
            socket.send_to(&stun(1, ""), addr).unwrap();
            let mut buffer = [0; 100];
            let (length, from) = socket.recv_from(&mut buffer).unwrap();
            assert_eq!((length, from), (if addr.is_ipv4() { 32 } else { 44 }, *addr));
        }
    }
}

#[test]
fn what_cannot_be_started_or_commanded_says_so() {
    let plane = start(1, &["127.0.0.1"]);
    let port = plane.local_addrs(WorkerIndex(0))[0].port();
    let code = |config: PlaneConfig| Plane::start(config).err().map(|error| error.code());
    assert_eq!(code(PlaneConfig { port, ..PlaneConfig::default() }), Some("media_bind"));
    assert_eq!(code(PlaneConfig { workers: 0, ..PlaneConfig::default() }), Some("media_workers"));
    assert_eq!(code(PlaneConfig { bind: vec![], ..PlaneConfig::default() }), Some("media_addresses"));
    let command = || Command::CloseRoom { room: RoomId(Uuid::nil()) };
    assert_eq!(plane.send(WorkerIndex(1), command()).err().map(|e| e.code()), Some("media_no_such_worker"));
    assert!(plane.local_addrs(WorkerIndex(1)).is_empty());
}

#[test]
fn a_full_command_queue_refuses() {
    let wake = Wake::new().unwrap();
    let port = Port::new(vec![], vec![], wake);
    let command = || Command::CloseRoom { room: RoomId(Uuid::nil()) };
    for _ in 0..crate::COMMANDS_MAX {
        assert!(port.push(command()).is_ok());
    }
    assert!(port.push(command()).is_err());
}
