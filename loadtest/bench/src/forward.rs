//! What it costs to forward a packet: one publisher, many viewers, 250 packets a second to each, as processor time of the
//! whole node; in turns with a process that only seals and sends the same packets to the same machine.
//!
//! **Invariant:** a figure comes from turns in which every viewer received and the publisher left no frame out.

pub(crate) mod floor;
pub(crate) mod turn;

use std::path::Path;
use std::time::Duration;

use rookery_loadtest::{AudioSpec, TrackSpec, VideoSpec};

use crate::figures::{figure, median, void};
use crate::node::Node;
use crate::room::Room;
use turn::{Audience, Turn};

const VIEWERS: usize = 200;
const TURNS: usize = 5;
/// Measured of each turn.
const TURN: Duration = Duration::from_secs(5);

/// How frames are cut into packets.
struct Pattern {
    name: &'static str,
    specs: Vec<TrackSpec>,
    /// Packets of one segmented send of the floor.
    run: usize,
    /// Frames a second of the floor.
    rate: f64,
}

/// Some 250 packets a second in equal frames of so many.
fn equal(packets: u16) -> VideoSpec {
    VideoSpec { fps: 250 / u32::from(packets), packets, bytes: 1_100, uneven: false, ..VideoSpec::default() }
}

/// Equal frames of eight packets.
pub(crate) fn eights() -> TrackSpec {
    TrackSpec::Video(equal(8))
}

fn patterns() -> [Pattern; 3] {
    // An encoder's: sizes a byte apart with the small ones first, and sound between.
    let real = VideoSpec { packets: 11, packets_least: Some(5), uneven: true, ..equal(8) };
    let real = vec![TrackSpec::Video(real), TrackSpec::Audio(AudioSpec::default())];
    [
        Pattern { name: "f4", specs: vec![TrackSpec::Video(equal(4))], run: 4, rate: 62.0 },
        Pattern { name: "f8", specs: vec![eights()], run: 8, rate: 31.0 },
        Pattern { name: "real", specs: real, run: 8, rate: 31.0 },
    ]
}

/// Measures all patterns.
pub(crate) async fn measure(rookery: &Path) -> anyhow::Result<()> {
    let node = Node::start(rookery).await?;
    let audience = audience(&node, VIEWERS).await?;
    for pattern in patterns() {
        one(&node, &audience, &pattern).await?;
    }
    Ok(())
}

/// A room of one publisher and so many viewers.
pub(crate) async fn audience(node: &Node, viewers: usize) -> anyhow::Result<Audience> {
    let room = Room::make(node, "Forward").await?;
    Ok(Audience { publisher: room.enter_host().await?, viewers: room.enter(viewers).await? })
}

async fn one(node: &Node, audience: &Audience, pattern: &Pattern) -> anyhow::Result<()> {
    let name = pattern.name;
    let tracks = audience.publish(&pattern.specs).await?;
    let (mut turns, mut floors): (Vec<Turn>, Vec<f64>) = (Vec::new(), Vec::new());
    for n in 1..=TURNS {
        let turn = audience.turn(node, &tracks, TURN).await?;
        let floor = floor::turn(VIEWERS, pattern.run, pattern.rate, TURN).await?;
        println!(
            "{name} turn {n}: forward {:.3} us a packet at {:.0}/s, loss {:.4} %, publisher late {:.1} ms, left out {}; floor {floor:.3} us",
            turn.us_per_packet,
            turn.packets_per_second,
            turn.loss * 100.0,
            turn.late_ms,
            turn.left_out,
        );
        turns.push(turn);
        floors.push(floor);
    }
    audience.unpublish(&tracks).await?;
    tell(name, &turns, &floors);
    Ok(())
}

fn tell(name: &str, turns: &[Turn], floors: &[f64]) {
    if turns.iter().any(|turn| turn.left_out > 0) {
        let why = "the publisher was too late for some frames: the machine is busy with something else";
        return void(&format!("forward_over_floor_{name}_ratio"), why);
    }
    let of = |read: fn(&Turn) -> f64| median(&turns.iter().map(read).collect::<Vec<_>>()).unwrap_or(f64::NAN);
    let ratios: Vec<f64> = turns.iter().zip(floors).map(|(turn, floor)| turn.us_per_packet / floor).collect();
    figure(&format!("forward_{name}"), of(|turn| turn.us_per_packet), "us");
    figure(&format!("floor_{name}"), median(floors).unwrap_or(f64::NAN), "us");
    figure(&format!("forward_over_floor_{name}_ratio"), median(&ratios).unwrap_or(f64::NAN), "times");
    figure(&format!("forward_{name}_loss"), of(|turn| turn.loss * 100.0), "percent");
    figure(&format!("forward_{name}_in_runs_of_6"), of(|turn| turn.in_long_runs * 100.0), "percent");
}
