//! What happens in a room reaches a socket whole, in order and once: across gaps, new owners, and returning sockets.

use std::time::Duration;

use crate::client::Client;
use crate::world::{Play, World, event_body, node, peer, room, user};
use bytes::Bytes;
use rookery_gateway::config::GatewayConfig;
use rookery_gateway::ws::WsConfig;
use rookery_schemas::bus::{EventFrame, RoomCommand, RoomReply, events_subject, personal_subject};
use rookery_schemas::error::{ErrorCode, Refusal};
use rookery_schemas::ids::{Attachment, Epoch, EventNumber, Nonce, Seq, UnixMillis};
use rookery_schemas::rows::{MemberRow, MessageRow};
use rookery_schemas::signal::{ChatAck, ChatMessage, HistoryPage, Role, RoomClosedReason, ServerMessage};
use serde_json::json;
use uuid::Uuid;

fn speakers() -> ServerMessage {
    ServerMessage::Speakers { levels: Vec::new(), active: None }
}

fn chat(n: u64) -> ServerMessage {
    ServerMessage::Chat { message: message(n, &format!("message {n}")) }
}

fn message(n: u64, text: &str) -> ChatMessage {
    ChatMessage {
        seq: Seq(n),
        nonce: Nonce(Uuid::from_u128(u128::from(n))),
        peer: peer(1),
        user: None,
        display_name: "Ada".into(),
        text: text.into(),
        at: UnixMillis(3),
    }
}

#[tokio::test]
async fn events_arrive_as_the_bytes_they_were_made_of_in_every_joined_room() {
    let world = World::new().await;
    let mut both = world.member(user(1)).await;
    for of in [room(1), room(2)] {
        let ticket = world.ticket(of, peer(1), Some(user(1)), Role::Member);
        let joined = both.join(&ticket).await;
        assert_eq!((joined.room.id, joined.epoch, joined.n), (of, Epoch(1), EventNumber(0)));
        assert_eq!(joined.ice_servers[0].urls, ["stun:192.0.2.1"]);
        assert_eq!(joined.gateways, [format!("ws://{}/ws", world.at)]);
    }
    let mut one = world.joined(room(2), peer(2)).await;
    for n in 1..=50 {
        let first = world.event(room(1), chat(n));
        let second = world.event(room(2), chat(n));
        let unnumbered = world.event_numbered(room(2), 1, 0, speakers(), 0);
        // Frames of one room keep their order; rooms have none among each other.
        let mut got = [both.next_text().await, both.next_text().await, both.next_text().await];
        got.sort_by_key(|text| !text.contains(&room(1).to_string()));
        assert_eq!(got, [first, second.clone(), unnumbered.clone()]);
        assert_eq!([one.next_text().await, one.next_text().await], [second, unnumbered]);
    }
    assert_eq!(world.deps.metrics.seats(), 3);
}

#[tokio::test]
async fn what_happens_while_joining_is_seen_exactly_once() {
    let world = World::new().await;
    let (mut client, ticket) = world.guest(room(1), peer(1)).await;
    world.script(|request| match request.command {
        RoomCommand::Join { .. } => Play::Hold,
        _ => Play::Default,
    });
    client.say(1, None, json!({ "type": "join", "ticket": ticket })).await;
    world.until("the owner is asked", |world| world.held() == 1).await;
    // Two events before the snapshot, two after it, all before the answer.
    world.event(room(1), chat(1));
    world.event(room(1), chat(2));
    let seat = world.rooms.lock().entry(room(1)).or_default().attach(room(1), peer(1), None, Role::Guest, 0);
    let (third, fourth) = (world.event(room(1), chat(3)), world.event(room(1), chat(4)));
    world.personal(room(1), peer(1), 1, ServerMessage::Reattach { reason: "early".into() });
    world.release(seat);
    assert_eq!(client.joined(1).await.n, EventNumber(2));
    let mut got = vec![client.next_text().await, client.next_text().await, client.next_text().await];
    let personal = got.iter().position(|text| text.contains("early")).expect("the personal message");
    got.remove(personal);
    assert_eq!(got, [third, fourth]);
    client.settled().await;
}

