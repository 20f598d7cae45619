//! Who gets a connection, and how long its first words may take.
//!
//! **Invariant:** what is counted is given back when the connection ends, upgraded ones too.

use std::collections::HashMap;
use std::future::{Ready, ready};
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use axum_server::accept::Accept;
use futures_util::future::BoxFuture;
use ipnet::IpNet;
use parking_lot::Mutex;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::Sleep;

use crate::address::{AddrKey, ClientAddr};
use crate::state::AppState;

/// Lets connections in while there is room. Overflow policy: a connection beyond it is closed at once.
#[derive(Clone)]
pub(super) struct Doorman {
    inside: Arc<Mutex<Inside>>,
    all_max: usize,
    address_max: usize,
    trusted: Arc<[IpNet]>,
    gauge: prometheus::IntGauge,
}

#[derive(Default)]
struct Inside {
    all: usize,
    by_address: HashMap<AddrKey, usize>,
}

impl Doorman {
    pub(super) fn new(state: &AppState) -> Self {
        Self {
            inside: Arc::default(),
            all_max: state.config.connections_max,
            address_max: state.config.connections_per_address_max,
            trusted: state.config.trusted_proxies.clone().into(),
            gauge: state.metrics.connections.clone(),
        }
    }

    fn admit(&self, stream: &TcpStream) -> io::Result<Seat> {
        stream.set_nodelay(true)?;
        let peer = stream.peer_addr()?.ip().to_canonical();
        let spared = peer.is_loopback() || self.trusted.iter().any(|net| net.contains(&peer));
        let key = ClientAddr(peer).key();
        let mut inside = self.inside.lock();
        let of_address = inside.by_address.get(&key).copied().unwrap_or_default();
        if inside.all >= self.all_max || !spared && of_address >= self.address_max {
            return Err(io::Error::other("too many connections"));
        }
        inside.all += 1;
        *inside.by_address.entry(key).or_default() += 1;
        self.gauge.inc();
        Ok(Seat { inside: self.inside.clone(), key, gauge: self.gauge.clone() })
    }
}

impl<S> Accept<TcpStream, S> for Doorman {
    type Stream = Seated;
    type Service = S;
    type Future = Ready<io::Result<(Seated, S)>>;

    fn accept(&self, stream: TcpStream, service: S) -> Self::Future {
        let admitted = self.admit(&stream);
        ready(admitted.map(|seat| (Seated { stream, _seat: seat }, service)))
    }
}

/// One connection's place.
struct Seat {
    inside: Arc<Mutex<Inside>>,
    key: AddrKey,
    gauge: prometheus::IntGauge,
}

impl Drop for Seat {
    fn drop(&mut self) {
        let mut inside = self.inside.lock();
        inside.all = inside.all.saturating_sub(1);
        if let Some(count) = inside.by_address.get_mut(&self.key) {
            *count = count.saturating_sub(1);
            if *count == 0 {
                inside.by_address.remove(&self.key);
            }
        }
        self.gauge.dec();
    }
}

/// A connection with its place.
pub(super) struct Seated {
    stream: TcpStream,
    _seat: Seat,
}

/// Adds a time limit for the first words: the server underneath waits for ever until it can tell HTTP/1 from HTTP/2.
#[derive(Clone)]
pub(super) struct Patient<A> {
    inner: A,
    patience: Duration,
}

impl<A> Patient<A> {
    pub(super) fn new(inner: A, patience: Duration) -> Self {
        Self { inner, patience }
    }
}

impl<A, I, S> Accept<I, S> for Patient<A>
where
    A: Accept<I, S>,
    A::Future: Send + 'static,
    A::Stream: Send,
    A::Service: Send,
{
    type Stream = Timed<A::Stream>;
    type Service = A::Service;
    type Future = BoxFuture<'static, io::Result<(Self::Stream, Self::Service)>>;

    fn accept(&self, stream: I, service: S) -> Self::Future {
        let (accepted, patience) = (self.inner.accept(stream, service), self.patience);
        Box::pin(async move {
            let (stream, service) = accepted.await?;
            let deadline = Some(Box::pin(tokio::time::sleep(patience)));
            Ok((Timed { stream, deadline, awaited: FIRST_WORDS_BYTES }, service))
        })
    }
}

/// By then it is known which HTTP is spoken (HTTP/2 begins with 24 bytes), and the server's own time limits hold.
const FIRST_WORDS_BYTES: usize = 24;

/// A stream whose first bytes must come in time.
pub(super) struct Timed<T> {
    stream: T,
    deadline: Option<Pin<Box<Sleep>>>,
    awaited: usize,
}

impl<T: AsyncRead + Unpin> AsyncRead for Timed<T> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        let polled = Pin::new(&mut self.stream).poll_read(cx, buf);
        let Some(deadline) = self.deadline.as_mut() else { return polled };
        match polled {
            Poll::Pending if deadline.as_mut().poll(cx).is_ready() => {
                Poll::Ready(Err(io::Error::new(io::ErrorKind::TimedOut, "no request came")))
            }
            Poll::Pending => Poll::Pending,
            Poll::Ready(outcome) => {
                self.awaited = self.awaited.saturating_sub(buf.filled().len() - before);
                if self.awaited == 0 {
                    self.deadline = None;
                }
                Poll::Ready(outcome)
            }
        }
    }
}

macro_rules! pass_writes_on {
    ($type:ty, $($bound:tt)*) => {
        impl<$($bound)*> AsyncWrite for $type {
            fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
                Pin::new(&mut self.stream).poll_write(cx, buf)
            }

            fn poll_write_vectored(
                mut self: Pin<&mut Self>,
                cx: &mut Context<'_>,
                bufs: &[IoSlice<'_>],
            ) -> Poll<io::Result<usize>> {
                Pin::new(&mut self.stream).poll_write_vectored(cx, bufs)
            }

            fn is_write_vectored(&self) -> bool {
                self.stream.is_write_vectored()
            }

            fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
                Pin::new(&mut self.stream).poll_flush(cx)
            }

            fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
                Pin::new(&mut self.stream).poll_shutdown(cx)
            }
        }
    };
}

pass_writes_on!(Timed<T>, T: AsyncWrite + Unpin);
pass_writes_on!(Seated,);

impl AsyncRead for Seated {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buf)
    }
}
