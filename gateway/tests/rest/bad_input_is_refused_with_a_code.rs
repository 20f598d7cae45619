//! Every route with missing, wrong-typed, malformed, oversized, foreign and unauthorised input: a stable code each, and nothing
//! is changed or lost by it.

use reqwest::Method;
use serde_json::{Value, json};

use crate::world::{Person, World};

/// A route: its method, its path (`{room}` is filled in), a good body if it takes one, whether an account is needed.
struct Route {
    method: Method,
    path: &'static str,
    body: Option<Value>,
    account: bool,
}

fn routes() -> Vec<Route> {
    let route = |method: Method, path, body, account| Route { method, path, body, account };
    let register = json!({"email": "new@example.com", "username": "newcomer", "password": "wren sings at dawn"});
    vec![
        route(Method::POST, "auth/register", Some(register), false),
        route(Method::POST, "auth/login", Some(json!({"login": "ann", "password": "wren sings at dawn"})), false),
        route(Method::POST, "auth/refresh", None, false),
        route(Method::POST, "auth/logout", None, false),
        route(Method::POST, "auth/password", Some(json!({"current": "a", "new": "heron stands in rain"})), true),
        route(Method::GET, "me", None, true),
        route(Method::PATCH, "me", Some(json!({"displayName": "Ann"})), true),
        route(Method::POST, "ws-ticket", None, true),
        route(Method::POST, "rooms", Some(json!({"name": "Stand-up", "kind": "meeting"})), true),
        route(Method::GET, "rooms", None, true),
        route(Method::GET, "rooms/{room}", None, false),
        route(Method::PATCH, "rooms/{room}", Some(json!({"name": "Stand-up"})), true),
        route(Method::DELETE, "rooms/{room}", None, true),
        route(Method::POST, "rooms/{room}/join", Some(json!({"displayName": "Guest"})), false),
        route(Method::GET, "rooms/{room}/messages", None, true),
    ]
}

struct Scene {
    world: World,
    ann: Person,
    room: Value,
}

impl Scene {
    async fn new() -> Self {
        let world = World::new().await;
        let ann = world.person("ann").await;
        let room = world.room(&ann, json!({"description": "as it was"})).await;
        Self { world, ann, room }
    }

    fn ask(&self, route: &Route) -> crate::world::Ask<'_> {
        let path = route.path.replace("{room}", self.room["slug"].as_str().unwrap());
        self.world.api(route.method.clone(), &path).bearer(&self.ann)
    }

    /// Nothing was changed by all that was refused.
    async fn is_as_it_was(&self) {
        let room =
            self.world.get(&format!("rooms/{}", self.room["slug"].as_str().unwrap())).bearer(&self.ann).send().await;
        assert_eq!(room.json, self.room);
        let rows = self.world.store.rows.lock();
        assert_eq!((rows.users.len(), rows.rooms.len()), (1, 1));
        assert_eq!(rows.users[&self.ann.id].display_name, "ann");
    }
}

#[tokio::test]
async fn bodies_that_are_not_json_of_the_right_type() {
    let scene = Scene::new().await;
    for route in routes().iter().filter(|route| route.body.is_some()) {
        let good = route.body.clone().unwrap().to_string();
        let huge = format!("{{\"name\": \"{}\"}}", "x".repeat(70_000));
        let cases: &[(&str, &str, &str)] = &[
            ("application/json", "", "malformed"),
            ("application/json", "{", "malformed"),
            ("application/json", "null", "malformed"),
            ("application/json", "[]", "malformed"),
            ("application/json", "\"text\"", "malformed"),
            ("application/json", "{\"unknownField\": 1}", "malformed"),
            ("application/json", "{\"a\": 1} {\"b\": 2}", "malformed"),
            ("application/json", "\u{feff}{}", "malformed"),
            ("application/json", &huge, "too_large"),
            ("text/plain", &good, "unsupported_media_type"),
            ("application/x-www-form-urlencoded", &good, "unsupported_media_type"),
            ("multipart/form-data; boundary=x", &good, "unsupported_media_type"),
            ("application/jsonp", &good, "unsupported_media_type"),
        ];
        for (content_type, body, code) in cases {
            let answer = scene.ask(route).raw(content_type, (*body).to_owned()).send().await;
            assert_eq!(answer.code(), *code, "{} {}: {content_type} {:.40}", route.method, route.path, body);
        }
        let invalid_utf8 = scene.ask(route).raw("application/json", vec![b'"', 0xff, 0xfe, b'"']).send().await;
        assert_eq!(invalid_utf8.code(), "malformed");
        let deep = scene.ask(route).raw("application/json", "[".repeat(60_000)).send().await;
        assert_eq!(deep.code(), "malformed", "nesting does not overflow the stack");
        let bare = scene.ask(route).header("content-length", "0").send().await;
        assert_eq!(bare.code(), "unsupported_media_type", "{} {} without a body", route.method, route.path);
    }
    scene.is_as_it_was().await;
}

