//! A plane on loopback, transports over it, and a client of the `webrtc` crate.
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use parking_lot::Mutex;
use rookery_actors::seams::{MediaError, MediaPlane};
use rookery_actors::transport::webrtc::{WebrtcConfig, WebrtcTransports};
use rookery_actors::transport::{OpenTransport, PeerTransport, TransportEvent, TransportEvents, Transports};
use rookery_media::{
    Command, ConnectionId, ControlLink, Event, EventSink, Plane, PlaneConfig, ReceiveLine, SendSlot, WorkerIndex,
};
use rookery_schemas::ids::RoomId;
use rookery_schemas::signal::{Connection, SrtpProfile};
use rtc::ice::mdns::MulticastDnsMode;
use rtc::media_stream::MediaStreamTrack;
use rtc::peer_connection::configuration::media_engine::{MIME_TYPE_OPUS, MIME_TYPE_VP8};
use rtc::peer_connection::transport::RTCDtlsRole;
use rtc::rtp_transceiver::rtp_sender::{
    RTCRtpCodec, RTCRtpCodingParameters, RTCRtpEncodingParameters, RTCRtpHeaderExtensionCapability, RtpCodecKind,
};
use tokio::sync::watch;
use webrtc::data_channel::{DataChannel, DataChannelEvent};
use webrtc::media_stream::track_local::{TrackLocal, static_rtp::TrackLocalStaticRTP};
use webrtc::media_stream::track_remote::TrackRemote;
use webrtc::peer_connection::{
    MediaEngine, PeerConnection, PeerConnectionBuilder, PeerConnectionEventHandler, RTCConfigurationBuilder,
    RTCIceConnectionState, RTCPeerConnectionState, RTCSessionDescription, Registry, SettingEngineBuilder,
    SrtpProtectionProfile,
};

/// Generous: a hundredth is usual.
pub(crate) const DEADLINE: Duration = Duration::from_secs(10);

/// The worker of every test.
pub(crate) const WORKER: WorkerIndex = WorkerIndex(0);

/// What was sent to the plane, as far as tests look at it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Seen {
    Open(ConnectionId),
    Close(ConnectionId),
    Credentials(String),
    Receive(Vec<ReceiveLine>),
    Send(Vec<SendSlot>),
}

/// A real plane that remembers what it was told.
pub(crate) struct Recorded {
    pub(crate) plane: Plane,
    pub(crate) seen: Mutex<Vec<Seen>>,
}

impl MediaPlane for Recorded {
    fn workers(&self) -> u16 {
        self.plane.workers()
    }

    fn addrs(&self, worker: WorkerIndex) -> Vec<SocketAddr> {
        self.plane.local_addrs(worker).to_vec()
    }

    fn send(&self, worker: WorkerIndex, command: Command) -> Result<(), MediaError> {
        let seen = match &command {
            Command::OpenConnection { connection, .. } => Some(Seen::Open(*connection)),
            Command::CloseConnection { connection } => Some(Seen::Close(*connection)),
            Command::Credentials { ufrag, .. } => Some(Seen::Credentials(ufrag.clone())),
            Command::Receive { lines, .. } => Some(Seen::Receive(lines.clone())),
            Command::Send { slots, .. } => Some(Seen::Send(slots.clone())),
            _ => None,
        };
        self.seen.lock().extend(seen);
        self.plane.send(worker, command).map_err(|_| MediaError::Stopped)
    }

    fn link(&self, worker: WorkerIndex) -> Arc<ControlLink> {
        self.plane.link(worker)
    }
}

struct Nobody;

impl EventSink for Nobody {
    fn event(&self, _: Event) {}
}

/// Events of all connections, in order.
pub(crate) struct Events(watch::Sender<Vec<(ConnectionId, TransportEvent)>>);

impl TransportEvents for Events {
    fn event(&self, connection: ConnectionId, event: TransportEvent) {
        self.0.send_modify(|events| events.push((connection, event)));
    }
}

/// Transports over a plane with one worker and one room.
pub(crate) struct Server {
    pub(crate) media: Arc<Recorded>,
    pub(crate) transports: WebrtcTransports,
    pub(crate) room: RoomId,
    pub(crate) events: Arc<Events>,
    next: Mutex<u64>,
}

impl Server {
    pub(crate) fn start() -> Self {
        Self::on(&["127.0.0.1"], &[])
    }