#[tokio::test]
async fn gaps_are_refilled_before_what_follows() {
    let world = World::new().await;
    let mut client = world.joined(room(1), peer(1)).await;
    let mut expected = vec![world.event(room(1), chat(1))];
    let lost: Vec<String> = (2..=4).map(|n| event_body(room(1), 1, n, chat(n))).collect();
    let frames = lost.clone();
    world.script(move |request| match &request.command {
        RoomCommand::Refill { epoch, after } => {
            assert_eq!((*epoch, *after), (Epoch(1), EventNumber(1)));
            Play::Reply(Ok(RoomReply::Events { frames: frames.clone() }))
        }
        _ => Play::Default,
    });
    world.rooms.lock().get_mut(&room(1)).unwrap().n = 4;
    expected.extend(lost);
    expected.extend([world.event(room(1), chat(5)), world.event(room(1), chat(6))]);
    for body in expected {
        assert_eq!(client.next_text().await, body);
    }
    world.event_numbered(room(1), 1, 6, chat(6), 0);
    world.event_numbered(room(1), 1, 3, chat(3), 0);
    let next = world.event(room(1), chat(7));
    assert_eq!(client.next_text().await, next, "what was seen is not seen again");
}

#[tokio::test]
async fn a_bus_that_dropped_messages_is_asked_about_it() {
    let world = World::new().await;
    let mut client = world.joined(room(1), peer(1)).await;
    let lost = event_body(room(1), 1, 1, chat(1));
    let frames = vec![lost.clone()];
    world.script(move |_| Play::Reply(Ok(RoomReply::Events { frames: frames.clone() })));
    let unnumbered = world.event_numbered(room(1), 1, 0, speakers(), 1);
    assert_eq!(client.next_text().await, unnumbered);
    assert_eq!(client.next_text().await, lost);
}

#[tokio::test]
async fn what_is_no_longer_kept_comes_as_a_snapshot() {
    let world = World::new().await;
    let mut client = world.joined(room(1), peer(1)).await;
    world.rooms.lock().get_mut(&room(1)).unwrap().n = 3_000;
    world.event_numbered(room(1), 1, 2_999, chat(9), 0);
    let joined = client.joined(None).await;
    assert_eq!((joined.n, joined.roster.len()), (EventNumber(3_000), 1));
    assert!(world.tokens.verify_resume_token(&joined.resume_token).is_ok());
    let next = world.event(room(1), chat(10));
    assert_eq!(client.next_text().await, next);
}

#[tokio::test]
async fn a_new_epoch_brings_a_snapshot_and_the_old_one_is_not_heard_again() {
    let world = World::new().await;
    let mut client = world.joined(room(1), peer(1)).await;
    let mut tries = 0;
    world.script(move |request| match request.command {
        RoomCommand::Refill { .. } => {
            tries += 1;
            // The new owner is not there yet at first.
            if tries < 3 { Play::Reply(Err(Refusal::new(ErrorCode::OwnerUnavailable))) } else { Play::Default }
        }
        _ => Play::Default,
    });
    {
        let mut rooms = world.rooms.lock();
        let owned = rooms.get_mut(&room(1)).unwrap();
        (owned.epoch, owned.n) = (4, 0);
    }
    let first = world.event(room(1), chat(1));
    let joined = client.joined(None).await;
    assert_eq!((joined.epoch, joined.n), (Epoch(4), EventNumber(1)));
    assert!(!first.is_empty());
    world.event_numbered(room(1), 1, 1, chat(66), 0);
    let next = world.event(room(1), chat(2));
    assert_eq!(client.next_text().await, next);
}

