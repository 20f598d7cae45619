use std::cell::Cell;

use rookery_media::{ExtensionIds, ReceiveLine, SendSlot, SlotKey};
use rookery_schemas::bus::RoomAnswer;
use rookery_schemas::ids::{Negotiation, SlotIndex, UnixMillis};
use rookery_schemas::limits::TRACKS_PER_PEER_MAX;
use rookery_schemas::signal::{
    Allowed, Codec, PeerInfo, Publish, Role, SlotPair, SourceKind, Subscribe, TrackInfo, Unsubscribe,
};
use uuid::Uuid;

use super::publishing::NEGOTIATED_WITHIN;
use super::*;
use crate::catalogue::Published;
use crate::peer::Bound;
use crate::room::PeerFact;
use crate::transport::{Answered, Offered};

#[derive(Default)]
struct Counting(Cell<u64>);

impl Counting {
    fn next(&self) -> u64 {
        self.0.set(self.0.get() + 1);
        self.0.get()
    }
}

impl FreshIds for Counting {
    fn connection(&self) -> ConnectionId {
        ConnectionId(self.next())
    }

    fn track(&self) -> TrackId {
        TrackId(Uuid::from_u128(self.next().into()))
    }
}

const ME: u128 = 1;
const VIDEO: MediaKind = MediaKind::Video;
const AUDIO: MediaKind = MediaKind::Audio;

fn at(seconds: u64) -> Now {
    Now { elapsed: Duration::from_secs(seconds), unix: UnixMillis(0) }
}

fn catalogue(tracks: &[(u128, u128, MediaKind)]) -> Arc<Catalogue> {
    let published = |(track, of, kind): &(u128, u128, MediaKind)| {
        (TrackId(Uuid::from_u128(*track)), Published { peer: PeerId(Uuid::from_u128(*of)), kind: *kind })
    };
    Arc::new(Catalogue { tracks: tracks.iter().map(published).collect(), allowed: Allowed::default() })
}

fn seating(attachment: u32, keep_media: bool, tracks: &[(u128, u128, MediaKind)]) -> Seating {
    let info = PeerInfo {
        peer: PeerId(Uuid::from_u128(ME)),
        user: None,
        display_name: "Me".into(),
        role: Role::Guest,
        joined_at: UnixMillis(0),
        reconnecting: false,
    };
    Seating {
        seated: Seated { info, attachment: Attachment(attachment), connected: true },
        srtp: SrtpProfile::Gcm,
        born: None,
        keep_media,
        catalogue: catalogue(tracks),
        takes_media: true,
    }
}

struct Peer {
    state: PeerState,
    out: Vec<Effect>,
    ids: Counting,
    asks: u64,
}

impl Peer {
    fn new(tracks: &[(u128, u128, MediaKind)]) -> Self {
        Self::seated(seating(1, false, tracks))
    }

    fn seated(seating: Seating) -> Self {
        let (ids, mut out) = (Counting(Cell::new(100)), Vec::new());
        let state = PeerState::new(seating, &ids, &mut out);
        Self { state, out, ids, asks: 0 }
    }

    fn ask(&mut self, now: Now, message: ClientMessage) -> Option<Result<ServerMessage, ErrorCode>> {
        self.ask_as(now, 1, message)
    }

    fn ask_as(
        &mut self,
        now: Now,
        attachment: u32,
        message: ClientMessage,
    ) -> Option<Result<ServerMessage, ErrorCode>> {
        self.asks += 1;
        let ask = AskId(self.asks);
        let since = self.out.len();
        self.state.request(now, ask, (Attachment(attachment), message), &self.ids, &mut self.out);
        self.answer_to(ask, since)
    }

    fn answer_to(&self, ask: AskId, since: usize) -> Option<Result<ServerMessage, ErrorCode>> {
        self.out[since..].iter().find_map(|effect| match effect {
            Effect::Answer { ask: to, answer } if *to == ask => Some(read(answer)),
            _ => None,
        })
    }

    fn publish(&mut self, now: Now, mid: &str, kind: MediaKind) -> TrackId {
        let source = if kind == AUDIO { SourceKind::Microphone } else { SourceKind::Camera };
        let publish = Publish { mid: mid.into(), kind, source, muted: false };
        match self.ask(now, ClientMessage::Publish(publish)) {
            Some(Ok(ServerMessage::Published { track })) => track,
            other => panic!("{other:?}"),
        }
    }

