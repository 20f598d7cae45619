//! Guessing passwords: each further failure costs more, nothing tells whether there is an account, and the owner's own devices
//! are spared.

use std::time::Duration;

use serde_json::{Value, json};

use crate::world::{Answer, PASSWORD, World, fresh_address, relaxed};

async fn guess(world: &World, login: &str, from: &str) -> Answer {
    let body = json!({"login": login, "password": "wren sings at noon"});
    world.post("auth/login", body).from(from).send().await
}

async fn sign_in(world: &World, from: &str, cookie: Option<&str>) -> Answer {
    let ask = world.post("auth/login", json!({"login": "ann", "password": PASSWORD})).from(from);
    match cookie {
        Some(cookie) => ask.cookie(cookie).send().await,
        None => ask.send().await,
    }
}

#[tokio::test]
async fn an_account_is_locked_for_strangers_and_open_to_its_device() {
    let world = World::new().await;
    let ann = world.person("ann").await;
    let bob = world.person("bob").await;
    for _ in 0..5 {
        assert_eq!(guess(&world, "ann", &fresh_address()).await.code(), "bad_credentials");
    }
    let locked = sign_in(&world, &fresh_address(), None).await;
    assert_eq!((locked.code(), locked.header("retry-after")), ("locked_out", "1"));
    assert!(locked.json["retryAfterMs"].as_u64().is_some_and(|ms| ms <= 1_000));
    assert_eq!(world.sign_in("bob", PASSWORD).await.status, 200, "others are not concerned");

    assert_eq!(sign_in(&world, &fresh_address(), Some(&bob.device)).await.code(), "locked_out", "another's device");
    let forged = format!("{}x", ann.device);
    assert_eq!(sign_in(&world, &fresh_address(), Some(&forged)).await.code(), "locked_out", "a forged device");
    assert_eq!(sign_in(&world, &fresh_address(), Some(&ann.device)).await.status, 200, "ann's own device");

    world.time.advance(Duration::from_millis(1_001));
    assert_eq!(sign_in(&world, &fresh_address(), None).await.status, 200, "the wait is over");
}

/// Five guesses are five guesses, by whichever name; and nobody learns by guessing that two names are one person's, or
/// anybody's.
#[tokio::test]
async fn both_names_count_together_and_nothing_tells_that_they_belong_together() {
    let world = World::new().await;
    let ann = world.person("ann").await;
    let mut told = [Vec::new(), Vec::new()];
    for round in 0..7 {
        for (which, names) in [["ann", "ann@example.com"], ["nobody", "nobody@example.com"]].iter().enumerate() {
            for name in names {
                let answer = guess(&world, name, &fresh_address()).await;
                told[which].push((round, answer.code().to_owned(), answer.header("retry-after").to_owned()));
            }
        }
        if round == 2 {
            // Six guesses in all: by neither name is it told, and by neither is the right password taken any more.
            assert!(told[0].iter().all(|(_, code, _)| code == "bad_credentials"), "{told:?}");
            for name in ["ann", "ann@example.com"] {
                let body = json!({"login": name, "password": PASSWORD});
                let answer = world.post("auth/login", body.clone()).from(&fresh_address()).send().await;
                assert_eq!(answer.code(), "bad_credentials", "{name}");
                assert_eq!(guess(&world, &name.replace("ann", "nobody"), &fresh_address()).await.code(), answer.code());
                let own = world.post("auth/login", body).from(&fresh_address()).cookie(&ann.device).send().await;
                assert_eq!(own.status, 200, "ann's own device");
            }
        }
    }
    assert_eq!(told[0], told[1]);
    assert!(told[0].iter().any(|(_, code, _)| code == "locked_out"));
    world.time.advance(Duration::from_secs(3));
    assert_eq!(sign_in(&world, &fresh_address(), None).await.status, 200, "the wait is over");
}

#[tokio::test]
async fn waits_grow_to_a_quarter_of_an_hour() {
    let world = World::new().await;
    world.person("ann").await;
    let mut waits = Vec::new();
    for _ in 0..17 {
        let answer = guess(&world, "ann", &fresh_address()).await;
        if answer.code() == "locked_out" {
            let wait = answer.json["retryAfterMs"].as_u64().unwrap();
            waits.push(wait / 1_000);
            world.time.advance(Duration::from_millis(wait));
            assert_eq!(guess(&world, "ann", &fresh_address()).await.code(), "bad_credentials");
        }
    }
    assert_eq!(waits, [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 900, 900]);
}

#[tokio::test]
async fn an_address_that_tries_many_names_is_locked_out() {
    let world = World::new().await;
    let ann = world.person("ann").await;
    for n in 0..20 {
        assert_eq!(guess(&world, &format!("name{n}"), "198.51.100.1").await.code(), "bad_credentials");
    }
    assert_eq!(sign_in(&world, "198.51.100.1", None).await.code(), "locked_out");
    assert_eq!(sign_in(&world, "198.51.100.2", None).await.status, 200);
    assert_eq!(
        sign_in(&world, "198.51.100.1", Some(&ann.device)).await.status,
        200,
        "behind one address with a guesser"
    );
}

#[tokio::test]
async fn guesses_at_once_are_not_cheaper() {
    let world = World::new().await;
    world.person("ann").await;
    let addresses: Vec<String> = (0..30).map(|_| fresh_address()).collect();
    let answers = futures_util::future::join_all(addresses.iter().map(|from| guess(&world, "ann", from))).await;
    let looked_at = answers.iter().filter(|answer| answer.code() == "bad_credentials").count();
    assert_eq!(looked_at, 5);
}

#[tokio::test]
async fn known_and_unknown_names_are_told_the_same() {
    let world = World::new().await;
    world.person("ann").await;
    let told = |mut answer: Answer| {
        let json: &mut Value = &mut answer.json;
        json.as_object_mut().unwrap().remove("requestId");
        json.as_object_mut().unwrap().remove("retryAfterMs");
        let names: Vec<_> = answer.headers.keys().map(|name| name.as_str().to_owned()).collect();
        (answer.status, answer.json, names)
    };
    for _ in 0..8 {
        let known = told(guess(&world, "ann", &fresh_address()).await);
        let unknown = told(guess(&world, "nobody", &fresh_address()).await);
        let address = told(guess(&world, "nobody@example.com", &fresh_address()).await);
        assert_eq!(known, unknown);
        assert_eq!(known, address);
    }
}

/// Coarse on purpose: what must not be is an answer without the hash, which is a hundred times faster.
#[tokio::test]
async fn known_and_unknown_names_take_as_long() {
    let mut config = relaxed();
    (config.auth.argon2_memory_kib, config.auth.argon2_passes) = (19_456, 2);
    let world = World::with(config).await;
    world.person("ann").await;
    let mut times = [Vec::new(), Vec::new()];
    for round in 0..5 {
        for (which, login) in ["ann".to_owned(), format!("nobody{round}")].iter().enumerate() {
            world.time.advance(Duration::from_secs(3_600));
            let began = tokio::time::Instant::now();
            assert_eq!(guess(&world, login, &fresh_address()).await.code(), "bad_credentials");
            times[which].push(began.elapsed());
        }
    }
    let [known, unknown] = times.map(|mut times| {
        times.sort();
        times[2]
    });
    eprintln!("known {known:?}, unknown {unknown:?}");
    assert!(known < unknown * 3 && unknown < known * 3, "known {known:?}, unknown {unknown:?}");
}