#[tokio::test]
async fn a_new_owner_that_does_not_know_the_peer_makes_it_come_back_on_the_same_socket() {
    let world = World::new().await;
    let (mut client, ticket) = world.guest(room(1), peer(1)).await;
    let token = client.join(&ticket).await.resume_token;
    {
        let mut rooms = world.rooms.lock();
        let owned = rooms.get_mut(&room(1)).unwrap();
        (owned.epoch, owned.n) = (2, 0);
        owned.roster.clear();
        owned.attachments.clear();
    }
    world.event(room(1), chat(1));
    let frame = client.next().await;
    assert_eq!(frame.message, ServerMessage::Reattach { reason: "seat_lost".into() });
    client.say(2, None, json!({ "type": "resume", "token": token, "keepMedia": true })).await;
    let joined = client.joined(2).await;
    assert_eq!((joined.attachment.0, joined.epoch, joined.peer), (2, Epoch(2), peer(1)));
    let next = world.event(room(1), chat(2));
    assert_eq!(client.next_text().await, next);
    world.personal(room(1), peer(1), 2, ServerMessage::Reattach { reason: "mine".into() });
    assert_eq!(client.next().await.message, ServerMessage::Reattach { reason: "mine".into() });
    assert_eq!(world.deps.metrics.seats(), 1);
}

#[tokio::test]
async fn a_lost_socket_is_told_to_the_owner_and_resumed_elsewhere() {
    let world = World::new().await;
    let (mut first, ticket) = world.guest(room(1), peer(1)).await;
    let token = first.join(&ticket).await.resume_token;
    drop(first);
    world.until("the owner hears", |world| world.commands().contains(&"detach".to_owned())).await;
    let mut second = world.open_to_resume().await;
    second.say(1, None, json!({ "type": "resume", "token": token, "keepMedia": true })).await;
    let joined = second.joined(1).await;
    assert_eq!((joined.peer, joined.attachment.0, joined.role), (peer(1), 2, Role::Guest));
    // An older token, and the owner has given a later attachment since: the personal subject is still the right one.
    let mut third = world.open_to_resume().await;
    third.say(1, None, json!({ "type": "resume", "token": token })).await;
    let joined = third.joined(1).await;
    assert_eq!(joined.attachment.0, 4);
    world.personal(room(1), peer(1), 4, ServerMessage::Reattach { reason: "heard".into() });
    assert_eq!(third.next().await.message, ServerMessage::Reattach { reason: "heard".into() });
}

#[tokio::test]
async fn a_newer_attachment_takes_the_room_from_the_older_socket() {
    let world = World::new().await;
    let (mut old, ticket) = world.guest(room(1), peer(1)).await;
    let token = old.join(&ticket).await.resume_token;
    let mut new = world.open_to_resume().await;
    new.say(1, None, json!({ "type": "resume", "token": token })).await;
    new.joined(1).await;
    world.personal(room(1), peer(1), 1, ServerMessage::Error(Refusal::new(ErrorCode::Superseded)));
    assert_eq!(old.refused(None).await, "superseded");
    old.say(2, room(1), json!({ "type": "slots", "pairs": 2 })).await;
    assert_eq!(old.refused(2).await, "not_joined");
    let event = world.event(room(1), chat(1));
    assert_eq!(new.next_text().await, event);
    old.settled().await;
    drop(old);
    world.until("one socket is left", |world| world.deps.sockets.count() == 1).await;
    new.settled().await;
    assert!(!world.commands().contains(&"detach".to_owned()), "the old attachment has nothing to give back");
}

#[tokio::test]
async fn resuming_on_the_same_socket_is_not_being_superseded() {
    let world = World::new().await;
    let (mut client, ticket) = world.guest(room(1), peer(1)).await;
    let token = client.join(&ticket).await.resume_token;
    for succeeds in [true, false] {
        world.script(|request| match request.command {
            RoomCommand::Resume { .. } => Play::Hold,
            _ => Play::Default,
        });
        let attachment = if succeeds { 1 } else { 2 };
        client.say(2, None, json!({ "type": "resume", "token": token })).await;
        world.until("the owner is asked", |world| world.held() == 1).await;
        world.personal(room(1), peer(1), attachment, ServerMessage::Error(Refusal::new(ErrorCode::Superseded)));
        client.settled().await;
        if succeeds {
            world.release(world.rooms.lock().get_mut(&room(1)).unwrap().attach(room(1), peer(1), None, Role::Guest, 1));
            assert_eq!(client.joined(2).await.attachment.0, 2);
            client.settled().await;
        } else {
            world.release(Err(Refusal::new(ErrorCode::Banned)));
            assert_eq!(client.refused(2).await, "banned");
            assert_eq!(client.refused(None).await, "superseded", "then it was somebody else");
        }
    }
}

