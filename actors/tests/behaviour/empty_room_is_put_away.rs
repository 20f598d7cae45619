//! After a minute without anybody a room's actors stop; it wakes under a new epoch, with its history.

use rookery_schemas::ids::Seq;
use rookery_schemas::signal::ServerMessage;

use crate::world::World;
use rookery_schemas::bus::{RoomCommand, RoomReply};

#[tokio::test(start_paused = true)]
async fn empty_room_is_put_away() {
    let world = World::new().await;
    let one = world.join("One").await;
    world.chat(&one, "hello").await.unwrap();
    world.leave(&one).await;
    world.pass(58).await;
    assert_eq!(world.gauges().actors, [1, 1, 1, 0]);
    world.pass(5).await;
    let gauges = world.gauges();
    assert_eq!((gauges.actors, gauges.rooms), ([0, 0, 0, 0], 0));
    assert!(world.media.0.lock().rooms.is_empty());

    let again = world.join("Again").await;
    assert_eq!(again.epoch, one.epoch.next());
    assert_eq!(world.chat(&again, "again").await.map(|ack| ack.seq), Ok(Seq(2)));
    let first = world.events().into_iter().find(|frame| frame.epoch == Some(again.epoch));
    assert!(matches!(first.map(|frame| frame.message), Some(ServerMessage::PeerJoined { .. })));
    assert_eq!(world.media.0.lock().refused, Vec::<String>::new(), "no media room was opened twice");
}

#[tokio::test(start_paused = true)]
async fn asking_keeps_an_empty_room_awake_and_changes_do_not_wake_one() {
    let world = World::new().await;
    let epoch = world.epoch().await;
    world.pass(59).await;
    assert_eq!(world.epoch().await, epoch);
    world.pass(10).await;
    assert_eq!(world.gauges().rooms, 0);
    assert!(matches!(world.ask(RoomCommand::Changed).await, Ok(RoomReply::Done)));
    assert_eq!(world.gauges().rooms, 0);
}
