//! A server that speaks the protocol by the letter, for one room: REST join, WebSocket, roster, chat, and media through
//! [`Leg`]s. It stands in for the real one where the client is what is tested.
//!
//! **Invariant:** every request with an id is answered once; events are numbered without holes.

use std::collections::{BTreeMap, HashMap};
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::extract::ws::{CloseFrame, Message, WebSocket, WebSocketUpgrade};
use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use rookery_schemas::error::{ErrorCode, Refusal};
use rookery_schemas::ids::{
    Attachment, Epoch, EventNumber, Negotiation, Nonce, PeerId, RoomId, Seq, SlotIndex, Slug, TrackId, UnixMillis,
};
use rookery_schemas::rest::{Inside, Join, JoinAnswer, Problem, Room};
use rookery_schemas::signal::{
    ChatAck, ChatMessage, ClientFrame, ClientMessage, HistoryPage, Joined, LeaveReason, MediaKind, PeerInfo, Role,
    RoomInfo, RoomKind, ServerFrame, ServerMessage, SlotPair, SubscribeOffer, TrackInfo,
};
use tokio::sync::mpsc;
use uuid::Uuid;

use crate::leg::{Leg, LegEvent};

/// A running server.
pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    state: Shared,
}

#[derive(Clone)]
struct Shared(Arc<Mutex<State_>>);

struct State_ {
    room: RoomId,
    slug: Slug,
    n: u64,
    tickets: HashMap<String, (PeerId, String)>,
    ws_tickets: Vec<String>,
    peers: BTreeMap<PeerId, Peer>,
    tracks: BTreeMap<TrackId, Published>,
    chat: Vec<ChatMessage>,
    origins: Vec<Option<String>>,
}

struct Peer {
    info: PeerInfo,
    out: mpsc::Sender<Message>,
    attachment: u32,
    publish: Option<Leg>,
    subscribe: Option<Leg>,
    slots: Vec<SlotPair>,
    negotiation: u32,
}

struct Published {
    info: TrackInfo,
    mid: String,
    /// Peer, and the mid of its slot.
    to: Vec<(PeerId, String)>,
}

impl Server {
    pub(crate) async fn start() -> Self {
        let state = Shared(Arc::new(Mutex::new(State_ {
            room: RoomId(Uuid::new_v4()),
            slug: Slug::from_letters([17, 14, 14, 10, 4, 17, 24, 0, 1, 2]),
            n: 0,
            tickets: HashMap::new(),
            ws_tickets: Vec::new(),
            peers: BTreeMap::new(),
            tracks: BTreeMap::new(),
            chat: Vec::new(),
            origins: Vec::new(),
        })));
        let router = Router::new()
            .route("/api/v1/rooms/{room}/join", post(join))
            .route("/ws", get(upgrade))
            .with_state(state.clone());
        let listener = tokio::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        Self { address, state }
    }

    pub(crate) fn base(&self) -> String {
        format!("http://{}", self.address)
    }

    pub(crate) fn slug(&self) -> Slug {
        self.state.0.lock().unwrap().slug.clone()
    }

    /// The Origin fields of all upgrades so far.
    pub(crate) fn origins(&self) -> Vec<Option<String>> {
        self.state.0.lock().unwrap().origins.clone()
    }

    /// Sends anything to a peer.
    pub(crate) fn send(&self, peer: PeerId, message: Message) {
        let _ = self.state.0.lock().unwrap().peers[&peer].out.try_send(message);
    }
}

async fn join(
    State(shared): State<Shared>,
    Path(room): Path<String>,
    headers: HeaderMap,
    body: axum::Json<Join>,
) -> Response {
    let mut state = shared.0.lock().unwrap();
    if headers.get("x-rookery-csrf").is_none_or(|value| value != "1") {
        return problem(ErrorCode::Csrf);
    }
    if room != state.slug.as_str() {
        return problem(ErrorCode::RoomNotFound);
    }
    let (ticket, peer) = (Uuid::new_v4().simple().to_string(), PeerId(Uuid::now_v7()));
    state.tickets.insert(ticket.clone(), (peer, body.0.display_name.unwrap_or_default()));
    state.ws_tickets.push(ticket.clone());
    let room = Room {
        id: state.room,
        slug: state.slug.clone(),
        url: String::new(),
        name: "Room".to_owned(),
        description: String::new(),
        kind: RoomKind::Meeting,
        has_password: false,
        max_peers: 100,
        allowed: Default::default(),
        public: false,
        expires_at: None,
        closed_at: None,
        created_at: UnixMillis(0),
        role: None,
        inside: Inside::default(),
        last_message: None,
        unread: 0,
    };
    let answer = JoinAnswer { ticket, peer, role: Role::Guest, room, ice_servers: Vec::new(), gateways: Vec::new() };
    axum::Json(answer).into_response()
}

