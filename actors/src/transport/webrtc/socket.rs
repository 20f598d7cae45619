//! A runtime whose UDP sockets are the worker's port.
//!
//! The library binds a real socket for each address that it is given; it is closed at once, and its address lives on as the
//! library's name for the path. There is one such name for each family, and behind it are all of the worker's addresses of
//! that family.
//!
//! **Invariant:** datagrams pass only through the link, which lets no RTP or RTCP out.

use std::collections::HashSet;
use std::future::Future;
use std::io::{self, IoSliceMut};
use std::net::{SocketAddr, UdpSocket};
use std::panic::AssertUnwindSafe;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use ::webrtc::runtime::{
    AsyncInterval, AsyncTcpListener, AsyncTcpStream, AsyncUdpSocket, JoinHandle, RecvMeta, Runtime, TokioRuntime,
    Transmit,
};
use futures_util::FutureExt as _;
use parking_lot::Mutex;
use rookery_media::{ControlLink, Local};
use tokio::task::AbortHandle;
use tokio::task::coop;
use tokio_util::task::TaskTracker;

use super::early;
use super::handler::Notices;
use crate::transport::TransportEvent;

/// Addresses of one client between two ICE restarts. A client tries a handful of paths; the library keeps each for as
/// long, and looks through all of them for every check.
const REMOTES_MAX: usize = 64;

type Boxed<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// The runtime of one connection.
#[derive(Debug)]
pub(super) struct LinkRuntime {
    link: Arc<ControlLink>,
    notices: Arc<Notices>,
    tasks: TaskTracker,
    remotes: Arc<Mutex<HashSet<SocketAddr>>>,
}

impl LinkRuntime {
    pub(super) fn new(link: Arc<ControlLink>, notices: Arc<Notices>, tasks: TaskTracker) -> Self {
        Self { link, notices, tasks, remotes: Arc::default() }
    }
}

fn no_tcp<T>() -> io::Result<T> {
    Err(io::Error::new(io::ErrorKind::Unsupported, "media has no TCP and resolves no names"))
}

impl Runtime for LinkRuntime {
    fn spawn(&self, future: Boxed<'static, ()>) -> Box<dyn JoinHandle> {
        let notices = self.notices.clone();
        let task = self.tasks.spawn(async move {
            let ended = AssertUnwindSafe(future).catch_unwind().await;
            // the library's only task drives the connection: when it ends unasked, or in a panic, the connection is dead
            let why = if ended.is_ok() { "the library stopped" } else { "the library panicked" };
            if !notices.closing.load(Ordering::Acquire) {
                notices.tell(TransportEvent::Failed(why));
            }
        });
        Box::new(Task(task.abort_handle()))
    }

    fn wrap_udp_socket(&self, socket: UdpSocket) -> io::Result<Arc<dyn AsyncUdpSocket>> {
        let name = socket.local_addr()?;
        let family = |(at, addr): (u8, &SocketAddr)| (addr.is_ipv4() == name.is_ipv4()).then_some(Local(at));
        let locals = (0..).zip(self.link.local_addrs()).filter_map(family).collect();
        let (link, notices, remotes) = (self.link.clone(), self.notices.clone(), self.remotes.clone());
        let early = notices.early.socket();
        Ok(Arc::new(LinkSocket { name, locals, link, notices, remotes, early }))
    }

    fn wrap_tcp_listener(&self, _: std::net::TcpListener) -> io::Result<Arc<dyn AsyncTcpListener>> {
        no_tcp()
    }

    fn connect_tcp<'a>(&'a self, _: SocketAddr) -> Boxed<'a, io::Result<Arc<dyn AsyncTcpStream>>> {
        Box::pin(std::future::ready(no_tcp()))
    }

    fn resolve_host<'a>(&'a self, _: &'a str) -> Boxed<'a, io::Result<Vec<SocketAddr>>> {
        Box::pin(std::future::ready(no_tcp()))
    }

    /// Tokio's clock, the one of `sleep`, so that tests can hold and move it.
    fn now(&self) -> std::time::Instant {
        tokio::time::Instant::now().into_std()
    }

    fn sleep(&self, duration: Duration) -> Boxed<'static, ()> {
        Box::pin(tokio::time::sleep(duration))
    }

    fn interval(&self, period: Duration) -> Box<dyn AsyncInterval> {
        TokioRuntime.interval(period)
    }

    fn block_on(&self, future: Pin<Box<dyn Future<Output = ()> + '_>>) {
        TokioRuntime.block_on(future);
    }
}

