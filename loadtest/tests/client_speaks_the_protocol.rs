//! A [`Client`] enters, publishes, follows others, chats, resumes and leaves; a [`Socket`] misbehaves where it is told to.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test fails by panicking")]

#[path = "support/leg.rs"]
mod leg;
#[path = "support/server.rs"]
mod server;

use std::time::Duration;

use axum::extract::ws::{CloseFrame, Message};
use rookery_loadtest::load::Load;
use rookery_loadtest::socket::Opening;
use rookery_loadtest::{
    Api, AudioSpec, Client, ClientOptions, Error, MediaStats, Origin, Socket, TrackSpec, Trust, VideoSpec, Weather,
};
use rookery_schemas::error::ErrorCode;
use rookery_schemas::ids::{SlotIndex, TrackId};
use rookery_schemas::rest::Join;
use rookery_schemas::signal::{ClientMessage, History, Role, SrtpProfile};
use server::Server;
use uuid::Uuid;

const WITHIN: Duration = Duration::from_secs(20);

async fn enter(server: &Server, name: &str) -> Client {
    let api = Api::new(&server.base(), Trust::nothing().unwrap()).unwrap();
    let join = Join { display_name: Some(name.to_owned()), password: None };
    Client::enter(&api, server.slug().as_str(), &join, ClientOptions::default()).await.unwrap()
}

fn opening(server: &Server, ticket: Option<&str>) -> Opening {
    Opening {
        url: format!("ws://{}/ws", server.address),
        ticket: ticket.map(str::to_owned),
        origin: Some("https://elsewhere.example".to_owned()),
        trust: Trust::nothing().unwrap(),
    }
}

