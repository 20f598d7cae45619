//! A node that goes away finishes what it has taken and ends every actor.

use std::time::Duration;

use rookery_actors::seams::BusError;
use rookery_schemas::ids::{Nonce, Seq};
use rookery_schemas::rows::RoomRow;
use uuid::Uuid;

use crate::world::{World, acknowledged, room_row};

#[tokio::test(start_paused = true)]
async fn stopping_node_stores_what_it_took() {
    let world = World::with(RoomRow { ad_hoc: true, ..room_row() }).await;
    let one = world.join("One").await;
    world.publish(&one).await;
    world.store.script.lock().append_takes = Duration::from_secs(2);
    let asked = world.asking(world.chat_of(&one, Nonce(Uuid::from_u128(1)), "last words", 0)).await;
    world.settle().await;
    let World { rooms, store, media, room, bus, .. } = world;
    let metrics = rooms.metrics().clone();
    rooms.stop(Duration::from_secs(30)).await;
    assert_eq!(acknowledged(asked.await.unwrap()).map(|ack| ack.seq), Ok(Seq(1)));
    tokio::time::sleep(Duration::from_millis(1)).await;
    for kind in ["scope", "room", "router", "peer"] {
        assert_eq!(metrics.actors.with_label_values(&[kind]).get(), 0, "{kind}");
    }
    assert_eq!((metrics.connections.get(), metrics.rooms.get(), metrics.peers.get()), (0, 0, 0));
    assert!(media.0.lock().rooms.is_empty() && media.0.lock().connections.is_empty());
    let row = store.rows.lock().rooms[&room].clone();
    assert!(row.expires_at.is_some(), "for an ad-hoc meeting everyone has left");
    let subject = rookery_schemas::bus::rooms_subject(&"n1".parse().unwrap());
    let late = rookery_actors::seams::Bus::request(&*bus, &subject, Default::default(), Duration::from_secs(1)).await;
    assert!(matches!(late.unwrap().await, Err(BusError::NoResponders { .. })));
}

#[tokio::test(start_paused = true)]
async fn a_node_that_cannot_store_stops_all_the_same() {
    let world = World::new().await;
    let one = world.join("One").await;
    world.store.script.lock().faults.extend(std::iter::repeat_n(rookery_actors::testing::Fault::LostUnknown, 1_000));
    let asked = world.asking(world.chat_of(&one, Nonce(Uuid::from_u128(1)), "in doubt", 0)).await;
    world.settle().await;
    let World { rooms, .. } = world;
    let metrics = rooms.metrics().clone();
    rooms.stop(Duration::from_secs(5)).await;
    assert_eq!(acknowledged(asked.await.unwrap()), Err(rookery_schemas::error::ErrorCode::Unknown));
    tokio::time::sleep(Duration::from_millis(1)).await;
    assert_eq!(metrics.actors.with_label_values(&["room"]).get(), 0);
}
