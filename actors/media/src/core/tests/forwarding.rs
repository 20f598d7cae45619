//! What a publisher sends, its subscribers receive: decrypted and sealed anew, in runs, and nobody else does.

use rookery_schemas::signal::{Codec, MediaKind, SrtpProfile};

use super::harness::*;
use crate::{Command, Event, bits::low16};

#[test]
fn media_reaches_its_subscribers_with_both_profiles_and_nobody_else() {
    for profile in [SrtpProfile::Gcm, SrtpProfile::Cm] {
        let mut world = World::new(profile);
        let (publisher, one, two, other) = (world.connect(), world.connect(), world.connect(), world.connect());
        world.publish(publisher, "0", MediaKind::Video, 500, track(1));
        for subscriber in [one, two, other] {
            world.slots(subscriber, 2);
        }
        world.bind(one, video(0), Some(track(1)));
        world.bind(two, video(1), Some(track(1)));
        let sent: Vec<Vec<u8>> = (0..5).map(|n| vp8(n == 0, low16(n), 200 + usize::from(low16(n)))).collect();
        for (n, payload) in (0..).zip(&sent) {
            world.send(publisher, &[Rtp::new(500, Codec::Vp8, n, 3_000 * low16(n) as u32, payload.clone())]);
        }
        for (at, key) in [(one, video(0)), (two, video(1))] {
            let got = world.got(at);
            assert_eq!(got.iter().map(|got| &got.payload).collect::<Vec<_>>(), sent.iter().collect::<Vec<_>>());
            assert!(got.iter().all(|got| got.ssrc == ssrc_of(key) && got.payload_type == 96 && got.marker));
            assert!(got.windows(2).all(|pair| pair[1].index == pair[0].index + 1));
            assert!(got.windows(2).all(|pair| pair[1].timestamp == pair[0].timestamp + 3_000));
        }
        assert_eq!((world.got(other), world.got(publisher)), (vec![], vec![]));
        assert_eq!(world.core.stats().forwarded, 10);
        let live =
            |at: usize, slot| Event::SlotLive { connection: world.clients[at].id, slot, track: track(1), layer: None };
        let events = world.events();
        assert!(events.contains(&live(one, video(0))) && events.contains(&live(two, video(1))), "{events:?}");
        assert!(events.contains(&Event::TrackStarted { track: track(1), codec: Codec::Vp8 }));
    }
}

#[test]
fn a_frame_leaves_as_one_run_for_each_subscriber() {
    let mut world = World::new(SrtpProfile::Gcm);
    let publisher = world.connect();
    world.publish(publisher, "0", MediaKind::Video, 500, track(1));
    let subscribers: Vec<usize> = (0..3).map(|_| world.connect()).collect();
    for at in &subscribers {
        world.slots(*at, 1);
        world.bind(*at, video(0), Some(track(1)));
    }
    world.messages();
    // as Chromium cuts a frame: equal but for a byte, the small ones first, a shorter last one
    let sizes = [1_099, 1_099, 1_100, 1_100, 1_100, 700];
    let frame: Vec<Rtp> = (0..)
        .zip(sizes)
        .map(|(n, size)| Rtp {
            marker: n == 5,
            ..Rtp::new(500, Codec::Vp8, n, 9_000, if n == 0 { vp8(true, 1, size) } else { vec![0; size] })
        })
        .collect();
    world.send(publisher, &frame);
    let messages = world.messages();
    let runs: Vec<usize> = messages.iter().map(|(_, packets)| packets.len()).collect();
    assert_eq!(runs, [6, 6, 6], "one message for each subscriber");
    for at in subscribers {
        let got = world.got(at);
        assert_eq!(got.iter().map(|got| got.payload.len()).collect::<Vec<_>>(), sizes);
        assert_eq!(got.iter().map(|got| got.padding).collect::<Vec<_>>(), [1, 1, 0, 0, 0, 0]);
    }
    assert_eq!(world.core.stats().padding_out_bytes, 6);
    assert_eq!(world.core.stats().sends[4], 3, "counted in the bucket of 6 and 7");
    assert_eq!(world.core.stats().sent_in_long_runs, 18);
}