struct Task(AbortHandle);

impl JoinHandle for Task {
    fn detach(&self) {}

    fn abort(&self) {
        self.0.abort();
    }

    fn is_finished(&self) -> bool {
        self.0.is_finished()
    }
}

/// What the library takes for its socket of one family.
#[derive(Debug)]
struct LinkSocket {
    name: SocketAddr,
    locals: Vec<Local>,
    link: Arc<ControlLink>,
    notices: Arc<Notices>,
    remotes: Arc<Mutex<HashSet<SocketAddr>>>,
    early: early::Socket,
}

impl LinkSocket {
    /// Counts addresses that the library answers or asks: it does so only where message integrity was right.
    fn stun_leaves(&self, to: SocketAddr) {
        let mut remotes = self.remotes.lock();
        if self.notices.restarted.swap(false, Ordering::AcqRel) {
            remotes.clear();
        }
        if remotes.len() < REMOTES_MAX {
            remotes.insert(to);
        }
    }

    /// Whether another address may be tried.
    fn admits(&self, from: SocketAddr) -> bool {
        let remotes = self.remotes.lock();
        let restarted = self.notices.restarted.load(Ordering::Acquire);
        restarted || remotes.len() < REMOTES_MAX || remotes.contains(&from)
    }

    fn poll_datagram(&self, cx: &mut Context<'_>, buffer: &mut [u8]) -> Poll<(usize, SocketAddr)> {
        let early = &self.notices.early;
        if let Poll::Ready(kept) = early.poll(self.early, cx, buffer) {
            return Poll::Ready(kept);
        }
        for local in &self.locals {
            while let Poll::Ready((length, from)) = self.link.poll_recv_on(*local, cx, buffer) {
                let datagram = buffer.get(..length).unwrap_or_default();
                let stun = datagram.first().is_some_and(|first| *first < 4);
                let wanted = !datagram.is_empty() && (!stun || self.admits(from));
                if wanted && !early.keep(self.early, from, datagram) {
                    return Poll::Ready((length, from));
                }
            }
        }
        // again: what was kept just now must wake this task when it can be taken
        early.poll(self.early, cx, buffer)
    }
}

impl AsyncUdpSocket for LinkSocket {
    fn local_addr(&self) -> io::Result<SocketAddr> {
        Ok(self.name)
    }

    fn poll_send(&self, _: &mut Context<'_>, transmit: &Transmit<'_>) -> Poll<io::Result<usize>> {
        let (datagram, to) = (transmit.contents, transmit.destination);
        match datagram.first() {
            Some(0..4) => {
                self.stun_leaves(to);
                self.notices.early.sent(self.early, datagram);
            }
            Some(20..64) => self.notices.dtls_leaves(datagram),
            _ => {}
        }
        // a full send buffer loses the datagram, as a wire would
        self.link.send(datagram, to);
        Poll::Ready(Ok(datagram.len()))
    }

    fn poll_recv(
        &self,
        cx: &mut Context<'_>,
        bufs: &mut [IoSliceMut<'_>],
        meta: &mut [RecvMeta],
    ) -> Poll<io::Result<usize>> {
        // without a budget a flood would keep the library's loop from ever yielding
        let budget = ready!(coop::poll_proceed(cx));
        let (Some(buffer), Some(meta)) = (bufs.first_mut(), meta.first_mut()) else { return Poll::Ready(Ok(0)) };
        let (length, from) = ready!(self.poll_datagram(cx, buffer));
        budget.made_progress();
        (meta.addr, meta.len, meta.stride) = (from, length, length.max(1));
        Poll::Ready(Ok(1))
    }
}
