//! Whatever comes over the bus is answered, and costs nothing else.

use bytes::Bytes;
use rookery_actors::seams::Bus;
use rookery_schemas::bus::{
    PresenceAnswer, PresenceRequest, RoomCommand, peers_subject, presence_subject, rooms_subject,
};
use rookery_schemas::error::ErrorCode;
use rookery_schemas::ids::RoomId;
use rookery_schemas::signal::ClientMessage;
use uuid::Uuid;

use crate::world::World;

#[tokio::test(start_paused = true)]
async fn malformed_requests_are_refused() {
    let world = World::new().await;
    let one = world.join("One").await;
    let node = "n1".parse().unwrap();
    let big = vec![b' '; 300 << 10];
    for subject in [rooms_subject(&node), peers_subject(&node)] {
        for (body, code) in [
            (b"".to_vec(), ErrorCode::Malformed),
            (b"{\"room\":1}".to_vec(), ErrorCode::Malformed),
            (b"\xff\xfe".to_vec(), ErrorCode::Malformed),
            (big.clone(), ErrorCode::TooLarge),
        ] {
            let answer = world.request(subject.clone(), body).await.await.unwrap();
            assert_eq!(answer.map_err(|refusal| refusal.code).err(), Some(code));
        }
    }
    let ping = ClientMessage::Ping { at: 1 };
    assert_eq!(world.say(&one, ping).await, Err(ErrorCode::Invalid), "not a media message");
    assert!(world.chat(&one, "fine").await.is_ok());
    assert_eq!(world.gauges().in_flight, 0);
}

#[tokio::test(start_paused = true)]
async fn there_is_no_room_of_a_wrong_id() {
    let mut world = World::new().await;
    world.room = RoomId(Uuid::from_u128(404));
    assert_eq!(world.code(RoomCommand::Activate).await, Some(ErrorCode::RoomNotFound));
    world.settle().await;
    assert_eq!((world.gauges().rooms, world.gauges().actors), (0, [0, 0, 0, 0]));
    assert!(world.store.rows.lock().owners.is_empty() && world.media.0.lock().rooms.is_empty(), "and no trace of one");
}

#[tokio::test(start_paused = true)]
async fn presence_says_who_is_inside() {
    let world = World::new().await;
    let names: Vec<String> = (0..10).map(|n| format!("P{n}")).collect();
    for name in &names {
        world.join(name).await;
        world.settle().await;
    }
    let node = "n1".parse().unwrap();
    let asleep = RoomId(Uuid::from_u128(5));
    let body = serde_json::to_vec(&PresenceRequest { rooms: vec![asleep, world.room] }).unwrap();
    let timeout = std::time::Duration::from_secs(1);
    let pending = world.bus.request(&presence_subject(&node), Bytes::from(body), timeout).await.unwrap();
    let answer: PresenceAnswer = serde_json::from_slice(&pending.await.unwrap()).unwrap();
    let [room] = &answer.rooms[..] else { panic!("{answer:?}") };
    assert_eq!((room.room, room.peers, &room.names[..]), (world.room, 10, &names[..8]));
}
