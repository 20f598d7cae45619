//! A gateway that is gone can say nothing: what it does not renew is lost, and goes the way of every lost socket.

use std::sync::atomic::Ordering;

use rookery_actors::Target;
use rookery_media::Event;
use rookery_schemas::bus::{RoomAnswer, RoomReply, SEATS_PER_RENEWAL_MAX, SeatRef, SeatRenewal, seats_subject};
use rookery_schemas::error::ErrorCode;
use rookery_schemas::ids::Attachment;
use rookery_schemas::signal::{LeaveReason, ServerMessage};

use crate::world::{Client, World};

/// What the others are shown of `client`: whether it is reconnecting, as far as that changed.
fn shown(world: &World, client: &Client) -> Vec<bool> {
    let updates = world.events_after(0).into_iter().filter_map(|message| match message {
        ServerMessage::PeerUpdated { peer } if peer.peer == client.peer => Some(peer.reconnecting),
        _ => None,
    });
    updates.collect()
}

async fn renew(world: &World, seats: Vec<SeatRef>) -> RoomAnswer {
    let body = serde_json::to_vec(&SeatRenewal { seats, quiet: false, n: 0 }).unwrap();
    world.request(seats_subject(&"n1".parse().unwrap()), body).await.await.unwrap()
}

#[tokio::test(start_paused = true)]
async fn silent_gateway_has_lost_its_sockets() {
    let world = World::new().await;
    let (one, two) = (world.join("One").await, world.join("Two").await);
    world.pass(60).await;
    assert_eq!((world.gauges().peers, shown(&world, &one)), (2, vec![]), "renewed seats stay");
    world.stands_up(&one);
    world.pass(12).await;
    assert_eq!((world.gauges().peers, shown(&world, &one)), (2, vec![true]));
    // Kept for 15 s after the last moment at which the socket can have been there.
    world.pass(2).await;
    assert_eq!(world.gauges().peers, 2);
    world.pass(7).await;
    assert_eq!(world.gauges().peers, 1);
    let left = ServerMessage::PeerLeft { peer: one.peer, reason: LeaveReason::TimedOut };
    assert_eq!(world.events_after(0).last(), Some(&left));
    assert_eq!(shown(&world, &two), Vec::<bool>::new(), "others do not notice");
    world.resume(&one, true).await;
    world.pass(60).await;
    assert_eq!(world.gauges().peers, 2, "it may come back");
}

#[tokio::test(start_paused = true)]
async fn media_keeps_a_seat_of_a_silent_gateway() {
    let world = World::new().await;
    let one = world.join("One").await;
    let connection = world.connection_of(world.publish(&one).await[0]);
    world.stands_up(&one);
    world.pass(100).await;
    assert_eq!((world.gauges().peers, shown(&world, &one)), (1, vec![true]));
    world.media.emit(world.room, Event::Silent { connection });
    world.pass(13).await;
    assert_eq!(world.gauges().peers, 1);
    world.pass(4).await;
    assert_eq!(world.gauges().peers, 0);
}

/// Only the attachment that has the seat renews it, and only one that was lost by silence comes back by being heard.
#[tokio::test(start_paused = true)]
async fn hearing_a_gateway_again_brings_its_sockets_back() {
    let world = World::new().await;
    let (one, two) = (world.join("One").await, world.join("Two").await);
    world.stands_up(&one);
    world.pass(13).await;
    assert_eq!(shown(&world, &one), [true]);
    let seat = |client: &Client| SeatRef { room: world.room, peer: client.peer, attachment: client.attachment };
    let other = SeatRef { attachment: Attachment(9), ..seat(&one) };
    assert!(matches!(renew(&world, vec![other]).await, Ok(RoomReply::Done)));
    world.settle().await;
    assert_eq!(shown(&world, &one), [true]);
    assert!(renew(&world, vec![seat(&one)]).await.is_ok());
    world.settle().await;
    assert_eq!(shown(&world, &one), [true, false]);
    world.pass(8).await;
    assert_eq!(shown(&world, &one), [true, false], "a renewal counts from its own time");

    world.detach(&two).await;
    assert!(renew(&world, vec![seat(&two)]).await.is_ok());
    world.settle().await;
    assert_eq!(shown(&world, &two), [true], "a renewal on its way when the socket ended does not bring it back");
    world.pass(30).await;
    assert_eq!(world.gauges().peers, 0);
}

/// While this node cannot hear anybody, silence says nothing; nor does the silence of that time count afterwards.
#[tokio::test(start_paused = true)]
async fn a_node_without_a_bus_loses_nobody() {
    let world = World::new().await;
    let one = world.join("One").await;
    world.pass(10).await;
    world.bus.down.store(true, Ordering::SeqCst);
    world.pass(120).await;
    assert_eq!((world.gauges().peers, shown(&world, &one)), (1, vec![]));
    world.bus.down.store(false, Ordering::SeqCst);
    world.pass(60).await;
    assert_eq!((world.gauges().peers, shown(&world, &one)), (1, vec![]), "it is heard again within a full age");
    world.bus.down.store(true, Ordering::SeqCst);
    world.stands_up(&one);
    world.pass(120).await;
    world.bus.down.store(false, Ordering::SeqCst);
    world.pass(8).await;
    assert_eq!(shown(&world, &one), Vec::<bool>::new(), "a full age has not passed");
    world.pass(20).await;
    assert_eq!(world.gauges().peers, 0, "this one is gone");
}

/// A room that starts anew believes no seat for longer than its gateway is heard, and takes back whoever is heard.
#[tokio::test(start_paused = true)]
async fn a_crashed_room_judges_its_seats_again() {
    let world = World::new().await;
    let (one, two) = (world.join("One").await, world.join("Two").await);
    world.stands_up(&one);
    world.stands_up(&two);
    world.pass(12).await;
    world.inject(Target::Room).await;
    let seat = SeatRef { room: world.room, peer: two.peer, attachment: two.attachment };
    assert!(renew(&world, vec![seat]).await.is_ok());
    world.sitting.lock().insert(seat);
    world.pass(30).await;
    assert_eq!(world.gauges().peers, 1);
    assert_eq!(shown(&world, &two).last(), Some(&false));
    let left = ServerMessage::PeerLeft { peer: one.peer, reason: LeaveReason::TimedOut };
    assert_eq!(world.events_after(0).last(), Some(&left));
}

#[tokio::test(start_paused = true)]
async fn a_renewal_is_bounded_and_wakes_nothing() {
    let world = World::new().await;
    let seat = SeatRef { room: world.room, peer: world.ticket("X").await.peer, attachment: Attachment(1) };
    world.pass(70).await;
    assert_eq!(world.gauges().rooms, 0);
    assert!(renew(&world, vec![seat; SEATS_PER_RENEWAL_MAX]).await.is_ok());
    let refused = renew(&world, vec![seat; SEATS_PER_RENEWAL_MAX + 1]).await;
    assert_eq!(refused.map_err(|refusal| refusal.code).err(), Some(ErrorCode::TooMany));
    assert_eq!(world.gauges().rooms, 0);
}
