//! What ties one connection's ICE and DTLS, which run elsewhere, to the worker's port.
//!
//! Inbound, everything that is not RTP or RTCP waits here for the control plane's virtual socket. Outbound, that
//! socket's datagrams leave by the worker's real one, and what they say is learned from: the library answers or asks by
//! STUN only where message integrity was right, so such an address belongs to this connection, and media goes to the
//! address whose nomination was answered last, or to the first that was answered after an ICE restart.
//!
//! **Invariant:** no datagram that begins with 128 to 191 (RTP, RTCP) leaves through here: two senders under one key
//! would break the cipher.

pub(crate) mod stun;

use std::{
    collections::VecDeque,
    fmt,
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll, Waker},
};

use parking_lot::Mutex;
use rookery_schemas::signal::SrtpProfile;
use zeroize::Zeroizing;

use crate::stats::LinkCounters;
use stun::{Kind, Message, Transaction};

/// Datagrams that wait for the control plane on one local address; further ones are dropped, as on a wire.
pub const INBOUND_MAX: usize = 256;
/// Remote addresses of one connection; the oldest gives way. A client tries a handful of candidate pairs.
pub const ROUTES_MAX: usize = 16;
/// Binding requests remembered until they are answered; the oldest gives way.
const ASKED_MAX: usize = 16;
/// Proofs of a known path after which the worker is told again: half a minute of consent checks.
const PROOFS_UNTOLD: u8 = 16;

/// One of a worker's sockets: an index into [`Wire::local_addrs`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Local(pub u8);

/// Both ends of where datagrams go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Path {
    /// Our socket.
    pub local: Local,
    /// Their address.
    pub remote: SocketAddr,
}

/// A worker's sockets, as seen from other threads.
pub trait Wire: Send + Sync {
    /// Bound addresses, by [`Local`]. Never empty.
    fn local_addrs(&self) -> &[SocketAddr];
    /// Sends a datagram; false if it was dropped.
    fn send(&self, local: Local, datagram: &[u8], to: SocketAddr) -> bool;
    /// A link has something new for the worker: wakes it.
    fn notify(&self);
    /// Whether [`Wire::notify`] was called since this was last asked.
    fn take_notified(&self) -> bool;
}

/// What the worker takes from a link.
#[derive(Debug, Default)]
pub(crate) struct Learned {
    /// Addresses that belong to this connection, newest last.
    pub(crate) routes: Vec<Path>,
    /// Where media goes.
    pub(crate) nominated: Option<Path>,
    /// Exported keying material, once.
    pub(crate) keys: Option<KeyMaterial>,
}

/// The DTLS exporter's output and the profile that it is for.
pub(crate) struct KeyMaterial {
    pub(crate) bytes: Zeroizing<Vec<u8>>,
    pub(crate) profile: SrtpProfile,
}

impl fmt::Debug for KeyMaterial {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeyMaterial").field("profile", &self.profile).finish_non_exhaustive()
    }
}

/// One connection's tie between the control plane and its worker. See the module's description.
pub struct ControlLink {
    wire: Arc<dyn Wire>,
    counters: Arc<LinkCounters>,
    changed: AtomicBool,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    inbound: Vec<Inbound>,
    asked: VecDeque<Asked>,
    learned: Learned,
    nominated: Option<Path>,
    /// Our ufrag of the ICE session that nominated, and that of the one before.
    session: Box<[u8]>,
    before: Box<[u8]>,
    /// Where the library believes that the other side is.
    believed: Option<SocketAddr>,
    keyed: bool,
    /// Routes that the worker has been told, and how often each was proven since.
    told: Vec<(Path, u8)>,
}

#[derive(Default)]
struct Inbound {
    queue: VecDeque<(SocketAddr, Vec<u8>)>,
    waker: Option<Waker>,
}

struct Asked {
    transaction: Transaction,
    path: Path,
    nominates: bool,
    ufrag: Box<[u8]>,
}

impl State {
    /// A path was proven. True if the worker must be told: it is new, or has not been told for a while (another
    /// connection may have held that address meanwhile). Consent checks, which never end, are mostly neither.
    fn prove(&mut self, path: Path) -> bool {
        if let Some((_, proofs)) = self.told.iter_mut().find(|(told, _)| *told == path) {
            *proofs = (*proofs + 1) % PROOFS_UNTOLD;
            if *proofs != 0 {
                return false;
            }
        } else {
            if self.told.len() >= ROUTES_MAX {
                self.told.remove(0);
            }
            self.told.push((path, 0));
        }
        self.learned.routes.retain(|route| *route != path);
        if self.learned.routes.len() >= ROUTES_MAX {
            self.learned.routes.remove(0);
        }
        self.learned.routes.push(path);
        true
    }

