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
    RoomCommand::Join { ticket, srtp: SrtpProfile::Gcm }
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
    RoomCommand::Resume { token, srtp: SrtpProfile::Gcm, keep_media }
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

#[test]
fn tickets_admit_once_and_in_their_epoch() {
    let mut room = Room::wake(row());
    let other_id = |ticket: JoinTicket| JoinTicket { id: RequestId(Uuid::from_u128(77)), ..ticket };
    let cases: [(&str, u64, JoinTicket, Option<ErrorCode>); 6] = [
        ("an older epoch's", 0, JoinTicket { epoch: Epoch(4), ..ticket(2) }, Some(ErrorCode::TicketExpired)),
        ("one that is over", 31, ticket(2), Some(ErrorCode::TicketExpired)),
        ("a good one", 0, ticket(2), None),
        ("the same again", 0, ticket(2), Some(ErrorCode::TicketInvalid)),
        ("a used one of another peer", 0, JoinTicket { id: ticket(2).id, ..ticket(3) }, Some(ErrorCode::TicketInvalid)),
        ("another for who is inside", 0, other_id(ticket(2)), Some(ErrorCode::TicketInvalid)),
    ];
    for (what, seconds, ticket, code) in cases {
        assert_eq!(room.code(at(seconds), join(ticket)), code, "{what}");
    }
    room.join_guest(at(0), 4);
    room.join_guest(at(0), 5);
    assert_eq!(room.code(at(0), join(ticket(6))), Some(ErrorCode::RoomFull));
    assert_eq!(room.state.peers(), 3);
}

#[test]
fn a_joined_peer_finds_itself_in_the_snapshot() {
    let mut room = Room::wake(row());
    room.join_guest(at(0), 2);
    let Some(Ok(RoomReply::Attached(attached))) = room.ask(at(1), join(ticket(3))) else { panic!("it is in") };
    let roster: Vec<_> = attached.snapshot.roster.iter().map(|info| info.peer).collect();
    assert_eq!(
        (roster, attached.snapshot.n, attached.snapshot.epoch),
        (vec![peer(2), peer(3)], EventNumber(2), Epoch(5))
    );
    assert_eq!((attached.attachment, attached.media_kept), (Attachment(1), false));
    let seating = room.out.iter().rev().find_map(|effect| match effect {
        Effect::Seat(seating) => Some(seating.as_ref().clone()),
        _ => None,
    });
    let seating = seating.unwrap();
    assert_eq!((seating.born, seating.seated.attachment), (None, Attachment(1)), "its actor is made");
}

#[test]
fn an_account_is_what_the_store_says() {
    let found = |answer: Result<Option<MemberRow>, ErrorCode>| {
        let mut room = Room::wake(row());
        let ticket = JoinTicket { user: Some(user(2)), role: Role::Member, ..ticket(2) };
        assert!(room.ask(at(0), join(ticket.clone())).is_none());
        room.desk(at(0), |op| {
            let DeskOp::Member { ask, .. } = *op else { panic!("{op:?}") };
            DeskResult::Member { ask, found: answer.clone() }
        });
        let first = room.answer_to(1, 0).unwrap();
        let again = room.code(at(0), join(ticket));
        (first.map(|_| room.state.roster.get(peer(2)).unwrap().info.role).map_err(|refusal| refusal.code), again)
    };
    assert_eq!(found(Ok(Some(member(user(2), Role::Host)))), (Ok(Role::Host), Some(ErrorCode::TicketInvalid)));
    assert_eq!(found(Ok(None)), (Err(ErrorCode::MembersOnly), Some(ErrorCode::TicketInvalid)));
    let failed = found(Err(ErrorCode::StoreUnavailable));
    assert_eq!(failed, (Err(ErrorCode::StoreUnavailable), None), "by no fault of the ticket: it may be tried again");
}

#[test]
fn the_newest_attachment_wins() {
    let mut room = Room::wake(row());
    room.join_guest(at(0), 2);
    let Some(Ok(RoomReply::Attached(attached))) = room.ask(at(1), resume(token(2, 1), false)) else { panic!() };
    assert_eq!((attached.attachment, attached.joined_at), (Attachment(2), UnixMillis(0)));
    let superseded = ServerMessage::Error(ErrorCode::Superseded.into());
    assert_eq!(room.said_to(peer(2)), [(Attachment(1), superseded)]);
    assert_eq!(room.code(at(1), chat(2, 1, "hi")), Some(ErrorCode::Superseded));
    let detach = RoomCommand::Detach { peer: peer(2), attachment: Attachment(1) };
    assert_eq!(room.code(at(1), detach), Some(ErrorCode::Superseded), "the old socket's end is no news");
    let Some(Ok(RoomReply::Attached(attached))) = room.ask(at(1), resume(token(2, 9), false)) else { panic!() };
    assert_eq!(attached.attachment, Attachment(10), "above the token's too");
}