#[tokio::test]
async fn fields_that_are_missing_wrong_typed_or_out_of_bounds() {
    let scene = Scene::new().await;
    for route in routes().iter().filter(|route| route.body.is_some()) {
        let good = route.body.clone().unwrap();
        for name in good.as_object().unwrap().keys() {
            for wrong in [json!(1), json!(true), json!({}), json!([])] {
                let mut body = good.clone();
                body[name] = wrong;
                let answer = scene.ask(route).json(body.clone()).send().await;
                assert_eq!(answer.code(), "malformed", "{} {} {body}", route.method, route.path);
            }
        }
    }
    let long = |n: usize| "x".repeat(n);
    let room = format!("rooms/{}", scene.room["slug"].as_str().unwrap());
    let join = format!("{room}/join");
    let cases: &[(Method, &str, Value, &str, &str)] = &[
        (Method::POST, "auth/register", json!({"email": "a@b.cd", "username": "newcomer"}), "malformed", ""),
        (
            Method::POST,
            "auth/register",
            json!({"email": "none", "username": "newcomer", "password": long(12)}),
            "invalid",
            "email",
        ),
        (
            Method::POST,
            "auth/register",
            json!({"email": "a@b.cd", "username": "a b", "password": long(12)}),
            "invalid",
            "username",
        ),
        (
            Method::POST,
            "auth/register",
            json!({"email": "a@b.cd", "username": "аnn", "password": long(12)}),
            "invalid",
            "username",
        ),
        (
            Method::POST,
            "auth/register",
            json!({"email": "a@b.cd", "username": long(33), "password": long(12)}),
            "invalid",
            "username",
        ),
        (Method::POST, "auth/login", json!({"login": "", "password": "x"}), "invalid", "login"),
        (Method::POST, "auth/login", json!({"login": "ann", "password": long(129)}), "invalid", "password"),
        (Method::PATCH, "me", json!({"displayName": ""}), "invalid", "displayName"),
        (Method::POST, "rooms", json!({"kind": "meeting"}), "malformed", ""),
        (Method::POST, "rooms", json!({"name": "x", "kind": "party"}), "malformed", ""),
        (Method::POST, "rooms", json!({"name": "x", "kind": "direct"}), "kind_unsupported", ""),
        (Method::POST, "rooms", json!({"name": "x", "kind": "watch"}), "kind_unsupported", ""),
        (Method::POST, "rooms", json!({"name": long(101), "kind": "meeting"}), "invalid", "name"),
        (Method::POST, "rooms", json!({"name": "a\nb", "kind": "meeting"}), "invalid", "name"),
        (
            Method::POST,
            "rooms",
            json!({"name": "x", "kind": "meeting", "description": long(1_001)}),
            "invalid",
            "description",
        ),
        (
            Method::POST,
            "rooms",
            json!({"name": "x", "kind": "meeting", "description": "a\u{0}b"}),
            "invalid",
            "description",
        ),
        (Method::POST, "rooms", json!({"name": "x", "kind": "meeting", "password": "abc"}), "invalid", "password"),
        (Method::POST, "rooms", json!({"name": "x", "kind": "meeting", "maxPeers": 1}), "invalid", "maxPeers"),
        (Method::POST, "rooms", json!({"name": "x", "kind": "meeting", "maxPeers": 1_001}), "invalid", "maxPeers"),
        (Method::POST, "rooms", json!({"name": "x", "kind": "meeting", "maxPeers": -1}), "malformed", ""),
        (Method::POST, "rooms", json!({"name": "x", "kind": "meeting", "expiresAt": 1_000}), "invalid", "expiresAt"),
        (Method::POST, "rooms", json!({"name": "x", "kind": "meeting", "expiresAt": "soon"}), "malformed", ""),
        (Method::POST, "rooms", json!({"name": "x", "kind": "chat", "adHoc": true}), "invalid", "adHoc"),
        (Method::PATCH, &room, json!({"name": null, "maxPeers": 5_000}), "invalid", "maxPeers"),
        (Method::PATCH, &room, json!({"kind": "chat"}), "malformed", ""),
        (Method::PATCH, &room, json!({"owner": scene.ann.id}), "malformed", ""),
        (Method::PATCH, &room, json!({"expiresAt": 5}), "invalid", "expiresAt"),
        (Method::PATCH, &room, json!({"password": "abc"}), "invalid", "password"),
        (Method::POST, &join, json!({"displayName": long(65)}), "invalid", "displayName"),
        (Method::POST, &join, json!({"displayName": "x", "role": "host"}), "malformed", ""),
        (Method::POST, &join, json!({"displayName": "x", "password": long(129)}), "invalid", "password"),
    ];
    for (method, path, body, code, field) in cases {
        let answer = scene.world.api(method.clone(), path).bearer(&scene.ann).json(body.clone()).send().await;
        assert_eq!(answer.code(), *code, "{method} {path} {body:.80}");
        if !field.is_empty() {
            assert_eq!(answer.json["fields"][0]["field"], *field, "{method} {path} {body:.80}");
        }
    }
    scene.is_as_it_was().await;
}

