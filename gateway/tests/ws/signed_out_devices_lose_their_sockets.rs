//! A device that is signed out loses its open sockets within a second, at whichever gateway they are; others keep theirs. The
//! seats go the way of every lost socket, and no token brings them back.

use std::time::Duration;

use bytes::Bytes;
use rookery_actors::seams::{AccountStore, Bus};
use rookery_gateway::config::GatewayConfig;
use rookery_gateway::ws::WsConfig;
use rookery_schemas::bus::{SIGN_OUT_SUBJECT, SignOut};
use rookery_schemas::ids::{FamilyId, UnixMillis};
use rookery_schemas::signal::Role;
use serde_json::json;
use uuid::Uuid;

use crate::world::{World, device, peer, room, user};

/// Another device of the first user.
fn laptop() -> FamilyId {
    FamilyId(Uuid::from_u128(0x1a))
}

async fn say(world: &World, which: SignOut) {
    world.bus.publish(SIGN_OUT_SUBJECT, Bytes::from(serde_json::to_vec(&which).unwrap())).await.unwrap();
}

async fn listening(world: &World) {
    world.until("the gateway listens", |world| world.bus.listeners(SIGN_OUT_SUBJECT) == 1).await;
}

#[tokio::test]
async fn signed_out_devices_lose_their_sockets() {
    let world = World::new().await;
    listening(&world).await;
    let mut phone = world.member(user(1)).await;
    let mut laptop = world.device(user(1), laptop()).await;
    let mut other = world.member(user(2)).await;
    let mut guest = world.joined(room(1), peer(9)).await;
    let ticket = world.ticket(room(1), peer(1), Some(user(1)), Role::Member);
    phone.join(&ticket).await;
    world.store.revoke_family(device(user(1))).await.unwrap();
    let began = tokio::time::Instant::now();
    say(&world, SignOut::Device { user: user(1), family: device(user(1)) }).await;
    let closed =
        tokio::time::timeout(Duration::from_secs(5), phone.closed()).await.expect("five times what is promised");
    assert_eq!(closed, (4010, "signed_out".into()));
    eprintln!("figure sign_out_to_close {} ms", began.elapsed().as_millis());
    world.until("its seat goes the usual way", |world| world.commands().contains(&"detach".to_owned())).await;
    for socket in [&mut laptop, &mut other, &mut guest] {
        socket.settled().await;
    }
}

#[tokio::test]
async fn a_changed_password_ends_every_device_but_the_one_that_changed_it() {
    let world = World::new().await;
    listening(&world).await;
    let mut kept = world.member(user(1)).await;
    let mut ended = world.device(user(1), laptop()).await;
    let mut other = world.member(user(2)).await;
    for socket in [&mut kept, &mut ended, &mut other] {
        socket.settled().await;
    }
    say(&world, SignOut::Others { user: user(1), keep: device(user(1)) }).await;
    assert_eq!(ended.closed().await, (4010, "signed_out".into()));
    kept.settled().await;
    other.settled().await;
}

/// Neither a ticket nor a resume token from before opens a socket or takes a seat.
#[tokio::test]
async fn what_was_made_for_a_signed_out_device_is_worthless() {
    let world = World::new().await;
    let mut first = world.member(user(1)).await;
    let ticket = world.ticket(room(1), peer(1), Some(user(1)), Role::Member);
    let token = first.join(&ticket).await.resume_token;
    drop(first);
    let unused = world.ws_ticket(user(1), device(user(1)));
    world.store.revoke_family(device(user(1))).await.unwrap();

    let mut late = world.open(&unused).await;
    assert_eq!(late.refused(None).await, "signed_out");
    assert_eq!(late.closed().await, (4010, "signed_out".into()));
    let mut thief = world.open_to_resume().await;
    thief.say(1, None, json!({ "type": "resume", "token": token })).await;
    assert_eq!(thief.refused(1).await, "resume_refused");
    assert!(!world.commands().contains(&"resume".to_owned()), "no owner was asked");
    // Another device of the account has not taken that seat, and cannot.
    let mut laptop = world.device(user(1), laptop()).await;
    laptop.say(1, None, json!({ "type": "resume", "token": token })).await;
    assert_eq!(laptop.refused(1).await, "resume_refused");
}

/// A token of a device that is not known (from before such were made) ends with the password of its time.
#[tokio::test]
async fn a_seat_of_an_unknown_device_ends_with_the_password() {
    let world = World::new().await;
    let _account = world.ws_ticket(user(1), device(user(1)));
    let now = world.tokens.now();
    let seat = rookery_schemas::bus::ResumeToken {
        peer: peer(1),
        user: Some(user(1)),
        family: None,
        display_name: "Ada".into(),
        role: Role::Member,
        attachment: rookery_schemas::ids::Attachment(1),
        joined_at: now,
        expires_at: UnixMillis(now.0 + 600_000),
    };
    let token = world.tokens.resume_token(room(1), &seat).unwrap();
    for (changed_at, taken) in [(now, true), (UnixMillis(now.0 + 1_000), false)] {
        world.store.rows.lock().users.get_mut(&user(1)).unwrap().password_changed_at = changed_at;
        let mut socket = world.open_to_resume().await;
        socket.say(1, None, json!({ "type": "resume", "token": token })).await;
        if taken {
            socket.joined(1).await;
        } else {
            assert_eq!(socket.refused(1).await, "resume_refused");
        }
    }
}

/// A socket whose gateway has missed the news looks at its device by itself, when it renews its tokens.
#[tokio::test]
async fn a_missed_sign_out_is_found_out_about() {
    let config = WsConfig { resume_token_every: Duration::from_millis(100), ..WsConfig::default() };
    let world = World::with(config, GatewayConfig::default()).await;
    let (mut ended, mut kept) = (world.member(user(1)).await, world.member(user(2)).await);
    ended.settled().await;
    world.store.script.lock().down = true;
    let before = world.store.calls("family");
    world.until("both looked in vain", |world| world.store.calls("family") >= before + 4).await;
    ended.settled().await;
    world.store.script.lock().down = false;
    world.store.revoke_family(device(user(1))).await.unwrap();
    assert_eq!(ended.closed().await, (4010, "signed_out".into()));
    kept.settled().await;
}
