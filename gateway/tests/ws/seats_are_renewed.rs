//! Every few seconds a gateway tells each owner which seats' WebSockets it holds: all of them, and no others.

use std::collections::BTreeSet;

use bytes::Bytes;
use futures_util::StreamExt;
use rookery_actors::seams::Bus;
use rookery_schemas::bus::{RoomAnswer, RoomReply, SEATS_PER_RENEWAL_MAX, SeatRef, SeatRenewal, seats_subject};
use rookery_schemas::ids::Attachment;
use rookery_schemas::signal::Role;
use serde_json::json;
use tokio::sync::mpsc;

use crate::world::{World, node, peer, room, user};

/// The renewals that a node hears.
async fn heard_at(world: &World, name: &str) -> mpsc::Receiver<BTreeSet<SeatRef>> {
    let mut served = world.bus.serve(&seats_subject(&node(name))).await.unwrap();
    let (hears, heard) = mpsc::channel(64);
    tokio::spawn(async move {
        while let Some(message) = served.next().await {
            let SeatRenewal { seats } = serde_json::from_slice(&message.payload).unwrap();
            assert!(!seats.is_empty() && seats.len() <= SEATS_PER_RENEWAL_MAX);
            let done: RoomAnswer = Ok(RoomReply::Done);
            message.answer.unwrap().send(Bytes::from(serde_json::to_vec(&done).unwrap()));
            if hears.send(seats.into_iter().collect()).await.is_err() {
                return;
            }
        }
    });
    heard
}

fn seat(of: u128, who: u128, attachment: u32) -> SeatRef {
    SeatRef { room: room(of), peer: peer(who), attachment: Attachment(attachment) }
}

/// Waits for a renewal of just these.
async fn until_renewed(heard: &mut mpsc::Receiver<BTreeSet<SeatRef>>, seats: &[SeatRef]) {
    let wanted: BTreeSet<SeatRef> = seats.iter().copied().collect();
    let waiting = async { while heard.recv().await.unwrap() != wanted {} };
    tokio::time::timeout(std::time::Duration::from_secs(20), waiting).await.expect("these seats are renewed");
}

#[tokio::test]
async fn seats_are_renewed() {
    let world = World::new().await;
    let mut heard = heard_at(&world, "n1").await;
    let guest = world.joined(room(1), peer(1)).await;
    let mut member = world.member(user(2)).await;
    for of in [1, 2] {
        let ticket = world.ticket(room(of), peer(20 + of), Some(user(2)), Role::Member);
        member.say(1, None, json!({ "type": "join", "ticket": ticket })).await;
        member.joined(1).await;
    }
    until_renewed(&mut heard, &[seat(1, 1, 1), seat(1, 21, 1), seat(2, 22, 1)]).await;
    drop(guest);
    member.say(2, room(2), json!({ "type": "leave" })).await;
    until_renewed(&mut heard, &[seat(1, 21, 1)]).await;
}

/// One that was taken over elsewhere is not renewed here, and one that was taken again here is renewed as what it is now.
#[tokio::test]
async fn the_attachment_that_has_the_seat_is_renewed() {
    let world = World::new().await;
    let mut heard = heard_at(&world, "n1").await;
    let (mut first, ticket) = world.guest(room(1), peer(1)).await;
    let token = first.join(&ticket).await.resume_token;
    first.say(2, room(1), json!({ "type": "resume", "token": token })).await;
    first.joined(2).await;
    until_renewed(&mut heard, &[seat(1, 1, 2)]).await;
    let _other = world.joined(room(2), peer(2)).await;
    let superseded = rookery_schemas::error::ErrorCode::Superseded;
    world.personal(room(1), peer(1), 2, rookery_schemas::signal::ServerMessage::Error(superseded.into()));
    until_renewed(&mut heard, &[seat(2, 2, 1)]).await;
}
