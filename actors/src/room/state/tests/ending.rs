//! The room's own end, settings that change, putting away.

use super::*;

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
    let renamed = ServerMessage::RoomUpdated { room: room.state.snapshot().room };
    assert_eq!((room.told(), room.state.snapshot().room.name), (vec![renamed], "New".to_owned()));
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