#[test]
fn a_lost_seat_is_made_anew_but_not_for_who_left() {
    let mut room = Room::wake(row());
    let Some(Ok(RoomReply::Attached(attached))) = room.ask(at(1), resume(token(2, 4), true)) else { panic!() };
    let (joined_at, kept) = (attached.joined_at, attached.media_kept);
    assert_eq!((attached.attachment, joined_at, kept), (Attachment(5), UnixMillis(3), false));
    let leave = RoomCommand::Leave { peer: peer(2), attachment: Attachment(5) };
    assert!(matches!(room.ask(at(2), leave), Some(Ok(RoomReply::Done))));
    assert_eq!(room.code(at(3), resume(token(2, 5), true)), Some(ErrorCode::ResumeRefused));
    assert_eq!(room.code(at(601), resume(token(3, 1), true)), Some(ErrorCode::ResumeRefused), "its time is over");
}

#[test]
fn media_is_kept_only_if_it_is_asked_for_and_alive() {
    let up = PeerFact::Media(MediaHealth { up: true, publish_silent: false });
    for (what, alive, asked, srtp, kept) in [
        ("asked and alive", true, true, SrtpProfile::Gcm, true),
        ("not asked", true, false, SrtpProfile::Gcm, false),
        ("not alive", false, true, SrtpProfile::Gcm, false),
        ("another profile", true, true, SrtpProfile::Cm, false),
    ] {
        let mut room = Room::wake(row());
        room.join_guest(at(0), 2);
        if alive {
            room.state.fact(at(0), peer(2), Attachment(1), up.clone(), &mut room.out).unwrap();
        }
        let resume = RoomCommand::Resume { token: token(2, 1), srtp, keep_media: asked };
        let Some(Ok(RoomReply::Attached(attached))) = room.ask(at(1), resume) else { panic!("{what}") };
        assert_eq!(attached.media_kept, kept, "{what}");
    }
}

#[test]
fn a_lost_socket_is_told_at_once_and_the_seat_kept_15_s() {
    let mut room = Room::wake(row());
    room.join_guest(at(0), 2);
    room.join_guest(at(0), 3);
    room.told();
    room.ask(at(10), RoomCommand::Detach { peer: peer(2), attachment: Attachment(1) });
    let told = room.told();
    assert!(matches!(&told[..], [ServerMessage::PeerUpdated { peer }] if peer.reconnecting), "{told:?}");
    room.tick(at(24));
    assert_eq!(room.told(), vec![]);
    room.tick(at(25));
    assert_eq!(room.told(), [ServerMessage::PeerLeft { peer: peer(2), reason: LeaveReason::TimedOut }]);
}

#[test]
fn media_keeps_a_seat_without_a_socket() {
    let mut room = Room::wake(row());
    room.join_guest(at(0), 2);
    let media = |up| PeerFact::Media(MediaHealth { up, publish_silent: !up });
    let fact = |room: &mut Room, seconds, up| {
        room.state.fact(at(seconds), peer(2), Attachment(1), media(up), &mut room.out).unwrap();
    };
    fact(&mut room, 0, true);
    room.ask(at(1), RoomCommand::Detach { peer: peer(2), attachment: Attachment(1) });
    room.tick(at(100));
    assert_eq!(room.state.peers(), 1, "its media lives");
    fact(&mut room, 100, false);
    room.tick(at(114));
    assert_eq!(room.state.peers(), 1);
    room.tick(at(115));
    assert_eq!(room.state.peers(), 0, "15 s after the last of them");
}

