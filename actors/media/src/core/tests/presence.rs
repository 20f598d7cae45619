//! Who is there: connected, silent, heard again, moved; how loud; and what the port answers to strangers.

use rookery_schemas::signal::{Codec, MediaKind, SrtpProfile};

use super::harness::*;
use crate::{
    Command, Event,
    bits::{be16, low16},
};

#[test]
fn a_vanished_publisher_is_noticed_within_three_seconds_and_heard_again() {
    let mut world = World::new(SrtpProfile::Gcm);
    let publisher = world.connect();
    world.publish(publisher, "0", MediaKind::Audio, 500, track(1));
    let id = world.clients[publisher].id;
    for n in 0..100 {
        world.send(publisher, &[Rtp::new(500, Codec::Opus, n, 0, vec![1; 50])]);
        world.pass(20);
    }
    world.events();
    world.pass(2_400);
    assert_eq!(world.events(), []);
    world.pass(500);
    assert_eq!(world.events(), [Event::Silent { connection: id }]);
    world.pass(20_000);
    assert_eq!(world.events(), [], "said once");
    world.send(publisher, &[Rtp::new(500, Codec::Opus, 100, 0, vec![1; 50])]);
    assert_eq!(world.events(), [Event::Heard { connection: id }]);
    world.pass(2_900);
    assert_eq!(world.events(), [Event::Silent { connection: id }]);
}

#[test]
fn consent_checks_six_seconds_apart_are_enough_where_no_media_is_expected() {
    let mut world = World::new(SrtpProfile::Gcm);
    let idle = world.connect();
    world.events();
    for _ in 0..5 {
        world.pass(6_000);
        let addr = world.clients[idle].addr;
        world.raw(addr, &binding_request(Some("ufrag0:x"), false));
    }
    assert_eq!(world.events(), []);
    world.pass(8_400);
    assert_eq!(world.events(), [Event::Silent { connection: world.clients[idle].id }]);
}

#[test]
fn a_renominated_address_gets_the_media() {
    let mut world = World::new(SrtpProfile::Gcm);
    let (publisher, subscriber) = (world.connect(), world.connect());
    world.publish(publisher, "0", MediaKind::Audio, 500, track(1));
    world.slots(subscriber, 1);
    world.bind(subscriber, audio(0), Some(track(1)));
    world.send(publisher, &[Rtp::new(500, Codec::Opus, 0, 0, vec![1; 50])]);
    assert_eq!(world.got(subscriber).len(), 1);
    world.events();
    let new = "10.9.9.9:4242".parse().unwrap();
    world.clients[subscriber].addr = new;
    world.send(publisher, &[Rtp::new(500, Codec::Opus, 1, 960, vec![1; 50])]);
    assert_eq!(world.got(subscriber).len(), 0, "not before it is nominated");
    // what was sent to the old address counts for the client's numbering of transport packets
    world.clients[subscriber].transport += 1;
    world.nominate(subscriber);
    world.send(publisher, &[Rtp::new(500, Codec::Opus, 2, 1_920, vec![1; 50])]);
    assert_eq!(world.got(subscriber).len(), 1);
    let connected = Event::Connected { connection: world.clients[subscriber].id, remote: new };
    assert_eq!(world.events(), [connected]);
}

#[test]
fn the_old_ufrag_stays_valid_during_a_restart_and_the_one_before_does_not() {
    let mut world = World::new(SrtpProfile::Gcm);
    let at = world.connect();
    let connection = world.clients[at].id;
    let delivered = |world: &mut World, ufrag: &str| {
        world.raw("10.7.7.7:1".parse().unwrap(), &binding_request(Some(&format!("{ufrag}:x")), false));
        let mut buffer = [0; 100];
        let mut context = std::task::Context::from_waker(std::task::Waker::noop());
        let mut count = 0;
        while world.clients[at].link.poll_recv(&mut context, &mut buffer).is_ready() {
            count += 1;
        }
        count
    };
    delivered(&mut world, "ufrag0");
    world.command(Command::Credentials { connection, ufrag: "second".into() });
    assert_eq!((delivered(&mut world, "ufrag0"), delivered(&mut world, "second")), (1, 1));
    world.command(Command::Credentials { connection, ufrag: "third".into() });
    assert_eq!((delivered(&mut world, "ufrag0"), delivered(&mut world, "third")), (0, 1));
    assert_eq!(world.core.stats().drop_unknown_ufrag, 1);
}

