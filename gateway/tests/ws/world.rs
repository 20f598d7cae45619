//! A gateway's sockets on a real port, with a room's owner that does as the test says.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::Arc;

use bytes::Bytes;
use futures_util::StreamExt;
use parking_lot::Mutex;
use prometheus::Registry;
use rookery_actors::seams::{Answer, Bus};
use rookery_actors::testing::{ScriptedBus, ScriptedStore};
use rookery_gateway::clock::{Clock, ManualTime, TimeSource};
use rookery_gateway::config::GatewayConfig;
use rookery_gateway::metrics::Metrics;
use rookery_gateway::owner::Placement;
use rookery_gateway::tokens::Tokens;
use rookery_gateway::ws::{self, Owners, Sockets, WsConfig, WsDeps, WsMetrics};
use rookery_schemas::bus::{
    Attached, EventFrame, JoinTicket, PeerRequest, RoomAnswer, RoomCommand, RoomReply, RoomRequest, Snapshot,
    events_subject, peers_subject, personal_subject, rooms_subject,
};
use rookery_schemas::ids::{
    Attachment, Epoch, EventNumber, FamilyId, Incarnation, NodeId, PeerId, RequestId, RoomId, Seq, Slug, UnixMillis,
    UserId,
};
use rookery_schemas::rows::{FamilyRow, UserRow};
use rookery_schemas::signal::{
    ChatAck, ClientMessage, IceServer, PeerInfo, Role, RoomInfo, RoomKind, ServerFrame, ServerMessage,
};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::client::{Client, dial};

/// What the script does with a request.
pub enum Play {
    /// As an owner does.
    Default,
    /// This answer.
    Reply(RoomAnswer),
    /// None, ever.
    Silence,
    /// Later, by [`World::release`].
    Hold,
}

type Script = Box<dyn FnMut(&RoomRequest) -> Play + Send>;
type PeerScript = Box<dyn FnMut(&PeerRequest) -> Play + Send>;

/// What the owner knows.
pub struct Room {
    /// Its term.
    pub epoch: u64,
    /// Its last event.
    pub n: u64,
    /// Who is inside.
    pub roster: Vec<PeerInfo>,
    /// The highest attachment of each peer.
    pub attachments: HashMap<PeerId, u32>,
    /// The last chat number.
    pub seq: u64,
}

/// See the module.
pub struct World {
    /// Where sockets are taken.
    pub at: SocketAddr,
    /// The bus.
    pub bus: Arc<ScriptedBus>,
    /// The store.
    pub store: Arc<ScriptedStore>,
    /// Tokens.
    pub tokens: Arc<Tokens>,
    /// The time that tokens are judged by.
    pub time: Arc<ManualTime>,
    /// Where metrics are registered.
    pub registry: Registry,
    /// The sockets' own things.
    pub deps: Arc<WsDeps>,
    /// The rooms.
    pub rooms: Arc<Mutex<HashMap<RoomId, Room>>>,
    /// Everything asked of the owner.
    pub asked: Arc<Mutex<Vec<RoomRequest>>>,
    /// Everything asked of the media node.
    pub media: Arc<Mutex<Vec<PeerRequest>>>,
    script: Arc<Mutex<Script>>,
    peer_script: Arc<Mutex<PeerScript>>,
    held: Arc<Mutex<Vec<Answer>>>,
}

struct OneNode;

impl Placement for OneNode {
    fn home(&self, _: RoomId) -> NodeId {
        node("n1")
    }
}

/// A node's id.
pub fn node(name: &str) -> NodeId {
    name.parse().unwrap()
}

/// The room of this number.
pub fn room(n: u128) -> RoomId {
    RoomId(Uuid::from_u128(0xA000 + n))
}

/// The peer of this number.
pub fn peer(n: u128) -> PeerId {
    PeerId(Uuid::from_u128(0xB000 + n))
}

/// The user of this number.
pub fn user(n: u128) -> UserId {
    UserId(Uuid::from_u128(0xC000 + n))
}

/// The first device of a user.
pub fn device(account: UserId) -> FamilyId {
    FamilyId(account.0)
}

