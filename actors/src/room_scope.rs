//! Supervises the actors of one room, which are siblings: none of them ends with another. It holds only who they are.
//!
//! **Invariant:** all that the actors of a room say to each other passes here, in one order; a leaving or failing child
//! stops nothing else.

mod backoff;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use ractor::{Actor, ActorCell, ActorId, ActorProcessingErr, ActorRef, SupervisionEvent};
use rookery_media::WorkerIndex;
use rookery_schemas::bus::{PeerRequest, RoomCommand};
use rookery_schemas::error::ErrorCode;
use rookery_schemas::ids::{Attachment, PeerId, RoomId};
use tokio::sync::Semaphore;

use crate::catalogue::Catalogue;
use crate::env::{Ids, RoomEnv, Seams};
use crate::herald::Herald;
use crate::line::Line;
use crate::metrics::{Counted, Metrics, kind};
use crate::peer::{Peer, PeerArgs, PeerMessage};
use crate::presence::Board;
use crate::reply::{Bound, Reply};
use crate::room::{Claim, Here, Room, RoomArgs, RoomMessage, Seated, Seating};
use crate::rooms::{Placement, RoomsMessage, Target};
use crate::router::{EventQueue, Router, RouterArgs, RouterMessage};
use backoff::{Backoff, Next};

/// Requests of one peer under way: more than a client's bursts of offers, binds and messages, less than a flood.
const PEER_REQUESTS_MAX: usize = 64;

/// Requests that wait while the room's actor is down; each holds a permit of the room as well.
const HELD_MAX: usize = 1_024;

/// The supervisor of one room.
pub(crate) struct RoomScope;

/// What a scope starts from.
pub(crate) struct ScopeArgs {
    pub(crate) room: RoomId,
    pub(crate) here: Here,
    pub(crate) worker: WorkerIndex,
    pub(crate) seams: Seams,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) board: Arc<Board>,
    pub(crate) line: Arc<Line>,
    pub(crate) placement: Arc<dyn Placement>,
    pub(crate) ids: Arc<Ids>,
    pub(crate) rooms: ActorRef<RoomsMessage>,
    pub(crate) events: Arc<EventQueue>,
}

/// What can be said to a [`RoomScope`].
pub(crate) enum ScopeMessage {
    /// A request to the room.
    Request { command: Box<RoomCommand>, reply: Reply },
    /// A request to a peer.
    PeerRequest { request: Box<PeerRequest>, reply: Reply },
    /// A request to the room was refused before it got here.
    Refused,
    /// To the room's actor; lost while it is down, since a room that starts anew asks for everything.
    ToRoom(RoomMessage),
    /// To the router; lost while it is down, since a router that starts anew asks for everything.
    ToRouter(RouterMessage),
    /// To one peer.
    ToPeer { peer: PeerId, message: PeerMessage },
    /// Make a peer's actor, or attach it anew.
    Seat(Box<Seating>),
    /// A seat changed.
    Seated(Box<Seated>),
    /// End a peer's actor.
    Unseat { peer: PeerId },
    /// What is published has changed.
    Catalogue(Arc<Catalogue>),
    /// Start a failed child again, after its pause.
    StartAgain(Child),
    /// The room may be put away.
    Idle,
    /// End the room here; with a reason, tell its peers to attach again.
    End { reason: Option<&'static str> },
    /// Panic, for tests.
    Fault(Target),
}

/// The children that are replaced when they fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Child {
    /// The room's actor.
    Room,
    /// The router.
    Router,
}

struct PeerEntry {
    actor: ActorRef<PeerMessage>,
    born: Attachment,
    attachment: Attachment,
    permits: Arc<Semaphore>,
}

/// The shell's own state: ids, and what is needed to start children.
pub(crate) struct Scope {
    env: Arc<RoomEnv>,
    events: Arc<EventQueue>,
    room: Option<ActorRef<RoomMessage>>,
    room_failed: bool,
    router: Option<ActorRef<RouterMessage>>,
    peers: HashMap<PeerId, PeerEntry>,
    peer_of: HashMap<ActorId, PeerId>,
    held: Vec<(Box<RoomCommand>, Reply)>,
    /// Requests taken for the room, so that it is not put away over one that is on its way.
    taken: u64,
    room_backoff: Backoff,
    router_backoff: Backoff,
    _alive: Counted,
}

impl Actor for RoomScope {
    type Msg = ScopeMessage;
    type State = Scope;
    type Arguments = ScopeArgs;

    async fn pre_start(&self, myself: ActorRef<ScopeMessage>, args: ScopeArgs) -> Result<Scope, ActorProcessingErr> {
        let ScopeArgs { room, here, worker, seams, metrics, board, line, placement, ids, rooms, events } = args;
        let herald = Herald::start(room, Arc::clone(&seams.bus), Arc::clone(&metrics));
        let alive = metrics.actor(kind::SCOPE);
        let scope = myself;
        let span = tracing::info_span!(parent: None, "room", %room);
        let env = Arc::new(RoomEnv {
            room,
            here,
            worker,
            span,
            seams,
            metrics,
            herald,
            board,
            line,
            placement,
            ids,
            rooms,
            scope,
        });
        Ok(Scope {
            env,
            events,
            room: None,
            room_failed: false,
            router: None,
            peers: HashMap::new(),
            peer_of: HashMap::new(),
            held: Vec::new(),
            taken: 0,
            room_backoff: Backoff::default(),
            router_backoff: Backoff::default(),
            _alive: alive,
        })
    }

