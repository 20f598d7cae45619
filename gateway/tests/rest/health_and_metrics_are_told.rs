//! Whether the node lives and is ready, and what it counts.

use std::sync::atomic::Ordering;
use std::time::Duration;

use reqwest::Method;
use serde_json::json;

use crate::world::{World, client};

#[tokio::test]
async fn each_part_is_told_and_one_failing_makes_it_not_ready() {
    let world = World::new().await;
    let get = |path: &'static str| world.ask(Method::GET, path).send();
    assert_eq!((get("/livez").await.status.as_u16(), get("/livez").await.text.as_str()), (200, "ok\n"));
    let parts = |store: bool| json!([{"name": "store", "ok": store}, {"name": "bus", "ok": true}]);
    let ready = get("/readyz").await;
    assert_eq!(
        (ready.status.as_u16(), ready.json),
        (200, json!({"ready": true, "draining": false, "parts": parts(true)}))
    );
    world.part_fails.store(true, Ordering::SeqCst);
    world.time.advance(Duration::from_secs(1));
    let failing = get("/readyz").await;
    assert_eq!(
        (failing.status.as_u16(), failing.json),
        (503, json!({"ready": false, "draining": false, "parts": parts(false)}))
    );
    assert!(!failing.text.contains("disk full"), "the reason is for the log");
    assert_eq!(get("/livez").await.status, 200, "it lives all the same");
}

#[tokio::test]
async fn metrics_are_on_the_operators_listener_alone() {
    let world = World::new().await;
    let ann = world.person("ann").await;
    let room = world.room(&ann, json!({})).await;
    world.get(&format!("rooms/{}", room["slug"].as_str().unwrap())).send().await;
    world.get("me").send().await;
    world.join(&room, Some(&ann), json!({})).await;
    world.sign_in("ann", "wren sings at noon").await;
    let page = world.ask(Method::GET, "/metrics").send().await;
    assert!(!page.text.contains("rookery_http"), "the main listener has none");

    let at: std::net::SocketAddr = {
        let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        free.local_addr().unwrap()
    };
    let admin = tokio::spawn(rookery_gateway::serve_admin(at, world.state.clone(), axum::Router::new()));
    let metrics = loop {
        if let Ok(answer) = client().get(format!("http://{at}/metrics")).send().await {
            break answer;
        }
        tokio::task::yield_now().await;
    };
    assert_eq!(metrics.headers()["content-type"], "text/plain; version=0.0.4");
    let text = metrics.text().await.unwrap();
    for line in [
        "rookery_http_request_seconds_count{method=\"GET\",route=\"/api/v1/rooms/{room}\",status=\"200\"} 1",
        "rookery_http_request_seconds_count{method=\"POST\",route=\"/api/v1/auth/register\",status=\"201\"} 1",
        "rookery_errors_total{code=\"unauthorized\",interface=\"http\"} 1",
        "rookery_joins_total{code=\"ok\",phase=\"ticket\"} 1",
        "rookery_sign_ins_total{code=\"bad_credentials\",what=\"login\"} 1",
    ] {
        assert!(text.contains(line), "{line} in\n{text}");
    }
    assert!(text.contains("rookery_http_connections ") && text.contains("rookery_ws_sockets 0"));
    assert!(!text.contains(room["slug"].as_str().unwrap()), "links are no labels");
    world.stopping.cancel();
    admin.await.unwrap().unwrap();
}
