//! A link learns routes and nominations from what the library sends, and lets no media out.

use std::sync::atomic::AtomicBool;

use super::*;

#[derive(Default)]
struct Recorder {
    addrs: Vec<SocketAddr>,
    sent: Mutex<Vec<(u8, u8, SocketAddr)>>,
    notified: AtomicBool,
}

impl Wire for Recorder {
    fn local_addrs(&self) -> &[SocketAddr] {
        &self.addrs
    }
    fn send(&self, local: Local, datagram: &[u8], to: SocketAddr) -> bool {
        self.sent.lock().push((local.0, datagram[0], to));
        true
    }
    fn notify(&self) {
        self.notified.store(true, Ordering::Relaxed);
    }
    fn take_notified(&self) -> bool {
        self.notified.swap(false, Ordering::Relaxed)
    }
}

const DTLS: [u8; 13] = [22; 13];

fn addr(text: &str) -> SocketAddr {
    text.parse().unwrap()
}

fn link() -> (Arc<Recorder>, Arc<ControlLink>) {
    let addrs = vec![addr("127.0.0.1:7000"), addr("[::1]:7000"), addr("192.0.2.9:7000")];
    let wire = Arc::new(Recorder { addrs, ..Recorder::default() });
    (wire.clone(), ControlLink::new(wire))
}

fn stun(kind: u16, transaction: u8, attribute: Option<u16>) -> Vec<u8> {
    let mut datagram = kind.to_be_bytes().to_vec();
    datagram.extend_from_slice(&[0, if attribute.is_some() { 4 } else { 0 }, 0x21, 0x12, 0xA4, 0x42]);
    datagram.extend_from_slice(&[transaction; 12]);
    if let Some(attribute) = attribute {
        datagram.extend_from_slice(&attribute.to_be_bytes());
        datagram.extend_from_slice(&[0, 0]);
    }
    datagram
}

#[test]
fn an_answered_nomination_moves_media_and_dtls() {
    let (wire, link) = link();
    let (old, new) = (addr("192.0.2.1:1"), addr("192.0.2.2:2"));
    let (path_old, path_new) = (Path { local: Local(2), remote: old }, Path { local: Local(2), remote: new });
    link.deliver(path_old, &stun(1, 7, Some(0x25)));
    assert!(link.take_learned().is_none(), "a request alone proves nothing");
    assert!(link.send(&stun(0x0101, 7, None), old));
    let learned = link.take_learned().unwrap();
    assert_eq!((learned.routes, learned.nominated), (vec![path_old], Some(path_old)));
    assert!(link.send(&DTLS, old));
    // the client moves: an answered check without USE-CANDIDATE is a route, with it a nomination
    link.deliver(path_new, &stun(1, 8, None));
    assert!(link.send(&stun(0x0101, 8, None), new));
    assert_eq!(link.take_learned().unwrap().nominated, None);
    link.deliver(path_new, &stun(1, 9, Some(0x25)));
    assert!(link.send(&stun(0x0101, 9, None), new));
    assert_eq!(link.nominated(), Some(new));
    assert!(link.send(&DTLS, old), "the library still believes in the old address");
    assert_eq!(wire.sent.lock().last(), Some(&(2, 22, new)));
    // and inbound datagrams of the new address look as if they came from the old one; STUN keeps its source
    let mut buffer = [0; 64];
    let mut seen = Vec::new();
    link.deliver(path_new, &DTLS);
    let mut context = Context::from_waker(Waker::noop());
    while let Poll::Ready((length, source)) = link.poll_recv(&mut context, &mut buffer) {
        seen.push((length, source));
    }
    assert_eq!(seen, [(24, old), (20, new), (24, new), (13, old)]);
}

#[test]
fn after_an_ice_restart_datagrams_keep_the_new_address() {
    let (_, link) = link();
    let request = |ufrag: &[u8; 4], transaction: u8| {
        let mut datagram = stun(1, transaction, Some(0x25));
        datagram[3] = 12;
        datagram.extend_from_slice(&[0, 6, 0, 4]);
        datagram.extend_from_slice(ufrag);
        datagram
    };
    let (old, new) = (addr("192.0.2.1:1"), addr("192.0.2.2:2"));
    for (transaction, ufrag, remote) in [(1, b"one:", old), (2, b"two:", new)] {
        link.deliver(Path { local: Local(2), remote }, &request(ufrag, transaction));
        assert!(link.send(&stun(0x0101, transaction, None), remote));
        link.deliver(Path { local: Local(2), remote }, &DTLS);
        if remote == old {
            assert!(link.send(&DTLS, old));
        }
    }
    let mut seen = Vec::new();
    let mut context = Context::from_waker(Waker::noop());
    while let Poll::Ready((length, source)) = link.poll_recv(&mut context, &mut [0; 64]) {
        seen.push((length, source));
    }
    assert_eq!(seen, [(32, old), (13, old), (32, new), (13, new)]);
}