async fn received(client: &Client, what: &str, wanted: impl Fn(&MediaStats) -> bool) -> MediaStats {
    let deadline = tokio::time::Instant::now() + WITHIN;
    loop {
        let stats = client.received().await.unwrap();
        if wanted(&stats) {
            return stats;
        }
        assert!(tokio::time::Instant::now() < deadline, "no {what}: {stats:#?}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test]
async fn two_people_see_hear_and_write_to_each_other() {
    let server = Server::start().await;
    let (ada, bob) = (enter(&server, "Ada").await, enter(&server, "Bob").await);
    ada.until(WITHIN, "Bob", |view| view.roster.contains_key(&bob.peer())).await.unwrap();
    assert_eq!(ada.look(|view| view.role), Role::Guest);
    assert_eq!(server.origins(), vec![Some(server.base()); 2]);

    let specs = [TrackSpec::Audio(AudioSpec::default()), TrackSpec::Video(VideoSpec::default())];
    let (of_ada, of_bob) = tokio::join!(ada.publish(&specs), bob.publish(&specs));
    let (of_ada, of_bob) = (of_ada.unwrap(), of_bob.unwrap());
    assert_eq!(of_ada.iter().map(|made| made.origin).collect::<Vec<_>>(), [0, 1].map(|n| Origin::of(ada.peer(), n)));
    for (me, others) in [(&ada, &of_bob), (&bob, &of_ada)] {
        me.until(WITHIN, "both tracks", |view| others.iter().all(|made| view.tracks.contains_key(&made.track)))
            .await
            .unwrap();
        assert_eq!(me.follow_everyone(WITHIN).await.unwrap(), 2);
        assert_eq!(me.follow_everyone(WITHIN).await.unwrap(), 0);
        let seen = received(me, "sound and a picture", |stats| {
            stats.tracks.len() == 2 && stats.tracks.iter().all(|track| track.stats.frames_complete >= 5)
        })
        .await;
        let origins: Vec<Origin> = seen.tracks.iter().map(|track| track.origin).collect();
        assert!(others.iter().all(|made| origins.contains(&made.origin)));
        assert!(me.look(|view| others.iter().all(|made| view.is_live(made.track))));
        assert_eq!(me.look(|view| (view.slots.len(), view.negotiation_errors.len(), view.event_gaps)), (1, 0, 0));
    }

    let ack = ada.chat_send("Hello").await.unwrap();
    bob.until(WITHIN, "chat", |view| view.last_seq == ack.seq).await.unwrap();
    assert_eq!(bob.look(|view| view.chat.back().map(|message| message.text.clone())).as_deref(), Some("Hello"));
    assert_eq!(bob.history(History::default()).await.unwrap().messages.len(), 1);

    ada.unpublish(of_ada[1].track).await.unwrap();
    bob.until(WITHIN, "end of the picture", |view| view.slot_of(of_ada[1].track).is_none()).await.unwrap();
    assert_eq!(ada.sent().await.unwrap().sent.len(), 1);
    ada.leave().await.unwrap();
    bob.until(WITHIN, "Ada's leaving", |view| view.left.iter().any(|(peer, _)| *peer == ada.peer())).await.unwrap();
    assert!(bob.pings_us().count() > 0);
}

#[tokio::test]
async fn refusals_keep_their_codes() {
    let server = Server::start().await;
    let ada = enter(&server, "Ada").await;
    let track = TrackId(Uuid::new_v4());
    let missing = ada.subscribe(track, SlotIndex(0), None).await;
    assert_eq!(missing.unwrap_err().code(), Some(ErrorCode::SlotNotFound));
    ada.ask_slots(2, WITHIN).await.unwrap();
    let missing = ada.subscribe(track, SlotIndex(0), None).await;
    assert_eq!(missing.unwrap_err().code(), Some(ErrorCode::TrackNotFound));
    assert!(ada.look(|view| view.bound.is_empty()));

    let api = Api::new(&server.base(), Trust::nothing().unwrap()).unwrap();
    let refused = api.join("abc-defg-hij", &Join::default()).await.map(|_| ());
    assert_eq!(refused.unwrap_err().code(), Some(ErrorCode::RoomNotFound));
    let unknown = api.me().await;
    assert!(matches!(unknown, Err(Error::Unexpected { status: 404, .. })), "{unknown:?}");
    let refused = Socket::open(&opening(&server, Some("guessed"))).await;
    assert_eq!(refused.unwrap_err().code(), Some(ErrorCode::TicketInvalid));
    assert_eq!(server.origins().last().unwrap().as_deref(), Some("https://elsewhere.example"));
}

#[tokio::test]
async fn a_call_is_taken_up_again_on_another_socket_with_its_media() {
    let server = Server::start().await;
    let (ada, bob) = (enter(&server, "Ada").await, enter(&server, "Bob").await);
    ada.publish(&[TrackSpec::Video(VideoSpec::default())]).await.unwrap();
    bob.until(WITHIN, "track", |view| view.tracks.len() == 1).await.unwrap();
    bob.follow_everyone(WITHIN).await.unwrap();
    received(&bob, "picture", |stats| stats.tracks.iter().any(|track| track.stats.frames_complete > 3)).await;

    bob.socket().cut();
    bob.until(WITHIN, "lost socket", |view| view.socket_closed.is_some()).await.unwrap();
    assert!(matches!(bob.chat_send("?").await, Err(Error::Closed(_))));
    let socket = Socket::open(&opening(&server, Some("resume"))).await.unwrap();
    let joined = bob.resume(socket, true).await.unwrap();
    assert!(joined.media_kept && joined.attachment.0 == 2);
    let before = bob.received().await.unwrap().tracks[0].stats.frames_complete;
    let seen = received(&bob, "pictures after it", |stats| stats.tracks[0].stats.frames_complete > before + 10).await;
    assert_eq!(seen.tracks[0].stats.frames_missing + seen.tracks[0].stats.frames_partial, 0);
    ada.chat_send("Still there?").await.unwrap();
    bob.until(WITHIN, "chat", |view| view.chat.len() == 1).await.unwrap();

    let socket = Socket::open(&opening(&server, Some("resume"))).await.unwrap();
    assert!(!bob.resume(socket, false).await.unwrap().media_kept);
    assert!(matches!(bob.received().await, Err(Error::Missing(_))));
    assert_eq!(bob.look(|view| (view.slots.len(), view.bound.len())), (0, 0));
}

#[tokio::test]
async fn a_socket_shows_how_it_was_closed_and_sends_what_it_is_told_to() {
    let server = Server::start().await;
    let ada = enter(&server, "Ada").await;
    let mut events = ada.socket().events();
    ada.socket().send_text("{").unwrap();
    ada.socket().send_binary(vec![1, 2, 3]).unwrap();
    let refusal = tokio::time::timeout(WITHIN, events.recv()).await.unwrap().unwrap();
    let code = match &refusal.message {
        rookery_schemas::signal::ServerMessage::Error(refusal) => refusal.code,
        other => panic!("{other:?}"),
    };
    assert_eq!(code, ErrorCode::Malformed);

    let late = ada.socket().begin(None, ClientMessage::Ping { at: 1 }).unwrap();
    assert!(late.wait().await.is_ok());
    let frame = CloseFrame { code: 4_003, reason: "slow_reader".into() };
    server.send(ada.peer(), Message::Close(Some(frame)));
    let closed = tokio::time::timeout(WITHIN, ada.socket().closed()).await.unwrap();
    assert_eq!((closed.code, closed.reason.as_str()), (Some(4_003), "slow_reader"));
    ada.until(WITHIN, "closed socket", |view| view.socket_closed.is_some()).await.unwrap();

    let bob = enter(&server, "Bob").await;
    bob.socket().send_text("x".repeat(70_000)).unwrap();
    let closed = tokio::time::timeout(WITHIN, bob.socket().closed()).await.unwrap();
    assert_eq!(closed.code, Some(1009));
}

#[tokio::test]
async fn a_reader_that_stops_reading_gets_nothing_until_it_goes_on() {
    let server = Server::start().await;
    let (ada, bob) = (enter(&server, "Ada").await, enter(&server, "Bob").await);
    bob.socket().hold_reading(true);
    // The read that was waiting already may still take one.
    for number in 0..5 {
        ada.chat_send(&number.to_string()).await.unwrap();
    }
    let held = bob.until(Duration::from_millis(300), "nothing", |view| view.chat.len() > 1).await;
    assert!(held.is_err());
    bob.socket().hold_reading(false);
    bob.until(WITHIN, "all of them", |view| view.chat.len() == 5).await.unwrap();
}

#[tokio::test]
async fn a_load_of_clients_reports_what_it_saw() {
    let server = Server::start().await;
    let load = Load {
        base: server.base(),
        trust: Trust::nothing().unwrap(),
        slugs: vec![server.slug()],
        rooms: 1,
        peers: 3,
        publishers: 2,
        audio: Some(AudioSpec::default()),
        video: Some(VideoSpec { packets: 3, ..VideoSpec::default() }),
        follows: true,
        duration: Duration::from_secs(3),
        joins_per_second: 10,
        srtp: SrtpProfile::Gcm,
        up: Weather::default(),
        down: Weather::default(),
        local: std::net::Ipv4Addr::LOCALHOST.into(),
        allow_remote: false,
        seed: 1,
    };
    let report = load.run().await.unwrap();
    let figures = report.figures();
    let value = |name: &str| figures.iter().find(|figure| figure.name == name).map(|figure| figure.value);
    assert!(report.errors().is_empty(), "{figures:#?}");
    assert_eq!((value("joined"), value("tracks_received")), (Some(3.0), Some(8.0)));
    assert!(value("frames_complete") > Some(100.0), "{figures:#?}");
    assert_eq!((value("packets_unstamped"), value("packets_duplicated")), (Some(0.0), Some(0.0)));
    assert!(value("latency_p99").is_some() && value("first_picture_p50").is_some());
}
