//! The handle through which the control plane owns the workers.
//!
//! **Invariant:** dropping the last handle stops and joins all threads.

use std::{
    net::{IpAddr, SocketAddr, UdpSocket},
    sync::Arc,
    thread::JoinHandle,
};

use parking_lot::Mutex;

use crate::{
    command::{Command, WorkerIndex},
    config::{ADDRESSES_MAX, Error, PlaneConfig, WORKERS_MAX},
    link::ControlLink,
    stats::PlaneStats,
    sys::{self, Wake},
    worker::{Port, Worker},
};

/// How often another port is tried when one that the system chose is taken on a further address.
const PORT_TRIES: usize = 16;

/// All workers of this process. Cheap to clone.
#[derive(Clone)]
pub struct Plane {
    inner: Arc<Inner>,
}

struct Inner {
    first: Arc<Port>,
    ports: Vec<Arc<Port>>,
    threads: Mutex<Vec<JoinHandle<()>>>,
}

impl Plane {
    /// Binds the ports and starts the threads.
    ///
    /// # Errors
    /// A bad number of workers or addresses, a port that cannot be bound, a thread that cannot be started; nothing is
    /// left running then.
    pub fn start(config: PlaneConfig) -> Result<Self, Error> {
        if !(1..=WORKERS_MAX).contains(&config.workers) {
            return Err(Error::Workers(config.workers));
        }
        if !(1..=ADDRESSES_MAX).contains(&config.bind.len()) {
            return Err(Error::Addresses(config.bind.len()));
        }
        let mut ports = Vec::new();
        for index in 0..config.workers {
            let wake = Wake::new().map_err(|source| Error::Start { worker: WorkerIndex(index), source })?;
            let (sockets, addrs) = bind_all(&config, index)?;
            ports.push(Arc::new(Port::new(sockets, addrs, wake)));
        }
        let first = ports.first().cloned().ok_or(Error::Workers(0))?;
        let plane = Self { inner: Arc::new(Inner { first, ports, threads: Mutex::default() }) };
        for (index, port) in (0..).zip(&plane.inner.ports) {
            let worker = Worker::new(port.clone(), config.coalesce);
            let pinned = config.pin_cores.then_some(usize::from(index));
            let thread = std::thread::Builder::new()
                .name(format!("media-{index}"))
                .spawn(move || worker.run(pinned))
                .map_err(|source| Error::Start { worker: WorkerIndex(index), source })?;
            plane.inner.threads.lock().push(thread);
            tracing::info!(worker = index, addresses = ?port_addrs(port), "media worker started");
        }
        Ok(plane)
    }

    /// How many workers there are.
    #[must_use]
    pub fn workers(&self) -> u16 {
        u16::try_from(self.inner.ports.len()).unwrap_or(u16::MAX)
    }

    /// What a worker is bound to, in the order of the configuration; empty for an unknown one.
    #[must_use]
    pub fn local_addrs(&self, worker: WorkerIndex) -> &[SocketAddr] {
        self.inner.ports.get(usize::from(worker.0)).map_or(&[], |port| port_addrs(port))
    }

    /// Queues a command for a worker. Commands of one thread are applied in order.
    ///
    /// # Errors
    /// [`Error::Overloaded`] when too many wait, [`Error::Stopped`] when the worker has ended; the command was then not
    /// taken.
    pub fn send(&self, worker: WorkerIndex, command: Command) -> Result<(), Error> {
        let port = self.port(worker)?;
        match self.inner.threads.lock().get(usize::from(worker.0)) {
            Some(thread) if !thread.is_finished() => {}
            _ => return Err(Error::Stopped),
        }
        port.push(command).map_err(|_| Error::Overloaded(worker))
    }

    /// Makes the tie between a connection's ICE and DTLS and a worker's port.
    /// An unknown worker is taken for the first.
    #[must_use]
    pub fn link(&self, worker: WorkerIndex) -> Arc<ControlLink> {
        let port = self.inner.ports.get(usize::from(worker.0)).unwrap_or(&self.inner.first);
        ControlLink::counted(port.clone(), port.links.clone())
    }

    /// Figures of all workers together.
    #[must_use]
    pub fn stats(&self) -> PlaneStats {
        let mut sum = PlaneStats::default();
        for port in &self.inner.ports {
            port.published.add_to(&mut sum);
            port.links.add_to(&mut sum);
        }
        sum
    }

    /// Whether every worker's thread still runs.
    #[must_use]
    pub fn is_alive(&self) -> bool {
        let threads = self.inner.threads.lock();
        !threads.is_empty() && !threads.iter().any(JoinHandle::is_finished)
    }

    /// Stops all workers and waits for their threads. Again: nothing.
    pub fn stop(&self) {
        self.inner.stop();
    }

    fn port(&self, worker: WorkerIndex) -> Result<&Arc<Port>, Error> {
        self.inner.ports.get(usize::from(worker.0)).ok_or(Error::NoSuchWorker(worker))
    }
}

impl Inner {
    fn stop(&self) {
        for port in &self.ports {
            port.stop();
        }
        for thread in std::mem::take(&mut *self.threads.lock()) {
            if thread.thread().id() != std::thread::current().id() && thread.join().is_err() {
                tracing::error!("media worker panicked");
            }
        }
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.stop();
    }
}

fn port_addrs(port: &Port) -> &[SocketAddr] {
    crate::link::Wire::local_addrs(port)
}

/// Binds worker `index` on all addresses, on one port number where the system is free to choose it.
fn bind_all(config: &PlaneConfig, index: u16) -> Result<(Vec<UdpSocket>, Vec<SocketAddr>), Error> {
    let fixed = if config.port == 0 { 0 } else { config.port.saturating_add(index) };
    let mut last = None;
    for _ in 0..PORT_TRIES {
        match bind_once(config, fixed) {
            Ok(bound) => return Ok(bound),
            Err(error) if fixed != 0 => return Err(error),
            Err(error) => last = Some(error),
        }
    }
    Err(last.unwrap_or(Error::Addresses(0)))
}

fn bind_once(config: &PlaneConfig, fixed: u16) -> Result<(Vec<UdpSocket>, Vec<SocketAddr>), Error> {
    let (mut sockets, mut addrs, mut port) = (Vec::new(), Vec::<SocketAddr>::new(), fixed);
    for ip in &config.bind {
        let (socket, addr) = bind_one(*ip, port, config.socket_buffer_bytes)?;
        port = addr.port();
        sockets.push(socket);
        addrs.push(addr);
    }
    Ok((sockets, addrs))
}

fn bind_one(ip: IpAddr, port: u16, buffer_bytes: usize) -> Result<(UdpSocket, SocketAddr), Error> {
    let failed = |source| Error::Bind { ip, port, source };
    let socket = sys::bind(SocketAddr::new(ip, port), buffer_bytes).map_err(failed)?;
    let addr = socket.local_addr().map_err(failed)?;
    Ok((socket, addr))
}

#[cfg(test)]
mod tests;
