//! One seat in one room: what a browser tab does, with everything it learns open to look at.
//!
//! **Invariant:** what the server says is applied in the order it was said, by one task; a client that fell behind its own
//! events says so ([`View::events_missed`]) instead of going on with holes.

mod media;
mod plan;
mod pump;
mod view;

use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use rookery_schemas::ids::{Nonce, PeerId, RoomId, Seq};
use rookery_schemas::rest::Join;
use rookery_schemas::signal::{
    ChatAck, ChatSend, ClientMessage, History, HistoryPage, JoinRoom, Joined, ResumeRoom, ServerFrame, ServerMessage,
    SrtpProfile,
};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use uuid::Uuid;

use crate::rtc::{Media, MediaOptions};
use crate::socket::{Opening, Socket};
use crate::stats::Histogram;
use crate::{Api, Error, clock};

pub use media::Publication;
use media::Publishing;
pub use plan::{Binding, Plan};
pub use view::{Half, Over, View};

/// How a client behaves.
#[derive(Clone, Copy, Debug)]
pub struct ClientOptions {
    /// Its media connections.
    pub media: MediaOptions,
    /// The SRTP profile that `join` and `resume` name; `None`: the one that DTLS offers. Another one is a client that
    /// does not do as it says.
    pub says_srtp: Option<SrtpProfile>,
    /// How often it pings; `None`: never.
    pub ping_every: Option<Duration>,
    /// Whether it answers the server's offers by itself. Without, they only show in the [`View`].
    pub answers_offers: bool,
}

impl Default for ClientOptions {
    fn default() -> Self {
        Self {
            media: MediaOptions::default(),
            says_srtp: None,
            ping_every: Some(Duration::from_millis(500)),
            answers_offers: true,
        }
    }
}

impl ClientOptions {
    fn srtp(&self) -> SrtpProfile {
        self.says_srtp.unwrap_or(self.media.srtp)
    }
}

/// One seat in one room. Dropped, it goes without a word, as a killed browser does; [`Client::leave`] says goodbye.
#[derive(Debug)]
pub struct Client {
    shared: Arc<Shared>,
    tasks: Mutex<Vec<JoinHandle<()>>>,
}

#[derive(Debug)]
struct Shared {
    options: ClientOptions,
    room: RoomId,
    me: PeerId,
    began_us: u64,
    joined_us: u64,
    socket: Mutex<Socket>,
    view: watch::Sender<View>,
    // Two locks, since a browser publishes and subscribes at the same time.
    publishing: tokio::sync::Mutex<Publishing>,
    receiving: tokio::sync::Mutex<Option<Arc<Media>>>,
    ping_us: Mutex<Histogram>,
}

impl Drop for Client {
    fn drop(&mut self) {
        self.tasks.get_mut().iter().for_each(JoinHandle::abort);
    }
}

impl Client {
    /// Joins over REST as whoever `api` is, opens a WebSocket and enters: all that a browser does.
    ///
    /// # Errors
    ///
    /// As the server refuses any of the steps.
    pub async fn enter(api: &Api, room: &str, join: &Join, options: ClientOptions) -> Result<Self, Error> {
        let began_us = clock::micros();
        let joined = api.join(room, join).await?;
        let ticket = match api.token() {
            Some(_) => api.ws_ticket().await?.ticket,
            None => joined.ticket.clone(),
        };
        let opening =
            Opening { url: api.ws_url(), ticket: Some(ticket), origin: Some(api.origin()), trust: api.trust().clone() };
        let socket = Socket::open(&opening).await?;
        Self::join(socket, joined.ticket, options, began_us).await
    }

    /// Enters a room over an open socket with a join's ticket; `began_us` is when the caller began to want that.
    ///
    /// # Errors
    ///
    /// As the server refuses.
    pub async fn join(socket: Socket, ticket: String, options: ClientOptions, began_us: u64) -> Result<Self, Error> {
        let events = socket.events();
        let message = ClientMessage::Join(JoinRoom { ticket, srtp: options.srtp(), direct: false });
        let joined = joined(socket.request(None, message).await?)?;
        let shared = Arc::new(Shared {
            options,
            room: joined.room.id,
            me: joined.peer,
            began_us,
            joined_us: clock::micros(),
            socket: Mutex::new(socket.clone()),
            view: watch::Sender::new(View::of(&joined)),
            publishing: tokio::sync::Mutex::default(),
            receiving: tokio::sync::Mutex::default(),
            ping_us: Mutex::new(Histogram::new()),
        });
        let client = Self { tasks: Mutex::new(Vec::new()), shared };
        client.run(socket, events);
        Ok(client)
    }

    /// Says and pings nothing more, and reads nothing more, but leaves the connection open, as a machine without power does.
    /// The media connections go on; [`Client::set_weather`] ends them.
    pub fn hush(&self) {
        self.tasks.lock().drain(..).for_each(|task| task.abort());
        self.socket().hold_reading(true);
    }

    /// Takes the call up again, over a new socket or the same one.
    ///
    /// Where the media is not kept, both connections are dropped; [`Client::publish`] makes a new one.
    ///
    /// # Errors
    ///
    /// As the server refuses; the client is as it was then.
    pub async fn resume(&self, socket: Socket, keep_media: bool) -> Result<Joined, Error> {
        let events = socket.events();
        let token = self.look(|view| view.resume_token.clone());
        let srtp = self.shared.options.srtp();
        let message = ClientMessage::Resume(ResumeRoom { token, srtp, keep_media, direct: false, link: None });
        let joined = joined(socket.request(None, message).await?)?;
        // The old pump must not apply anything to the new snapshot.
        self.tasks.lock().drain(..).for_each(|task| task.abort());
        if !joined.media_kept {
            let mut publishing = self.shared.publishing.lock().await;
            publishing.media = None;
            publishing.tracks.clear();
            *self.shared.receiving.lock().await = None;
        }
        self.shared.view.send_modify(|view| view.resumed(&joined));
        *self.shared.socket.lock() = socket.clone();
        self.run(socket, events);
        Ok(joined)
    }