impl World {
    /// A gateway with the default bounds.
    pub async fn new() -> Self {
        // the clients of most tests do not ping
        let quiet_after = std::time::Duration::from_secs(3_600);
        Self::with(WsConfig { quiet_after, ..WsConfig::default() }, GatewayConfig::default()).await
    }

    /// A gateway with these bounds.
    pub async fn with(config: WsConfig, gateway: GatewayConfig) -> Self {
        let bus = Arc::new(ScriptedBus::default());
        let store = Arc::new(ScriptedStore::default());
        let time = ManualTime::new(UnixMillis(1_800_000_000_000));
        let clock = Clock::of(Arc::clone(&time) as Arc<dyn TimeSource>);
        let tokens = Tokens::start(store.clone(), clock.clone(), "rookery").await.unwrap();
        let registry = Registry::new();
        let metrics = Metrics::new(&registry).unwrap();
        let dyn_bus: Arc<dyn Bus> = bus.clone();
        let ice =
            IceServer { urls: vec!["stun:192.0.2.1".into()], username: None, credential: None, lifetime_ms: None };
        let deps = Arc::new(WsDeps {
            gateway,
            config,
            clock,
            tokens: tokens.clone(),
            bus: dyn_bus.clone(),
            owners: Owners::new(dyn_bus, Arc::new(OneNode)),
            rooms: store.clone(),
            chat: store.clone(),
            ice_servers: Arc::new(move |_| vec![ice.clone()]),
            metrics: WsMetrics::new(&metrics).unwrap(),
            sockets: Sockets::default(),
            stop: CancellationToken::new(),
        });
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let at = listener.local_addr().unwrap();
        let app = ws::routes::<()>(deps.clone());
        tokio::spawn(async move { axum::serve(listener, app).await });
        let world = Self {
            at,
            bus,
            store,
            tokens,
            time,
            registry,
            deps,
            rooms: Arc::default(),
            asked: Arc::default(),
            media: Arc::default(),
            script: Arc::new(Mutex::new(Box::new(|_| Play::Default))),
            peer_script: Arc::new(Mutex::new(Box::new(|_| Play::Default))),
            held: Arc::default(),
        };
        world.serve_rooms("n1").await;
        world.serve_peers("n1").await;
        world
    }

    /// Serves rooms at a node, too.
    pub async fn serve_rooms(&self, name: &str) {
        let mut requests = self.bus.serve(&rooms_subject(&node(name))).await.unwrap();
        let (asked, script, rooms, held) =
            (self.asked.clone(), self.script.clone(), self.rooms.clone(), self.held.clone());
        tokio::spawn(async move {
            while let Some(message) = requests.next().await {
                let request: RoomRequest = serde_json::from_slice(&message.payload).unwrap();
                let play = (script.lock())(&request);
                let default = || act(&mut rooms.lock(), &request);
                perform(play, message.answer, &held, default);
                asked.lock().push(request);
            }
        });
    }

    /// Serves peers at a node, too.
    pub async fn serve_peers(&self, name: &str) {
        let mut requests = self.bus.serve(&peers_subject(&node(name))).await.unwrap();
        let (media, script, held) = (self.media.clone(), self.peer_script.clone(), self.held.clone());
        tokio::spawn(async move {
            while let Some(message) = requests.next().await {
                let request: PeerRequest = serde_json::from_slice(&message.payload).unwrap();
                let play = (script.lock())(&request);
                let default = || match &request.message {
                    ClientMessage::Offer { .. } => {
                        Ok(RoomReply::Message(ServerMessage::Answer { sdp: "v=0".to_owned() }))
                    }
                    _ => Ok(RoomReply::Done),
                };
                perform(play, message.answer, &held, default);
                media.lock().push(request);
            }
        });
    }

    /// Sets what the owner does from now on.
    pub fn script(&self, script: impl FnMut(&RoomRequest) -> Play + Send + 'static) {
        *self.script.lock() = Box::new(script);
    }

    /// Sets what the media node does from now on.
    pub fn peer_script(&self, script: impl FnMut(&PeerRequest) -> Play + Send + 'static) {
        *self.peer_script.lock() = Box::new(script);
    }

    /// Answers the oldest held request.
    pub fn release(&self, answer: RoomAnswer) {
        let held = self.held.lock().remove(0);
        held.send(Bytes::from(serde_json::to_vec(&answer).unwrap()));
    }

