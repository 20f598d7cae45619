//! Who gets a WebSocket: our own pages and other programs, with a ticket that was not used before, or to resume.

use std::sync::atomic::Ordering;
use std::time::Duration;

use crate::client::dial;
use crate::world::{World, device, peer, room, user};
use rookery_gateway::config::GatewayConfig;
use rookery_gateway::ws::WsConfig;
use rookery_schemas::error::ErrorCode;
use rookery_schemas::signal::Role;
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

#[tokio::test]
async fn pages_of_other_origins_are_refused() {
    let gateway = GatewayConfig { allowed_origins: vec!["https://app.example".into()], ..GatewayConfig::default() };
    let world = World::with(WsConfig::default(), gateway).await;
    let own = format!("http://{}", world.at);
    for (origin, with_ticket, expected) in [
        (Some(own.as_str()), true, None),
        (Some(own.as_str()), false, None),
        (Some("https://app.example"), true, None),
        (Some("http://evil.example"), true, Some(403)),
        (Some("null"), true, Some(403)),
        (Some("null"), false, Some(403)),
        (None, true, None),
        (None, false, Some(403)),
    ] {
        let ticket = world.ws_ticket(user(1), device(user(1)));
        let query = if with_ticket { format!("?ticket={ticket}") } else { String::new() };
        let headers: Vec<_> = origin.map(|origin| ("origin", origin)).into_iter().collect();
        let status = dial(world.at, &query, &headers).await.err();
        assert_eq!(status, expected, "{origin:?}, ticket: {with_ticket}");
    }
    let ticket = world.ws_ticket(user(1), device(user(1)));
    let hidden = dial(world.at, &format!("?ticket={ticket}"), &[("sec-fetch-mode", "websocket")]).await;
    assert_eq!(hidden.err(), Some(403), "a browser that hides its origin");
}

#[tokio::test]
async fn tickets_are_used_once_and_in_time() {
    let world = World::new().await;
    let ticket = world.ws_ticket(user(1), device(user(1)));
    let mut first = world.open(&ticket).await;
    let mut second = world.open(&ticket).await;
    assert_eq!(second.refused(None).await, "ticket_invalid");
    assert_eq!(second.closed().await, (4001, "ticket_invalid".into()));
    first.settled().await;
    assert_eq!(world.bus.keys("ws-tickets"), 1);

    let member = world.ticket(room(1), peer(1), Some(user(1)), Role::Member);
    let (access, late) = {
        let late = world.ws_ticket(user(1), device(user(1)));
        ("not.a.ticket".to_owned(), late)
    };
    for ticket in [member.as_str(), access.as_str(), "", "%00", "..%2F..%2F"] {
        assert_eq!(world.open(ticket).await.closed().await, (4001, "ticket_invalid".into()), "{ticket}");
    }
    world.time.advance(Duration::from_secs(40));
    assert_eq!(world.open(&late).await.closed().await, (4001, "ticket_expired".into()));
    first.settled().await;
}

#[tokio::test]
async fn a_guest_opens_with_the_ticket_that_it_joins_with() {
    let world = World::new().await;
    let (mut guest, ticket) = world.guest(room(1), peer(1)).await;
    let joined = guest.join(&ticket).await;
    assert_eq!((joined.peer, joined.role), (peer(1), Role::Guest));
    assert_eq!(world.open(&ticket).await.closed().await, (4001, "ticket_invalid".into()));
}

#[tokio::test]
async fn without_a_ticket_resume_comes_first_and_soon() {
    let config = WsConfig { opening_max: Duration::from_millis(200), ..WsConfig::default() };
    let world = World::with(config, GatewayConfig::default()).await;
    let mut idle = world.open_to_resume().await;
    assert_eq!(idle.closed().await, (4001, "unauthorized".into()));

    let mut pinging = world.open_to_resume().await;
    pinging.settled().await;
    assert_eq!(pinging.closed().await, (4001, "unauthorized".into()), "pings buy no time");

    let mut joining = world.open_to_resume().await;
    let ticket = world.ticket(room(1), peer(1), None, Role::Guest);
    joining.say(1, None, json!({ "type": "join", "ticket": ticket })).await;
    assert_eq!(joining.refused(1).await, "unauthorized");
    assert_eq!(joining.closed().await, (4001, "unauthorized".into()));

    let mut forging = world.open_to_resume().await;
    forging.say(1, None, json!({ "type": "resume", "token": "x" })).await;
    assert_eq!(forging.refused(1).await, "resume_refused");
    assert_eq!(forging.closed().await, (4009, "resume_refused".into()));
    assert_eq!(world.asked.lock().len(), 0, "no owner was asked");
}

