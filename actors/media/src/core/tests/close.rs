//! Closing a thing leaves nothing of it behind.

use rookery_schemas::signal::{Codec, MediaKind, SrtpProfile};

use super::harness::*;
use crate::{Command, Event, PlaneStats};

fn gauges(stats: &PlaneStats) -> [u64; 8] {
    let PlaneStats { rooms, connections, tracks, sources, slots, slots_live, routes, loss_reports, .. } = *stats;
    [rooms, connections, tracks, sources, slots, slots_live, routes, loss_reports]
}

#[test]
fn a_hundred_calls_leave_every_gauge_at_its_base() {
    let mut world = World::new(SrtpProfile::Gcm);
    let base = gauges(world.core.stats());
    assert_eq!(base, [1, 0, 0, 0, 0, 0, 0, 0]);
    for turn in 0..100 {
        let first = world.clients.len();
        let peers: Vec<usize> = (0..4).map(|_| world.connect()).collect();
        for (n, at) in (0..).zip(&peers) {
            let id = track(turn * 10 + n);
            world.publish(*at, "0", MediaKind::Video, 500, id);
            world.slots(*at, 4);
        }
        for at in &peers {
            for (n, _) in (0..).zip(&peers) {
                world.bind(*at, video(n), Some(track(turn * 10 + u128::from(n))));
            }
        }
        for at in &peers {
            world.send(*at, &[Rtp::new(500, Codec::Vp8, 0, 0, vp8(true, 1, 90))]);
        }
        assert_eq!(gauges(world.core.stats()), [1, 4, 4, 4, 32, 16, 4, 0]);
        assert!(peers.iter().all(|at| world.got(*at).len() == 4));
        for at in &peers {
            world.command(Command::CloseConnection { connection: world.clients[*at].id });
        }
        assert_eq!(gauges(world.core.stats()), base);
        assert_eq!(world.core.stats().commands_refused, 0);
        world.clients.truncate(first);
        // ids are never used again: the next round's clients get further ones
        for _ in 0..4 {
            world.open();
        }
        for at in first..first + 4 {
            world.command(Command::CloseConnection { connection: world.clients[at].id });
        }
    }
}

#[test]
fn a_closed_room_is_gone_with_all_in_it() {
    let mut world = World::new(SrtpProfile::Gcm);
    let (publisher, subscriber) = (world.connect(), world.connect());
    world.publish(publisher, "0", MediaKind::Audio, 500, track(1));
    world.slots(subscriber, 2);
    world.bind(subscriber, audio(1), Some(track(1)));
    world.send(publisher, &[Rtp::new(500, Codec::Opus, 0, 0, vec![1; 50])]);
    assert_eq!(world.got(subscriber).len(), 1);
    world.command(Command::CloseRoom { room: world.room });
    assert_eq!(gauges(world.core.stats()), [0; 8]);
    world.send(publisher, &[Rtp::new(500, Codec::Opus, 1, 0, vec![1; 50])]);
    assert_eq!(world.got(subscriber), []);
    assert_eq!(world.core.stats().drop_unknown_source, 1);
    world.pass(10_000);
    assert_eq!(world.core.due(), crate::Now::NEVER);
}

#[test]
fn media_of_a_closed_connection_stops_at_once() {
    let mut world = World::new(SrtpProfile::Gcm);
    let (publisher, subscriber) = (world.connect(), world.connect());
    world.publish(publisher, "0", MediaKind::Audio, 500, track(1));
    world.slots(subscriber, 1);
    world.bind(subscriber, audio(0), Some(track(1)));
    world.send(publisher, &[Rtp::new(500, Codec::Opus, 0, 0, vec![1; 50])]);
    world.events();
    world.command(Command::CloseConnection { connection: world.clients[publisher].id });
    let idle = Event::SlotIdle { connection: world.clients[subscriber].id, slot: audio(0) };
    assert_eq!(world.events(), [idle]);
    world.send(publisher, &[Rtp::new(500, Codec::Opus, 1, 0, vec![1; 50])]);
    assert_eq!(world.got(subscriber).len(), 1, "the one from before");
}

#[test]
fn commands_that_name_nothing_known_change_nothing() {
    let mut world = World::new(SrtpProfile::Gcm);
    let at = world.connect();
    let connection = world.clients[at].id;
    let nobody = crate::ConnectionId(99);
    let before = gauges(world.core.stats());
    let link = world.clients[at].link.clone();
    for command in [
        Command::CloseRoom { room: rookery_schemas::ids::RoomId(uuid::Uuid::from_u128(9)) },
        Command::CloseConnection { connection: nobody },
        Command::OpenConnection { room: world.room, connection, link },
        Command::Credentials { connection: nobody, ufrag: "x".into() },
        Command::Credentials { connection, ufrag: String::new() },
        Command::Credentials { connection, ufrag: "x".repeat(257) },
        Command::Receive { connection: nobody, lines: vec![] },
        Command::Receive { connection, lines: vec![line("0", MediaKind::Audio, &[]); 65] },
        Command::Send { connection: nobody, slots: vec![] },
        Command::Send { connection, slots: vec![slot(video(0)); 129] },
        Command::Publish { connection: nobody, mid: "0".into(), track: track(1), muted: false },
        Command::Unpublish { track: track(1) },
        Command::Mute { track: track(1), muted: true },
        Command::Bind { connection, slot: video(0), track: None, size: None },
    ] {
        let refused = world.core.stats().commands_refused;
        world.command(command);
        assert_eq!(world.core.stats().commands_refused, refused + 1);
    }
    assert_eq!(gauges(world.core.stats()), before);
}

#[test]
fn a_track_of_another_room_cannot_be_bound() {
    let mut world = World::new(SrtpProfile::Gcm);
    let subscriber = world.connect();
    world.slots(subscriber, 1);
    let home = world.room;
    world.room = rookery_schemas::ids::RoomId(uuid::Uuid::from_u128(2));
    let sink = std::sync::Arc::new(Sink::default());
    world.command(Command::OpenRoom { room: world.room, sink });
    let stranger = world.connect();
    world.publish(stranger, "0", MediaKind::Audio, 500, track(1));
    world.room = home;
    world.bind(subscriber, audio(0), Some(track(1)));
    world.send(stranger, &[Rtp::new(500, Codec::Opus, 0, 0, vec![1; 50])]);
    assert_eq!((world.got(subscriber), world.core.stats().commands_refused), (vec![], 1));
}
