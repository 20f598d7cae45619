//! A WebSocket goes through every layer of the main listener: limits of connections, of time, refusals as problems, the end.

use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use reqwest::Method;
use rookery_schemas::bus::SIGN_OUT_SUBJECT;
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

/// Reads to the close frame.
async fn ended(socket: &mut WebSocketStream<TcpStream>) -> (u16, String) {
    loop {
        if let Message::Close(Some(frame)) = next(socket).await {
            return (frame.code.into(), frame.reason.to_string());
        }
    }
}

async fn lives(socket: &mut WebSocketStream<TcpStream>) {
    let ping = json!({"v": 1, "id": 1, "message": {"type": "ping", "at": 1}});
    socket.send(Message::text(ping.to_string())).await.unwrap();
    assert!(next(socket).await.to_text().unwrap().contains("pong"));
}

/// Every way in which a device is signed out: its sockets end, on every gateway; the other device's do not.
#[tokio::test]
async fn signing_out_closes_the_devices_sockets() {
    for how in ["logout", "password", "reuse"] {
        let world = World::new().await;
        let phone = world.person("ann").await;
        let laptop = Person::of(&world.sign_in("ann", crate::world::PASSWORD).await);
        // On this gateway and on another one.
        let other = world.beside().await;
        let listening = async {
            while world.bus.listeners(SIGN_OUT_SUBJECT) < 2 {
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(DEADLINE, listening).await.expect("both gateways listen");
        let (mut on_phone, mut on_laptop) = (open(&world, &phone).await, open(&world, &laptop).await);
        let (mut phone_there, mut laptop_there) = (open(&other, &phone).await, open(&other, &laptop).await);
        for socket in [&mut on_phone, &mut on_laptop, &mut phone_there, &mut laptop_there] {
            lives(socket).await;
        }
        let refresh = |cookie: String| world.api(Method::POST, "auth/refresh").cookie(&cookie).send();
        match how {
            "logout" => {
                let answer = world.api(Method::POST, "auth/logout").cookie(&phone.refresh).send().await;
                assert_eq!(answer.status, 204);
            }
            "password" => {
                let body = json!({"current": crate::world::PASSWORD, "new": "heron stands in rain"});
                assert_eq!(world.post("auth/password", body).bearer(&laptop).send().await.status, 200);
            }
            _ => {
                let second = refresh(phone.refresh.clone()).await.cookie("rookery_refresh").unwrap();
                assert_eq!(refresh(second).await.status, 200);
                assert_eq!(refresh(phone.refresh.clone()).await.code(), "refresh_refused", "a stolen one");
            }
        }
        assert_eq!(ended(&mut on_phone).await, (4010, "signed_out".into()), "{how}");
        assert_eq!(ended(&mut phone_there).await, (4010, "signed_out".into()), "{how}, at the other gateway");
        lives(&mut on_laptop).await;
        lives(&mut laptop_there).await;
    }
}