#[test]
fn media_goes_by_the_first_answered_check_of_a_restart_until_one_is_nominated() {
    let (_, link) = link();
    let check = |ufrag: &[u8; 4], transaction: u8, nominates: bool, remote: SocketAddr| {
        let mut datagram = stun(1, transaction, nominates.then_some(0x25));
        datagram[3] += 8;
        datagram.extend_from_slice(&[0, 6, 0, 4]);
        datagram.extend_from_slice(ufrag);
        link.deliver(Path { local: Local(2), remote }, &datagram);
        assert!(link.send(&stun(0x0101, transaction, None), remote));
        link.nominated()
    };
    let [old, new, other] = ["192.0.2.1:1", "192.0.2.2:2", "192.0.2.3:3"].map(addr);
    assert_eq!(check(b"one:", 1, false, old), None, "not at the first beginning");
    assert_eq!(check(b"one:", 2, true, old), Some(old));
    assert_eq!(check(b"two:", 3, false, new), Some(new), "the old path may be dead");
    assert_eq!(check(b"two:", 4, false, other), Some(new));
    assert_eq!(check(b"one:", 5, false, old), Some(new), "a late one of before");
    assert_eq!(check(b"two:", 6, true, other), Some(other));
    assert_eq!(link.take_learned().unwrap().nominated.map(|path| path.remote), Some(other));
}

#[test]
fn consent_checks_do_not_wake_the_worker_each_time() {
    let (wire, link) = link();
    let path = Path { local: Local(2), remote: addr("192.0.2.1:1") };
    let mut wakes = 0;
    for transaction in 0..64 {
        link.deliver(path, &stun(1, transaction, Some(0x25)));
        assert!(link.send(&stun(0x0101, transaction, None), path.remote));
        wakes += u32::from(wire.take_notified());
    }
    assert_eq!(wakes, 4, "at first, then every sixteenth time");
}

#[test]
fn the_librarys_own_check_makes_a_route_by_the_socket_that_was_asked() {
    let (wire, link) = link();
    assert!(link.send(&stun(1, 1, None), addr("[::1]:9")));
    assert!(link.send(&stun(1, 2, None), addr("192.0.2.1:9")));
    let routes = link.take_learned().unwrap().routes;
    assert_eq!(routes.iter().map(|route| route.local).collect::<Vec<_>>(), [Local(1), Local(2)]);
    assert!(wire.take_notified());
}

#[test]
fn media_is_refused_and_counted() {
    let (wire, link) = link();
    for first in [128, 144, 191] {
        assert!(!link.send(&[first; 20], addr("127.0.0.1:9")));
    }
    assert!(wire.sent.lock().is_empty());
    let mut stats = crate::PlaneStats::default();
    link.counters.add_to(&mut stats);
    assert_eq!(stats.control_media_refused, 3);
}

#[test]
fn the_inbound_queue_is_bounded_and_wakes_its_reader() {
    struct Flag(AtomicBool);
    impl std::task::Wake for Flag {
        fn wake(self: Arc<Self>) {
            self.0.store(true, Ordering::Relaxed);
        }
    }
    let (_, link) = link();
    let flag = Arc::new(Flag(AtomicBool::new(false)));
    let waker = Waker::from(flag.clone());
    let mut context = Context::from_waker(&waker);
    let mut buffer = [0; 4];
    assert!(link.poll_recv(&mut context, &mut buffer).is_pending());
    let path = Path { local: Local(0), remote: addr("127.0.0.1:9") };
    for _ in 0..INBOUND_MAX + 5 {
        link.deliver(path, &DTLS);
    }
    assert!(flag.0.load(Ordering::Relaxed));
    let mut taken = 0;
    while link.poll_recv(&mut context, &mut buffer).is_ready() {
        taken += 1;
    }
    assert_eq!(taken, INBOUND_MAX);
}

#[test]
fn routes_are_bounded() {
    let (_, link) = link();
    for port in 1..100 {
        assert!(link.send(&stun(1, 1, None), SocketAddr::from(([192, 0, 2, 1], port))));
    }
    let learned = link.take_learned().unwrap();
    assert_eq!((learned.routes.len(), learned.routes.last().unwrap().remote.port()), (ROUTES_MAX, 99));
}

#[test]
fn only_the_first_keys_count() {
    let (_, link) = link();
    link.set_keys(&[1; 56], SrtpProfile::Gcm);
    link.set_keys(&[2; 56], SrtpProfile::Gcm);
    assert_eq!(link.take_learned().unwrap().keys.unwrap().bytes[..], [1; 56]);
    link.set_keys(&[3; 56], SrtpProfile::Gcm);
    assert!(link.take_learned().is_none());
}