    pub(crate) fn on(bind: &[&str], public: &[&str]) -> Self {
        let ips = |texts: &[&str]| texts.iter().map(|text| text.parse().unwrap()).collect::<Vec<IpAddr>>();
        let plane = Plane::start(PlaneConfig { bind: ips(bind), ..PlaneConfig::default() }).unwrap();
        let room = RoomId(uuid::Uuid::from_u128(7));
        plane.send(WORKER, Command::OpenRoom { room, sink: Arc::new(Nobody) }).unwrap();
        let media = Arc::new(Recorded { plane, seen: Mutex::default() });
        let transports = WebrtcTransports::new(media.clone(), WebrtcConfig { public_addrs: ips(public) }).unwrap();
        let events = Arc::new(Events(watch::Sender::new(Vec::new())));
        Self { media, transports, room, events, next: Mutex::new(1) }
    }

    pub(crate) async fn open(&self, kind: Connection, srtp: SrtpProfile) -> (ConnectionId, Arc<dyn PeerTransport>) {
        let connection = {
            let mut next = self.next.lock();
            *next += 1;
            ConnectionId(*next)
        };
        let how =
            OpenTransport { room: self.room, worker: WORKER, connection, kind, srtp, events: self.events.clone() };
        (connection, self.transports.open(how).await.unwrap())
    }

    /// Waits until a connection has told this.
    pub(crate) async fn told(&self, connection: ConnectionId, wanted: TransportEvent) {
        let mut events = self.events.0.subscribe();
        let has = |events: &Vec<_>| events.contains(&(connection, wanted.clone()));
        let waited = tokio::time::timeout(DEADLINE, events.wait_for(has)).await;
        assert!(waited.is_ok(), "no {wanted:?}, but {:?}", self.events_of(connection));
    }

    pub(crate) fn events_of(&self, connection: ConnectionId) -> Vec<TransportEvent> {
        let events = self.events.0.borrow();
        events.iter().filter(|(of, _)| *of == connection).map(|(_, event)| event.clone()).collect()
    }

    pub(crate) fn seen(&self) -> Vec<Seen> {
        self.media.seen.lock().clone()
    }

    pub(crate) fn credentials(&self) -> Vec<String> {
        let ufrag = |seen| if let Seen::Credentials(ufrag) = seen { Some(ufrag) } else { None };
        self.seen().into_iter().filter_map(ufrag).collect()
    }
}

