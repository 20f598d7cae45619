//! One account for each address and name, however they are written, and whoever asks at the same moment.

use serde_json::json;

use crate::world::{PASSWORD, Person, World};

#[tokio::test]
async fn register_signs_in_and_both_names_do() {
    let world = World::new().await;
    let body = json!({"email": "Ann@Example.com", "username": "Ann", "password": PASSWORD, "displayName": " Ann Lee "});
    let answer = world.post("auth/register", body).send().await;
    assert_eq!(answer.status, 201, "{}", answer.text);
    let ann = Person::of(&answer);
    let me = world.get("me").bearer(&ann).send().await;
    let expected = json!({"id": ann.id, "email": "Ann@Example.com", "username": "Ann", "displayName": "Ann Lee"});
    assert_eq!((me.status.as_u16(), &me.json), (200, &expected));
    assert_eq!(answer.json["user"], expected);
    for login in ["ann@example.com", "ANN@EXAMPLE.COM", "ann", "ANN"] {
        let answer = world.sign_in(login, PASSWORD).await;
        assert_eq!((answer.status.as_u16(), &answer.json["user"]), (200, &expected), "{login}");
    }
}

#[tokio::test]
async fn look_alikes_are_taken() {
    let world = World::new().await;
    world.person("paul").await;
    for (email, username, code) in [
        ("PAUL@example.com", "other", "email_taken"),
        ("\u{ff50}aul@example.com", "other", "invalid"),
        ("new@example.com", "PAUL", "username_taken"),
        ("new@example.com", "pauI", "username_taken"),
        ("new@example.com", "pau1", "username_taken"),
    ] {
        let body = json!({"email": email, "username": username, "password": PASSWORD});
        assert_eq!(world.post("auth/register", body).send().await.code(), code, "{email} {username}");
    }
    assert_eq!(world.store.rows.lock().users.len(), 1);
}

#[tokio::test]
async fn of_many_at_once_one_wins() {
    let world = World::new().await;
    let body = json!({"email": "twin@example.com", "username": "twin", "password": PASSWORD});
    let asked = (0..8).map(|_| world.post("auth/register", body.clone()).send());
    let answers = futures_util::future::join_all(asked).await;
    let made = answers.iter().filter(|answer| answer.status == 201).count();
    let taken = answers.iter().filter(|answer| answer.status == 409 && answer.code() == "email_taken").count();
    assert_eq!((made, taken), (1, 7));
    assert_eq!(world.store.rows.lock().users.len(), 1);
}

#[tokio::test]
async fn an_unknown_outcome_is_settled_by_trying_again() {
    let world = World::new().await;
    world.store.script.lock().unknown_writes = 1;
    world.person("ann").await;
    assert_eq!(world.store.rows.lock().users.len(), 1);
}

#[tokio::test]
async fn weak_passwords_are_refused_by_field() {
    let world = World::new().await;
    for password in ["", "short", "qwertyuiop", "Password123!", "annlee1234", "ann.lee@example.com", "aaaaaaaaaaaa"] {
        let body = json!({"email": "ann.lee@example.com", "username": "annlee", "password": password});
        let answer = world.post("auth/register", body).send().await;
        assert_eq!(
            (answer.code(), &answer.json["fields"][0]["field"]),
            ("weak_password", &json!("password")),
            "{password}"
        );
    }
    let body = json!({"email": "ann@example.com", "username": "ann", "password": "x".repeat(60_000)});
    assert_eq!(world.post("auth/register", body).send().await.code(), "weak_password");
    let body = json!({"email": "ann@example.com", "username": "ann", "password": "x".repeat(1_000_000)});
    assert_eq!(world.post("auth/register", body).send().await.code(), "too_large");
    assert!(world.store.rows.lock().users.is_empty());
}

#[tokio::test]
async fn passwords_and_tokens_are_stored_as_hashes_only() {
    let world = World::new().await;
    let ann = world.person("ann").await;
    let rows = world.store.rows.lock();
    assert!(rows.users[&ann.id].password_hash.starts_with("$argon2id$v=19$"));
    let stored = format!("{:?} {:?}", rows.users, rows.families);
    let secret = ann.refresh.rsplit('.').next().unwrap();
    assert!(!stored.contains(PASSWORD) && !stored.contains(secret));
}

#[tokio::test]
async fn a_display_name_is_changed_and_nothing_else() {
    let world = World::new().await;
    let ann = world.person("ann").await;
    let answer = world.patch("me", json!({"displayName": "Ann of the Hill"})).bearer(&ann).send().await;
    assert_eq!((answer.status.as_u16(), &answer.json["displayName"]), (200, &json!("Ann of the Hill")));
    for (body, code) in [
        (json!({"displayName": "x".repeat(65)}), "invalid"),
        (json!({"displayName": "  "}), "invalid"),
        (json!({"displayName": "a\u{202e}b"}), "invalid"),
        (json!({"displayName": "a\r\nb"}), "invalid"),
        (json!({"email": "new@example.com"}), "malformed"),
        (json!({"role": "host"}), "malformed"),
    ] {
        assert_eq!(world.patch("me", body.clone()).bearer(&ann).send().await.code(), code, "{body}");
    }
    assert_eq!(world.get("me").bearer(&ann).send().await.json["displayName"], "Ann of the Hill");
}
