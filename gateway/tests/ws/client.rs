//! A WebSocket client that says exactly what a test tells it to.

use std::net::SocketAddr;
use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use rookery_schemas::ids::RoomId;
use rookery_schemas::signal::{Joined, ServerFrame, ServerMessage};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::{Error, Message};

/// Far longer than anything here takes.
const DEADLINE: Duration = Duration::from_secs(20);

/// One socket.
pub struct Client {
    /// For tests that send what no client should.
    pub socket: WebSocketStream<TcpStream>,
}

/// Opens a socket with these headers besides those of every handshake.
pub async fn dial(at: SocketAddr, query: &str, headers: &[(&'static str, &str)]) -> Result<Client, u16> {
    let mut request = format!("ws://{at}/ws{query}").into_client_request().unwrap();
    for (name, value) in headers {
        request.headers_mut().append(*name, value.parse().unwrap());
    }
    let stream = TcpStream::connect(at).await.unwrap();
    match tokio_tungstenite::client_async(request, stream).await {
        Ok((socket, _)) => Ok(Client { socket }),
        Err(Error::Http(response)) => Err(response.status().as_u16()),
        Err(other) => panic!("{other}"),
    }
}

impl Client {
    /// Sends a text frame.
    pub async fn text(&mut self, text: impl Into<String>) {
        self.socket.send(Message::text(text.into())).await.unwrap();
    }

    /// Sends a message with an id, about a room.
    pub async fn say(&mut self, id: u32, room: impl Into<Option<RoomId>>, message: Value) {
        let mut frame = json!({ "v": 1, "id": id, "message": message });
        if let Some(room) = room.into() {
            frame["room"] = json!(room);
        }
        self.text(frame.to_string()).await;
    }

    /// The next frame, as text.
    pub async fn next_text(&mut self) -> String {
        loop {
            let message = tokio::time::timeout(DEADLINE, self.socket.next()).await.expect("a frame in time");
            match message.expect("a frame, not the end").expect("a frame, not an error") {
                Message::Text(text) => return text.to_string(),
                Message::Ping(_) | Message::Pong(_) => {}
                other => panic!("a text frame, not {other:?}"),
            }
        }
    }

    /// The next frame.
    pub async fn next(&mut self) -> ServerFrame {
        let text = self.next_text().await;
        serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error} in {text}"))
    }

    /// The next message, which must answer `id`.
    pub async fn answer(&mut self, id: u32) -> ServerMessage {
        let frame = self.next().await;
        assert_eq!(frame.re, Some(id), "{frame:?}");
        frame.message
    }

    /// The code of the next message, which must be an error that answers `id`.
    pub async fn refused(&mut self, id: impl Into<Option<u32>>) -> &'static str {
        let frame = self.next().await;
        assert_eq!(frame.re, id.into(), "{frame:?}");
        match frame.message {
            ServerMessage::Error(refusal) => refusal.code.as_str(),
            other => panic!("an error, not {other:?}"),
        }
    }

    /// The next message, which must be `joined`.
    pub async fn joined(&mut self, id: impl Into<Option<u32>>) -> Joined {
        let frame = self.next().await;
        assert_eq!(frame.re, id.into(), "{frame:?}");
        match frame.message {
            ServerMessage::Joined(joined) => *joined,
            other => panic!("joined, not {other:?}"),
        }
    }

    /// Joins a room.
    pub async fn join(&mut self, ticket: &str) -> Joined {
        self.say(1, None, json!({ "type": "join", "ticket": ticket })).await;
        self.joined(1).await
    }

    /// A ping and its pong: everything sent before has been read.
    pub async fn settled(&mut self) {
        self.say(999, None, json!({ "type": "ping", "at": 7 })).await;
        assert!(matches!(self.answer(999).await, ServerMessage::Pong { at: 7, .. }));
    }

    /// Reads to the close frame, whatever comes before it.
    pub async fn closed(&mut self) -> (u16, String) {
        loop {
            let message = tokio::time::timeout(DEADLINE, self.socket.next()).await.expect("the end in time");
            match message {
                Some(Ok(Message::Close(Some(frame)))) => return (frame.code.into(), frame.reason.to_string()),
                Some(Ok(Message::Close(None))) => return (1005, String::new()),
                Some(Ok(_)) => {}
                Some(Err(_)) | None => return (1006, String::new()),
            }
        }
    }
}
