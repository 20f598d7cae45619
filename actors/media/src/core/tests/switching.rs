//! A slot goes from one publisher to another: at a key frame, without a gap in its numbers, its time running on.

use rookery_schemas::signal::{Codec, MediaKind, SrtpProfile};

use super::harness::*;
use crate::{
    Command, Event,
    bits::{be16, low16},
};

const KEYS: [(Codec, &[u8], &[u8]); 4] = [
    (Codec::Vp8, &[0x10, 0, 0, 0], &[0x10, 1, 0, 0]),
    (Codec::H264, &[0x67, 1, 2, 3], &[0x41, 1, 2, 3]),
    (Codec::Vp9, &[0x88, 0x81, 1, 0], &[0xC8, 0x81, 2, 0]),
    (Codec::Av1, &[0x08, 1, 2, 3], &[0x10, 1, 2, 3]),
];

struct Two {
    world: World,
    publishers: [usize; 2],
    subscriber: usize,
    next: [u64; 2],
}

impl Two {
    fn new() -> Self {
        let mut world = World::new(SrtpProfile::Gcm);
        let (a, b, subscriber) = (world.connect(), world.connect(), world.connect());
        world.publish(a, "0", MediaKind::Video, 500, track(0));
        world.publish(b, "0", MediaKind::Video, 600, track(1));
        world.slots(subscriber, 1);
        Self { world, publishers: [a, b], subscriber, next: [100, 40_000] }
    }

    /// A frame of one publisher; returns what the subscriber got.
    fn frame(&mut self, of: usize, codec: Codec, payload: &[u8]) -> Vec<Got> {
        let n = self.next[of];
        self.next[of] += 1;
        let timestamp = [77_000, 770_000][of] + u32::from(low16(n)) * 3_000;
        let packet = Rtp::new([500, 600][of], codec, n, timestamp, payload.to_vec());
        self.world.send(self.publishers[of], &[packet]);
        self.world.got(self.subscriber)
    }

    fn bind(&mut self, of: usize) {
        self.world.bind(self.subscriber, video(0), Some(track(of as u128)));
    }
}

#[test]
fn sequence_and_time_run_on_over_publishers_and_codecs() {
    let mut two = Two::new();
    let mut last: Option<Got> = None;
    for turn in 0..8 {
        let (of, (codec, key, other)) = (turn % 2, KEYS[turn % 4]);
        two.bind(of);
        two.world.pass(33);
        let mut got = two.frame(of, codec, key);
        two.world.pass(33);
        got.extend(two.frame(of, codec, other));
        assert_eq!(got.len(), 2, "turn {turn}");
        assert!(got.iter().all(|got| got.payload_type == payload_type(codec)));
        for (n, got) in got.into_iter().enumerate() {
            if let Some(last) = &last {
                assert_eq!(got.index, last.index + 1);
                let step = got.timestamp.wrapping_sub(last.timestamp);
                assert_eq!(step, if n == 0 { 33 * 90 } else { 3_000 }, "turn {turn} packet {n}");
            }
            last = Some(got);
        }
    }
}

#[test]
fn time_moves_on_by_ten_milliseconds_at_least() {
    let mut two = Two::new();
    two.bind(0);
    let (codec, key, _) = KEYS[0];
    let before = two.frame(0, codec, key)[0].timestamp;
    two.bind(1);
    let after = two.frame(1, codec, key)[0].timestamp;
    assert_eq!(after.wrapping_sub(before), 900);
}

#[test]
fn the_old_picture_goes_on_until_the_new_ones_key_frame() {
    let mut two = Two::new();
    let (codec, key, other) = KEYS[0];
    two.bind(0);
    assert_eq!(two.frame(0, codec, key).len(), 1);
    two.world.events();
    two.world.got_rtcp(two.publishers[1]);
    two.frame(1, codec, other);
    two.bind(1);
    assert_eq!(key_frame_requests(&two.world.got_rtcp(two.publishers[1])), [600], "asked at once");
    assert_eq!(two.frame(0, codec, other).len(), 1, "the old one goes on");
    assert_eq!(two.frame(1, codec, other).len(), 0, "the new one cannot begin here");
    assert_eq!(two.world.events(), [Event::TrackStarted { track: track(1), codec }]);
    assert_eq!(two.frame(1, codec, key).len(), 1);
    assert_eq!(two.frame(0, codec, other).len(), 0, "and is over now");
    let id = two.world.clients[two.subscriber].id;
    assert_eq!(two.world.events(), [Event::SlotLive { connection: id, slot: video(0), track: track(1), layer: None }]);
}

