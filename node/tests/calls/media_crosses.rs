//! Media reaches the others whole, over bad networks and IPv6 too, and stops at once where it must.

use std::net::{IpAddr, Ipv6Addr};
use std::time::Duration;

use rookery_loadtest::{Client, ClientOptions, MediaOptions, Weather};
use rookery_schemas::rest::Join;
use rookery_schemas::signal::{ClientMessage, SrtpProfile};

use crate::call::*;
use crate::node::{Node, guest};

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
