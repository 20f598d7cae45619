//! Actors that panic in the middle of a call.

use std::time::Duration;

use rookery_loadtest::{Client, ClientOptions};

use crate::call::*;
use crate::node::{Node, guest};

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
    let stats = follower.received().await.unwrap();
    let frame_gap_ms = video(&stats).frame_gap_us_max / 1_000;
    let audio_gap_ms = audio(&stats).packet_gap_us_max / 1_000;
    println!("figure frame_gap_over_crashes {frame_gap_ms} ms");
    println!("figure audio_gap_over_crashes {audio_gap_ms} ms");
    assert!(frame_gap_ms < 5 * 300, "the longest gap between frames is {frame_gap_ms} ms");
    assert!(audio_gap_ms < 5 * 200, "the longest gap in the sound is {audio_gap_ms} ms");
    let metrics = node.metrics().await;
    for kind in ["room", "router", "peer"] {
        assert_eq!(metrics[&format!("rookery_actor_restarts_total{{kind=\"{kind}\"}}")], 1.0, "{kind}");
    }
}
