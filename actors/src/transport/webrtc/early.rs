//! Datagrams that come before the library can take them: it drops checks before it has the client's description, and DTLS
//! before ICE has selected a pair. A nomination it neither takes nor answers before its own check of that pair has succeeded. A
//! client need not wait for any of these, and repeats what was dropped only after 250 ms (ICE) or 1 s (DTLS), which would be
//! most of the time that a join takes.
//!
//! **Invariant:** what is kept is handed over in the order of its coming, and before anything that came later.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::ops::Range;
use std::task::{Context, Poll, Waker};

use parking_lot::Mutex;

/// Datagrams kept for each of the library's sockets; further ones are dropped, as the library would. A ClientHello with
/// post-quantum keys takes two, a check one.
const KEPT_MAX: usize = 8;

/// RFC 8489 section 5: message types, and where the transaction id stands.
const BINDING_REQUEST: [u8; 2] = [0x00, 0x01];
const BINDING_SUCCESS: [u8; 2] = [0x01, 0x01];
const TRANSACTION: Range<usize> = 8..20;
const HEADER: usize = 20;
/// RFC 8445 section 16.1.
const USE_CANDIDATE: [u8; 2] = [0x00, 0x25];

/// What the library can take, in the order of a connection's life.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Ready {
    /// Nothing: the client's description is not known.
    #[default]
    Nothing,
    /// Connectivity checks.
    Checks,
    /// Everything: ICE has a pair.
    Everything,
}

/// What one connection's sockets keep.
#[derive(Debug, Default)]
pub(super) struct Early {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    ready: Ready,
    sockets: Vec<Kept>,
}

#[derive(Debug, Default)]
struct Kept {
    datagrams: VecDeque<(SocketAddr, Vec<u8>)>,
    waker: Option<Waker>,
    /// The last nomination, while the library has not answered it.
    nomination: Option<(SocketAddr, Vec<u8>)>,
    /// The library's check has succeeded since: it is to be told of the nomination again.
    again: bool,
}

impl Kept {
    /// A datagram goes to the library.
    fn passes(&mut self, from: SocketAddr, datagram: &[u8]) {
        match datagram.first_chunk() {
            Some(&BINDING_REQUEST) if nominates(datagram) => {
                (self.nomination, self.again) = (Some((from, datagram.to_vec())), false);
            }
            Some(&BINDING_SUCCESS) => self.again = self.nomination.as_ref().is_some_and(|(by, _)| *by == from),
            _ => {}
        }
    }

    fn take(&mut self, ready: Ready) -> Option<(SocketAddr, Vec<u8>)> {
        if std::mem::take(&mut self.again) && self.nomination.is_some() {
            return self.nomination.clone();
        }
        let at = self.datagrams.iter().position(|(_, datagram)| needs(datagram) <= ready)?;
        let (from, datagram) = self.datagrams.remove(at)?;
        self.passes(from, &datagram);
        Some((from, datagram))
    }
}

/// One of the library's sockets.
#[derive(Clone, Copy, Debug)]
pub(super) struct Socket(usize);

impl Early {
    /// A further socket.
    pub(super) fn socket(&self) -> Socket {
        let mut state = self.state.lock();
        state.sockets.push(Kept::default());
        Socket(state.sockets.len() - 1)
    }

    /// The library can take this now, and what it could take before.
    pub(super) fn reached(&self, ready: Ready) {
        let mut state = self.state.lock();
        if state.ready < ready {
            state.ready = ready;
            let wakers: Vec<Waker> = state.sockets.iter_mut().filter_map(|kept| kept.waker.take()).collect();
            drop(state);
            wakers.into_iter().for_each(Waker::wake);
        }
    }

    /// Takes the next kept datagram that the library can take, cut to `buffer`. If all that is kept must wait, the task is woken
    /// when it need not.
    pub(super) fn poll(
        &self,
        socket: Socket,
        context: &mut Context<'_>,
        buffer: &mut [u8],
    ) -> Poll<(usize, SocketAddr)> {
        let mut state = self.state.lock();
        let ready = state.ready;
        let Some(kept) = state.sockets.get_mut(socket.0) else { return Poll::Pending };
        let Some((from, datagram)) = kept.take(ready) else {
            kept.waker = (!kept.datagrams.is_empty()).then(|| context.waker().clone());
            return Poll::Pending;
        };
        let length = datagram.len().min(buffer.len());
        buffer.iter_mut().zip(&datagram).for_each(|(into, byte)| *into = *byte);
        Poll::Ready((length, from))
    }

    /// Keeps a datagram if the library cannot take it yet; false if it can.
    pub(super) fn keep(&self, socket: Socket, from: SocketAddr, datagram: &[u8]) -> bool {
        let mut state = self.state.lock();
        let can = needs(datagram) <= state.ready;
        let Some(kept) = state.sockets.get_mut(socket.0) else { return !can };
        if can {
            kept.passes(from, datagram);
        } else if kept.datagrams.len() < KEPT_MAX {
            kept.datagrams.push_back((from, datagram.to_vec()));
        }
        !can
    }

    /// The library sends a check or the answer to one.
    pub(super) fn sent(&self, socket: Socket, datagram: &[u8]) {
        let mut state = self.state.lock();
        let Some(kept) = state.sockets.get_mut(socket.0) else { return };
        let answered = datagram.starts_with(&BINDING_SUCCESS)
            && kept.nomination.as_ref().is_some_and(|(_, asked)| asked.get(TRANSACTION) == datagram.get(TRANSACTION));
        if answered {
            kept.nomination = None;
        }
    }
}

