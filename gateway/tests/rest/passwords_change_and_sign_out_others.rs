//! A changed password signs out every other device, at once, and every access token from before.

use std::time::Duration;

use serde_json::json;

use crate::world::{PASSWORD, Person, World};

const NEW: &str = "heron stands in rain";

#[tokio::test]
async fn other_devices_and_older_tokens_are_out() {
    let world = World::new().await;
    let phone = world.person("ann").await;
    let laptop = Person::of(&world.sign_in("ann", PASSWORD).await);
    world.time.advance(Duration::from_secs(2));
    assert_eq!(world.get("me").bearer(&laptop).send().await.status, 200);

    let body = json!({"current": PASSWORD, "new": NEW});
    let answer = world.post("auth/password", body).bearer(&phone).send().await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    let fresh = answer.json["accessToken"].as_str().unwrap();
    assert_eq!(world.get("me").token(fresh).send().await.status, 200);
    assert_eq!(world.get("me").bearer(&laptop).send().await.code(), "unauthorized", "another device's token");
    assert_eq!(world.get("me").bearer(&phone).send().await.code(), "unauthorized", "this device's own old token");
    let refresh = |cookie: String| world.api(reqwest::Method::POST, "auth/refresh").cookie(&cookie).send();
    assert_eq!(refresh(laptop.refresh).await.code(), "refresh_refused");
    assert_eq!(refresh(phone.refresh).await.status, 200, "this device stays signed in");
    assert_eq!(world.sign_in("ann", PASSWORD).await.code(), "bad_credentials");
    assert_eq!(world.sign_in("ann", NEW).await.status, 200);
}

#[tokio::test]
async fn a_change_made_by_another_gateway_is_seen_within_seconds() {
    let world = World::new().await;
    let ann = world.person("ann").await;
    assert_eq!(world.get("me").bearer(&ann).send().await.status, 200);
    for family in world.store.rows.lock().families.values_mut() {
        family.revoked = true;
    }
    world.time.advance(Duration::from_secs(5));
    assert_eq!(world.get("me").bearer(&ann).send().await.code(), "unauthorized");
}

#[tokio::test]
async fn the_present_password_is_needed_and_guessing_it_costs_time() {
    let world = World::new().await;
    let ann = world.person("ann").await;
    let change = |current: &str, new: &str| {
        world.post("auth/password", json!({"current": current, "new": new})).bearer(&ann).send()
    };
    assert_eq!(change(PASSWORD, "short").await.code(), "weak_password");
    assert_eq!(change(PASSWORD, PASSWORD).await.code(), "weak_password");
    for _ in 0..5 {
        assert_eq!(change("wren sings at noon", NEW).await.code(), "bad_credentials");
    }
    assert_eq!(change(PASSWORD, NEW).await.code(), "locked_out");
    let unsigned = world.post("auth/password", json!({"current": PASSWORD, "new": NEW})).send().await;
    assert_eq!(unsigned.code(), "unauthorized");
    assert_eq!(world.get("me").bearer(&ann).send().await.status, 200, "nothing was changed");
}
