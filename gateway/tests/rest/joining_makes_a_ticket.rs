//! Who gets a ticket for a room, and what it says.

use rookery_actors::seams::RoomStore;
use rookery_schemas::bus::{RoomCommand, RoomPresence};
use rookery_schemas::error::{ErrorCode, Refusal};
use rookery_schemas::ids::Epoch;
use rookery_schemas::rows::Banned;
use rookery_schemas::signal::Role;
use serde_json::{Value, json};

use crate::rooms_are_made_listed_and_changed::id;
use crate::world::{World, relaxed};

fn ticket(world: &World, answer: &Value) -> rookery_schemas::bus::JoinTicket {
    let (room, seat) = world.state.tokens.verify_join_ticket(answer["ticket"].as_str().unwrap()).unwrap();
    assert_eq!(room, id(&answer["room"]));
    assert_eq!(json!(seat.peer), answer["peer"]);
    seat
}

#[tokio::test]
async fn hosts_members_and_guests_get_their_role() {
    let world = World::new().await;
    let (ann, bob) = (world.person("ann").await, world.person("bob").await);
    let room = world.room(&ann, json!({})).await;
    let host = world.join(&room, Some(&ann), json!({})).await;
    assert_eq!(host.status, 200, "{}", host.text);
    let seat = ticket(&world, &host.json);
    assert_eq!(
        (seat.role, seat.user, seat.epoch, seat.display_name.as_str()),
        (Role::Host, Some(ann.id), Epoch(3), "ann")
    );
    assert_eq!(seat.expires_at.0, 1_800_000_030_000);
    assert_eq!(host.json["gateways"], json!([format!("ws://{}/ws", world.at)]));
    assert_eq!(host.json["iceServers"], json!([]));

    let member = world.join(&room, Some(&bob), json!({"displayName": "Ann"})).await;
    let seat = ticket(&world, &member.json);
    assert_eq!((seat.role, seat.display_name.as_str()), (Role::Member, "bob"), "members have their own name");
    assert_eq!((&member.json["role"], &member.json["room"]["role"]), (&json!("member"), &json!("member")));
    let mine = world.get("rooms").bearer(&bob).send().await;
    assert_eq!(id(&mine.json["rooms"][0]), id(&room), "joining made a member");

    let guest = world.join(&room, None, json!({"displayName": " Gus "})).await;
    let seat = ticket(&world, &guest.json);
    assert_eq!((seat.role, seat.user, seat.display_name.as_str()), (Role::Guest, None, "Gus"));
    let nameless = world.join(&room, None, json!({})).await;
    assert_eq!((nameless.code(), &nameless.json["fields"][0]["field"]), ("invalid", &json!("displayName")));
    assert!(matches!(world.owner.lock().asked[0].command, RoomCommand::Activate));
    let again = world.join(&room, None, json!({"displayName": "Gus"})).await;
    assert_ne!(again.json["peer"], guest.json["peer"], "each ticket is for a seat of its own");
}

#[tokio::test]
async fn a_password_is_asked_of_newcomers() {
    let world = World::new().await;
    let (ann, bob) = (world.person("ann").await, world.person("bob").await);
    let room = world.room(&ann, json!({"password": "sesame"})).await;
    assert_eq!(world.join(&room, Some(&ann), json!({})).await.status, 200, "the host is not asked");
    assert_eq!(world.join(&room, Some(&bob), json!({})).await.code(), "password_required");
    assert_eq!(world.join(&room, Some(&bob), json!({"password": "Sesame"})).await.code(), "password_wrong");
    assert_eq!(world.join(&room, None, json!({"displayName": "G", "password": "x"})).await.code(), "password_wrong");
    assert!(!world.store.rows.lock().members.contains_key(&(id(&room), bob.id)), "no member by a refusal");
    assert_eq!(world.join(&room, Some(&bob), json!({"password": "sesame"})).await.status, 200);
    assert_eq!(world.join(&room, Some(&bob), json!({})).await.status, 200, "members are not asked again");
    assert_eq!(world.join(&room, None, json!({"displayName": "G", "password": "sesame"})).await.status, 200);
}

