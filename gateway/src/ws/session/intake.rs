//! A client's messages: limited, read, and handed to who answers them.
//!
//! **Invariant:** a frame with an `id` is answered exactly once, whatever becomes of it, unless the socket ends before.

use axum::extract::ws::Message;
use futures_util::FutureExt;
use governor::clock::{Clock, DefaultClock};
use rookery_schemas::bus::{PeerRequest, RoomCommand, RoomReply};
use rookery_schemas::error::{ErrorCode, Refusal};
use rookery_schemas::ids::{RequestId, RoomId};
use rookery_schemas::signal::{ClientFrame, ClientMessage, ServerMessage};
use uuid::Uuid;

use super::super::close::Cut;
use super::super::owners::{AskError, Asked};
use super::super::{history, incoming};
use super::{About, LEAVING_MAX, Outcome, Session};

impl Session {
    /// Takes one message of the client, of whatever kind.
    pub(super) async fn incoming(&mut self, message: Message) {
        self.deps.metrics.message_in();
        if let Err(wait) = self.limiter.check() {
            return self.too_fast(&message, wait.wait_time_from(DefaultClock::default().now()));
        }
        self.refused_in_a_row = 0;
        match message {
            Message::Text(text) => match incoming::read(text.as_str()) {
                Ok(frame) => {
                    self.malformed_in_a_row = 0;
                    self.dispatch(frame).await;
                }
                Err(rejected) => self.rejected(rejected),
            },
            Message::Binary(_) => self.rejected(incoming::Rejected {
                re: None,
                room: None,
                refusal: Refusal::because(ErrorCode::Malformed, "Messages are text frames."),
            }),
            Message::Ping(_) | Message::Pong(_) | Message::Close(_) => {}
        }
    }

    /// Over the rate. Refused without being read, but for its id; who goes on all the same is cut.
    fn too_fast(&mut self, message: &Message, wait: std::time::Duration) {
        self.refused_in_a_row += 1;
        if self.refused_in_a_row > self.deps.config.refused_in_a_row_max {
            self.cut.get_or_insert(Cut::Because(ErrorCode::RateLimited));
            return;
        }
        if let Message::Text(text) = message {
            let refusal = Refusal {
                retry_after_ms: Some(u64::try_from(wait.as_millis()).unwrap_or(u64::MAX).max(1)),
                ..Refusal::new(ErrorCode::RateLimited)
            };
            let rejected = incoming::rejected(text.as_str(), refusal);
            self.refuse(rejected.room, rejected.re, rejected.refusal);
        }
    }

    fn rejected(&mut self, rejected: incoming::Rejected) {
        let malformed = rejected.refusal.code == ErrorCode::Malformed;
        self.refuse(rejected.room, rejected.re, rejected.refusal);
        self.malformed_in_a_row = if malformed { self.malformed_in_a_row + 1 } else { 0 };
        if self.malformed_in_a_row >= self.deps.config.malformed_in_a_row_max {
            self.cut.get_or_insert(Cut::Because(ErrorCode::Malformed));
        }
    }

    async fn dispatch(&mut self, frame: ClientFrame) {
        let ClientFrame { v: _, id, room, message } = frame;
        match (room, message) {
            (_, ClientMessage::Ping { at }) => {
                let now = self.deps.clock.now();
                self.say(None, id, ServerMessage::Pong { at, now });
            }
            (room, ClientMessage::Resume(resume)) => self.start_resume(id, room, resume),
            (room, _) if self.who.is_none() => {
                let refusal = Refusal::because(ErrorCode::Unauthorized, "Without a ticket, resume comes first.");
                self.refuse(room, id, refusal);
                self.cut.get_or_insert(Cut::Because(ErrorCode::Unauthorized));
            }
            (room, ClientMessage::Join(join)) => self.start_join(id, room, join),
            (Some(room), message) => self.in_room(id, room, message).await,
            (None, _) => {
                self.refuse(None, id, Refusal::because(ErrorCode::Invalid, "This message has to name its room."));
            }
        }
    }