    fn run(&self, socket: Socket, events: crate::socket::Events) {
        let mut tasks = self.tasks.lock();
        tasks.push(tokio::spawn(pump::run(Arc::clone(&self.shared), socket.clone(), events)));
        if let Some(every) = self.shared.options.ping_every {
            tasks.push(tokio::spawn(pump::ping(Arc::clone(&self.shared), socket, every)));
        }
    }

    /// The room.
    #[must_use]
    pub fn room(&self) -> RoomId {
        self.shared.room
    }

    /// This client's own id.
    #[must_use]
    pub fn peer(&self) -> PeerId {
        self.shared.me
    }

    /// When entering began and when it was done, us on [`crate::clock`].
    #[must_use]
    pub fn entered_us(&self) -> (u64, u64) {
        (self.shared.began_us, self.shared.joined_us)
    }

    /// Its present socket.
    #[must_use]
    pub fn socket(&self) -> Socket {
        self.shared.socket.lock().clone()
    }

    /// Round trips of its pings, us.
    #[must_use]
    pub fn pings_us(&self) -> Histogram {
        self.shared.ping_us.lock().clone()
    }

    /// Looks at what it knows of the room.
    pub fn look<T>(&self, read: impl FnOnce(&View) -> T) -> T {
        read(&self.shared.view.borrow())
    }

    /// Waits until what it knows is as wanted.
    ///
    /// # Errors
    ///
    /// [`Error::Timeout`] with `what`.
    pub async fn until(
        &self,
        within: Duration,
        what: &'static str,
        wanted: impl FnMut(&View) -> bool,
    ) -> Result<(), Error> {
        let mut view = self.shared.view.subscribe();
        match tokio::time::timeout(within, view.wait_for(wanted)).await {
            Ok(Ok(_)) => Ok(()),
            Ok(Err(_)) | Err(_) => Err(Error::Timeout { what, after: within }),
        }
    }

    /// Says something about this room and waits for the answer.
    ///
    /// # Errors
    ///
    /// As [`Socket::request`].
    pub async fn request(&self, message: ClientMessage) -> Result<ServerMessage, Error> {
        let socket = self.socket();
        Ok(socket.request(Some(self.shared.room), message).await?.message)
    }

    /// Says something that is answered by `ok`.
    ///
    /// # Errors
    ///
    /// As [`Socket::request`].
    pub async fn say(&self, message: ClientMessage) -> Result<(), Error> {
        match self.request(message).await? {
            ServerMessage::Ok => Ok(()),
            other => Err(unexpected("ok", &other)),
        }
    }

    /// Sends a chat message under a fresh nonce and waits until it is stored.
    ///
    /// # Errors
    ///
    /// As [`Socket::request`].
    pub async fn chat_send(&self, text: &str) -> Result<ChatAck, Error> {
        let seen = self.look(|view| view.last_seq);
        self.chat_send_as(Nonce(Uuid::new_v4()), text, seen).await
    }

    /// Sends a chat message under a given nonce, as a retry does.
    ///
    /// # Errors
    ///
    /// As [`Socket::request`].
    pub async fn chat_send_as(&self, nonce: Nonce, text: &str, seen: Seq) -> Result<ChatAck, Error> {
        let message = ClientMessage::ChatSend(ChatSend { nonce, text: text.to_owned(), seen });
        match self.request(message).await? {
            ServerMessage::ChatAck(ack) => Ok(ack),
            other => Err(unexpected("chat_ack", &other)),
        }
    }

    /// A page of history.
    ///
    /// # Errors
    ///
    /// As [`Socket::request`].
    pub async fn history(&self, page: History) -> Result<HistoryPage, Error> {
        match self.request(ClientMessage::History(page)).await? {
            ServerMessage::History(page) => Ok(page),
            other => Err(unexpected("history", &other)),
        }
    }

    /// Leaves for good; the media connections say goodbye too.
    ///
    /// # Errors
    ///
    /// As [`Socket::request`].
    pub async fn leave(&self) -> Result<(), Error> {
        self.say(ClientMessage::Leave).await?;
        let publish = std::mem::take(&mut *self.shared.publishing.lock().await).media;
        let subscribe = self.shared.receiving.lock().await.take();
        for media in [publish, subscribe].into_iter().flatten() {
            // One that has ended already needs no goodbye.
            let _ = media.close().await;
        }
        Ok(())
    }
}

fn joined(frame: ServerFrame) -> Result<Joined, Error> {
    match frame.message {
        ServerMessage::Joined(joined) => Ok(*joined),
        other => Err(unexpected("joined", &other)),
    }
}

/// The wrong answer, by its name alone: its content may be long.
fn unexpected(wanted: &'static str, got: &ServerMessage) -> Error {
    let got = serde_json::to_value(got).ok();
    let got = got.as_ref().and_then(|value| value.get("type")).and_then(|kind| kind.as_str()).unwrap_or("something");
    Error::Reply { wanted, got: got.to_owned() }
}
