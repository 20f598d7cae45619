//! Lost sockets, failed actors, silent gateways, bans.

use super::*;

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
    let media = |up| PeerFact::Media(MediaHealth { up, silent: !up });
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
fn a_quiet_client_counts_as_gone_until_it_is_heard_again() {
    let mut room = Room::wake(row());
    room.join_guest(at(0), 2);
    room.told();
    let seat = [(peer(2), Attachment(1))];
    for (n, quiet, told, what) in [
        (1, true, Some(true), "quiet"),
        (3, true, None, "quiet still"),
        (2, false, None, "overtaken on the way"),
        (4, false, Some(false), "heard"),
        (5, false, None, "heard still"),
        (6, true, Some(true), "quiet again"),
    ] {
        room.state.renewed(at(3), &seat, (n, quiet), &mut room.out).unwrap();
        let shown = room.told().into_iter().map(|message| match message {
            ServerMessage::PeerUpdated { peer } => peer.reconnecting,
            other => panic!("{other:?}"),
        });
        assert_eq!(shown.collect::<Vec<_>>(), told.into_iter().collect::<Vec<_>>(), "{what}");
    }
    room.state.tick(at(17), Some(Duration::ZERO), &mut room.out).unwrap();
    assert_eq!(room.told(), vec![], "its seat is kept for 15 s");
    room.state.tick(at(18), Some(Duration::ZERO), &mut room.out).unwrap();
    assert!(matches!(room.told()[..], [ServerMessage::PeerLeft { reason: LeaveReason::TimedOut, .. }]));
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
    room.state
        .renewed(at(71), &[(peer(2), Attachment(2)), (peer(9), Attachment(1))], (0, false), &mut room.out)
        .unwrap();
    assert_eq!(room.told(), vec![], "neither is a seat here");
    room.state.renewed(at(71), &[(peer(2), Attachment(1))], (0, false), &mut room.out).unwrap();
    let told = room.told();
    assert!(matches!(&told[..], [ServerMessage::PeerUpdated { peer }] if !peer.reconnecting), "{told:?}");
}
