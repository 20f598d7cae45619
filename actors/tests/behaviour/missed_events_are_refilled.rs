//! Events are numbered without a gap, and a gateway that missed some gets exactly those, as they were.

use rookery_schemas::bus::{EventFrame, RoomCommand, RoomReply, events_subject};
use rookery_schemas::ids::EventNumber;

use crate::world::World;

#[tokio::test(start_paused = true)]
async fn missed_events_are_refilled() {
    let world = World::new().await;
    let one = world.join("One").await;
    world.publish(&one).await;
    for n in 0..20 {
        world.chat(&one, &n.to_string()).await.unwrap();
    }
    world.settle().await;
    let numbers: Vec<u64> = world.events().iter().filter_map(|frame| frame.n).map(|n| n.0).collect();
    assert_eq!(numbers, (1..=numbers.len() as u64).collect::<Vec<_>>());
    let sent: Vec<String> = world
        .bus
        .published()
        .into_iter()
        .filter(|(subject, _)| *subject == events_subject(world.room))
        .map(|(_, payload)| EventFrame::decode(payload).unwrap())
        .filter(|frame| frame.n > EventNumber(5))
        .map(|frame| String::from_utf8(frame.body.to_vec()).unwrap())
        .collect();
    let refill = RoomCommand::Refill { epoch: one.epoch, after: EventNumber(5) };
    let Ok(RoomReply::Events { frames }) = world.ask(refill).await else { panic!("they are kept") };
    assert_eq!(frames, sent);
    let future = RoomCommand::Refill { epoch: one.epoch, after: EventNumber(500) };
    let Ok(RoomReply::Snapshot(snapshot)) = world.ask(future).await else { panic!("nobody has those") };
    assert_eq!((snapshot.n.0, snapshot.last_seq.0), (numbers.len() as u64, 20));
}
