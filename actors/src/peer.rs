//! One participant as an actor: its client's media messages come in, its connections and the room are told.
//!
//! **Invariant:** every decision is [`state`]'s; `handle` waits for nothing, and the worker closes what was opened even if
//! this actor fails.

mod effect;
mod negotiation;
mod slots;
mod state;
mod worker;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use ractor::{Actor, ActorProcessingErr, ActorRef};
use rookery_media::{ConnectionId, Event};
use rookery_schemas::ids::Attachment;
use rookery_schemas::signal::ClientMessage;

use crate::catalogue::Catalogue;
use crate::env::RoomEnv;
use crate::metrics::{Counted, kind};
use crate::reply::Reply;
use crate::room::{RoomMessage, Seated, Seating, fault};
use crate::room_scope::ScopeMessage;
use crate::router::RouterMessage;
use crate::tasks::AbortOnDrop;
use crate::transport::TransportEvent;
use effect::{AskId, Effect, Outcome};
use state::PeerState;
use worker::Worker;

pub(crate) use slots::Bound;

/// One participant.
pub(crate) struct Peer;

/// What a peer starts from.
pub(crate) struct PeerArgs {
    pub(crate) env: Arc<RoomEnv>,
    pub(crate) seating: Seating,
}

/// What can be said to a [`Peer`].
pub(crate) enum PeerMessage {
    /// Its client asks.
    Request { attachment: Attachment, message: Box<ClientMessage>, reply: Reply },
    /// A newer attachment takes over.
    Attach(Box<Seating>),
    /// The seat changed.
    Seated(Box<Seated>),
    /// What is published changed.
    Catalogue(Arc<Catalogue>),
    /// An operation has ended.
    Done(Outcome),
    /// A connection's own news.
    Transport { connection: ConnectionId, event: TransportEvent },
    /// News of the media plane.
    Media(Event),
    /// A room that starts anew asks for everything.
    Report,
    /// A router that starts anew asks for everything.
    Relearn,
    /// Something is due.
    Wake,
    /// Panic, for tests of what that costs.
    Fault,
}

/// The shell's own state.
pub(crate) struct Running {
    env: Arc<RoomEnv>,
    span: tracing::Span,
    peer: PeerState,
    asks: HashMap<AskId, Reply>,
    asked: u64,
    worker: Worker,
    alarm: Option<(Duration, AbortOnDrop)>,
    _alive: Counted,
}

impl Actor for Peer {
    type Msg = PeerMessage;
    type State = Running;
    type Arguments = PeerArgs;

    async fn pre_start(&self, myself: ActorRef<PeerMessage>, args: PeerArgs) -> Result<Running, ActorProcessingErr> {
        let PeerArgs { env, seating } = args;
        let mut out = Vec::new();
        let peer = PeerState::new(seating, env.ids.as_ref(), &mut out);
        let (id, _) = peer.identity();
        let span = tracing::info_span!(parent: &env.span, "peer", peer = %id);
        let worker = Worker::start(&env, span.clone(), myself.clone());
        let alive = env.metrics.actor(kind::PEER);
        let asks = HashMap::new();
        let mut running = Running { env, span, peer, asks, asked: 0, worker, alarm: None, _alive: alive };
        running.perform(out);
        running.set_alarm(&myself);
        Ok(running)
    }

    async fn handle(
        &self,
        myself: ActorRef<PeerMessage>,
        message: PeerMessage,
        running: &mut Running,
    ) -> Result<(), ActorProcessingErr> {
        let span = running.span.clone();
        let _span = span.enter();
        running.take(message);
        running.set_alarm(&myself);
        Ok(())
    }
}

impl Running {
    fn take(&mut self, message: PeerMessage) {
        let now = self.env.now();
        let env = Arc::clone(&self.env);
        let (peer, ids) = (&mut self.peer, env.ids.as_ref());
        let mut out = Vec::new();
        match message {
            PeerMessage::Request { attachment, message, reply } => {
                self.asked += 1;
                let ask = AskId(self.asked);
                self.asks.insert(ask, reply);
                peer.request(now, ask, (attachment, *message), ids, &mut out);
            }
            PeerMessage::Attach(seating) => peer.attach(now, *seating, ids, &mut out),
            PeerMessage::Seated(seated) => peer.seated(*seated, &mut out),
            PeerMessage::Catalogue(catalogue) => peer.catalogue(catalogue, ids, &mut out),
            PeerMessage::Done(outcome) => peer.done(now, outcome, &mut out),
            PeerMessage::Transport { connection, event } => {
                tracing::debug!(?connection, ?event, "transport event");
                peer.transport(connection, &event, &mut out);
            }
            PeerMessage::Media(event) => peer.media(&event, &mut out),
            PeerMessage::Report => {
                let report = Box::new(peer.report());
                env.tell_scope(ScopeMessage::ToRoom(RoomMessage::Report(report)));
            }
            PeerMessage::Relearn => {
                let learned = Box::new(peer.relearn());
                env.tell_scope(ScopeMessage::ToRouter(RouterMessage::Learned(learned)));
            }
            PeerMessage::Wake => {
                self.alarm = None;
                peer.wake(now, &mut out);
            }
            PeerMessage::Fault => fault(),
        }
        self.perform(out);
    }

    fn perform(&mut self, effects: Vec<Effect>) {
        for effect in effects {
            match effect {
                Effect::Answer { ask, answer } => {
                    if let Some(reply) = self.asks.remove(&ask) {
                        reply.send(*answer);
                    }
                }
                Effect::Personal(message) => {
                    let (peer, _) = self.peer.identity();
                    self.env.herald.personal(peer, self.peer.attachment(), *message);
                }
                Effect::Op(op) => {
                    if let Err(Some(outcome)) = self.worker.give(op) {
                        let mut more = Vec::new();
                        self.peer.done(self.env.now(), outcome, &mut more);
                        self.perform(more);
                    }
                }
                Effect::Router(order) => self.env.tell_scope(ScopeMessage::ToRouter(RouterMessage::Order(order))),
                Effect::Room(fact) => {
                    let (peer, born) = self.peer.identity();
                    self.env.tell_scope(ScopeMessage::ToRoom(RoomMessage::Fact { peer, born, fact }));
                }
            }
        }
    }

    /// Sees to it that [`PeerMessage::Wake`] comes when something is due.
    fn set_alarm(&mut self, myself: &ActorRef<PeerMessage>) {
        let deadline = self.peer.deadline();
        if deadline == self.alarm.as_ref().map(|(at, _)| *at) {
            return;
        }
        self.alarm = deadline.map(|at| {
            let myself = myself.clone();
            let pause = at.saturating_sub(self.env.now().elapsed);
            let task = tokio::spawn(async move {
                tokio::time::sleep(pause).await;
                let _ = myself.send_message(PeerMessage::Wake);
            });
            (at, AbortOnDrop(task))
        });
    }
}