#[test]
fn a_failed_actor_costs_its_tracks_and_keeps_its_seat() {
    let mut room = Room::wake(row());
    room.join_guest(at(0), 2);
    let announced = PeerFact::Announced(track(8, 2));
    room.state.fact(at(0), peer(2), Attachment(1), announced.clone(), &mut room.out).unwrap();
    room.out.clear();
    room.state.peer_failed(at(1), peer(2), Attachment(1), &mut room.out).unwrap();
    assert!(matches!(room.said_to(peer(2))[..], [(Attachment(1), ServerMessage::Reattach { .. })]));
    let told = room.told();
    assert!(
        matches!(&told[..], [ServerMessage::TrackUnpublished { .. }, ServerMessage::PeerUpdated { peer }] if peer.reconnecting)
    );
    room.state.fact(at(1), peer(2), Attachment(1), announced, &mut room.out).unwrap();
    assert_eq!(room.told(), vec![], "a fact of the failed actor is late");
    let Some(Ok(RoomReply::Attached(attached))) = room.ask(at(2), resume(token(2, 1), true)) else { panic!() };
    assert!(!attached.media_kept && !attached.snapshot.roster[0].reconnecting);
    let remade = |effect: &Effect| matches!(effect, Effect::Seat(seating) if seating.born.is_none());
    assert!(room.has(remade), "an actor is made");
    room.state.peer_failed(at(3), peer(2), Attachment(2), &mut room.out).unwrap();
    room.told();
    room.tick(at(18));
    assert_eq!(room.told(), [ServerMessage::PeerLeft { peer: peer(2), reason: LeaveReason::Failed }]);
}

#[test]
fn a_ban_is_stored_before_it_is_told() {
    let mut room = Room::wake(row());
    room.join_as(at(0), HOST, Role::Host);
    room.join_as(at(0), 2, Role::Member);
    room.join_guest(at(0), 3);
    room.told();
    let kick = |by, whom| RoomCommand::Kick { by: peer(by), attachment: Attachment(1), peer: peer(whom) };
    assert_eq!(room.code(at(1), kick(2, 3)), Some(ErrorCode::Forbidden), "hosts only");
    assert_eq!(room.code(at(1), kick(HOST, HOST)), Some(ErrorCode::Forbidden), "no host is put out");
    assert_eq!(room.code(at(1), kick(HOST, 9)), Some(ErrorCode::PeerNotFound));
    assert!(room.ask(at(1), kick(HOST, 2)).is_none());
    assert_eq!(room.told(), vec![], "nothing before the store has it");
    let asked = room.asks;
    let banned = Banned::User(user(2));
    let done = DeskResult::Banned { ask: AskId(asked), who: banned, done: Ok(()) };
    room.state.desk_did(at(2), done, &mut room.out).unwrap();
    assert_eq!(room.said_to(peer(2)), [(Attachment(1), ServerMessage::Kicked)]);
    assert!(room.has(|effect| matches!(effect, Effect::Unseat { peer: out } if *out == peer(2))), "media stops");
    assert!(matches!(room.answer_to(asked, 0), Some(Ok(RoomReply::Done))));
    assert_eq!(room.told(), [ServerMessage::PeerLeft { peer: peer(2), reason: LeaveReason::Kicked }]);
    let back = JoinTicket { user: Some(user(2)), id: RequestId(Uuid::from_u128(50)), ..ticket(7) };
    assert_eq!(room.code(at(3), join(back)), Some(ErrorCode::Banned));
    assert!(room.ask(at(3), kick(HOST, 3)).is_none());
    let failed = DeskResult::Banned {
        ask: AskId(room.asks),
        who: Banned::Peer(peer(3)),
        done: Err(ErrorCode::StoreUnavailable),
    };
    room.state.desk_did(at(4), failed, &mut room.out).unwrap();
    assert_eq!((room.told(), room.state.peers()), (vec![], 2), "not stored, not done");
}

#[test]
fn closing_is_stored_then_told_and_everyone_is_out() {
    let mut room = Room::wake(row());
    room.join_as(at(0), HOST, Role::Host);
    room.join_guest(at(0), 3);
    room.told();
    let close = |by| RoomCommand::Close { by: peer(by), attachment: Attachment(1) };
    assert_eq!(room.code(at(1), close(3)), Some(ErrorCode::Forbidden));
    assert!(room.ask(at(1), close(HOST)).is_none());
    assert!(room.ask(at(1), close(HOST)).is_none(), "asked twice, stored once");
    let closes = room.out.iter().filter(|effect| matches!(effect, Effect::Desk(DeskOp::Close { .. }))).count();
    assert_eq!((closes, room.told()), (1, vec![]));
    let done = DeskResult::Closed { at: at(1).unix, reason: RoomClosedReason::Host, done: Ok(()) };
    room.state.desk_did(at(2), done, &mut room.out).unwrap();
    let answers = room.out.iter().filter(|effect| matches!(effect, Effect::Answer { .. })).count();
    assert_eq!((answers, room.state.peers()), (2, 0));
    assert_eq!(room.told(), [ServerMessage::RoomClosed { reason: RoomClosedReason::Host }]);
    assert_eq!(room.code(at(3), join(ticket(4))), Some(ErrorCode::RoomClosed));
    assert_eq!(room.code(at(3), resume(token(3, 1), true)), Some(ErrorCode::RoomClosed));
    assert_eq!(room.code(at(3), chat(3, 1, "hi")), Some(ErrorCode::RoomClosed), "history is read-only");
}