fn problem(code: ErrorCode) -> Response {
    let problem = Problem {
        kind: code.to_string(),
        status: code.http_status(),
        title: code.sentence().to_owned(),
        detail: None,
        code,
        request_id: None,
        retry_after_ms: None,
        fields: Vec::new(),
    };
    (StatusCode::from_u16(code.http_status()).unwrap(), axum::Json(problem)).into_response()
}

async fn upgrade(
    State(shared): State<Shared>,
    Query(query): Query<HashMap<String, String>>,
    headers: HeaderMap,
    upgrade: WebSocketUpgrade,
) -> Response {
    let origin = headers.get("origin").map(|value| value.to_str().unwrap().to_owned());
    {
        let mut state = shared.0.lock().unwrap();
        state.origins.push(origin);
        let ticket = query.get("ticket").cloned().unwrap_or_default();
        // "resume" stands for a ticket that a real client would get for its new socket.
        if !state.ws_tickets.contains(&ticket) && ticket != "resume" {
            return problem(ErrorCode::TicketInvalid);
        }
        state.ws_tickets.retain(|known| *known != ticket);
    }
    upgrade.on_upgrade(|socket| serve(shared, socket))
}

async fn serve(shared: Shared, mut socket: WebSocket) {
    let (out, mut outgoing) = mpsc::channel::<Message>(1_024);
    let mut me = None;
    loop {
        tokio::select! {
            message = outgoing.recv() => {
                let closing = matches!(message, Some(Message::Close(_)));
                if socket.send(message.unwrap()).await.is_err() || closing {
                    return;
                }
            }
            message = socket.recv() => {
                let Some(Ok(message)) = message else { return };
                let Message::Text(text) = message else { continue };
                if text.len() > rookery_schemas::limits::CLIENT_FRAME_BYTES_MAX {
                    let frame = CloseFrame { code: 1009, reason: "too_large".into() };
                    let _ = out.try_send(Message::Close(Some(frame)));
                    continue;
                }
                let Ok(frame) = serde_json::from_str::<ClientFrame>(text.as_str()) else {
                    say(&out, None, None, ServerMessage::Error(ErrorCode::Malformed.into()));
                    continue;
                };
                let reply = shared.answer(&mut me, &out, &frame).await;
                let room = shared.0.lock().unwrap().room;
                let message = reply.unwrap_or_else(|code| ServerMessage::Error(Refusal::new(code)));
                let is_offer = matches!(frame.message, ClientMessage::Slots { .. }) && matches!(message, ServerMessage::Ok);
                if let Some(id) = frame.id {
                    say(&out, Some(room), Some(id), message);
                }
                if let (true, Some(me)) = (is_offer, me) {
                    shared.offer_slots(me, &frame).await;
                }
            }
        }
    }
}

fn say(out: &mpsc::Sender<Message>, room: Option<RoomId>, re: Option<u32>, message: ServerMessage) {
    let frame = ServerFrame { room, re, epoch: None, n: None, message };
    let _ = out.try_send(Message::text(serde_json::to_string(&frame).unwrap()));
}

impl State_ {
    fn event(&mut self, message: &ServerMessage) {
        self.n += 1;
        let (epoch, n) = (Some(Epoch(1)), Some(EventNumber(self.n)));
        let frame = ServerFrame { room: Some(self.room), re: None, epoch, n, message: message.clone() };
        let text = serde_json::to_string(&frame).unwrap();
        for peer in self.peers.values() {
            let _ = peer.out.try_send(Message::text(text.clone()));
        }
    }

    fn joined(&self, me: PeerId, media_kept: bool) -> ServerMessage {
        ServerMessage::Joined(Box::new(Joined {
            path: rookery_schemas::signal::MediaPath::Sfu,
            peer: me,
            attachment: Attachment(self.peers[&me].attachment),
            role: Role::Guest,
            room: RoomInfo {
                id: self.room,
                slug: self.slug.clone(),
                name: "Room".to_owned(),
                kind: RoomKind::Meeting,
                allowed: Default::default(),
            },
            epoch: Epoch(1),
            n: EventNumber(self.n),
            roster: self.peers.values().map(|peer| peer.info.clone()).collect(),
            tracks: self.tracks.values().map(|track| track.info.clone()).collect(),
            last_seq: Seq(self.chat.len() as u64),
            ice_servers: Vec::new(),
            gateways: Vec::new(),
            resume_token: me.to_string(),
            media_kept,
        }))
    }

