//! Reports both ways: what publishers are told of their packets, what subscribers are told of time.

use rookery_schemas::signal::{Codec, MediaKind, SrtpProfile};

use super::harness::*;
use crate::{
    bits::{be16, be24, be32, be64, low16},
    rtcp::{self, Packet},
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
    Rtp::new(500, Codec::Vp8, n, 3_000 * low16(n) as u32, vp8(n == 0, low16(n), 100))
}

fn numbered(n: u64) -> Rtp {
    Rtp { extensions: vec![(3, low16(n).to_be_bytes().to_vec())], ..packet(n) }
}

/// Base and count of the transport-wide feedback packets in compounds, with their media SSRC.
fn feedback(compounds: &[Vec<u8>]) -> Vec<(u32, u16, u16)> {
    let is = |c: &&Vec<u8>| (c[1], c[0] & 31) == (205, 15);
    compounds.iter().filter(is).map(|c| (be32(c, 8).unwrap(), be16(c, 12).unwrap(), be16(c, 14).unwrap())).collect()
}

#[test]
fn arrivals_are_told_every_fifty_milliseconds_under_an_ssrc_of_the_publisher() {
    let (mut world, publisher, _) = call();
    for n in [0, 1, 2, 5, 6] {
        world.send(publisher, &[numbered(n)]);
        world.pass(9);
    }
    world.pass(10);
    assert_eq!(feedback(&world.got_rtcp(publisher)), [(500, 0, 7)]);
    world.pass(500);
    assert_eq!(feedback(&world.got_rtcp(publisher)), [], "nothing came since");
    world.send(publisher, &[numbered(7)]);
    world.pass(49);
    assert_eq!(feedback(&world.got_rtcp(publisher)), []);
    world.pass(1);
    assert_eq!(feedback(&world.got_rtcp(publisher)), [(500, 7, 1)]);
}

#[test]
fn under_load_arrivals_are_told_at_once() {
    let (mut world, publisher, _) = call();
    for n in 0..127 {
        world.send(publisher, &[numbered(n)]);
    }
    world.pass(1);
    assert_eq!(feedback(&world.got_rtcp(publisher)), []);
    world.send(publisher, &[numbered(127)]);
    world.pass(1);
    assert_eq!(feedback(&world.got_rtcp(publisher)), [(500, 0, 128)]);
}

#[test]
fn a_receiver_report_tells_loss_each_second() {
    let (mut world, publisher, _) = call();
    world.send_rtcp(publisher, |out| rtcp::sender_report(out, 500, 1, 2, 3, 4));
    for n in [0, 1, 2, 3, 5, 6, 7] {
        world.send(publisher, &[packet(n)]);
        world.pass(10);
    }
    world.send_rtcp(publisher, |out| rtcp::sender_report(out, 500, 0x1122_3344_5566_7788, 2, 3, 4));
    world.got_rtcp(publisher);
    world.pass(1_000);
    let rtcp = world.got_rtcp(publisher);
    let reports: Vec<&Vec<u8>> = rtcp.iter().filter(|c| c[1] == 201).collect();
    let [report] = reports[..] else { panic!("{} reports", reports.len()) };
    let [Packet::ReceiverReport { blocks }] = rtcp::read(report).collect::<Vec<_>>()[..] else { panic!() };
    let block = blocks.iter().next().unwrap();
    assert_eq!((block.ssrc, block.fraction_lost, block.lost, block.highest), (500, 32, 1, 7));
    assert_eq!(block.last_report, 0x3344_5566);
    let age = f64::from(block.delay) / 65_536.0;
    assert!((0.9..0.96).contains(&age), "{age}");
}

