//! The rooms' actor: wakes rooms when they are asked for, routes requests to them, and puts them away.
//!
//! **Invariant:** a room has at most one life on this node at a time, and its media room is open exactly as long.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use ractor::{Actor, ActorId, ActorProcessingErr, ActorRef, SupervisionEvent};
use rookery_media::{Command, EventSink, WorkerIndex};
use rookery_schemas::bus::{PeerRequest, RoomCommand, RoomReply, RoomRequest, SeatRef, SeatRenewal};
use rookery_schemas::error::ErrorCode;
use rookery_schemas::ids::{Attachment, PeerId, RoomId};
use tokio::sync::Semaphore;

use super::config::RoomsConfig;
use super::registry::{Registry, Route};
use super::{Target, sweep};
use crate::env::{Ids, Seams};
use crate::line::Line;
use crate::metrics::{Counted, Metrics};
use crate::presence::Board;
use crate::reply::{Bound, Reply};
use crate::room::{Here, RoomMessage};
use crate::room_scope::{RoomScope, ScopeArgs, ScopeMessage};
use crate::router::EventQueue;
use crate::seams::MediaError;
use crate::tasks::AbortOnDrop;

/// Between two tries to close a media room at a worker whose queue is full.
const CLOSE_AGAIN: Duration = Duration::from_millis(10);

/// The actor behind [`Rooms`](super::Rooms).
pub(super) struct Node;

pub(super) struct NodeArgs {
    pub(super) config: RoomsConfig,
    pub(super) seams: Seams,
    pub(super) metrics: Arc<Metrics>,
    pub(super) board: Arc<Board>,
    pub(super) line: Arc<Line>,
}

/// What can be said to the rooms' actor.
pub(crate) enum RoomsMessage {
    /// To a room, waking it if it sleeps.
    Request { request: Box<RoomRequest>, reply: Reply },
    /// To a peer of an awake room.
    PeerRequest { request: Box<PeerRequest>, reply: Reply },
    /// A gateway holds the WebSockets of these seats.
    Renew { renewal: SeatRenewal, reply: Reply },
    /// A room has been empty for a while, having seen so many requests.
    Idle { room: RoomId, taken: u64 },
    /// It is time to look for rooms past their end.
    Sweep,
    /// These rooms are past their end.
    Swept { found: Vec<sweep::Found> },
    /// Try again to close media rooms.
    CloseAgain,
    /// End all rooms in order, then yourself.
    Drain,
    /// Make an actor panic.
    Fault { room: RoomId, target: Target },
}

struct Held {
    scope: ActorRef<ScopeMessage>,
    permits: Arc<Semaphore>,
    _counted: Counted,
}

type Waiting = (Box<RoomCommand>, Reply);

pub(super) struct NodeState {
    config: RoomsConfig,
    here: Here,
    seams: Seams,
    metrics: Arc<Metrics>,
    board: Arc<Board>,
    line: Arc<Line>,
    ids: Arc<Ids>,
    rooms: Registry<Held, Waiting>,
    room_of: HashMap<ActorId, RoomId>,
    /// Rooms whose worker would not take their closing yet.
    unclosed: Vec<RoomId>,
    draining: bool,
    _sweeping: Vec<AbortOnDrop>,
}

impl Actor for Node {
    type Msg = RoomsMessage;
    type State = NodeState;
    type Arguments = NodeArgs;

    async fn pre_start(&self, myself: ActorRef<RoomsMessage>, args: NodeArgs) -> Result<NodeState, ActorProcessingErr> {
        let NodeArgs { config, seams, metrics, board, line } = args;
        myself.send_interval(sweep::EVERY, || RoomsMessage::Sweep);
        Ok(NodeState {
            here: Here { node: config.node.clone(), incarnation: config.incarnation },
            rooms: Registry::new(seams.media.workers()),
            config,
            seams,
            metrics,
            board,
            line,
            ids: Arc::default(),
            room_of: HashMap::new(),
            unclosed: Vec::new(),
            draining: false,
            _sweeping: Vec::new(),
        })
    }