    fn enter(&mut self, ticket: &str, out: &mpsc::Sender<Message>) -> Result<PeerId, ErrorCode> {
        let (me, display_name) = self.tickets.remove(ticket).ok_or(ErrorCode::TicketInvalid)?;
        let info = PeerInfo {
            peer: me,
            user: None,
            display_name,
            role: Role::Guest,
            joined_at: UnixMillis(0),
            reconnecting: false,
        };
        self.event(&ServerMessage::PeerJoined { peer: info.clone() });
        let peer = Peer {
            info,
            out: out.clone(),
            attachment: 1,
            publish: None,
            subscribe: None,
            slots: Vec::new(),
            negotiation: 0,
        };
        self.peers.insert(me, peer);
        Ok(me)
    }
}

impl Shared {
    async fn answer(
        &self,
        me: &mut Option<PeerId>,
        out: &mpsc::Sender<Message>,
        frame: &ClientFrame,
    ) -> Result<ServerMessage, ErrorCode> {
        match &frame.message {
            ClientMessage::Ping { at } => return Ok(ServerMessage::Pong { at: *at, now: UnixMillis(0) }),
            ClientMessage::Join(join) => {
                let mut state = self.0.lock().unwrap();
                let peer = state.enter(&join.ticket, out)?;
                *me = Some(peer);
                return Ok(state.joined(peer, false));
            }
            ClientMessage::Resume(resume) => {
                let mut state = self.0.lock().unwrap();
                let peer: PeerId = resume.token.parse().map_err(|_| ErrorCode::ResumeRefused)?;
                let seat = state.peers.get_mut(&peer).ok_or(ErrorCode::ResumeRefused)?;
                seat.out = out.clone();
                seat.attachment += 1;
                *me = Some(peer);
                return Ok(state.joined(peer, resume.keep_media));
            }
            _ => {}
        }
        let me = me.ok_or(ErrorCode::NotJoined)?;
        match &frame.message {
            ClientMessage::Offer { sdp } => self.take_offer(me, sdp.clone()).await,
            ClientMessage::Answer { negotiation, sdp } => {
                let leg = {
                    let state = self.0.lock().unwrap();
                    let peer = &state.peers[&me];
                    if negotiation.0 != peer.negotiation {
                        return Err(ErrorCode::NegotiationStale);
                    }
                    peer.subscribe.clone().unwrap()
                };
                leg.take_answer(sdp.clone()).await;
                Ok(ServerMessage::Ok)
            }
            other => self.0.lock().unwrap().at_once(me, other),
        }
    }

    async fn take_offer(&self, me: PeerId, sdp: String) -> Result<ServerMessage, ErrorCode> {
        let known = self.0.lock().unwrap().peers[&me].publish.clone();
        let leg = match known {
            Some(leg) => leg,
            None => {
                let (sender, events) = mpsc::channel(4_096);
                tokio::spawn(forward(self.clone(), me, events));
                Leg::open(sender).await
            }
        };
        let sdp = leg.accept(sdp).await;
        self.0.lock().unwrap().peers.get_mut(&me).unwrap().publish = Some(leg);
        Ok(ServerMessage::Answer { sdp })
    }

    async fn offer_slots(&self, me: PeerId, frame: &ClientFrame) {
        let ClientMessage::Slots { pairs } = &frame.message else { return };
        let (known, have) = {
            let state = self.0.lock().unwrap();
            let peer = &state.peers[&me];
            (peer.subscribe.clone(), u16::try_from(peer.slots.len()).unwrap())
        };
        let leg = match known {
            Some(leg) => leg,
            None => {
                let (sender, events) = mpsc::channel(4_096);
                tokio::spawn(key_frames(self.clone(), me, events));
                Leg::open(sender).await
            }
        };
        let more = usize::from(pairs.saturating_sub(have));
        let kinds = [str0m::media::MediaKind::Video, str0m::media::MediaKind::Audio].repeat(more);
        let (sdp, mids) = leg.offer(kinds).await;
        let mut state = self.0.lock().unwrap();
        let peer = state.peers.get_mut(&me).unwrap();
        peer.subscribe = Some(leg);
        peer.negotiation += 1;
        for (at, pair) in mids.chunks(2).enumerate() {
            let slot = SlotIndex(have + u16::try_from(at).unwrap());
            peer.slots.push(SlotPair { slot, video_mid: pair[0].clone(), audio_mid: pair[1].clone() });
        }
        let (negotiation, slots) = (Negotiation(peer.negotiation), peer.slots.clone());
        let (out, room) = (peer.out.clone(), state.room);
        say(&out, Some(room), None, ServerMessage::SubscribeOffer(SubscribeOffer { negotiation, sdp, slots }));
    }
}

