//! What is lost is asked for and sent again, on both sides, and no more often than it is worth.

use rookery_schemas::signal::{Codec, MediaKind, SrtpProfile};

use super::harness::*;
use crate::{
    Command,
    bits::{be16, be32, low16},
    rtcp,
};

fn call() -> (World, usize, usize) {
    let mut world = World::new(SrtpProfile::Gcm);
    let (publisher, subscriber) = (world.connect(), world.connect());
    world.publish(publisher, "0", MediaKind::Video, 500, track(1));
    world.slots(subscriber, 1);
    world.bind(subscriber, video(0), Some(track(1)));
    (world, publisher, subscriber)
}

fn packet(n: u64) -> Rtp {
    Rtp::new(500, Codec::Vp8, n, 3_000 * low16(n) as u32, vp8(n == 0, low16(n), 100 + usize::from(low16(n))))
}

/// RFC 4588: the original number, then the original payload.
fn repair(of: &Rtp, index: u64) -> Rtp {
    let payload = [&low16(of.index).to_be_bytes()[..], &of.payload].concat();
    Rtp { ssrc: of.ssrc + 1, payload_type: 97, index, payload, ..of.clone() }
}

/// The sequence numbers of all NACKs in compounds, with their media SSRC.
fn nacks(compounds: &[Vec<u8>]) -> Vec<(u32, u16)> {
    let mut all = Vec::new();
    for compound in compounds {
        for packet in rtcp::read(compound) {
            if let rtcp::Packet::Nack { media, entries } = packet {
                all.extend(rtcp::nacked(entries).map(|sequence| (media, sequence)));
            }
        }
    }
    all
}

#[test]
fn a_publishers_loss_is_asked_for_and_forwarded_when_it_comes() {
    let (mut world, publisher, subscriber) = call();
    for n in [0, 1, 4] {
        world.send(publisher, &[packet(n)]);
    }
    world.got_rtcp(publisher);
    world.pass(6);
    assert_eq!(nacks(&world.got_rtcp(publisher)), [(500, 2), (500, 3)]);
    world.send(publisher, &[repair(&packet(3), 1)]);
    world.send(publisher, &[repair(&packet(3), 2)]);
    world.send(publisher, &[packet(3)]);
    world.pass(120);
    assert_eq!(nacks(&world.got_rtcp(publisher)), [(500, 2)], "only what is still missing is asked for again");
    world.send(publisher, &[packet(2)]);
    let got = world.got(subscriber);
    let base = got[0].index;
    let seen: Vec<_> = got.iter().map(|got| (got.index - base, got.payload.len())).collect();
    assert_eq!(seen, [(0, 100), (1, 101), (4, 104), (3, 103), (2, 102)], "each once, in its place");
    assert_eq!((world.core.stats().recovered, world.core.stats().drop_useless_repair), (1, 1));
}

#[test]
fn what_never_comes_is_given_up_for_a_key_frame() {
    let (mut world, publisher, _) = call();
    world.send(publisher, &[packet(0), packet(2)]);
    world.got_rtcp(publisher);
    world.pass(3_000);
    let rtcp = world.got_rtcp(publisher);
    let asked = nacks(&rtcp).len();
    assert!((3..=8).contains(&asked), "{asked}");
    assert_eq!(key_frame_requests(&rtcp), [500]);
    assert_eq!(world.core.stats().given_up, 1);
}

#[test]
fn an_outage_is_answered_by_a_key_frame_request_alone() {
    let (mut world, publisher, _) = call();
    world.send(publisher, &[packet(0)]);
    world.pass(600);
    world.got_rtcp(publisher);
    world.send(publisher, &[packet(2_000)]);
    world.pass(100);
    let rtcp = world.got_rtcp(publisher);
    assert_eq!((nacks(&rtcp), key_frame_requests(&rtcp)), (vec![], vec![500]));
}

