//! What every handler can reach.
//!
//! **Invariant:** nothing here holds a connection or a request; everything is shared by all of them and bounded by itself.

use std::sync::Arc;

use prometheus::Registry;
use rookery_actors::seams::{Bus, Store};
use rookery_schemas::bus::SignOut;
use rookery_schemas::ids::UnixMillis;
use rookery_schemas::signal::IceServer;
use tokio_util::sync::CancellationToken;

use crate::auth::freshness::Freshness;
use crate::auth::hashing::{HashError, Hasher};
use crate::auth::lockout::Lockout;
use crate::clock::Clock;
use crate::config::GatewayConfig;
use crate::health::{Health, Probe};
use crate::limits::Limits;
use crate::metrics::Metrics;
use crate::owner::{Placement, Presence};
use crate::tokens::Tokens;
use crate::ws::{Owners, Sockets, WsConfig, WsDeps, WsMetrics, announce_sign_out};

/// What a gateway is made of.
pub struct Parts {
    /// What it is told.
    pub config: GatewayConfig,
    /// The bounds of sockets.
    pub ws: WsConfig,
    /// What lasts.
    pub store: Arc<dyn Store>,
    /// The way to room owners.
    pub bus: Arc<dyn Bus>,
    /// Signed tokens.
    pub tokens: Arc<Tokens>,
    /// Which node to ask about a room.
    pub placement: Arc<dyn Placement>,
    /// Where metrics are registered.
    pub registry: Registry,
    /// The parts whose state `/readyz` tells.
    pub probes: Vec<Probe>,
    /// The time.
    pub clock: Clock,
    /// Cancelled when the node begins to stop.
    pub stopping: CancellationToken,
}

/// Why a gateway cannot be put together.
#[derive(Debug, thiserror::Error)]
pub enum StateError {
    /// A metric's name is taken.
    #[error("the gateway's metrics cannot be registered")]
    Metrics(#[from] prometheus::Error),
    /// The parameters of the password hash are not possible.
    #[error("the password hash cannot be set up")]
    Hash(#[from] HashError),
}

/// Shared by all handlers; cheap to clone.
#[derive(Clone)]
pub struct AppState(Arc<Shared>);

/// See [`AppState`].
pub struct Shared {
    /// What the gateway is told.
    pub config: GatewayConfig,
    /// What lasts.
    pub store: Arc<dyn Store>,
    /// The way to room owners and peers' nodes.
    pub bus: Arc<dyn Bus>,
    /// Signed tokens.
    pub tokens: Arc<Tokens>,
    /// Room owners.
    pub owners: Owners,
    /// The open sockets.
    pub sockets: Sockets,
    /// What sockets count.
    pub ws_metrics: WsMetrics,
    /// The bounds of sockets.
    pub ws: WsConfig,
    /// How much one caller may ask for.
    pub limits: Limits,
    /// What is counted.
    pub metrics: Metrics,
    /// The state of each part.
    pub health: Health,
    /// The time.
    pub clock: Clock,
    /// Cancelled when the node begins to stop: sockets say so and close.
    pub stopping: CancellationToken,
    /// Who is inside rooms.
    pub(crate) presence: Presence,
    /// Password hashes.
    pub(crate) hasher: Hasher,
    /// Failed sign-ins.
    pub(crate) lockout: Lockout,
    /// Which accounts and devices access tokens still stand for.
    pub(crate) freshness: Freshness,
}

impl std::ops::Deref for AppState {
    type Target = Shared;

    fn deref(&self) -> &Shared {
        &self.0
    }
}

impl AppState {
    /// Puts a gateway together.
    ///
    /// # Errors
    /// [`StateError`] where metrics are registered twice or the password hash's parameters are not possible.
    pub fn new(parts: Parts) -> Result<Self, StateError> {
        let Parts { config, ws, store, bus, tokens, placement, registry, probes, clock, stopping } = parts;
        let metrics = Metrics::new(&registry)?;
        Ok(Self(Arc::new(Shared {
            owners: Owners::new(bus.clone(), placement.clone()),
            presence: Presence::new(bus.clone(), placement),
            sockets: Sockets::default(),
            ws_metrics: WsMetrics::new(&metrics)?,
            ws,
            limits: Limits::new(&config.limits, &clock),
            metrics,
            health: Health::new(probes, stopping.clone(), clock.clone()),
            hasher: Hasher::new(&config.auth)?,
            lockout: Lockout::new(&config.auth, config.limits.callers_max, clock.clone()),
            freshness: Freshness::new(clock.clone()),
            config,
            store,
            bus,
            tokens,
            clock,
            stopping,
        })))
    }

    /// STUN and TURN servers for someone's connections; `who` becomes part of the TURN user's name.
    #[must_use]
    pub fn ice_servers(&self, who: &str) -> Vec<IceServer> {
        crate::ice::servers(&self.config.ice, who, self.clock.now())
    }

    /// Ends the sockets of devices that were signed out, here at once and at every other gateway.
    pub(crate) fn sign_out(&self, which: SignOut) {
        self.sockets.sign_out(&which);
        announce_sign_out(self.bus.clone(), which);
    }

    /// What sockets stand on.
    pub(crate) fn ws_deps(&self) -> Arc<WsDeps> {
        let state = self.clone();
        Arc::new(WsDeps {
            gateway: self.config.clone(),
            config: self.ws.clone(),
            clock: self.clock.clone(),
            tokens: self.tokens.clone(),
            bus: self.bus.clone(),
            owners: self.owners.clone(),
            rooms: self.store.clone(),
            chat: self.store.clone(),
            ice_servers: Arc::new(move |who| state.ice_servers(who)),
            metrics: self.ws_metrics.clone(),
            sockets: self.sockets.clone(),
            stop: self.stopping.clone(),
        })
    }

    /// The present time, for what is stored or shown.
    #[must_use]
    pub fn now(&self) -> UnixMillis {
        self.clock.now()
    }
}
