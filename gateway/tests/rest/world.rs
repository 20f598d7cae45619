//! A whole gateway on a real port, a client that says exactly what a test wants, and people with accounts.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use bytes::Bytes;
use futures_util::StreamExt;
use parking_lot::Mutex;
use prometheus::Registry;
use reqwest::{Method, StatusCode, header::HeaderMap};
use rookery_actors::seams::{Bus, Store};
use rookery_actors::testing::{ScriptedBus, ScriptedStore};
use rookery_gateway::clock::{Clock, ManualTime, TimeSource};
use rookery_gateway::health::Probe;
use rookery_gateway::tokens::Tokens;
use rookery_gateway::ws::WsConfig;
use rookery_gateway::{AppState, Gateway, GatewayConfig, Parts, Placement};
use rookery_schemas::bus::{
    PresenceAnswer, PresenceRequest, RoomAnswer, RoomCommand, RoomPresence, RoomReply, RoomRequest, presence_subject,
    rooms_subject,
};
use rookery_schemas::ids::{Epoch, NodeId, RoomId, UnixMillis, UserId};
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

/// A password that will do.
pub const PASSWORD: &str = "wren sings at dawn";

/// What the room owner knows and was asked.
#[derive(Default)]
pub struct Owner {
    pub asked: Vec<RoomRequest>,
    pub inside: HashMap<RoomId, RoomPresence>,
    pub presence_requests: usize,
    /// Answered to `Activate` in place of what is usual.
    pub refuses: Option<RoomAnswer>,
    pub silent: bool,
}

/// See the module.
pub struct World {
    pub at: SocketAddr,
    pub scheme: &'static str,
    pub state: AppState,
    pub store: Arc<ScriptedStore>,
    pub bus: Arc<ScriptedBus>,
    pub time: Arc<ManualTime>,
    pub owner: Arc<Mutex<Owner>>,
    pub stopping: CancellationToken,
    pub part_fails: Arc<std::sync::atomic::AtomicBool>,
    pub served: tokio::task::JoinHandle<Result<(), rookery_gateway::ServeError>>,
    pub http: reqwest::Client,
}

struct OneNode;

impl Placement for OneNode {
    fn home(&self, _: RoomId) -> NodeId {
        node()
    }
}

pub fn node() -> NodeId {
    "n1".parse().unwrap()
}

/// The defaults, with cheap hashes and limits that only their own tests reach.
pub fn relaxed() -> GatewayConfig {
    let mut config = GatewayConfig::default();
    config.auth.argon2_memory_kib = 64;
    config.auth.argon2_passes = 1;
    config.limits.registrations_per_hour = 10_000;
    config.limits.logins_per_minute = 10_000;
    config.limits.rooms_per_hour = 10_000;
    config.limits.joins_per_second = 10_000;
    config.limits.requests_per_minute = 100_000;
    config.trusted_proxies = vec!["127.0.0.0/8".parse().unwrap()];
    config
}

impl World {
    pub async fn new() -> Self {
        Self::with(relaxed()).await
    }

    pub async fn with(config: GatewayConfig) -> Self {
        let (store, bus) = (Arc::new(ScriptedStore::default()), Arc::new(ScriptedBus::default()));
        let owner = Arc::new(Mutex::new(Owner::default()));
        serve_owner(&bus, owner.clone()).await;
        Self::on(config, store, bus, ManualTime::new(UnixMillis(1_800_000_000_000)), owner).await
    }

    /// Another gateway of the same cluster.
    pub async fn beside(&self) -> Self {
        Self::on(relaxed(), self.store.clone(), self.bus.clone(), self.time.clone(), self.owner.clone()).await
    }

