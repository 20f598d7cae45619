//! Many clients in many rooms for a while, and what they measured.
//!
//! **Invariant:** it ends: every step has a time limit, and the whole runs no longer than its duration and [`GRACE`].

mod figures;
mod peer;

use std::net::IpAddr;
use std::time::Duration;

use rand::Rng;
use rookery_schemas::ids::Slug;
use rookery_schemas::rest::{CreateRoom, Register};
use rookery_schemas::signal::{RoomKind, SrtpProfile};
use tokio::task::JoinSet;

use crate::tls::Trust;
use crate::{Api, AudioSpec, Error, VideoSpec, Weather, clock};

pub use figures::{Figure, Report};

/// Clients of one run at the most: each has two sockets and three tasks.
pub const CLIENTS_MAX: usize = 5_000;
/// Longest run.
pub const DURATION_MAX: Duration = Duration::from_secs(24 * 3600);
/// For ending after the duration: a stuck answer must not hold the figures back.
pub const GRACE: Duration = Duration::from_secs(30);

/// What to drive.
#[derive(Clone, Debug)]
pub struct Load {
    /// Where the server is, e.g. `http://127.0.0.1:8080`.
    pub base: String,
    /// Whom to trust on https.
    pub trust: Trust,
    /// Rooms that exist already; guests enter them. Empty: an account is registered and makes its own.
    pub slugs: Vec<Slug>,
    /// Rooms to make, where none are given.
    pub rooms: usize,
    /// People in each room.
    pub peers: usize,
    /// How many of them publish.
    pub publishers: usize,
    /// What a publisher says.
    pub audio: Option<AudioSpec>,
    /// What a publisher shows.
    pub video: Option<VideoSpec>,
    /// Whether everyone receives everyone.
    pub follows: bool,
    /// From the first join to the end.
    pub duration: Duration,
    /// Joins a second over all rooms.
    pub joins_per_second: u32,
    /// What `join` says and DTLS offers.
    pub srtp: SrtpProfile,
    /// From each client to the server.
    pub up: Weather,
    /// From the server to each client.
    pub down: Weather,
    /// The address that media sockets are bound to.
    pub local: IpAddr,
    /// Allow a server that is not on this machine.
    pub allow_remote: bool,
    /// For everything that is left to chance.
    pub seed: u64,
}

impl Load {
    /// Runs it.
    ///
    /// # Errors
    ///
    /// [`Error::Remote`] if the server is elsewhere and that was not allowed; as the server refuses what comes before the
    /// first join. What a single client meets is counted in the report.
    pub async fn run(&self) -> Result<Report, Error> {
        let api = Api::new(&self.base, self.trust.clone())?;
        if !self.allow_remote {
            refuse_remote(&api).await?;
        }
        let slugs = if self.slugs.is_empty() { self.make_rooms(&api).await? } else { self.slugs.clone() };
        let end = clock::now() + self.duration.min(DURATION_MAX);
        let mut clients = JoinSet::new();
        let mut joins = tokio::time::interval(Duration::from_secs(1) / self.joins_per_second.clamp(1, 10_000));
        let places = (0..self.peers).flat_map(|number| slugs.iter().map(move |slug| (number, slug)));
        for (number, slug) in places.take(CLIENTS_MAX) {
            joins.tick().await;
            if clock::now() >= end {
                break;
            }
            clients.spawn(peer::run(self.clone(), api.fresh()?, slug.clone(), number, end));
        }
        let mut report = Report::default();
        let last = tokio::time::Instant::from_std(end) + GRACE;
        while let Ok(Some(done)) = tokio::time::timeout_at(last, clients.join_next()).await {
            match done {
                Ok(outcome) => report.add(&outcome),
                Err(_) => report.count_error("client_task"),
            }
        }
        for _ in 0..clients.len() {
            report.count_error("client_stuck");
        }
        clients.abort_all();
        Ok(report)
    }

    async fn make_rooms(&self, api: &Api) -> Result<Vec<Slug>, Error> {
        let number: u64 = rand::rng().random();
        let register = Register {
            email: format!("load-{number:016x}@example.org"),
            username: format!("load-{number:016x}"),
            password: format!("load {number:016x} {:016x}", rand::rng().random::<u64>()),
            display_name: None,
        };
        api.register(&register).await?;
        let mut slugs = Vec::with_capacity(self.rooms);
        for number in 0..self.rooms {
            let room = CreateRoom {
                name: format!("Load {number}"),
                description: None,
                kind: RoomKind::Meeting,
                password: None,
                max_peers: Some(u32::try_from(self.peers).unwrap_or(u32::MAX).clamp(2, 1_000)),
                expires_at: None,
                public: false,
                ad_hoc: false,
            };
            slugs.push(api.create_room(&room).await?.slug);
        }
        Ok(slugs)
    }
}

/// Refuses a server whose name leads to any address of another machine.
async fn refuse_remote(api: &Api) -> Result<(), Error> {
    let base = api.base();
    let host = base.host_str().unwrap_or_default().trim_matches(['[', ']']);
    let port = base.port_or_known_default().unwrap_or(80);
    let mut addresses = tokio::net::lookup_host((host, port)).await?;
    if addresses.all(|address| address.ip().is_loopback()) { Ok(()) } else { Err(Error::Remote(host.to_owned())) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn other_machines_are_refused_before_anything_is_sent() {
        for (base, stays) in [
            ("http://127.0.0.1:1", true),
            ("http://[::1]:1", true),
            ("http://192.0.2.1:1", false),
            ("http://[2001:db8::1]:1", false),
            ("https://0.0.0.0:1", false),
        ] {
            let api = Api::new(base, Trust::nothing().unwrap()).unwrap();
            let refused = matches!(refuse_remote(&api).await, Err(Error::Remote(_)));
            assert_eq!(refused, !stays, "{base}");
        }
    }
}
