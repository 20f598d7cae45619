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

mod following;
mod publishing;

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
