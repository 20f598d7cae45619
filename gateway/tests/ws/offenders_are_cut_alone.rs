//! Floods, slow readers, oversized, unfinished and malformed frames cost who sends them their socket, and nobody else anything.

use std::num::NonZeroU32;
use std::time::Duration;

use crate::client::Client;
use crate::world::{World, peer, room};
use futures_util::{SinkExt, StreamExt};
use rookery_gateway::config::GatewayConfig;
use rookery_gateway::ws::WsConfig;
use rookery_schemas::ids::{Nonce, Seq, UnixMillis};
use rookery_schemas::signal::{ChatMessage, ServerMessage};
use serde_json::json;
use tokio::io::AsyncWriteExt;
use tokio_tungstenite::tungstenite::Message;
use uuid::Uuid;

fn big(n: u64) -> ServerMessage {
    ServerMessage::Chat {
        message: ChatMessage {
            seq: Seq(n),
            nonce: Nonce(Uuid::from_u128(u128::from(n))),
            peer: peer(1),
            user: None,
            display_name: "Ada".into(),
            text: "x".repeat(4_000),
            at: UnixMillis(1),
        },
    }
}

async fn with(config: WsConfig) -> World {
    World::with(config, GatewayConfig::default()).await
}

#[tokio::test]
async fn a_slow_reader_is_cut_and_the_others_miss_nothing() {
    let world = with(WsConfig { close_grace: Duration::from_secs(15), ..WsConfig::default() }).await;
    let mut slow = world.joined(room(1), peer(1)).await;
    let mut quick = world.joined(room(1), peer(2)).await;
    // 40 MB: more than the buffers of any connection hold.
    let mut sent = 0;
    while world.deps.metrics.seats() == 2 && sent < 10_000 {
        sent += 1;
        let body = world.event(room(1), big(sent));
        assert_eq!(quick.next_text().await, body);
        if sent % 100 == 0 {
            tokio::task::yield_now().await;
        }
        if slow_is_cut(&world) {
            break;
        }
    }
    assert!(sent < 10_000, "the slow one was cut after {sent}");
    assert_eq!(slow.closed().await, (4008, "slow_reader".into()));
    drop(slow);
    let body = world.event(room(1), big(0));
    assert_eq!(quick.next_text().await, body);
    world.until("one socket is left", |world| world.deps.metrics.sockets() == 1).await;
    world.until("the seat is given back", |world| world.commands().contains(&"detach".to_owned())).await;
}

fn slow_is_cut(world: &World) -> bool {
    world.bus.listeners(&rookery_schemas::bus::events_subject(room(1))) == 1
}