    async fn post_start(&self, myself: ActorRef<ScopeMessage>, scope: &mut Scope) -> Result<(), ActorProcessingErr> {
        scope.start_router(&myself).await?;
        scope.start_room(&myself).await
    }

    async fn handle(
        &self,
        myself: ActorRef<ScopeMessage>,
        message: ScopeMessage,
        scope: &mut Scope,
    ) -> Result<(), ActorProcessingErr> {
        match message {
            ScopeMessage::Request { command, reply } => scope.request(command, reply),
            ScopeMessage::PeerRequest { request, reply } => scope.peer_request(*request, reply),
            ScopeMessage::Refused => scope.taken += 1,
            ScopeMessage::ToRoom(message) => scope.to_room(message),
            ScopeMessage::ToRouter(message) => scope.to_router(message),
            ScopeMessage::ToPeer { peer, message } => scope.to_peer(peer, message),
            ScopeMessage::Seat(seating) => scope.seat(&myself, *seating).await?,
            ScopeMessage::Seated(seated) => scope.to_peer(seated.info.peer, PeerMessage::Seated(seated)),
            ScopeMessage::Unseat { peer } => scope.unseat(peer),
            ScopeMessage::Catalogue(catalogue) => {
                for entry in scope.peers.values() {
                    // One that is ending needs no telling.
                    let _ = entry.actor.send_message(PeerMessage::Catalogue(Arc::clone(&catalogue)));
                }
            }
            ScopeMessage::StartAgain(Child::Room) => scope.start_room(&myself).await?,
            ScopeMessage::StartAgain(Child::Router) => scope.start_router(&myself).await?,
            ScopeMessage::Idle => {
                let taken = scope.taken;
                let _ = scope.env.rooms.send_message(RoomsMessage::Idle { room: scope.env.room, taken });
            }
            ScopeMessage::End { reason } => scope.end(&myself, reason),
            ScopeMessage::Fault(target) => scope.fault(target),
        }
        Ok(())
    }

    async fn handle_supervisor_evt(
        &self,
        myself: ActorRef<ScopeMessage>,
        event: SupervisionEvent,
        scope: &mut Scope,
    ) -> Result<(), ActorProcessingErr> {
        match event {
            SupervisionEvent::ActorFailed(who, error) => {
                tracing::error!(room = %scope.env.room, actor = %who.get_id(), %error, "an actor failed");
                scope.child_gone(&myself, &who, true);
            }
            SupervisionEvent::ActorTerminated(who, _, _) => scope.child_gone(&myself, &who, false),
            _ => {}
        }
        Ok(())
    }
}

impl Scope {
    async fn start_room(&mut self, myself: &ActorRef<ScopeMessage>) -> Result<(), ActorProcessingErr> {
        let peers = self.peers.iter().map(|(peer, entry)| (*peer, entry.born)).collect();
        let grounds = if self.room_failed { Claim::Failed } else { Claim::Asleep };
        let args = RoomArgs { env: Arc::clone(&self.env), peers, grounds };
        let (room, _) = Actor::spawn_linked(None, Room, args, myself.get_cell()).await?;
        self.room = Some(room);
        for entry in self.peers.values() {
            let _ = entry.actor.send_message(PeerMessage::Report);
        }
        for (command, reply) in std::mem::take(&mut self.held) {
            self.to_room(RoomMessage::Request { command, reply });
        }
        Ok(())
    }

    async fn start_router(&mut self, myself: &ActorRef<ScopeMessage>) -> Result<(), ActorProcessingErr> {
        let peers = self.peers.keys().copied().collect();
        let args = RouterArgs { env: Arc::clone(&self.env), events: Arc::clone(&self.events), peers };
        let (router, _) = Actor::spawn_linked(None, Router, args, myself.get_cell()).await?;
        self.router = Some(router);
        for entry in self.peers.values() {
            let _ = entry.actor.send_message(PeerMessage::Relearn);
        }
        Ok(())
    }

    fn request(&mut self, command: Box<RoomCommand>, reply: Reply) {
        self.taken += 1;
        let speaker = match command.as_ref() {
            RoomCommand::Chat { peer, .. }
            | RoomCommand::Direct { peer, .. }
            | RoomCommand::DirectFailed { peer, .. } => Some(*peer),
            RoomCommand::Kick { by, .. } | RoomCommand::Close { by, .. } => Some(*by),
            _ => None,
        };
        let reply = match speaker.and_then(|peer| self.peers.get(&peer)) {
            Some(entry) => reply.hold(Bound::Peer, &entry.permits),
            None => Some(reply),
        };
        let Some(reply) = reply else { return };
        if self.room.is_some() {
            self.to_room(RoomMessage::Request { command, reply });
        } else if self.held.len() < HELD_MAX {
            self.held.push((command, reply));
        } else {
            reply.refuse(ErrorCode::Overloaded);
        }
    }