/// Waits until something holds that no channel tells of.
pub(crate) async fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let deadline = tokio::time::Instant::now() + DEADLINE;
    while !holds() {
        assert!(tokio::time::Instant::now() < deadline, "{what}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// Waits until a data channel is open.
pub(crate) async fn opened(channel: &dyn DataChannel) {
    let open = async { while !matches!(channel.poll().await, Some(DataChannelEvent::OnOpen)) {} };
    assert!(tokio::time::timeout(DEADLINE, open).await.is_ok(), "the data channel does not open");
}

pub(crate) fn ufrag(sdp: &str) -> String {
    sdp.lines().find_map(|line| line.strip_prefix("a=ice-ufrag:")).unwrap().to_owned()
}

/// What a client has come to.
#[derive(Clone, Default)]
pub(crate) struct State {
    pub(crate) connected: bool,
    pub(crate) failed: bool,
    pub(crate) ice: Vec<RTCIceConnectionState>,
    pub(crate) channels: Vec<Arc<dyn DataChannel>>,
    pub(crate) tracks: Vec<Arc<dyn TrackRemote>>,
}

struct Watcher(watch::Sender<State>);

#[async_trait]
impl PeerConnectionEventHandler for Watcher {
    async fn on_connection_state_change(&self, state: RTCPeerConnectionState) {
        self.0.send_modify(|seen| {
            seen.connected |= state == RTCPeerConnectionState::Connected;
            seen.failed |= state == RTCPeerConnectionState::Failed;
        });
    }

    async fn on_ice_connection_state_change(&self, state: RTCIceConnectionState) {
        self.0.send_modify(|seen| seen.ice.push(state));
    }

    async fn on_data_channel(&self, channel: Arc<dyn DataChannel>) {
        self.0.send_modify(|seen| seen.channels.push(channel));
    }

    async fn on_track(&self, track: Arc<dyn TrackRemote>) {
        self.0.send_modify(|seen| seen.tracks.push(track));
    }
}

/// A client over its own socket.
pub(crate) struct Client {
    pub(crate) pc: Arc<dyn PeerConnection>,
    pub(crate) state: watch::Receiver<State>,
}

impl Client {
    pub(crate) async fn new(profile: SrtpProtectionProfile) -> Self {
        Self::on(profile, "127.0.0.1:0").await
    }

    pub(crate) async fn gcm() -> Self {
        Self::new(SrtpProtectionProfile::Srtp_Aead_Aes_128_Gcm).await
    }

    pub(crate) async fn on(profile: SrtpProtectionProfile, addr: &'static str) -> Self {
        let mut engine = MediaEngine::default();
        engine.register_default_codecs().unwrap();
        for kind in [RtpCodecKind::Audio, RtpCodecKind::Video] {
            for uri in [
                "urn:ietf:params:rtp-hdrext:sdes:mid",
                "http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01",
            ] {
                let uri = RTCRtpHeaderExtensionCapability { uri: uri.to_owned() };
                engine.register_header_extension(uri, kind, None).unwrap();
            }
        }
        let settings = SettingEngineBuilder::new()
            .with_include_loopback_candidate(true)
            .with_multicast_dns_mode(MulticastDnsMode::Disabled)
            .with_srtp_protection_profiles(vec![profile])
            // as browsers do; the library would leave the handshake to a lite offerer
            .with_answering_dtls_role(RTCDtlsRole::Client)
            .build();
        let sender = watch::Sender::new(State::default());
        let state = sender.subscribe();
        let pc = PeerConnectionBuilder::new()
            .with_configuration(RTCConfigurationBuilder::new().build())
            .with_setting_engine(settings)
            .with_media_engine(engine)
            .with_interceptor_registry(Registry::new())
            .with_handler(Arc::new(Watcher(sender)))
            .with_udp_addrs(vec![addr])
            .build()
            .await
            .unwrap();
        Self { pc: Arc::new(pc), state }
    }

    pub(crate) async fn add_track(&self, id: &str, kind: RtpCodecKind, ssrc: u32) -> Arc<TrackLocalStaticRTP> {
        let (mime_type, clock_rate, channels) = match kind {
            RtpCodecKind::Audio => (MIME_TYPE_OPUS, 48_000, 2),
            _ => (MIME_TYPE_VP8, 90_000, 0),
        };
        let codec = RTCRtpCodec { mime_type: mime_type.to_owned(), clock_rate, channels, ..Default::default() };
        let coding = RTCRtpCodingParameters { ssrc: Some(ssrc), ..Default::default() };
        let encoding = RTCRtpEncodingParameters { codec, rtp_coding_parameters: coding, ..Default::default() };
        let track = MediaStreamTrack::new("stream".to_owned(), id.to_owned(), id.to_owned(), kind, vec![encoding]);
        let track = Arc::new(TrackLocalStaticRTP::new(track));
        let local: Arc<dyn TrackLocal> = track.clone();
        self.pc.add_track(local).await.unwrap();
        track
    }

    /// Makes an offer, without candidates.
    pub(crate) async fn offer(&self) -> String {
        let offer = self.pc.create_offer(None).await.unwrap();
        let sdp = offer.sdp.clone();
        self.pc.set_local_description(offer).await.unwrap();
        sdp
    }

    pub(crate) async fn take_answer(&self, sdp: &str) {
        self.pc.set_remote_description(RTCSessionDescription::answer(sdp.to_owned()).unwrap()).await.unwrap();
    }

    /// Takes an offer and answers it, without candidates.
    pub(crate) async fn answer(&self, sdp: &str) -> String {
        self.pc.set_remote_description(RTCSessionDescription::offer(sdp.to_owned()).unwrap()).await.unwrap();
        let answer = self.pc.create_answer(None).await.unwrap();
        let sdp = answer.sdp.clone();
        self.pc.set_local_description(answer).await.unwrap();
        sdp
    }

    /// Offers, has it answered, takes the answer.
    pub(crate) async fn publish_to(&self, transport: &dyn PeerTransport) -> String {
        let answer = transport.answer(&self.offer().await).await.unwrap();
        self.take_answer(&answer.sdp).await;
        answer.sdp
    }

    /// Takes the server's offer of so many pairs and answers it.
    pub(crate) async fn subscribe_to(&self, transport: &dyn PeerTransport, pairs: u16, restart: bool) -> Vec<SendSlot> {
        let offered = transport.offer(pairs, restart).await.unwrap();
        let answer = self.answer(&offered.sdp).await;
        transport.accept(&answer).await.unwrap()
    }

    pub(crate) async fn connected(&mut self) {
        self.until("connected", |state| state.connected).await;
    }

    pub(crate) async fn until(&mut self, what: &str, holds: impl FnMut(&State) -> bool) {
        let waited = tokio::time::timeout(DEADLINE, self.state.wait_for(holds)).await;
        assert!(waited.is_ok(), "the client is never {what}");
    }
}
