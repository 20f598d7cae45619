//! The room as an actor: it takes requests, asks the store through its workers, and tells peers and gateways.
//!
//! **Invariant:** every decision is [`state`]'s; `handle` waits for nothing, and whatever it began ends with it.

mod activation;
mod chat;
mod chat_writer;
mod desk;
mod effect;
mod events;
mod roster;
mod state;
mod stores;
mod takeover;
mod tickets;
mod waking;

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Duration;

use ractor::{Actor, ActorProcessingErr, ActorRef};
use rookery_schemas::bus::{RoomAnswer, RoomCommand, RoomReply};
use rookery_schemas::error::{ErrorCode, Refusal};
use rookery_schemas::ids::{Attachment, PeerId, TrackId};
use rookery_schemas::signal::{ServerMessage, SpeakerLevel};
use tracing::Instrument;

use crate::env::RoomEnv;
use crate::metrics::{Counted, kind};
use crate::now::Now;
use crate::presence::{NAMES_MAX, Presence};
use crate::reply::Reply;
use crate::room_scope::ScopeMessage;
use crate::tasks::AbortOnDrop;
use activation::{ActivationError, activate};
use chat::BatchOutcome;
use chat_writer::ChatWriter;
use desk::Desk;
use effect::{Activation, AskId, DeskResult, Effect};
use state::RoomState;
use waking::{Ready, Waking};

pub(crate) use activation::Claim;
pub(crate) use effect::{PeerFact, PeerReport, Seated, Seating};
pub(crate) use roster::MediaHealth;
pub(crate) use state::Here;

/// The room's own clock: seats, waits and ends are judged this often.
const TICK: Duration = Duration::from_secs(1);

/// How long a room that starts anew waits for its peers' reports; each is one message away.
const REPORTS_WAIT: Duration = Duration::from_millis(500);

/// Between two tries to wake a room that has people inside, while the store fails.
const WAKE_RETRY: Duration = Duration::from_secs(1);

/// Why peers of a room that moved are asked to attach again.
pub(crate) const ROOM_MOVED: &str = "the room moved to another server";

/// One room: its owner's side.
pub(crate) struct Room;

/// What a room starts from.
pub(crate) struct RoomArgs {
    pub(crate) env: Arc<RoomEnv>,
    /// Peers that outlived the last actor of this room.
    pub(crate) peers: HashMap<PeerId, Attachment>,
    /// On what grounds it is claimed.
    pub(crate) grounds: Claim,
}

/// What can be said to a [`Room`].
pub(crate) enum RoomMessage {
    /// A gateway asks.
    Request { command: Box<RoomCommand>, reply: Reply },
    /// A peer's actor tells a room that starts anew what it knows.
    Report(Box<PeerReport>),
    /// A peer's actor has news.
    Fact { peer: PeerId, born: Attachment, fact: PeerFact },
    /// A peer's actor failed.
    PeerFailed { peer: PeerId, born: Attachment, attachment: Attachment },
    /// Who is heard.
    Speakers { levels: Vec<SpeakerLevel>, active: Option<TrackId> },
    /// The store has been read, or could not be.
    Woken(Result<Box<Activation>, ActivationError>),
    /// Peers that have not reported yet are not waited for any longer.
    ReportsDue,
    /// Wake again after a failure.
    WakeAgain,
    /// The desk has done something.
    Desk(DeskResult),
    /// The writer is done with a batch.
    Written { number: u64, outcome: BatchOutcome },
    /// A gateway holds the WebSockets of these seats.
    Renewed { seats: Vec<(PeerId, Attachment)>, quiet: bool, n: u64 },
    /// A second has passed.
    Tick,
    /// The sweep has found that the room's end has come.
    Expire,
    /// The node goes away.
    Drain,
    /// Panic, for tests of what that costs.
    Fault,
}

/// The shell's own state.
pub(crate) struct Running {
    env: Arc<RoomEnv>,
    phase: Phase,
    asks: BTreeMap<AskId, Ask>,
    asked: u64,
    desk: Desk,
    writer: Option<ChatWriter>,
    presence: Presence,
    drain: bool,
    grounds: Claim,
    _waking: Option<AbortOnDrop>,
    _alive: Counted,
}

enum Phase {
    Waking(Box<Waking>),
    Awake(Box<RoomState>),
}

struct Ask {
    reply: Reply,
    about: About,
}

/// What is measured when a request is answered.
#[derive(Clone, Copy, PartialEq, Eq)]
enum About {
    Join,
    Resume,
    Chat,
    Other,
}

impl Actor for Room {
    type Msg = RoomMessage;
    type State = Running;
    type Arguments = RoomArgs;

