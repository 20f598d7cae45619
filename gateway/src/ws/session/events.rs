//! What comes from the bus: events, personal messages, answers.
//!
//! **Invariant:** an event's body reaches the client as the bytes that the owner made, in the order of the numbers.

use std::time::Duration;

use axum::extract::ws::Utf8Bytes;
use bytes::Bytes;
use futures_util::FutureExt;
use rookery_actors::seams::BusMessage;
use rookery_schemas::bus::{EventFrame, RoomCommand, RoomReply};
use rookery_schemas::error::{ErrorCode, Refusal};
use rookery_schemas::ids::{Attachment, Epoch, PeerId, RoomId};
use rookery_schemas::limits::SERVER_FRAME_BYTES_MAX;
use rookery_schemas::signal::ServerMessage;

use super::super::close::Cut;
use super::super::cursor::Effect;
use super::super::link::{self, Meaning};
use super::super::owners::AskError;
use super::{About, Outcome, Session, Source};

/// The wait before the second refill of a gap; it doubles with each further one.
const REFILL_PAUSE: Duration = Duration::from_millis(250);
/// Doublings of that wait: at most 4 s.
const REFILL_DOUBLINGS_MAX: u32 = 4;

impl Session {
    /// A message for one of the links.
    pub(super) fn heard(&mut self, room: RoomId, source: Source, message: Option<BusMessage>) {
        let Some(message) = message else {
            // The bus has ended: so does this gateway.
            self.cut.get_or_insert(Cut::GoingAway);
            return;
        };
        let missed = message.missed;
        let frame = match EventFrame::decode(message.payload) {
            Ok(frame) => frame,
            Err(error) => {
                tracing::error!(%room, %error, "an event cannot be read");
                return;
            }
        };
        match source {
            Source::Events => {
                let Some(link) = self.links.get_mut(&room) else { return };
                let effects = link.cursor.take(frame, missed);
                self.perform(room, effects);
            }
            Source::Personal => self.personal(room, frame, missed),
        }
    }

    fn personal(&mut self, room: RoomId, frame: EventFrame, missed: u64) {
        let Some(link) = self.links.get_mut(&room) else { return };
        let stale = frame.epoch != Epoch(0) && frame.epoch < link.cursor.epoch();
        if missed > 0 {
            self.say_reattach(room, "messages_missed");
        }
        if stale {
            return;
        }
        let Some(link) = self.links.get_mut(&room) else { return };
        match link::meaning(&frame.body) {
            Meaning::Plain => self.forward(frame.body),
            Meaning::Superseded if link.resuming => link.superseded = Some(frame.body),
            Meaning::Superseded | Meaning::Ended => {
                self.drop_link(room);
                self.forward(frame.body);
            }
        }
    }

    fn perform(&mut self, room: RoomId, effects: Vec<Effect>) {
        for effect in effects {
            match effect {
                Effect::Forward(body) => {
                    let ended = link::ends_room(&body);
                    self.forward(body);
                    if ended {
                        self.drop_link(room);
                        return;
                    }
                }
                Effect::Fill { epoch, after, attempt } => {
                    let Some(link) = self.links.get(&room) else { return };
                    let attachment = link.attachment();
                    let deps = self.deps.clone();
                    deps.metrics.refill();
                    let filling = async move {
                        if let Some(doublings) = attempt.checked_sub(1) {
                            tokio::time::sleep(REFILL_PAUSE * 2_u32.pow(doublings.min(REFILL_DOUBLINGS_MAX))).await;
                        }
                        let command = RoomCommand::Refill { epoch, after };
                        let answer = deps.owners.ask(room, command, deps.config.request_timeout).await;
                        Outcome::Filled { room, attachment, answer }
                    };
                    self.tasks.push(filling.boxed());
                }
            }
        }
    }

    /// Sends a finished body as it is.
    pub(super) fn forward(&mut self, body: Bytes) {
        let bytes = body.len();
        match Utf8Bytes::try_from(body) {
            Ok(body) if bytes <= SERVER_FRAME_BYTES_MAX => self.push(body),
            _ => tracing::error!(bytes, "a frame body is no text, or too large, and was not sent"),
        }
    }