impl State_ {
    fn at_once(&mut self, me: PeerId, message: &ClientMessage) -> Result<ServerMessage, ErrorCode> {
        match message {
            ClientMessage::Publish(publish) => {
                let track = TrackId(Uuid::now_v7());
                let (kind, source) = (publish.kind, publish.source);
                let info = TrackInfo { track, peer: me, kind, source, muted: publish.muted, codec: None };
                self.event(&ServerMessage::TrackPublished { track: info.clone() });
                self.tracks.insert(track, Published { info, mid: publish.mid.clone(), to: Vec::new() });
                Ok(ServerMessage::Published { track })
            }
            ClientMessage::Unpublish { track } => {
                self.tracks.remove(track).ok_or(ErrorCode::TrackNotFound)?;
                self.event(&ServerMessage::TrackUnpublished { track: *track });
                Ok(ServerMessage::Ok)
            }
            ClientMessage::Subscribe(wanted) => {
                let peer = &self.peers[&me];
                let pair = peer.slots.iter().find(|pair| pair.slot == wanted.slot).ok_or(ErrorCode::SlotNotFound)?;
                let out = peer.out.clone();
                let track = self.tracks.get_mut(&wanted.track).ok_or(ErrorCode::TrackNotFound)?;
                let kind = track.info.kind;
                let mid = if kind == MediaKind::Video { &pair.video_mid } else { &pair.audio_mid };
                track.to.push((me, mid.clone()));
                let from = self.peers.get(&track.info.peer).and_then(|peer| peer.publish.clone());
                if let (Some(leg), MediaKind::Video) = (from, kind) {
                    leg.want_key(track.mid.clone());
                }
                let live = ServerMessage::SlotLive { slot: wanted.slot, kind, track: wanted.track, layer: None };
                say(&out, Some(self.room), None, live);
                Ok(ServerMessage::Ok)
            }
            ClientMessage::ChatSend(chat) => {
                let seq = Seq(self.chat.len() as u64 + 1);
                let message = self.message(me, chat.nonce, seq, &chat.text);
                self.chat.push(message.clone());
                self.event(&ServerMessage::Chat { message });
                Ok(ServerMessage::ChatAck(ChatAck { nonce: chat.nonce, seq, at: UnixMillis(0) }))
            }
            ClientMessage::History(_) => {
                Ok(ServerMessage::History(HistoryPage { messages: self.chat.clone(), more: false }))
            }
            ClientMessage::Leave => {
                self.peers.remove(&me);
                self.tracks.retain(|_, track| track.info.peer != me);
                self.event(&ServerMessage::PeerLeft { peer: me, reason: LeaveReason::Left });
                Ok(ServerMessage::Ok)
            }
            ClientMessage::Slots { .. } | ClientMessage::Mute { .. } => Ok(ServerMessage::Ok),
            _ => Err(ErrorCode::Malformed),
        }
    }

    fn message(&self, me: PeerId, nonce: Nonce, seq: Seq, text: &str) -> ChatMessage {
        let display_name = self.peers[&me].info.display_name.clone();
        ChatMessage { seq, nonce, peer: me, user: None, display_name, text: text.to_owned(), at: UnixMillis(0) }
    }
}

/// Sends on what `me` publishes to whoever is bound to it.
async fn forward(shared: Shared, me: PeerId, mut events: mpsc::Receiver<LegEvent>) {
    while let Some(event) = events.recv().await {
        let LegEvent::Rtp(packet) = event else { continue };
        let state = shared.0.lock().unwrap();
        let of = state.tracks.values().find(|track| track.info.peer == me && track.mid == packet.mid);
        for (to, mid) in of.map_or(&[][..], |track| &track.to) {
            if let Some(leg) = state.peers.get(to).and_then(|peer| peer.subscribe.as_ref()) {
                let mut packet = packet.clone();
                packet.mid.clone_from(mid);
                leg.send(packet);
            }
        }
    }
}

/// Hands key frame requests of `me` to the publishers.
async fn key_frames(shared: Shared, me: PeerId, mut events: mpsc::Receiver<LegEvent>) {
    while let Some(event) = events.recv().await {
        let LegEvent::KeyWanted(mid) = event else { continue };
        let state = shared.0.lock().unwrap();
        let wanted = state.tracks.values().find(|track| track.to.contains(&(me, mid.clone())));
        let Some(track) = wanted else { continue };
        if let Some(leg) = state.peers.get(&track.info.peer).and_then(|peer| peer.publish.as_ref()) {
            leg.want_key(track.mid.clone());
        }
    }
}