    async fn on(
        mut config: GatewayConfig,
        store: Arc<ScriptedStore>,
        bus: Arc<ScriptedBus>,
        time: Arc<ManualTime>,
        owner: Arc<Mutex<Owner>>,
    ) -> Self {
        // Another test of this process may have been first.
        let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
        config.listen = "127.0.0.1:0".parse().unwrap();
        let scheme = if config.tls.is_some() { "https" } else { "http" };
        let clock = Clock::of(time.clone() as Arc<dyn TimeSource>);
        let stopping = CancellationToken::new();
        let part_fails = Arc::new(std::sync::atomic::AtomicBool::new(false));
        let fails = part_fails.clone();
        let probe = move || {
            let fails = fails.load(Ordering::SeqCst);
            async move { if fails { Err("disk full".to_owned()) } else { Ok(()) } }
        };
        let state = AppState::new(Parts {
            config,
            ws: WsConfig::default(),
            store: store.clone() as Arc<dyn Store>,
            bus: bus.clone() as Arc<dyn Bus>,
            tokens: Tokens::start(store.clone(), clock.clone(), "rookery").await.unwrap(),
            placement: Arc::new(OneNode),
            registry: Registry::new(),
            probes: vec![Probe::new("store", probe), Probe::new("bus", || async { Ok(()) })],
            clock,
            stopping: stopping.clone(),
        })
        .unwrap();
        let gateway = Gateway::bind(state.clone()).unwrap();
        let at = gateway.address();
        let served = tokio::spawn(gateway.serve());
        Self { at, scheme, state, store, bus, time, owner, stopping, part_fails, served, http: client() }
    }

    /// A request to the API.
    pub fn api(&self, method: Method, path: &str) -> Ask<'_> {
        self.ask(method, &format!("/api/v1/{path}"))
    }

    pub fn get(&self, path: &str) -> Ask<'_> {
        self.api(Method::GET, path)
    }

    pub fn post(&self, path: &str, body: Value) -> Ask<'_> {
        self.api(Method::POST, path).json(body)
    }

    pub fn patch(&self, path: &str, body: Value) -> Ask<'_> {
        self.api(Method::PATCH, path).json(body)
    }

    /// A request to any address.
    pub fn ask(&self, method: Method, path: &str) -> Ask<'_> {
        let url = format!("{}://{}{path}", self.scheme, self.at);
        Ask { request: self.http.request(method, url), _world: self }
    }

    /// Someone with an account, signed in.
    pub async fn person(&self, name: &str) -> Person {
        let body = json!({"email": format!("{name}@example.com"), "username": name, "password": PASSWORD});
        let answer = self.post("auth/register", body).send().await;
        assert_eq!(answer.status, 201, "{}", answer.json);
        Person::of(&answer)
    }

    pub async fn sign_in(&self, login: &str, password: &str) -> Answer {
        self.post("auth/login", json!({"login": login, "password": password})).send().await
    }

    /// A room of this person.
    pub async fn room(&self, of: &Person, body: Value) -> Value {
        let mut whole = json!({"name": "Stand-up", "kind": "meeting"});
        whole.as_object_mut().unwrap().extend(body.as_object().unwrap().clone());
        let answer = self.post("rooms", whole).bearer(of).send().await;
        assert_eq!(answer.status, 201, "{}", answer.json);
        answer.json
    }

    pub async fn join(&self, room: &Value, who: Option<&Person>, body: Value) -> Answer {
        let ask = self.post(&format!("rooms/{}/join", room["slug"].as_str().unwrap()), body);
        match who {
            Some(person) => ask.bearer(person).send().await,
            None => ask.send().await,
        }
    }
}

pub fn client() -> reqwest::Client {
    reqwest::Client::builder()
        .redirect(reqwest::redirect::Policy::none())
        .timeout(Duration::from_secs(30))
        .tls_danger_accept_invalid_certs(true)
        .build()
        .unwrap()
}

async fn serve_owner(bus: &Arc<ScriptedBus>, owner: Arc<Mutex<Owner>>) {
    let mut presence = bus.serve(&presence_subject(&node())).await.unwrap();
    let knows = owner.clone();
    tokio::spawn(async move {
        while let Some(message) = presence.next().await {
            let asked: PresenceRequest = serde_json::from_slice(&message.payload).unwrap();
            let rooms = {
                let mut owner = knows.lock();
                owner.presence_requests += 1;
                asked.rooms.iter().filter_map(|room| owner.inside.get(room).cloned()).collect()
            };
            let answer = serde_json::to_vec(&PresenceAnswer { rooms }).unwrap();
            message.answer.unwrap().send(Bytes::from(answer));
        }
    });
    let mut requests = bus.serve(&rooms_subject(&node())).await.unwrap();
    tokio::spawn(async move {
        let mut unanswered = Vec::new();
        while let Some(message) = requests.next().await {
            let request: RoomRequest = serde_json::from_slice(&message.payload).unwrap();
            let mut owner = owner.lock();
            let peers = owner.inside.get(&request.room).map_or(0, |room| room.peers);
            let reply = match (&request.command, &owner.refuses) {
                (RoomCommand::Activate, Some(answer)) => answer.clone(),
                (RoomCommand::Activate, None) => Ok(RoomReply::Active { epoch: Epoch(3), peers, peers_max: 3 }),
                _ => Ok(RoomReply::Done),
            };
            owner.asked.push(request);
            if owner.silent {
                unanswered.push(message.answer);
            } else {
                message.answer.unwrap().send(Bytes::from(serde_json::to_vec(&reply).unwrap()));
            }
        }
    });
}

