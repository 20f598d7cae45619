//! Calls over a real node by the independent client: the public API only, and another WebRTC stack on the other side.
//!
//! Deadlines are five times what is promised; the figures are printed.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, reason = "what fails here fails the test")]

#[path = "calls/node.rs"]
mod node;

use std::net::{IpAddr, Ipv6Addr};
use std::time::Duration;

use node::{Node, guest, meeting};
use rookery_loadtest::{
    Api, AudioSpec, Client, ClientOptions, MediaOptions, MediaStats, TrackSpec, VideoSpec, Weather,
};
use rookery_schemas::error::ErrorCode;
use rookery_schemas::ids::Seq;
use rookery_schemas::rest::{Join, Room};
use rookery_schemas::signal::{ClientMessage, Codec, History, SrtpProfile};

const SOON: Duration = Duration::from_secs(10);

fn both() -> [TrackSpec; 2] {
    [TrackSpec::Audio(AudioSpec::default()), TrackSpec::Video(VideoSpec::default())]
}

fn over(srtp: SrtpProfile) -> ClientOptions {
    ClientOptions { media: MediaOptions { srtp, ..MediaOptions::default() }, ..ClientOptions::default() }
}

/// Ada publishes, Ben follows her; returns when he gets all of it.
async fn call(node: &Node, options: ClientOptions) -> (Api, Room, Client, Client) {
    let ada = node.user("ada").await;
    let room = ada.create_room(&meeting("Call")).await.unwrap();
    let publisher = Client::enter(&ada, room.slug.as_str(), &Join::default(), options).await.unwrap();
    publisher.publish(&both()).await.unwrap();
    let follower = Client::enter(&node.api(), room.slug.as_str(), &guest("Ben"), options).await.unwrap();
    follow(&follower, 2).await;
    (ada, room, publisher, follower)
}

async fn follow(follower: &Client, tracks: usize) {
    follower.until(SOON, "the publications", |view| view.tracks.len() >= tracks).await.unwrap();
    follower.follow_everyone(SOON).await.unwrap();
    follower.until(SOON, "live slots", |view| view.live.len() >= tracks).await.unwrap();
}

fn video(stats: &MediaStats) -> &rookery_loadtest::stats::TrackStats {
    &stats.tracks.iter().find(|track| track.codec != Codec::Opus).expect("a video track is received").stats
}

