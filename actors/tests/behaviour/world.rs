//! One node with its rooms on scripted seams, under virtual time, and clients that speak over the bus.

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use parking_lot::Mutex;
use rookery_actors::seams::Bus;
use rookery_actors::{Clock, Gauges, Now, Rooms, RoomsConfig, Seams, Target};
use rookery_media::{ConnectionId, Event};
use rookery_schemas::bus::{
    Attached, EventFrame, JoinTicket, PeerRequest, ResumeToken, RoomAnswer, RoomCommand, RoomReply, RoomRequest,
    SEAT_RENEWED_EVERY, SeatRef, SeatRenewal, events_subject, peers_subject, personal_subject, rooms_subject,
    seats_subject,
};
use rookery_schemas::error::ErrorCode;
use rookery_schemas::ids::{
    Attachment, Epoch, Incarnation, NodeId, Nonce, PeerId, RequestId, RoomId, Seq, Slug, TrackId, UnixMillis, UserId,
};
use rookery_schemas::rows::{MemberRow, RoomRow};
use rookery_schemas::signal::{
    ChatAck, ChatSend, ClientMessage, MediaKind, Publish, Role, RoomKind, ServerFrame, ServerMessage, SourceKind,
    SrtpProfile,
};
use tokio::time::Instant;
use uuid::Uuid;

use crate::fake_media::{FakeMedia, FakeTransports};
use rookery_actors::testing::{ScriptedBus, ScriptedStore};

/// The wall clock at a test's beginning.
const STARTED: i64 = 1_700_000_000_000;

pub(crate) struct TestClock {
    started: Instant,
    /// How far the wall clock was stepped, ms.
    pub(crate) stepped: AtomicI64,
}

impl Clock for TestClock {
    fn now(&self) -> Now {
        let elapsed = self.started.elapsed();
        let passed = i64::try_from(elapsed.as_millis()).unwrap();
        Now { elapsed, unix: UnixMillis(STARTED + passed + self.stepped.load(Ordering::Relaxed)) }
    }
}

pub(crate) struct World {
    pub(crate) rooms: Rooms,
    pub(crate) store: Arc<ScriptedStore>,
    pub(crate) bus: Arc<ScriptedBus>,
    pub(crate) media: Arc<FakeMedia>,
    pub(crate) transports: Arc<FakeTransports>,
    pub(crate) clock: Arc<TestClock>,
    pub(crate) room: RoomId,
    /// Whose WebSockets the gateway holds.
    pub(crate) sitting: Arc<Mutex<HashSet<SeatRef>>>,
    node: NodeId,
}

/// Someone in the room.
#[derive(Clone, Debug)]
pub(crate) struct Client {
    pub(crate) peer: PeerId,
    pub(crate) attachment: Attachment,
    pub(crate) user: Option<UserId>,
    pub(crate) joined_at: UnixMillis,
    pub(crate) epoch: Epoch,
}

pub(crate) fn room_row() -> RoomRow {
    RoomRow {
        id: RoomId(Uuid::from_u128(0xabc)),
        slug: Slug::from_letters([1; 10]),
        name: "Room".into(),
        description: String::new(),
        kind: RoomKind::Meeting,
        owner: UserId(Uuid::from_u128(1)),
        password_hash: None,
        peers_max: 100,
        public: false,
        allowed: Default::default(),
        ad_hoc: false,
        expires_at: None,
        closed_at: None,
        deleted: false,
        created_at: UnixMillis(0),
        active_at: UnixMillis(0),
    }
}

impl World {
    pub(crate) async fn new() -> Self {
        Self::with(room_row()).await
    }

    pub(crate) async fn with(row: RoomRow) -> Self {
        let store = Arc::new(ScriptedStore::default());
        store.rows.lock().rooms.insert(row.id, row.clone());
        Self::on(store, row.id, 1).await
    }