    /// Offers, and has it answered with these m-lines.
    fn offer(&mut self, lines: &[(&str, MediaKind)]) -> ConnectionId {
        assert_eq!(self.ask(at(0), ClientMessage::Offer { sdp: "v=0".into() }), None);
        let connection = self.state.publish.unwrap().connection;
        let ask = AskId(self.asks);
        let lines = lines.iter().map(|(mid, kind)| line(mid, *kind)).collect();
        let result = Ok(Answered { sdp: "answer".into(), lines });
        self.state.done(at(0), Outcome::Answered { connection, ask, result }, &mut self.out);
        connection
    }

    /// The pending offer is made, with as many pairs as were asked for, and accepted.
    fn negotiate(&mut self) -> u16 {
        let pairs = self.made();
        let number = self.state.negotiating.tell_again(Duration::ZERO).unwrap().negotiation;
        assert_eq!(self.ask(at(0), ClientMessage::Answer { negotiation: number, sdp: "v=0".into() }), None);
        let connection = self.state.subscribe.unwrap().connection;
        let ask = AskId(self.asks);
        let slots = (0..pairs).flat_map(|index| [VIDEO, AUDIO].map(|kind| slot(index, kind))).collect();
        self.state.done(at(0), Outcome::Accepted { connection, ask, result: Ok(slots) }, &mut self.out);
        assert_eq!(self.answer_to(ask, 0), Some(Ok(ServerMessage::Ok)));
        pairs
    }

    fn made(&mut self) -> u16 {
        let wanted = self.out.iter().rev().find_map(|effect| match effect {
            Effect::Op(Op::Offer { connection, pairs, .. }) => Some((*connection, *pairs)),
            _ => None,
        });
        let (connection, pairs) = wanted.expect("an offer is to be made");
        let pair = |i| SlotPair { slot: SlotIndex(i), video_mid: format!("v{i}"), audio_mid: format!("a{i}") };
        let result = Ok(Offered { sdp: "offer".into(), slots: (0..pairs).map(pair).collect() });
        self.state.done(at(0), Outcome::Offered { connection, result }, &mut self.out);
        pairs
    }

    fn facts(&mut self) -> Vec<PeerFact> {
        let facts = self.out.iter().filter_map(|effect| match effect {
            Effect::Room(fact) => Some(fact.clone()),
            _ => None,
        });
        facts.collect()
    }

    fn orders(&mut self) -> Vec<RouterOrder> {
        let orders = self.out.drain(..).filter_map(|effect| match effect {
            Effect::Router(order) => Some(order),
            _ => None,
        });
        orders.collect()
    }

    fn told(&self) -> Vec<ServerMessage> {
        let told = self.out.iter().filter_map(|effect| match effect {
            Effect::Personal(message) => Some(message.as_ref().clone()),
            _ => None,
        });
        told.collect()
    }

    fn offers(&self) -> usize {
        self.out.iter().filter(|effect| matches!(effect, Effect::Op(Op::Offer { .. }))).count()
    }
}

fn read(answer: &RoomAnswer) -> Result<ServerMessage, ErrorCode> {
    match answer {
        Ok(RoomReply::Message(message)) => Ok(message.clone()),
        Ok(other) => panic!("{other:?}"),
        Err(refusal) => Err(refusal.code),
    }
}

fn line(mid: &str, kind: MediaKind) -> ReceiveLine {
    ReceiveLine {
        mid: mid.into(),
        kind,
        codecs: Vec::new(),
        extensions: ExtensionIds::default(),
        ssrcs: Vec::new(),
        fid: Vec::new(),
        rids: Vec::new(),
    }
}

fn slot(index: u16, kind: MediaKind) -> SendSlot {
    let (key, extensions) = (SlotKey { index: SlotIndex(index), kind }, ExtensionIds::default());
    SendSlot { key, mid: "0".into(), ssrc: 1, rtx_ssrc: None, codecs: Vec::new(), extensions }
}

fn subscribe(track: u128, slot: u16) -> ClientMessage {
    let track = TrackId(Uuid::from_u128(track));
    ClientMessage::Subscribe(Subscribe { track, slot: SlotIndex(slot), size: None })
}

