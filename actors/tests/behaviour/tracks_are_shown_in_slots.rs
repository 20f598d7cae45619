//! From publishing to a bound slot: announced when negotiated, slots ahead of need, bound without SDP.

use rookery_media::Event;
use rookery_schemas::error::ErrorCode;
use rookery_schemas::ids::SlotIndex;
use rookery_schemas::rows::RoomRow;
use rookery_schemas::signal::{
    ClientMessage, Codec, MediaKind, Publish, RoomKind, ServerMessage, SourceKind, Subscribe, Unsubscribe,
};

use crate::world::{World, room_row};

#[tokio::test(start_paused = true)]
async fn tracks_are_shown_in_slots() {
    let world = World::new().await;
    let (one, two) = (world.join("One").await, world.join("Two").await);
    world.settle().await;
    assert_eq!(world.told(&two), [], "nobody publishes: no slots");
    let before = world.events().len();
    let tracks = world.publish(&one).await;
    let published = |message: &ServerMessage| matches!(message, ServerMessage::TrackPublished { .. });
    assert_eq!(world.events_after(before).iter().filter(|message| published(message)).count(), 2);

    let subscribe = |track, slot| ClientMessage::Subscribe(Subscribe { track, slot: SlotIndex(slot), size: None });
    assert_eq!(world.say(&two, subscribe(tracks[0], 5)).await, Err(ErrorCode::SlotNotFound));
    assert_eq!(world.say(&two, subscribe(tracks[0], 1)).await, Ok(ServerMessage::Ok), "before the answer");
    assert_eq!(world.say(&one, subscribe(tracks[0], 0)).await, Err(ErrorCode::Invalid), "one's own");
    assert!(world.media.0.lock().binds.is_empty());
    world.accept_slots(&two).await;
    assert_eq!(world.say(&two, subscribe(tracks[1], 1)).await, Ok(ServerMessage::Ok));
    world.settle().await;
    assert_eq!(world.media.0.lock().binds.len(), 2);

    let ((connection, slot), track) = world.media.0.lock().binds.iter().map(|(k, t)| (*k, *t)).next().unwrap();
    world.media.emit(world.room, Event::SlotLive { connection, slot, track, layer: Some("q".into()) });
    world.media.emit(world.room, Event::TrackStarted { track: tracks[0], codec: Codec::Vp9 });
    world.settle().await;
    let live = ServerMessage::SlotLive { slot: SlotIndex(1), kind: slot.kind, track, layer: Some("q".into()) };
    assert_eq!(world.told(&two).last(), Some(&live));
    let updated = world.events_after(before).into_iter().rev().find_map(|message| match message {
        ServerMessage::TrackUpdated { track } => Some((track.track, track.codec)),
        _ => None,
    });
    assert_eq!(updated, Some((tracks[0], Some(Codec::Vp9))));

    let unsubscribe = Unsubscribe { slot: SlotIndex(1), kind: MediaKind::Video };
    assert_eq!(world.say(&two, ClientMessage::Unsubscribe(unsubscribe)).await, Ok(ServerMessage::Ok));
    world.settle().await;
    assert_eq!(world.media.0.lock().binds.len(), 1, "it stops at once");
    assert_eq!(world.media.0.lock().refused, Vec::<String>::new());
}

#[tokio::test(start_paused = true)]
async fn slots_grow_with_the_room() {
    let world = World::new().await;
    let viewer = world.join("Viewer").await;
    let mut offered = Vec::new();
    for n in 0..9 {
        let peer = world.join(&format!("P{n}")).await;
        world.publish(&peer).await;
        if let Some(ServerMessage::SubscribeOffer(offer)) = world.told(&viewer).pop()
            && offered.last() != Some(&offer.slots.len())
        {
            offered.push(offer.slots.len());
            world.accept_slots(&viewer).await;
        }
    }
    assert_eq!(offered, [2, 4, 8, 16], "always room for the next one");
}

#[tokio::test(start_paused = true)]
async fn who_is_heard_is_told_without_a_number() {
    let world = World::new().await;
    let one = world.join("One").await;
    let tracks = world.publish(&one).await;
    world.media.emit(world.room, Event::Levels { levels: vec![(tracks[1], 101)] });
    world.media.emit(world.room, Event::ActiveSpeaker { track: Some(tracks[1]) });
    world.settle().await;
    let last = world.events().pop().unwrap();
    assert_eq!((last.n, last.epoch), (None, Some(one.epoch)));
    let ServerMessage::Speakers { levels, active } = last.message else { panic!("{last:?}") };
    assert_eq!((levels.len(), levels[0].level, levels[0].peer, active), (1, 101, one.peer, Some(tracks[1])));
}

#[tokio::test(start_paused = true)]
async fn a_chat_room_takes_no_media() {
    let world = World::with(RoomRow { kind: RoomKind::Chat, ..room_row() }).await;
    let one = world.join("One").await;
    let publish = Publish { mid: "0".into(), kind: MediaKind::Audio, source: SourceKind::Microphone, muted: false };
    for message in [ClientMessage::Publish(publish), ClientMessage::Offer { sdp: "0:audio".into() }] {
        assert_eq!(world.say(&one, message).await, Err(ErrorCode::KindRefusesMedia));
    }
    assert!(world.chat(&one, "text").await.is_ok());
    assert_eq!(world.gauges().connections, 0);
}
