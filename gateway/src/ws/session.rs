//! One WebSocket from its opening to its end.
//!
//! One task owns the socket's state and does one thing at a time: a client's message, an event from the bus, the outcome of
//! something asked. It waits for no answer in between. A second task writes ([`Writer`]).
//!
//! **Invariant:** whatever ends the socket, every seat taken over it is given back to its owner as detached or left.

mod events;
mod intake;
mod seats;

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use axum::extract::ws::{Message, Utf8Bytes, WebSocket};
use futures_util::future::BoxFuture;
use futures_util::stream::{FuturesUnordered, SplitStream};
use futures_util::{FutureExt, StreamExt, stream};
use governor::{DefaultDirectRateLimiter, Quota, RateLimiter};
use rookery_actors::seams::{BusMessage, StoreError, Subscription};
use rookery_schemas::bus::{RoomCommand, RoomReply};
use rookery_schemas::error::{ErrorCode, Refusal};
use rookery_schemas::ids::{Attachment, FamilyId, PeerId, RequestId, RoomId, UserId};
use rookery_schemas::signal::ServerMessage;
use tokio::time::{Instant, MissedTickBehavior};
use tokio_stream::StreamMap;

use super::WsDeps;
use super::admission::Pass;
use super::chores::mark_seats;
use super::close::Cut;
use super::frames;
use super::link::Link;
use super::outbox::{Outbox, Writer};
use super::owners::AskError;
use super::seat::Seated;

/// Messages of one client that wait for their answers. Beyond it nothing is read until one comes.
const IN_FLIGHT_MAX: usize = 32;
/// How often a detached seat is announced to an owner that cannot be reached or does not take it; a seat that is thought to be
/// connected is never given up before it has lapsed. A minute covers a restarting room and most outages of a store.
const DETACH_ATTEMPTS: u32 = 60;
/// Between those attempts.
const DETACH_PAUSE: Duration = Duration::from_secs(1);
/// A timer that fires later than this: the process was stopped, or starved.
const LATE: Duration = Duration::from_millis(250);
/// Seats left whose owner has not confirmed it; the oldest is forgotten.
const LEAVING_MAX: usize = 64;

/// Who a socket belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Identity {
    /// The account; absent for guests.
    pub(super) user: Option<UserId>,
    /// The account's device, as far as it is known.
    pub(super) family: Option<FamilyId>,
    /// By a ticket of the account itself. A resume token proves a seat, not a session: it opens no other room's history.
    pub(super) signed_in: bool,
}

/// One of a link's two subscriptions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Source {
    Events,
    Personal,
}

/// What became of something asked.
enum Outcome {
    /// A client's message was answered.
    Answered { room: RoomId, re: Option<u32>, about: About, answer: Result<ServerMessage, AskError> },
    /// A seat was taken, or not.
    Seated { room: RoomId, re: Option<u32>, resumed: bool, seat: Result<Box<Seated>, Refusal> },
    /// Whether the device is still signed in.
    Standing { signed_in: Result<bool, StoreError> },
    /// An owner answered for a gap.
    Filled { room: RoomId, attachment: Attachment, answer: Result<RoomReply, AskError> },
}

/// What an answer is about, as far as more follows from it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum About {
    /// Nothing but the answer.
    Store,
    /// Asked of the owner, for this attachment.
    Room(Attachment),
    /// A chat message that arrived then.
    Chat(Attachment, Duration),
    /// Asked of the media node.
    Media(Attachment),
    /// The seat that is left.
    Leave(PeerId, Attachment),
}

/// A socket's state.
pub(super) struct Session {
    deps: Arc<WsDeps>,
    id: RequestId,
    pass: Pass,
    who: Option<Identity>,
    gateways: Arc<[String]>,
    outbox: Outbox,
    limiter: DefaultDirectRateLimiter,
    links: HashMap<RoomId, Link>,
    subscriptions: StreamMap<(RoomId, Source), stream::BoxStream<'static, Option<BusMessage>>>,
    tasks: FuturesUnordered<BoxFuture<'static, Outcome>>,
    in_flight: usize,
    /// Rooms whose seat is being taken.
    seating: HashSet<RoomId>,
    leaving: Vec<(RoomId, PeerId, Attachment)>,
    malformed_in_a_row: u32,
    refused_in_a_row: u32,
    /// Something came from the client lately.
    heard: bool,
    cut: Option<Cut>,
}

impl Session {
    pub(super) fn new(
        deps: Arc<WsDeps>,
        id: RequestId,
        pass: Pass,
        who: Option<Identity>,
        gateways: Arc<[String]>,
    ) -> (Self, Writer) {
        let (outbox, writer) = Outbox::new(&deps.config, deps.metrics.clone());
        let quota = Quota::per_second(deps.config.messages_per_second).allow_burst(deps.config.messages_burst);
        let session = Self {
            id,
            pass,
            who,
            gateways,
            outbox,
            limiter: RateLimiter::direct(quota),
            links: HashMap::new(),
            subscriptions: StreamMap::new(),
            tasks: FuturesUnordered::new(),
            in_flight: 0,
            seating: HashSet::new(),
            leaving: Vec::new(),
            malformed_in_a_row: 0,
            refused_in_a_row: 0,
            heard: true,
            cut: None,
            deps,
        };
        (session, writer)
    }