#[test]
fn a_track_is_announced_once_its_m_line_is_negotiated() {
    let mut peer = Peer::new(&[]);
    let early = peer.publish(at(0), "0", VIDEO);
    assert_eq!(peer.facts(), [], "published before the offer: not yet");
    let connection = peer.offer(&[("0", VIDEO), ("1", AUDIO)]);
    let late = peer.publish(at(0), "1", AUDIO);
    let announced: Vec<_> = peer
        .facts()
        .into_iter()
        .map(|fact| match fact {
            PeerFact::Announced(TrackInfo { track, .. }) => track,
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(announced, [early, late]);
    let orders = peer.orders();
    assert!(matches!(orders[0], RouterOrder::Opened { connection: opened, .. } if opened == connection));
    let published =
        |order: &RouterOrder, wanted| matches!(order, RouterOrder::Publish { track, .. } if *track == wanted);
    assert!(published(&orders[1], early) && published(&orders[2], late), "{orders:?}");
    peer.offer(&[("1", AUDIO)]);
    assert!(peer.facts().contains(&PeerFact::Ended(early)), "its m-line is gone");
    assert!(peer.orders().contains(&RouterOrder::Unpublish(early)));
}

#[test]
fn a_track_whose_offer_does_not_come_is_dropped() {
    let mut peer = Peer::new(&[]);
    peer.publish(at(0), "0", VIDEO);
    assert_eq!(peer.state.deadline(), Some(NEGOTIATED_WITHIN));
    peer.state.wake(at(9), &mut peer.out);
    assert_eq!(peer.told(), []);
    peer.state.wake(at(10), &mut peer.out);
    assert!(matches!(&peer.told()[..], [ServerMessage::Error(refusal)] if refusal.code == ErrorCode::TrackNotFound));
    assert_eq!((peer.state.deadline(), peer.facts()), (None, vec![]));
    peer.publish(at(11), "0", AUDIO);
    peer.offer(&[("0", VIDEO)]);
    assert_eq!((peer.told().len(), peer.facts()), (2, vec![]), "the m-line is of the other kind");
}

#[test]
fn publications_are_checked() {
    let publish = |mid: &str, kind| {
        ClientMessage::Publish(Publish { mid: mid.into(), kind, source: SourceKind::Screen, muted: false })
    };
    let mut peer = Peer::new(&[]);
    peer.offer(&[("7", VIDEO)]);
    for (what, mid, kind, code) in [
        ("no mid", "", VIDEO, ErrorCode::Invalid),
        ("a long mid", "12345678901234567", VIDEO, ErrorCode::Invalid),
        ("a mid with a line break", "a\r\nb", VIDEO, ErrorCode::Invalid),
        ("the other kind", "7", AUDIO, ErrorCode::Invalid),
    ] {
        assert_eq!(peer.ask(at(0), publish(mid, kind)), Some(Err(code)), "{what}");
    }
    for n in 0..TRACKS_PER_PEER_MAX {
        peer.publish(at(0), &n.to_string(), VIDEO);
    }
    assert_eq!(peer.ask(at(0), publish("0", VIDEO)), Some(Err(ErrorCode::Invalid)), "that mid is taken");
    assert_eq!(peer.ask(at(0), publish("99", VIDEO)), Some(Err(ErrorCode::TooMany)));
    let foreign = TrackId(Uuid::from_u128(9));
    for message in [ClientMessage::Unpublish { track: foreign }, ClientMessage::Mute { track: foreign, muted: true }] {
        assert_eq!(peer.ask(at(0), message), Some(Err(ErrorCode::TrackNotFound)));
    }
    let mut chat = Peer::seated(Seating { takes_media: false, ..seating(1, false, &[(5, 2, VIDEO)]) });
    assert!(chat.out.is_empty(), "no slots are offered");
    for message in [publish("0", VIDEO), ClientMessage::Offer { sdp: "v=0".into() }, subscribe(5, 0)] {
        assert_eq!(chat.ask(at(0), message), Some(Err(ErrorCode::KindRefusesMedia)));
    }
}

fn allowing(allowed: Allowed) -> Arc<Catalogue> {
    Arc::new(Catalogue { allowed, ..Catalogue::default() })
}

#[test]
fn what_the_host_does_not_allow_is_refused_and_ended() {
    let no_camera = Allowed { camera: false, ..Allowed::default() };
    let publish = |source: SourceKind, mid: &str| {
        ClientMessage::Publish(Publish { mid: mid.into(), kind: source.media(), source, muted: false })
    };
    let mut peer = Peer::new(&[]);
    let (camera, voice) = (peer.publish(at(0), "0", VIDEO), peer.publish(at(0), "1", AUDIO));
    peer.offer(&[("0", VIDEO), ("1", AUDIO), ("3", VIDEO)]);
    let waiting = peer.publish(at(0), "2", VIDEO);
    peer.out.clear();
    peer.state.catalogue(allowing(no_camera), &peer.ids, &mut peer.out);
    assert_eq!(peer.facts(), [PeerFact::Ended(camera)], "the one without an m-line was told to nobody");
    assert_eq!(peer.orders(), [RouterOrder::Unpublish(camera)]);
    for track in [camera, waiting] {
        let unmute = ClientMessage::Mute { track, muted: false };
        assert_eq!(peer.ask(at(0), unmute), Some(Err(ErrorCode::TrackNotFound)));
    }
    assert_eq!(peer.ask(at(0), publish(SourceKind::Camera, "0")), Some(Err(ErrorCode::NotAllowed)));
    assert!(matches!(peer.ask(at(0), publish(SourceKind::Screen, "3")), Some(Ok(ServerMessage::Published { .. }))));
    assert_eq!(peer.ask(at(0), ClientMessage::Mute { track: voice, muted: true }), Some(Ok(ServerMessage::Ok)));
    assert!(
        !peer
            .state
            .relearn()
            .orders
            .iter()
            .any(|order| matches!(order, RouterOrder::Publish { track, .. } if *track == camera))
    );
    assert!(peer.state.relearn().orders.contains(&RouterOrder::Unpublish(camera)), "a new router hears of it too");

    let mut host = seating(2, true, &[]);
    host.seated.info.role = Role::Host;
    host.catalogue = allowing(no_camera);
    peer.state.attach(at(1), host, &peer.ids, &mut peer.out);
    let theirs = match peer.ask_as(at(1), 2, publish(SourceKind::Camera, "0")) {
        Some(Ok(ServerMessage::Published { track })) => track,
        other => panic!("{other:?}"),
    };
    peer.out.clear();
    let seated = Seating { catalogue: allowing(no_camera), ..seating(3, true, &[]) };
    peer.state.attach(at(2), seated, &peer.ids, &mut peer.out);
    assert_eq!(peer.facts(), [PeerFact::Ended(theirs)], "a host no more");
    peer.state.catalogue(allowing(Allowed::default()), &peer.ids, &mut peer.out);
    let again = peer.ask_as(at(2), 3, publish(SourceKind::Camera, "0"));
    assert!(matches!(again, Some(Ok(ServerMessage::Published { .. }))), "{again:?}");
}

#[test]
fn muting_and_codecs_are_told_once() {
    let mut peer = Peer::new(&[]);
    let track = peer.publish(at(0), "0", VIDEO);
    peer.offer(&[("0", VIDEO)]);
    peer.out.clear();
    for muted in [true, true, false] {
        assert_eq!(peer.ask(at(0), ClientMessage::Mute { track, muted }), Some(Ok(ServerMessage::Ok)));
    }
    for codec in [Codec::Vp8, Codec::Vp8, Codec::H264] {
        peer.state.media(&Event::TrackStarted { track, codec }, &mut peer.out);
    }
    let changed: Vec<_> = peer
        .facts()
        .into_iter()
        .map(|fact| match fact {
            PeerFact::Changed(info) => (info.muted, info.codec),
            other => panic!("{other:?}"),
        })
        .collect();
    let (vp8, h264) = (Some(Codec::Vp8), Some(Codec::H264));
    assert_eq!(changed, [(true, None), (false, None), (false, vp8), (false, h264)]);
    let mutes = [RouterOrder::Mute { track, muted: true }, RouterOrder::Mute { track, muted: false }];
    assert_eq!(peer.orders(), mutes);
}

#[test]
fn slots_are_offered_ahead_of_need() {
    let mut peer = Peer::new(&[]);
    assert!(peer.out.is_empty(), "nobody publishes: no connection");
    let publish = |peer: &mut Peer, count: u128| {
        let tracks: Vec<_> = (0..count).map(|n| (n + 50, n + 2, VIDEO)).collect();
        peer.state.catalogue(catalogue(&tracks), &peer.ids, &mut peer.out);
    };
    publish(&mut peer, 1);
    assert_eq!(peer.negotiate(), 2);
    peer.out.clear();
    publish(&mut peer, 2);
    publish(&mut peer, 3);
    publish(&mut peer, 5);
    assert_eq!(peer.offers(), 1, "one at a time");
    assert_eq!(peer.made(), 4);
    let number = Negotiation(2);
    assert_eq!(
        peer.ask(at(0), ClientMessage::Answer { negotiation: Negotiation(1), sdp: "v=0".into() }),
        Some(Err(ErrorCode::NegotiationStale))
    );
    peer.ask(at(0), ClientMessage::Answer { negotiation: number, sdp: "v=0".into() });
    let connection = peer.state.subscribe.unwrap().connection;
    let refused =
        Outcome::Accepted { connection, ask: AskId(peer.asks), result: Err(TransportError::Sdp("no".into())) };
    peer.state.done(at(0), refused, &mut peer.out);
    assert_eq!(peer.answer_to(AskId(peer.asks), 0), Some(Err(ErrorCode::SdpRefused)));
    assert_eq!(peer.offers(), 1, "the offer still waits for a good answer");
    peer.ask(at(0), ClientMessage::Answer { negotiation: number, sdp: "v=0".into() });
    let accepted = Outcome::Accepted { connection, ask: AskId(peer.asks), result: Ok(Vec::new()) };
    peer.state.done(at(0), accepted, &mut peer.out);
    assert_eq!(peer.made(), 8, "five are there, and the next");
    assert_eq!(peer.ask(at(0), ClientMessage::Slots { pairs: 25 }), Some(Err(ErrorCode::TooMany)));
}

#[test]
fn a_client_may_ask_for_slots_before_anyone_publishes() {
    let mut peer = Peer::new(&[]);
    assert_eq!(peer.ask(at(0), ClientMessage::RestartIce), Some(Err(ErrorCode::SlotNotFound)));
    assert_eq!(peer.ask(at(0), ClientMessage::Slots { pairs: 3 }), Some(Ok(ServerMessage::Ok)));
    assert_eq!(peer.negotiate(), 4);
    peer.out.clear();
    assert_eq!(peer.ask(at(0), ClientMessage::RestartIce), Some(Ok(ServerMessage::Ok)));
    assert!(matches!(peer.out.last(), Some(Effect::Op(Op::Offer { restart_ice: true, pairs: 4, .. }))));
}

#[test]
fn subscriptions_are_checked_and_bound_without_sdp() {
    let mut peer = Peer::new(&[(50, 2, VIDEO), (51, 2, AUDIO), (52, ME, VIDEO)]);
    peer.made();
    peer.out.clear();
    for (what, message, code) in [
        ("no such track", subscribe(9, 0), ErrorCode::TrackNotFound),
        ("one's own", subscribe(52, 0), ErrorCode::Invalid),
        ("not offered", subscribe(50, 2), ErrorCode::SlotNotFound),
    ] {
        assert_eq!(peer.ask(at(0), message), Some(Err(code)), "{what}");
    }
    assert_eq!(peer.ask(at(0), subscribe(50, 0)), Some(Ok(ServerMessage::Ok)));
    assert_eq!(peer.orders(), [], "the client has not accepted the slot yet");
    let connection = peer.state.subscribe.unwrap().connection;
    let bind = |kind, track: Option<u128>| RouterOrder::Bind {
        connection,
        slot: SlotKey { index: SlotIndex(0), kind },
        bound: track.map(|track| Bound { track: TrackId(Uuid::from_u128(track)), size: None }),
    };
    peer.ask(at(0), ClientMessage::Answer { negotiation: Negotiation(1), sdp: "v=0".into() });
    let slots = vec![slot(0, VIDEO), slot(0, AUDIO)];
    let accepted = Outcome::Accepted { connection, ask: AskId(peer.asks), result: Ok(slots) };
    peer.state.done(at(0), accepted, &mut peer.out);
    assert_eq!(peer.orders(), [bind(VIDEO, Some(50))]);
    peer.ask(at(0), subscribe(51, 0));
    let unsubscribe = Unsubscribe { slot: SlotIndex(0), kind: VIDEO };
    peer.ask(at(0), ClientMessage::Unsubscribe(unsubscribe));
    assert_eq!(peer.orders(), [bind(AUDIO, Some(51)), bind(VIDEO, None)]);
    let key = SlotKey { index: SlotIndex(0), kind: AUDIO };
    let track = TrackId(Uuid::from_u128(51));
    let layer = Some("h".into());
    peer.state.media(&Event::SlotLive { connection, slot: key, track, layer }, &mut peer.out);
    peer.state.media(&Event::SlotIdle { connection: ConnectionId(1), slot: key }, &mut peer.out);
    assert_eq!(
        peer.told(),
        [ServerMessage::SlotLive { slot: SlotIndex(0), kind: AUDIO, track, layer: Some("h".into()) }],
        "and none of a stranger's"
    );
}

#[test]
fn an_older_attachment_is_refused() {
    let mut peer = Peer::new(&[]);
    peer.state.attach(at(0), seating(2, false, &[]), &peer.ids, &mut peer.out);
    let offer = || ClientMessage::Offer { sdp: "v=0".into() };
    assert_eq!(peer.ask_as(at(0), 1, offer()), Some(Err(ErrorCode::Superseded)));
    assert_eq!(peer.ask_as(at(0), 2, offer()), None);
    assert_eq!((peer.state.attachment(), peer.state.identity().1), (Attachment(2), Attachment(1)));
}

#[test]
fn media_is_kept_or_begun_anew_by_attaching() {
    for keep in [true, false] {
        let mut peer = Peer::new(&[(50, 2, VIDEO)]);
        let track = peer.publish(at(0), "0", VIDEO);
        let publish = peer.offer(&[("0", VIDEO)]);
        let remote = "127.0.0.1:9".parse().unwrap();
        peer.state.media(&Event::Connected { connection: publish, remote }, &mut peer.out);
        peer.made();
        let subscribe = peer.state.subscribe.unwrap().connection;
        peer.out.clear();
        peer.state.attach(at(1), seating(2, keep, &[(50, 2, VIDEO)]), &peer.ids, &mut peer.out);
        if keep {
            assert!(matches!(&peer.told()[..], [ServerMessage::SubscribeOffer(_)]), "the waiting offer is told again");
            assert_eq!((peer.facts(), peer.orders()), (vec![], vec![]));
        } else {
            assert!(peer.facts().contains(&PeerFact::Ended(track)));
            assert_eq!(peer.offers(), 1, "slots are offered anew");
            let orders = peer.orders();
            for closed in [publish, subscribe] {
                assert!(orders.contains(&RouterOrder::Closed(closed)), "{orders:?}");
            }
            assert_eq!(peer.state.publish, None);
        }
    }
}

#[test]
fn a_connection_that_fails_is_closed_and_the_client_told() {
    for (event, told) in [
        (TransportEvent::Failed("ice"), Some(None)),
        (TransportEvent::SrtpProfileRefused, Some(Some(ErrorCode::SrtpProfile))),
        (TransportEvent::ClosedByClient, None),
    ] {
        let mut peer = Peer::new(&[(50, 2, VIDEO)]);
        let connection = peer.state.subscribe.unwrap().connection;
        peer.out.clear();
        peer.state.transport(connection, &event, &mut peer.out);
        let said: Vec<_> = peer
            .told()
            .into_iter()
            .map(|message| match message {
                ServerMessage::Reattach { .. } => None,
                ServerMessage::Error(refusal) => Some(refusal.code),
                other => panic!("{other:?}"),
            })
            .collect();
        assert_eq!(said, told.into_iter().collect::<Vec<_>>(), "{event:?}");
        assert!(peer.out.iter().any(|effect| matches!(effect, Effect::Op(Op::Close { .. }))));
        peer.out.clear();
        peer.state.catalogue(catalogue(&[(50, 2, VIDEO), (51, 3, VIDEO)]), &peer.ids, &mut peer.out);
        assert_eq!(peer.offers(), 0, "not again by itself");
        let late = Outcome::Offered { connection, result: Err(TransportError::Closed) };
        peer.state.done(at(0), late, &mut peer.out);
        assert!(peer.out.is_empty(), "late news of it is none");
        peer.state.attach(at(1), seating(2, false, &[(50, 2, VIDEO)]), &peer.ids, &mut peer.out);
        assert_eq!(peer.offers(), 1, "but when the client attaches again");
    }
}

#[test]
fn refused_offers_leave_the_connection_and_failed_ones_do_not() {
    for (error, code, lives) in [
        (TransportError::Sdp("bad".into()), ErrorCode::SdpRefused, true),
        (TransportError::SrtpProfile(SrtpProfile::Gcm), ErrorCode::SrtpProfile, false),
        (TransportError::Failed("bug".into()), ErrorCode::Internal, false),
    ] {
        let mut peer = Peer::new(&[]);
        peer.ask(at(0), ClientMessage::Offer { sdp: "v=0".into() });
        let connection = peer.state.publish.unwrap().connection;
        let outcome = Outcome::Answered { connection, ask: AskId(peer.asks), result: Err(error) };
        peer.state.done(at(0), outcome, &mut peer.out);
        assert_eq!(peer.answer_to(AskId(peer.asks), 0), Some(Err(code)));
        assert_eq!(peer.state.publish.is_some(), lives, "{code}");
    }
    let mut peer = Peer::new(&[]);
    let sdp = "a=b\n".repeat(10_001);
    assert_eq!(peer.ask(at(0), ClientMessage::Offer { sdp }), Some(Err(ErrorCode::SdpRefused)));
    let sdp = "x".repeat(70_000);
    assert_eq!(peer.ask(at(0), ClientMessage::Offer { sdp }), Some(Err(ErrorCode::TooLarge)));
    assert_eq!(peer.state.publish, None);
}

#[test]
fn the_room_hears_of_silence_and_of_its_end() {
    let mut peer = Peer::new(&[]);
    let connection = peer.offer(&[("0", VIDEO)]);
    peer.out.clear();
    let remote = "127.0.0.1:9".parse().unwrap();
    for event in [
        Event::Connected { connection, remote },
        Event::Silent { connection },
        Event::Heard { connection },
        Event::Silent { connection: ConnectionId(1) },
    ] {
        peer.state.media(&event, &mut peer.out);
    }
    let media = |up| PeerFact::Media(MediaHealth { up, silent: !up });
    assert_eq!(peer.facts(), [media(true), media(false), media(true)]);
}

#[test]
fn everything_can_be_learned_again() {
    let mut peer = Peer::new(&[(50, 2, VIDEO)]);
    let gone = peer.publish(at(0), "0", VIDEO);
    let kept = peer.publish(at(0), "1", AUDIO);
    peer.publish(at(0), "9", AUDIO);
    let publish = peer.offer(&[("0", VIDEO), ("1", AUDIO)]);
    peer.ask(at(0), ClientMessage::Unpublish { track: gone });
    assert_eq!(peer.made(), 2);
    peer.ask(at(0), subscribe(50, 1));
    peer.ask(at(0), ClientMessage::Answer { negotiation: Negotiation(1), sdp: "v=0".into() });
    let connection = peer.state.subscribe.unwrap().connection;
    let accepted = Outcome::Accepted { connection, ask: AskId(peer.asks), result: Ok(vec![slot(1, VIDEO)]) };
    peer.state.done(at(0), accepted, &mut peer.out);
    let learned = peer.state.relearn();
    assert_eq!(learned.connections, [publish, connection]);
    let bound = Some(Bound { track: TrackId(Uuid::from_u128(50)), size: None });
    let me = PeerId(Uuid::from_u128(ME));
    let orders = [
        RouterOrder::Unpublish(gone),
        RouterOrder::Publish { connection: publish, mid: "1".into(), track: kept, peer: me, kind: AUDIO, muted: false },
        RouterOrder::Mute { track: kept, muted: false },
        RouterOrder::Bind { connection, slot: SlotKey { index: SlotIndex(1), kind: VIDEO }, bound },
    ];
    assert_eq!(learned.orders, orders);
    let report = peer.state.report();
    let tracks: Vec<_> = report.tracks.iter().map(|track| track.track).collect();
    assert_eq!((tracks, report.born, report.seated.attachment), (vec![kept], Attachment(1), Attachment(1)));
}

#[test]
fn a_source_has_its_own_kind_of_track() {
    for (source, fits) in [
        (SourceKind::Camera, VIDEO),
        (SourceKind::Screen, VIDEO),
        (SourceKind::Microphone, AUDIO),
        (SourceKind::ScreenAudio, AUDIO),
    ] {
        for kind in [AUDIO, VIDEO] {
            let mut peer = Peer::new(&[]);
            let publish = Publish { mid: "0".into(), kind, source, muted: false };
            let answer = peer.ask(at(0), ClientMessage::Publish(publish)).unwrap();
            if kind == fits {
                assert!(matches!(answer, Ok(ServerMessage::Published { .. })), "{source:?} {kind:?}: {answer:?}");
            } else {
                assert_eq!(answer, Err(ErrorCode::Invalid), "{source:?} {kind:?}");
                assert!(peer.state.publications.is_empty());
            }
        }
    }
}