#[test]
fn a_room_ends_when_its_time_is_over() {
    let mut room = Room::wake(RoomRow { expires_at: Some(UnixMillis(20_000)), ..row() });
    room.join_guest(at(0), 2);
    room.told();
    room.tick(at(19));
    assert!(!room.has(|effect| matches!(effect, Effect::Desk(_))));
    room.tick(at(20));
    room.desk(at(20), |op| {
        let DeskOp::End { at } = *op else { panic!("{op:?}") };
        DeskResult::Closed { at, reason: RoomClosedReason::Expired, done: Err(ErrorCode::StoreUnavailable) }
    });
    room.out.clear();
    room.tick(at(24));
    assert!(!room.has(|effect| matches!(effect, Effect::Desk(_))), "not again at once");
    room.tick(at(25));
    room.desk(at(25), |op| {
        let DeskOp::End { at } = *op else { panic!("{op:?}") };
        DeskResult::Closed { at, reason: RoomClosedReason::Expired, done: Ok(()) }
    });
    assert_eq!(room.told(), [ServerMessage::RoomClosed { reason: RoomClosedReason::Expired }]);
    assert_eq!(room.code(at(26), join(ticket(3))), Some(ErrorCode::RoomExpired));
}

#[test]
fn an_end_that_was_moved_closes_nothing() {
    let mut room = Room::wake(RoomRow { expires_at: Some(UnixMillis(20_000)), ..row() });
    room.join_as(at(0), HOST, Role::Host);
    room.tick(at(20));
    room.desk(at(20), |op| {
        assert_eq!(*op, DeskOp::End { at: UnixMillis(20_000) });
        DeskResult::NotOver
    });
    room.reads(at(21), RoomRow { expires_at: Some(UnixMillis(40_000)), ..row() });
    room.told();
    room.tick(at(39));
    assert!(!room.has(|effect| matches!(effect, Effect::Desk(_))), "the new end holds");
    room.tick(at(40));
    let close = RoomCommand::Close { by: peer(HOST), attachment: Attachment(1) };
    assert_eq!(room.code(at(40), close), Some(ErrorCode::RoomExpired), "it is over, as far as is known");
    room.desk(at(41), |op| {
        assert!(matches!(op, DeskOp::End { .. }), "{op:?}");
        DeskResult::NotOver
    });
    room.reads(at(41), row());
    let close = RoomCommand::Close { by: peer(HOST), attachment: Attachment(1) };
    assert!(room.ask(at(42), close).is_none());
    room.desk(at(42), |op| {
        let DeskOp::Close { at, reason } = *op else { panic!("{op:?}") };
        DeskResult::Closed { at, reason, done: Ok(()) }
    });
    assert_eq!(room.told(), [ServerMessage::RoomClosed { reason: RoomClosedReason::Host }]);
}