    async fn pre_start(&self, myself: ActorRef<RoomMessage>, args: RoomArgs) -> Result<Running, ActorProcessingErr> {
        let RoomArgs { env, peers, grounds } = args;
        if !peers.is_empty() {
            myself.send_after(REPORTS_WAIT, || RoomMessage::ReportsDue);
        }
        myself.send_interval(TICK, || RoomMessage::Tick);
        let presence = Presence::new(Arc::clone(&env.board), env.room, env.metrics.peers.clone());
        Ok(Running {
            phase: Phase::Waking(Box::new(Waking::new(peers))),
            asks: BTreeMap::new(),
            asked: 0,
            desk: Desk::start(&env, myself.clone()),
            writer: None,
            presence,
            drain: false,
            _waking: Some(wake(&env, grounds, myself)),
            grounds,
            _alive: env.metrics.actor(kind::ROOM),
            env,
        })
    }

    async fn handle(
        &self,
        myself: ActorRef<RoomMessage>,
        message: RoomMessage,
        running: &mut Running,
    ) -> Result<(), ActorProcessingErr> {
        let env = Arc::clone(&running.env);
        let _span = env.span.enter();
        let now = env.now();
        match &mut running.phase {
            Phase::Waking(_) => running.while_waking(now, &myself, message),
            Phase::Awake(_) => running.while_awake(now, message),
        }
    }
}

fn wake(env: &Arc<RoomEnv>, grounds: Claim, room: ActorRef<RoomMessage>) -> AbortOnDrop {
    let env = Arc::clone(env);
    let span = env.span.clone();
    let waking = async move {
        let woken = activate(&env, grounds).await.map(Box::new);
        // A room that has ended needs no waking.
        let _ = room.send_message(RoomMessage::Woken(woken));
    };
    AbortOnDrop(tokio::spawn(waking.instrument(span)))
}

impl Running {
    fn while_waking(
        &mut self,
        now: Now,
        myself: &ActorRef<RoomMessage>,
        message: RoomMessage,
    ) -> Result<(), ActorProcessingErr> {
        let Phase::Waking(waking) = &mut self.phase else { return Ok(()) };
        match message {
            RoomMessage::Request { command, reply } => {
                let ask = keep(&mut self.asks, &mut self.asked, &command, reply);
                waking.request(ask, *command);
            }
            RoomMessage::Report(report) => waking.report(*report),
            RoomMessage::Fact { peer, born, fact } => waking.fact(peer, born, fact),
            RoomMessage::PeerFailed { peer, attachment, .. } => {
                waking.peer_failed(peer);
                let reason = "the server lost this connection".to_owned();
                self.env.herald.personal(peer, attachment, ServerMessage::Reattach { reason });
            }
            RoomMessage::ReportsDue => waking.reports_due(),
            RoomMessage::Woken(Ok(found)) => {
                self.writer = Some(ChatWriter::start(&self.env, self.env.owner_row(found.epoch), myself.clone()));
                waking.found(*found);
            }
            RoomMessage::Woken(Err(error)) => self.not_woken(myself, &error),
            RoomMessage::WakeAgain => self._waking = Some(wake(&self.env, self.grounds, myself.clone())),
            RoomMessage::Drain => self.drain = true,
            RoomMessage::Fault => fault(),
            RoomMessage::Speakers { .. }
            | RoomMessage::Desk(_)
            | RoomMessage::Written { .. }
            | RoomMessage::Renewed { .. }
            | RoomMessage::Tick
            | RoomMessage::Expire => {}
        }
        let Phase::Waking(waking) = &mut self.phase else { return Ok(()) };
        match waking.ready() {
            Some(ready) => self.awake(now, ready),
            None => Ok(()),
        }
    }

    fn awake(&mut self, now: Now, ready: Ready) -> Result<(), ActorProcessingErr> {
        let Ready { found, reports, requests } = ready;
        let mut out = Vec::new();
        let mut room = RoomState::wake(self.env.here.clone(), found, reports, now, &mut out)?;
        if self.drain {
            room.drain(now, &mut out);
        }
        for (ask, command) in requests {
            room.command(now, ask, command, &mut out)?;
        }
        self.phase = Phase::Awake(Box::new(room));
        self.perform(now, out)
    }

    fn not_woken(&mut self, myself: &ActorRef<RoomMessage>, error: &ActivationError) {
        let Phase::Waking(waking) = &mut self.phase else { return };
        tracing::warn!(error = error as &dyn std::error::Error, "the room cannot be woken");
        let answer = match error {
            ActivationError::Elsewhere(node) => Ok(RoomReply::Redirect { node: node.clone() }),
            other => Err(other.refusal()),
        };
        let requests = waking.take_requests();
        let has_peers = waking.has_peers();
        for (ask, _) in requests {
            self.answer(ask, answer.clone());
        }
        match error {
            // Calls go on while the store is away.
            ActivationError::Store(_) | ActivationError::Contended if has_peers && !self.drain => {
                myself.send_after(WAKE_RETRY, || RoomMessage::WakeAgain);
            }
            _ => self.env.tell_scope(ScopeMessage::End { reason: has_peers.then_some(ROOM_MOVED) }),
        }
    }

