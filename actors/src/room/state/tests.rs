//! A room under epoch 5, asked and told what a test wants; its tests by what they are about.

mod ending;
mod entering;
mod leaving;
mod path;
mod restricting;
mod talking;

use rookery_schemas::bus::{JoinTicket, ResumeToken, RoomAnswer};
use rookery_schemas::ids::{Nonce, RequestId, Seq, UserId};
use rookery_schemas::rows::MemberRow;
use rookery_schemas::signal::{
    ChatSend, LeaveReason, MediaKind, RoomClosedReason, ServerFrame, SourceKind, SrtpProfile,
};
use uuid::Uuid;

use super::*;
use crate::room::chat::BatchOutcome;
use crate::room::effect::{DeskResult, PeerFact, Seated};
use crate::room::roster::MediaHealth;
use crate::room::takeover::Takeover;

const HOST: u128 = 1;

fn peer(n: u128) -> PeerId {
    PeerId(Uuid::from_u128(n))
}

fn user(n: u128) -> UserId {
    UserId(Uuid::from_u128(n))
}

fn at(seconds: u64) -> Now {
    Now { elapsed: Duration::from_secs(seconds), unix: UnixMillis(i64::try_from(seconds).unwrap() * 1_000) }
}

fn row() -> RoomRow {
    RoomRow {
        id: rookery_schemas::ids::RoomId(Uuid::from_u128(99)),
        slug: rookery_schemas::ids::Slug::from_letters([0; 10]),
        name: "Room".into(),
        description: String::new(),
        kind: RoomKind::Meeting,
        owner: user(HOST),
        password_hash: None,
        peers_max: 3,
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

/// A room under epoch 5 and what it has asked for since last looked.
struct Room {
    state: RoomState,
    out: Vec<Effect>,
    asks: u64,
}

impl Room {
    fn wake(row: RoomRow) -> Self {
        Self::wake_with(row, Vec::new())
    }

    fn wake_with(row: RoomRow, reports: Vec<PeerReport>) -> Self {
        let here = Here { node: "n1".parse().unwrap(), incarnation: Incarnation(7) };
        let chat = Takeover { first_seq: Seq(1), recent: Vec::new() };
        let found = Activation { row, epoch: Epoch(5), bans: HashSet::new(), chat };
        let mut out = Vec::new();
        let state = RoomState::wake(here, found, reports, at(0), &mut out).unwrap();
        Self { state, out, asks: 0 }
    }

    /// Asks, and returns what was answered at once.
    fn ask(&mut self, now: Now, command: RoomCommand) -> Option<RoomAnswer> {
        self.asks += 1;
        let before = self.out.len();
        self.state.command(now, AskId(self.asks), command, &mut self.out).unwrap();
        self.answer_to(self.asks, before)
    }

    fn answer_to(&self, ask: u64, since: usize) -> Option<RoomAnswer> {
        self.out[since..].iter().find_map(|effect| match effect {
            Effect::Answer { ask: to, answer } if to.0 == ask => Some(answer.as_ref().clone()),
            _ => None,
        })
    }

    fn code(&mut self, now: Now, command: RoomCommand) -> Option<ErrorCode> {
        self.ask(now, command).and_then(Result::err).map(|refusal| refusal.code)
    }

    /// The desk does what it was last given.
    fn desk(&mut self, now: Now, answer: impl FnOnce(&DeskOp) -> DeskResult) {
        let op = self.out.iter().rev().find_map(|effect| match effect {
            Effect::Desk(op) if !matches!(op, DeskOp::Touch { .. }) => Some(op.clone()),
            _ => None,
        });
        let result = answer(&op.expect("the desk was given something"));
        self.state.desk_did(now, result, &mut self.out).unwrap();
    }

    /// The desk reads the room, which is so.
    fn reads(&mut self, now: Now, row: RoomRow) {
        self.desk(now, |op| {
            let DeskOp::Row { ask } = *op else { panic!("{op:?}") };
            DeskResult::Row { ask, found: Ok(Some(Box::new(row))) }
        });
    }

    /// The desk stores every end that it is given.
    fn store_ends(&mut self, now: Now) {
        while let Some(at) = self.out.iter().position(|effect| matches!(effect, Effect::Desk(DeskOp::SetEnd { .. }))) {
            let Effect::Desk(DeskOp::SetEnd { expires_at }) = self.out.remove(at) else { panic!("it is one") };
            let done = DeskResult::EndSet { expires_at, done: Ok(()) };
            self.state.desk_did(now, done, &mut self.out).unwrap();
        }
    }

    fn join_guest(&mut self, now: Now, n: u128) {
        let answer = self.ask(now, join(ticket(n)));
        assert!(matches!(answer, Some(Ok(RoomReply::Attached(_)))), "{answer:?}");
    }

    fn join_as(&mut self, now: Now, n: u128, role: Role) {
        let ticket = JoinTicket { user: Some(user(n)), role, ..ticket(n) };
        assert!(self.ask(now, join(ticket)).is_none(), "the store is asked first");
        let before = self.out.len();
        self.desk(now, |op| {
            let DeskOp::Member { ask, user } = *op else { panic!("{op:?}") };
            DeskResult::Member { ask, found: Ok(Some(member(user, role))) }
        });
        assert!(matches!(self.answer_to(self.asks, before), Some(Ok(RoomReply::Attached(_)))));
    }

    fn tick(&mut self, now: Now) {
        self.state.tick(now, None, &mut self.out).unwrap();
    }

    /// What everyone was told since last looked.
    fn told(&mut self) -> Vec<ServerMessage> {
        let told = self.out.iter().filter_map(|effect| match effect {
            Effect::Publish(frame) => Some(serde_json::from_slice::<ServerFrame>(&frame.body).unwrap().message),
            _ => None,
        });
        let told = told.collect();
        self.out.clear();
        told
    }

    fn said_to(&self, peer: PeerId) -> Vec<(Attachment, ServerMessage)> {
        let said = self.out.iter().filter_map(|effect| match effect {
            Effect::Personal { peer: to, attachment, message } if *to == peer => {
                Some((*attachment, message.as_ref().clone()))
            }
            _ => None,
        });
        said.collect()
    }

    fn has(&self, wanted: impl Fn(&Effect) -> bool) -> bool {
        self.out.iter().any(wanted)
    }
}

fn member(user: UserId, role: Role) -> MemberRow {
    MemberRow { room: row().id, user, role, joined_at: UnixMillis(0), read_seq: Seq(0) }
}

fn ticket(n: u128) -> JoinTicket {
    JoinTicket {
        id: RequestId(Uuid::from_u128(n)),
        peer: peer(n),
        user: None,
        display_name: format!("P{n}"),
        role: Role::Guest,
        epoch: Epoch(5),
        expires_at: UnixMillis(30_000),
    }
}

fn join(ticket: JoinTicket) -> RoomCommand {
    RoomCommand::Join { ticket, srtp: SrtpProfile::Gcm, direct: false }
}

fn token(n: u128, attachment: u32) -> ResumeToken {
    ResumeToken {
        peer: peer(n),
        user: None,
        family: None,
        display_name: format!("P{n}"),
        role: Role::Guest,
        attachment: Attachment(attachment),
        joined_at: UnixMillis(3),
        expires_at: UnixMillis(600_000),
    }
}

fn resume(token: ResumeToken, keep_media: bool) -> RoomCommand {
    RoomCommand::Resume { token, srtp: SrtpProfile::Gcm, keep_media, direct: false, link: None, retake: false }
}

fn chat(n: u128, attachment: u32, text: &str) -> RoomCommand {
    let message = ChatSend { nonce: Nonce(Uuid::from_u128(1)), text: text.into(), seen: Seq(0) };
    RoomCommand::Chat { peer: peer(n), attachment: Attachment(attachment), message }
}

fn track(n: u128, of: u128) -> TrackInfo {
    TrackInfo {
        track: TrackId(Uuid::from_u128(n)),
        peer: peer(of),
        kind: MediaKind::Video,
        source: SourceKind::Camera,
        muted: false,
        codec: None,
    }
}
