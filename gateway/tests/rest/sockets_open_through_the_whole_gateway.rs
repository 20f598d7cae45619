//! A WebSocket goes through every layer of the main listener: limits of connections, of time, refusals as problems, the end.

use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use reqwest::Method;
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;

use crate::world::{Person, World, relaxed};

const DEADLINE: Duration = Duration::from_secs(20);

async fn open(world: &World, who: &Person) -> WebSocketStream<TcpStream> {
    let ticket = world.api(Method::POST, "ws-ticket").bearer(who).send().await;
    let url = format!("ws://{}/ws?ticket={}", world.at, ticket.json["ticket"].as_str().unwrap());
    let stream = TcpStream::connect(world.at).await.unwrap();
    let request = url.into_client_request().unwrap();
    let (socket, response) = tokio_tungstenite::client_async(request, stream).await.unwrap();
    assert_eq!(response.headers()["x-request-id"].len(), 36);
    socket
}

async fn next(socket: &mut WebSocketStream<TcpStream>) -> Message {
    tokio::time::timeout(DEADLINE, socket.next()).await.expect("in time").expect("not the end").unwrap()
}

#[tokio::test]
async fn a_socket_opens_speaks_and_outlives_the_time_limits_of_requests() {
    let short = Duration::from_millis(200);
    let config = rookery_gateway::GatewayConfig { header_timeout: short, request_timeout: short, ..relaxed() };
    let world = World::with(config).await;
    let ann = world.person("ann").await;
    let mut socket = open(&world, &ann).await;
    // Beyond every time limit of requests.
    tokio::time::sleep(short * 3).await;
    let ping = json!({"v": 1, "id": 7, "message": {"type": "ping", "at": 5}});
    socket.send(Message::text(ping.to_string())).await.unwrap();
    let pong: Value = serde_json::from_str(next(&mut socket).await.to_text().unwrap()).unwrap();
    assert_eq!((&pong["re"], &pong["message"]["type"], &pong["message"]["at"]), (&json!(7), &json!("pong"), &json!(5)));
    assert_eq!(world.state.ws_metrics.sockets(), 1);
    drop(socket);
    let gone = async {
        while world.state.ws_metrics.sockets() > 0 {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(DEADLINE, gone).await.expect("the socket's place comes back");
}

#[tokio::test]
async fn refusals_of_the_handshake_are_problems() {
    let world = World::new().await;
    let foreign = world.ask(Method::GET, "/ws?ticket=x").header("origin", "https://evil.example").send().await;
    assert_eq!(foreign.code(), "origin_refused");
    assert_eq!(world.ask(Method::GET, "/ws?ticket=x").send().await.code(), "malformed");
    assert_eq!(world.ask(Method::POST, "/ws").send().await.code(), "method_not_allowed");
}

#[tokio::test]
async fn a_stopping_gateway_sends_its_sockets_elsewhere() {
    let world = World::new().await;
    let ann = world.person("ann").await;
    let mut socket = open(&world, &ann).await;
    world.stopping.cancel();
    let Message::Close(Some(frame)) = next(&mut socket).await else { panic!("a close frame") };
    assert_eq!(u16::from(frame.code), 1001);
    tokio::time::timeout(DEADLINE, world.served).await.expect("it ends").unwrap().unwrap();
}

#[tokio::test]
async fn a_changed_password_closes_open_sockets() {
    let world = World::new().await;
    let ann = world.person("ann").await;
    let mut socket = open(&world, &ann).await;
    let ping = json!({"v": 1, "id": 1, "message": {"type": "ping", "at": 1}});
    socket.send(Message::text(ping.to_string())).await.unwrap();
    next(&mut socket).await;
    let body = json!({"current": crate::world::PASSWORD, "new": "heron stands in rain"});
    assert_eq!(world.post("auth/password", body).bearer(&ann).send().await.status, 200);
    loop {
        if let Message::Close(Some(frame)) = next(&mut socket).await {
            assert_eq!(frame.reason.as_str(), "unauthorized");
            break;
        }
    }
}
