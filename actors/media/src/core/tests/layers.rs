//! Simulcast: the layer that covers the wanted size is sent, and changed at key frames.

use rookery_schemas::signal::{Codec, MediaKind, SrtpProfile};

use super::harness::*;
use crate::{Command, bits::low16};

const LAYERS: [(u32, &[u8]); 3] = [(700, b"q"), (800, b"h"), (900, b"f")];

struct Call {
    world: World,
    publisher: usize,
    subscriber: usize,
    next: u64,
}

impl Call {
    fn new() -> Self {
        let mut world = World::new(SrtpProfile::Gcm);
        let (publisher, subscriber) = (world.connect(), world.connect());
        let connection = world.clients[publisher].id;
        let mut simulcast = line("0", MediaKind::Video, &[]);
        simulcast.rids = ["q", "h", "f"].map(String::from).into();
        world.command(Command::Receive { connection, lines: vec![simulcast] });
        world.command(Command::Publish { connection, mid: "0".into(), track: track(1), muted: false });
        world.slots(subscriber, 1);
        Self { world, publisher, subscriber, next: 0 }
    }

    /// One frame of each of these layers; returns the layers of which packets arrived, by their size.
    fn frames(&mut self, layers: &[usize], key: bool) -> Vec<usize> {
        self.world.pass(33);
        for layer in layers {
            let (ssrc, rid) = LAYERS[*layer];
            let payload = vp8(key, low16(self.next), 100 + 100 * layer);
            let extensions = vec![(4, b"0".to_vec()), (10, rid.to_vec())];
            let timestamp = ssrc * 1_000 + low16(self.next) as u32 * 2_970;
            let packet = Rtp { extensions, ..Rtp::new(ssrc, Codec::Vp8, self.next, timestamp, payload) };
            self.world.send(self.publisher, &[packet]);
        }
        self.next += 1;
        self.world.got(self.subscriber).iter().map(|got| got.payload.len() / 100 - 1).collect()
    }

    fn want(&mut self, size: Option<(u16, u16)>) {
        self.world.bind_sized(self.subscriber, video(0), Some(track(1)), size);
        self.world.got_rtcp(self.publisher);
    }
}

#[test]
fn the_layer_follows_the_wanted_size_at_key_frames() {
    let mut call = Call::new();
    call.frames(&[0, 1, 2], true);
    // the test's key frames all say 320 x 180 in their headers; sizes are what decides
    call.want(Some((320, 180)));
    assert_eq!(call.frames(&[0, 1, 2], true), [0], "the smallest that covers it");
    call.want(None);
    assert_eq!(call.frames(&[0, 1, 2], false), [0], "the old layer goes on");
    assert_eq!(call.frames(&[0, 1, 2], true), [0, 2], "until the wanted one has a key frame");
    assert_eq!(call.frames(&[0, 1, 2], false), [2]);
    call.want(Some((1_280, 720)));
    assert_eq!(call.frames(&[0, 1, 2], false), [2], "no layer covers it: the largest");
}

#[test]
fn a_layer_that_stops_is_left() {
    let mut call = Call::new();
    call.frames(&[0, 1, 2], true);
    call.want(None);
    assert_eq!(call.frames(&[0, 1, 2], true), [2]);
    let mut seen = Vec::new();
    for n in 0..80 {
        seen.extend(call.frames(&[0, 1], n % 20 == 19));
    }
    assert_eq!(seen.first(), Some(&1), "{seen:?}");
    assert!(seen.iter().all(|layer| *layer == 1));
}

#[test]
fn numbers_run_on_over_layers() {
    let mut call = Call::new();
    call.frames(&[0, 1, 2], true);
    let mut last = None;
    for turn in 0..6 {
        call.want(if turn % 2 == 0 { Some((10, 10)) } else { None });
        call.world.pass(33);
        for key in [true, false] {
            call.world.pass(33);
            for (layer, (ssrc, rid)) in LAYERS.iter().enumerate() {
                let payload = vp8(key, low16(call.next), 100 + 100 * layer);
                let extensions = vec![(4, b"0".to_vec()), (10, rid.to_vec())];
                let packet = Rtp { extensions, ..Rtp::new(*ssrc, Codec::Vp8, call.next, ssrc * 7, payload) };
                call.world.send(call.publisher, &[packet]);
            }
            call.next += 1;
        }
        for got in call.world.got(call.subscriber) {
            assert!(last.is_none_or(|last| got.index == last + 1), "turn {turn}");
            last = Some(got.index);
        }
    }
}
