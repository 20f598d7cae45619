//! Rooms: made with a short name, listed by cursor with who is inside, changed and deleted by their host, who the owner hears of.

use std::collections::HashSet;
use std::time::Duration;

use reqwest::Method;
use rookery_actors::seams::RoomStore;
use rookery_schemas::bus::{RoomCommand, RoomPresence, RoomRequest};
use rookery_schemas::ids::{Epoch, Nonce, PeerId, RoomId, Seq, UnixMillis};
use rookery_schemas::rows::MessageRow;
use rookery_schemas::signal::ChatMessage;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::world::{Person, World, relaxed};

pub fn id(room: &Value) -> RoomId {
    room["id"].as_str().unwrap().parse().unwrap()
}

pub fn says(world: &World, room: &Value, count: u64) {
    let row = |seq| MessageRow {
        epoch: Epoch(1),
        message: ChatMessage {
            seq: Seq(seq),
            nonce: Nonce(Uuid::new_v4()),
            peer: PeerId(Uuid::new_v4()),
            user: None,
            display_name: "Ann".into(),
            text: format!("<script>{seq}</script>"),
            at: UnixMillis(seq.cast_signed()),
        },
    };
    world
        .store
        .rows
        .lock()
        .messages
        .insert(id(room), (1..=count).map(row).map(|row| ((row.message.seq, row.epoch), row)).collect());
}

#[tokio::test]
async fn a_room_is_made_with_a_link() {
    let world = World::new().await;
    let ann = world.person("ann").await;
    world.store.script.lock().slugs_taken = 2;
    let body = json!({"name": " Stand-up ", "description": "two\r\nlines", "kind": "meeting", "password": "sesame",
        "maxPeers": 7, "expiresAt": 1_900_000_000_000_i64, "public": true});
    let answer = world.post("rooms", body).bearer(&ann).send().await;
    assert_eq!(answer.status, 201, "{}", answer.text);
    let room = &answer.json;
    let slug = room["slug"].as_str().unwrap();
    assert!(slug.parse::<rookery_schemas::ids::Slug>().is_ok(), "{slug}");
    assert_eq!(answer.header("location"), format!("/api/v1/rooms/{}", room["id"].as_str().unwrap()));
    let expected = json!({
        "id": room["id"], "slug": slug, "url": format!("http://{}/r/{slug}", world.at), "name": "Stand-up",
        "description": "two\nlines", "kind": "meeting", "hasPassword": true, "maxPeers": 7, "public": true,
        "allowed": {"microphone": true, "camera": true, "screen": true},
        "expiresAt": 1_900_000_000_000_i64, "createdAt": 1_800_000_000_000_i64, "role": "host",
        "inside": {"peers": 0, "names": []}, "unread": 0,
    });
    assert_eq!(*room, expected);
    for name in [slug, room["id"].as_str().unwrap()] {
        assert_eq!(world.get(&format!("rooms/{name}")).bearer(&ann).send().await.json, expected);
    }
    let stored = world.store.rows.lock().rooms[&id(room)].clone();
    assert!(stored.password_hash.unwrap().starts_with("$argon2id$"));
}

#[tokio::test]
async fn the_configured_address_is_in_links() {
    let config = rookery_gateway::GatewayConfig { public_url: Some("https://meet.example/".into()), ..relaxed() };
    let world = World::with(config).await;
    let body = json!({"email": "ann@example.com", "username": "ann", "password": crate::world::PASSWORD});
    let answer = world.post("auth/register", body).send().await;
    let token = answer.json["accessToken"].as_str().unwrap().to_owned();
    let room = world.post("rooms", json!({"name": "x", "kind": "meeting"})).token(&token).send().await.json;
    let url = format!("https://meet.example/r/{}", room["slug"].as_str().unwrap());
    assert_eq!(room["url"], url);
    let path = format!("rooms/{}/join", room["slug"].as_str().unwrap());
    let join = world.post(&path, json!({})).token(&token).send().await;
    assert_eq!(join.json["gateways"], json!(["wss://meet.example/ws"]));
}

