//! A panic in the moment in which a peer loses its socket: the gateway asks again until it is heard, and nobody is left who is
//! not there.

use std::time::Duration;

use rookery_actors::Target;
use rookery_media::Event;
use rookery_schemas::bus::RoomCommand;
use rookery_schemas::error::ErrorCode;
use rookery_schemas::signal::{LeaveReason, ServerMessage};

use crate::world::{Client, World};

/// Whom the panic hits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Hit {
    Room,
    Router,
    Peer,
}

/// When it does: before or after the gateway speaks, with so many steps of the other tasks in between, all in one instant.
#[derive(Clone, Copy, Debug)]
enum Moment {
    Before(u32),
    After(u32),
}

fn moments() -> impl Iterator<Item = Moment> {
    (0..=8).flat_map(|steps| [Moment::Before(steps), Moment::After(steps)])
}

impl Hit {
    fn of(self, one: &Client) -> Target {
        match self {
            Self::Room => Target::Room,
            Self::Router => Target::Router,
            Self::Peer => Target::Peer(one.peer),
        }
    }
}

async fn steps(count: u32) {
    for _ in 0..count {
        tokio::task::yield_now().await;
    }
}

/// What a gateway does when a socket ends, or a client leaves, while a panic hits at `moment`: it asks until it is heard, or is
/// told that there is no such seat. Returns how often it was not heard.
async fn until_heard(world: &World, command: RoomCommand, hit: Target, moment: Moment) -> usize {
    let mut asked = match moment {
        Moment::Before(count) => {
            world.rooms.inject(world.room, hit).unwrap();
            steps(count).await;
            world.asking(command.clone()).await
        }
        Moment::After(count) => {
            let asked = world.asking(command.clone()).await;
            steps(count).await;
            world.rooms.inject(world.room, hit).unwrap();
            asked
        }
    };
    for unheard in 0..60 {
        match asked.await.unwrap() {
            Ok(_) => return unheard,
            Err(refusal) if refusal.code == ErrorCode::NotJoined => return unheard,
            Err(refusal) => assert_eq!(refusal.code, ErrorCode::OwnerUnavailable, "the room could not act"),
        }
        tokio::time::sleep(Duration::from_secs(1)).await;
        asked = world.asking(command.clone()).await;
    }
    panic!("the owner never heard of it");
}

fn detach(client: &Client) -> RoomCommand {
    RoomCommand::Detach { peer: client.peer, attachment: client.attachment }
}

fn leave(client: &Client) -> RoomCommand {
    RoomCommand::Leave { peer: client.peer, attachment: client.attachment }
}

/// One is out, the other is in, and no actor or track is left of the first.
async fn only_two_is_left(world: &World, one: &Client, two: &Client, reasons: &[LeaveReason], what: &str) {
    assert_eq!((world.gauges().peers, world.gauges().actors), (1, [1, 1, 1, 1]), "{what}");
    let left = world.events_after(0).into_iter().filter_map(|message| match message {
        ServerMessage::PeerLeft { peer, reason } => Some((peer, reason)),
        _ => None,
    });
    let left: Vec<_> = left.collect();
    let told_once = matches!(left[..], [(peer, reason)] if peer == one.peer && reasons.contains(&reason));
    assert!(told_once, "{what}: {left:?}");
    assert!(world.media.0.lock().tracks.is_empty(), "{what}");
    assert!(world.chat(two, "still here").await.is_ok(), "{what}");
}

#[tokio::test(start_paused = true)]
async fn panic_while_detaching_keeps_no_ghost() {
    for hit in [Hit::Room, Hit::Router, Hit::Peer] {
        let mut lost = 0;
        for (moment, publishes) in moments().flat_map(|moment| [(moment, false), (moment, true)]) {
            let what = format!("{hit:?} at {moment:?}, publishes: {publishes}");
            let world = World::new().await;
            let (one, two) = (world.join("One").await, world.join("Two").await);
            if publishes {
                let connection = world.connection_of(world.publish(&one).await[0]);
                world.media.emit(world.room, Event::Silent { connection });
                world.settle().await;
            }
            world.stands_up(&one);
            let unheard = until_heard(&world, detach(&one), hit.of(&one), moment).await;
            assert!(unheard <= 1, "{what}: unheard {unheard} times");
            lost += unheard;
            world.pass(12).await;
            assert_eq!(world.gauges().peers, 2, "{what}: the seat is kept for its 15 s");
            world.pass(6).await;
            let reasons: &[_] = match hit {
                Hit::Peer => &[LeaveReason::Failed],
                _ => &[LeaveReason::TimedOut],
            };
            only_two_is_left(&world, &one, &two, reasons, &what).await;
        }
        assert!(hit != Hit::Room || lost > 0, "no moment was the one in which it is lost");
    }
}

#[tokio::test(start_paused = true)]
async fn panic_while_leaving_keeps_no_ghost() {
    for hit in [Hit::Room, Hit::Router, Hit::Peer] {
        let mut lost = 0;
        for moment in moments() {
            let what = format!("{hit:?} at {moment:?}");
            let world = World::new().await;
            let (one, two) = (world.join("One").await, world.join("Two").await);
            world.publish(&one).await;
            world.stands_up(&one);
            lost += until_heard(&world, leave(&one), hit.of(&one), moment).await;
            world.pass(2).await;
            only_two_is_left(&world, &one, &two, &[LeaveReason::Left], &what).await;
        }
        assert!(hit != Hit::Room || lost > 0, "no moment was the one in which it is lost");
    }
}

/// The gateway gives up at last, or is lost itself before it was heard: the seat lapses all the same.
#[tokio::test(start_paused = true)]
async fn a_lost_detach_that_nobody_repeats_leaves_no_ghost() {
    for moment in moments() {
        let world = World::new().await;
        let (one, two) = (world.join("One").await, world.join("Two").await);
        world.stands_up(&one);
        match moment {
            Moment::Before(count) => {
                world.rooms.inject(world.room, Target::Room).unwrap();
                steps(count).await;
                drop(world.asking(detach(&one)).await);
            }
            Moment::After(count) => {
                drop(world.asking(detach(&one)).await);
                steps(count).await;
                world.rooms.inject(world.room, Target::Room).unwrap();
            }
        }
        world.pass(35).await;
        only_two_is_left(&world, &one, &two, &[LeaveReason::TimedOut], &format!("at {moment:?}")).await;
    }
}
