//! A hundred rounds of ten people who come, publish, and go in every way there is: nothing is left of them.

use std::collections::HashMap;
use std::time::Duration;

use futures_util::future::join_all;
use rookery_loadtest::client::View;
use rookery_loadtest::{Client, ClientOptions};
use rookery_schemas::rest::{Join, Room};

use crate::call::*;
use crate::node::{Node, guest, meeting};

const ROUNDS: usize = 100;
const PEOPLE: usize = 10;
/// A room for as many rounds: people of whom nobody said goodbye keep their seats and tracks for 15 s, so the second round finds
/// those of the first.
const ROUNDS_PER_ROOM: usize = 2;
/// Empty rooms are put away after 60 s, vanished people after 15 s.
const BASE_WITHIN: Duration = Duration::from_secs(150);
const GAUGES: [&str; 14] = [
    "rookery_peers",
    "rookery_transports",
    "rookery_actors{kind=\"peer\"}",
    "rookery_actors{kind=\"room\"}",
    "rookery_actors{kind=\"router\"}",
    "rookery_actors{kind=\"scope\"}",
    "rookery_rooms",
    "rookery_media_connections",
    "rookery_media_tracks",
    "rookery_media_sources",
    "rookery_media_slots",
    "rookery_media_routes",
    "rookery_ws_sockets",
    "rookery_ws_seats",
];

/// How a round ends.
#[derive(Clone, Copy)]
enum End {
    Leave,
    CutSockets,
    Vanish,
    Panic(&'static str),
}

const ENDS: [End; 6] =
    [End::CutSockets, End::Panic("room"), End::Leave, End::Panic("router"), End::Vanish, End::Panic("peer")];

async fn come(node: &Node, room: &Room, i: usize) -> Client {
    let slug = room.slug.as_str();
    let client =
        Client::enter(&node.api(), slug, &guest(&format!("Guest {i}")), ClientOptions::default()).await.unwrap();
    // the sound alone: a connection, a track and a source of each, at a tenth of the work
    client.publish(&both()[..1]).await.unwrap();
    client
}

/// Two of the ten follow the others.
async fn follow_all(inside: &[Client]) {
    let all =
        |client: &Client, of: &View| inside.iter().all(|one| one.peer() == client.peer() || of.publishes(one.peer()));
    join_all(inside.iter().take(2).map(|follower| async {
        follower.until(SOON, "everyone's sound", |view| all(follower, view)).await.unwrap();
        follow(follower, PEOPLE - 1).await;
    }))
    .await;
}

async fn end(node: &Node, room: &Room, how: End, inside: Vec<Client>) {
    match how {
        End::Leave => {
            for left in join_all(inside.iter().map(Client::leave)).await {
                left.unwrap();
            }
        }
        End::CutSockets => inside.iter().for_each(|client| client.socket().cut()),
        End::Vanish => {}
        End::Panic(target) => {
            let peer = inside[0].peer().to_string();
            node.inject(room, if target == "peer" { &peer } else { target }).await;
            // leaving while the actor comes back: some are refused, and go like those whose machine fails
            join_all(inside.iter().map(Client::leave)).await;
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hundred_rounds_of_ten_people_leave_nothing_behind() {
    let node = Node::start(&[]).await;
    let ada = node.user("ada").await;
    let mut most: HashMap<&str, f64> = HashMap::new();
    for of_room in 0..ROUNDS / ROUNDS_PER_ROOM {
        let room = ada.create_room(&meeting("Busy")).await.unwrap();
        for round in (0..ROUNDS_PER_ROOM).map(|round| of_room * ROUNDS_PER_ROOM + round) {
            let inside = join_all((0..PEOPLE).map(|i| come(&node, &room, i))).await;
            follow_all(&inside).await;
            if round % ROUNDS_PER_ROOM == 0 {
                let metrics = node.metrics().await;
                for gauge in GAUGES {
                    let seen = most.entry(gauge).or_default();
                    *seen = seen.max(metrics[gauge]);
                }
            }
            end(&node, &room, ENDS[round % ENDS.len()], inside).await;
        }
    }
    assert!(most.values().all(|most| *most > 0.0), "the gauges do move: {most:?}");
    let deadline = tokio::time::Instant::now() + BASE_WITHIN;
    loop {
        let metrics = node.metrics().await;
        let left: Vec<_> = GAUGES.iter().map(|gauge| (gauge, metrics[*gauge])).filter(|(_, n)| *n != 0.0).collect();
        if left.is_empty() {
            break;
        }
        assert!(tokio::time::Instant::now() < deadline, "not at their base: {left:?}");
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    let again = Client::enter(&ada, &room_of(&ada).await, &Join::default(), ClientOptions::default()).await.unwrap();
    again.chat_send("all is well").await.unwrap();
}

async fn room_of(host: &rookery_loadtest::Api) -> String {
    host.create_room(&meeting("After")).await.unwrap().slug.as_str().to_owned()
}