#[tokio::test]
async fn lists_go_by_last_use_in_pages_with_one_question_each() {
    let world = World::new().await;
    let ann = world.person("ann").await;
    let mut made = Vec::new();
    for n in 0..25 {
        world.time.advance(Duration::from_secs(1));
        made.push(world.room(&ann, json!({"name": format!("Room {n}")})).await);
    }
    let first = id(&made[24]);
    let names = vec!["Ann".to_owned(), "Bob".to_owned()];
    world.owner.lock().inside.insert(first, RoomPresence { room: first, peers: 2, names });
    says(&world, &made[24], 3);
    world.owner.lock().presence_requests = 0;

    let mut seen = Vec::new();
    let mut path = "rooms?limit=10".to_owned();
    let mut pages = 0;
    loop {
        let page = world.get(&path).bearer(&ann).send().await;
        assert_eq!(page.status, 200, "{}", page.text);
        pages += 1;
        seen.extend(page.json["rooms"].as_array().unwrap().clone());
        let Some(next) = page.json["next"].as_str() else { break };
        path = format!("rooms?limit=10&cursor={next}");
    }
    assert_eq!((pages, world.owner.lock().presence_requests), (3, 3));
    let order: Vec<RoomId> = seen.iter().map(id).collect();
    let expected: Vec<RoomId> = made.iter().rev().map(id).collect();
    assert_eq!(order, expected);
    assert_eq!(seen[0]["inside"], json!({"peers": 2, "names": ["Ann", "Bob"]}));
    assert_eq!((&seen[0]["unread"], &seen[0]["lastMessage"]["seq"]), (&json!(3), &json!(3)));
    assert_eq!(seen[1]["unread"], 0);
    let whole = world.get("rooms?limit=25").bearer(&ann).send().await;
    assert_eq!(whole.json["next"], Value::Null, "a full last page is the last");
}

#[tokio::test]
async fn lists_are_filtered_and_show_nobody_elses() {
    let world = World::new().await;
    let (ann, bob) = (world.person("ann").await, world.person("bob").await);
    let secret = world.room(&ann, json!({"name": "Secret plans"})).await;
    let chat = world.room(&ann, json!({"name": "Watercooler", "kind": "chat", "public": true})).await;
    let meeting =
        world.room(&ann, json!({"name": "Town hall", "public": true, "description": "cooler than ever"})).await;
    let list = async |who: &Person, query: &str| -> HashSet<RoomId> {
        let answer = world.get(&format!("rooms?{query}")).bearer(who).send().await;
        answer.json["rooms"].as_array().unwrap().iter().map(id).collect()
    };
    let all = |rooms: &[&Value]| rooms.iter().map(|room| id(room)).collect::<HashSet<_>>();
    assert_eq!(list(&ann, "").await, all(&[&secret, &chat, &meeting]));
    assert_eq!(list(&bob, "").await, all(&[]));
    assert_eq!(list(&bob, "scope=public").await, all(&[&chat, &meeting]));
    assert_eq!(list(&bob, "scope=public&kind=chat").await, all(&[&chat]));
    assert_eq!(list(&ann, "text=cool").await, all(&[&meeting]));
    assert_eq!(list(&ann, "text=%20&kind=meeting").await, all(&[&secret, &meeting]));
    assert_eq!(list(&bob, "scope=public&text=secret").await, all(&[]));

    says(&world, &chat, 2);
    let seen = world.get("rooms?scope=public&kind=chat").bearer(&bob).send().await.json["rooms"][0].clone();
    assert_eq!((&seen["lastMessage"], &seen["unread"], &seen["role"]), (&Value::Null, &json!(0), &Value::Null));
}

#[tokio::test]
async fn strangers_see_the_face_of_a_room_only() {
    let world = World::new().await;
    let ann = world.person("ann").await;
    let open = world.room(&ann, json!({})).await;
    let closed = world.room(&ann, json!({"password": "sesame"})).await;
    for room in [&open, &closed] {
        says(&world, room, 1);
        let inside = RoomPresence { room: id(room), peers: 1, names: vec!["Ann".into()] };
        world.owner.lock().inside.insert(id(room), inside);
    }
    let look = async |room: &Value| world.get(&format!("rooms/{}", room["slug"].as_str().unwrap())).send().await.json;
    let seen = look(&open).await;
    assert_eq!(
        (&seen["inside"]["names"], &seen["lastMessage"], &seen["unread"]),
        (&json!(["Ann"]), &Value::Null, &json!(0))
    );
    let seen = look(&closed).await;
    assert_eq!(seen["inside"], json!({"peers": 1, "names": []}), "names are for those who know the password");
    assert_eq!(seen["hasPassword"], true);
    assert!(!seen.to_string().contains("argon2"));
}

