//! The rule that must never break: no nonce seals two packets; and numbers are gapless where the input was.
//!
//! Every client of the harness remembers each (SSRC, extended number) that it received and fails at the second.

use proptest::prelude::*;
use rookery_schemas::signal::{Codec, MediaKind, SrtpProfile};

use super::harness::*;
use crate::{Command, bits::low16, rtcp};

#[derive(Clone, Debug)]
enum Step {
    /// The next packets of a publisher, with the order in which they arrive; some are padding, some never arrive.
    Burst {
        of: usize,
        count: usize,
        order: Vec<usize>,
        padding: u8,
        lost: u8,
        key: bool,
    },
    /// One that seemed lost arrives after all, perhaps after a switch.
    Late {
        of: usize,
        pick: usize,
    },
    /// A packet of the last burst arrives again.
    Duplicate {
        of: usize,
    },
    Bind {
        slot: u16,
        of: Option<usize>,
    },
    Mute {
        of: usize,
        muted: bool,
    },
    Republish {
        of: usize,
    },
    /// The slots are taken away and given back under the same SSRCs.
    Reslot,
    Nack {
        slot: u16,
        back: u16,
    },
    Pass {
        ms: u64,
    },
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => (0usize..2, 1usize..9, prop::collection::vec(0usize..9, 0..6), any::<u8>(), any::<u8>(), any::<bool>())
            .prop_map(|(of, count, order, padding, lost, key)| Step::Burst { of, count, order, padding, lost, key }),
        2 => (0usize..2, any::<usize>()).prop_map(|(of, pick)| Step::Late { of, pick }),
        1 => (0usize..2).prop_map(|of| Step::Duplicate { of }),
        2 => (0u16..2, prop::option::weighted(0.8, 0usize..2)).prop_map(|(slot, of)| Step::Bind { slot, of }),
        1 => (0usize..2, any::<bool>()).prop_map(|(of, muted)| Step::Mute { of, muted }),
        1 => (0usize..2).prop_map(|of| Step::Republish { of }),
        1 => Just(Step::Reslot),
        2 => (0u16..2, 0u16..30).prop_map(|(slot, back)| Step::Nack { slot, back }),
        1 => (1u64..700).prop_map(|ms| Step::Pass { ms }),
    ]
}

struct Run {
    world: World,
    publishers: [usize; 2],
    subscriber: usize,
    next: [u64; 2],
    tracks: [u128; 2],
    last: [Option<Vec<u8>>; 2],
    held: [Vec<Rtp>; 2],
}

impl Run {
    fn new(start: u64) -> Self {
        let mut world = World::new(SrtpProfile::Gcm);
        let (a, b, subscriber) = (world.connect(), world.connect(), world.connect());
        world.publish(a, "0", MediaKind::Video, 500, track(1));
        world.publish(b, "0", MediaKind::Video, 600, track(2));
        world.slots(subscriber, 2);
        Self {
            world,
            publishers: [a, b],
            subscriber,
            next: [start, start / 2],
            tracks: [1, 2],
            last: [None, None],
            held: [vec![], vec![]],
        }
    }

    fn packet(&self, of: usize, index: u64, key: bool, padding: bool) -> Rtp {
        let payload = if padding { vec![] } else { vp8(key, low16(index), 40 + usize::from(low16(index) % 5)) };
        let timestamp = low16(index) as u32 * 1_000;
        Rtp {
            padding: if padding { 100 } else { 0 },
            ..Rtp::new([500, 600][of], Codec::Vp8, index, timestamp, payload)
        }
    }

    fn arrive(&mut self, of: usize, packet: &Rtp) {
        let at = self.publishers[of];
        // a packet held back for longer than the client's own window can no longer be sealed by it
        let Some(sealed) = self.world.clients[at].try_seal(packet) else { return };
        let addr = self.world.clients[at].addr;
        self.world.raw(addr, &sealed);
        self.last[of] = Some(sealed);
    }

