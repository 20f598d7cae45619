//! A refresh token is good once; the one before for ten seconds more; an older one ends its family.

use std::time::Duration;

use rookery_schemas::ids::FamilyId;
use serde_json::json;

use crate::world::{Answer, Person, World};

async fn refresh(world: &World, cookie: &str) -> Answer {
    world.api(reqwest::Method::POST, "auth/refresh").cookie(cookie).send().await
}

#[tokio::test]
async fn cookies_are_for_this_interface_and_no_script() {
    let world = World::new().await;
    let body = json!({"email": "ann@example.com", "username": "ann", "password": crate::world::PASSWORD});
    let answer = world.post("auth/register", body).send().await;
    let all: Vec<&str> = answer.headers.get_all("set-cookie").iter().map(|value| value.to_str().unwrap()).collect();
    assert_eq!(all.len(), 2, "{all:?}");
    for (name, age) in [("rookery_refresh=rr_", 7 * 86_400), ("rookery_device=", 180 * 86_400)] {
        let cookie = all.iter().find(|cookie| cookie.starts_with(name)).unwrap();
        let rest = cookie.split_once("; ").unwrap().1;
        assert_eq!(rest, format!("Path=/api/v1/auth; Max-Age={age}; HttpOnly; SameSite=Strict"));
    }
}

#[tokio::test]
async fn each_use_gives_a_new_one_and_reuse_ends_the_family() {
    let world = World::new().await;
    let ann = world.person("ann").await;
    let first = refresh(&world, &ann.refresh).await;
    assert_eq!(first.status, 200, "{}", first.text);
    let second = first.cookie("rookery_refresh").unwrap();
    assert_ne!(second, ann.refresh);
    world.time.advance(Duration::from_secs(60));
    let third = refresh(&world, &second).await.cookie("rookery_refresh").unwrap();
    world.time.advance(Duration::from_secs(11));

    let replayed = refresh(&world, &second).await;
    assert_eq!(replayed.code(), "refresh_refused");
    assert_eq!(replayed.cookie("rookery_refresh").as_deref(), Some("rookery_refresh="), "the cookie is taken away");
    assert_eq!(refresh(&world, &third).await.code(), "refresh_refused", "the newest is worthless too");
    let token = first.json["accessToken"].as_str().unwrap();
    assert_eq!(world.get("me").token(token).send().await.code(), "unauthorized", "so are its access tokens");
}

#[tokio::test]
async fn two_tabs_at_once_both_live() {
    let world = World::new().await;
    let ann = world.person("ann").await;
    let answers = futures_util::future::join_all((0..4).map(|_| refresh(&world, &ann.refresh))).await;
    assert!(answers.iter().all(|answer| answer.status == 200));
    let cookies: Vec<String> = answers.iter().filter_map(|answer| answer.cookie("rookery_refresh")).collect();
    assert_eq!(cookies.len(), 4, "an answer that is lost on its way can be asked for again");
    assert!(cookies.iter().all(|cookie| *cookie == cookies[0]), "and they are one token, not four");
    for answer in &answers {
        let token = answer.json["accessToken"].as_str().unwrap();
        assert_eq!(world.get("me").token(token).send().await.status, 200);
    }
    world.time.advance(Duration::from_secs(10));
    assert_eq!(refresh(&world, &ann.refresh).await.status, 200, "still within the grace");
    assert_eq!(refresh(&world, &cookies[0]).await.status, 200, "the successor is the valid one");
    world.time.advance(Duration::from_millis(10_001));
    assert_eq!(refresh(&world, &ann.refresh).await.code(), "refresh_refused");
}

#[tokio::test]
async fn a_browser_without_the_cookie_is_told_that_nobody_is_signed_in() {
    let world = World::new().await;
    let asked = || world.api(reqwest::Method::POST, "auth/refresh");
    let answer = asked().header("x-rookery-csrf", "1").send().await;
    assert_eq!(answer.status, 204);
    assert!(answer.cookie("rookery_refresh").is_none());
    assert_eq!(asked().send().await.status, 403, "asked by a foreign page");
}

