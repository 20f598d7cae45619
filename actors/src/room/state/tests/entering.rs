//! Joining and coming back.

use super::*;

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
    let up = PeerFact::Media(MediaHealth { up: true, silent: false });
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
        let resume = RoomCommand::Resume {
            token: token(2, 1),
            srtp,
            keep_media: asked,
            direct: false,
            link: None,
            retake: false,
        };
        let Some(Ok(RoomReply::Attached(attached))) = room.ask(at(1), resume) else { panic!("{what}") };
        assert_eq!(attached.media_kept, kept, "{what}");
    }
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
        media: MediaHealth { up: true, silent: false },
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
fn a_seat_is_taken_again_only_from_ones_own_attachment() {
    let mut room = Room::wake(row());
    room.join_guest(at(0), 2);
    let retake = |attachment| {
        let token = token(2, attachment);
        RoomCommand::Resume {
            token,
            srtp: SrtpProfile::Gcm,
            keep_media: false,
            direct: false,
            link: None,
            retake: true,
        }
    };
    for (command, wanted) in [
        (resume(token(2, 1), false), Ok(2)),
        (resume(token(2, 1), false), Ok(3)),
        (retake(2), Err(ErrorCode::Superseded)),
        (retake(3), Ok(4)),
        (resume(token(2, 1), false), Ok(5)),
    ] {
        let got = match room.ask(at(1), command).unwrap() {
            Ok(RoomReply::Attached(attached)) => Ok(attached.attachment.0),
            Err(refusal) => Err(refusal.code),
            other => panic!("{other:?}"),
        };
        assert_eq!(got, wanted);
    }
}