    /// A node of the given incarnation on a store that was there before.
    pub(crate) async fn on(store: Arc<ScriptedStore>, room: RoomId, incarnation: u64) -> Self {
        let node: NodeId = "n1".parse().unwrap();
        let (bus, media) = (Arc::new(ScriptedBus::default()), Arc::new(FakeMedia::default()));
        let transports = FakeTransports::new(Arc::clone(&media));
        let clock = Arc::new(TestClock { started: Instant::now(), stepped: AtomicI64::new(0) });
        let seams = Seams {
            store: store.clone(),
            bus: bus.clone(),
            media: media.clone(),
            transports: transports.clone(),
            clock: clock.clone(),
        };
        let mut config = RoomsConfig::alone(node.clone(), Incarnation(incarnation));
        config.faults = true;
        let rooms = Rooms::start(config, seams).await.unwrap();
        let sitting = Arc::default();
        tokio::spawn(renew_seats(Arc::clone(&bus), node.clone(), Arc::clone(&sitting)));
        Self { rooms, store, bus, media, transports, clock, room, sitting, node }
    }

    pub(crate) fn now(&self) -> Now {
        self.clock.now()
    }

    /// Lets everything that can happen at this time happen.
    pub(crate) async fn settle(&self) {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }

    pub(crate) async fn pass(&self, seconds: u64) {
        tokio::time::sleep(Duration::from_secs(seconds)).await;
    }

    /// Asks the room; the answer comes in time or the test ends.
    pub(crate) async fn ask(&self, command: RoomCommand) -> RoomAnswer {
        self.asking(command).await.await.expect("an answer")
    }

    /// Asks the room, and returns before there is an answer.
    pub(crate) async fn asking(&self, command: RoomCommand) -> tokio::task::JoinHandle<RoomAnswer> {
        let request = RoomRequest { room: self.room, request: RequestId(Uuid::nil()), command };
        self.request(rooms_subject(&self.node), serde_json::to_vec(&request).unwrap()).await
    }

    pub(crate) async fn request(&self, subject: String, body: Vec<u8>) -> tokio::task::JoinHandle<RoomAnswer> {
        let pending = self.bus.request(&subject, Bytes::from(body), Duration::from_secs(120)).await;
        tokio::spawn(async move {
            let body = pending.expect("it is served").await.expect("an answer in time");
            serde_json::from_slice(&body).expect("a readable answer")
        })
    }

    pub(crate) async fn code(&self, command: RoomCommand) -> Option<ErrorCode> {
        self.ask(command).await.err().map(|refusal| refusal.code)
    }

    pub(crate) async fn epoch(&self) -> Epoch {
        match self.ask(RoomCommand::Activate).await {
            Ok(RoomReply::Active { epoch, .. }) => epoch,
            other => panic!("{other:?}"),
        }
    }

    pub(crate) async fn ticket(&self, name: &str) -> JoinTicket {
        JoinTicket {
            id: RequestId(Uuid::new_v4()),
            peer: PeerId(Uuid::new_v4()),
            user: None,
            display_name: name.to_owned(),
            role: Role::Guest,
            epoch: self.epoch().await,
            expires_at: self.now().unix_after(Duration::from_secs(30)),
        }
    }

    pub(crate) async fn join(&self, name: &str) -> Client {
        self.enter(self.ticket(name).await).await
    }

    pub(crate) async fn join_as(&self, name: &str, role: Role) -> Client {
        self.join_user(name, UserId(Uuid::new_v4()), role).await
    }

    /// A member, perhaps once more.
    pub(crate) async fn join_user(&self, name: &str, user: UserId, role: Role) -> Client {
        let member = MemberRow { room: self.room, user, role, joined_at: UnixMillis(0), read_seq: Seq(0) };
        self.store.rows.lock().members.insert((self.room, user), member);
        self.enter(JoinTicket { user: Some(user), role, ..self.ticket(name).await }).await
    }

    async fn enter(&self, ticket: JoinTicket) -> Client {
        let user = ticket.user;
        match self.ask(RoomCommand::Join { ticket, srtp: SrtpProfile::Gcm, direct: false }).await {
            Ok(RoomReply::Attached(attached)) => {
                self.sits(&attached);
                client(&attached, user)
            }
            other => panic!("{other:?}"),
        }
    }

