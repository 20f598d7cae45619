//! Every few seconds a gateway tells each owner which seats' WebSockets it holds: all of them, and no others.

use std::collections::{BTreeSet, VecDeque};
use std::time::Duration;

use bytes::Bytes;
use futures_util::StreamExt;
use rookery_actors::seams::Bus;
use rookery_gateway::config::GatewayConfig;
use rookery_gateway::ws::WsConfig;
use rookery_schemas::bus::{
    RoomAnswer, RoomCommand, RoomReply, SEAT_RENEWED_EVERY, SEATS_PER_RENEWAL_MAX, SeatRef, SeatRenewal, seats_subject,
};
use rookery_schemas::error::ErrorCode;
use rookery_schemas::ids::Attachment;
use rookery_schemas::signal::Role;
use serde_json::json;
use tokio::sync::mpsc;

use crate::world::{Play, World, node, peer, room, user};

/// Between two attempts to tell an owner.
const DETACHED_AGAIN: Duration = Duration::from_secs(1);

/// Which seats, and whether their clients are quiet.
type Renewal = (BTreeSet<SeatRef>, bool);

/// The renewals that a node hears.
async fn heard_at(world: &World, name: &str) -> mpsc::Receiver<Renewal> {
    let mut served = world.bus.serve(&seats_subject(&node(name))).await.unwrap();
    let (hears, heard) = mpsc::channel(64);
    tokio::spawn(async move {
        while let Some(message) = served.next().await {
            let SeatRenewal { seats, quiet, .. } = serde_json::from_slice(&message.payload).unwrap();
            assert!(!seats.is_empty() && seats.len() <= SEATS_PER_RENEWAL_MAX);
            let done: RoomAnswer = Ok(RoomReply::Done);
            message.answer.unwrap().send(Bytes::from(serde_json::to_vec(&done).unwrap()));
            if hears.send((seats.into_iter().collect(), quiet)).await.is_err() {
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
async fn until_renewed(heard: &mut mpsc::Receiver<Renewal>, seats: &[SeatRef]) {
    until_heard(heard, seats, false).await;
}

async fn until_heard(heard: &mut mpsc::Receiver<Renewal>, seats: &[SeatRef], quiet: bool) {
    let wanted = (seats.iter().copied().collect(), quiet);
    let waiting = async { while heard.recv().await.unwrap() != wanted {} };
    tokio::time::timeout(Duration::from_secs(20), waiting).await.expect("these seats are renewed");
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

/// A room that panics in just that moment answers that it cannot act, or nothing: it is told again until it has heard, and what
/// it has not heard is not renewed either.
#[tokio::test]
async fn the_end_of_a_socket_is_told_until_it_is_heard() {
    tokio::join!(told_until(Ok(RoomReply::Done)), told_until(Err(ErrorCode::NotJoined.into())));
}

async fn told_until(last: RoomAnswer) {
    let config = WsConfig { request_timeout: Duration::from_millis(100), ..WsConfig::default() };
    let world = World::with(config, GatewayConfig::default()).await;
    let client = world.joined(room(1), peer(1)).await;
    let mut plays = VecDeque::from([
        Play::Reply(Err(ErrorCode::OwnerUnavailable.into())),
        Play::Silence,
        Play::Reply(Err(ErrorCode::Overloaded.into())),
        Play::Reply(last),
    ]);
    world.script(move |request| match request.command {
        RoomCommand::Detach { peer: of, attachment: Attachment(1) } if of == peer(1) => {
            plays.pop_front().unwrap_or(Play::Default)
        }
        _ => Play::Default,
    });
    drop(client);
    world.until("it is told", |world| world.commands().len() == 2).await;
    let mut heard = heard_at(&world, "n1").await;
    world.until("it is heard", |world| world.commands().len() == 5).await;
    tokio::time::sleep(2 * DETACHED_AGAIN).await;
    assert_eq!(world.commands(), ["join", "detach", "detach", "detach", "detach"], "and no more");
    assert!(heard.try_recv().is_err(), "nobody sits there");
}

#[tokio::test]
async fn a_client_that_falls_silent_is_told_of_and_not_renewed() {
    let quiet_after = Duration::from_millis(200);
    let world = World::with(WsConfig { quiet_after, ..WsConfig::default() }, GatewayConfig::default()).await;
    let mut heard = heard_at(&world, "n1").await;
    let mut guest = world.joined(room(1), peer(1)).await;
    until_heard(&mut heard, &[seat(1, 1, 1)], true).await;
    guest.say(2, None, json!({ "type": "ping" })).await;
    until_heard(&mut heard, &[seat(1, 1, 1)], false).await;
    until_heard(&mut heard, &[seat(1, 1, 1)], true).await;
    let next = tokio::time::timeout(SEAT_RENEWED_EVERY + quiet_after, heard.recv()).await;
    assert!(next.is_err(), "nothing is said of it in the next seconds: {next:?}");
}