/// RFC 7983: 0 to 3 is STUN.
fn needs(datagram: &[u8]) -> Ready {
    if datagram.first().is_some_and(|first| *first < 4) { Ready::Checks } else { Ready::Everything }
}

/// Whether a Binding request has USE-CANDIDATE.
fn nominates(request: &[u8]) -> bool {
    let mut rest = request.get(HEADER..).unwrap_or_default();
    while let [a, b, high, low, after @ ..] = rest {
        if [*a, *b] == USE_CANDIDATE {
            return true;
        }
        // padded to four bytes
        let length = usize::from(u16::from_be_bytes([*high, *low])).next_multiple_of(4);
        rest = after.get(length..).unwrap_or_default();
    }
    false
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::task::Wake;

    use super::*;

    #[derive(Default)]
    struct Woken(AtomicUsize);

    impl Wake for Woken {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    struct World {
        early: Early,
        socket: Socket,
        woken: Arc<Woken>,
    }

    impl World {
        fn new() -> Self {
            let early = Early::default();
            early.socket();
            let socket = early.socket();
            Self { early, socket, woken: Arc::default() }
        }

        fn came(&self, first: u8, n: u8) -> bool {
            self.early.keep(self.socket, SocketAddr::from(([127, 0, 0, 1], 9)), &[first, n])
        }

        fn taken(&self) -> Option<(u8, u8)> {
            let waker = Waker::from(self.woken.clone());
            let mut buffer = [0; 2];
            match self.early.poll(self.socket, &mut Context::from_waker(&waker), &mut buffer) {
                Poll::Pending => None,
                Poll::Ready((length, _)) => {
                    assert_eq!(length, 2);
                    Some((buffer[0], buffer[1]))
                }
            }
        }
    }

    const STUN: u8 = 0;
    const DTLS: u8 = 22;

    #[test]
    fn what_came_early_is_handed_over_when_it_can_be_taken() {
        let world = World::new();
        for (first, n) in [(STUN, 1), (DTLS, 2), (STUN, 3), (DTLS, 4)] {
            assert!(world.came(first, n));
        }
        assert_eq!(world.taken(), None);
        world.early.reached(Ready::Checks);
        assert_eq!(world.woken.0.load(Ordering::Relaxed), 1);
        assert!(!world.came(STUN, 5), "checks are for the library itself now");
        assert_eq!([world.taken(), world.taken(), world.taken()], [Some((STUN, 1)), Some((STUN, 3)), None]);
        world.early.reached(Ready::Everything);
        assert_eq!(world.woken.0.load(Ordering::Relaxed), 2);
        assert_eq!([world.taken(), world.taken(), world.taken()], [Some((DTLS, 2)), Some((DTLS, 4)), None]);
        world.early.reached(Ready::Checks);
        assert!(!world.came(DTLS, 6), "what was reached is not lost");
    }

    #[test]
    fn a_nomination_is_told_again_once_the_check_has_succeeded() {
        let world = World::new();
        world.early.reached(Ready::Checks);
        let stun = |kind: [u8; 2], transaction: u8, attributes: &[u8]| {
            let header = [&kind[..], &[0, 0, 0x21, 0x12, 0xa4, 0x42], &[transaction; 12]].concat();
            [header.as_slice(), attributes].concat()
        };
        let nomination = stun(BINDING_REQUEST, 1, &[0, 6, 0, 3, b'a', b':', b'b', 0, 0, 0x25, 0, 0]);
        let (here, there) = (SocketAddr::from(([127, 0, 0, 1], 9)), SocketAddr::from(([127, 0, 0, 1], 10)));
        let pass = |from, datagram: &[u8]| assert!(!world.early.keep(world.socket, from, datagram));
        let taken = || {
            let mut buffer = [0; 64];
            match world.early.poll(world.socket, &mut Context::from_waker(Waker::noop()), &mut buffer) {
                Poll::Ready((length, from)) => Some((from, buffer[..length].to_vec())),
                Poll::Pending => None,
            }
        };
        pass(here, &stun(BINDING_REQUEST, 9, &[0, 6, 0, 0x25, 0, 0x25, 0, 0]));
        pass(here, &stun(BINDING_SUCCESS, 8, &[]));
        assert_eq!(taken(), None, "that was no nomination");
        pass(here, &nomination);
        pass(there, &stun(BINDING_SUCCESS, 2, &[]));
        assert_eq!(taken(), None, "another path's check says nothing of this one");
        pass(here, &stun(BINDING_SUCCESS, 3, &[]));
        assert_eq!(taken(), Some((here, nomination.clone())));
        assert_eq!(taken(), None);
        pass(here, &stun(BINDING_SUCCESS, 4, &[]));
        world.early.sent(world.socket, &stun(BINDING_SUCCESS, 1, &[]));
        assert_eq!(taken(), None, "it was answered");
    }

    #[test]
    fn what_is_kept_is_bounded() {
        let world = World::new();
        assert_eq!((0..100).filter(|n| world.came(DTLS, *n)).count(), 100);
        world.early.reached(Ready::Everything);
        let taken: Vec<_> = std::iter::from_fn(|| world.taken()).map(|(_, n)| n).collect();
        assert_eq!(taken, (0..8).collect::<Vec<u8>>(), "the first ones: repetitions follow");
    }
}
