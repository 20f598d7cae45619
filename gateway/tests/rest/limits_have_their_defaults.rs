//! Every limit as it is without configuration.

use std::time::Duration;

use reqwest::Method;
use rookery_gateway::GatewayConfig;
use serde_json::json;

use crate::world::{Answer, PASSWORD, World, fresh_address};

/// The defaults but for the cost of a hash, and for loopback as a proxy so that tests have addresses.
fn defaults() -> GatewayConfig {
    let mut config = GatewayConfig::default();
    config.auth.argon2_memory_kib = 64;
    config.auth.argon2_passes = 1;
    config.trusted_proxies = vec!["127.0.0.0/8".parse().unwrap()];
    config
}

fn limited(answer: &Answer) -> u64 {
    assert_eq!(answer.code(), "rate_limited");
    let ms = answer.json["retryAfterMs"].as_u64().unwrap();
    assert_eq!(answer.header("retry-after"), ms.div_ceil(1_000).to_string());
    ms
}

#[tokio::test]
async fn registrations_ten_an_hour_and_address() {
    let world = World::with(defaults()).await;
    let register = |n: u32, from: &'static str| {
        let name = format!("person{n}");
        let body = json!({"email": format!("{name}@example.com"), "username": name, "password": PASSWORD});
        world.post("auth/register", body).from(from).send()
    };
    for n in 0..10 {
        assert_eq!(register(n, "192.0.2.1").await.status, 201);
    }
    assert_eq!(limited(&register(10, "192.0.2.1").await), 360_000);
    assert_eq!(register(11, "192.0.2.2").await.status, 201, "another address");
    world.time.advance(Duration::from_secs(3_600));
    for n in 20..30 {
        assert_eq!(register(n, "192.0.2.1").await.status, 201);
    }
    limited(&register(30, "192.0.2.1").await);
}

#[tokio::test]
async fn rooms_five_an_hour_and_address() {
    let world = World::with(defaults()).await;
    let (ann, bob) = (world.person("ann").await, world.person("bob").await);
    let body = json!({"name": "Stand-up", "kind": "meeting"});
    let create = |who, from: &'static str| world.post("rooms", body.clone()).bearer(who).from(from).send();
    for _ in 0..5 {
        let answer = create(&ann, "2001:db8:0:1::1").await;
        assert_eq!((answer.status.as_u16(), &answer.json["maxPeers"]), (201, &json!(100)), "100 people unless named");
    }
    assert_eq!(limited(&create(&bob, "2001:db8:0:1:ffff::2").await), 720_000, "one IPv6 subscriber is one address");
    assert_eq!(create(&bob, "2001:db8:0:2::1").await.status, 201);
    world.time.advance(Duration::from_secs(720));
    assert_eq!(create(&ann, "2001:db8:0:1::1").await.status, 201);
    limited(&create(&ann, "2001:db8:0:1::1").await);
}

#[tokio::test]
async fn joins_five_a_second_for_a_user_or_a_guests_address() {
    let world = World::with(defaults()).await;
    let ann = world.person("ann").await;
    let room = world.room(&ann, json!({})).await;
    for _ in 0..5 {
        assert_eq!(world.join(&room, Some(&ann), json!({})).await.status, 200);
    }
    assert_eq!(limited(&world.join(&room, Some(&ann), json!({})).await), 200);
    let path = format!("rooms/{}/join", room["slug"].as_str().unwrap());
    let guest = |from: &'static str| world.post(&path, json!({"displayName": "Guest"})).from(from).send();
    for _ in 0..5 {
        assert_eq!(guest("192.0.2.1").await.status, 200);
    }
    limited(&guest("192.0.2.1").await);
    assert_eq!(guest("192.0.2.2").await.status, 200);
    world.time.advance(Duration::from_secs(1));
    for _ in 0..5 {
        assert_eq!(guest("192.0.2.1").await.status, 200);
        assert_eq!(world.join(&room, Some(&ann), json!({})).await.status, 200);
    }
}

