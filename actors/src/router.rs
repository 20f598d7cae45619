//! The router as an actor: it orders the room's media routes and passes on what the media plane says.
//!
//! **Invariant:** orders reach the worker in the order in which they came here; media flows on while this actor is down.

mod queue;
mod state;

use std::collections::{HashSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use ractor::{Actor, ActorProcessingErr, ActorRef};
use rookery_media::Command;
use rookery_schemas::ids::PeerId;

use crate::env::RoomEnv;
use crate::metrics::{Counted, kind};
use crate::peer::PeerMessage;
use crate::room::{RoomMessage, fault};
use crate::room_scope::ScopeMessage;
use crate::seams::MediaError;
use state::{Effect, RouterState};

pub(crate) use queue::EventQueue;
pub(crate) use state::{Learned, RouterOrder};

/// Orders that wait for a worker whose queue is full. Beyond it this actor fails on purpose: the next one learns the
/// whole state from the peers and orders that.
const WAITING_MAX: usize = 4_096;

/// Between two tries to give a full worker what waits.
const TRY_AGAIN: Duration = Duration::from_millis(5);

/// How long events wait for peers that have not told a new router what they know.
const LEARN_WAIT: Duration = Duration::from_millis(500);

/// The forwarding policy of one room on this node.
pub(crate) struct Router;

/// What a router starts from.
pub(crate) struct RouterArgs {
    pub(crate) env: Arc<RoomEnv>,
    pub(crate) events: Arc<EventQueue>,
    /// Peers that outlived the last router of this room.
    pub(crate) peers: HashSet<PeerId>,
}

/// What can be said to a [`Router`].
pub(crate) enum RouterMessage {
    /// A peer orders something.
    Order(RouterOrder),
    /// A peer tells a router that starts anew what it knows.
    Learned(Box<Learned>),
    /// Peers that have not told what they know are not waited for any longer.
    LearnDue,
    /// A peer has left or failed.
    PeerGone { peer: PeerId },
    /// The media plane has said something.
    Events,
    /// Try again to give the worker what waits.
    TryAgain,
    /// Panic, for tests of what that costs.
    Fault,
}

/// More orders wait than this actor keeps.
#[derive(Debug, thiserror::Error)]
#[error("more than {WAITING_MAX} orders wait for the media worker")]
struct WorkerStuck;

/// The shell's own state.
pub(crate) struct Running {
    env: Arc<RoomEnv>,
    router: RouterState,
    events: Arc<EventQueue>,
    waiting: VecDeque<RouterOrder>,
    trying: bool,
    _alive: Counted,
}

impl Actor for Router {
    type Msg = RouterMessage;
    type State = Running;
    type Arguments = RouterArgs;

    async fn pre_start(
        &self,
        myself: ActorRef<RouterMessage>,
        args: RouterArgs,
    ) -> Result<Running, ActorProcessingErr> {
        let RouterArgs { env, events, peers } = args;
        if !peers.is_empty() {
            myself.send_after(LEARN_WAIT, || RouterMessage::LearnDue);
        }
        events.serve(myself.clone());
        // What waited while there was no router.
        let _ = myself.send_message(RouterMessage::Events);
        let alive = env.metrics.actor(kind::ROUTER);
        let router = RouterState::new(peers);
        Ok(Running { env, router, events, waiting: VecDeque::new(), trying: false, _alive: alive })
    }

    async fn handle(
        &self,
        myself: ActorRef<RouterMessage>,
        message: RouterMessage,
        running: &mut Running,
    ) -> Result<(), ActorProcessingErr> {
        let env = Arc::clone(&running.env);
        let _span = env.span.enter();
        let mut out = Vec::new();
        let mut look = !running.router.knows_all();
        match message {
            RouterMessage::Order(order) => running.router.order(order, &mut out),
            RouterMessage::Learned(learned) => running.router.learned(*learned, &mut out),
            RouterMessage::LearnDue => running.router.wait_no_more(),
            RouterMessage::PeerGone { peer } => running.router.peer_gone(peer, &mut out),
            RouterMessage::Events => look = true,
            RouterMessage::TryAgain => {
                running.trying = false;
                running.flush(&myself);
            }
            RouterMessage::Fault => fault(),
        }
        // Until all peers have told what they know, events wait: nobody would know whom they are about.
        if look && running.router.knows_all() {
            running.router.events(running.events.take(), &mut out);
        }
        running.perform(&myself, out)
    }
}

impl Running {
    fn perform(&mut self, myself: &ActorRef<RouterMessage>, effects: Vec<Effect>) -> Result<(), ActorProcessingErr> {
        for effect in effects {
            match effect {
                Effect::Order(order) if self.waiting.len() < WAITING_MAX => self.waiting.push_back(order),
                Effect::Order(_) => return Err(Box::new(WorkerStuck)),
                Effect::Tell(peer, event) => {
                    self.env.tell_scope(ScopeMessage::ToPeer { peer, message: PeerMessage::Media(event) });
                }
                Effect::Speakers { levels, active } => {
                    self.env.tell_scope(ScopeMessage::ToRoom(RoomMessage::Speakers { levels, active }));
                }
            }
        }
        self.flush(myself);
        Ok(())
    }

    /// Gives the worker what waits, as far as it takes it.
    fn flush(&mut self, myself: &ActorRef<RouterMessage>) {
        while let Some(order) = self.waiting.front() {
            let Some(command) = command(order) else {
                self.waiting.pop_front();
                continue;
            };
            match self.env.seams.media.send(self.env.worker, command) {
                Ok(()) => {
                    self.waiting.pop_front();
                }
                Err(MediaError::Overloaded(_)) => {
                    if !std::mem::replace(&mut self.trying, true) {
                        self.env.metrics.media_commands_delayed.inc();
                        let again = || RouterMessage::TryAgain;
                        myself.send_after(TRY_AGAIN, again);
                    }
                    return;
                }
                Err(MediaError::Stopped) => {
                    tracing::warn!("the media plane has stopped");
                    self.waiting.clear();
                }
            }
        }
    }
}

/// The command for an order; opening is the transport's own.
fn command(order: &RouterOrder) -> Option<Command> {
    Some(match order {
        RouterOrder::Opened { .. } => return None,
        RouterOrder::Closed(connection) => Command::CloseConnection { connection: *connection },
        RouterOrder::Publish { connection, mid, track, muted, .. } => {
            Command::Publish { connection: *connection, mid: mid.clone(), track: *track, muted: *muted }
        }
        RouterOrder::Unpublish(track) => Command::Unpublish { track: *track },
        RouterOrder::Mute { track, muted } => Command::Mute { track: *track, muted: *muted },
        RouterOrder::Bind { connection, slot, bound } => Command::Bind {
            connection: *connection,
            slot: *slot,
            track: bound.map(|bound| bound.track),
            size: bound.and_then(|bound| bound.size),
        },
    })
}