#[tokio::test]
async fn kicked_and_closed_are_the_last_that_is_heard() {
    let world = World::new().await;
    let mut kicked = world.joined(room(1), peer(1)).await;
    let mut other = world.joined(room(1), peer(2)).await;
    world.personal(room(1), peer(1), 1, ServerMessage::Kicked);
    assert_eq!(kicked.next().await.message, ServerMessage::Kicked);
    let event = world.event(room(1), chat(1));
    assert_eq!(other.next_text().await, event);
    kicked.settled().await;
    let closed = world.event(room(1), ServerMessage::RoomClosed { reason: RoomClosedReason::Host });
    assert_eq!(other.next_text().await, closed);
    world.event(room(1), chat(2));
    other.settled().await;
    other.say(3, room(1), json!({ "type": "slots", "pairs": 2 })).await;
    assert_eq!(other.refused(3).await, "not_joined");
    assert_eq!((world.bus.listeners(&events_subject(room(1))), world.deps.metrics.seats()), (0, 0));
}

#[tokio::test]
async fn requests_reach_a_room_in_order_and_answers_need_not_wait_for_each_other() {
    let world = World::new().await;
    let mut client = world.joined(room(1), peer(1)).await;
    world.script(|request| match request.command {
        RoomCommand::Chat { .. } => Play::Hold,
        _ => Play::Default,
    });
    for n in 0..20_u32 {
        let nonce = Nonce(Uuid::from_u128(u128::from(n)));
        client.say(100 + n, room(1), json!({ "type": "chat_send", "nonce": nonce, "text": format!("{n}") })).await;
    }
    client.say(5, room(1), json!({ "type": "slots", "pairs": 2 })).await;
    assert_eq!(client.answer(5).await, ServerMessage::Ok, "chat that waits for its disk holds nothing up");
    client.settled().await;
    world.until("all are held", |world| world.held() == 20).await;
    let texts: Vec<String> = world
        .asked
        .lock()
        .iter()
        .filter_map(|request| match &request.command {
            RoomCommand::Chat { message, .. } => Some(message.text.clone()),
            _ => None,
        })
        .collect();
    assert_eq!(texts, (0..20).map(|n| n.to_string()).collect::<Vec<_>>());
    for n in 0..20_u32 {
        let ack = ChatAck { nonce: Nonce(Uuid::from_u128(u128::from(n))), seq: Seq(u64::from(n)), at: UnixMillis(1) };
        world.release(Ok(RoomReply::Message(ServerMessage::ChatAck(ack.clone()))));
        assert_eq!(client.answer(100 + n).await, ServerMessage::ChatAck(ack));
    }
}

#[tokio::test]
async fn a_socket_with_too_much_in_flight_is_read_again_when_answers_come() {
    let world = World::new().await;
    let mut client = world.joined(room(1), peer(1)).await;
    world.script(|request| match request.command {
        RoomCommand::Chat { .. } => Play::Hold,
        _ => Play::Default,
    });
    let nonce = Nonce(Uuid::from_u128(1));
    for n in 0..40 {
        client.say(n, room(1), json!({ "type": "chat_send", "nonce": nonce, "text": "x" })).await;
    }
    world.until("as many as may are on their way", |world| world.held() == 32).await;
    for n in 0..40 {
        let ack = ChatAck { nonce, seq: Seq(1), at: UnixMillis(1) };
        world.until("the next has arrived", |world| world.held() > 0).await;
        assert!(world.held() <= 32);
        world.release(Ok(RoomReply::Message(ServerMessage::ChatAck(ack.clone()))));
        assert_eq!(client.answer(n).await, ServerMessage::ChatAck(ack));
    }
}