#[test]
fn a_publishers_clock_reaches_its_subscribers_moved_as_its_packets_are() {
    let (mut world, publisher, subscriber) = call();
    let other = world.connect();
    world.publish(other, "0", MediaKind::Video, 600, track(2));
    world.send(publisher, &[packet(0)]);
    world.send_rtcp(other, |out| rtcp::sender_report(out, 600, 77 << 32, 500_000, 9, 9));
    world.send(other, &[Rtp { ssrc: 600, timestamp: 500_000, ..packet(0) }]);
    world.send_rtcp(other, |out| rtcp::sender_report(out, 600, 78 << 32, 590_000, 9, 9));
    world.got_rtcp(subscriber);
    world.bind(subscriber, video(0), Some(track(2)));
    world.pass(20);
    world.send(other, &[Rtp { ssrc: 600, timestamp: 600_000, ..packet(1) }]);
    world.send(other, &[Rtp { ssrc: 600, index: 2, timestamp: 603_000, ..packet(0) }]);
    let sent = world.got(subscriber);
    let shift = sent[1].timestamp.wrapping_sub(603_000);
    let reports = world.got_rtcp(subscriber);
    assert_eq!(kinds(&reports), [(200, 0)], "with the first packet of the new source");
    let fields = |c: &[u8]| (be32(c, 4), be64(c, 8), be32(c, 16));
    assert_eq!(fields(&reports[0]), (Some(sent[0].ssrc), Some(78 << 32), Some(shift.wrapping_add(590_000))));
    world.send_rtcp(other, |out| rtcp::sender_report(out, 600, 79 << 32, 680_000, 9, 9));
    world.send_rtcp(publisher, |out| rtcp::sender_report(out, 500, 1 << 32, 1, 9, 9));
    let reports = world.got_rtcp(subscriber);
    assert_eq!((reports.len(), be32(&reports[0], 16)), (1, Some(shift.wrapping_add(680_000))));
    assert_eq!((be32(&reports[0], 20), be32(&reports[0], 24)), (Some(2), Some(200)), "packets and bytes of the slot");
}

#[test]
fn key_frame_requests_of_many_are_one() {
    let (mut world, publisher, subscriber) = call();
    assert_eq!(key_frame_requests(&world.got_rtcp(publisher)), [0u32; 0], "no packet has come yet");
    world.send(publisher, &[Rtp { payload: vp8(false, 0, 50), ..packet(0) }]);
    world.pass(1);
    assert_eq!(key_frame_requests(&world.got_rtcp(publisher)), [500], "asked when the source is known");
    let ssrc = ssrc_of(video(0));
    let ask = |world: &mut World, fir: bool| {
        world.send_rtcp(subscriber, |out| match fir {
            false => rtcp::key_frame_request(out, 1, ssrc),
            true => {
                out.extend_from_slice(&[0x84, 206, 0, 4, 0, 0, 0, 1, 0, 0, 0, 0]);
                out.extend_from_slice(&ssrc.to_be_bytes());
                out.extend_from_slice(&[1, 0, 0, 0]);
            }
        });
    };
    ask(&mut world, false);
    ask(&mut world, true);
    world.pass(339);
    assert_eq!(key_frame_requests(&world.got_rtcp(publisher)), [0u32; 0]);
    world.pass(15);
    assert_eq!(key_frame_requests(&world.got_rtcp(publisher)), [500], "both merged into one");
    world.pass(400);
    assert_eq!(key_frame_requests(&world.got_rtcp(publisher)), [500], "a slot that waits asks again");
    world.send(publisher, &[Rtp { index: 1, ..packet(0) }]);
    world.pass(3_000);
    assert_eq!(key_frame_requests(&world.got_rtcp(publisher)), [0u32; 0], "it has what it waited for");
    assert_eq!(world.core.stats().key_frame_requests_received, 2);
}

#[test]
fn a_subscribers_report_gives_loss_and_round_trip() {
    let (mut world, publisher, subscriber) = call();
    world.send(publisher, &[packet(0)]);
    world.send_rtcp(publisher, |out| rtcp::sender_report(out, 500, 0x1111_2222_3333_4444, 2, 3, 4));
    world.pass(80);
    let block = rtcp::Block {
        ssrc: ssrc_of(video(0)),
        fraction_lost: 64,
        last_report: 0x2222_3333,
        delay: 65_536 / 20,
        ..rtcp::Block::default()
    };
    world.send_rtcp(subscriber, |out| rtcp::receiver_report(out, 1, &[block]));
    world.send_rtcp(subscriber, |out| rtcp::receiver_report(out, 1, &[rtcp::Block { ssrc: 1, ..block }]));
    let stats = world.core.stats();
    assert_eq!((stats.loss_256ths, stats.loss_reports, stats.rtt_reports), (64, 1, 1));
    assert!((29_000..=31_000).contains(&stats.rtt_us), "{}", stats.rtt_us);
    world.bind(subscriber, video(0), None);
    world.slots(subscriber, 0);
    let stats = world.core.stats();
    assert_eq!((stats.loss_256ths, stats.loss_reports, stats.rtt_us, stats.rtt_reports), (0, 0, 0, 0));
    assert_eq!(be24(&[0, 0, 1], 0), Some(1));
}