    async fn in_room(&mut self, id: Option<u32>, room: RoomId, message: ClientMessage) {
        match message {
            ClientMessage::History(_) | ClientMessage::ChatRead { .. } => self.ask_store(id, room, message),
            ClientMessage::IceServers => match self.links.get(&room) {
                Some(link) => {
                    let ice_servers = (self.deps.ice_servers)(&link.sitter.who());
                    self.say(Some(room), id, ServerMessage::IceServers { ice_servers });
                }
                None => self.refuse(Some(room), id, Refusal::new(ErrorCode::NotJoined)),
            },
            message => {
                let Some(link) = self.links.get(&room) else {
                    return self.refuse(Some(room), id, Refusal::new(ErrorCode::NotJoined));
                };
                let (peer, attachment) = (link.sitter.peer, link.attachment());
                let config = &self.deps.config;
                let (command, about, timeout) = match message {
                    ClientMessage::Leave => {
                        self.drop_link(room);
                        if self.leaving.len() >= LEAVING_MAX {
                            self.leaving.remove(0);
                        }
                        self.leaving.push((room, peer, attachment));
                        let about = About::Leave(peer, attachment);
                        (RoomCommand::Leave { peer, attachment }, about, self.deps.config.request_timeout)
                    }
                    ClientMessage::ChatSend(message) => {
                        let about = About::Chat(attachment, self.deps.clock.monotonic());
                        (RoomCommand::Chat { peer, attachment, message }, about, config.chat_timeout)
                    }
                    ClientMessage::Kick { peer: whom } => {
                        let command = RoomCommand::Kick { by: peer, attachment, peer: whom };
                        (command, About::Room(attachment), config.request_timeout)
                    }
                    ClientMessage::CloseRoom => {
                        let command = RoomCommand::Close { by: peer, attachment };
                        (command, About::Room(attachment), config.request_timeout)
                    }
                    ClientMessage::Direct(message) => {
                        let command = RoomCommand::Direct { peer, attachment, message };
                        (command, About::Room(attachment), config.request_timeout)
                    }
                    ClientMessage::DirectFailed { link } => {
                        let command = RoomCommand::DirectFailed { peer, attachment, link };
                        (command, About::Room(attachment), config.request_timeout)
                    }
                    message => {
                        let request = RequestId(Uuid::now_v7());
                        let request = PeerRequest { room, peer, attachment, request, message };
                        let node = link.media_node().clone();
                        let asked = self.deps.owners.send_to_peer(&node, request, config.request_timeout).await;
                        return self.await_answer(id, room, About::Media(attachment), asked);
                    }
                };
                let asked = self.deps.owners.send(room, command, timeout).await;
                self.await_answer(id, room, about, asked);
            }
        }
    }

    /// Lets the answer come as an outcome. What could not even be sent comes the same way.
    fn await_answer(&mut self, re: Option<u32>, room: RoomId, about: About, asked: Result<Asked, AskError>) {
        self.in_flight += 1;
        let answer = async move {
            let answer = match asked {
                Ok(asked) => asked.await.and_then(message_of),
                Err(error) => Err(error),
            };
            Outcome::Answered { room, re, about, answer }
        };
        self.tasks.push(answer.boxed());
    }

    /// History and read markers: for who is inside, and for members.
    fn ask_store(&mut self, re: Option<u32>, room: RoomId, message: ClientMessage) {
        let inside = self.links.contains_key(&room);
        let user = self.who.and_then(|who| who.user.filter(|_| who.signed_in || inside));
        let deps = self.deps.clone();
        self.in_flight += 1;
        let work = async move {
            if !inside {
                let user = user.ok_or_else(|| Refusal::new(ErrorCode::NotJoined))?;
                history::may_read(&*deps.rooms, room, user).await?;
            }
            match message {
                ClientMessage::History(asked) => {
                    history::page(&*deps.chat, room, &asked).await.map(ServerMessage::History)
                }
                ClientMessage::ChatRead { seq } => {
                    let user = user.ok_or_else(|| Refusal::new(ErrorCode::MembersOnly))?;
                    history::read(&*deps.rooms, &*deps.chat, room, user, seq).await.map(|()| ServerMessage::Ok)
                }
                _ => Err(Refusal::new(ErrorCode::Internal)),
            }
        };
        let timeout = self.deps.config.request_timeout;
        let answer = async move {
            let answer = match tokio::time::timeout(timeout, work).await {
                Ok(answer) => answer.map_err(AskError::Refused),
                Err(_) => Err(AskError::Timeout),
            };
            Outcome::Answered { room, re, about: About::Store, answer }
        };
        self.tasks.push(answer.boxed());
    }
}

/// What a reply is to the client.
fn message_of(reply: RoomReply) -> Result<ServerMessage, AskError> {
    match reply {
        RoomReply::Done => Ok(ServerMessage::Ok),
        RoomReply::Message(message) => Ok(message),
        RoomReply::Redirect { .. } => Err(AskError::NoResponders),
        RoomReply::Active { .. } | RoomReply::Attached(_) | RoomReply::Events { .. } | RoomReply::Snapshot(_) => {
            tracing::error!("an answer does not fit what was asked");
            Err(AskError::Refused(Refusal::new(ErrorCode::Internal)))
        }
    }
}