#[test]
fn plain_stun_is_answered_to_anyone_within_a_limit() {
    let mut world = World::new(SrtpProfile::Gcm);
    let mut answers = 0;
    for n in 0..3_000u16 {
        let from = std::net::SocketAddr::from(([198, 51, u8::try_from(n / 200).unwrap(), 7], 1_000 + n));
        world.raw(from, &binding_request(None, false));
        answers += world.messages().iter().filter(|(to, _)| *to == from).count();
    }
    assert!((500..=1_000).contains(&answers), "{answers} answers in one instant");
    world.pass(1_100);
    for (from, length) in [("198.51.100.7:9", 32), ("[2001:db8::7]:9", 44)] {
        let from = from.parse().unwrap();
        world.raw(from, &binding_request(None, false));
        let messages = world.messages();
        assert_eq!((messages[0].0, messages[0].1[0].len()), (from, length));
        assert_eq!(be16(&messages[0].1[0], 0), Some(0x0101));
    }
    assert!(world.core.stats().drop_stun_limited > 1_000);
}

#[test]
fn levels_and_the_active_speaker_are_told_on_change() {
    let mut world = World::new(SrtpProfile::Gcm);
    let speakers = [world.connect(), world.connect()];
    for (n, at) in (0..).zip(speakers) {
        world.publish(at, "0", MediaKind::Audio, 500 + n, track(u128::from(n)));
    }
    world.events();
    let talk = |world: &mut World, from: u64, bytes: [u8; 2], ms: u64| {
        for n in from..from + ms / 20 {
            for (ssrc, (at, byte)) in (500..).zip(speakers.into_iter().zip(bytes)) {
                let extensions = vec![(1, vec![byte])];
                let packet = Rtp { extensions, ..Rtp::new(ssrc, Codec::Opus, n, low16(n) as u32 * 960, vec![1; 40]) };
                world.send(at, &[packet]);
            }
            world.pass(20);
        }
        world.events()
    };
    let events = talk(&mut world, 0, [20, 127], 1_000);
    let levels: Vec<_> = events.iter().filter(|event| matches!(event, Event::Levels { .. })).collect();
    assert!((1..=5).contains(&levels.len()), "{events:?}");
    assert_eq!(levels.last(), Some(&&Event::Levels { levels: vec![(track(0), 107)] }));
    assert!(events.contains(&Event::ActiveSpeaker { track: Some(track(0)) }));
    let events = talk(&mut world, 50, [20, 127], 2_000);
    assert_eq!(events, [], "nothing new");
    world.command(Command::Mute { track: track(0), muted: true });
    let events = talk(&mut world, 150, [20, 10], 1_000);
    assert!(events.contains(&Event::ActiveSpeaker { track: Some(track(1)) }), "{events:?}");
    assert!(!events.iter().any(|e| matches!(e, Event::Levels { levels } if levels.iter().any(|l| l.0 == track(0)))));
    world.pass(5_000);
    let silence: Vec<Event> = world.events().into_iter().filter(|e| matches!(e, Event::Levels { .. })).collect();
    assert_eq!(silence, [Event::Levels { levels: vec![] }]);
    world.command(Command::Unpublish { track: track(1) });
    world.pass(10);
    assert!(world.events().contains(&Event::ActiveSpeaker { track: None }));
}

#[test]
fn an_idle_worker_has_nothing_due() {
    let mut world = World::new(SrtpProfile::Gcm);
    assert_eq!(world.core.due(), crate::Now::NEVER);
    world.connect();
    world.pass(1);
    assert!(world.core.due() > world.now.after(std::time::Duration::from_millis(200)));
    assert!(!world.core.coalesces(world.now));
}