#[tokio::test]
async fn a_host_changes_and_the_owner_hears_of_it() {
    let world = World::new().await;
    let ann = world.person("ann").await;
    let room = world.room(&ann, json!({"password": "sesame", "expiresAt": 1_900_000_000_000_i64})).await;
    let path = format!("rooms/{}", room["slug"].as_str().unwrap());
    let answer =
        world.patch(&path, json!({"name": "Sit-down", "maxPeers": 9, "public": true})).bearer(&ann).send().await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    assert_eq!(
        (&answer.json["name"], &answer.json["maxPeers"], &answer.json["hasPassword"]),
        (&json!("Sit-down"), &json!(9), &json!(true))
    );
    let answer = world.patch(&path, json!({"password": null, "expiresAt": null})).bearer(&ann).send().await;
    assert_eq!((&answer.json["hasPassword"], &answer.json["expiresAt"]), (&json!(false), &Value::Null));
    let told = |request: &&RoomRequest| matches!(request.command, RoomCommand::Changed);
    assert_eq!(world.owner.lock().asked.iter().filter(told).count(), 2, "it reads the row by itself");
    assert_eq!(answer.json["name"], "Sit-down");
}

#[tokio::test]
async fn a_host_says_what_others_may_send_and_each_by_itself() {
    let world = World::new().await;
    let (ann, bob) = (world.person("ann").await, world.person("bob").await);
    let room = world.room(&ann, json!({})).await;
    let path = format!("rooms/{}", room["slug"].as_str().unwrap());
    assert_eq!(room["allowed"], json!({"microphone": true, "camera": true, "screen": true}));
    for (change, wanted) in [
        (json!({"camera": false}), json!({"microphone": true, "camera": false, "screen": true})),
        (json!({"microphone": false}), json!({"microphone": false, "camera": false, "screen": true})),
        (json!({"camera": true, "screen": false}), json!({"microphone": false, "camera": true, "screen": false})),
        (json!({}), json!({"microphone": false, "camera": true, "screen": false})),
    ] {
        let answer = world.patch(&path, json!({"allowed": change})).bearer(&ann).send().await;
        assert_eq!((answer.status.as_u16(), &answer.json["allowed"]), (200, &wanted), "{change}");
        assert_eq!(world.get(&path).send().await.json["allowed"], wanted, "everyone can see it before they join");
        assert!(matches!(world.owner.lock().asked.last().unwrap().command, RoomCommand::Changed));
    }
    world.join(&room, Some(&bob), json!({})).await;
    for who in [Some(&bob), None] {
        let asked = world.patch(&path, json!({"allowed": {"screen": true}}));
        let answer = match who {
            Some(who) => asked.bearer(who).send().await,
            None => asked.send().await,
        };
        let wanted = if who.is_some() { (403, "forbidden") } else { (401, "unauthorized") };
        assert_eq!((answer.status.as_u16(), answer.code()), wanted);
    }
    for bad in [json!(true), json!({"camera": "no"}), json!({"camera": 0}), json!({"chat": false}), json!("camera")] {
        let answer = world.patch(&path, json!({"allowed": bad})).bearer(&ann).send().await;
        assert!((400..500).contains(&answer.status.as_u16()), "{bad}: {}", answer.text);
    }
    assert_eq!(world.get(&path).send().await.json["allowed"]["screen"], false, "nothing of it was done");
    let chat = world.room(&ann, json!({"kind": "chat"})).await;
    let path = format!("rooms/{}", chat["slug"].as_str().unwrap());
    let answer = world.patch(&path, json!({"allowed": {"camera": false}})).bearer(&ann).send().await;
    assert_eq!((answer.status.as_u16(), answer.code()), (422, "invalid"), "there is nothing to send");
}

/// Two changes at once: the one that began with the older row undoes nothing of the other, nor does it open a closed room.
#[tokio::test]
async fn changes_at_once_do_not_undo_each_other() {
    let world = World::new().await;
    let ann = world.person("ann").await;
    let room = world.room(&ann, json!({"password": "sesame"})).await;
    let path = format!("rooms/{}", room["slug"].as_str().unwrap());
    world.store.script.lock().held.insert("update_room");
    let bodies = [json!({"name": "New"}), json!({"description": "More"}), json!({"password": null, "public": true})];
    let changing = futures_util::future::join_all(bodies.map(|body| world.patch(&path, body).bearer(&ann).send()));
    let meanwhile = async {
        while world.store.calls("update_room") < 3 {
            tokio::task::yield_now().await;
        }
        world.store.close_room(id(&room), UnixMillis(1_800_000_000_500)).await.unwrap();
        world.store.release();
    };
    let (answers, ()) = tokio::join!(changing, meanwhile);
    assert!(answers.iter().all(|answer| answer.status == 200), "{answers:?}");
    let stored = world.store.rows.lock().rooms[&id(&room)].clone();
    let got = (stored.name.as_str(), stored.description.as_str(), stored.password_hash, stored.public);
    assert_eq!(got, ("New", "More", None, true));
    assert_eq!(stored.closed_at, Some(UnixMillis(1_800_000_000_500)));
}