#[tokio::test]
async fn seven_days_without_use_are_the_end() {
    let world = World::new().await;
    let ann = world.person("ann").await;
    world.time.advance(Duration::from_secs(7 * 86_400 - 1));
    let second = refresh(&world, &ann.refresh).await.cookie("rookery_refresh").unwrap();
    world.time.advance(Duration::from_secs(7 * 86_400 + 1));
    assert_eq!(refresh(&world, &second).await.code(), "refresh_refused");
}

#[tokio::test]
async fn one_kind_of_token_is_not_another() {
    let world = World::new().await;
    let ann = world.person("ann").await;
    let secret = ann.refresh.strip_prefix("rookery_refresh=").unwrap();
    assert_eq!(world.get("me").token(secret).send().await.code(), "unauthorized");
    let family = secret.split('.').next().unwrap();
    let forged = [
        ann.token.clone(),
        String::new(),
        "rr_".into(),
        format!("{family}."),
        format!("{family}.{}", "A".repeat(43)),
        format!("{family}.{}", "A".repeat(5_000)),
        secret.replace("rr_", ""),
    ];
    for cookie in forged {
        let answer = refresh(&world, &format!("rookery_refresh={cookie}")).await;
        let reuse_or_nothing = answer.code() == "refresh_refused";
        assert!(reuse_or_nothing, "{cookie}");
    }
    let (ticket, _) = world.state.tokens.ws_ticket(ann.id, FamilyId(ann.id.0)).unwrap();
    assert_eq!(world.get("me").token(&ticket).send().await.code(), "unauthorized", "a ticket is no access token");
}

#[tokio::test]
async fn signing_out_ends_this_device_only_and_takes_the_secret() {
    let world = World::new().await;
    let phone = world.person("ann").await;
    let laptop = Person::of(&world.sign_in("ann", crate::world::PASSWORD).await);
    let family = phone.refresh.split('.').next().unwrap();
    let forged = format!("{family}.{}", "A".repeat(43));
    let logout = |cookie: String| world.api(reqwest::Method::POST, "auth/logout").cookie(&cookie).send();
    assert_eq!(logout(forged).await.status, 204);
    assert_eq!(world.get("me").bearer(&phone).send().await.status, 200, "an id without its secret ends nothing");

    let answer = logout(phone.refresh.clone()).await;
    assert_eq!((answer.status.as_u16(), answer.cookie("rookery_refresh").as_deref()), (204, Some("rookery_refresh=")));
    assert_eq!(world.get("me").bearer(&phone).send().await.code(), "unauthorized");
    assert_eq!(refresh(&world, &phone.refresh).await.code(), "refresh_refused");
    assert_eq!(world.get("me").bearer(&laptop).send().await.status, 200);
    assert_eq!(logout(String::new()).await.status, 204, "signed out already");
}

#[tokio::test]
async fn access_tokens_run_out_after_fifteen_minutes() {
    let world = World::new().await;
    let ann = world.person("ann").await;
    world.time.advance(Duration::from_secs(15 * 60 - 1));
    assert_eq!(world.get("me").bearer(&ann).send().await.status, 200);
    world.time.advance(Duration::from_secs(7));
    let answer = world.get("me").bearer(&ann).send().await;
    assert_eq!((answer.code(), answer.header("www-authenticate")), ("token_expired", "Bearer"));
    assert_eq!(refresh(&world, &ann.refresh).await.status, 200);
}

#[tokio::test]
async fn a_passing_failure_keeps_the_cookie() {
    let world = World::new().await;
    let ann = world.person("ann").await;
    world.store.script.lock().down = true;
    let answer = refresh(&world, &ann.refresh).await;
    assert_eq!((answer.code(), answer.cookie("rookery_refresh")), ("store_unavailable", None));
    assert!(!answer.text.contains("10.1.2.3"), "no internal is told: {}", answer.text);
    world.store.script.lock().down = false;
    assert_eq!(refresh(&world, &ann.refresh).await.status, 200);
}