    /// Whether a check is the first to be answered after an ICE restart. Its path is taken for media before it is nominated:
    /// Chromium says that up to 0.9 s after it has gone over, and a restart mostly means that the old path is dead.
    fn restarts(&self, ufrag: &[u8]) -> bool {
        self.nominated.is_some() && *self.session != *ufrag && *self.before != *ufrag
    }

    /// A nomination was answered. After an ICE restart the library has a new pair, so what it believed is over.
    fn nominate(&mut self, path: Path, ufrag: Box<[u8]>) -> bool {
        if self.session != ufrag {
            self.believed = None;
            self.before = std::mem::replace(&mut self.session, ufrag);
        }
        let new = self.nominated != Some(path);
        if new {
            self.nominated = Some(path);
            self.learned.nominated = Some(path);
        }
        new
    }
}

impl ControlLink {
    /// A link over a worker's sockets.
    #[must_use]
    pub fn new(wire: Arc<dyn Wire>) -> Arc<Self> {
        Self::counted(wire, Arc::default())
    }

    pub(crate) fn counted(wire: Arc<dyn Wire>, counters: Arc<LinkCounters>) -> Arc<Self> {
        let inbound = wire.local_addrs().iter().map(|_| Inbound::default()).collect();
        let state = Mutex::new(State { inbound, ..State::default() });
        Arc::new(Self { wire, counters, changed: AtomicBool::new(false), state })
    }

    /// The worker's first bound address.
    #[must_use]
    pub fn local_addr(&self) -> Option<SocketAddr> {
        self.local_addrs().first().copied()
    }

    /// All of the worker's bound addresses, in the order of its configuration.
    #[must_use]
    pub fn local_addrs(&self) -> &[SocketAddr] {
        self.wire.local_addrs()
    }

    /// Takes the next datagram that came on any local address, cut to `buffer`. One task at a time may wait.
    pub fn poll_recv(&self, context: &mut Context<'_>, buffer: &mut [u8]) -> Poll<(usize, SocketAddr)> {
        let mut state = self.state.lock();
        for inbound in &mut state.inbound {
            if let Poll::Ready(taken) = inbound.take(context, buffer) {
                return Poll::Ready(taken);
            }
        }
        Poll::Pending
    }

    /// Takes the next datagram that came on one local address, for a library with a socket for each. One task at a
    /// time may wait on it. On an address that does not exist nothing ever comes.
    pub fn poll_recv_on(
        &self,
        local: Local,
        context: &mut Context<'_>,
        buffer: &mut [u8],
    ) -> Poll<(usize, SocketAddr)> {
        match self.state.lock().inbound.get_mut(usize::from(local.0)) {
            Some(inbound) => inbound.take(context, buffer),
            None => Poll::Pending,
        }
    }

    /// Sends a control datagram from any thread; false if it was dropped: refused as media, or a full buffer.
    ///
    /// STUN goes where it is addressed; anything else to where ICE nominated last, since the library never moves its
    /// own pair without an ICE restart.
    pub fn send(&self, datagram: &[u8], to: SocketAddr) -> bool {
        let Some(first) = datagram.first() else { return false };
        if (128..=191).contains(first) {
            self.counters.media_refused.fetch_add(1, Ordering::Relaxed);
            return false;
        }
        let path = match Message::parse(datagram).filter(|_| *first < 4) {
            Some(message) => self.stun_sent(&message, to),
            None => {
                let mut state = self.state.lock();
                state.believed = Some(to);
                state.nominated.unwrap_or_else(|| Path { local: self.local_for(to), remote: to })
            }
        };
        let sent = self.wire.send(path.local, datagram, path.remote);
        let counter = if sent { &self.counters.out } else { &self.counters.send_errors };
        counter.fetch_add(1, Ordering::Relaxed);
        sent
    }