#[tokio::test]
async fn an_ad_hoc_meetings_end_is_its_own() {
    let world = World::new().await;
    let ann = world.person("ann").await;
    let room = world.room(&ann, json!({"adHoc": true})).await;
    let end = room["createdAt"].as_i64().unwrap() + 3_600_000;
    assert_eq!(room["expiresAt"], end, "one that nobody ever joins ends too");
    let path = format!("rooms/{}", room["slug"].as_str().unwrap());
    for end in [json!(1_900_000_000_000_i64), Value::Null] {
        let answer = world.patch(&path, json!({"expiresAt": end, "name": "Later"})).bearer(&ann).send().await;
        assert_eq!(answer.code(), "invalid", "{end}");
    }
    assert_eq!(world.get(&path).bearer(&ann).send().await.json["name"], room["name"], "nothing of it was done");
    let made = json!({"name": "x", "kind": "meeting", "adHoc": true, "expiresAt": 1_900_000_000_000_i64});
    assert_eq!(world.post("rooms", made).bearer(&ann).send().await.code(), "invalid");
}

#[tokio::test]
async fn a_deleted_room_was_never_there() {
    let world = World::new().await;
    let ann = world.person("ann").await;
    let room = world.room(&ann, json!({"public": true})).await;
    let path = format!("rooms/{}", room["id"].as_str().unwrap());
    assert_eq!(world.api(Method::DELETE, &path).bearer(&ann).send().await.status, 204);
    let told = matches!(&world.owner.lock().asked.last().unwrap().command, RoomCommand::Changed);
    assert!(told);
    for slug_or_id in [room["id"].as_str().unwrap(), room["slug"].as_str().unwrap()] {
        let path = format!("rooms/{slug_or_id}");
        assert_eq!(world.get(&path).bearer(&ann).send().await.code(), "room_not_found");
        assert_eq!(world.get(&format!("{path}/messages")).bearer(&ann).send().await.code(), "room_not_found");
        assert_eq!(world.api(Method::DELETE, &path).bearer(&ann).send().await.code(), "room_not_found");
    }
    assert_eq!(world.join(&room, Some(&ann), json!({})).await.code(), "room_not_found");
    assert_eq!(world.get("rooms?scope=public").bearer(&ann).send().await.json["rooms"], json!([]));
}

#[tokio::test]
async fn an_ended_room_is_read_only() {
    let world = World::new().await;
    let ann = world.person("ann").await;
    let closed = world.room(&ann, json!({})).await;
    let over = world.room(&ann, json!({"expiresAt": 1_800_000_001_000_i64})).await;
    world.store.rows.lock().rooms.get_mut(&id(&closed)).unwrap().closed_at = Some(UnixMillis(1_800_000_000_500));
    world.time.advance(Duration::from_secs(2));
    for (room, code) in [(&closed, "room_closed"), (&over, "room_expired")] {
        says(&world, room, 1);
        let path = format!("rooms/{}", room["slug"].as_str().unwrap());
        assert_eq!(world.patch(&path, json!({"name": "Back"})).bearer(&ann).send().await.code(), code);
        assert_eq!(world.join(room, Some(&ann), json!({})).await.code(), code);
        let history = world.get(&format!("{path}/messages")).bearer(&ann).send().await;
        assert_eq!(history.json["messages"].as_array().map(Vec::len), Some(1), "its history stays");
        assert_eq!(world.get(&path).bearer(&ann).send().await.status, 200);
    }
}

#[tokio::test]
async fn an_owner_that_cannot_be_reached_costs_names_only() {
    let world =
        World::with(rookery_gateway::GatewayConfig { bus_timeout: Duration::from_millis(50), ..relaxed() }).await;
    let ann = world.person("ann").await;
    let room = world.room(&ann, json!({})).await;
    world.owner.lock().silent = true;
    let path = format!("rooms/{}", room["slug"].as_str().unwrap());
    let answer = world.patch(&path, json!({"name": "Changed"})).bearer(&ann).send().await;
    assert_eq!((answer.status.as_u16(), &answer.json["name"]), (200, &json!("Changed")), "what is stored counts");
    assert_eq!(world.join(&room, Some(&ann), json!({})).await.code(), "owner_unavailable");
}