    /// Something asked has come to its end.
    pub(super) fn settled(&mut self, outcome: Outcome) {
        match outcome {
            Outcome::Answered { room, re, about, answer } => {
                self.in_flight = self.in_flight.saturating_sub(1);
                self.answered(room, re, about, answer);
            }
            Outcome::Seated { room, re, resumed, seat } => {
                self.in_flight = self.in_flight.saturating_sub(1);
                self.seated(room, re, resumed, seat);
            }
            Outcome::Standing { signed_in } => match signed_in {
                Ok(true) => {}
                Ok(false) => {
                    self.cut.get_or_insert(Cut::Because(ErrorCode::SignedOut));
                }
                Err(error) => tracing::warn!(%error, "a socket's device could not be looked at"),
            },
            Outcome::Filled { room, attachment, answer } => self.filled(room, attachment, answer),
        }
    }

    fn answered(&mut self, room: RoomId, re: Option<u32>, about: About, answer: Result<ServerMessage, AskError>) {
        match answer {
            Ok(message) => {
                match about {
                    About::Chat(_, since) if matches!(message, ServerMessage::ChatAck(_)) => {
                        self.deps.metrics.chat_acknowledged(self.deps.clock.monotonic().saturating_sub(since));
                    }
                    About::Leave(peer, attachment) => self.left(room, peer, attachment),
                    _ => {}
                }
                if re.is_some() || message != ServerMessage::Ok {
                    self.say(Some(room), re, message);
                }
            }
            Err(error) => self.not_answered(room, re, about, error),
        }
    }

    fn not_answered(&mut self, room: RoomId, re: Option<u32>, about: About, error: AskError) {
        if matches!(error, AskError::Refused(_))
            && let About::Leave(peer, attachment) = about
        {
            self.left(room, peer, attachment);
        }
        let seat = match about {
            About::Room(attachment) | About::Chat(attachment, _) | About::Media(attachment) => Some(attachment),
            About::Store | About::Leave(..) => None,
        };
        let ours = seat.is_some() && self.links.get(&room).map(|link| link.attachment()) == seat;
        let refusal = match (&error, about) {
            // Whether it is stored is not known, and that is what the client has to act on.
            (AskError::Timeout, About::Chat(..)) => Refusal::new(ErrorCode::Unknown),
            _ => Refusal::from(error.clone()),
        };
        let code = refusal.code;
        self.refuse(Some(room), re, refusal);
        if !ours {
            return;
        }
        match (error, about, code) {
            (AskError::Refused(_), _, ErrorCode::Superseded)
                if self.links.get(&room).is_some_and(|link| !link.resuming) =>
            {
                self.drop_link(room);
            }
            (AskError::Refused(_), _, ErrorCode::NotJoined) => self.say_reattach(room, "seat_lost"),
            (AskError::NoResponders, About::Media(_), _) => self.say_reattach(room, "media_node_lost"),
            _ => {}
        }
    }

    fn left(&mut self, room: RoomId, peer: PeerId, attachment: Attachment) {
        self.leaving.retain(|seat| *seat != (room, peer, attachment));
    }

    fn filled(&mut self, room: RoomId, attachment: Attachment, answer: Result<RoomReply, AskError>) {
        let Some(link) = self.links.get_mut(&room).filter(|link| link.attachment() == attachment) else { return };
        let effects = match answer {
            Ok(RoomReply::Events { frames }) => {
                link.cursor.filled(frames.into_iter().filter_map(link::numbered).collect())
            }
            Ok(RoomReply::Snapshot(snapshot)) => match link.cursor.reset(snapshot.epoch, snapshot.n) {
                Some(effects) => {
                    let me = link.sitter.peer;
                    match snapshot.roster.iter().find(|peer| peer.peer == me).map(|peer| peer.role) {
                        Some(role) => {
                            link.attached.role = role;
                            self.say_joined(room, None, *snapshot);
                        }
                        // A new owner knows only who has come back to it.
                        None => self.say_reattach(room, "seat_lost"),
                    }
                    effects
                }
                None => link.cursor.failed(),
            },
            Ok(_) | Err(_) => link.cursor.failed(),
        };
        self.perform(room, effects);
    }

    /// Asks the client to take its seat again, on this same socket; once for each attachment.
    pub(super) fn say_reattach(&mut self, room: RoomId, reason: &str) {
        let Some(link) = self.links.get_mut(&room).filter(|link| !link.reattach_said) else { return };
        link.reattach_said = true;
        tracing::info!(%room, peer = %link.sitter.peer, reason, "told to attach again");
        self.say(Some(room), None, ServerMessage::Reattach { reason: reason.to_owned() });
    }
}