    fn step(&mut self, step: Step) {
        let Self { world, subscriber, .. } = self;
        match step {
            Step::Burst { of, count, order, padding, lost, key } => {
                let mut arriving: Vec<usize> = (0..count).collect();
                for pair in order.chunks_exact(2) {
                    if pair[0] < count && pair[1] < count {
                        arriving.swap(pair[0], pair[1]);
                    }
                }
                let first = self.next[of];
                self.next[of] += count as u64;
                for n in arriving {
                    let pads = padding % 3 == 0 && padding >> (n % 8) & 1 == 1;
                    let packet = self.packet(of, first + n as u64, key && n == 0, pads);
                    if lost % 3 == 0 && lost >> (n % 8) & 1 == 1 {
                        self.held[of].push(packet);
                    } else {
                        self.arrive(of, &packet);
                    }
                }
            }
            Step::Late { of, pick } => {
                if !self.held[of].is_empty() {
                    let packet = self.held[of].remove(pick % self.held[of].len());
                    self.arrive(of, &packet);
                }
            }
            Step::Duplicate { of } => {
                if let Some(sealed) = self.last[of].clone() {
                    let addr = world.clients[self.publishers[of]].addr;
                    world.raw(addr, &sealed);
                }
            }
            Step::Bind { slot, of } => {
                world.bind(*subscriber, video(slot), of.map(|of| track(self.tracks[of])));
            }
            Step::Mute { of, muted } => world.command(Command::Mute { track: track(self.tracks[of]), muted }),
            Step::Republish { of } => {
                world.command(Command::Unpublish { track: track(self.tracks[of]) });
                self.tracks[of] += 2;
                let connection = world.clients[self.publishers[of]].id;
                let id = track(self.tracks[of]);
                world.command(Command::Publish { connection, mid: "0".into(), track: id, muted: false });
            }
            Step::Reslot => {
                world.slots(*subscriber, 0);
                world.slots(*subscriber, 2);
            }
            Step::Nack { slot, back } => {
                let ssrc = ssrc_of(video(slot));
                let newest = world.clients[*subscriber].media.iter().rev().find(|got| got.ssrc == ssrc);
                if let Some(number) = newest.map(|got| low16(got.index).wrapping_sub(back)) {
                    world.send_rtcp(*subscriber, |out| {
                        rtcp::nack(out, 1, ssrc, &[number, number.wrapping_add(3)]);
                    });
                }
            }
            Step::Pass { ms } => world.pass(ms),
        }
    }
}

proptest! {
    /// Reordering, duplicates, loss, padding, switches, mutes, re-subscription, slots that come back: the harness fails
    /// at a nonce that comes twice, and the sealer never has to refuse, since nothing above it tries.
    #[test]
    fn no_nonce_seals_twice(start in 0u64..70_000, steps in prop::collection::vec(step(), 1..60)) {
        let mut run = Run::new(start.min(0x7FFF));
        run.step(Step::Bind { slot: 0, of: Some(0) });
        for step in steps {
            run.step(step);
        }
        prop_assert_eq!(run.world.core.stats().seal_refused, 0);
        // the harness has checked every packet; both slots' numbers only ever grew from switch to switch
        let got = run.world.got(run.subscriber);
        for key in [video(0), video(1)] {
            let newest = got.iter().filter(|got| got.ssrc == ssrc_of(key)).map(|got| got.index).max();
            prop_assert!(newest.is_none_or(|newest| newest < 0x1_0000 + 600));
        }
    }

    /// Input without loss: whatever is padding and whenever the slot switches, the output has no gap and no step back.
    #[test]
    fn output_is_gapless_where_the_input_was(
        start in 0u64..0x7FFF,
        bursts in prop::collection::vec((0usize..2, 1usize..9, any::<u8>(), any::<bool>()), 1..80),
    ) {
        let mut run = Run::new(start);
        let mut bound = usize::MAX;
        for (of, count, padding, bind) in bursts {
            if bind && bound != of {
                run.step(Step::Bind { slot: 0, of: Some(of) });
                bound = of;
            }
            run.step(Step::Pass { ms: 5 });
            // every burst begins with a key frame that is no padding
            let padding = padding & !1 & if padding % 3 == 0 { 0xFF } else { 0 };
            let padding = if padding % 3 == 0 { padding } else { 0 };
            run.step(Step::Burst { of, count, order: vec![], padding, lost: 1, key: true });
        }
        let got = run.world.got(run.subscriber);
        for pair in got.windows(2) {
            prop_assert_eq!(pair[1].index, pair[0].index + 1);
            prop_assert!(pair[1].timestamp.wrapping_sub(pair[0].timestamp) < 0x8000_0000);
        }
    }
}

#[test]
fn a_slot_that_comes_back_goes_on_where_its_ssrc_stood() {
    let mut run = Run::new(10);
    run.step(Step::Bind { slot: 0, of: Some(0) });
    let burst = || Step::Burst { of: 0, count: 5, order: vec![], padding: 1, lost: 1, key: true };
    run.step(burst());
    let before = run.world.got(run.subscriber);
    run.step(Step::Reslot);
    run.step(Step::Bind { slot: 0, of: Some(0) });
    run.step(burst());
    let after = run.world.got(run.subscriber);
    assert_eq!((before.len(), after.len()), (5, 5));
    assert_eq!(after[0].index, before[4].index + 1);
}