    /// Hands over the DTLS exporter's output (client key, server key, client salt, server salt; more bytes than the
    /// profile needs are ignored). Only the first call of a link counts: an association has one set of keys.
    pub fn set_keys(&self, material: &[u8], profile: SrtpProfile) {
        let mut state = self.state.lock();
        if !std::mem::replace(&mut state.keyed, true) {
            state.learned.keys = Some(KeyMaterial { bytes: Zeroizing::new(material.to_vec()), profile });
            drop(state);
            self.notify();
        }
    }

    /// Where media goes, once ICE has nominated an address.
    #[must_use]
    pub fn nominated(&self) -> Option<SocketAddr> {
        self.state.lock().nominated.map(|path| path.remote)
    }

    /// Learns from STUN that the library sends, before it leaves: its answer must find the route.
    fn stun_sent(&self, message: &Message<'_>, to: SocketAddr) -> Path {
        let mut state = self.state.lock();
        let asked = state.asked.iter().position(|a| a.transaction == message.transaction && a.path.remote == to);
        let local = match asked.and_then(|at| state.asked.get(at)) {
            Some(asked) => asked.path.local,
            None => {
                let known = state.asked.iter().rev().find(|asked| asked.path.remote == to);
                known.map_or_else(|| self.local_for(to), |asked| asked.path.local)
            }
        };
        let path = Path { local, remote: to };
        if message.kind == Kind::Other {
            return path;
        }
        let mut news = state.prove(path);
        if message.kind == Kind::BindingSuccess
            && let Some(asked) = asked.and_then(|at| state.asked.remove(at))
            && (asked.nominates || state.restarts(&asked.ufrag))
        {
            news |= state.nominate(path, asked.ufrag);
        }
        drop(state);
        if news {
            self.notify();
        }
        path
    }

    /// The worker hands over a datagram that is not media.
    pub(crate) fn deliver(&self, path: Path, datagram: &[u8]) {
        let mut state = self.state.lock();
        let mut source = path.remote;
        match Message::parse(datagram).filter(|_| datagram.first().is_some_and(|first| *first < 4)) {
            Some(message) if message.kind == Kind::BindingRequest => {
                if state.asked.len() >= ASKED_MAX {
                    state.asked.pop_front();
                }
                let nominates = message.nominates();
                let ufrag = message.ufrag().unwrap_or_default().into();
                state.asked.push_back(Asked { transaction: message.transaction, path, nominates, ufrag });
            }
            Some(_) => {}
            None => {
                if let Some(believed) = state.believed
                    && state.nominated.is_some_and(|nominated| nominated.remote == source)
                {
                    source = believed;
                }
            }
        }
        let Some(inbound) = state.inbound.get_mut(usize::from(path.local.0)) else { return };
        if inbound.queue.len() >= INBOUND_MAX {
            self.counters.full.fetch_add(1, Ordering::Relaxed);
            return;
        }
        inbound.queue.push_back((source, datagram.to_vec()));
        let waker = inbound.waker.take();
        drop(state);
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    /// What is new since this was last asked. A lock is taken only if something is.
    pub(crate) fn take_learned(&self) -> Option<Learned> {
        if !self.changed.swap(false, Ordering::Acquire) {
            return None;
        }
        Some(std::mem::take(&mut self.state.lock().learned))
    }

    fn notify(&self) {
        self.changed.store(true, Ordering::Release);
        self.wire.notify();
    }

    /// The local address for one from which nothing has come yet.
    fn local_for(&self, to: SocketAddr) -> Local {
        let addrs = self.wire.local_addrs();
        let family = |a: &SocketAddr| a.is_ipv4() == to.is_ipv4();
        let near = |a: &SocketAddr| family(a) && a.ip().is_loopback() == to.ip().is_loopback();
        let at = addrs.iter().position(near).or_else(|| addrs.iter().position(family)).unwrap_or(0);
        Local(u8::try_from(at).unwrap_or(0))
    }
}

impl Inbound {
    fn take(&mut self, context: &mut Context<'_>, buffer: &mut [u8]) -> Poll<(usize, SocketAddr)> {
        let Some((source, datagram)) = self.queue.pop_front() else {
            if !self.waker.as_ref().is_some_and(|waker| waker.will_wake(context.waker())) {
                self.waker = Some(context.waker().clone());
            }
            return Poll::Pending;
        };
        let length = datagram.len().min(buffer.len());
        if let (Some(to), Some(from)) = (buffer.get_mut(..length), datagram.get(..length)) {
            to.copy_from_slice(from);
        }
        Poll::Ready((length, source))
    }
}

impl fmt::Debug for ControlLink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ControlLink").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
