//! Everything that can go wrong for a client, with the server's own code where it gave one.
//!
//! **Invariant:** a refusal by the server keeps its code: tests compare codes, not sentences.

use std::time::Duration;

use rookery_schemas::error::{ErrorCode, Refusal};
use rookery_schemas::rest::Problem;

/// What went wrong.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Refused over HTTP.
    #[error("{} answered {}: {}", .0.kind, .0.status, .0.code)]
    Problem(Box<Problem>),
    /// Refused over the WebSocket.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// An HTTP answer that the protocol does not have.
    #[error("{route} answered {status} with a body that is none of the protocol's: {body}")]
    Unexpected {
        /// Method and path.
        route: String,
        /// The HTTP status.
        status: u16,
        /// Its beginning, at most 200 characters.
        body: String,
    },
    /// A WebSocket message that the protocol does not have here.
    #[error("expected {wanted}, but the server said {got}")]
    Reply {
        /// What was waited for.
        wanted: &'static str,
        /// What came.
        got: String,
    },
    /// It took too long.
    #[error("no {what} within {after:?}")]
    Timeout {
        /// What was waited for.
        what: &'static str,
        /// For how long.
        after: Duration,
    },
    /// The WebSocket is closed.
    #[error("the socket is closed: {0}")]
    Closed(crate::socket::Closed),
    /// A queue of the client itself is full: its owner does not read.
    #[error("the client's own {0} is full")]
    Full(&'static str),
    /// The media connection's task has ended.
    #[error("the media connection has ended: {0}")]
    MediaEnded(String),
    /// The address is not loopback, and that was not allowed.
    #[error("{0} is not on this machine; allow remote addresses to go there")]
    Remote(String),
    /// An address that cannot be used.
    #[error("{0:?} is no address to connect to")]
    Address(String),
    /// A session description that could not be used.
    #[error("a session description was not usable: {0}")]
    Sdp(String),
    /// There is no such thing on this client.
    #[error("this client has no {0}")]
    Missing(&'static str),
    /// HTTP below the protocol.
    #[error("HTTP failed")]
    Http(#[from] reqwest::Error),
    /// WebSocket below the protocol.
    #[error("the WebSocket failed")]
    WebSocket(#[source] Box<tokio_tungstenite::tungstenite::Error>),
    /// TLS.
    #[error("TLS failed")]
    Tls(#[from] rustls::Error),
    /// Sockets.
    #[error("I/O failed")]
    Io(#[from] std::io::Error),
    /// WebRTC.
    #[error("WebRTC failed")]
    Rtc(#[from] str0m::RtcError),
}

impl Error {
    /// The server's code, if it was the server that refused.
    #[must_use]
    pub fn code(&self) -> Option<ErrorCode> {
        match self {
            Self::Problem(problem) => Some(problem.code),
            Self::Refused(refusal) => Some(refusal.code),
            _ => None,
        }
    }
}

impl From<tokio_tungstenite::tungstenite::Error> for Error {
    fn from(error: tokio_tungstenite::tungstenite::Error) -> Self {
        Self::WebSocket(Box::new(error))
    }
}
