//! Chat and missed events.

use super::*;

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
