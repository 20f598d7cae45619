//! The rooms of a node, as the node sees them: start them, look at them, stop them.
//!
//! **Invariant:** requests are taken from the bus only while the actor behind them runs.

mod config;
mod dispatch;
mod node;
mod registry;
mod sweep;

use std::sync::Arc;
use std::time::Duration;

use ractor::{Actor, ActorRef};
use rookery_schemas::bus::{SeatRenewal, peers_subject, presence_subject, rooms_subject, seats_subject};
use rookery_schemas::ids::{PeerId, RoomId};
use tokio::sync::Semaphore;
use tokio::task::JoinHandle;

use crate::env::Seams;
use crate::line::{self, Line};
use crate::metrics::{Gauges, Metrics};
use crate::presence::Board;
use crate::seams::BusError;
use crate::tasks::AbortOnDrop;
use dispatch::{Dispatch, Subject};
use node::{Node, NodeArgs};

pub use config::{Alone, Limits, Placement, RoomsConfig, Wish};
pub(crate) use node::RoomsMessage;

/// Why the rooms do not start, or something cannot be injected.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A metric is misnamed.
    #[error("the metrics cannot be made")]
    Metrics(#[from] prometheus::Error),
    /// Our own question cannot be written.
    #[error("a message cannot be encoded")]
    Encode(#[from] serde_json::Error),
    /// The bus does not let us serve.
    #[error("the bus does not take our subjects")]
    Bus(#[from] BusError),
    /// The first actor did not start.
    #[error("the rooms' actor did not start")]
    Spawn(#[from] ractor::SpawnErr),
    /// [`RoomsConfig::faults`] is off.
    #[error("faults cannot be injected here")]
    FaultsOff,
}

/// Whom a fault is injected into.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Target {
    /// The room's actor.
    Room,
    /// Its router.
    Router,
    /// One peer's actor.
    Peer(PeerId),
}

/// The running rooms of a node. Dropped, they stop where they are; [`Rooms::stop`] ends them in order.
#[derive(Debug)]
pub struct Rooms {
    actor: ActorRef<RoomsMessage>,
    ended: JoinHandle<()>,
    serving: Vec<AbortOnDrop>,
    metrics: Arc<Metrics>,
    permits: Arc<Semaphore>,
    config: RoomsConfig,
}

impl Rooms {
    /// Serves the node's bus subjects from now on.
    ///
    /// # Errors
    /// [`Error`]; nothing runs then.
    pub async fn start(config: RoomsConfig, seams: Seams) -> Result<Self, Error> {
        let metrics = Arc::new(Metrics::new()?);
        let board = Arc::new(Board::default());
        let line = Arc::new(Line::default());
        let permits = Arc::new(Semaphore::new(config.limits.requests_max));
        let args = NodeArgs {
            config: config.clone(),
            seams: seams.clone(),
            metrics: Arc::clone(&metrics),
            board: Arc::clone(&board),
            line: Arc::clone(&line),
        };
        let (actor, ended) = Actor::spawn(None, Node, args).await?;
        let question = serde_json::to_vec(&SeatRenewal::default())?.into();
        let dispatch = Arc::new(Dispatch {
            bus: seams.bus.clone(),
            clock: seams.clock.clone(),
            metrics: Arc::clone(&metrics),
            board,
            permits: Arc::clone(&permits),
            renewals: dispatch::RenewalPermits::default(),
            rooms: actor.clone(),
        });
        let mut rooms = Self { actor, ended, serving: Vec::new(), metrics, permits, config };
        let node = &rooms.config.node;
        for (kind, subject) in [
            (Subject::Rooms, rooms_subject(node)),
            (Subject::Peers, peers_subject(node)),
            (Subject::Presence, presence_subject(node)),
            (Subject::Seats, seats_subject(node)),
        ] {
            rooms.serving.push(dispatch.serve(kind, subject).await?);
        }
        rooms.serving.push(line::watch(&line, seams.bus, seams.clock, seats_subject(node), question));
        Ok(rooms)
    }

    /// What the actors count; register it at the node's registry.
    #[must_use]
    pub fn metrics(&self) -> &Metrics {
        &self.metrics
    }

    /// What must be back at its base when everybody has left.
    #[must_use]
    pub fn gauges(&self) -> Gauges {
        let in_flight = self.config.limits.requests_max.saturating_sub(self.permits.available_permits());
        Gauges::read(&self.metrics, in_flight)
    }

    /// Makes an actor panic, if there is one and it is allowed here.
    ///
    /// # Errors
    /// [`Error::FaultsOff`].
    pub fn inject(&self, room: RoomId, target: Target) -> Result<(), Error> {
        if !self.config.faults {
            return Err(Error::FaultsOff);
        }
        let _ = self.actor.send_message(RoomsMessage::Fault { room, target });
        Ok(())
    }

    /// Takes no more requests, lets the rooms store what they have taken, and ends them; after `patience` they are ended
    /// as they are. Chat that was not acknowledged by then is answered `unknown`.
    pub async fn stop(mut self, patience: Duration) {
        self.serving.clear();
        let _ = self.actor.send_message(RoomsMessage::Drain);
        if tokio::time::timeout(patience, &mut self.ended).await.is_err() {
            tracing::warn!("rooms did not end in time");
            self.actor.stop(None);
            let _ = tokio::time::timeout(patience, &mut self.ended).await;
        }
    }
}

impl Drop for Rooms {
    fn drop(&mut self) {
        self.actor.stop(None);
    }
}
