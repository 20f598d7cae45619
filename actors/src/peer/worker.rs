//! Does what a peer's state wants of its connections, one thing after another.
//!
//! **Invariant:** a connection that was opened here is closed here, whatever becomes of the actor; every operation ends
//! within [`OP_TIMEOUT`].

use std::collections::HashMap;
use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;
use ractor::ActorRef;
use rookery_media::ConnectionId;
use rookery_schemas::signal::{Connection, SrtpProfile};
use tokio::sync::mpsc;
use tracing::Instrument;

use super::PeerMessage;
use super::effect::{Op, Outcome};
use crate::env::RoomEnv;
use crate::metrics::Counted;
use crate::transport::{OpenTransport, PeerTransport, TransportError, TransportEvent, TransportEvents};

/// Longest time of one operation: an offer of 128 lines takes 50 ms on an idle machine.
const OP_TIMEOUT: Duration = Duration::from_secs(10);

/// Operations that wait: each request of a peer makes at most two, and it may have 64 under way. Beyond it the operation
/// fails, and its connection with it.
const QUEUE_MAX: usize = 192;

/// Gives operations; the worker closes everything, and ends, after this is dropped.
pub(super) struct Worker {
    queue: mpsc::Sender<Op>,
}

impl Worker {
    pub(super) fn start(env: &Arc<RoomEnv>, span: tracing::Span, peer: ActorRef<PeerMessage>) -> Self {
        let (queue, ops) = mpsc::channel(QUEUE_MAX);
        let works = Works { env: Arc::clone(env), peer, open: HashMap::new() };
        tokio::spawn(works.run(ops).instrument(span));
        Self { queue }
    }

    /// Gives an operation; `Err` is the outcome where there is no room for it.
    pub(super) fn give(&self, op: Op) -> Result<(), Option<Outcome>> {
        self.queue.try_send(op).map_err(|refused| outcome_of(refused.into_inner(), "too many operations"))
    }
}

struct Works {
    env: Arc<RoomEnv>,
    peer: ActorRef<PeerMessage>,
    open: HashMap<ConnectionId, (Arc<dyn PeerTransport>, Counted)>,
}

impl Works {
    async fn run(mut self, mut ops: mpsc::Receiver<Op>) {
        // What waits for an actor that has gone is not done.
        while let Some(op) = ops.recv().await
            && !ops.is_closed()
        {
            if let Some(outcome) = self.perform(op).await {
                let _ = self.peer.send_message(PeerMessage::Done(outcome));
            }
        }
        for (transport, _) in self.open.into_values() {
            close(transport).await;
        }
    }

    async fn perform(&mut self, op: Op) -> Option<Outcome> {
        match op {
            Op::Open { connection, kind, srtp } => {
                self.open(connection, kind, srtp).await;
                None
            }
            Op::Close { connection } => {
                if let Some((transport, _)) = self.open.remove(&connection) {
                    close(transport).await;
                }
                None
            }
            Op::Answer { connection, ask, sdp } => {
                let result = match self.transport(connection) {
                    Ok(transport) => bounded(transport.answer(&sdp)).await,
                    Err(error) => Err(error),
                };
                Some(Outcome::Answered { connection, ask, result })
            }
            Op::Offer { connection, pairs, restart_ice } => {
                let result = match self.transport(connection) {
                    Ok(transport) => bounded(transport.offer(pairs, restart_ice)).await,
                    Err(error) => Err(error),
                };
                Some(Outcome::Offered { connection, result })
            }
            Op::Accept { connection, ask, sdp } => {
                let result = match self.transport(connection) {
                    Ok(transport) => bounded(transport.accept(&sdp)).await,
                    Err(error) => Err(error),
                };
                Some(Outcome::Accepted { connection, ask, result })
            }
            Op::Candidate { connection, ask, candidate } => {
                let result = match self.transport(connection) {
                    Ok(transport) => bounded(transport.candidate(&candidate)).await,
                    Err(error) => Err(error),
                };
                Some(Outcome::Candidate { ask, result })
            }
        }
    }

    fn transport(&self, connection: ConnectionId) -> Result<Arc<dyn PeerTransport>, TransportError> {
        self.open.get(&connection).map(|(transport, _)| Arc::clone(transport)).ok_or(TransportError::Closed)
    }

    async fn open(&mut self, connection: ConnectionId, kind: Connection, srtp: SrtpProfile) {
        let env = &self.env;
        let events = Arc::new(Events(self.peer.clone()));
        let how = OpenTransport { room: env.room, worker: env.worker, connection, kind, srtp, events };
        match bounded(env.seams.transports.open(how)).await {
            Ok(transport) => {
                let counted = Counted::one(env.metrics.connections.clone());
                self.open.insert(connection, (transport, counted));
            }
            Err(error) => tracing::warn!(?connection, %error, "a connection could not be opened"),
        }
    }
}

/// Runs a call of the transport's library, which may hang or panic.
async fn bounded<T>(call: impl Future<Output = Result<T, TransportError>>) -> Result<T, TransportError> {
    match tokio::time::timeout(OP_TIMEOUT, AssertUnwindSafe(call).catch_unwind()).await {
        Ok(Ok(result)) => result,
        Ok(Err(_)) => Err(TransportError::Failed("the library panicked".into())),
        Err(_) => Err(TransportError::Failed("no answer in time".into())),
    }
}

async fn close(transport: Arc<dyn PeerTransport>) {
    let closed = bounded(async {
        transport.close().await;
        Ok(())
    });
    if let Err(error) = closed.await {
        tracing::warn!(%error, "a connection could not be closed cleanly");
    }
}

fn outcome_of(op: Op, why: &str) -> Option<Outcome> {
    let failed = || TransportError::Failed(why.to_owned());
    match op {
        Op::Open { .. } | Op::Close { .. } => None,
        Op::Answer { connection, ask, .. } => Some(Outcome::Answered { connection, ask, result: Err(failed()) }),
        Op::Offer { connection, .. } => Some(Outcome::Offered { connection, result: Err(failed()) }),
        Op::Accept { connection, ask, .. } => Some(Outcome::Accepted { connection, ask, result: Err(failed()) }),
        Op::Candidate { ask, .. } => Some(Outcome::Candidate { ask, result: Err(failed()) }),
    }
}

/// Passes a connection's events to the peer's actor: a handful in its life.
struct Events(ActorRef<PeerMessage>);

impl TransportEvents for Events {
    fn event(&self, connection: ConnectionId, event: TransportEvent) {
        let _ = self.0.send_message(PeerMessage::Transport { connection, event });
    }
}
