//! Coming back: the same seat, the newest attachment, media kept where it lives.

use rookery_actors::transport::TransportEvent;
use rookery_schemas::bus::RoomCommand;
use rookery_schemas::error::ErrorCode;
use rookery_schemas::signal::{ClientMessage, ServerMessage, SrtpProfile};

use crate::world::{Client, World};

#[tokio::test(start_paused = true)]
async fn resume_takes_over_seat() {
    let world = World::new().await;
    let (one, two) = (world.join("One").await, world.join("Two").await);
    let tracks = world.publish(&one).await;
    let connection = world.connection_of(tracks[0]);
    let before = world.events().len();
    let attached = world.resume(&one, true).await;
    assert!(attached.media_kept && attached.attachment == one.attachment.next());
    assert_eq!(attached.snapshot.tracks.len(), 2);
    world.settle().await;
    assert_eq!(world.events_after(before), [], "others see nothing of it");
    assert_eq!(world.connection_of(tracks[0]), connection);
    let superseded = ServerMessage::Error(ErrorCode::Superseded.into());
    assert_eq!(world.told(&one), [superseded]);

    let back = Client { attachment: attached.attachment, ..one.clone() };
    let mute = || ClientMessage::Mute { track: tracks[0], muted: true };
    assert_eq!(world.say(&one, mute()).await, Err(ErrorCode::Superseded));
    assert_eq!(world.chat(&one, "old").await, Err(ErrorCode::Superseded));
    assert_eq!(world.say(&back, mute()).await, Ok(ServerMessage::Ok));
    assert!(world.chat(&back, "new").await.is_ok());

    let token = world.token(&back);
    let cm = RoomCommand::Resume {
        token,
        srtp: SrtpProfile::Cm,
        keep_media: true,
        direct: false,
        link: None,
        retake: false,
    };
    assert!(world.ask(cm).await.is_ok());
    world.settle().await;
    assert!(world.media.0.lock().tracks.is_empty(), "another profile needs other connections");
    world.leave(&two).await;
}

#[tokio::test(start_paused = true)]
async fn a_lost_socket_is_shown_and_undone() {
    let world = World::new().await;
    let (one, _two) = (world.join("One").await, world.join("Two").await);
    world.publish(&one).await;
    let before = world.events().len();
    world.detach(&one).await;
    world.pass(60).await;
    let attached = world.resume(&one, true).await;
    assert!(attached.media_kept, "its media lived on, and kept the seat");
    world.settle().await;
    let reconnecting: Vec<bool> = world
        .events_after(before)
        .into_iter()
        .map(|message| match message {
            ServerMessage::PeerUpdated { peer } => peer.reconnecting,
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(reconnecting, [true, false]);
}

#[tokio::test(start_paused = true)]
async fn an_unanswered_offer_is_told_to_the_new_attachment() {
    let world = World::new().await;
    let (one, two) = (world.join("One").await, world.join("Two").await);
    world.publish(&one).await;
    world.publish(&two).await;
    let attached = world.resume(&two, true).await;
    world.settle().await;
    let back = Client { attachment: attached.attachment, ..two };
    assert!(attached.media_kept);
    assert!(matches!(world.told(&back)[..], [ServerMessage::SubscribeOffer(_)]));
    world.accept_slots(&back).await;
    assert_eq!(world.told(&back).len(), 1, "once it is answered it is told no more");
}

#[tokio::test(start_paused = true)]
async fn a_failed_transport_asks_its_client_to_attach_again() {
    for (event, told) in
        [(TransportEvent::Failed("ice"), "reattach"), (TransportEvent::SrtpProfileRefused, "srtp_profile")]
    {
        let world = World::new().await;
        let one = world.join("One").await;
        let tracks = world.publish(&one).await;
        world.transports.tell(world.connection_of(tracks[0]), event);
        world.settle().await;
        let said: Vec<String> = world
            .told(&one)
            .into_iter()
            .map(|message| match message {
                ServerMessage::Reattach { .. } => "reattach".to_owned(),
                ServerMessage::Error(refusal) => refusal.code.to_string(),
                other => panic!("{other:?}"),
            })
            .collect();
        assert_eq!(said, [told]);
        assert!(world.media.0.lock().connections.is_empty() && world.gauges().connections == 0);
        assert!(!world.resume(&one, true).await.media_kept);
    }
}