#[tokio::test]
async fn those_put_out_stay_out() {
    let world = World::new().await;
    let (ann, bob) = (world.person("ann").await, world.person("bob").await);
    let room = world.room(&ann, json!({})).await;
    world.store.rows.lock().bans.insert(id(&room), vec![Banned::User(bob.id)]);
    assert_eq!(world.join(&room, Some(&bob), json!({})).await.code(), "banned");
    assert!(!world.store.rows.lock().members.contains_key(&(id(&room), bob.id)));
    assert_eq!(world.join(&room, Some(&ann), json!({})).await.status, 200);
}

#[tokio::test]
async fn a_full_room_and_an_owners_refusal_are_said_before_anything_is_stored() {
    let world = World::new().await;
    let (ann, bob) = (world.person("ann").await, world.person("bob").await);
    let room = world.room(&ann, json!({})).await;
    world.owner.lock().inside.insert(id(&room), RoomPresence { room: id(&room), peers: 3, names: vec![] });
    assert_eq!(world.join(&room, Some(&bob), json!({})).await.code(), "room_full");
    world.owner.lock().inside.clear();
    world.owner.lock().refuses = Some(Err(Refusal::new(ErrorCode::RoomClosed)));
    assert_eq!(world.join(&room, Some(&bob), json!({})).await.code(), "room_closed");
    assert!(!world.store.rows.lock().members.contains_key(&(id(&room), bob.id)));
}

#[tokio::test]
async fn configured_servers_are_told_with_credentials_of_ones_own() {
    let mut config = relaxed();
    config.ice.urls = vec!["stun:stun.example:3478".into(), "turn:turn.example:3478".into()];
    config.ice.turn_secret = Some("north".into());
    config.gateways = vec!["wss://a.example/ws".into(), "wss://b.example/ws".into()];
    let world = World::with(config).await;
    let ann = world.person("ann").await;
    let room = world.room(&ann, json!({})).await;
    let answer = world.join(&room, Some(&ann), json!({})).await.json;
    assert_eq!(answer["gateways"], json!(["wss://a.example/ws", "wss://b.example/ws"]));
    assert_eq!(answer["iceServers"][0], json!({"urls": ["stun:stun.example:3478"]}));
    let turn = &answer["iceServers"][1];
    assert_eq!(turn["username"], format!("{}:{}", 1_800_000_000 + 12 * 3_600, ann.id));
    assert!(!answer.to_string().contains("north"));
}

/// The host puts someone out whose joining is about to be stored: no member comes of it, whichever write is first.
#[tokio::test]
async fn who_is_put_out_while_joining_becomes_no_member() {
    for again in [false, true] {
        let world = World::new().await;
        let (ann, bob) = (world.person("ann").await, world.person("bob").await);
        let room = world.room(&ann, json!({})).await;
        if again {
            assert_eq!(world.join(&room, Some(&bob), json!({})).await.status, 200);
            world.store.rows.lock().members.remove(&(id(&room), bob.id));
        }
        world.store.script.lock().held.insert("add_member");
        let meanwhile = async {
            while world.store.calls("add_member") < 1 + usize::from(again) {
                tokio::task::yield_now().await;
            }
            world.store.ban(id(&room), Banned::User(bob.id)).await.unwrap();
            world.store.release();
        };
        let (answer, ()) = tokio::join!(world.join(&room, Some(&bob), json!({})), meanwhile);
        assert_eq!(answer.code(), "banned");
        assert_eq!(world.store.member(id(&room), bob.id).await.unwrap(), None);
        assert_eq!(world.join(&room, Some(&bob), json!({})).await.code(), "banned");
    }
}

#[tokio::test]
async fn a_socket_ticket_is_for_accounts() {
    let world = World::new().await;
    let ann = world.person("ann").await;
    let answer = world.api(reqwest::Method::POST, "ws-ticket").bearer(&ann).send().await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    let opening = world.state.tokens.verify_ws_ticket(answer.json["ticket"].as_str().unwrap()).unwrap();
    assert_eq!((opening.user, &answer.json["expiresAt"]), (Some(ann.id), &json!(1_800_000_030_000_i64)));
    assert!(opening.family.is_some_and(|family| world.store.rows.lock().families[&family].user == ann.id));
}
