//! The media plane's workers behind the actors' seam, and the addresses they bind.
//!
//! **Invariant:** a command that the seam reports as taken is taken by the worker, in order.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use rookery_actors::seams::{MediaError, MediaPlane};
use rookery_cluster_config::config::Config;
use rookery_media::{Command, ControlLink, Error, Plane, PlaneConfig, WorkerIndex};

/// The workers of this process.
pub(crate) struct Workers(Plane);

impl Workers {
    /// Starts them.
    ///
    /// # Errors
    /// If a port cannot be bound or a thread not started.
    pub(crate) fn start(config: &Config) -> Result<Self, Error> {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let workers = match config.media.workers {
            0 => u16::try_from(cores.min(WORKERS_BY_DEFAULT_MAX)).unwrap_or(1),
            named => named,
        };
        let bind = if config.media.bind.is_empty() { own_addresses() } else { config.media.bind.clone() };
        let port = config.media_port();
        Plane::start(PlaneConfig { workers, bind, port, pin_cores: config.media.pin_cores, ..PlaneConfig::default() })
            .map(Self)
    }

    /// The plane itself, for its figures and its end.
    #[must_use]
    pub(crate) const fn plane(&self) -> &Plane {
        &self.0
    }
}

impl MediaPlane for Workers {
    fn workers(&self) -> u16 {
        self.0.workers()
    }

    fn addrs(&self, worker: WorkerIndex) -> Vec<SocketAddr> {
        self.0.local_addrs(worker).to_vec()
    }

    fn send(&self, worker: WorkerIndex, command: Command) -> Result<(), MediaError> {
        self.0.send(worker, command).map_err(|error| match error {
            Error::Overloaded(worker) => MediaError::Overloaded(worker),
            _ => MediaError::Stopped,
        })
    }

    fn link(&self, worker: WorkerIndex) -> Arc<ControlLink> {
        self.0.link(worker)
    }
}

/// As many workers as ports are kept apart for one node.
const WORKERS_BY_DEFAULT_MAX: usize = 16;
/// Addresses bound beside loopback where none are named: more are containers' bridges.
const ADDRESSES_BY_DEFAULT_MAX: usize = 8;

/// The addresses of this machine that a browser may reach: those of the network first, then loopback.
///
/// Each is bound by itself, so that an answer leaves from the address that was asked.
fn own_addresses() -> Vec<IpAddr> {
    let mut found: Vec<IpAddr> = match if_addrs::get_if_addrs() {
        Ok(interfaces) => interfaces.into_iter().filter(|i| !i.is_link_local()).map(|i| i.ip()).collect(),
        Err(error) => {
            tracing::warn!(%error, "interfaces cannot be listed: media is bound to loopback only");
            Vec::new()
        }
    };
    found.sort_by_key(|ip| ip.is_ipv6());
    found.dedup();
    let (loopback, mut addresses): (Vec<IpAddr>, Vec<IpAddr>) = found.into_iter().partition(IpAddr::is_loopback);
    addresses.truncate(ADDRESSES_BY_DEFAULT_MAX);
    addresses.extend(loopback);
    if addresses.is_empty() { vec![IpAddr::from([127, 0, 0, 1])] } else { addresses }
}

#[cfg(test)]
mod tests {
    use rookery_actors::conformance::Opened;

    use super::*;

    async fn open(workers: u16) -> Opened<dyn MediaPlane, ()> {
        Ok((Arc::new(Workers(Plane::start(PlaneConfig { workers, ..PlaneConfig::default() })?)), ()))
    }

    mod one_worker {
        rookery_actors::media_conformance!(tokio::test(flavor = "multi_thread"), super::open(1));
    }

    mod three_workers {
        rookery_actors::media_conformance!(tokio::test(flavor = "multi_thread"), super::open(3));
    }
}
