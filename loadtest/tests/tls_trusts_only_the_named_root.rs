//! HTTPS and WSS work with the certificate that was named, and with no other.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test fails by panicking")]

use std::sync::Arc;

use futures_util::{SinkExt, StreamExt};
use rookery_loadtest::socket::Opening;
use rookery_loadtest::{Api, Error, Socket, Trust};
use rookery_schemas::signal::{ClientFrame, ClientMessage, ServerFrame, ServerMessage};
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use tokio_tungstenite::tungstenite::Message;

/// Serves TLS on loopback: its port and certificate. Upgrades are answered to the first ping, requests by a problem.
async fn serve() -> (u16, String) {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(made.signing_key.serialize_der()));
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![made.cert.der().clone()], key)
        .unwrap();
    let listener = TcpListener::bind("localhost:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    tokio::spawn(async move {
        loop {
            let (tcp, _) = listener.accept().await.unwrap();
            tokio::spawn(answer(acceptor.clone(), tcp));
        }
    });
    (port, made.cert.pem())
}

async fn answer(acceptor: TlsAcceptor, tcp: TcpStream) {
    let mut start = [0; 7];
    // A client that does not trust us ends here.
    let Ok(mut tls) = acceptor.accept(tcp).await else { return };
    tls.read_exact(&mut start).await.unwrap();
    if &start != b"GET /ws" {
        let body = r#"{"type":"x","status":401,"title":"t","code":"unauthorized"}"#;
        let head = format!("HTTP/1.1 401 Unauthorized\r\ncontent-length: {}\r\nconnection: close\r\n\r\n", body.len());
        tls.write_all((head + body).as_bytes()).await.unwrap();
        tls.shutdown().await.unwrap();
        return;
    }
    upgrade(tls).await;
}

/// The rest of an upgrade request whose first bytes were read, then one answer.
async fn upgrade(mut tls: tokio_rustls::server::TlsStream<TcpStream>) {
    let mut head = b"GET /ws".to_vec();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(tls.read_u8().await.unwrap());
    }
    let head = String::from_utf8(head).unwrap();
    let key = head.lines().find_map(|line| line.to_lowercase().strip_prefix("sec-websocket-key: ").map(|_| line));
    let key = key.unwrap().split(": ").nth(1).unwrap();
    let accept = tokio_tungstenite::tungstenite::handshake::derive_accept_key(key.as_bytes());
    let reply = format!(
        "HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\nconnection: upgrade\r\nsec-websocket-accept: {accept}\r\n\r\n"
    );
    tls.write_all(reply.as_bytes()).await.unwrap();
    let role = tokio_tungstenite::tungstenite::protocol::Role::Server;
    let mut socket = tokio_tungstenite::WebSocketStream::from_raw_socket(tls, role, None).await;
    let Message::Text(text) = socket.next().await.unwrap().unwrap() else { panic!("a text frame") };
    let frame: ClientFrame = serde_json::from_str(text.as_str()).unwrap();
    let reply = ServerFrame { room: None, re: frame.id, epoch: None, n: None, message: ServerMessage::Ok };
    socket.send(Message::text(serde_json::to_string(&reply).unwrap())).await.unwrap();
    while let Some(Ok(_)) = socket.next().await {}
}

#[tokio::test]
async fn the_named_certificate_is_trusted_over_https_and_wss() {
    let (port, pem) = serve().await;
    let api = Api::new(&format!("https://localhost:{port}"), Trust::pem(pem.as_bytes()).unwrap()).unwrap();
    assert_eq!(api.ws_url(), format!("wss://localhost:{port}/ws"));
    let refused = api.me().await.unwrap_err();
    assert_eq!(refused.code().map(|code| code.as_str()), Some("unauthorized"));
    let opening = Opening { url: api.ws_url(), ticket: None, origin: None, trust: api.trust().clone() };
    let socket = Socket::open(&opening).await.unwrap();
    let reply = socket.request(None, ClientMessage::Ping { at: 1 }).await.unwrap();
    assert_eq!(reply.message, ServerMessage::Ok);
}

#[tokio::test]
async fn no_other_certificate_is_trusted() {
    let ((port, _), (_, other)) = (serve().await, serve().await);
    for trust in [Trust::nothing().unwrap(), Trust::pem(other.as_bytes()).unwrap()] {
        let api = Api::new(&format!("https://localhost:{port}"), trust).unwrap();
        assert!(matches!(api.me().await, Err(Error::Http(_))));
        let opening = Opening { url: api.ws_url(), ticket: None, origin: None, trust: api.trust().clone() };
        assert!(matches!(Socket::open(&opening).await, Err(Error::Io(_))));
    }
    assert!(matches!(Trust::pem(b"no certificate"), Err(Error::Tls(_))));
}