#[test]
fn the_old_picture_ends_with_its_track_its_mute_or_after_two_seconds() {
    let (codec, key, other) = KEYS[0];
    for how in 0..3 {
        let mut two = Two::new();
        two.bind(0);
        two.frame(0, codec, key);
        two.frame(1, codec, other);
        two.bind(1);
        assert_eq!(two.frame(0, codec, other).len(), 1);
        match how {
            0 => two.world.command(Command::Unpublish { track: track(0) }),
            1 => two.world.command(Command::Mute { track: track(0), muted: true }),
            _ => two.world.pass(2_300),
        }
        assert_eq!(two.frame(0, codec, other).len(), 0, "{how}");
        let idle = Event::SlotIdle { connection: two.world.clients[two.subscriber].id, slot: video(0) };
        assert_eq!(two.world.events().last(), Some(&idle), "{how}");
        assert_eq!(two.frame(1, codec, key).len(), 1, "the new one begins nevertheless");
    }
}

#[test]
fn another_voice_never_sounds_for_the_new_one() {
    let mut world = World::new(SrtpProfile::Gcm);
    let (a, b, subscriber) = (world.connect(), world.connect(), world.connect());
    world.publish(a, "0", MediaKind::Audio, 500, track(0));
    world.publish(b, "0", MediaKind::Audio, 600, track(1));
    world.slots(subscriber, 1);
    world.bind(subscriber, audio(0), Some(track(0)));
    let voice = |world: &mut World, at, ssrc, n: u64| {
        world.send(at, &[Rtp::new(ssrc, Codec::Opus, n, 960 * low16(n) as u32, vec![crate::bits::low8(n); 60])]);
        world.got(subscriber)
    };
    let first = voice(&mut world, a, 500, 1);
    world.bind(subscriber, audio(0), Some(track(1)));
    assert_eq!(voice(&mut world, a, 500, 2), []);
    world.pass(20);
    let second = voice(&mut world, b, 600, 9);
    assert_eq!((second[0].index, second[0].timestamp), (first[0].index + 1, first[0].timestamp + 20 * 48));
}

#[test]
fn packets_from_before_the_switch_are_dropped() {
    let mut two = Two::new();
    let (codec, key, other) = KEYS[0];
    two.bind(0);
    two.frame(0, codec, key);
    two.bind(1);
    let send = |two: &mut Two, n: u64, payload: &[u8]| {
        let packet = Rtp::new(600, codec, n, low16(n) as u32 * 3_000, payload.to_vec());
        two.world.send(two.publishers[1], &[packet]);
        two.world.got(two.subscriber).len()
    };
    assert_eq!(send(&mut two, 1_000, key), 1);
    assert_eq!(send(&mut two, 998, other), 0);
    assert_eq!(send(&mut two, 1_002, other), 1);
    assert_eq!(send(&mut two, 1_001, other), 1, "a late one from behind it is not");
    assert_eq!(two.frame(0, codec, other).len(), 0, "nor is one of the old source sent");
    let stats = two.world.core.stats();
    assert_eq!((stats.drop_before_switch, stats.seal_refused), (1, 0));
}

#[test]
fn vp8_counters_run_on() {
    let mut two = Two::new();
    let mut pictures = Vec::new();
    for (of, first) in [(0, 7_000), (1, 31), (0, 32_000)] {
        two.bind(of);
        for n in 0..3 {
            let got = two.frame(of, Codec::Vp8, &vp8(n == 0, first + n, 60));
            pictures.push(be16(&got[0].payload, 2).unwrap() & 0x7FFF);
        }
    }
    assert_eq!(pictures, [7_000, 7_001, 7_002, 7_003, 7_004, 7_005, 7_006, 7_007, 7_008]);
}

#[test]
fn a_publisher_may_change_its_codec_on_one_stream() {
    let mut two = Two::new();
    two.bind(0);
    let mut got = two.frame(0, Codec::Vp8, KEYS[0].1);
    two.world.pass(33);
    assert_eq!(two.frame(0, Codec::Av1, KEYS[3].2), [], "not in the middle of nowhere");
    got.extend(two.frame(0, Codec::Av1, KEYS[3].1));
    got.extend(two.frame(0, Codec::Av1, KEYS[3].2));
    let base = got[0].index;
    let seen: Vec<_> = got.iter().map(|got| (got.index - base, got.payload_type)).collect();
    assert_eq!(seen, [(0, 96), (1, 45), (2, 45)]);
}
