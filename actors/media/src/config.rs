//! What a media plane is started with, and why starting or commanding it can fail.
//!
//! **Invariant:** every error has a stable code.

use std::{io, net::IpAddr, time::Duration};

use crate::command::WorkerIndex;

/// What a [`Plane`](crate::Plane) is started with.
#[derive(Clone, Debug)]
pub struct PlaneConfig {
    /// Threads, 1 to [`WORKERS_MAX`]; each has a port of its own.
    pub workers: u16,
    /// Addresses to bind, at most [`ADDRESSES_MAX`]; each worker binds one port on every one.
    pub bind: Vec<IpAddr>,
    /// First port: worker i uses `port + i`. 0 lets the system choose, the same on all addresses where possible.
    pub port: u16,
    /// Whether worker i stays on core i.
    pub pin_cores: bool,
    /// Bytes of each socket's send and receive buffer; a burst of key frames of ten publishers is 2 MB.
    pub socket_buffer_bytes: usize,
    /// How long to wait after a wake-up while video flows, so that a frame's packets leave as one send.
    pub coalesce: Duration,
}

/// Threads at the most: ports are consecutive, and 64 cores of media fill any network card.
pub const WORKERS_MAX: u16 = 64;
/// Addresses at the most: a host's own and its public ones, IPv4 and IPv6.
pub const ADDRESSES_MAX: usize = 16;
/// Commands that wait for one worker. They are applied within microseconds; more means that the worker is stuck.
pub const COMMANDS_MAX: usize = 4_096;

impl Default for PlaneConfig {
    fn default() -> Self {
        Self {
            workers: 1,
            bind: vec![IpAddr::from([127, 0, 0, 1])],
            port: 0,
            pin_cores: false,
            socket_buffer_bytes: 4 << 20,
            coalesce: Duration::from_micros(500),
        }
    }
}

/// Why the media plane could not be started or commanded.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The configuration names no address, or too many.
    #[error("the media plane binds 1 to {ADDRESSES_MAX} addresses, not {0}")]
    Addresses(usize),
    /// The configuration asks for no worker, or too many.
    #[error("the media plane has 1 to {WORKERS_MAX} workers, not {0}")]
    Workers(u16),
    /// A port cannot be bound.
    #[error("cannot bind {ip} port {port} for media")]
    Bind {
        /// The address.
        ip: IpAddr,
        /// The port, 0 for any.
        port: u16,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// A thread or its wake-up cannot be made.
    #[error("cannot start media worker {}", .worker.0)]
    Start {
        /// Which.
        worker: WorkerIndex,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// There is no such worker.
    #[error("there is no media worker {}", .0.0)]
    NoSuchWorker(WorkerIndex),
    /// The worker has [`COMMANDS_MAX`] commands waiting; this one was not taken.
    #[error("media worker {} has {COMMANDS_MAX} commands waiting", .0.0)]
    Overloaded(WorkerIndex),
    /// The plane was stopped.
    #[error("the media plane has stopped")]
    Stopped,
}

impl Error {
    /// The stable code, e.g. for logs and alerts.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Addresses(_) => "media_addresses",
            Self::Workers(_) => "media_workers",
            Self::Bind { .. } => "media_bind",
            Self::Start { .. } => "media_start",
            Self::NoSuchWorker(_) => "media_no_such_worker",
            Self::Overloaded(_) => "media_overloaded",
            Self::Stopped => "media_stopped",
        }
    }
}