    fn peer_request(&mut self, request: PeerRequest, reply: Reply) {
        let Some(entry) = self.peers.get(&request.peer) else { return reply.refuse(ErrorCode::NotJoined) };
        if let Some(reply) = reply.hold(Bound::Peer, &entry.permits) {
            let PeerRequest { attachment, message, .. } = request;
            // A message that cannot be sent drops its reply, which then answers.
            let _ = entry.actor.send_message(PeerMessage::Request { attachment, message: Box::new(message), reply });
        }
    }

    fn to_room(&self, message: RoomMessage) {
        if let Some(room) = &self.room {
            let _ = room.send_message(message);
        }
    }

    fn to_router(&self, message: RouterMessage) {
        if let Some(router) = &self.router {
            let _ = router.send_message(message);
        }
    }

    fn to_peer(&self, peer: PeerId, message: PeerMessage) {
        if let Some(entry) = self.peers.get(&peer) {
            let _ = entry.actor.send_message(message);
        }
    }

    async fn seat(&mut self, myself: &ActorRef<ScopeMessage>, seating: Seating) -> Result<(), ActorProcessingErr> {
        let (peer, attachment) = (seating.seated.info.peer, seating.seated.attachment);
        match (seating.born, self.peers.get_mut(&peer)) {
            (Some(born), Some(entry)) if entry.born == born => {
                entry.attachment = attachment;
                let _ = entry.actor.send_message(PeerMessage::Attach(Box::new(seating)));
            }
            // The room will hear that this one failed, and ask the client to attach again.
            (Some(_), _) => {}
            (None, entry) => {
                if entry.is_some() {
                    self.unseat(peer);
                }
                let args = PeerArgs { env: Arc::clone(&self.env), seating };
                let (actor, _) = Actor::spawn_linked(None, Peer, args, myself.get_cell()).await?;
                self.peer_of.insert(actor.get_id(), peer);
                let permits = Arc::new(Semaphore::new(PEER_REQUESTS_MAX));
                self.peers.insert(peer, PeerEntry { actor, born: attachment, attachment, permits });
            }
        }
        Ok(())
    }

    fn unseat(&mut self, peer: PeerId) {
        let Some(entry) = self.peers.remove(&peer) else { return };
        self.peer_of.remove(&entry.actor.get_id());
        self.to_router(RouterMessage::PeerGone { peer });
        entry.actor.stop(None);
    }

    fn child_gone(&mut self, myself: &ActorRef<ScopeMessage>, who: &ActorCell, failed: bool) {
        let id = who.get_id();
        if self.room.as_ref().is_some_and(|room| room.get_id() == id) {
            self.room = None;
            self.room_failed = true;
            self.start_again(myself, Child::Room);
        } else if self.router.as_ref().is_some_and(|router| router.get_id() == id) {
            self.router = None;
            self.start_again(myself, Child::Router);
        } else if let Some(peer) = self.peer_of.remove(&id)
            && let Some(PeerEntry { born, attachment, .. }) = self.peers.remove(&peer)
        {
            if failed {
                self.env.metrics.restarts.with_label_values(&[kind::PEER]).inc();
            }
            self.to_router(RouterMessage::PeerGone { peer });
            self.to_room(RoomMessage::PeerFailed { peer, born, attachment });
        }
    }

    fn start_again(&mut self, myself: &ActorRef<ScopeMessage>, child: Child) {
        let now = self.env.now().elapsed;
        let (backoff, kind) = match child {
            Child::Room => (&mut self.room_backoff, kind::ROOM),
            Child::Router => (&mut self.router_backoff, kind::ROUTER),
        };
        self.env.metrics.restarts.with_label_values(&[kind]).inc();
        match backoff.failed(now) {
            Next::After(Duration::ZERO) => {
                let _ = myself.send_message(ScopeMessage::StartAgain(child));
            }
            Next::After(pause) => {
                myself.send_after(pause, move || ScopeMessage::StartAgain(child));
            }
            Next::GiveUp => {
                tracing::error!(room = %self.env.room, ?child, "an actor fails again and again: the room is ended here");
                self.end(myself, Some("the server lost this room"));
            }
        }
    }

    fn end(&mut self, myself: &ActorRef<ScopeMessage>, reason: Option<&'static str>) {
        if let Some(reason) = reason {
            for (peer, entry) in &self.peers {
                let reason = reason.to_owned();
                let message = rookery_schemas::signal::ServerMessage::Reattach { reason };
                self.env.herald.personal(*peer, entry.attachment, message);
            }
        }
        myself.stop(None);
    }

    fn fault(&self, target: Target) {
        match target {
            Target::Room => self.to_room(RoomMessage::Fault),
            Target::Router => self.to_router(RouterMessage::Fault),
            Target::Peer(peer) => self.to_peer(peer, PeerMessage::Fault),
        }
    }
}