#[test]
fn two_publishers_packets_to_one_subscriber_do_not_break_each_others_runs() {
    let mut world = World::new(SrtpProfile::Gcm);
    let (a, b, subscriber) = (world.connect(), world.connect(), world.connect());
    world.publish(a, "0", MediaKind::Video, 500, track(1));
    world.publish(b, "0", MediaKind::Video, 600, track(2));
    world.slots(subscriber, 2);
    world.bind(subscriber, video(0), Some(track(1)));
    world.bind(subscriber, video(1), Some(track(2)));
    world.messages();
    for n in 0..4 {
        for (at, ssrc, size) in [(a, 500, 900), (b, 600, 1_000)] {
            let sealed = {
                let payload = if n == 0 { vp8(true, 1, size) } else { vec![0; size] };
                world.clients[at].seal(&Rtp::new(ssrc, Codec::Vp8, n, 9_000, payload))
            };
            let path = crate::Path { local: crate::Local(0), remote: world.clients[at].addr };
            world.core.receive(world.now, path, &mut sealed.clone());
        }
    }
    world.core.forward(world.now, &mut world.network);
    world.pass(1);
    let runs: Vec<usize> = world.messages().iter().map(|(_, packets)| packets.len()).collect();
    assert_eq!(runs, [4, 4]);
}

#[test]
fn probes_of_padding_are_never_forwarded_and_leave_no_hole() {
    let mut world = World::new(SrtpProfile::Gcm);
    let (publisher, subscriber) = (world.connect(), world.connect());
    world.publish(publisher, "0", MediaKind::Video, 500, track(1));
    world.slots(subscriber, 1);
    world.bind(subscriber, video(0), Some(track(1)));
    let packet = |n: u64, payload: Vec<u8>, padding| Rtp { padding, ..Rtp::new(500, Codec::Vp8, n, 9_000, payload) };
    world.send(publisher, &[packet(0, vp8(true, 1, 100), 0)]);
    world.send(publisher, &[packet(1, vec![], 200), packet(2, vec![], 200)]);
    // padding behind a payload is taken off, and a probe on the retransmission SSRC goes nowhere
    world.send(publisher, &[packet(3, vp8(false, 2, 90), 7)]);
    world.send(publisher, &[Rtp { payload_type: 97, ssrc: 501, ..packet(0, vec![], 255) }]);
    let got = world.got(subscriber);
    let base = got[0].index;
    assert_eq!(got.iter().map(|g| (g.index - base, g.payload.len())).collect::<Vec<_>>(), [(0, 100), (1, 90)]);
    assert_eq!(world.core.stats().padding_in, 3);
}

#[test]
fn a_muted_track_stops_at_once_and_comes_back_with_a_key_frame() {
    let mut world = World::new(SrtpProfile::Gcm);
    let (publisher, subscriber) = (world.connect(), world.connect());
    world.publish(publisher, "0", MediaKind::Video, 500, track(1));
    world.slots(subscriber, 1);
    world.bind(subscriber, video(0), Some(track(1)));
    let send = |world: &mut World, n: u64, key| {
        world.send(publisher, &[Rtp::new(500, Codec::Vp8, n, 3_000 * low16(n) as u32, vp8(key, low16(n), 100))]);
        world.got(subscriber).len()
    };
    assert_eq!((send(&mut world, 0, true), send(&mut world, 1, false)), (1, 1));
    world.events();
    world.command(Command::Mute { track: track(1), muted: true });
    assert_eq!(send(&mut world, 2, false), 0);
    assert_eq!(world.events(), [Event::SlotIdle { connection: world.clients[subscriber].id, slot: video(0) }]);
    assert_eq!(world.core.stats().slots_live, 0);
    world.pass(1_000);
    world.got_rtcp(publisher);
    world.command(Command::Mute { track: track(1), muted: false });
    assert_eq!(key_frame_requests(&world.got_rtcp(publisher)), [500]);
    assert_eq!((send(&mut world, 3, false), send(&mut world, 4, true), send(&mut world, 5, false)), (0, 1, 1));
}