#[test]
fn a_silent_gateway_counts_only_where_it_could_have_been_heard() {
    let mut room = Room::wake(row());
    room.join_guest(at(0), 2);
    room.told();
    let tick = |room: &mut Room, second, works: Option<u64>| {
        room.state.tick(at(second), works.map(Duration::from_secs), &mut room.out).unwrap();
        room.told().len()
    };
    for (second, works, told, what) in [
        (1, Some(0), 0, "just joined"),
        (2, None, 0, "no bus"),
        (4, None, 0, "no bus"),
        (6, None, 0, "no bus"),
        (8, None, 0, "no bus"),
        (10, None, 0, "no bus, though long not renewed"),
        (12, Some(12), 0, "silence from before it worked says nothing"),
        (14, Some(12), 0, "not yet"),
        (60, Some(12), 0, "we stood still ourselves"),
        (62, Some(12), 0, "from then on it counts"),
        (64, Some(12), 0, "not yet"),
        (66, Some(12), 0, "not yet"),
        (68, Some(12), 0, "not yet"),
        (69, Some(12), 0, "not yet"),
        (70, Some(12), 1, "10 s in which it could have been heard"),
        (71, Some(12), 0, "told once"),
    ] {
        assert_eq!(tick(&mut room, second, works), told, "at {second} s: {what}");
    }
    room.state.renewed(at(71), &[(peer(2), Attachment(2)), (peer(9), Attachment(1))], &mut room.out).unwrap();
    assert_eq!(room.told(), vec![], "neither is a seat here");
    room.state.renewed(at(71), &[(peer(2), Attachment(1))], &mut room.out).unwrap();
    let told = room.told();
    assert!(matches!(&told[..], [ServerMessage::PeerUpdated { peer }] if !peer.reconnecting), "{told:?}");
}

#[test]
fn an_ad_hoc_meeting_ends_an_hour_after_the_last_one_left() {
    let stored = |op: &DeskOp| {
        let DeskOp::SetEnd { expires_at } = *op else { panic!("{op:?}") };
        DeskResult::EndSet { expires_at, done: Ok(()) }
    };
    let mut room = Room::wake(RoomRow { ad_hoc: true, expires_at: Some(UnixMillis(50_000)), ..row() });
    room.join_guest(at(10), 2);
    room.desk(at(10), stored);
    assert_eq!(room.state.end_stored, None, "taken away when somebody enters");
    room.tick(at(60));
    assert_eq!(room.state.peers(), 1);
    room.ask(at(100), RoomCommand::Leave { peer: peer(2), attachment: Attachment(1) });
    room.desk(at(100), |op| {
        let DeskOp::SetEnd { expires_at } = *op else { panic!("{op:?}") };
        DeskResult::EndSet { expires_at, done: Err(ErrorCode::StoreUnavailable) }
    });
    room.out.clear();
    room.tick(at(105));
    room.desk(at(105), stored);
    assert_eq!(room.state.end_stored, Some(UnixMillis(100_000 + 3_600_000)));
}

#[test]
fn an_empty_room_may_be_put_away_once_nothing_is_under_way() {
    let mut room = Room::wake(row());
    room.tick(at(59));
    assert!(!room.has(|effect| matches!(effect, Effect::Idle)));
    room.tick(at(60));
    assert!(room.has(|effect| matches!(effect, Effect::Idle)));
    room.out.clear();
    let ticket = JoinTicket { user: Some(user(2)), expires_at: UnixMillis(90_000), ..ticket(2) };
    assert!(room.ask(at(60), join(ticket)).is_none());
    room.tick(at(61));
    assert!(!room.has(|effect| matches!(effect, Effect::Idle)), "someone is at the door");
}

#[test]
fn changed_settings_hold_at_once() {
    let mut room = Room::wake(row());
    room.join_guest(at(0), 2);
    room.told();
    assert!(room.ask(at(1), RoomCommand::Changed).is_none(), "the store is asked");
    room.reads(at(1), RoomRow { peers_max: 1, name: "New".into(), ..row() });
    assert!(matches!(room.answer_to(room.asks, 0), Some(Ok(RoomReply::Done))));
    assert_eq!((room.told(), room.state.snapshot().room.name), (vec![], "New".to_owned()));
    assert_eq!(room.code(at(1), join(ticket(3))), Some(ErrorCode::RoomFull));
    room.ask(at(2), RoomCommand::Changed);
    room.reads(at(2), RoomRow { deleted: true, ..row() });
    assert_eq!(room.told(), [ServerMessage::RoomClosed { reason: RoomClosedReason::Deleted }]);
    room.ask(at(2), RoomCommand::Changed);
    room.reads(at(2), row());
    assert_eq!(room.told(), vec![], "a row that was read before does not undo it, and it is told once");
    assert_eq!(room.code(at(3), join(ticket(4))), Some(ErrorCode::RoomNotFound));
}