    async fn handle(
        &self,
        myself: ActorRef<RoomsMessage>,
        message: RoomsMessage,
        node: &mut NodeState,
    ) -> Result<(), ActorProcessingErr> {
        match message {
            RoomsMessage::Request { request, reply } => {
                let RoomRequest { room, command, .. } = *request;
                node.request(&myself, room, Box::new(command), reply).await;
            }
            RoomsMessage::PeerRequest { request, reply } => node.peer_request(request, reply),
            RoomsMessage::Renew { renewal, reply } => {
                node.renew(renewal);
                reply.send(Ok(RoomReply::Done));
            }
            RoomsMessage::Idle { room, taken } => {
                if let Some(held) = node.rooms.idle(room, taken) {
                    let _ = held.scope.send_message(ScopeMessage::End { reason: None });
                }
            }
            RoomsMessage::Sweep => node._sweeping = vec![sweep::look(&node.seams, myself)],
            RoomsMessage::Swept { found } => node.swept(&myself, found).await,
            RoomsMessage::CloseAgain => {
                for room in std::mem::take(&mut node.unclosed) {
                    node.ended(&myself, room).await;
                }
            }
            RoomsMessage::Drain => {
                node.draining = true;
                for (_, held) in node.rooms.awake() {
                    let _ = held.scope.send_message(ScopeMessage::ToRoom(RoomMessage::Drain));
                }
                node.stop_if_drained(&myself);
            }
            RoomsMessage::Fault { room, target } => {
                if let Route::Awake(held) = node.rooms.route(room, false) {
                    let _ = held.scope.send_message(ScopeMessage::Fault(target));
                }
            }
        }
        Ok(())
    }

    async fn handle_supervisor_evt(
        &self,
        myself: ActorRef<RoomsMessage>,
        event: SupervisionEvent,
        node: &mut NodeState,
    ) -> Result<(), ActorProcessingErr> {
        let who = match &event {
            SupervisionEvent::ActorFailed(who, error) => {
                tracing::error!(%error, "a room's supervisor failed");
                who
            }
            SupervisionEvent::ActorTerminated(who, _, _) => who,
            _ => return Ok(()),
        };
        if let Some(room) = node.room_of.remove(&who.get_id()) {
            node.ended(&myself, room).await;
        }
        Ok(())
    }
}

impl NodeState {
    async fn request(
        &mut self,
        myself: &ActorRef<RoomsMessage>,
        room: RoomId,
        command: Box<RoomCommand>,
        reply: Reply,
    ) {
        if self.draining {
            return reply.refuse(ErrorCode::OwnerUnavailable);
        }
        // A sleeping room reads its row when it wakes.
        let wakes = !matches!(*command, RoomCommand::Changed);
        if wakes
            && matches!(self.rooms.route(room, false), Route::Asleep)
            && let Err(code) = self.open(myself, room).await
        {
            return reply.refuse(code);
        }
        match self.rooms.route(room, true) {
            Route::Awake(held) => {
                // Who goes frees more than it takes: that is never refused for a room's load.
                let goes = matches!(*command, RoomCommand::Leave { .. } | RoomCommand::Detach { .. });
                let reply = if goes { Some(reply) } else { reply.hold(Bound::Room, &held.permits) };
                if let Some(reply) = reply {
                    let _ = held.scope.send_message(ScopeMessage::Request { command, reply });
                } else {
                    // It never got there, and need not be waited for.
                    let _ = held.scope.send_message(ScopeMessage::Refused);
                }
            }
            Route::Ending => {
                if let Err((_, reply)) = self.rooms.wait(room, (command, reply)) {
                    reply.refuse(ErrorCode::Overloaded);
                }
            }
            Route::Asleep => reply.send(Ok(RoomReply::Done)),
        }
    }

    fn peer_request(&mut self, request: Box<PeerRequest>, reply: Reply) {
        match self.rooms.route(request.room, false) {
            Route::Awake(held) => {
                if let Some(reply) = reply.hold(Bound::Room, &held.permits) {
                    let _ = held.scope.send_message(ScopeMessage::PeerRequest { request, reply });
                }
            }
            Route::Ending | Route::Asleep => reply.refuse(ErrorCode::NotJoined),
        }
    }

