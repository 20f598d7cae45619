//! Once a call is under way, a packet costs no allocation, nor does what is done between packets.

use std::time::Duration;

use rookery_schemas::signal::{Codec, MediaKind, SrtpProfile};

use super::harness::*;
use crate::{
    Batch, Local, Path, Transmit,
    bits::{low16, low32},
};

/// Where the packets leave to is not what is measured.
struct Nowhere;

impl Transmit for Nowhere {
    fn transmit(&mut self, _: &Batch) {}
}

const SUBSCRIBERS: u64 = 20;
const FRAMES_PER_SECOND: u64 = 30;
const PACKETS: u64 = 8;
/// Packets of sound between two frames.
const VOICES: u64 = 2;

#[test]
fn a_packet_in_a_steady_call_costs_no_allocation() {
    for profile in [SrtpProfile::Gcm, SrtpProfile::Cm] {
        let mut world = World::new(profile);
        let (camera, voice) = (world.connect(), world.connect());
        world.publish(camera, "0", MediaKind::Video, 500, track(1));
        world.publish(voice, "0", MediaKind::Audio, 600, track(2));
        for _ in 0..SUBSCRIBERS {
            let at = world.connect();
            world.slots(at, 1);
            world.bind(at, video(0), Some(track(1)));
            world.bind(at, audio(0), Some(track(2)));
        }
        let warm_up: u64 = (0..30).map(|n| second(&mut world, (camera, voice), n)).sum();
        assert!(warm_up > 0, "the counter counts");
        let before = world.core.stats().forwarded;
        let counted: u64 = (30..60).map(|n| second(&mut world, (camera, voice), n)).sum();
        let packets = 30 * FRAMES_PER_SECOND * (PACKETS + VOICES) * SUBSCRIBERS;
        assert_eq!(world.core.stats().forwarded - before, packets);
        assert_eq!(counted, 0, "allocations for {packets} packets of {profile:?}");
    }
}

/// One second of a call; how often memory was taken in it.
fn second(world: &mut World, (camera, voice): (usize, usize), n: u64) -> u64 {
    let mut counted = 0;
    for frame in n * FRAMES_PER_SECOND..(n + 1) * FRAMES_PER_SECOND {
        let first = frame * PACKETS;
        let pictures = (first..first + PACKETS).map(|at| {
            let payload = vp8(at == 0, low16(frame), 1_000);
            let marker = at + 1 == first + PACKETS;
            (camera, Rtp { marker, ..Rtp::new(500, Codec::Vp8, at, low32(frame * 3_000), payload) })
        });
        let sound = (frame * VOICES..(frame + 1) * VOICES)
            .map(|at| (voice, Rtp::new(600, Codec::Opus, at, low32(at * 960), vec![1; 100])));
        let mut sealed: Vec<(Path, Vec<u8>)> = pictures
            .chain(sound)
            .map(|(at, packet)| {
                let client = &mut world.clients[at];
                (Path { local: Local(0), remote: client.addr }, client.seal(&packet))
            })
            .collect();
        let used = allocation_counter::measure(|| {
            for (path, packet) in &mut sealed {
                world.core.receive(world.now, *path, packet);
            }
            world.core.forward(world.now, &mut Nowhere);
            for _ in 0..1_000 / FRAMES_PER_SECOND {
                world.now = world.now.after(Duration::from_millis(1));
                world.core.tick(world.now, &mut Nowhere);
            }
        });
        counted += used.count_total;
    }
    counted
}