    /// Serves the socket to its end.
    pub(super) async fn run(mut self, writer: Writer, socket: WebSocket) {
        self.deps.metrics.opened();
        let (sink, mut reader) = socket.split();
        let writing = tokio::spawn(writer.run(sink));
        let cut = self.serve(&mut reader).await;
        self.subscriptions.clear();
        self.outbox.end(cut);
        let grace = self.deps.config.close_grace;
        let outbox_gone = self.outbox.clone();
        // What the client still sends is read and dropped: unread, it would turn our close frame into a reset.
        let goodbye = async {
            outbox_gone.gone().await;
            while reader.next().await.is_some_and(|message| message.is_ok()) {}
        };
        let (metrics, outbox, rooms) = (self.deps.metrics.clone(), self.outbox.clone(), self.links.len());
        // The owners are told at once: a client that takes no goodbye is not there any more.
        let _ = tokio::join!(tokio::time::timeout(2 * grace, goodbye), self.give_back());
        writing.abort();
        let cut = outbox.cut();
        metrics.closed(cut);
        tracing::info!(cut = cut.map(Cut::label), rooms, "socket ended");
    }

    async fn serve(&mut self, reader: &mut SplitStream<WebSocket>) -> Option<Cut> {
        let config = self.deps.config.clone();
        let stop = self.deps.stop.clone();
        let signed_out = self.pass.signed_out();
        let outbox = self.outbox.clone();
        let patience = if self.who.is_some() { config.silence_max } else { config.opening_max };
        let silence = tokio::time::sleep(patience);
        let quiet = tokio::time::sleep(config.quiet_after);
        tokio::pin!(silence, quiet);
        let mut renew = tokio::time::interval_at(Instant::now() + config.resume_token_every, config.resume_token_every);
        renew.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            let may_read = self.in_flight < IN_FLIGHT_MAX;
            // Silence is judged only after a look at what waits, and never by a timer that fires late: then it was us who
            // stood still.
            let read = tokio::select! {
                () = stop.cancelled() => return Some(Cut::GoingAway),
                () = signed_out.cancelled() => return Some(Cut::Because(ErrorCode::SignedOut)),
                () = outbox.gone() => return None,
                () = &mut silence => {
                    let waits = reader.next().now_or_never().filter(|_| may_read);
                    if waits.is_none() && may_read && !late(silence.deadline()) {
                        return Some(Cut::Because(self.silent_too_long()));
                    }
                    silence.as_mut().reset(Instant::now() + patience);
                    waits
                }
                () = &mut quiet, if self.heard => {
                    let waits = reader.next().now_or_never().filter(|_| may_read);
                    if waits.is_none() && may_read && !late(quiet.deadline()) {
                        self.client_is_heard(false);
                    }
                    quiet.as_mut().reset(Instant::now() + config.quiet_after);
                    waits
                }
                read = reader.next(), if may_read => Some(read),
                Some(((room, source), message)) = self.subscriptions.next() => {
                    self.heard(room, source, message);
                    None
                }
                Some(outcome) = self.tasks.next() => {
                    self.settled(outcome);
                    None
                }
                _ = renew.tick() => {
                    self.renew_tokens();
                    self.look_at_device();
                    None
                }
            };
            match read {
                None => {}
                Some(None | Some(Ok(Message::Close(_)))) => return None,
                Some(Some(Err(error))) => return read_error(error),
                Some(Some(Ok(message))) => {
                    quiet.as_mut().reset(Instant::now() + config.quiet_after);
                    self.client_is_heard(true);
                    let complete = matches!(message, Message::Text(_));
                    self.incoming(message).await;
                    if complete && self.who.is_some() {
                        silence.as_mut().reset(Instant::now() + config.silence_max);
                    }
                }
            }
            if let Some(cut) = self.cut {
                return Some(cut);
            }
        }
    }

    /// Tells the owners of this socket's seats that the client has fallen silent, or is heard again.
    fn client_is_heard(&mut self, heard: bool) {
        if std::mem::replace(&mut self.heard, heard) != heard {
            let seats = self.links.values().map(|link| link.held.seat).collect();
            mark_seats(&self.deps, seats, heard);
        }
    }

    fn silent_too_long(&self) -> ErrorCode {
        if self.who.is_some() { ErrorCode::Timeout } else { ErrorCode::Unauthorized }
    }

    /// Sends a frame, or ends the socket where too much waits already.
    fn push(&mut self, frame: Utf8Bytes) {
        if let Err(cut) = self.outbox.push(frame) {
            self.cut.get_or_insert(cut);
        }
    }

    fn say(&mut self, room: Option<RoomId>, re: Option<u32>, message: ServerMessage) {
        self.push(frames::frame(room, re, message));
    }

    fn refuse(&mut self, room: Option<RoomId>, re: Option<u32>, refusal: Refusal) {
        self.deps.metrics.error(refusal.code);
        self.push(frames::error(room, re, refusal));
    }

    /// Starts listening for a link. The end of a stream is the end of the bus, which is heard as `None`.
    fn listen(&mut self, room: RoomId, source: Source, subscription: Subscription) {
        let whole = subscription.map(Some).chain(stream::once(std::future::ready(None)));
        self.subscriptions.insert((room, source), whole.boxed());
    }

    fn insert_link(&mut self, room: RoomId, link: Link) {
        if self.links.insert(room, link).is_none() {
            self.deps.metrics.seats_changed(1);
        }
    }

    fn drop_link(&mut self, room: RoomId) -> Option<Link> {
        self.subscriptions.remove(&(room, Source::Events));
        self.subscriptions.remove(&(room, Source::Personal));
        let link = self.links.remove(&room);
        if link.is_some() {
            self.deps.metrics.seats_changed(-1);
        }
        link
    }

    /// Tells the owners that nobody sits on this socket's seats any more.
    async fn give_back(mut self) {
        let deadline = Instant::now() + 4 * self.deps.config.request_timeout;
        let mut seats: Vec<(RoomId, RoomCommand)> = Vec::new();
        // Seats that are just being taken are waited for: an owner that gave one must hear that it is empty.
        while !self.seating.is_empty() {
            let Ok(Some(outcome)) = tokio::time::timeout_at(deadline, self.tasks.next()).await else { break };
            if let Outcome::Seated { room, seat, .. } = outcome {
                self.seating.remove(&room);
                if let Ok(seated) = seat {
                    let (peer, attachment) = (seated.sitter.peer, seated.attached.attachment);
                    seats.push((room, RoomCommand::Detach { peer, attachment }));
                }
            }
        }
        self.deps.metrics.seats_changed(-i64::try_from(self.links.len()).unwrap_or(0));
        for (room, link) in self.links.drain() {
            seats.push((room, RoomCommand::Detach { peer: link.sitter.peer, attachment: link.attachment() }));
        }
        for (room, peer, attachment) in self.leaving.drain(..) {
            seats.push((room, RoomCommand::Leave { peer, attachment }));
        }
        let Self { deps, pass, .. } = self;
        drop(pass);
        let mut told: FuturesUnordered<_> =
            seats.into_iter().map(|(room, command)| tell_owner(&deps, room, command)).collect();
        while told.next().await.is_some() {}
    }
}