    pub(crate) fn token(&self, client: &Client) -> ResumeToken {
        ResumeToken {
            peer: client.peer,
            user: client.user,
            family: None,
            display_name: "Again".into(),
            role: Role::Guest,
            attachment: client.attachment,
            joined_at: client.joined_at,
            expires_at: self.now().unix_after(Duration::from_secs(600)),
        }
    }

    pub(crate) async fn resume(&self, client: &Client, keep_media: bool) -> Attached {
        let token = self.token(client);
        match self
            .ask(RoomCommand::Resume {
                token,
                srtp: SrtpProfile::Gcm,
                keep_media,
                direct: false,
                link: None,
                retake: false,
            })
            .await
        {
            Ok(RoomReply::Attached(attached)) => {
                self.sits(&attached);
                *attached
            }
            other => panic!("{other:?}"),
        }
    }

    fn sits(&self, attached: &Attached) {
        let Attached { peer, attachment, .. } = *attached;
        let mut sitting = self.sitting.lock();
        sitting.retain(|seat| seat.peer != peer);
        sitting.insert(SeatRef { room: self.room, peer, attachment });
    }

    /// The gateway has lost the client's WebSocket, whether or not it says so.
    pub(crate) fn stands_up(&self, client: &Client) {
        self.sitting.lock().retain(|seat| seat.peer != client.peer);
    }

    pub(crate) async fn leave(&self, client: &Client) {
        self.stands_up(client);
        let left = self.ask(RoomCommand::Leave { peer: client.peer, attachment: client.attachment }).await;
        assert!(matches!(left, Ok(RoomReply::Done)), "{left:?}");
    }

    pub(crate) async fn detach(&self, client: &Client) {
        self.stands_up(client);
        let gone = self.ask(RoomCommand::Detach { peer: client.peer, attachment: client.attachment }).await;
        assert!(matches!(gone, Ok(RoomReply::Done)), "{gone:?}");
    }

    pub(crate) fn chat_of(&self, client: &Client, nonce: Nonce, text: &str, seen: u64) -> RoomCommand {
        let message = ChatSend { nonce, text: text.to_owned(), seen: Seq(seen) };
        RoomCommand::Chat { peer: client.peer, attachment: client.attachment, message }
    }

    pub(crate) async fn chat(&self, client: &Client, text: &str) -> Result<ChatAck, ErrorCode> {
        acknowledged(self.ask(self.chat_of(client, Nonce(Uuid::new_v4()), text, 0)).await)
    }

    /// A media message of a client.
    pub(crate) async fn say(&self, client: &Client, message: ClientMessage) -> Result<ServerMessage, ErrorCode> {
        let request = PeerRequest {
            room: self.room,
            peer: client.peer,
            attachment: client.attachment,
            request: RequestId(Uuid::nil()),
            message,
        };
        let body = serde_json::to_vec(&request).unwrap();
        match self.request(peers_subject(&self.node), body).await.await.unwrap() {
            Ok(RoomReply::Message(message)) => Ok(message),
            Ok(other) => panic!("{other:?}"),
            Err(refusal) => Err(refusal.code),
        }
    }

    /// Publishes camera and microphone, and lets the connection come up.
    pub(crate) async fn publish(&self, client: &Client) -> [TrackId; 2] {
        let mut tracks = Vec::new();
        for (mid, kind, source) in
            [("0", MediaKind::Video, SourceKind::Camera), ("1", MediaKind::Audio, SourceKind::Microphone)]
        {
            let publish = Publish { mid: mid.into(), kind, source, muted: false };
            match self.say(client, ClientMessage::Publish(publish)).await {
                Ok(ServerMessage::Published { track }) => tracks.push(track),
                other => panic!("{other:?}"),
            }
        }
        let answer = self.say(client, ClientMessage::Offer { sdp: "0:video 1:audio".into() }).await;
        assert!(matches!(answer, Ok(ServerMessage::Answer { .. })), "{answer:?}");
        self.settle().await;
        let connection = self.connection_of(tracks[0]);
        let remote = "127.0.0.1:4000".parse().unwrap();
        self.media.emit(self.room, Event::Connected { connection, remote });
        self.settle().await;
        [tracks[0], tracks[1]]
    }