#[tokio::test]
async fn owners_that_moved_are_followed_and_lost_ones_named() {
    let config = WsConfig {
        request_timeout: Duration::from_millis(100),
        chat_timeout: Duration::from_millis(100),
        ..WsConfig::default()
    };
    let world = World::with(config, GatewayConfig::default()).await;
    world.serve_rooms("n2").await;
    let mut client = world.joined(room(1), peer(1)).await;
    let mut redirected = 0;
    world.script(move |request| match request.command {
        RoomCommand::Close { .. } if redirected == 0 => {
            redirected += 1;
            Play::Reply(Ok(RoomReply::Redirect { node: node("n2") }))
        }
        RoomCommand::Kick { .. } => Play::Reply(Ok(RoomReply::Redirect { node: node("n1") })),
        RoomCommand::Chat { .. } => Play::Silence,
        _ => Play::Default,
    });
    client.say(1, room(1), json!({ "type": "close_room" })).await;
    assert_eq!(client.answer(1).await, ServerMessage::Ok);
    client.say(2, room(1), json!({ "type": "kick", "peer": peer(2) })).await;
    assert_eq!(client.refused(2).await, "owner_unavailable", "a circle is not followed for ever");
    let nonce = Nonce(Uuid::from_u128(1));
    client.say(3, room(1), json!({ "type": "chat_send", "nonce": nonce, "text": "hi" })).await;
    assert_eq!(client.refused(3).await, "unknown", "it may have been stored");
    world.peer_script(|_| Play::Silence);
    client.say(4, room(1), json!({ "type": "slots", "pairs": 2 })).await;
    assert_eq!(client.refused(4).await, "timeout");
    world.script(|_| Play::Reply(Ok(RoomReply::Redirect { node: node("n9") })));
    client.say(5, room(1), json!({ "type": "chat_send", "nonce": nonce, "text": "hi" })).await;
    assert_eq!(client.refused(5).await, "owner_unavailable");
    client.settled().await;
}

#[tokio::test]
async fn a_dead_media_node_makes_the_client_attach_again_once() {
    let world = World::new().await;
    let (mut client, ticket) = world.guest(room(1), peer(1)).await;
    world.script(|request| match &request.command {
        RoomCommand::Join { .. } => Play::Hold,
        _ => Play::Default,
    });
    client.say(1, None, json!({ "type": "join", "ticket": ticket })).await;
    world.until("the owner is asked", |world| world.held() == 1).await;
    let seat = world.rooms.lock().entry(room(1)).or_default().attach(room(1), peer(1), None, Role::Guest, 0);
    let Ok(RoomReply::Attached(mut attached)) = seat else { panic!("a seat") };
    attached.media_node = node("n7");
    world.release(Ok(RoomReply::Attached(attached)));
    client.joined(1).await;
    for (id, again) in [(2, true), (3, false)] {
        client.say(id, room(1), json!({ "type": "slots", "pairs": 2 })).await;
        assert_eq!(client.refused(id).await, "owner_unavailable");
        if again {
            let reattach = ServerMessage::Reattach { reason: "media_node_lost".into() };
            assert_eq!(client.next().await.message, reattach);
        }
    }
    client.settled().await;
}

#[tokio::test]
async fn seats_get_fresh_tokens_before_the_old_ones_run_out() {
    let config = WsConfig { resume_token_every: Duration::from_millis(50), ..WsConfig::default() };
    let world = World::with(config, GatewayConfig::default()).await;
    let mut client = world.joined(room(1), peer(1)).await;
    let frame = client.next().await;
    let ServerMessage::ResumeToken { token } = frame.message else { panic!("{frame:?}") };
    let (of, seat) = world.tokens.verify_resume_token(&token).unwrap();
    assert_eq!((of, frame.room, seat.peer, seat.attachment.0), (room(1), Some(room(1)), peer(1), 1));
}