#[test]
fn a_repair_stream_is_learned_by_its_extensions() {
    let (mut world, publisher, subscriber) = call();
    let connection = world.clients[publisher].id;
    let mut lines = vec![line("0", MediaKind::Video, &[]), line("1", MediaKind::Video, &[])];
    lines[1].rids = vec!["q".into(), "h".into()];
    world.command(Command::Receive { connection, lines });
    world.command(Command::Publish { connection, mid: "1".into(), track: track(2), muted: false });
    world.bind(subscriber, video(0), Some(track(2)));
    let named = |ssrc, n, rid: &[u8], id: u8| Rtp {
        ssrc,
        extensions: vec![(4, b"1".to_vec()), (id, rid.to_vec())],
        ..packet(n)
    };
    world.send(publisher, &[named(700, 0, b"q", 10), named(800, 0, b"h", 10)]);
    world.send(publisher, &[named(800, 2, b"h", 10)]);
    let lost = Rtp { extensions: vec![(4, b"1".to_vec()), (11, b"h".to_vec())], ..repair(&packet(1), 5) };
    world.send(publisher, &[Rtp { ssrc: 900, ..lost }]);
    assert_eq!(world.core.stats().recovered, 1);
    assert_eq!(world.got(subscriber).iter().map(|got| got.payload.len()).collect::<Vec<_>>(), [100, 102, 101]);
}

#[test]
fn a_subscribers_loss_is_sent_again_on_the_repair_stream() {
    let (mut world, publisher, subscriber) = call();
    for n in 0..10 {
        world.send(publisher, &[packet(n)]);
    }
    let first = world.got(subscriber);
    let wanted = [first[3].clone(), first[4].clone(), first[9].clone()];
    let numbers: Vec<u16> = wanted.iter().map(|got| low16(got.index)).collect();
    world.send_rtcp(subscriber, |out| {
        rtcp::nack(out, 1, first[0].ssrc, &numbers);
    });
    let again = world.got(subscriber);
    for (wanted, again) in wanted.iter().zip(&again) {
        assert_eq!((again.ssrc, again.payload_type), (ssrc_of(video(0)) + 1, 97));
        assert_eq!((be16(&again.payload, 0), again.timestamp), (Some(low16(wanted.index)), wanted.timestamp));
        assert_eq!(again.payload[2..], wanted.payload);
    }
    assert_eq!((again.len(), world.core.stats().retransmitted), (3, 3));
    assert!(again.windows(2).all(|pair| pair[1].index == pair[0].index + 1));
}

#[test]
fn packets_from_before_a_switch_are_still_sent_again_as_they_were() {
    let (mut world, publisher, subscriber) = call();
    let other = world.connect();
    world.publish(other, "0", MediaKind::Video, 600, track(2));
    world.send(publisher, &[packet(0), packet(1)]);
    world.bind(subscriber, video(0), Some(track(2)));
    world.pass(33);
    world.send(other, &[Rtp { ssrc: 600, ..packet(0) }, Rtp { ssrc: 600, ..packet(1) }]);
    let first = world.got(subscriber);
    assert_eq!(first.len(), 4);
    let numbers: Vec<u16> = first.iter().map(|got| low16(got.index)).collect();
    world.send_rtcp(subscriber, |out| {
        rtcp::nack(out, 1, first[0].ssrc, &numbers);
    });
    let again = world.got(subscriber);
    let seen: Vec<_> = again.iter().map(|got| (got.timestamp, &got.payload[2..])).collect();
    assert_eq!(seen, first.iter().map(|got| (got.timestamp, &got.payload[..])).collect::<Vec<_>>());
}

#[test]
fn retransmission_is_bounded_and_never_of_what_was_not_sent() {
    let (mut world, publisher, subscriber) = call();
    for n in 0..20 {
        world.send(publisher, &[packet(n)]);
    }
    let first = world.got(subscriber);
    let newest = low16(first[19].index);
    let nack = |world: &mut World, number: u16| {
        world.send_rtcp(subscriber, |out| {
            rtcp::nack(out, 1, first[0].ssrc, &[number]);
        });
        world.got(subscriber).len()
    };
    assert_eq!(nack(&mut world, newest.wrapping_add(1)), 0, "not sent yet");
    assert_eq!(nack(&mut world, low16(first[0].index).wrapping_sub(1)), 0, "from before the first");
    let mut sent = 0;
    for _ in 0..1_000 {
        sent += nack(&mut world, newest);
    }
    assert_eq!(sent, 256, "a burst");
    world.pass(100);
    sent = (0..1_000).map(|_| nack(&mut world, newest)).sum();
    assert_eq!(sent, 100, "then a thousand a second");
    assert_eq!(be32(&[0, 0, 0, 1], 0), Some(1));
}