#[tokio::test]
async fn a_resumed_socket_lives_on_and_knows_its_own_rooms_only() {
    let config = WsConfig { opening_max: Duration::from_millis(300), ..WsConfig::default() };
    let world = World::with(config, GatewayConfig::default()).await;
    let mut first = world.member(user(1)).await;
    let ticket = world.ticket(room(1), peer(1), Some(user(1)), Role::Member);
    let token = first.join(&ticket).await.resume_token;
    drop(first);
    let mut second = world.open_to_resume().await;
    second.say(1, None, json!({ "type": "resume", "token": token })).await;
    assert_eq!(second.joined(1).await.attachment.0, 2);
    second.say(2, room(2), json!({ "type": "history" })).await;
    assert_eq!(second.refused(2).await, "not_joined", "a resume token is no session");
    tokio::time::sleep(Duration::from_millis(400)).await;
    second.settled().await;
}

#[tokio::test]
async fn sockets_are_counted_and_given_back() {
    let config = WsConfig { sockets_per_user_max: 2, sockets_max: 3, ..WsConfig::default() };
    let world = World::with(config, GatewayConfig::default()).await;
    let mut mine = vec![world.member(user(1)).await, world.member(user(1)).await];
    let mut third = world.member(user(1)).await;
    assert_eq!(third.refused(None).await, "too_many");
    assert_eq!(third.closed().await, (4006, "too_many".into()));
    drop(third);
    world.until("the third is gone", |world| world.deps.sockets.count() == 2).await;
    mine.push(world.member(user(2)).await);
    let ticket = world.ws_ticket(user(3), device(user(3)));
    let full = dial(world.at, &format!("?ticket={ticket}"), &[]).await;
    assert_eq!(full.err(), Some(ErrorCode::Overloaded.http_status()));
    for client in &mut mine {
        client.settled().await;
    }
    drop(mine);
    world.until("all are gone", |world| world.deps.sockets.count() == 0 && world.deps.metrics.sockets() == 0).await;
}

#[tokio::test]
async fn stopping_ends_sockets_with_a_reason() {
    let world = World::new().await;
    let mut client = world.member(user(2)).await;
    client.settled().await;
    world.deps.stop.cancel();
    assert_eq!(client.closed().await, (1001, String::new()));
}

#[tokio::test]
async fn what_is_no_handshake_gets_an_answer() {
    let world = &World::new().await;
    let ticket = world.ws_ticket(user(1), device(user(1)));
    let get = |query: String| async move {
        let mut stream = tokio::net::TcpStream::connect(world.at).await.unwrap();
        let request = format!("GET /ws{query} HTTP/1.1\r\nhost: {}\r\nconnection: close\r\n\r\n", world.at);
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        answer.split(' ').nth(1).unwrap().parse::<u16>().unwrap()
    };
    assert_eq!(get(format!("?ticket={ticket}")).await, 400);
    assert_eq!(get(String::new()).await, 403);
    assert_eq!(get("?ticket=a&ticket=b".into()).await, 400);
}

#[tokio::test]
async fn without_its_bus_a_gateway_lets_nobody_in_and_keeps_who_is() {
    let world = World::new().await;
    let (mut inside, ticket) = world.guest(room(1), peer(1)).await;
    world.bus.down.store(true, Ordering::SeqCst);
    let late = world.ws_ticket(user(1), device(user(1)));
    assert_eq!(world.open(&late).await.closed().await, (4007, "overloaded".into()));
    inside.say(1, None, json!({ "type": "join", "ticket": ticket })).await;
    assert_eq!(inside.refused(1).await, "owner_unavailable");
    world.bus.down.store(false, Ordering::SeqCst);
    inside.join(&ticket).await;
    world.open(&late).await.settled().await;
}

#[tokio::test]
async fn what_happens_is_counted_by_phase_and_code() {
    let world = World::new().await;
    let mut client = world.joined(room(1), peer(1)).await;
    client.say(2, None, json!({ "type": "join", "ticket": "x" })).await;
    client.refused(2).await;
    let nonce = "0190b0f0-0000-7000-8000-000000000002";
    client.say(3, room(1), json!({ "type": "chat_send", "nonce": nonce, "text": "hi" })).await;
    client.answer(3).await;
    world.open("x").await.closed().await;
    for line in [
        "rookery_joins_total{code=\"ok\",phase=\"socket\"} 1",
        "rookery_joins_total{code=\"ticket_invalid\",phase=\"socket\"} 1",
        "rookery_joins_total{code=\"ok\",phase=\"present\"} 1",
        "rookery_joins_total{code=\"ticket_invalid\",phase=\"present\"} 1",
        "rookery_joins_total{code=\"ok\",phase=\"seat\"} 1",
        "rookery_errors_total{code=\"ticket_invalid\",interface=\"ws\"} 2",
        "rookery_ws_sockets 1",
        "rookery_ws_seats 1",
        "rookery_ws_messages_in_total 3",
        "rookery_ws_messages_out_total 3",
        "rookery_chat_ack_seconds_count 1",
    ] {
        assert!(world.counted().lines().any(|counted| counted == line), "{line} in {}", world.counted());
    }
    world.deps.stop.cancel();
    client.closed().await;
    drop(client);
    let cut = "rookery_ws_cuts_total{code=\"going_away\"} 1";
    world.until("the end is counted", |world| world.counted().contains(cut)).await;
    world.until("nothing is left", |world| world.counted().contains("rookery_ws_seats 0")).await;
}