    /// Tells each room that is awake which of its seats have been renewed; a sleeping one has none.
    fn renew(&mut self, SeatRenewal { seats, quiet, n }: SeatRenewal) {
        let mut by_room: HashMap<RoomId, Vec<(PeerId, Attachment)>> = HashMap::new();
        for SeatRef { room, peer, attachment } in seats {
            by_room.entry(room).or_default().push((peer, attachment));
        }
        for (room, seats) in by_room {
            if let Route::Awake(held) = self.rooms.route(room, false) {
                let _ = held.scope.send_message(ScopeMessage::ToRoom(RoomMessage::Renewed { seats, quiet, n }));
            }
        }
    }

    /// Wakes a room: its media room first, so that connections find it.
    async fn open(&mut self, myself: &ActorRef<RoomsMessage>, room: RoomId) -> Result<(), ErrorCode> {
        if self.rooms.len() >= self.config.limits.rooms_max {
            return Err(ErrorCode::Overloaded);
        }
        let worker = self.rooms.lightest();
        let events = Arc::new(EventQueue::new(Arc::clone(&self.metrics)));
        let sink: Arc<dyn EventSink> = events.clone();
        self.seams.media.send(worker, Command::OpenRoom { room, sink }).map_err(|error| {
            tracing::warn!(%room, %error, "a media room could not be opened");
            match error {
                MediaError::Overloaded(_) => ErrorCode::Overloaded,
                MediaError::Stopped => ErrorCode::OwnerUnavailable,
            }
        })?;
        let args = ScopeArgs {
            room,
            here: self.here.clone(),
            worker,
            seams: self.seams.clone(),
            metrics: Arc::clone(&self.metrics),
            board: Arc::clone(&self.board),
            line: Arc::clone(&self.line),
            placement: Arc::clone(&self.config.placement),
            ids: Arc::clone(&self.ids),
            rooms: myself.clone(),
            events,
        };
        match Actor::spawn_linked(None, RoomScope, args, myself.get_cell()).await {
            Ok((scope, _)) => {
                self.room_of.insert(scope.get_id(), room);
                let permits = Arc::new(Semaphore::new(self.config.limits.room_requests_max));
                let counted = Counted::one(self.metrics.rooms.clone());
                self.rooms.insert(room, worker, Held { scope, permits, _counted: counted });
                Ok(())
            }
            Err(error) => {
                tracing::error!(%room, %error, "a room's supervisor did not start");
                let _ = self.seams.media.send(worker, Command::CloseRoom { room });
                Err(ErrorCode::OwnerUnavailable)
            }
        }
    }

    /// A room's actors are gone: closes its media room, and begins its next life if someone waits for it.
    async fn ended(&mut self, myself: &ActorRef<RoomsMessage>, room: RoomId) {
        let Some(worker) = self.rooms.ending(room) else { return };
        if self.close_media(worker, room).is_err() {
            if self.unclosed.is_empty() {
                myself.send_after(CLOSE_AGAIN, || RoomsMessage::CloseAgain);
            }
            self.unclosed.push(room);
            return;
        }
        let waiting = self.rooms.remove(room).map(|ended| ended.waiting).unwrap_or_default();
        for (command, reply) in waiting {
            self.request(myself, room, command, reply).await;
        }
        self.stop_if_drained(myself);
    }

    fn close_media(&self, worker: WorkerIndex, room: RoomId) -> Result<(), MediaError> {
        match self.seams.media.send(worker, Command::CloseRoom { room }) {
            Err(MediaError::Stopped) | Ok(()) => Ok(()),
            Err(full) => Err(full),
        }
    }

    async fn swept(&mut self, myself: &ActorRef<RoomsMessage>, found: Vec<sweep::Found>) {
        let mut asleep = Vec::new();
        for sweep::Found { room, endless } in found {
            match self.rooms.route(room, false) {
                Route::Awake(held) => {
                    let _ = held.scope.send_message(ScopeMessage::ToRoom(RoomMessage::Expire));
                }
                Route::Ending => {}
                // Its state gives it an end; what cannot be woken now is found again.
                Route::Asleep if endless && !self.draining => {
                    let _ = self.open(myself, room).await;
                }
                Route::Asleep => asleep.push(room),
            }
        }
        if !asleep.is_empty() {
            self._sweeping.push(sweep::close(&self.seams, asleep));
        }
    }

    fn stop_if_drained(&self, myself: &ActorRef<RoomsMessage>) {
        if self.draining && self.rooms.len() == 0 {
            myself.stop(None);
        }
    }
}
