//! Every message, missing a field, of a wrong type, too large, for a foreign room, not allowed or before joining, gets its
//! stable code, closes nothing and loses nothing.

use crate::world::{Play, World, peer, room, user};
use rookery_gateway::config::GatewayConfig;
use rookery_gateway::ws::WsConfig;
use rookery_schemas::bus::{RoomCommand, RoomReply};
use rookery_schemas::error::{ErrorCode, Refusal};
use rookery_schemas::signal::{ClientMessage, Role, ServerMessage};
use serde_json::{Value, json};

const NONCE: &str = "0190b0f0-0000-7000-8000-000000000002";
const TRACK: &str = "0190b0f0-0000-7000-8000-000000000003";

/// A well-formed example of every message that names a room.
fn good() -> Vec<Value> {
    vec![
        json!({ "type": "offer", "sdp": "v=0" }),
        json!({ "type": "answer", "negotiation": 1, "sdp": "v=0" }),
        json!({ "type": "candidate", "connection": "publish", "candidate": "" }),
        json!({ "type": "publish", "mid": "0", "kind": "video", "source": "camera" }),
        json!({ "type": "unpublish", "track": TRACK }),
        json!({ "type": "subscribe", "track": TRACK, "slot": 0 }),
        json!({ "type": "unsubscribe", "slot": 0, "kind": "video" }),
        json!({ "type": "slots", "pairs": 2 }),
        json!({ "type": "restart_ice" }),
        json!({ "type": "mute", "track": TRACK, "muted": true }),
        json!({ "type": "direct", "to": peer(2), "link": 1, "payload": { "type": "candidate", "candidate": "" } }),
        json!({ "type": "direct_failed", "link": 1 }),
        json!({ "type": "chat_send", "nonce": NONCE, "text": "hi" }),
        json!({ "type": "kick", "peer": peer(2) }),
        json!({ "type": "close_room" }),
        json!({ "type": "leave" }),
    ]
}

/// Served by the gateway itself or from the store: their own rules of who may.
fn stored() -> Vec<Value> {
    vec![json!({ "type": "history" }), json!({ "type": "chat_read", "seq": 1 })]
}

async fn world() -> World {
    let config = WsConfig { malformed_in_a_row_max: 1_000, ..WsConfig::default() };
    World::with(config, GatewayConfig::default()).await
}

#[tokio::test]
async fn missing_and_wrong_typed_fields_are_malformed() {
    let world = world().await;
    let mut client = world.joined(room(1), peer(1)).await;
    let mut all = good();
    all.extend(stored());
    all.push(json!({ "type": "join", "ticket": "x" }));
    all.push(json!({ "type": "resume", "token": "x" }));
    let mut tried = 0;
    for message in all {
        let optional = ["type", "candidate.mid", "history.before", "publish.muted"];
        let fields: Vec<String> = message.as_object().unwrap().keys().cloned().collect();
        for field in fields.iter().filter(|field| !optional.contains(&field.as_str())) {
            let mut missing = message.clone();
            missing.as_object_mut().unwrap().remove(field);
            let mut wrong = message.clone();
            wrong[field] = json!({ "nested": [true] });
            for broken in [missing, wrong] {
                tried += 1;
                client.say(tried, room(1), broken.clone()).await;
                assert_eq!(client.refused(tried).await, "malformed", "{broken}");
            }
        }
    }
    assert!(tried > 30, "{tried}");
    for (text, re) in [
        ("", None),
        ("null", None),
        ("{", None),
        ("{\"id\":5}", Some(5)),
        ("{\"id\":5,\"message\":{}}", Some(5)),
        ("{\"id\":5,\"message\":{\"type\":\"from_the_future\"}}", Some(5)),
        ("{\"id\":5,\"message\":\"leave\"}", Some(5)),
        ("{\"id\":5,\"room\":\"*\",\"message\":{\"type\":\"leave\"}}", Some(5)),
        ("{\"id\":5,\"room\":\">\",\"message\":{\"type\":\"leave\"}}", Some(5)),
        ("{\"id\":5,\"v\":\"1\",\"message\":{\"type\":\"ping\"}}", Some(5)),
    ] {
        client.text(text).await;
        assert_eq!(client.refused(re).await, "malformed", "{text}");
    }
    client.text("[".repeat(10_000)).await;
    assert_eq!(client.refused(None).await, "malformed", "deeply nested");
    nothing_was_lost(&world, &mut client).await;
}

/// The room still works over the same socket, and nothing reached it but what should.
async fn nothing_was_lost(world: &World, client: &mut crate::client::Client) {
    let sent = world.event(room(1), ServerMessage::TrackUnpublished { track: TRACK.parse().unwrap() });
    assert_eq!(client.next_text().await, sent);
    client.say(1_000, room(1), json!({ "type": "chat_send", "nonce": NONCE, "text": "still here" })).await;
    assert!(matches!(client.answer(1_000).await, ServerMessage::ChatAck(_)));
    assert_eq!(world.deps.sockets.count(), 1);
}