pub(super) async fn tell_owner(deps: &WsDeps, room: RoomId, command: RoomCommand) {
    for attempt in 1..=DETACH_ATTEMPTS {
        match deps.owners.ask(room, command.clone(), deps.config.request_timeout).await {
            Ok(_) => return,
            Err(AskError::Refused(refusal)) if settles_detach(refusal.code) => return,
            Err(error) => tracing::debug!(%room, attempt, ?error, "an owner did not hear that a socket ended"),
        }
        tokio::time::sleep(DETACH_PAUSE).await;
    }
    tracing::error!(%room, "an owner could not be told that a socket ended; its seat lapses");
}

/// Whether a refusal says that there is no such seat to detach. Anything else is a room that cannot act now: it is asked again.
fn settles_detach(code: ErrorCode) -> bool {
    matches!(
        code,
        ErrorCode::NotJoined
            | ErrorCode::Superseded
            | ErrorCode::PeerNotFound
            | ErrorCode::RoomNotFound
            | ErrorCode::RoomClosed
            | ErrorCode::RoomExpired
            | ErrorCode::Banned
    )
}

/// Whether a timer fires so late that this process cannot have been running.
fn late(deadline: Instant) -> bool {
    Instant::now().saturating_duration_since(deadline) >= LATE
}

/// Why reading failed: a frame beyond all bounds, a breach of the protocol, or a connection that is gone.
fn read_error(error: axum::Error) -> Option<Cut> {
    use tokio_tungstenite::tungstenite::Error;
    use tokio_tungstenite::tungstenite::error::ProtocolError;
    match error.into_inner().downcast::<Error>().map(|error| *error) {
        // The connection ended without a close frame: a lost network, a killed browser.
        Ok(Error::Protocol(ProtocolError::ResetWithoutClosingHandshake)) => None,
        Ok(Error::Capacity(_)) => Some(Cut::Because(ErrorCode::TooLarge)),
        Ok(Error::Protocol(_) | Error::Utf8(_)) => Some(Cut::Because(ErrorCode::Malformed)),
        _ => None,
    }
}
