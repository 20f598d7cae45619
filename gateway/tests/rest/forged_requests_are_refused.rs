//! What a foreign page can make a visitor's browser send is refused; what our own page and other programs send is not.

use reqwest::Method;
use serde_json::json;

use crate::world::{World, relaxed};

/// What it is, its headers, whether it passes.
type Case<'a> = (&'a str, Vec<(&'a str, &'a str)>, bool);

const CSRF: (&str, &str) = ("x-rookery-csrf", "1");

#[tokio::test]
async fn only_our_own_page_changes_things() {
    let world = World::new().await;
    let ann = world.person("ann").await;
    let own = format!("http://{}", world.at);
    let cases: &[Case<'_>] = &[
        ("a program without a browser", vec![], true),
        ("our page", vec![("origin", &own), ("sec-fetch-site", "same-origin"), CSRF], true),
        ("our page, old browser", vec![("origin", &own), CSRF], true),
        ("our page without the header", vec![("origin", &own)], false),
        ("the header with another value", vec![("origin", &own), ("x-rookery-csrf", "true")], false),
        ("a foreign page", vec![("origin", "https://evil.example"), ("sec-fetch-site", "cross-site")], false),
        ("a foreign page with the header", vec![("origin", "https://evil.example"), CSRF], false),
        ("a sandboxed frame", vec![("origin", "null"), CSRF], false),
        ("another port", vec![("origin", "http://127.0.0.1:1"), CSRF], false),
        ("a page that hides its origin", vec![("sec-fetch-site", "cross-site"), CSRF], false),
        ("a neighbour", vec![("sec-fetch-site", "same-site"), CSRF], false),
        ("a browser without the header", vec![("sec-fetch-site", "same-origin")], false),
        ("a cookie without the header", vec![("cookie", "a=b")], false),
    ];
    for (what, headers, passes) in cases {
        let mut ask = world.patch("me", json!({"displayName": *what})).bearer(&ann);
        for (name, value) in headers {
            ask = ask.header(name, value);
        }
        let answer = ask.send().await;
        match passes {
            true => assert_eq!(answer.status, 200, "{what}: {}", answer.text),
            false => assert_eq!(answer.code(), "csrf", "{what}"),
        }
    }
    let me = world.get("me").bearer(&ann).send().await;
    assert_eq!(me.json["displayName"], "our page, old browser", "refused ones changed nothing");
}

#[tokio::test]
async fn cookies_alone_never_act() {
    let world = World::new().await;
    let ann = world.person("ann").await;
    for path in ["auth/refresh", "auth/logout"] {
        let bare = world.api(Method::POST, path).header("cookie", &ann.refresh).send().await;
        assert_eq!(bare.code(), "csrf", "{path}");
        let no_cookie = world.api(Method::POST, path).send().await;
        assert_eq!(no_cookie.code(), "csrf", "{path}: the header is always needed here");
    }
    let form = world.api(Method::POST, "auth/login").raw("application/x-www-form-urlencoded", "login=ann&password=x");
    assert_eq!(form.header("origin", "https://evil.example").send().await.code(), "csrf", "a simple POST of a form");
    let plain = world.api(Method::POST, "auth/login").raw("text/plain", r#"{"login":"ann","password":"x"}"#);
    assert_eq!(plain.send().await.code(), "unsupported_media_type", "a simple POST of text");
    let me = world.api(Method::GET, "me").cookie(&ann.refresh).send().await;
    assert_eq!(me.code(), "unauthorized", "the cookie is no access token");
    assert_eq!(
        world.api(Method::POST, "auth/refresh").cookie(&ann.refresh).send().await.status,
        200,
        "nothing was lost"
    );
}

#[tokio::test]
async fn sharing_is_off_but_for_listed_origins() {
    let mut config = relaxed();
    config.allowed_origins = vec!["https://app.example".into()];
    let world = World::with(config).await;
    let ann = world.person("ann").await;
    let preflight = |origin: &'static str| {
        world
            .api(Method::OPTIONS, "me")
            .header("origin", origin)
            .header("access-control-request-method", "PATCH")
            .header("access-control-request-headers", "authorization,content-type,x-rookery-csrf")
            .send()
    };
    let answer = preflight("https://app.example").await;
    assert_eq!(answer.status, 204);
    assert_eq!(answer.header("access-control-allow-origin"), "https://app.example");
    assert_eq!(answer.header("access-control-allow-credentials"), "true");
    assert!(answer.header("access-control-allow-headers").contains("x-rookery-csrf"));
    let foreign = preflight("https://evil.example").await;
    assert_eq!((foreign.code(), foreign.header("access-control-allow-origin")), ("method_not_allowed", ""));

    let listed = world.patch("me", json!({"displayName": "A"})).bearer(&ann).header("origin", "https://app.example");
    let listed = listed.header("sec-fetch-site", "cross-site").header(CSRF.0, CSRF.1).send().await;
    assert_eq!((listed.status.as_u16(), listed.header("access-control-allow-origin")), (200, "https://app.example"));
    assert_eq!(listed.header("vary"), "origin");
    let refusal = world.get("me").header("origin", "https://app.example").send().await;
    assert_eq!(refusal.header("access-control-allow-origin"), "https://app.example", "refusals can be read, too");
    assert_eq!(refusal.code(), "unauthorized");

    let closed = World::new().await;
    let answer = closed.get("me").header("origin", "https://app.example").send().await;
    assert!(answer.headers.keys().all(|name| !name.as_str().starts_with("access-control")));
}