    /// How many requests are held.
    pub fn held(&self) -> usize {
        self.held.lock().len()
    }

    /// A join ticket for a guest, or for a user as `role`.
    pub fn ticket(&self, of: RoomId, who: PeerId, account: Option<UserId>, role: Role) -> String {
        let now = self.tokens.now();
        let seat = JoinTicket {
            id: RequestId(Uuid::new_v4()),
            peer: who,
            user: account,
            display_name: "Ada".into(),
            role,
            epoch: Epoch(1),
            expires_at: UnixMillis(now.0 + 30_000),
        };
        self.tokens.join_ticket(of, &seat).unwrap()
    }

    /// A guest's open socket, and its ticket for the room.
    pub async fn guest(&self, of: RoomId, who: PeerId) -> (Client, String) {
        let ticket = self.ticket(of, who, None, Role::Guest);
        (self.open(&ticket).await, ticket)
    }

    /// A guest who has joined.
    pub async fn joined(&self, of: RoomId, who: PeerId) -> Client {
        let (mut client, ticket) = self.guest(of, who).await;
        client.join(&ticket).await;
        client
    }

    /// A signed-in user's open socket.
    pub async fn member(&self, account: UserId) -> Client {
        self.device(account, device(account)).await
    }

    /// The open socket of a user's device.
    pub async fn device(&self, account: UserId, family: FamilyId) -> Client {
        self.open(&self.ws_ticket(account, family)).await
    }

    /// A ticket for a socket of a user's device, which is signed in unless it has been signed out.
    pub fn ws_ticket(&self, account: UserId, family: FamilyId) -> String {
        let now = self.tokens.now();
        let mut rows = self.store.rows.lock();
        rows.users.entry(account).or_insert_with(|| UserRow {
            id: account,
            email: String::new(),
            username: String::new(),
            display_name: String::new(),
            password_hash: String::new(),
            password_changed_at: UnixMillis(0),
            created_at: UnixMillis(0),
        });
        rows.families.entry(family).or_insert_with(|| FamilyRow {
            id: family,
            user: account,
            current: [0; 32],
            previous: None,
            rotated_at: now,
            expires_at: UnixMillis(now.0 + 7 * 86_400_000),
            revoked: false,
        });
        drop(rows);
        self.tokens.ws_ticket(account, family).unwrap().0
    }

    /// A socket opened by this ticket.
    pub async fn open(&self, ticket: &str) -> Client {
        dial(self.at, &format!("?ticket={ticket}"), &[]).await.unwrap()
    }

    /// A socket opened from our own page without a ticket.
    pub async fn open_to_resume(&self) -> Client {
        dial(self.at, "", &[("origin", &format!("http://{}", self.at))]).await.unwrap()
    }

    /// The next event of a room goes to everyone; returns its body.
    pub fn event(&self, of: RoomId, message: ServerMessage) -> String {
        let (epoch, n) = {
            let mut rooms = self.rooms.lock();
            let room = rooms.entry(of).or_default();
            room.n += 1;
            (room.epoch, room.n)
        };
        self.event_numbered(of, epoch, n, message, 0)
    }

    /// An event with these numbers, before which some were dropped.
    pub fn event_numbered(&self, of: RoomId, epoch: u64, n: u64, message: ServerMessage, missed: u64) -> String {
        let body = event_body(of, epoch, n, message);
        let frame = EventFrame { epoch: Epoch(epoch), n: EventNumber(n), body: Bytes::from(body.clone()) };
        self.bus.deliver(&events_subject(of), frame.encode(), missed);
        body
    }

    /// A message for one attachment.
    pub fn personal(&self, of: RoomId, who: PeerId, attachment: u32, message: ServerMessage) {
        let frame = ServerFrame { room: Some(of), re: None, epoch: None, n: None, message };
        let body = Bytes::from(serde_json::to_vec(&frame).unwrap());
        let frame = EventFrame { epoch: Epoch(0), n: EventNumber(0), body };
        self.bus.deliver(&personal_subject(of, who, Attachment(attachment)), frame.encode(), 0);
    }