#[tokio::test]
async fn failed_room_passwords_ten_a_minute_for_a_room_and_address() {
    let world = World::with(defaults()).await;
    let ann = world.person("ann").await;
    let room = world.room(&ann, json!({"password": "open sesame"})).await;
    let other = world.room(&ann, json!({"password": "open sesame"})).await;
    let guess = async |room: &serde_json::Value, password: &str, from: &str| {
        world.time.advance(Duration::from_millis(200));
        let path = format!("rooms/{}/join", room["slug"].as_str().unwrap());
        world.post(&path, json!({"displayName": "Guest", "password": password})).from(from).send().await
    };
    for _ in 0..6 {
        assert_eq!(guess(&room, "open sesame", "192.0.2.1").await.status, 200, "right ones do not count");
    }
    let missing = guess(&room, "", "192.0.2.1").await;
    assert_eq!(missing.code(), "password_required", "nor do missing ones");
    for _ in 0..10 {
        assert_eq!(guess(&room, "open simsim", "192.0.2.1").await.code(), "password_wrong");
    }
    let refused = guess(&room, "open sesame", "192.0.2.1").await;
    assert!((1..=6_000).contains(&limited(&refused)), "the right one, too: else guessing would go on");
    assert_eq!(guess(&other, "open simsim", "192.0.2.1").await.code(), "password_wrong", "another room");
    assert_eq!(guess(&room, "open sesame", "192.0.2.2").await.status, 200, "another address");
    let member = world.join(&room, Some(&ann), json!({})).await;
    assert_eq!(member.status, 200, "members are not asked");
    world.time.advance(Duration::from_secs(60));
    assert_eq!(guess(&room, "open sesame", "192.0.2.1").await.status, 200);
}

#[tokio::test]
async fn parallel_guesses_at_a_room_are_ten_too() {
    let world = World::with(defaults()).await;
    let ann = world.person("ann").await;
    let room = world.room(&ann, json!({"password": "open sesame"})).await;
    let path = format!("rooms/{}/join", room["slug"].as_str().unwrap());
    // Each from another account: the limit is by room and address.
    let mut people = Vec::new();
    for n in 0..6 {
        people.push(world.person(&format!("guesser{n}")).await);
    }
    let guesses = people.iter().flat_map(|person| (0..5).map(move |_| person)).map(|person| {
        let body = json!({"password": "open simsim"});
        world.post(&path, body).bearer(person).from("192.0.2.1").send()
    });
    let answers = futures_util::future::join_all(guesses).await;
    let looked_at = answers.iter().filter(|answer| answer.code() == "password_wrong").count();
    assert_eq!(looked_at, 10);
}

#[tokio::test]
async fn requests_a_hundred_a_minute_for_a_user_or_an_address() {
    let world = World::with(defaults()).await;
    let (ann, bob) = (world.person("ann").await, world.person("bob").await);
    for _ in 0..100 {
        assert_eq!(world.get("me").bearer(&ann).from(&fresh_address()).send().await.status, 200);
    }
    assert_eq!(limited(&world.get("me").bearer(&ann).send().await), 600);
    assert_eq!(world.get("me").bearer(&bob).send().await.status, 200);
    for _ in 0..100 {
        assert_eq!(world.get("me").from("192.0.2.1").send().await.code(), "unauthorized");
    }
    limited(&world.get("me").from("192.0.2.1").send().await);
    limited(&world.get("me").token("forged").from("192.0.2.1").send().await);
    assert_eq!(world.ask(Method::GET, "/livez").from("192.0.2.1").send().await.status, 200, "health is not counted");
    world.time.advance(Duration::from_secs(60));
    assert_eq!(world.get("me").bearer(&ann).send().await.status, 200);
}

#[tokio::test]
async fn sign_ins_sixty_a_minute_and_address() {
    let world = World::with(defaults()).await;
    world.person("ann").await;
    for _ in 0..60 {
        let body = json!({"login": "ann", "password": PASSWORD});
        assert_eq!(world.post("auth/login", body).from("192.0.2.1").send().await.status, 200);
    }
    let body = json!({"login": "ann", "password": PASSWORD});
    limited(&world.post("auth/login", body).from("192.0.2.1").send().await);
}

#[test]
fn the_other_defaults() {
    let config = GatewayConfig::default();
    let seconds = |duration: Duration| duration.as_secs();
    assert_eq!((config.body_bytes_max, config.peers_default), (65_536, 100));
    assert_eq!((seconds(config.request_timeout), seconds(config.header_timeout)), (10, 10));
    assert_eq!((seconds(config.auth.refresh_lifetime), seconds(config.auth.refresh_grace)), (7 * 86_400, 10));
    assert_eq!((config.auth.failures_free, config.auth.address_failures_free), (5, 20));
    assert_eq!(rookery_gateway::tokens::ACCESS_MS, 15 * 60 * 1_000);
    assert_eq!(rookery_gateway::tokens::TICKET_MS, 30_000);
}
