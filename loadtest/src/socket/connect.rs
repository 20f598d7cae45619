//! From an address to an upgraded stream, over TCP or TLS.
//!
//! **Invariant:** a refused upgrade keeps the server's problem body.

use rookery_schemas::limits::SERVER_FRAME_BYTES_MAX;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::http::{HeaderValue, Uri, header};
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::tungstenite::{self, http};
use tokio_tungstenite::{WebSocketStream, client_async_with_config};

use super::Opening;
use crate::Error;

/// A connection below the WebSocket.
pub(super) trait Bytes: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Bytes for T {}

/// Of the socket's own buffers: many clients in one process, and small frames.
const BUFFER_BYTES: usize = 8 * 1024;
/// Towards the server a hostile test may send a few times what is allowed.
const WRITE_BYTES_MAX: usize = 4 * 1024 * 1024;

pub(super) async fn connect(opening: &Opening) -> Result<WebSocketStream<Box<dyn Bytes>>, Error> {
    let query = opening.ticket.as_ref().map(|ticket| format!("?ticket={ticket}")).unwrap_or_default();
    let uri: Uri = format!("{}{query}", opening.url).parse().map_err(|_| Error::Address(opening.url.clone()))?;
    let mut request = uri.clone().into_client_request()?;
    if let Some(origin) = &opening.origin {
        let origin = HeaderValue::from_str(origin).map_err(|_| Error::Address(origin.clone()))?;
        request.headers_mut().insert(header::ORIGIN, origin);
    }
    let config = WebSocketConfig::default()
        .read_buffer_size(BUFFER_BYTES)
        .write_buffer_size(0)
        .max_write_buffer_size(WRITE_BYTES_MAX)
        // The protocol's own limit: a server that exceeds it is to be noticed.
        .max_message_size(Some(SERVER_FRAME_BYTES_MAX))
        .max_frame_size(Some(SERVER_FRAME_BYTES_MAX));
    let stream = stream(&uri, opening).await?;
    match client_async_with_config(request, stream, Some(config)).await {
        Ok((stream, _)) => Ok(stream),
        Err(tungstenite::Error::Http(answer)) => Err(refused(&answer)),
        Err(error) => Err(error.into()),
    }
}

async fn stream(uri: &Uri, opening: &Opening) -> Result<Box<dyn Bytes>, Error> {
    let unusable = || Error::Address(opening.url.clone());
    let host = uri.host().ok_or_else(unusable)?.trim_matches(['[', ']']);
    let secure = match uri.scheme_str() {
        Some("ws") => false,
        Some("wss") => true,
        _ => return Err(unusable()),
    };
    let port = uri.port_u16().unwrap_or(if secure { 443 } else { 80 });
    let tcp = TcpStream::connect((host, port)).await?;
    tcp.set_nodelay(true)?;
    if !secure {
        return Ok(Box::new(tcp));
    }
    let name = ServerName::try_from(host.to_owned()).map_err(|_| unusable())?;
    let tls = TlsConnector::from(opening.trust.0.clone()).connect(name, tcp).await?;
    Ok(Box::new(tls))
}

fn refused(answer: &http::Response<Option<Vec<u8>>>) -> Error {
    let body = answer.body().as_deref().unwrap_or_default();
    match serde_json::from_slice(body) {
        Ok(problem) => Error::Problem(Box::new(problem)),
        Err(_) => Error::Unexpected {
            route: "GET /ws".to_owned(),
            status: answer.status().as_u16(),
            body: String::from_utf8_lossy(body).chars().take(200).collect(),
        },
    }
}
