//! Simulcast: the layer that covers the wanted size is sent, and changed at key frames.

use proptest::prelude::*;
use rookery_schemas::signal::{Codec, MediaKind, SrtpProfile};

use super::harness::*;
use crate::{Command, Event, bits::low16};

const LAYERS: [(u32, &[u8]); 3] = [(700, b"q"), (800, b"h"), (900, b"f")];

/// Layers differ in their length and, in key frames, in the size that they name: 320 x 180, 640 x 360, 1280 x 720.
fn picture(layer: usize, key: bool, number: u16) -> Vec<u8> {
    let mut payload = vp8(key, number, 100 + 100 * layer);
    let [w, h] = [320_u16 << layer, 180 << layer].map(u16::to_le_bytes);
    payload[10..14].copy_from_slice(&[w, h].concat());
    payload
}

fn layer_of(got: &Got) -> usize {
    got.payload.len() / 100 - 1
}

struct Call {
    world: World,
    publisher: usize,
    subscriber: usize,
    next: u64,
    /// Packets of each layer so far.
    sent: [u64; 3],
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
        Self { world, publisher, subscriber, next: 0, sent: [0; 3] }
    }

    /// One frame of each of these layers; returns the layers of which packets arrived.
    fn frames(&mut self, layers: &[usize], key: bool) -> Vec<usize> {
        self.world.pass(33);
        self.got(layers, key).iter().map(layer_of).collect()
    }

    /// The same without time passing; returns what arrived.
    fn got(&mut self, layers: &[usize], key: bool) -> Vec<Got> {
        for layer in layers {
            let (ssrc, rid) = LAYERS[*layer];
            let payload = picture(*layer, key, low16(self.next));
            let extensions = vec![(4, b"0".to_vec()), (10, rid.to_vec())];
            let timestamp = ssrc * 1_000 + low16(self.next) as u32 * 2_970;
            let packet = Rtp { extensions, ..Rtp::new(ssrc, Codec::Vp8, self.sent[*layer], timestamp, payload) };
            self.sent[*layer] += 1;
            self.world.send(self.publisher, &[packet]);
        }
        self.next += 1;
        self.world.got(self.subscriber)
    }

    fn want(&mut self, size: Option<(u16, u16)>) {
        self.world.bind_sized(self.subscriber, video(0), Some(track(1)), size);
        self.world.got_rtcp(self.publisher);
    }

    /// The layers that the subscriber was told since this was last asked.
    fn told(&mut self) -> Vec<String> {
        let layer = |event| match event {
            Event::SlotLive { layer, .. } => Some(layer.unwrap_or_default().to_string()),
            _ => None,
        };
        self.world.events().into_iter().filter_map(layer).collect()
    }
}

#[test]
fn a_layer_is_told_when_it_changes_and_at_most_twice_a_second() {
    let mut call = Call::new();
    call.frames(&[0, 1, 2], true);
    call.want(Some((320, 180)));
    assert_eq!((call.frames(&[0, 1, 2], true), call.told()), (vec![0], vec!["q".to_owned()]));
    call.want(None);
    assert_eq!((call.frames(&[0, 1, 2], true), call.told()), (vec![0, 2], vec![]), "too soon after the last word");
    call.world.pass(460);
    assert_eq!(call.told(), [""; 0]);
    call.world.pass(10);
    assert_eq!(call.told(), ["f"], "by itself, without another frame");
    call.want(Some((320, 180)));
    call.frames(&[0, 1, 2], true);
    call.want(None);
    call.frames(&[0, 1, 2], true);
    call.world.pass(2_000);
    assert_eq!(call.told(), [""; 0], "there and back again is no news");
    call.frames(&[0, 1, 2], false);
    call.want(Some((0, 0)));
    call.want(Some((320, 180)));
    assert_eq!((call.frames(&[0, 1, 2], true), call.told()), (vec![0], vec!["q".to_owned()]));
}

#[test]
fn the_layer_follows_the_wanted_size_at_key_frames() {
    let mut call = Call::new();
    call.frames(&[0, 1, 2], true);
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

#[derive(Clone, Debug)]
enum Step {
    Want(Option<(u16, u16)>),
    /// A frame of these layers.
    Frame {
        layers: Vec<usize>,
        key: bool,
    },
    Pass(u64),
}

fn step() -> impl Strategy<Value = Step> {
    let sizes = prop::sample::select(vec![None, Some((0, 0)), Some((160, 90)), Some((640, 360)), Some((1_280, 720))]);
    let layers = prop::sample::subsequence(vec![0, 1, 2], 1..=3);
    prop_oneof![
        1 => sizes.prop_map(Step::Want),
        4 => (layers, prop::bool::weighted(0.3)).prop_map(|(layers, key)| Step::Frame { layers, key }),
        1 => (1_u64..1_200).prop_map(Step::Pass),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]
    #[test]
    fn whatever_is_wanted_and_comes_a_decoder_can_follow(steps in prop::collection::vec(step(), 1..60)) {
        let mut call = Call::new();
        call.want(None);
        let mut last: Option<Got> = None;
        let (mut paused, mut resumes) = (false, false);
        for step in steps {
            let got = match step {
                Step::Want(size) => {
                    paused = size == Some((0, 0));
                    resumes |= paused;
                    call.want(size);
                    continue;
                }
                Step::Pass(ms) => {
                    call.world.pass(ms);
                    continue;
                }
                Step::Frame { layers, key } => {
                    call.world.pass(33);
                    call.got(&layers, key)
                }
            };
            prop_assert!(!paused || got.is_empty(), "nothing is sent to who sees nothing");
            for got in got {
                let (key, resumed) = (got.payload[4] & 1 == 0, std::mem::take(&mut resumes));
                let Some(last) = last.replace(got.clone()) else {
                    prop_assert!(key, "it begins with a key frame");
                    continue;
                };
                prop_assert_eq!(got.index, last.index + 1);
                let forward = got.timestamp.wrapping_sub(last.timestamp);
                prop_assert!((900..90 * 100_000).contains(&forward), "time moves on: {}", forward);
                let number = |got: &Got| crate::bits::be16(&got.payload, 2).unwrap() & 0x7FFF;
                prop_assert!(number(&got).wrapping_sub(number(&last)) & 0x7FFF < 0x4000, "pictures are counted on");
                prop_assert!(key || (!resumed && layer_of(&got) == layer_of(&last)), "another layer begins with a key frame, and so does what was not seen");
            }
        }
    }
}