#[tokio::test]
async fn a_socket_that_ends_while_joining_leaves_no_ghost() {
    let world = World::new().await;
    let (mut client, ticket) = world.guest(room(1), peer(1)).await;
    world.script(|request| match &request.command {
        RoomCommand::Join { .. } => Play::Hold,
        _ => Play::Default,
    });
    client.say(1, None, json!({ "type": "join", "ticket": ticket })).await;
    world.until("the owner is asked", |world| world.held() == 1).await;
    drop(client);
    world.until("the socket is gone", |world| world.deps.metrics.sockets() == 0).await;
    world.release(world.rooms.lock().entry(room(1)).or_default().attach(room(1), peer(1), None, Role::Guest, 0));
    world.until("the seat is given back", |world| world.commands().last().is_some_and(|last| last == "detach")).await;
}

fn stored(world: &World, count: u64, text: &str) {
    let row = |n| MessageRow { epoch: Epoch(1), message: message(n, text) };
    let rows = (1..=count).map(|n| ((Seq(n), Epoch(1)), row(n))).collect();
    world.store.rows.lock().messages.insert(room(1), rows);
}

async fn page(client: &mut Client, asked: serde_json::Value) -> HistoryPage {
    client.say(9, room(1), asked).await;
    match client.answer(9).await {
        ServerMessage::History(page) => page,
        other => panic!("{other:?}"),
    }
}

fn numbers(page: &HistoryPage) -> (u64, u64, bool) {
    (page.messages.first().map_or(0, |m| m.seq.0), page.messages.last().map_or(0, |m| m.seq.0), page.more)
}

#[tokio::test]
async fn history_comes_in_pages_both_ways() {
    let world = World::new().await;
    let mut client = world.joined(room(1), peer(1)).await;
    assert_eq!(numbers(&page(&mut client, json!({ "type": "history" })).await), (0, 0, false));
    stored(&world, 120, "hello");
    for (asked, expected) in [
        (json!({ "type": "history" }), (71, 120, true)),
        (json!({ "type": "history", "before": 71 }), (21, 70, true)),
        (json!({ "type": "history", "before": 21 }), (1, 20, false)),
        (json!({ "type": "history", "before": 1 }), (0, 0, false)),
        (json!({ "type": "history", "after": 0, "limit": 10 }), (1, 10, true)),
        (json!({ "type": "history", "after": 70 }), (71, 120, false)),
        (json!({ "type": "history", "after": 120 }), (0, 0, false)),
    ] {
        assert_eq!(numbers(&page(&mut client, asked.clone()).await), expected, "{asked}");
    }
    world.store.script.lock().down = true;
    client.say(9, room(1), json!({ "type": "history" })).await;
    assert_eq!(client.refused(9).await, "store_unavailable");
}

#[tokio::test]
async fn pages_too_large_for_a_frame_are_cut_and_nothing_is_skipped() {
    let world = World::new().await;
    let mut client = world.joined(room(1), peer(1)).await;
    // The worst text: every character takes six bytes in JSON.
    stored(&world, 50, &"\u{1}".repeat(4_000));
    let (mut before, mut seen, mut pages) = (None, Vec::new(), 0);
    loop {
        let asked = before.map_or(json!({ "type": "history" }), |seq: u64| json!({ "type": "history", "before": seq }));
        client.say(9, room(1), asked).await;
        let text = client.next_text().await;
        assert!(text.len() <= 256 * 1024, "{}", text.len());
        let frame: rookery_schemas::signal::ServerFrame = serde_json::from_str(&text).unwrap();
        let ServerMessage::History(page) = frame.message else { panic!("{text:.200}") };
        seen.splice(0..0, page.messages.iter().map(|message| message.seq.0));
        before = page.messages.first().map(|message| message.seq.0);
        pages += 1;
        if !page.more {
            break;
        }
    }
    assert_eq!(seen, (1..=50).collect::<Vec<_>>());
    assert!((5..=8).contains(&pages), "{pages}");
    let newer = page(&mut client, json!({ "type": "history", "after": 0 })).await;
    assert_eq!((numbers(&newer).0, newer.more), (1, true));
}

