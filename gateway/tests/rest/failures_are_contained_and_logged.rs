//! What goes wrong inside costs one request, is told without internals, and is logged; what is secret is not.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use reqwest::Method;
use rookery_gateway::GatewayConfig;
use serde_json::json;
use tracing_subscriber::fmt::MakeWriter;

use crate::world::{PASSWORD, World, relaxed};

/// Log lines of this thread.
#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<u8>>>);

impl io::Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().extend_from_slice(bytes);
        Ok(bytes.len())
    }
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Lines {
    type Writer = Self;
    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

impl Lines {
    /// Everything this crate logs, in full, until the guard is dropped.
    fn listen() -> (Self, tracing::subscriber::DefaultGuard) {
        let lines = Self::default();
        let filter = tracing_subscriber::EnvFilter::new("info,rookery_gateway=trace");
        let subscriber = tracing_subscriber::fmt().json().with_env_filter(filter).with_writer(lines.clone()).finish();
        (lines, tracing::subscriber::set_default(subscriber))
    }

    fn text(&self) -> String {
        String::from_utf8(self.0.lock().clone()).unwrap()
    }
}

#[tokio::test]
async fn a_panic_costs_one_request() {
    let world = World::new().await;
    let ann = world.person("ann").await;
    assert_eq!(world.get("me").bearer(&ann).send().await.status, 200);
    world.store.script.lock().panics = true;
    let answer = world.get("me").bearer(&ann).send().await;
    assert_eq!(answer.code(), "internal");
    assert!(
        !answer.text.contains("0xdeadbeef") && answer.header("content-security-policy").contains("default-src 'none'")
    );
    world.store.script.lock().panics = false;
    assert_eq!(world.get("me").bearer(&ann).send().await.status, 200);
}

#[tokio::test]
async fn a_request_that_takes_too_long_is_ended() {
    let short = Duration::from_millis(200);
    let world =
        World::with(GatewayConfig { request_timeout: short, bus_timeout: Duration::from_secs(60), ..relaxed() }).await;
    let ann = world.person("ann").await;
    let room = world.room(&ann, json!({})).await;
    world.owner.lock().silent = true;
    assert_eq!(world.join(&room, Some(&ann), json!({})).await.code(), "timeout");
    world.owner.lock().silent = false;
    assert_eq!(world.join(&room, Some(&ann), json!({})).await.status, 200);
}

#[tokio::test]
async fn causes_are_logged_under_the_request() {
    let (lines, _listening) = Lines::listen();
    let world = World::new().await;
    let ann = world.person("ann").await;
    world.store.script.lock().down = true;
    let id = "6f1f64a1-9c4e-4f6e-8f3a-0c8b6f0a2d11";
    let answer = world.get("me").bearer(&ann).header("x-request-id", id).send().await;
    assert_eq!(answer.code(), "store_unavailable");
    let text = lines.text();
    let line = text.lines().find(|line| line.contains("10.1.2.3:9042 refused")).expect(&text);
    assert!(line.contains(id) && line.contains("\"level\":\"WARN\""), "{line}");
}

#[tokio::test]
async fn nothing_secret_is_logged() {
    let (lines, _listening) = Lines::listen();
    let world = World::new().await;
    let ann = world.person("ann").await;
    let room = world.room(&ann, json!({"name": "Merger", "password": "sesame"})).await;
    let slug = room["slug"].as_str().unwrap().to_owned();
    let join = world.join(&room, None, json!({"displayName": "Gus", "password": "sesame"})).await;
    let ticket = join.json["ticket"].as_str().unwrap().to_owned();
    world.join(&room, None, json!({"displayName": "Gus", "password": "simsim"})).await;
    world.sign_in("ann@example.com", "wren sings at noon").await;
    world.ask(Method::GET, &format!("/ws?ticket={ticket}")).send().await;
    world.ask(Method::GET, &format!("/r/{slug}")).send().await;
    world.get("rooms/zzz-zzzz-zzz").header("x-request-id", "a\tb").from("203.0.113.77").send().await;
    let raw = json!({"login": 1, "password": "typed into the wrong field"});
    world.post("auth/login", raw).send().await;
    let renewed = world.api(Method::POST, "auth/refresh").cookie(&ann.refresh).send().await;
    assert_eq!(renewed.status, 200);

    let text = lines.text();
    assert!(text.contains("\"route\":\"/api/v1/rooms/{room}/join\"") && text.contains("203.0.113.x"), "{text}");
    let secret = |cookie: &str| cookie.rsplit('.').next().unwrap().to_owned();
    for (what, secret) in [
        ("a password", PASSWORD.to_owned()),
        ("a wrong password", "wren sings at noon".into()),
        ("a password elsewhere", "wrong field".into()),
        ("a room's password", "sesame".into()),
        ("an access token", secret(&ann.token)),
        ("a refresh token", secret(&ann.refresh)),
        ("a device", secret(&ann.device)),
        ("a ticket", secret(&ticket)),
        ("a link", slug),
        ("a room's name", "Merger".into()),
        ("an e-mail address", "ann@example.com".into()),
        ("a person's address", "203.0.113.77".into()),
    ] {
        assert!(!text.contains(&secret), "{what} is in the log:\n{text}");
    }
}
