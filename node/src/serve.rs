//! Wires a node together, serves until told to stop, and takes it apart in the opposite order.
//!
//! **Invariant:** nothing is announced before everything it needs is up; on the way down the edge closes first and the store
//! last, so that whatever was acknowledged is on disk.

use std::net::SocketAddr;
use std::sync::Arc;

use anyhow::Context;
use prometheus::Registry;
use prometheus::process_collector::ProcessCollector;
use rookery_actors::seams::{Bus, MediaPlane, Store};
use rookery_actors::transport::webrtc::{WebrtcConfig, WebrtcTransports};
use rookery_actors::{Rooms, RoomsConfig, Seams, SystemClock};
use rookery_cluster_config::config::Config;
use rookery_cluster_config::placement::Ring;
use rookery_gateway::health::Probe;
use rookery_gateway::tokens::Tokens;
use rookery_gateway::{AppState, Clock, Gateway, Parts, Placement, check_tls, serve_admin};
use rookery_media::WorkerIndex;
use rookery_schemas::ids::{Incarnation, NodeId, RoomId};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::bus::MemoryBus;
use crate::first_steps::first_steps;
use crate::media::Workers;
use crate::store::SqliteStore;
use crate::{faults, metrics, settings};

/// Looks at what the settings point to, before anything is started or made.
///
/// # Errors
/// If the certificate files cannot be used.
pub fn check(config: &Config) -> anyhow::Result<()> {
    if let Some(files) = settings::tls(config) {
        check_tls(&files).context("the certificate files cannot be used")?;
    }
    Ok(())
}

/// Runs a node until SIGTERM or SIGINT.
///
/// # Errors
/// Whatever keeps it from starting, or ends its listener.
pub async fn serve(config: &Config) -> anyhow::Result<()> {
    let stopping = CancellationToken::new();
    stop_on_signals(stopping.clone())?;
    let node = Node::start(config, stopping.clone()).await?;
    announce(config, &node);
    let rooms = Arc::new(node.rooms);
    let operators = if config.admin.faults { faults::routes(&rooms) } else { axum::Router::new() };
    let admin = tokio::spawn(serve_admin(node.admin, node.state.clone(), operators));
    let served = node.gateway.serve().await;
    stopping.cancel();
    admin.abort();
    let _ = admin.await;
    if let Some(rooms) = Arc::into_inner(rooms) {
        rooms.stop(config.node.drain.0).await;
    }
    node.workers.plane().stop();
    node.bus.close();
    node.store.close().await;
    tracing::info!("stopped");
    served.map_err(Into::into)
}

struct Node {
    store: Arc<SqliteStore>,
    bus: Arc<MemoryBus>,
    workers: Arc<Workers>,
    rooms: Rooms,
    gateway: Gateway,
    state: AppState,
    admin: SocketAddr,
}

impl Node {
    async fn start(config: &Config, stopping: CancellationToken) -> anyhow::Result<Self> {
        let registry = Registry::new();
        registry.register(Box::new(ProcessCollector::for_self()))?;
        let store = Arc::new(SqliteStore::open(&config.node.data)?);
        metrics::register_store(&registry, store.clone())?;
        let bus = Arc::new(MemoryBus::new());
        let workers = Arc::new(Workers::start(config)?);
        metrics::register_media(&registry, workers.plane())?;
        let rooms = start_rooms(config, &registry, store.clone(), bus.clone(), workers.clone()).await?;

        let clock = Clock::system();
        let issuer = config.auth.issuer.clone().unwrap_or_else(|| config.public_url());
        let tokens = Tokens::start(store.clone(), clock.clone(), issuer).await.context("the signing keys")?;
        let state = AppState::new(Parts {
            config: settings::gateway(config, &workers.addrs(WorkerIndex(0))),
            ws: settings::websocket(config),
            store: store.clone(),
            bus: bus.clone(),
            tokens,
            placement: Arc::new(Homes { ring: Ring::new([config.node.id.clone()]), own: config.node.id.clone() }),
            registry,
            probes: probes(&store, &bus, &workers),
            clock,
            stopping,
        })?;
        let gateway = Gateway::bind(state.clone())?;
        let admin = SocketAddr::new(config.admin.bind, config.admin_port());
        Ok(Self { store, bus, workers, rooms, gateway, state, admin })
    }
}

/// Rooms' homes as the ring has them.
struct Homes {
    ring: Ring,
    own: NodeId,
}

impl Placement for Homes {
    fn home(&self, room: RoomId) -> NodeId {
        self.ring.home(room).unwrap_or(&self.own).clone()
    }
}

async fn start_rooms(
    config: &Config,
    registry: &Registry,
    store: Arc<dyn Store>,
    bus: Arc<dyn Bus>,
    media: Arc<dyn MediaPlane>,
) -> anyhow::Result<Rooms> {
    let public_addrs = config.media.public_addresses.clone();
    let transports = Arc::new(WebrtcTransports::new(media.clone(), WebrtcConfig { public_addrs })?);
    let seams = Seams { store, bus, media, transports, clock: Arc::new(SystemClock::new()) };
    let incarnation = Incarnation(Uuid::new_v4().as_u64_pair().0);
    let told = RoomsConfig { faults: config.admin.faults, ..RoomsConfig::alone(config.node.id.clone(), incarnation) };
    let rooms = Rooms::start(told, seams).await?;
    rooms.metrics().register(registry)?;
    Ok(rooms)
}

fn probes(store: &Arc<SqliteStore>, bus: &Arc<MemoryBus>, workers: &Arc<Workers>) -> Vec<Probe> {
    let (store, bus, workers) = (store.clone(), bus.clone(), workers.clone());
    vec![
        Probe::new("store", move || {
            let health = store.health();
            async move { if health.is_ready() { Ok(()) } else { Err(health.to_string()) } }
        }),
        Probe::new("bus", move || {
            let bus = bus.clone();
            async move { bus.kv_get("health", "ping").await.map(drop).map_err(|error| error.to_string()) }
        }),
        Probe::new("media", move || {
            let alive = workers.plane().is_alive();
            async move { if alive { Ok(()) } else { Err("a media worker has ended".to_owned()) } }
        }),
    ]
}

#[expect(clippy::print_stdout, reason = "the one thing a node says to whoever started it")]
fn announce(config: &Config, node: &Node) {
    let media: Vec<SocketAddr> = (0..node.workers.workers()).flat_map(|i| node.workers.addrs(WorkerIndex(i))).collect();
    print!("{}", first_steps(config, node.gateway.address(), node.admin, &media));
}

fn stop_on_signals(stopping: CancellationToken) -> anyhow::Result<()> {
    use tokio::signal::unix::{SignalKind, signal};
    let (mut terminate, mut interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    tokio::spawn(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
        tracing::info!("stopping");
        stopping.cancel();
    });
    Ok(())
}