#[tokio::test]
async fn sizes_rooms_and_versions_have_their_codes() {
    let world = world().await;
    let mut client = world.joined(room(1), peer(1)).await;
    let long = |n: usize| "x".repeat(n);
    let direct = |payload: Value| json!({ "type": "direct", "to": peer(2), "link": 1, "payload": payload });
    let ours = Some(room(1));
    for (of, message, code) in [
        (ours, json!({ "type": "chat_send", "nonce": NONCE, "text": long(4_001) }), "invalid"),
        (ours, json!({ "type": "chat_send", "nonce": NONCE, "text": "" }), "invalid"),
        (ours, json!({ "type": "chat_send", "nonce": NONCE, "text": long(70_000) }), "too_large"),
        (ours, json!({ "type": "offer", "sdp": long(65_536) }), "too_large"),
        (ours, json!({ "type": "offer", "sdp": "a\n".repeat(10_001) }), "sdp_refused"),
        (ours, json!({ "type": "offer", "sdp": "" }), "sdp_refused"),
        (ours, json!({ "type": "answer", "negotiation": 1, "sdp": "a\n".repeat(10_001) }), "sdp_refused"),
        (ours, json!({ "type": "candidate", "connection": "publish", "candidate": long(2_000) }), "invalid"),
        (ours, direct(json!({ "type": "candidate", "candidate": long(2_000) })), "invalid"),
        (ours, direct(json!({ "type": "candidate", "candidate": "", "mid": long(17) })), "invalid"),
        (ours, direct(json!({ "type": "description", "kind": "offer", "sdp": "a\n".repeat(10_001) })), "sdp_refused"),
        (ours, direct(json!({ "type": "description", "kind": "answer", "sdp": "" })), "sdp_refused"),
        (ours, direct(json!({ "type": "description", "kind": "offer", "sdp": long(65_536) })), "too_large"),
        (ours, direct(json!({ "type": "description", "kind": "rollback", "sdp": "v=0" })), "malformed"),
        (ours, json!({ "type": "publish", "mid": long(17), "kind": "video", "source": "camera" }), "invalid"),
        (ours, json!({ "type": "slots", "pairs": 65 }), "too_many"),
        (ours, json!({ "type": "slots", "pairs": 70_000 }), "malformed"),
        (ours, json!({ "type": "history", "limit": 51 }), "invalid"),
        (ours, json!({ "type": "history", "before": 1, "after": 1 }), "invalid"),
        (None, json!({ "type": "leave" }), "invalid"),
        (None, json!({ "type": "chat_send", "nonce": NONCE, "text": "hi" }), "invalid"),
        (None, json!({ "type": "history" }), "invalid"),
        (ours, json!({ "type": "join", "ticket": "x" }), "ticket_invalid"),
        (ours, json!({ "type": "join", "ticket": long(60_000) }), "ticket_invalid"),
        (ours, json!({ "type": "resume", "token": "x" }), "resume_refused"),
    ] {
        client.say(7, of, message.clone()).await;
        let shown = message.to_string();
        assert_eq!(client.refused(7).await, code, "{}", &shown[..shown.len().min(90)]);
    }
    client.text(json!({ "v": 2, "id": 7, "message": { "type": "ping" } }).to_string()).await;
    assert_eq!(client.refused(7).await, "invalid");
    nothing_was_lost(&world, &mut client).await;
}

#[tokio::test]
async fn foreign_rooms_are_not_joined_and_not_asked() {
    let world = world().await;
    let mut client = world.joined(room(1), peer(1)).await;
    world.until("the join is on record", |world| world.asked.lock().len() == 1).await;
    for message in good() {
        client.say(7, room(2), message.clone()).await;
        assert_eq!(client.refused(7).await, "not_joined", "{message}");
    }
    for message in stored() {
        client.say(7, room(2), message.clone()).await;
        assert_eq!(client.refused(7).await, "not_joined", "a guest reads its own rooms only: {message}");
    }
    client.say(7, room(1), json!({ "type": "chat_read", "seq": 1 })).await;
    assert_eq!(client.refused(7).await, "members_only", "guests have no read markers");
    let mut member = world.member(user(5)).await;
    for message in stored() {
        member.say(7, room(2), message.clone()).await;
        assert_eq!(member.refused(7).await, "members_only", "{message}");
    }
    drop(member);
    world.until("one socket is left", |world| world.deps.sockets.count() == 1).await;
    assert_eq!((world.asked.lock().len(), world.media.lock().len()), (1, 0), "only the join went out");
    nothing_was_lost(&world, &mut client).await;
}