    pub(crate) fn connection_of(&self, track: TrackId) -> ConnectionId {
        self.media.0.lock().tracks.get(&track).expect("the track is published").0
    }

    /// Answers the last offer that this client got.
    pub(crate) async fn accept_slots(&self, client: &Client) {
        self.settle().await;
        let offer = self.told(client).into_iter().rev().find_map(|message| match message {
            ServerMessage::SubscribeOffer(offer) => Some(offer),
            _ => None,
        });
        let offer = offer.expect("slots were offered");
        let answer = ClientMessage::Answer { negotiation: offer.negotiation, sdp: offer.slots.len().to_string() };
        assert_eq!(self.say(client, answer).await, Ok(ServerMessage::Ok));
        self.settle().await;
    }

    /// Every room event so far, as its clients get it.
    pub(crate) fn events(&self) -> Vec<ServerFrame> {
        self.frames(&events_subject(self.room))
    }

    /// The messages of room events that came after the first `skip`.
    pub(crate) fn events_after(&self, skip: usize) -> Vec<ServerMessage> {
        self.events().into_iter().skip(skip).map(|frame| frame.message).collect()
    }

    /// Everything that this attachment was told.
    pub(crate) fn told(&self, client: &Client) -> Vec<ServerMessage> {
        let subject = personal_subject(self.room, client.peer, client.attachment);
        self.frames(&subject).into_iter().map(|frame| frame.message).collect()
    }

    fn frames(&self, subject: &str) -> Vec<ServerFrame> {
        let published = self.bus.published();
        let mine = published.into_iter().filter(|(to, _)| to == subject);
        mine.map(|(_, payload)| {
            let frame = EventFrame::decode(payload).expect("an event frame");
            let body: ServerFrame = serde_json::from_slice(&frame.body).expect("a server frame");
            assert_eq!(body.n.map_or(0, |n| n.0), frame.n.0, "prefix and body say the same");
            body
        })
        .collect()
    }

    pub(crate) async fn inject(&self, target: Target) {
        self.rooms.inject(self.room, target).unwrap();
        self.settle().await;
    }

    pub(crate) fn restarts(&self, kind: &str) -> u64 {
        self.rooms.metrics().restarts.with_label_values(&[kind]).get()
    }

    pub(crate) fn gauges(&self) -> Gauges {
        self.rooms.gauges()
    }
}

/// What a gateway does for the seats whose WebSockets it holds.
async fn renew_seats(bus: Arc<ScriptedBus>, node: NodeId, sitting: Arc<Mutex<HashSet<SeatRef>>>) {
    loop {
        tokio::time::sleep(SEAT_RENEWED_EVERY).await;
        let renewal = SeatRenewal { seats: sitting.lock().iter().copied().collect(), quiet: false, n: 0 };
        let body = Bytes::from(serde_json::to_vec(&renewal).unwrap());
        let _ = bus.request(&seats_subject(&node), body, SEAT_RENEWED_EVERY).await;
    }
}

pub(crate) fn client(attached: &Attached, user: Option<UserId>) -> Client {
    Client {
        peer: attached.peer,
        attachment: attached.attachment,
        user,
        joined_at: attached.joined_at,
        epoch: attached.snapshot.epoch,
    }
}

pub(crate) fn acknowledged(answer: RoomAnswer) -> Result<ChatAck, ErrorCode> {
    match answer {
        Ok(RoomReply::Message(ServerMessage::ChatAck(ack))) => Ok(ack),
        // A gateway asks there next.
        Ok(RoomReply::Redirect { .. }) => Err(ErrorCode::OwnerUnavailable),
        Ok(other) => panic!("{other:?}"),
        Err(refusal) => Err(refusal.code),
    }
}
