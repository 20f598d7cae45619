//! Headers on every answer, and the web client's files.

use reqwest::Method;
use rookery_gateway::GatewayConfig;
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::world::{World, relaxed};

const PAGES: &[&str] = &[
    "/",
    "/index.html",
    "/r/abc-defg-hij",
    "/sign-in",
    "/docs",
    "/docs/",
    "/docs/problems",
    "/docs/swagger-ui.css",
    "/docs/swagger-initializer.js",
    "/api/v1/openapi.json",
    "/api/v1/me",
    "/api/v1/none",
    "/livez",
    "/readyz",
    "/ws",
    "/assets/none.js",
    "/none.png",
    "/.git/config",
];

#[tokio::test]
async fn every_answer_has_a_strict_policy() {
    let config = GatewayConfig {
        gateways: vec!["wss://b.example/ws".into(), "wss://c.example;script-src *".into()],
        ..relaxed()
    };
    let world = World::with(config).await;
    for page in PAGES {
        for method in [Method::GET, Method::HEAD, Method::POST] {
            let answer = world.ask(method.clone(), page).send().await;
            let csp = answer.header("content-security-policy");
            assert!(
                csp.starts_with("default-src 'none'; ") && csp.contains("frame-ancestors 'none'"),
                "{method} {page}: {csp}"
            );
            assert!(!csp.contains("unsafe") && !csp.contains('*'), "{page}: {csp}");
            for (name, value) in [
                ("x-content-type-options", "nosniff"),
                ("referrer-policy", "no-referrer"),
                ("cross-origin-opener-policy", "same-origin"),
                ("cross-origin-resource-policy", "same-origin"),
                ("x-frame-options", "DENY"),
                ("strict-transport-security", ""),
            ] {
                assert_eq!(answer.header(name), value, "{method} {page} {name}");
            }
            assert!(answer.header("permissions-policy").contains("camera=(self)"));
            assert_eq!(answer.header("x-request-id").len(), 36, "{method} {page}");
        }
    }
    let csp = world.ask(Method::GET, "/").send().await.header("content-security-policy").to_owned();
    let expected = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; \
        media-src 'self' blob: mediastream:; connect-src 'self' wss://b.example; worker-src 'self'; font-src 'self'; \
        manifest-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'";
    assert_eq!(csp, expected);
}

#[tokio::test]
async fn behind_https_cookies_and_headers_say_so() {
    let world = World::with(GatewayConfig { public_url: Some("https://meet.example".into()), ..relaxed() }).await;
    let body = json!({"email": "ann@example.com", "username": "ann", "password": crate::world::PASSWORD});
    let answer = world.post("auth/register", body).send().await;
    assert_eq!(answer.header("strict-transport-security"), "max-age=63072000");
    for cookie in answer.headers.get_all("set-cookie") {
        let cookie = cookie.to_str().unwrap();
        assert!(
            cookie.starts_with("__Secure-rookery_") && cookie.ends_with("; HttpOnly; SameSite=Strict; Secure"),
            "{cookie}"
        );
    }
    let refresh = answer.cookie("__Secure-rookery_refresh").unwrap();
    let renewed = world.api(Method::POST, "auth/refresh").cookie(&refresh).send().await;
    assert_eq!(renewed.status, 200);
}

#[tokio::test]
async fn data_is_not_cached_and_ids_are_kept_where_sane() {
    let world = World::new().await;
    let ann = world.person("ann").await;
    let id = "6f1f64a1-9c4e-4f6e-8f3a-0c8b6f0a2d11";
    let answer = world.get("me").bearer(&ann).header("x-request-id", id).send().await;
    assert_eq!((answer.header("cache-control"), answer.header("x-request-id")), ("no-store", id));
    for insane in ["1", "a b", "6f1f64a1-9c4e-4f6e-8f3a-0c8b6f0a2d11x", "{6f1f64a1-9c4e-4f6e-8f3a-0c8b6f0a2d1}"] {
        let answer = world.get("me").bearer(&ann).header("x-request-id", insane).send().await;
        assert!(answer.header("x-request-id") != insane && answer.header("x-request-id").len() == 36);
    }
}

async fn raw(world: &World, path: &str) -> String {
    let mut stream = TcpStream::connect(world.at).await.unwrap();
    let request = format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.unwrap();
    String::from_utf8_lossy(&answer).into_owned()
}

#[tokio::test]
async fn files_are_found_cached_and_cannot_climb() {
    let world = World::new().await;
    let get = |path: &'static str| world.ask(Method::GET, path).send();
    let page = get("/").await;
    assert_eq!((page.status.as_u16(), page.header("cache-control")), (200, "no-cache"));
    assert!(page.header("content-type").starts_with("text/html") && page.text.contains("Rookery"));
    for own_route in ["/r/abc-defg-hij", "/sign-in", "/deep/er/route"] {
        assert_eq!(get(own_route).await.text, page.text, "{own_route} shows the application");
    }
    for path in ["/assets/none.js", "/none.js", "/.env", "/%00", "/r/.hidden"] {
        let answer = get(path).await;
        assert!(answer.status == 404 && answer.code() == "not_found", "{path}: {} {}", answer.status, answer.text);
    }
    // Clients tidy these up before they send them; attackers do not.
    for path in [
        "/../Cargo.toml",
        "/assets/../../Cargo.toml",
        "/..%2f..%2fCargo.toml",
        "/assets/%2e%2e/%2e%2e/Cargo.toml",
        "/assets/..\\..\\Cargo.toml",
        "//../../etc/passwd",
    ] {
        let answer = raw(&world, path).await;
        assert!(answer.starts_with("HTTP/1.1 404") || answer.starts_with("HTTP/1.1 400"), "{path}: {answer}");
        assert!(!answer.contains("[package]") && !answer.contains("root:"), "{path}: {answer}");
    }
    let post = world.ask(Method::POST, "/").send().await;
    assert_eq!((post.code(), post.header("allow")), ("method_not_allowed", "GET, HEAD"));
    let etag = page.header("etag").to_owned();
    if !etag.is_empty() {
        let again = world.ask(Method::GET, "/").header("if-none-match", &etag).send().await;
        assert_eq!((again.status.as_u16(), again.text.as_str(), again.header("etag")), (304, "", etag.as_str()));
    }
    let zipped = world.ask(Method::GET, "/docs/swagger-ui.css").header("accept-encoding", "gzip").send().await;
    assert_eq!(zipped.header("content-encoding"), "gzip");
}