#[test]
fn an_unbound_unseen_or_unpublished_slot_sends_nothing_more() {
    let mut world = World::new(SrtpProfile::Gcm);
    let (publisher, subscriber) = (world.connect(), world.connect());
    world.publish(publisher, "0", MediaKind::Video, 500, track(1));
    world.slots(subscriber, 1);
    let id = world.clients[subscriber].id;
    let mut n = 0;
    let mut live = |world: &mut World| {
        n += 1;
        world.send(publisher, &[Rtp::new(500, Codec::Vp8, n, 3_000 * low16(n) as u32, vp8(true, low16(n), 100))]);
        !world.got(subscriber).is_empty()
    };
    let idle = Event::SlotIdle { connection: id, slot: video(0) };
    assert!(!live(&mut world));
    world.bind(subscriber, video(0), Some(track(1)));
    assert!(live(&mut world));
    world.bind_sized(subscriber, video(0), Some(track(1)), Some((0, 0)));
    assert!(!live(&mut world));
    world.bind_sized(subscriber, video(0), Some(track(1)), Some((640, 360)));
    assert!(live(&mut world));
    world.bind(subscriber, video(0), None);
    assert!(!live(&mut world));
    world.bind(subscriber, video(0), Some(track(1)));
    assert!(live(&mut world));
    world.command(Command::Unpublish { track: track(1) });
    assert!(!live(&mut world));
    let events = world.events();
    assert_eq!(events.iter().filter(|event| **event == idle).count(), 3, "{events:?}");
    assert_eq!(world.core.stats().slots_live, 0);
}

#[test]
fn a_track_may_be_bound_before_it_is_published_and_before_keys_are_there() {
    let mut world = World::new(SrtpProfile::Gcm);
    let (publisher, subscriber) = (world.connect(), world.open());
    world.slots(subscriber, 1);
    world.bind(subscriber, audio(0), Some(track(1)));
    world.publish(publisher, "0", MediaKind::Audio, 500, track(1));
    let send = |world: &mut World, n: u64| {
        world.send(publisher, &[Rtp::new(500, Codec::Opus, n, 960 * low16(n) as u32, vec![1; 80])]);
        world.got(subscriber).len()
    };
    assert_eq!(send(&mut world, 0), 0, "no address yet");
    world.nominate(subscriber);
    assert_eq!(send(&mut world, 1), 1);
}

#[test]
fn a_key_frame_is_asked_for_when_it_can_be_sent_on() {
    let mut world = World::new(SrtpProfile::Gcm);
    let (publisher, subscriber) = (world.connect(), world.open());
    world.publish(publisher, "0", MediaKind::Video, 500, track(1));
    world.send(publisher, &[Rtp::new(500, Codec::Vp8, 0, 0, vp8(true, 0, 50))]);
    world.slots(subscriber, 1);
    world.bind(subscriber, video(0), Some(track(1)));
    world.pass(100);
    assert_eq!(key_frame_requests(&world.got_rtcp(publisher)), [0u32; 0], "it would be lost");
    world.nominate(subscriber);
    world.pass(1);
    assert_eq!(key_frame_requests(&world.got_rtcp(publisher)), [500], "no throttle is in its way");
}

#[test]
fn a_codec_that_the_answer_lacks_is_not_sent() {
    let mut world = World::new(SrtpProfile::Gcm);
    let (publisher, subscriber) = (world.connect(), world.connect());
    world.publish(publisher, "0", MediaKind::Video, 500, track(1));
    let mut only_vp8 = slot(video(0));
    only_vp8.codecs.retain(|payload| payload.codec == Codec::Vp8);
    only_vp8.codecs[0].number = 120;
    world.command(Command::Send { connection: world.clients[subscriber].id, slots: vec![only_vp8] });
    world.bind(subscriber, video(0), Some(track(1)));
    world.send(publisher, &[Rtp::new(500, Codec::H264, 0, 0, vec![0x67, 1, 2])]);
    assert_eq!((world.got(subscriber), world.core.stats().drop_no_payload_type), (vec![], 1));
    world.send(publisher, &[Rtp::new(500, Codec::Vp8, 1, 3_000, vp8(true, 1, 50))]);
    assert_eq!(world.got(subscriber).iter().map(|got| got.payload_type).collect::<Vec<_>>(), [120]);
}
