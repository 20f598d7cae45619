//! People who are gone without a word: the others see it within 3 s, and the seat is given up 15 s later.

use std::time::Duration;

use rookery_loadtest::{Client, ClientOptions, Weather, clock};
use rookery_schemas::ids::PeerId;
use rookery_schemas::rest::Join;
use rookery_schemas::signal::LeaveReason;

use crate::call::*;
use crate::node::{Node, guest, meeting};

/// Three times the promise: with five, the gateway's own cut of a silent socket (10 s) would pass for noticing.
const NOTICED_WITHIN: Duration = Duration::from_secs(3 * 3);
/// Five times 15 s would say little; this is what a busy machine may add.
const GONE_WITHIN: Duration = Duration::from_secs(30);

/// As if the machine of this client had lost its power: nothing comes from it any more, and no connection is closed.
async fn lose_power(client: &Client) {
    client.hush();
    client.set_weather(Weather::blackout(), Weather::blackout()).await.unwrap();
}

async fn noticed(by: &Client, who: PeerId, what: &'static str) {
    let began = clock::micros();
    let since_ms = || (clock::micros() - began) / 1_000;
    let shown = |view: &rookery_loadtest::client::View| view.roster.get(&who).is_some_and(|peer| peer.reconnecting);
    by.until(NOTICED_WITHIN, "a vanished peer to be shown as such", shown).await.unwrap();
    println!("figure vanished_{what}_noticed_after {} ms", since_ms());
    by.until(GONE_WITHIN, "a vanished peer to be gone", |view| !view.roster.contains_key(&who)).await.unwrap();
    println!("figure vanished_{what}_gone_after {} ms", since_ms());
    assert_eq!(by.look(|view| view.left.back().copied()), Some((who, LeaveReason::TimedOut)));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_published_and_vanished_is_noticed() {
    let node = Node::start(&[]).await;
    let (_, _, publisher, follower) = call(&node, ClientOptions::default()).await;
    lose_power(&publisher).await;
    noticed(&follower, publisher.peer(), "publisher").await;
    assert_eq!(follower.look(|view| view.tracks.len()), 0, "what it published is gone with it");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_followed_and_vanished_is_noticed() {
    let node = Node::start(&[]).await;
    let (_, _, publisher, follower) = call(&node, ClientOptions::default()).await;
    lose_power(&follower).await;
    noticed(&publisher, follower.peer(), "follower").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_had_no_media_and_vanished_is_noticed() {
    let node = Node::start(&[]).await;
    let ada = node.user("ada").await;
    let room = ada.create_room(&meeting("Call")).await.unwrap();
    let host = Client::enter(&ada, room.slug.as_str(), &Join::default(), ClientOptions::default()).await.unwrap();
    let silent = Client::enter(&node.api(), room.slug.as_str(), &guest("Ben"), ClientOptions::default()).await.unwrap();
    host.until(SOON, "two people", |view| view.roster.len() == 2).await.unwrap();
    lose_power(&silent).await;
    noticed(&host, silent.peer(), "listener").await;
}

/// What came while it stood still is looked at before anybody is missed.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_that_stood_still_misses_nobody() {
    let node = Node::start(&[]).await;
    let ada = node.user("ada").await;
    let room = ada.create_room(&meeting("Call")).await.unwrap();
    let mut all =
        vec![Client::enter(&ada, room.slug.as_str(), &Join::default(), ClientOptions::default()).await.unwrap()];
    for i in 0..6 {
        let name = guest(&format!("Guest {i}"));
        all.push(Client::enter(&node.api(), room.slug.as_str(), &name, ClientOptions::default()).await.unwrap());
    }
    for client in &all {
        client.until(SOON, "everyone", |view| view.roster.len() == 7).await.unwrap();
    }
    let before = all[0].look(|view| view.n);
    // longer than a client may be silent, and longer than a socket may
    for seconds in [4, 11] {
        node.stand_still(Duration::from_secs(seconds)).await;
        tokio::time::sleep(Duration::from_secs(1)).await;
        let after = all[0].look(|view| view.n);
        assert_eq!(after, before, "after {seconds} s somebody was shown as lost");
        assert!(all.iter().all(|client| client.socket().is_closed().is_none()), "after {seconds} s a socket was cut");
    }
}
