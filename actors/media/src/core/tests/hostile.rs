//! Bytes of ill will: whatever arrives, the sender alone pays for it.

use proptest::prelude::*;
use rookery_schemas::signal::{Codec, MediaKind, SrtpProfile};

use super::harness::*;
use crate::rtcp;

fn call() -> (World, usize, usize) {
    let mut world = World::new(SrtpProfile::Gcm);
    let (publisher, subscriber) = (world.connect(), world.connect());
    world.publish(publisher, "0", MediaKind::Audio, 500, track(1));
    world.slots(subscriber, 1);
    world.bind(subscriber, audio(0), Some(track(1)));
    (world, publisher, subscriber)
}

fn still_works(world: &mut World, publisher: usize, subscriber: usize, n: u64) {
    world.got(subscriber);
    world.send(publisher, &[Rtp::new(500, Codec::Opus, n, 0, vec![1; 50])]);
    assert_eq!(world.got(subscriber).len(), 1);
}

#[test]
fn an_unknown_source_costs_a_counter() {
    let (mut world, publisher, subscriber) = call();
    let routes = world.core.stats().routes;
    for port in 1..2_000 {
        let from = ([203, 0, 113, 5], port).into();
        world.raw(from, &[0x80; 40]);
        world.raw(from, &[22; 40]);
        world.raw(from, &binding_request(Some("nobody:x"), true));
    }
    let stats = *world.core.stats();
    assert_eq!((stats.drop_unknown_source, stats.drop_unknown_ufrag, stats.routes), (3_998, 1_999, routes));
    still_works(&mut world, publisher, subscriber, 0);
}

#[test]
fn anothers_ufrag_gives_no_route() {
    let (mut world, publisher, subscriber) = call();
    let thief = "203.0.113.5:666".parse().unwrap();
    let before = world.core.stats().routes;
    world.raw(thief, &binding_request(Some(&format!("ufrag{subscriber}:x")), true));
    world.raw(thief, &[0x80; 60]);
    assert_eq!((world.core.stats().routes, world.core.stats().drop_unknown_source), (before, 1));
    still_works(&mut world, publisher, subscriber, 0);
}

#[test]
fn forged_and_replayed_packets_are_dropped_before_they_change_anything() {
    let (mut world, publisher, subscriber) = call();
    still_works(&mut world, publisher, subscriber, 5);
    let addr = world.clients[publisher].addr;
    let good = world.clients[publisher].seal(&Rtp::new(500, Codec::Opus, 6, 0, vec![1; 50]));
    for at in 0..good.len() {
        let mut forged = good.clone();
        forged[at] ^= 0x40;
        world.raw(addr, &forged);
    }
    assert_eq!(world.got(subscriber), []);
    for _ in 0..3 {
        world.raw(addr, &good);
    }
    assert_eq!(world.got(subscriber).len(), 1);
    assert_eq!((world.core.stats().drop_replayed, world.core.stats().sources), (2, 1));
    still_works(&mut world, publisher, subscriber, 7);
}

#[test]
fn a_flood_of_ssrcs_is_bounded() {
    let (mut world, publisher, subscriber) = call();
    still_works(&mut world, publisher, subscriber, 0);
    for ssrc in 1_000..1_200 {
        let extensions = vec![(4, b"0".to_vec())];
        world.send(publisher, &[Rtp { extensions, ..Rtp::new(ssrc, Codec::Opus, 0, 0, vec![1; 50]) }]);
    }
    // each took the place of the last: one m-line has one source
    assert_eq!(world.core.stats().sources, 1);
    for ssrc in 2_000..2_200 {
        let extensions = vec![(4, b"0".to_vec())];
        let probe = Rtp { extensions, payload_type: 97, ..Rtp::new(ssrc, Codec::Vp8, 0, 0, vec![]) };
        world.send(publisher, &[probe]);
    }
    assert!(world.core.stats().drop_unknown_ssrc >= 100, "{:?}", world.core.stats());
}

#[test]
fn reports_of_streams_that_are_anothers_do_nothing() {
    let (mut world, publisher, subscriber) = call();
    still_works(&mut world, publisher, subscriber, 0);
    let stranger = world.connect();
    world.send_rtcp(stranger, |out| {
        rtcp::sender_report(out, 500, 1, 2, 3, 4);
        rtcp::nack(out, 1, ssrc_of(audio(0)), &[0, 1, 2, 3]);
        rtcp::key_frame_request(out, 1, ssrc_of(audio(0)));
    });
    assert_eq!((world.got(stranger), world.got_rtcp(subscriber)), (vec![], vec![]));
    assert_eq!(world.core.stats().nacks_received, 0);
    still_works(&mut world, publisher, subscriber, 1);
}

proptest! {
    /// Any bytes from a known address, and any authentic RTCP and RTP of any shape.
    #[test]
    fn any_bytes_are_survived(
        datagrams in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..120), 1..40),
        firsts in prop::collection::vec(prop::sample::select(vec![0u8, 1, 22, 128, 144, 176, 191, 255]), 40),
        numbers in prop::collection::vec(any::<u16>(), 40),
    ) {
        let (mut world, publisher, subscriber) = call();
        let addr = world.clients[publisher].addr;
        for ((datagram, first), number) in datagrams.iter().zip(firsts).zip(numbers) {
            let mut raw = datagram.clone();
            if let Some(byte) = raw.first_mut() {
                *byte = first;
            }
            world.raw(addr, &raw);
            let extensions = vec![(4, b"0".to_vec()), (3, number.to_be_bytes().to_vec())];
            let index = 10_000 + world.core.stats().packets_in;
            let packet = Rtp { extensions, ..Rtp::new(u32::from(number), Codec::Vp9, index, 0, datagram.clone()) };
            world.send(publisher, &[packet]);
            if datagram.len() >= 8 {
                let mut compound = datagram.clone();
                compound.resize(datagram.len().next_multiple_of(4), 0);
                world.send_rtcp(subscriber, |out| out.extend_from_slice(&compound));
            }
            world.pass(3);
        }
        world.pass(200);
    }
}
