//! Media reaches the others whole, over bad networks and IPv6 too, and stops at once where it must.

use std::net::{IpAddr, Ipv6Addr};
use std::time::Duration;

use rookery_loadtest::socket::Opening;
use rookery_loadtest::{Client, ClientOptions, MediaOptions, Socket, Weather};
use rookery_schemas::error::ErrorCode;
use rookery_schemas::rest::{Join, PatchAllowed, PatchRoom};
use rookery_schemas::signal::{ClientMessage, MediaKind, Publish, SourceKind, SrtpProfile};

use crate::call::*;
use crate::node::{Node, guest, meeting};

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

/// The host restricts; a modified client goes on sending what it may not.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_the_host_does_not_allow_is_not_forwarded_though_it_is_sent() {
    let node = Node::start(&[]).await;
    let ada = node.user("ada").await;
    let room = ada.create_room(&meeting("Call")).await.unwrap();
    let options = ClientOptions::default();
    let host = Client::enter(&ada, room.slug.as_str(), &Join::default(), options).await.unwrap();
    host.publish(&both()).await.unwrap();
    let sender = Client::enter(&node.api(), room.slug.as_str(), &guest("Ben"), options).await.unwrap();
    sender.publish(&both()).await.unwrap();
    for client in [&host, &sender] {
        client.until(SOON, "the publications", |view| view.tracks.len() == 4).await.unwrap();
        follow(client, 2).await;
    }
    assert!(frames_during(&host, Duration::from_secs(1)).await > 0);
    let allow = |camera, microphone| {
        let allowed = PatchAllowed { camera: Some(camera), microphone: Some(microphone), screen: None };
        PatchRoom { allowed: Some(allowed), ..PatchRoom::default() }
    };
    ada.patch_room(room.slug.as_str(), &allow(false, false)).await.unwrap();
    let stopped = async { while frames_during(&host, Duration::from_millis(100)).await > 0 {} };
    let began = tokio::time::Instant::now();
    tokio::time::timeout(Duration::from_secs(1), stopped).await.expect("the picture stops at once");
    println!("figure restricted_media_stops_within {} ms", began.elapsed().as_millis());
    let sent = node.metrics().await["rookery_media_packets_in_total"];
    let heard = audio(&host.received().await.unwrap()).frames_complete;
    assert_eq!(frames_during(&host, Duration::from_secs(1)).await, 0, "nothing of it is forwarded");
    assert_eq!(audio(&host.received().await.unwrap()).frames_complete, heard);
    let more = node.metrics().await["rookery_media_packets_in_total"] - sent;
    assert!(more > 100.0, "though it is still sent: {more} packets");
    assert!(frames_during(&sender, Duration::from_secs(1)).await > 0, "the host's own goes on");
    // Whatever it tries: the same again, on the lines that it has, or by a new connection.
    let publish =
        |mid: &str, kind, source| ClientMessage::Publish(Publish { mid: mid.into(), kind, source, muted: false });
    for (kind, source) in [(MediaKind::Video, SourceKind::Camera), (MediaKind::Audio, SourceKind::Microphone)] {
        for mid in ["0", "1", "9"] {
            let refused = sender.request(publish(mid, kind, source)).await;
            assert_eq!(refused.unwrap_err().code(), Some(ErrorCode::NotAllowed), "{mid} {source:?}");
        }
    }
    let api = node.api();
    let opening = Opening { url: api.ws_url(), ticket: None, origin: Some(api.origin()), trust: api.trust().clone() };
    sender.resume(Socket::open(&opening).await.unwrap(), true).await.unwrap();
    assert_eq!(frames_during(&host, Duration::from_secs(1)).await, 0, "nor after a resume");
    assert!(host.look(|view| view.tracks.values().all(|track| track.peer == host.peer())));
    ada.patch_room(room.slug.as_str(), &allow(true, true)).await.unwrap();
    assert_eq!(
        frames_during(&host, Duration::from_secs(1)).await,
        0,
        "what has ended stays so until it is published anew"
    );
}
