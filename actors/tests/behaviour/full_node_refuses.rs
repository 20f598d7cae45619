//! What comes in is bounded: for one peer, one room, and the node; beyond it `overloaded`, and nothing else suffers.

use std::time::Duration;

use rookery_schemas::bus::RoomCommand;
use rookery_schemas::error::ErrorCode;
use rookery_schemas::ids::Nonce;
use rookery_schemas::signal::ClientMessage;
use uuid::Uuid;

use crate::world::{World, acknowledged};

#[tokio::test(start_paused = true)]
async fn one_peer_cannot_take_the_room() {
    let world = World::new().await;
    let (flood, other) = (world.join("Flood").await, world.join("Other").await);
    world.store.script.lock().append_takes = Duration::from_secs(1);
    let mut asked = Vec::new();
    for n in 0..100 {
        let message = world.chat_of(&flood, Nonce(Uuid::from_u128(n)), "x", 0);
        asked.push(world.asking(message).await);
    }
    assert!(world.chat(&other, "between").await.is_ok());
    let mut overloaded = 0;
    for asked in asked {
        match acknowledged(asked.await.unwrap()) {
            Ok(_) => {}
            Err(code) => {
                assert_eq!(code, ErrorCode::Overloaded);
                overloaded += 1;
            }
        }
    }
    assert_eq!((overloaded, world.gauges().in_flight), (36, 0), "64 of one peer are under way at once");
}

#[tokio::test(start_paused = true)]
async fn a_slow_transport_holds_up_its_peer_alone() {
    let world = World::new().await;
    let (slow, other) = (world.join("Slow").await, world.join("Other").await);
    world.transports.script.lock().takes = Duration::from_secs(60);
    let asked = world.say(&slow, ClientMessage::Offer { sdp: "0:video".into() });
    tokio::pin!(asked);
    assert!(tokio::time::timeout(Duration::from_secs(5), &mut asked).await.is_err(), "it is waited for");
    world.transports.script.lock().takes = Duration::ZERO;
    world.publish(&other).await;
    assert!(world.chat(&slow, "meanwhile").await.is_ok());
    assert_eq!(asked.await, Err(ErrorCode::Internal), "and given up in time");
    world.settle().await;
    assert_eq!(world.restarts("peer"), 0);
}

#[tokio::test(start_paused = true)]
async fn leaving_does_not_wait_for_a_slow_transport() {
    let world = World::new().await;
    let slow = world.join("Slow").await;
    world.publish(&slow).await;
    world.transports.script.lock().takes = Duration::from_secs(60);
    let other = world.join("Other").await;
    let _offer =
        tokio::time::timeout(Duration::from_secs(1), world.say(&other, ClientMessage::Offer { sdp: "0:video".into() }))
            .await;
    world.leave(&other).await;
    world.leave(&slow).await;
    assert!(world.media.0.lock().connections.is_empty(), "media stops at once");
    world.pass(20).await;
    assert_eq!((world.gauges().connections, world.gauges().actors), (0, [1, 1, 1, 0]));
    assert!(world.ask(RoomCommand::Activate).await.is_ok());
}