    /// The metrics, as Prometheus reads them.
    pub fn counted(&self) -> String {
        prometheus::TextEncoder::new().encode_to_string(&self.registry.gather()).unwrap()
    }

    /// The commands asked of the owner so far, by name.
    pub fn commands(&self) -> Vec<String> {
        let name = |request: &RoomRequest| {
            serde_json::to_value(&request.command).unwrap()["type"].as_str().unwrap().to_owned()
        };
        self.asked.lock().iter().map(name).collect()
    }

    /// Waits until something is so; it must come to be.
    pub async fn until(&self, what: &str, so: impl Fn(&Self) -> bool) {
        let waiting = async {
            while !so(self) {
                tokio::time::sleep(std::time::Duration::from_millis(2)).await;
            }
        };
        tokio::time::timeout(std::time::Duration::from_secs(20), waiting).await.unwrap_or_else(|_| panic!("{what}"));
    }
}

impl Default for Room {
    fn default() -> Self {
        Self { epoch: 1, n: 0, roster: Vec::new(), attachments: HashMap::new(), seq: 0 }
    }
}

impl Room {
    /// As it is.
    pub fn snapshot(&self, id: RoomId) -> Snapshot {
        let slug = Slug::from_letters([0; 10]);
        Snapshot {
            path: rookery_schemas::signal::MediaPath::Sfu,
            room: RoomInfo { id, slug, name: "Stand-up".into(), kind: RoomKind::Meeting, allowed: Default::default() },
            epoch: Epoch(self.epoch),
            n: EventNumber(self.n),
            roster: self.roster.clone(),
            tracks: Vec::new(),
            last_seq: Seq(self.seq),
        }
    }

    /// A seat in it.
    pub fn attach(&mut self, id: RoomId, who: PeerId, account: Option<UserId>, role: Role, after: u32) -> RoomAnswer {
        let known = self.attachments.entry(who).or_default();
        *known = (*known).max(after) + 1;
        let attachment = Attachment(*known);
        self.roster.retain(|info| info.peer != who);
        self.roster.push(PeerInfo {
            peer: who,
            user: account,
            display_name: "Ada".into(),
            role,
            joined_at: UnixMillis(1),
            reconnecting: false,
        });
        Ok(RoomReply::Attached(Box::new(Attached {
            peer: who,
            attachment,
            role,
            joined_at: UnixMillis(1),
            media_node: node("n1"),
            media_incarnation: Incarnation(1),
            media_kept: false,
            snapshot: self.snapshot(id),
        })))
    }
}

/// The body of an event.
pub fn event_body(of: RoomId, epoch: u64, n: u64, message: ServerMessage) -> String {
    let n = (n > 0).then_some(EventNumber(n));
    serde_json::to_string(&ServerFrame { room: Some(of), re: None, epoch: Some(Epoch(epoch)), n, message }).unwrap()
}

fn perform(play: Play, answer: Option<Answer>, held: &Mutex<Vec<Answer>>, default: impl FnOnce() -> RoomAnswer) {
    let Some(answer) = answer else { return };
    let reply = match play {
        Play::Default => default(),
        Play::Reply(reply) => reply,
        Play::Silence => return,
        Play::Hold => return held.lock().push(answer),
    };
    answer.send(Bytes::from(serde_json::to_vec(&reply).unwrap()));
}

fn act(rooms: &mut HashMap<RoomId, Room>, request: &RoomRequest) -> RoomAnswer {
    let room = rooms.entry(request.room).or_default();
    match &request.command {
        RoomCommand::Join { ticket, .. } => room.attach(request.room, ticket.peer, ticket.user, ticket.role, 0),
        RoomCommand::Resume { token, .. } => {
            room.attach(request.room, token.peer, token.user, token.role, token.attachment.0)
        }
        RoomCommand::Chat { message, .. } => {
            room.seq += 1;
            let ack = ChatAck { nonce: message.nonce, seq: Seq(room.seq), at: UnixMillis(2) };
            Ok(RoomReply::Message(ServerMessage::ChatAck(ack)))
        }
        RoomCommand::Refill { .. } => Ok(RoomReply::Snapshot(Box::new(room.snapshot(request.room)))),
        _ => Ok(RoomReply::Done),
    }
}
