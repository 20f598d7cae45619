//! One worker's thread: commands in, datagrams in, the core, datagrams out, and waiting for more.
//!
//! While video flows a wake-up is followed by a short wait, so that the packets of a frame, which come within half a
//! millisecond, leave as one segmented send. A worker with nothing due sleeps until something comes.
//!
//! **Invariant:** the thread waits only in [`sys::wait`]; every other step is bounded.

use std::{
    collections::VecDeque,
    net::{SocketAddr, UdpSocket},
    os::fd::AsRawFd,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use parking_lot::Mutex;

use crate::{
    batch::{Batch, Transmit},
    clock::Clock,
    command::Command,
    config::COMMANDS_MAX,
    core::Core,
    link::{Local, Path, Wire},
    stats::{LinkCounters, PlaneStats, Published},
    sys::{self, RECEIVE_MAX, Receiver, Sender, Wake},
};

/// Batched receives in a row before commands and timers have their turn.
const ROUNDS_MAX: usize = 8;

/// A worker's sockets, queue and figures, shared with the threads of the control plane.
pub(crate) struct Port {
    sockets: Vec<UdpSocket>,
    addrs: Vec<SocketAddr>,
    wake: Wake,
    links_changed: AtomicBool,
    commands: Mutex<VecDeque<Command>>,
    stop: AtomicBool,
    pub(crate) published: Published,
    pub(crate) links: Arc<LinkCounters>,
}

impl Port {
    pub(crate) fn new(sockets: Vec<UdpSocket>, addrs: Vec<SocketAddr>, wake: Wake) -> Self {
        Self {
            sockets,
            addrs,
            wake,
            links_changed: AtomicBool::new(false),
            commands: Mutex::default(),
            stop: AtomicBool::new(false),
            published: Published::default(),
            links: Arc::default(),
        }
    }

    /// Queues a command; gives it back when the queue is full.
    pub(crate) fn push(&self, command: Command) -> Result<(), Command> {
        let mut commands = self.commands.lock();
        if commands.len() >= COMMANDS_MAX {
            return Err(command);
        }
        commands.push_back(command);
        drop(commands);
        self.wake.signal();
        Ok(())
    }

    /// Tells the worker's thread to end.
    pub(crate) fn stop(&self) {
        self.stop.store(true, Ordering::Release);
        self.wake.signal();
    }
}

impl Wire for Port {
    fn local_addrs(&self) -> &[SocketAddr] {
        &self.addrs
    }

    fn send(&self, local: Local, datagram: &[u8], to: SocketAddr) -> bool {
        // A full send buffer is a lost datagram, as on a wire: DTLS and ICE repeat what matters.
        self.sockets.get(usize::from(local.0)).is_some_and(|socket| socket.send_to(datagram, to).is_ok())
    }

    fn notify(&self) {
        self.links_changed.store(true, Ordering::Release);
        self.wake.signal();
    }

    fn take_notified(&self) -> bool {
        self.links_changed.swap(false, Ordering::AcqRel)
    }
}

/// The thread's own state.
pub(crate) struct Worker {
    port: Arc<Port>,
    core: Core,
    clock: Clock,
    coalesce: Duration,
    receiver: Receiver,
    output: Output,
}

struct Output {
    port: Arc<Port>,
    sender: Sender,
    errors: u64,
}

impl Transmit for Output {
    fn transmit(&mut self, batch: &Batch) {
        self.errors += self.sender.send(&self.port.sockets, batch).errors;
    }
}

impl Worker {
    pub(crate) fn new(port: Arc<Port>, coalesce: Duration) -> Self {
        let core = Core::new(port.clone(), rand::random());
        let output = Output { port: port.clone(), sender: Sender::new(), errors: 0 };
        Self { port, core, clock: Clock::start(), coalesce, receiver: Receiver::new(), output }
    }

    /// Runs until the port is stopped, then closes every room.
    pub(crate) fn run(mut self, pinned: Option<usize>) {
        sys::settle(pinned);
        let on: Vec<_> = std::iter::once(self.port.wake.fd())
            .chain(self.port.sockets.iter().map(AsRawFd::as_raw_fd))
            .map(|fd| (fd, libc::POLLIN))
            .collect();
        while !self.port.stop.load(Ordering::Acquire) {
            self.port.wake.drain();
            self.commands();
            let busy = self.datagrams();
            let now = self.clock.now();
            self.core.tick(now, &mut self.output);
            self.publish();
            if busy {
                continue;
            }
            let due = self.core.due();
            let timeout = (due != crate::Now::NEVER).then(|| due.since(self.clock.now()));
            sys::wait(&on, timeout);
            if self.core.coalesces(self.clock.now()) && !self.coalesce.is_zero() {
                sys::wait(on.get(..1).unwrap_or_default(), Some(self.coalesce));
            }
        }
        self.core.close();
        self.publish();
    }

    fn commands(&mut self) {
        let now = self.clock.now();
        if self.port.take_notified() {
            self.core.links_changed(now);
        }
        // At most what was there at the start: a flood of commands must not keep media waiting.
        let waiting = self.port.commands.lock().len();
        for _ in 0..waiting {
            let Some(command) = self.port.commands.lock().pop_front() else { break };
            self.core.command(now, command);
        }
        if waiting > 0 {
            self.core.flush(&mut self.output);
        }
    }

    /// Takes what has arrived; true if there may be more.
    fn datagrams(&mut self) -> bool {
        for _ in 0..ROUNDS_MAX {
            let mut more = false;
            for (at, socket) in self.port.sockets.iter().enumerate() {
                let taken = self.receiver.receive(socket);
                if taken == 0 {
                    continue;
                }
                more |= taken == RECEIVE_MAX;
                let (now, local) = (self.clock.now(), Local(u8::try_from(at).unwrap_or(0)));
                for index in 0..taken {
                    if let Some((remote, datagram)) = self.receiver.datagram(index) {
                        self.core.receive(now, Path { local, remote }, datagram);
                    }
                }
                self.core.forward(now, &mut self.output);
            }
            if !more {
                return false;
            }
        }
        true
    }

    fn publish(&mut self) {
        let stats = PlaneStats { send_errors: self.output.errors, ..*self.core.stats() };
        self.port.published.publish(&stats);
    }
}