/// A request under construction.
pub struct Ask<'a> {
    request: reqwest::RequestBuilder,
    _world: &'a World,
}

impl Ask<'_> {
    pub fn json(mut self, body: Value) -> Self {
        self.request = self.request.json(&body);
        self
    }

    pub fn raw(mut self, content_type: &str, body: impl Into<reqwest::Body>) -> Self {
        self.request = self.request.header("content-type", content_type).body(body);
        self
    }

    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.request = self.request.header(name, value);
        self
    }

    pub fn bearer(self, person: &Person) -> Self {
        self.token(&person.token)
    }

    pub fn token(self, token: &str) -> Self {
        self.header("authorization", &format!("Bearer {token}"))
    }

    /// From this address, by the trusted proxy that loopback is here.
    pub fn from(self, address: &str) -> Self {
        self.header("x-forwarded-for", address)
    }

    /// As our own page does: with the cookie and the header that goes with it.
    pub fn cookie(self, cookie: &str) -> Self {
        self.header("cookie", cookie).header("x-rookery-csrf", "1")
    }

    pub async fn send(self) -> Answer {
        let response = self.request.send().await.unwrap();
        let (status, headers) = (response.status(), response.headers().clone());
        let bytes = response.bytes().await.unwrap();
        let text = String::from_utf8_lossy(&bytes).into_owned();
        let json = serde_json::from_slice(&bytes).unwrap_or(Value::Null);
        Answer { status, headers, json, text }
    }
}

/// What came back.
#[derive(Debug)]
pub struct Answer {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub json: Value,
    pub text: String,
}

impl Answer {
    /// The code of a refusal, which must be a whole problem.
    pub fn code(&self) -> &str {
        assert_eq!(self.header("content-type"), "application/problem+json", "{} {}", self.status, self.text);
        assert_eq!(self.json["status"], self.status.as_u16(), "{}", self.text);
        assert_eq!(self.json["requestId"], self.header("x-request-id"), "{}", self.text);
        let code = self.json["code"].as_str().unwrap();
        assert_eq!(self.json["type"], format!("/docs/problems#{code}"));
        let known = rookery_schemas::error::ErrorCode::ALL.iter().find(|known| known.as_str() == code).unwrap();
        assert_eq!((self.status.as_u16(), &self.json["title"]), (known.http_status(), &json!(known.sentence())));
        code
    }

    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    /// `name=value` of a cookie that was set.
    pub fn cookie(&self, name: &str) -> Option<String> {
        let all = self.headers.get_all("set-cookie").iter().map(|value| value.to_str().unwrap());
        let pairs = all.map(|cookie| cookie.split(';').next().unwrap());
        pairs.filter(|pair| pair.starts_with(&format!("{name}="))).map(str::to_owned).next()
    }
}

/// Someone signed in on a device.
#[derive(Clone, Debug)]
pub struct Person {
    pub id: UserId,
    pub token: String,
    pub refresh: String,
    pub device: String,
}

impl Person {
    /// As an answer to register or login says.
    pub fn of(answer: &Answer) -> Self {
        Self {
            id: answer.json["user"]["id"].as_str().unwrap().parse().unwrap(),
            token: answer.json["accessToken"].as_str().unwrap().to_owned(),
            refresh: answer.cookie("rookery_refresh").unwrap(),
            device: answer.cookie("rookery_device").unwrap(),
        }
    }
}

static COUNTER: AtomicU32 = AtomicU32::new(0);

/// An address that no other test has.
pub fn fresh_address() -> String {
    let n = COUNTER.fetch_add(1, Ordering::SeqCst);
    format!("198.18.{}.{}", n / 250, n % 250 + 1)
}
