//! The main listener: HTTP, or HTTPS where there are certificate files.
//!
//! **Invariant:** connections are bounded in number and every phase of one in time; a stopping node ends requests under way.

mod accept;
mod tls;

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::time::Duration;

use axum::Router;
use axum_server::Handle;
use axum_server::accept::Accept;
use axum_server::tls_rustls::RustlsAcceptor;
use hyper_util::rt::TokioTimer;
use tokio::net::TcpStream;

use crate::router::{admin_router, router};
use crate::state::AppState;
use accept::{Doorman, Patient};
pub use tls::{TlsError, check_tls};

/// Bytes of a request's head at the most (HTTP/1).
const HEAD_BYTES_MAX: usize = 64 * 1024;
/// Requests at once on one HTTP/2 connection; browsers ask for about as many.
const STREAMS_MAX: u32 = 100;
/// Bytes of a request's headers at the most (HTTP/2).
const HEADER_LIST_BYTES_MAX: u32 = 16 * 1024;
/// A silent HTTP/2 peer is asked so often whether it lives.
const KEEP_ALIVE_EVERY: Duration = Duration::from_secs(20);

/// Why nothing is served.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// The address cannot be taken.
    #[error("cannot listen on {address}")]
    Bind {
        /// Which.
        address: SocketAddr,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// The certificate files are of no use.
    #[error("the certificate files cannot be used")]
    Tls(#[from] TlsError),
    /// Listening ended.
    #[error("the listener ended")]
    Listen(#[source] io::Error),
}

/// A listener that is bound: its address is taken and known, nothing is answered yet.
pub struct Gateway {
    listener: TcpListener,
    address: SocketAddr,
    state: AppState,
}

impl Gateway {
    /// Takes the configured address.
    ///
    /// # Errors
    /// [`ServeError::Bind`].
    pub fn bind(state: AppState) -> Result<Self, ServeError> {
        let address = state.config.listen;
        let (listener, address) = listen(address)?;
        Ok(Self { listener, address, state })
    }

    /// Where it listens; the port is the real one where 0 was configured.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Serves until the state's `stopping` is cancelled and what was under way has ended, or `drain_timeout` is over.
    ///
    /// # Errors
    /// [`ServeError::Tls`] at the start, [`ServeError::Listen`] later.
    pub async fn serve(self) -> Result<(), ServeError> {
        let Self { listener, state, .. } = self;
        let doorman = Doorman::new(&state);
        let header_timeout = state.config.header_timeout;
        match state.config.tls.clone() {
            None => run(listener, Patient::new(doorman, header_timeout), router(state.clone()), &state).await,
            Some(files) => {
                let config = tls::start(files, &state.stopping).await?;
                let acceptor = RustlsAcceptor::new(config).handshake_timeout(header_timeout).acceptor(doorman);
                run(listener, Patient::new(acceptor, header_timeout), router(state.clone()), &state).await
            }
        }
    }
}

/// Serves the operators' routes, and `further` ones, on a listener of their own, plain HTTP, until `stopping`.
///
/// # Errors
/// [`ServeError`].
pub async fn serve_admin(address: SocketAddr, state: AppState, further: Router) -> Result<(), ServeError> {
    let (listener, address) = listen(address)?;
    tracing::info!(%address, "metrics are served");
    let acceptor = Patient::new(Doorman::new(&state), state.config.header_timeout);
    run(listener, acceptor, admin_router(state.clone()).merge(further), &state).await
}

fn listen(address: SocketAddr) -> Result<(TcpListener, SocketAddr), ServeError> {
    let bound = || {
        let listener = TcpListener::bind(address)?;
        listener.set_nonblocking(true)?;
        let address = listener.local_addr()?;
        Ok((listener, address))
    };
    bound().map_err(|source| ServeError::Bind { address, source })
}

async fn run<A>(listener: TcpListener, acceptor: A, routes: Router, state: &AppState) -> Result<(), ServeError>
where
    A: Accept<TcpStream, axum::middleware::AddExtension<Router, axum::extract::ConnectInfo<SocketAddr>>>
        + Clone
        + Send
        + Sync
        + 'static,
    A::Stream: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin + Send,
    A::Service: axum_server::service::SendService<axum::http::Request<hyper::body::Incoming>> + Send,
    A::Future: Send,
{
    let handle = Handle::new();
    let mut server =
        axum_server::from_tcp(listener).map_err(ServeError::Listen)?.acceptor(acceptor).handle(handle.clone());
    let config = &state.config;
    let builder = server.http_builder();
    builder.http1().timer(TokioTimer::new()).header_read_timeout(config.header_timeout).max_buf_size(HEAD_BYTES_MAX);
    builder
        .http2()
        .timer(TokioTimer::new())
        .max_concurrent_streams(STREAMS_MAX)
        .max_header_list_size(HEADER_LIST_BYTES_MAX)
        .keep_alive_interval(KEEP_ALIVE_EVERY)
        .keep_alive_timeout(config.header_timeout);
    let (stopping, drain) = (state.stopping.clone(), config.drain_timeout);
    let stopper = tokio::spawn(async move {
        stopping.cancelled().await;
        handle.graceful_shutdown(Some(drain));
    });
    let ended = server.serve(routes.into_make_service_with_connect_info::<SocketAddr>()).await;
    stopper.abort();
    ended.map_err(ServeError::Listen)
}
