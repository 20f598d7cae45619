//! What one of two says to the other goes to the owner under the sender's own name, and comes to the one attachment that it
//! is for; whether a client may be connected directly is the client's and the operator's to say.

use crate::world::{Play, World, peer, room};
use rookery_gateway::config::GatewayConfig;
use rookery_gateway::ws::WsConfig;
use rookery_schemas::bus::RoomCommand;
use rookery_schemas::error::ErrorCode;
use rookery_schemas::ids::{Attachment, LinkNumber};
use rookery_schemas::signal::{Allowed, DirectPayload, DirectSend, MediaPath, Role, RoomInfo, ServerMessage};
use serde_json::json;

#[tokio::test]
async fn what_is_said_names_its_sender_and_is_heard_by_one() {
    let world = World::new().await;
    let mut ada = world.joined(room(1), peer(1)).await;
    let mut ben = world.joined(room(1), peer(2)).await;
    let payload = json!({ "type": "candidate", "candidate": "candidate:1 1 udp 1 192.0.2.7 5 typ host", "mid": "0" });
    // A sender of its own choosing is not even read.
    let message = json!({ "type": "direct", "to": peer(2), "link": 3, "from": peer(9), "payload": payload });
    ada.say(1, room(1), message).await;
    assert_eq!(ada.answer(1).await, ServerMessage::Ok);
    ada.say(2, room(1), json!({ "type": "direct_failed", "link": 3 })).await;
    assert_eq!(ada.answer(2).await, ServerMessage::Ok);
    let asked: Vec<RoomCommand> = world.asked.lock().iter().map(|request| request.command.clone()).collect();
    let [.., RoomCommand::Direct { peer: by, attachment, message }, RoomCommand::DirectFailed { peer: who, link, .. }] =
        asked.as_slice()
    else {
        panic!("{asked:?}")
    };
    assert_eq!((*by, *attachment, *who, *link), (peer(1), Attachment(1), peer(1), LinkNumber(3)));
    let DirectSend { to, link, payload } = message;
    assert_eq!((*to, *link), (peer(2), LinkNumber(3)));
    assert!(matches!(payload, DirectPayload::Candidate { mid: Some(mid), .. } if mid == "0"));

    let said = ServerMessage::Direct { from: peer(1), link: LinkNumber(3), payload: payload.clone() };
    world.personal(room(1), peer(2), 1, said.clone());
    assert_eq!(ben.next().await.message, said);
    let event = world.event(room(1), ServerMessage::PathChanged { path: MediaPath::Sfu });
    assert_eq!(ben.next_text().await, event);
    assert_eq!(ada.next_text().await, event, "and nothing before it");
}

/// A client that comes back says which link it still has; where there are to be none, it has none.
#[tokio::test]
async fn the_link_that_a_client_still_has_is_told_to_the_owner() {
    for (allowed, passed) in [(true, Some(LinkNumber(7))), (false, None)] {
        let config = WsConfig { direct: allowed, ..WsConfig::default() };
        let world = World::with(config, GatewayConfig::default()).await;
        let ticket = world.ticket(room(1), peer(1), None, Role::Guest);
        let mut client = world.open(&ticket).await;
        client.say(1, None, json!({ "type": "join", "ticket": ticket, "direct": true })).await;
        let token = client.joined(1).await.resume_token;
        client.say(2, None, json!({ "type": "resume", "token": token, "direct": true, "link": 7 })).await;
        client.joined(2).await;
        let said = world.asked.lock().iter().find_map(|request| match &request.command {
            RoomCommand::Resume { link, .. } => Some(*link),
            _ => None,
        });
        assert_eq!(said, Some(passed));
    }
}

/// Credentials run out; whoever is inside gets fresh ones from its gateway, and nobody else does.
#[tokio::test]
async fn who_is_inside_gets_fresh_credentials_when_it_asks() {
    let world = World::new().await;
    let mut ada = world.joined(room(1), peer(1)).await;
    let before = world.asked.lock().len();
    ada.say(1, room(1), json!({ "type": "ice_servers" })).await;
    let ServerMessage::IceServers { ice_servers } = ada.answer(1).await else { panic!("the servers") };
    assert_eq!(ice_servers[0].urls, ["stun:192.0.2.1"]);
    assert_eq!(world.asked.lock().len(), before, "the gateway knows by itself");
    ada.say(2, room(2), json!({ "type": "ice_servers" })).await;
    assert_eq!(ada.refused(2).await, "not_joined");
}

/// What is not allowed any more is an event like any other, and so is the refusal that follows from it.
#[tokio::test]
async fn what_is_allowed_is_told_as_an_event_and_refusals_keep_their_code() {
    let world = World::new().await;
    let mut ada = world.joined(room(1), peer(1)).await;
    let joined = world.rooms.lock()[&room(1)].snapshot(room(1)).room;
    let allowed = Allowed { camera: false, ..joined.allowed };
    let event = world.event(room(1), ServerMessage::RoomUpdated { room: RoomInfo { allowed, ..joined } });
    assert_eq!(ada.next_text().await, event);
    world.peer_script(|_| Play::Reply(Err(ErrorCode::NotAllowed.into())));
    ada.say(1, room(1), json!({ "type": "publish", "mid": "0", "kind": "video", "source": "camera" })).await;
    assert_eq!(ada.refused(1).await, "not_allowed");
}

#[tokio::test]
async fn only_who_asks_for_it_is_connected_directly_and_only_where_it_is_allowed() {
    for (allowed, asked, passed) in [(true, true, true), (true, false, false), (false, true, false)] {
        let config = WsConfig { direct: allowed, ..WsConfig::default() };
        let world = World::with(config, GatewayConfig::default()).await;
        let ticket = world.ticket(room(1), peer(1), None, Role::Guest);
        let mut client = world.open(&ticket).await;
        client.say(1, None, json!({ "type": "join", "ticket": ticket, "direct": asked })).await;
        let token = client.joined(1).await.resume_token;
        client.say(2, None, json!({ "type": "resume", "token": token, "direct": asked })).await;
        client.joined(2).await;
        let direct = |command: &RoomCommand| match command {
            RoomCommand::Join { direct, .. } | RoomCommand::Resume { direct, .. } => Some(*direct),
            _ => None,
        };
        let said: Vec<bool> = world.asked.lock().iter().filter_map(|request| direct(&request.command)).collect();
        assert_eq!(said, [passed, passed], "{allowed} {asked}");
    }
}