#[test]
fn chat_is_checked_before_it_is_taken() {
    let mut room = Room::wake(row());
    room.join_guest(at(0), 2);
    for (what, command, code) in [
        ("nobody's", chat(9, 1, "hi"), ErrorCode::NotJoined),
        ("empty", chat(2, 1, ""), ErrorCode::Invalid),
        ("too long", chat(2, 1, &"x".repeat(4_001)), ErrorCode::Invalid),
        ("an older attachment's", chat(2, 0, "hi"), ErrorCode::Superseded),
    ] {
        assert_eq!(room.code(at(0), command), Some(code), "{what}");
    }
    room.told();
    assert!(room.ask(at(1), chat(2, 1, &"é".repeat(4_000))).is_none());
    let Some(Effect::Append(batch)) = room.out.pop() else { panic!("it is to be written") };
    assert_eq!(room.told(), vec![]);
    room.state.written(at(2), batch.number, BatchOutcome::Durable, &mut room.out).unwrap();
    let order: Vec<_> = room.out.iter().map(|effect| matches!(effect, Effect::Answer { .. })).take(2).collect();
    assert_eq!(order, [true, false], "acknowledged, then told");
    assert!(matches!(&room.told()[..], [ServerMessage::Chat { message }] if message.seq == Seq(1)));
}

#[test]
fn an_owner_that_lost_the_room_steps_down() {
    let mut room = Room::wake(row());
    room.join_guest(at(0), 2);
    room.ask(at(1), chat(2, 1, "hi"));
    let asked = room.asks;
    room.out.clear();
    room.state.written(at(2), 1, BatchOutcome::OwnerLost, &mut room.out).unwrap();
    let code = room.answer_to(asked, 0).and_then(Result::err).map(|refusal| refusal.code);
    assert_eq!(code, Some(ErrorCode::Unknown));
    assert!(room.has(|effect| matches!(effect, Effect::StepDown)) && room.told().is_empty());
}

#[test]
fn missed_events_come_again_or_as_a_snapshot() {
    let mut room = Room::wake(row());
    room.join_guest(at(0), 2);
    let refill = |epoch, after| RoomCommand::Refill { epoch: Epoch(epoch), after: EventNumber(after) };
    assert!(matches!(room.ask(at(0), refill(5, 0)), Some(Ok(RoomReply::Events { frames })) if frames.len() == 1));
    assert!(matches!(room.ask(at(0), refill(4, 9)), Some(Ok(RoomReply::Snapshot(s))) if s.n == EventNumber(1)));
}

#[test]
fn a_room_that_starts_anew_takes_its_peers_in_again() {
    let info = PeerInfo {
        peer: peer(2),
        user: None,
        display_name: "P2".into(),
        role: Role::Guest,
        joined_at: UnixMillis(4),
        reconnecting: false,
    };
    let report = PeerReport {
        seated: Seated { info, attachment: Attachment(3), connected: true },
        srtp: SrtpProfile::Gcm,
        born: Attachment(2),
        media: MediaHealth { up: true, publish_silent: false },
        tracks: vec![track(8, 2)],
    };
    let mut room = Room::wake_with(RoomRow { ad_hoc: true, ..row() }, vec![report]);
    let snapshot = room.state.snapshot();
    assert_eq!((snapshot.roster.len(), snapshot.tracks.len(), snapshot.n), (1, 1, EventNumber(1)));
    assert!(matches!(&room.told()[..], [ServerMessage::PeerUpdated { .. }]), "the new epoch shows itself");
    room.ask(at(1), RoomCommand::Leave { peer: peer(2), attachment: Attachment(3) });
    let track = TrackId(Uuid::from_u128(8));
    let left = ServerMessage::PeerLeft { peer: peer(2), reason: LeaveReason::Left };
    assert_eq!(room.told(), [ServerMessage::TrackUnpublished { track }, left]);
}

#[test]
fn a_draining_room_takes_nothing_and_ends_when_all_is_stored() {
    let mut room = Room::wake(RoomRow { ad_hoc: true, ..row() });
    room.join_guest(at(0), 2);
    room.store_ends(at(0));
    assert_eq!(room.state.end_stored, None);
    room.out.clear();
    room.state.drain(at(1), &mut room.out);
    assert_eq!(room.code(at(1), chat(2, 1, "hi")), Some(ErrorCode::OwnerUnavailable));
    room.tick(at(2));
    assert!(!room.has(|effect| matches!(effect, Effect::Drained)), "its end is being stored");
    room.store_ends(at(2));
    room.tick(at(3));
    assert!(room.has(|effect| matches!(effect, Effect::Drained)));
    assert_eq!(room.state.end_stored, Some(UnixMillis(3_601_000)), "for an ad-hoc meeting it counts as leaving");
}
