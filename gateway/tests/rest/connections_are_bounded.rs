//! Connections that say nothing, say it slowly, or are too many; and a listener that stops.

use std::sync::Arc;
use std::time::Duration;

use rookery_gateway::GatewayConfig;
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::world::{PASSWORD, World, relaxed};

/// Generous: it only ends a test that hangs.
const DEADLINE: Duration = Duration::from_secs(20);

async fn impatient() -> World {
    let short = Duration::from_millis(300);
    World::with(GatewayConfig { header_timeout: short, request_timeout: short, ..relaxed() }).await
}

async fn all(stream: &mut TcpStream) -> String {
    let mut answer = Vec::new();
    // A reset is an end, too.
    let _ = tokio::time::timeout(DEADLINE, stream.read_to_end(&mut answer)).await.expect("the connection ends");
    String::from_utf8_lossy(&answer).into_owned()
}

#[tokio::test]
async fn slow_heads_and_bodies_are_cut() {
    let world = impatient().await;
    for first_words in ["", "P", "PRI * HTTP/2.0", "GET / HTTP/1.1\r\nHost: localhost\r\nX-Slow: "] {
        let mut stream = TcpStream::connect(world.at).await.unwrap();
        stream.write_all(first_words.as_bytes()).await.unwrap();
        let answer = all(&mut stream).await;
        assert!(!answer.contains("200 OK"), "{first_words:?}: {answer}");
    }
    let mut stream = TcpStream::connect(world.at).await.unwrap();
    let head = "POST /api/v1/auth/login HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{";
    stream.write_all(head.as_bytes()).await.unwrap();
    let answer = all(&mut stream).await;
    assert!(answer.starts_with("HTTP/1.1 503") && answer.contains("\"code\":\"timeout\""), "{answer}");
    assert_eq!(world.get("me").send().await.code(), "unauthorized", "others are served");
}

#[tokio::test]
async fn heads_that_are_too_large_or_no_http_are_refused() {
    let world = World::new().await;
    let mut stream = TcpStream::connect(world.at).await.unwrap();
    let head = format!("GET / HTTP/1.1\r\nHost: localhost\r\nX-Large: {}\r\n\r\n", "x".repeat(200_000));
    // The server may be done with us before we are done with it.
    let _ = stream.write_all(head.as_bytes()).await;
    let answer = all(&mut stream).await;
    assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 431"), "{answer:.100}");
    let mut stream = TcpStream::connect(world.at).await.unwrap();
    stream
        .write_all(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03 this is TLS to a plain port\r\n\r\n")
        .await
        .unwrap();
    assert!(!all(&mut stream).await.contains("200 OK"));
    let smuggled = "POST /api/v1/auth/login HTTP/1.1\r\nHost: localhost\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n";
    let mut stream = TcpStream::connect(world.at).await.unwrap();
    stream
        .write_all(format!("{smuggled}GET /livez HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").as_bytes())
        .await
        .unwrap();
    let answer = all(&mut stream).await;
    assert!(!answer.contains("HTTP/1.1 200"), "two lengths are an end: {answer}");
    assert_eq!(world.get("me").send().await.code(), "unauthorized");
}

#[tokio::test]
async fn beyond_the_bound_connections_are_closed_and_places_come_back() {
    let world = World::with(GatewayConfig { connections_max: 3, ..relaxed() }).await;
    let mut held = Vec::new();
    for _ in 0..3 {
        let mut stream = TcpStream::connect(world.at).await.unwrap();
        stream.write_all(b"GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n").await.unwrap();
        let mut some = [0; 12];
        stream.read_exact(&mut some).await.unwrap();
        assert_eq!(&some, b"HTTP/1.1 200");
        held.push(stream);
    }
    assert_eq!(world.state.metrics.connections.get(), 3);
    let mut beyond = TcpStream::connect(world.at).await.unwrap();
    assert_eq!(all(&mut beyond).await, "");
    drop(held);
    let freed = async {
        while world.state.metrics.connections.get() > 0 {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(DEADLINE, freed).await.expect("places come back");
    assert_eq!(world.ask(reqwest::Method::GET, "/livez").send().await.status, 200);
}

#[tokio::test]
async fn a_flood_of_hashes_is_refused_and_the_rest_goes_on() {
    let mut config = relaxed();
    (config.auth.hashes_at_once, config.auth.hashes_waiting_max) = (1, 2);
    (config.auth.argon2_memory_kib, config.auth.argon2_passes) = (19_456, 4);
    (config.auth.failures_free, config.auth.address_failures_free) = (1_000, 1_000);
    let world = Arc::new(World::with(config).await);
    let flood = (0..12).map(|_| world.sign_in("nobody", PASSWORD));
    let answers = futures_util::future::join_all(flood).await;
    let overloaded = answers.iter().filter(|answer| answer.code() == "overloaded").collect::<Vec<_>>();
    assert!(overloaded.len() >= 6 && overloaded.len() <= 11, "{} of 12", overloaded.len());
    assert!(overloaded.iter().all(|answer| answer.header("retry-after") == "1"));
    assert_eq!(world.sign_in("nobody", PASSWORD).await.code(), "bad_credentials");
}

#[tokio::test]
async fn a_stopping_listener_ends_what_is_under_way() {
    let world = World::new().await;
    let ann = world.person("ann").await;
    let room = world.room(&ann, json!({})).await;
    world.owner.lock().silent = true;
    let path = format!("rooms/{}", room["slug"].as_str().unwrap());
    // Its owner keeps silent, so this takes the bus's whole time-out.
    let under_way = world.patch(&path, json!({"name": "Changed"})).bearer(&ann).send();
    let stop = async {
        while world.owner.lock().asked.is_empty() {
            tokio::task::yield_now().await;
        }
        world.stopping.cancel();
    };
    let (answer, ()) = tokio::join!(under_way, stop);
    assert_eq!((answer.status.as_u16(), &answer.json["name"]), (200, &json!("Changed")));
    tokio::time::timeout(DEADLINE, world.served).await.expect("it ends").unwrap().unwrap();
    assert!(TcpStream::connect(world.at).await.is_err(), "nobody listens any more");
}