/// Pictures that became complete while `time` passed.
async fn frames_during(client: &Client, time: Duration) -> u64 {
    let before = video(&client.received().await.unwrap()).frames_complete;
    tokio::time::sleep(time).await;
    video(&client.received().await.unwrap()).frames_complete - before
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn media_crosses_under_both_profiles_without_a_gap() {
    for srtp in [SrtpProfile::Gcm, SrtpProfile::Cm] {
        let node = Node::start(&[]).await;
        let (_, _, publisher, follower) = call(&node, over(srtp)).await;
        let frames = frames_during(&follower, Duration::from_secs(3)).await;
        let stats = follower.received().await.unwrap();
        let seen = video(&stats);
        println!("figure frames_in_3_s_{srtp:?} {frames} frames");
        println!("figure added_latency_p99_{srtp:?} {} us", seen.latency_us.p99());
        assert!(frames >= 30, "{srtp:?}: {frames} of 45 frames");
        assert_eq!((seen.duplicates, seen.frames_missing), (0, 0), "{srtp:?}: {seen:?}");
        publisher.leave().await.unwrap();
        follower
            .until(SOON, "the publisher's leaving", |view| view.roster.len() == 1 && view.tracks.is_empty())
            .await
            .unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn loss_reordering_and_duplicates_are_repaired() {
    let node = Node::start(&[]).await;
    let (_, _, publisher, follower) = call(&node, ClientOptions::default()).await;
    let bad = Weather {
        loss: 0.05,
        duplicate: 0.02,
        reorder: 0.02,
        reorder_by: Duration::from_millis(20),
        delay: Duration::from_millis(10),
        ..Weather::default()
    };
    publisher.set_weather(bad, bad).await.unwrap();
    follower.set_weather(bad, bad).await.unwrap();
    let frames = frames_during(&follower, Duration::from_secs(8)).await;
    println!("figure frames_in_8_s_at_5_percent_loss {frames} frames");
    assert!(frames >= 80, "{frames} of 120 frames");
    let metrics = node.metrics().await;
    assert!(metrics["rookery_media_recovered_total"] > 0.0, "the publisher's losses were repaired");
    assert!(metrics["rookery_media_retransmitted_total"] > 0.0, "the follower's losses were repaired");
    assert_eq!(metrics["rookery_media_seal_refused_total"], 0.0);
    assert_eq!(metrics["rookery_media_control_media_refused_total"], 0.0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn media_crosses_over_ipv6() {
    let node = Node::start(&[("media.bind", "::1")]).await;
    let media = MediaOptions { local: IpAddr::V6(Ipv6Addr::LOCALHOST), ..MediaOptions::default() };
    let (_, _, _publisher, follower) = call(&node, ClientOptions { media, ..ClientOptions::default() }).await;
    assert!(frames_during(&follower, Duration::from_secs(2)).await >= 15);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn media_stops_at_once_for_whom_it_must() {
    let node = Node::start(&[]).await;
    let (ada, room, publisher, follower) = call(&node, ClientOptions::default()).await;
    let host = Client::enter(&ada, room.slug.as_str(), &Join::default(), ClientOptions::default()).await.unwrap();
    host.say(ClientMessage::Kick { peer: follower.peer() }).await.unwrap();
    follower.until(SOON, "being put out", |view| view.over.is_some()).await.unwrap();
    let closed = async {
        while follower.received().await.is_ok() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(SOON, closed).await.expect("the media connection of someone put out is closed");
    let again = Client::enter(&node.api(), room.slug.as_str(), &guest("Ben"), ClientOptions::default()).await.unwrap();
    follow(&again, 2).await;
    publisher.leave().await.unwrap();
    again.until(SOON, "the publisher's leaving", |view| view.tracks.is_empty()).await.unwrap();
    tokio::time::sleep(Duration::from_millis(500)).await;
    assert_eq!(frames_during(&again, Duration::from_secs(1)).await, 0, "media of someone who left has stopped");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn crashing_actors_do_not_interrupt_the_others_media() {
    let node = Node::start(&[]).await;
    let (_, room, _publisher, follower) = call(&node, ClientOptions::default()).await;
    let victim =
        Client::enter(&node.api(), room.slug.as_str(), &guest("Cleo"), ClientOptions::default()).await.unwrap();
    let victim_id = victim.peer().to_string();
    for target in ["room", "router", victim_id.as_str()] {
        let (epoch, snapshots) = follower.look(|view| (view.epoch, view.snapshots));
        node.inject(&room, target).await;
        let frames = frames_during(&follower, Duration::from_secs(3)).await;
        println!("figure frames_in_3_s_over_a_crash {frames} frames");
        assert!(frames >= 38, "{target}: {frames} of 45 frames");
        if target == "room" {
            follower
                .until(SOON, "a snapshot of the new epoch", |view| view.epoch > epoch && view.snapshots > snapshots)
                .await
                .unwrap();
        }
        let roster = follower.look(|view| (view.roster.len(), view.tracks.len()));
        assert_eq!(roster, (3, 2), "{target}: roster and publications are back");
        follower
            .chat_send(&format!("after {}", if target == "room" || target == "router" { target } else { "peer" }))
            .await
            .unwrap();
    }
    let gap_ms = video(&follower.received().await.unwrap()).frame_gap_us_max / 1_000;
    println!("figure frame_gap_over_crashes {gap_ms} ms");
    assert!(gap_ms < 5 * 300, "the longest gap is {gap_ms} ms");
    let metrics = node.metrics().await;
    for kind in ["room", "router", "peer"] {
        assert_eq!(metrics[&format!("rookery_actor_restarts_total{{kind=\"{kind}\"}}")], 1.0, "{kind}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_acknowledged_is_there_after_a_kill() {
    let mut node = Node::start(&[]).await;
    let ada = node.user("ada").await;
    let room = ada.create_room(&meeting("Call")).await.unwrap();
    let client = Client::enter(&ada, room.slug.as_str(), &Join::default(), ClientOptions::default()).await.unwrap();
    let mut acknowledged = Vec::new();
    for i in 0..50 {
        acknowledged.push((client.chat_send(&format!("message {i}")).await.unwrap().seq, format!("message {i}")));
    }
    drop(client);
    node.kill_and_restart().await;
    ada.refresh().await.unwrap();
    let kept = ada.messages(room.slug.as_str(), None, None).await.unwrap();
    let kept: Vec<(Seq, String)> = kept.messages.into_iter().map(|message| (message.seq, message.text)).collect();
    assert_eq!(kept, acknowledged);
    let again = Client::enter(&ada, room.slug.as_str(), &Join::default(), ClientOptions::default()).await.unwrap();
    let next = again.chat_send("after the kill").await.unwrap();
    assert_eq!(next.seq, Seq(51), "numbers go on without a gap");
    let page = again.history(History { before: None, after: Some(Seq(49)), limit: Some(10) }).await.unwrap();
    assert_eq!(page.messages.iter().map(|message| message.seq.0).collect::<Vec<_>>(), [50, 51]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_may_not_enter_is_told_why() {
    let node = Node::start(&[]).await;
    let ada = node.user("ada").await;
    let small =
        ada.create_room(&rookery_schemas::rest::CreateRoom { max_peers: Some(2), ..meeting("Small") }).await.unwrap();
    let slug = small.slug.as_str();
    let spare = node.api().join(slug, &guest("Late")).await.unwrap();
    let first = Client::enter(&ada, slug, &Join::default(), ClientOptions::default()).await.unwrap();
    let _second = Client::enter(&node.api(), slug, &guest("Ben"), ClientOptions::default()).await.unwrap();
    let full = node.api().join(slug, &guest("Cleo")).await.err().expect("the room is full");
    assert_eq!(full.code(), Some(ErrorCode::RoomFull));
    let message =
        ClientMessage::Join(rookery_schemas::signal::JoinRoom { ticket: spare.ticket, srtp: SrtpProfile::Gcm });
    let at_the_door = first.socket().request(None, message.clone()).await.unwrap_err();
    assert!(at_the_door.code().is_some(), "a ticket from before is no way in: {at_the_door}");
    let joined = ada.join(slug, &Join::default()).await;
    assert_eq!(joined.err().and_then(|error| error.code()), Some(ErrorCode::RoomFull));
    assert_eq!(first.look(|view| view.roster.len()), 2, "refusals cost nobody else anything");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hundred_rounds_of_ten_people_leave_nothing_behind() {
    let node = Node::start(&[("websocket.sockets_per_user_max", "100")]).await;
    let ada = node.user("ada").await;
    let room = ada.create_room(&meeting("Busy")).await.unwrap();
    let gauges = [
        "rookery_peers",
        "rookery_transports",
        "rookery_actors{kind=\"peer\"}",
        "rookery_media_connections",
        "rookery_media_tracks",
        "rookery_media_sources",
        "rookery_media_slots",
        "rookery_media_routes",
        "rookery_ws_sockets",
    ];
    let mut seen = vec![0.0_f64; gauges.len()];
    for round in 0..100 {
        let mut inside = Vec::new();
        for i in 0..10 {
            let name = format!("Guest {i}");
            let client =
                Client::enter(&node.api(), room.slug.as_str(), &guest(&name), ClientOptions::default()).await.unwrap();
            // media in every tenth round: a handshake costs as much as everything else together
            if round % 10 == 0 && i < 2 {
                client.publish(&both()).await.unwrap();
            }
            inside.push(client);
        }
        if round % 10 == 0 {
            let metrics = node.metrics().await;
            for (most, gauge) in seen.iter_mut().zip(gauges) {
                *most = most.max(metrics[gauge]);
            }
        }
        for client in inside {
            client.leave().await.unwrap();
        }
    }
    assert!(seen.iter().take(5).all(|most| *most > 0.0), "the gauges do move: {seen:?}");
    let deadline = tokio::time::Instant::now() + Duration::from_secs(30);
    loop {
        let metrics = node.metrics().await;
        let left: Vec<_> = gauges.iter().filter(|gauge| metrics[**gauge] != 0.0).collect();
        if left.is_empty() {
            break;
        }
        assert!(tokio::time::Instant::now() < deadline, "not at their base: {left:?}");
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}