#[tokio::test]
async fn who_sends_too_fast_is_refused_then_cut() {
    let config = WsConfig {
        messages_per_second: NonZeroU32::MIN,
        messages_burst: NonZeroU32::new(20).unwrap(),
        refused_in_a_row_max: 10,
        ..WsConfig::default()
    };
    let world = with(config).await;
    let mut flood = world.joined(room(1), peer(1)).await;
    let mut other = world.joined(room(1), peer(2)).await;
    for n in 0..40 {
        flood.say(n, None, json!({ "type": "ping", "at": n })).await;
    }
    let (mut pongs, mut refused) = (0, 0);
    let cut = loop {
        match flood.socket.next().await {
            Some(Ok(Message::Text(text))) => {
                let frame: rookery_schemas::signal::ServerFrame = serde_json::from_str(&text).unwrap();
                match frame.message {
                    ServerMessage::Pong { .. } => pongs += 1,
                    ServerMessage::Error(refusal) => {
                        assert_eq!((refusal.code.as_str(), frame.re), ("rate_limited", Some(pongs + refused)));
                        assert!(refusal.retry_after_ms.is_some());
                        refused += 1;
                    }
                    other => panic!("{other:?}"),
                }
            }
            Some(Ok(Message::Close(Some(frame)))) => break (u16::from(frame.code), frame.reason.to_string()),
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(cut, (4004, "rate_limited".into()));
    assert!((19..=21).contains(&pongs) && refused == 10, "{pongs} answered, {refused} refused");
    other.settled().await;
}

#[tokio::test]
async fn floods_of_control_frames_count_too() {
    let config = WsConfig {
        messages_per_second: NonZeroU32::MIN,
        messages_burst: NonZeroU32::new(20).unwrap(),
        refused_in_a_row_max: 10,
        ..WsConfig::default()
    };
    let world = with(config).await;
    let mut flood = world.joined(room(1), peer(1)).await;
    for _ in 0..60 {
        if flood.socket.send(Message::Ping(vec![0; 100].into())).await.is_err() {
            break;
        }
    }
    assert_eq!(flood.closed().await, (4004, "rate_limited".into()));
}

#[tokio::test]
async fn ten_malformed_in_a_row_are_enough() {
    let world = with(WsConfig::default()).await;
    let mut client = world.joined(room(1), peer(1)).await;
    for _ in 0..3 {
        for _ in 0..9 {
            client.text("{").await;
            assert_eq!(client.refused(None).await, "malformed");
        }
        client.settled().await;
    }
    for _ in 0..10 {
        client.socket.send(Message::binary(vec![1, 2, 3])).await.unwrap();
        assert_eq!(client.refused(None).await, "malformed", "binary frames are none of ours");
    }
    assert_eq!(client.closed().await, (4002, "malformed".into()));
}

#[tokio::test]
async fn large_frames_are_refused_and_huge_ones_cut() {
    let world = with(WsConfig::default()).await;
    let mut client = world.joined(room(1), peer(1)).await;
    let frame = |bytes: usize| {
        let mut text = json!({ "id": 4, "message": { "type": "ping", "at": 1 }, "padding": "" }).to_string();
        text.insert_str(text.len() - 2, &"x".repeat(bytes - text.len()));
        text
    };
    client.text(frame(64 * 1024)).await;
    assert!(matches!(client.answer(4).await, ServerMessage::Pong { .. }));
    client.text(frame(64 * 1024 + 1)).await;
    assert_eq!(client.refused(4).await, "too_large");
    client.settled().await;
    // The server may close while we still send: then the connection is reset and the reason is lost with it.
    let _ = client.socket.send(Message::text("x".repeat(300_000))).await;
    let (code, reason) = client.closed().await;
    assert!((code, reason.as_str()) == (4003, "too_large") || code == 1006, "{code} {reason}");
    world.until("it is gone", |world| world.deps.sockets.count() == 0).await;
}

/// A text frame of a client, of which only the beginning is sent (RFC 6455, section 5.2).
fn header(fin: bool, opcode: u8, bytes: u8) -> [u8; 6] {
    [if fin { 0x80 } else { 0 } | opcode, 0x80 | bytes, 0, 0, 0, 0]
}

async fn raw(client: &mut Client, bytes: &[u8]) -> std::io::Result<()> {
    client.socket.get_mut().write_all(bytes).await
}

#[tokio::test]
async fn unfinished_messages_have_their_time() {
    let (silence_max, close_grace) = (Duration::from_millis(300), Duration::from_millis(200));
    let world = with(WsConfig { silence_max, close_grace, ..WsConfig::default() }).await;
    let mut silent = world.joined(room(1), peer(1)).await;
    let mut slow = world.joined(room(2), peer(2)).await;
    let mut fragments = world.joined(room(3), peer(3)).await;
    raw(&mut slow, &header(true, 1, 100)).await.unwrap();
    raw(&mut fragments, &header(false, 1, 1)).await.unwrap();
    raw(&mut fragments, b"{").await.unwrap();
    let trickle = async {
        // A byte, a fragment, a ping: none of them is a message.
        for _ in 0..200 {
            let _ = raw(&mut slow, b" ").await;
            let _ = raw(&mut fragments, &header(false, 0, 1)).await;
            let _ = raw(&mut fragments, b" ").await;
            let _ = raw(&mut fragments, &header(true, 9, 0)).await;
            tokio::time::sleep(Duration::from_millis(20)).await;
            if world.deps.sockets.count() == 0 {
                return;
            }
        }
        panic!("they are still open");
    };
    trickle.await;
    assert_eq!(silent.closed().await, (4005, "timeout".into()));
    assert_eq!(slow.closed().await, (4005, "timeout".into()));
    assert_eq!(fragments.closed().await, (4005, "timeout".into()));
}

#[tokio::test]
async fn breaches_of_the_protocol_are_cut() {
    let world = with(WsConfig::default()).await;
    for bytes in [
        // Unmasked, a reserved opcode, a continuation of nothing, text that is no UTF-8.
        vec![0x81, 0x01, b'x'],
        [&header(true, 3, 0)[..], b""].concat(),
        [&header(true, 0, 1)[..], b"x"].concat(),
        [&header(true, 1, 2)[..], &[0xC3, 0x28]].concat(),
    ] {
        let mut client = world.joined(room(1), peer(1)).await;
        raw(&mut client, &bytes).await.unwrap();
        assert_eq!(client.closed().await, (4002, "malformed".into()), "{bytes:?}");
        world.until("it is gone", |world| world.deps.sockets.count() == 0).await;
    }
}