#[tokio::test]
async fn tickets_and_tokens_of_others_are_refused() {
    let world = world().await;
    let mut member = world.member(user(1)).await;
    let mut guest = world.joined(room(1), peer(1)).await;
    let theirs = world.ticket(room(1), peer(3), Some(user(2)), Role::Host);
    let mine = world.ticket(room(1), peer(2), Some(user(1)), Role::Member);
    let guests = world.ticket(room(2), peer(4), None, Role::Guest);
    for (of_member, ticket, named) in
        [(true, &theirs, None), (true, &guests, None), (true, &mine, Some(room(2))), (false, &mine, None)]
    {
        let client = if of_member { &mut member } else { &mut guest };
        client.say(3, named, json!({ "type": "join", "ticket": ticket })).await;
        assert_eq!(client.refused(3).await, "ticket_invalid");
    }
    let token = member.join(&mine).await.resume_token;
    guest.say(4, None, json!({ "type": "resume", "token": token })).await;
    assert_eq!(guest.refused(4).await, "resume_refused", "another's seat");
    member.say(4, room(2), json!({ "type": "resume", "token": token })).await;
    assert_eq!(member.refused(4).await, "resume_refused", "another room");
    let again = world.ticket(room(1), peer(9), Some(user(1)), Role::Member);
    member.say(5, None, json!({ "type": "join", "ticket": again })).await;
    assert_eq!(member.refused(5).await, "already_joined");
    member.say(6, None, json!({ "type": "join", "ticket": token })).await;
    assert_eq!(member.refused(6).await, "ticket_invalid", "a token is no ticket");
    guest.settled().await;
    member.settled().await;
}

#[tokio::test]
async fn what_owners_and_media_nodes_refuse_reaches_the_client_as_it_is() {
    let world = world().await;
    let mut client = world.joined(room(1), peer(1)).await;
    world.script(|request| match request.command {
        RoomCommand::Join { .. } => Play::Default,
        _ => Play::Reply(Err(Refusal::new(ErrorCode::Forbidden))),
    });
    world.peer_script(|request| match request.message {
        ClientMessage::Subscribe(_) => Play::Reply(Err(Refusal::new(ErrorCode::TrackNotFound))),
        ClientMessage::Publish(_) => Play::Reply(Err(Refusal::new(ErrorCode::KindRefusesMedia))),
        _ => Play::Reply(Err(Refusal::because(ErrorCode::NegotiationStale, "Offer 3 is pending."))),
    });
    for message in good().into_iter().filter(|message| message["type"] != "leave") {
        let code = match message["type"].as_str().unwrap() {
            "direct" | "direct_failed" | "kick" | "close_room" | "chat_send" => "forbidden",
            "subscribe" => "track_not_found",
            "publish" => "kind_refuses_media",
            _ => "negotiation_stale",
        };
        client.say(7, room(1), message.clone()).await;
        assert_eq!(client.refused(7).await, code, "{message}");
    }
    world.script(|_| Play::Default);
    world.peer_script(|_| Play::Default);
    nothing_was_lost(&world, &mut client).await;
}

#[tokio::test]
async fn what_is_taken_goes_to_who_serves_it_and_is_answered_once() {
    let world = world().await;
    let mut client = world.joined(room(1), peer(1)).await;
    world.script(|request| match request.command {
        RoomCommand::Kick { .. } => Play::Reply(Ok(RoomReply::Done)),
        _ => Play::Default,
    });
    for message in good() {
        client.say(7, room(1), message.clone()).await;
        let expected = match message["type"].as_str().unwrap() {
            "offer" => "answer",
            "chat_send" => "chat_ack",
            _ => "ok",
        };
        let answer = serde_json::to_value(client.answer(7).await).unwrap();
        assert_eq!(answer["type"], expected, "{message}");
    }
    client.say(7, room(1), json!({ "type": "slots", "pairs": 2 })).await;
    assert_eq!(client.refused(7).await, "not_joined", "the room was left");
    world.until("all has arrived", |world| world.commands().len() == 7 && world.media.lock().len() == 10).await;
    assert_eq!(world.commands(), ["join", "direct", "direct_failed", "chat", "kick", "close", "leave"]);
    let media = world.media.lock();
    let names: Vec<_> = media
        .iter()
        .map(|request| serde_json::to_value(&request.message).unwrap()["type"].as_str().unwrap().to_owned())
        .collect();
    let expected: Vec<_> = good()[..10].iter().map(|message| message["type"].as_str().unwrap().to_owned()).collect();
    assert_eq!(names, expected);
    assert!(media.iter().all(|request| (request.peer, request.attachment.0) == (peer(1), 1)));
}