#[tokio::test]
async fn paths_and_queries_that_name_nothing() {
    let scene = Scene::new().await;
    let unknown = "00000000-0000-4000-8000-000000000000";
    for route in routes().iter().filter(|route| route.path.contains("{room}")) {
        for (room, code) in [
            (unknown, "room_not_found"),
            ("zzz-zzzz-zzz", "room_not_found"),
            ("abc", "invalid"),
            ("ABC-DEFG-HIJ", "invalid"),
            ("abc-defg-hij%0d%0aX: y", "invalid"),
            ("%ff%fe", "invalid"),
            ("*", "invalid"),
            ("room.*.events", "invalid"),
            ("1' or '1'='1", "invalid"),
            ("{00000000-0000-4000-8000-000000000000}", "invalid"),
            ("00000000000040008000000000000000", "invalid"),
        ] {
            let path = route.path.replace("{room}", room);
            let ask = scene.world.api(route.method.clone(), &path).bearer(&scene.ann);
            let ask = route
                .body
                .clone()
                .map_or_else(|| scene.world.api(route.method.clone(), &path).bearer(&scene.ann), |body| ask.json(body));
            assert_eq!(ask.send().await.code(), code, "{} {path}", route.method);
        }
    }
    let room = format!("rooms/{}/messages", scene.room["slug"].as_str().unwrap());
    for path in [
        "rooms?limit=0",
        "rooms?limit=51",
        "rooms?limit=x",
        "rooms?limit=-1",
        "rooms?kind=party",
        "rooms?scope=all",
        "rooms?cursor=x",
        "rooms?cursor=",
        &format!("rooms?text={}", "x".repeat(101)),
        "rooms?scope=mine&scope=public",
        &format!("{room}?limit=0"),
        &format!("{room}?limit=51"),
        &format!("{room}?before=x"),
        &format!("{room}?before=-1"),
        &format!("{room}?before=1&after=1"),
    ] {
        assert_eq!(scene.world.get(path).bearer(&scene.ann).send().await.code(), "invalid", "{path}");
    }
    scene.is_as_it_was().await;
}