    fn while_awake(&mut self, now: Now, message: RoomMessage) -> Result<(), ActorProcessingErr> {
        let Phase::Awake(room) = &mut self.phase else { return Ok(()) };
        let mut out = Vec::new();
        match message {
            RoomMessage::Request { command, reply } => {
                let ask = keep(&mut self.asks, &mut self.asked, &command, reply);
                room.command(now, ask, *command, &mut out)?;
            }
            RoomMessage::Fact { peer, born, fact } => room.fact(now, peer, born, fact, &mut out)?,
            RoomMessage::PeerFailed { peer, born, .. } => room.peer_failed(now, peer, born, &mut out)?,
            RoomMessage::Speakers { levels, active } => room.speakers(levels, active, &mut out)?,
            RoomMessage::Desk(result) => room.desk_did(now, result, &mut out)?,
            RoomMessage::Written { number, outcome } => room.written(now, number, outcome, &mut out)?,
            RoomMessage::Renewed { seats, quiet, n } => room.renewed(now, &seats, (n, quiet), &mut out)?,
            RoomMessage::Tick => room.tick(now, self.env.line.works_since(), &mut out)?,
            RoomMessage::Expire => room.swept(now, &mut out),
            RoomMessage::Drain => room.drain(now, &mut out),
            RoomMessage::Fault => fault(),
            // Late echoes of waking.
            RoomMessage::Report(_) | RoomMessage::Woken(_) | RoomMessage::ReportsDue | RoomMessage::WakeAgain => {}
        }
        self.perform(now, out)
    }

    fn perform(&mut self, now: Now, effects: Vec<Effect>) -> Result<(), ActorProcessingErr> {
        for effect in effects {
            match effect {
                Effect::Answer { ask, answer } => self.answer(ask, *answer),
                Effect::Publish(frame) => self.env.herald.event(&frame),
                Effect::Personal { peer, attachment, message } => self.env.herald.personal(peer, attachment, *message),
                Effect::Seat(seating) => {
                    let Seated { info, attachment, .. } = &seating.seated;
                    tracing::info!(peer = %info.peer, %attachment, "peer is seated");
                    self.env.tell_scope(ScopeMessage::Seat(seating));
                }
                Effect::Seated(seated) => self.env.tell_scope(ScopeMessage::Seated(seated)),
                Effect::Unseat { peer } => {
                    tracing::info!(%peer, "peer is out");
                    self.env.tell_scope(ScopeMessage::Unseat { peer });
                }
                Effect::Catalogue(catalogue) => self.env.tell_scope(ScopeMessage::Catalogue(catalogue)),
                Effect::Desk(op) => {
                    if let Err(refused) = self.desk.give(op) {
                        self.while_awake(now, RoomMessage::Desk(refused))?;
                    }
                }
                Effect::Append(batch) => {
                    let number = batch.number;
                    if self.writer.as_ref().is_none_or(|writer| writer.give(batch).is_err()) {
                        let outcome = BatchOutcome::NothingWritten;
                        self.while_awake(now, RoomMessage::Written { number, outcome })?;
                    }
                }
                Effect::Presence => self.show_presence(),
                Effect::Idle => self.env.tell_scope(ScopeMessage::Idle),
                Effect::Drained => self.env.tell_scope(ScopeMessage::End { reason: None }),
                Effect::StepDown => {
                    tracing::warn!("the room has another owner");
                    self.env.tell_scope(ScopeMessage::End { reason: Some(ROOM_MOVED) });
                }
            }
        }
        Ok(())
    }

    fn show_presence(&mut self) {
        if let Phase::Awake(room) = &self.phase {
            self.presence.set(room.peers(), room.names(NAMES_MAX));
        }
    }

    fn answer(&mut self, id: AskId, answer: RoomAnswer) {
        let Some(Ask { reply, about }) = self.asks.remove(&id) else { return };
        let code = answer.as_ref().map_or_else(|refusal: &Refusal| refusal.code.as_str(), |_| "ok");
        let joins = &self.env.metrics.joins;
        match about {
            About::Join => joins.with_label_values(&["join", code]).inc(),
            About::Resume => joins.with_label_values(&["resume", code]).inc(),
            About::Chat if answer.is_ok() => {
                self.env.metrics.acknowledged(self.env.now().elapsed.saturating_sub(reply.taken_at));
            }
            About::Chat | About::Other => {}
        }
        reply.send(answer);
    }
}

fn keep(asks: &mut BTreeMap<AskId, Ask>, asked: &mut u64, command: &RoomCommand, reply: Reply) -> AskId {
    let about = match command {
        RoomCommand::Join { .. } => About::Join,
        RoomCommand::Resume { .. } => About::Resume,
        RoomCommand::Chat { .. } => About::Chat,
        _ => About::Other,
    };
    *asked += 1;
    let ask = AskId(*asked);
    asks.insert(ask, Ask { reply, about });
    ask
}

/// What a request of this kind is answered with if its actor fails.
pub(crate) fn fallback(command: &RoomCommand) -> ErrorCode {
    match command {
        // It may have been stored.
        RoomCommand::Chat { .. } => ErrorCode::Unknown,
        _ => ErrorCode::OwnerUnavailable,
    }
}

/// Panics, as a mistake of ours would.
#[expect(clippy::panic, reason = "reached only by injection: what a panic costs is what is tested")]
pub(crate) fn fault() {
    panic!("injected fault");
}