#[tokio::test]
async fn members_read_without_joining_and_their_place_is_kept() {
    let world = World::new().await;
    stored(&world, 20, "hello");
    let row =
        MemberRow { room: room(1), user: user(1), role: Role::Member, joined_at: UnixMillis(0), read_seq: Seq(5) };
    world.store.rows.lock().members.insert((room(1), user(1)), row);
    let mut member = world.member(user(1)).await;
    member.say(9, room(1), json!({ "type": "history" })).await;
    assert_eq!(member.refused(9).await, "room_not_found", "a room that is gone has no history");
    let ticket = world.ticket(room(1), peer(1), Some(user(1)), Role::Member);
    member.join(&ticket).await;
    assert_eq!(numbers(&page(&mut member, json!({ "type": "history" })).await), (1, 20, false));
    for (read, kept) in [(9, 9), (7, 9), (1_000, 20)] {
        member.say(9, room(1), json!({ "type": "chat_read", "seq": read })).await;
        assert_eq!(member.answer(9).await, ServerMessage::Ok);
        assert_eq!(world.store.rows.lock().members[&(room(1), user(1))].read_seq, Seq(kept), "read {read}");
    }
}

#[tokio::test]
async fn lost_seats_and_lost_personal_messages_make_the_client_attach_again() {
    let world = World::new().await;
    for (n, lose) in [(1, "seat"), (2, "messages")] {
        let mut client = world.joined(room(n), peer(1)).await;
        let reason = if lose == "seat" {
            world.peer_script(|_| Play::Reply(Err(Refusal::new(ErrorCode::NotJoined))));
            client.say(2, room(n), json!({ "type": "slots", "pairs": 2 })).await;
            assert_eq!(client.refused(2).await, "not_joined");
            "seat_lost"
        } else {
            let body = Bytes::from_static(br#"{"message":{"type":"slot_idle","slot":0,"kind":"video"}}"#);
            let frame = EventFrame { epoch: Epoch(0), n: EventNumber(0), body };
            world.bus.deliver(&personal_subject(room(n), peer(1), Attachment(1)), frame.encode(), 2);
            "messages_missed"
        };
        assert_eq!(client.next().await.message, ServerMessage::Reattach { reason: reason.into() });
    }
}

#[tokio::test]
async fn an_owner_that_says_superseded_ends_the_link() {
    let world = World::new().await;
    let mut client = world.joined(room(1), peer(1)).await;
    world.script(|_| Play::Reply(Err(Refusal::new(ErrorCode::Superseded))));
    client.say(2, room(1), json!({ "type": "close_room" })).await;
    assert_eq!(client.refused(2).await, "superseded");
    client.say(3, room(1), json!({ "type": "close_room" })).await;
    assert_eq!(client.refused(3).await, "not_joined");
}

#[tokio::test]
async fn a_join_that_is_not_answered_leaves_no_ghost() {
    let config = WsConfig { request_timeout: Duration::from_millis(100), ..WsConfig::default() };
    let world = World::with(config, GatewayConfig::default()).await;
    let (mut client, ticket) = world.guest(room(1), peer(1)).await;
    world.script(|request| match request.command {
        RoomCommand::Join { .. } => Play::Silence,
        _ => Play::Default,
    });
    client.say(1, None, json!({ "type": "join", "ticket": ticket })).await;
    assert_eq!(client.refused(1).await, "timeout");
    world.until("the owner is told", |world| world.commands() == ["join", "detach"]).await;
    client.say(2, room(1), json!({ "type": "slots", "pairs": 2 })).await;
    assert_eq!(client.refused(2).await, "not_joined");
}

#[tokio::test]
async fn a_room_that_could_not_be_left_is_left_when_the_socket_ends() {
    let config = WsConfig { request_timeout: Duration::from_millis(100), ..WsConfig::default() };
    let world = World::with(config, GatewayConfig::default()).await;
    let mut client = world.joined(room(1), peer(1)).await;
    world.script(|_| Play::Silence);
    client.say(2, room(1), json!({ "type": "leave" })).await;
    assert_eq!(client.refused(2).await, "timeout");
    world.script(|_| Play::Default);
    drop(client);
    world.until("it is left", |world| world.commands() == ["join", "leave", "leave"]).await;
}