#[tokio::test]
async fn strangers_and_forged_tokens() {
    let scene = Scene::new().await;
    let forged = format!("{}x", scene.ann.token);
    for route in routes() {
        let path = route.path.replace("{room}", scene.room["slug"].as_str().unwrap());
        let ask = |token: Option<&str>| {
            let ask = scene.world.api(route.method.clone(), &path).header("x-rookery-csrf", "1");
            let ask = token.map_or_else(
                || scene.world.api(route.method.clone(), &path).header("x-rookery-csrf", "1"),
                |token| ask.header("authorization", token),
            );
            match &route.body {
                Some(body) => ask.json(body.clone()),
                None => ask,
            }
        };
        let cookies_decide = route.path.starts_with("auth/") && !route.account;
        if route.account {
            assert_eq!(ask(None).send().await.code(), "unauthorized", "{} {path}", route.method);
        }
        if !cookies_decide {
            for token in [
                format!("Bearer {forged}"),
                "Bearer".into(),
                "Bearer ".into(),
                "Basic YTpi".into(),
                scene.ann.token.clone(),
            ] {
                let answer = ask(Some(&token)).send().await;
                assert_eq!(answer.code(), "unauthorized", "{} {path} {token:.20}", route.method);
            }
        }
    }
    // Rooms of others.
    let bob = scene.world.person("bob").await;
    let room = format!("rooms/{}", scene.room["slug"].as_str().unwrap());
    let patch = scene.world.patch(&room, json!({"name": "Mine now"})).bearer(&bob).send().await;
    assert_eq!(patch.code(), "forbidden");
    assert_eq!(scene.world.api(Method::DELETE, &room).bearer(&bob).send().await.code(), "forbidden");
    assert_eq!(scene.world.get(&format!("{room}/messages")).bearer(&bob).send().await.code(), "members_only");
    let room = scene.world.get(&room).bearer(&scene.ann).send().await;
    assert_eq!(room.json, scene.room);
}

#[tokio::test]
async fn methods_and_addresses_that_are_not_there() {
    let scene = Scene::new().await;
    let known = routes();
    for route in &known {
        let path = route.path.replace("{room}", scene.room["slug"].as_str().unwrap());
        for method in [Method::GET, Method::POST, Method::PUT, Method::PATCH, Method::DELETE, Method::TRACE] {
            if known.iter().any(|other| other.path == route.path && other.method == method) {
                continue;
            }
            let answer =
                scene.world.api(method.clone(), &path).bearer(&scene.ann).header("x-rookery-csrf", "1").send().await;
            assert_eq!(answer.code(), "method_not_allowed", "{method} {path}");
            assert!(answer.header("allow").contains(route.method.as_str()), "{method} {path}: {:?}", answer.headers);
        }
    }
    for path in ["/api", "/api/", "/api/v1", "/api/v1/", "/api/v2/me", "/api/v1/rooms/x/y/z", "/api/v1/auth"] {
        assert_eq!(scene.world.ask(Method::GET, path).send().await.code(), "not_found", "{path}");
    }
}

#[tokio::test]
async fn a_store_that_is_down_is_said_by_every_route_that_needs_it() {
    let scene = Scene::new().await;
    scene.world.store.script.lock().down = true;
    for route in routes() {
        let ask = scene.ask(&route);
        let ask = match (&route.body, route.path) {
            (Some(body), _) => ask.json(body.clone()),
            (None, "auth/refresh" | "auth/logout") => ask.cookie(&scene.ann.refresh),
            (None, _) => ask,
        };
        let answer = ask.send().await;
        if route.path == "ws-ticket" || route.path == "auth/password" && answer.status == 200 {
            continue;
        }
        assert_eq!(answer.code(), "store_unavailable", "{} {}", route.method, route.path);
        assert!(!answer.text.contains("10.1.2.3"), "{}", answer.text);
    }
    scene.world.store.script.lock().down = false;
    scene.is_as_it_was().await;
}
