//! The WebSocket: requests with their answers, everything else as events, and raw frames for those who misbehave on purpose.
//!
//! **Invariant:** every queue is bounded. A slow reader of events is told how many it missed; a full queue towards the
//! server is an error at once, never a wait.

mod connect;

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use futures_util::stream::{SplitSink, SplitStream};
use futures_util::{SinkExt, StreamExt};
use parking_lot::Mutex;
use rookery_schemas::ids::RoomId;
use rookery_schemas::signal::{ClientFrame, ClientMessage, PROTOCOL_VERSION, ServerFrame, ServerMessage};
use tokio::sync::{broadcast, mpsc, oneshot, watch};
use tokio::task::JoinHandle;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::protocol::{CloseFrame, Message, frame::coding::CloseCode};

use crate::Error;
use crate::tls::Trust;

/// Frames queued towards the server: a browser's own buffer is no larger; full is an error.
const OUTBOX_MAX: usize = 256;
/// Events kept for each slow reader; the oldest go first, and the reader is told.
const EVENTS_MAX: usize = 4_096;
/// Requests waiting at once.
const WAITING_MAX: usize = 512;
/// How long a request waits for its answer, unless said otherwise.
pub const REPLY_TIME: Duration = Duration::from_secs(10);

type Stream = WebSocketStream<Box<dyn connect::Bytes>>;
type Waiting = Arc<Mutex<HashMap<u32, oneshot::Sender<ServerFrame>>>>;

/// How to open a socket.
#[derive(Clone, Debug)]
pub struct Opening {
    /// `ws://` or `wss://`, without a query.
    pub url: String,
    /// For `?ticket=`; `None` leaves the query out.
    pub ticket: Option<String>,
    /// The `Origin` field; `None` leaves it out.
    pub origin: Option<String>,
    /// Whom to trust on `wss`.
    pub trust: Trust,
}

/// How a socket ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Closed {
    /// The close frame's code (RFC 6455 section 7.4); `None` if the connection just ended.
    pub code: Option<u16>,
    /// The close frame's reason, or what happened instead.
    pub reason: String,
}

impl std::fmt::Display for Closed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.code {
            Some(code) => write!(f, "{code} {}", self.reason),
            None => f.write_str(&self.reason),
        }
    }
}

/// What a reader of events gets.
pub type Events = broadcast::Receiver<Arc<ServerFrame>>;

/// An open socket; clones are the same one. It closes when the last clone is dropped.
#[derive(Clone)]
pub struct Socket {
    inner: Arc<Inner>,
}

struct Inner {
    outbox: mpsc::Sender<Message>,
    waiting: Waiting,
    events: broadcast::Sender<Arc<ServerFrame>>,
    closed: watch::Receiver<Option<Closed>>,
    reading: watch::Sender<bool>,
    next_id: AtomicU32,
    tasks: [JoinHandle<()>; 2],
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.tasks.iter().for_each(JoinHandle::abort);
    }
}

impl std::fmt::Debug for Socket {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Socket").field("closed", &*self.inner.closed.borrow()).finish_non_exhaustive()
    }
}

impl Socket {
    /// Opens a socket.
    ///
    /// # Errors
    ///
    /// [`Error::Problem`] if the upgrade was refused with one, else what went wrong below.
    pub async fn open(opening: &Opening) -> Result<Self, Error> {
        let (sink, stream) = connect::connect(opening).await?.split();
        let (outbox, outgoing) = mpsc::channel(OUTBOX_MAX);
        let (events, _) = broadcast::channel(EVENTS_MAX);
        let (closed_now, closed) = watch::channel(None);
        let (reading, may_read) = watch::channel(true);
        let waiting = Waiting::default();
        let reader =
            Reader { stream, may_read, waiting: Arc::clone(&waiting), events: events.clone(), closed: closed_now };
        let tasks = [tokio::spawn(write(sink, outgoing)), tokio::spawn(reader.run())];
        let next_id = AtomicU32::new(1);
        Ok(Self { inner: Arc::new(Inner { outbox, waiting, events, closed, reading, next_id, tasks }) })
    }

    /// Everything that is no answer to a request, from now on.
    #[must_use]
    pub fn events(&self) -> Events {
        self.inner.events.subscribe()
    }

    /// Says something and waits for its answer; a refusal is an error.
    ///
    /// # Errors
    ///
    /// [`Error::Refused`], [`Error::Timeout`] after [`REPLY_TIME`], [`Error::Closed`].
    pub async fn request(&self, room: Option<RoomId>, message: ClientMessage) -> Result<ServerFrame, Error> {
        self.begin(room, message)?.wait().await
    }

    /// Says something, and leaves the waiting to the caller: how requests are pipelined.
    ///
    /// # Errors
    ///
    /// [`Error::Closed`], or [`Error::Full`] if too much is waiting.
    pub fn begin(&self, room: Option<RoomId>, message: ClientMessage) -> Result<Reply, Error> {
        let id = self.inner.next_id.fetch_add(1, Ordering::Relaxed);
        let (sender, receiver) = oneshot::channel();
        {
            let mut waiting = self.inner.waiting.lock();
            if waiting.len() >= WAITING_MAX {
                return Err(Error::Full("list of requests"));
            }
            waiting.insert(id, sender);
        }
        let reply = Reply { id, receiver, inner: Arc::clone(&self.inner) };
        self.send_frame(&ClientFrame { v: PROTOCOL_VERSION, id: Some(id), room, message })?;
        Ok(reply)
    }

    /// Says something without wanting an answer.
    ///
    /// # Errors
    ///
    /// [`Error::Closed`] or [`Error::Full`].
    pub fn tell(&self, room: Option<RoomId>, message: ClientMessage) -> Result<(), Error> {
        self.send_frame(&ClientFrame { v: PROTOCOL_VERSION, id: None, room, message })
    }

    /// Sends any frame of the protocol.
    ///
    /// # Errors
    ///
    /// [`Error::Closed`] or [`Error::Full`].
    pub fn send_frame(&self, frame: &ClientFrame) -> Result<(), Error> {
        let text = serde_json::to_string(frame).map_err(|_| Error::Missing("text for this frame"))?;
        self.send_text(text)
    }

    /// Sends any text.
    ///
    /// # Errors
    ///
    /// [`Error::Closed`] or [`Error::Full`].
    pub fn send_text(&self, text: impl Into<String>) -> Result<(), Error> {
        self.put(Message::text(text.into()))
    }

    /// Sends any bytes in a binary frame.
    ///
    /// # Errors
    ///
    /// [`Error::Closed`] or [`Error::Full`].
    pub fn send_binary(&self, bytes: Vec<u8>) -> Result<(), Error> {
        self.put(Message::binary(bytes))
    }

    /// Closes the socket as a browser does; [`Socket::closed`] follows.
    ///
    /// # Errors
    ///
    /// [`Error::Closed`] if it is closed.
    pub fn close(&self) -> Result<(), Error> {
        self.put(Message::Close(Some(CloseFrame { code: CloseCode::Normal, reason: "".into() })))
    }

    /// Cuts the connection without a word, as a lost network does.
    pub fn cut(&self) {
        self.inner.tasks.iter().for_each(JoinHandle::abort);
    }

    /// Stops reading from the network, or goes on: how a slow reader is played.
    pub fn hold_reading(&self, hold: bool) {
        self.inner.reading.send_replace(!hold);
    }

    /// Whether it is closed, and how.
    #[must_use]
    pub fn is_closed(&self) -> Option<Closed> {
        let cut = || Closed { code: None, reason: "cut by this client".to_owned() };
        let known = self.inner.closed.borrow().clone();
        known.or_else(|| self.inner.closed.has_changed().is_err().then(cut))
    }

    /// Waits until it is closed.
    pub async fn closed(&self) -> Closed {
        let mut closed = self.inner.closed.clone();
        match closed.wait_for(Option::is_some).await.map(|value| value.clone()) {
            Ok(Some(closed)) => closed,
            Ok(None) | Err(_) => Closed { code: None, reason: "cut by this client".to_owned() },
        }
    }

    fn put(&self, message: Message) -> Result<(), Error> {
        if let Some(closed) = self.is_closed() {
            return Err(Error::Closed(closed));
        }
        self.inner.outbox.try_send(message).map_err(|refused| match refused {
            mpsc::error::TrySendError::Full(_) => Error::Full("socket"),
            mpsc::error::TrySendError::Closed(_) => {
                Error::Closed(Closed { code: None, reason: "the connection is gone".to_owned() })
            }
        })
    }
}

/// An answer that is still to come. Dropped, the request is forgotten.
#[derive(Debug)]
pub struct Reply {
    id: u32,
    receiver: oneshot::Receiver<ServerFrame>,
    inner: Arc<Inner>,
}

impl std::fmt::Debug for Inner {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Inner")
    }
}

impl Reply {
    /// Waits for it at most [`REPLY_TIME`].
    ///
    /// # Errors
    ///
    /// As [`Socket::request`].
    pub async fn wait(self) -> Result<ServerFrame, Error> {
        self.wait_for(REPLY_TIME).await
    }

    /// Waits for it at most `time`.
    ///
    /// # Errors
    ///
    /// As [`Socket::request`].
    pub async fn wait_for(mut self, time: Duration) -> Result<ServerFrame, Error> {
        let closed = || Closed { code: None, reason: "the connection is gone".to_owned() };
        match tokio::time::timeout(time, &mut self.receiver).await {
            Ok(Ok(ServerFrame { message: ServerMessage::Error(refusal), .. })) => Err(Error::Refused(refusal)),
            Ok(Ok(frame)) => Ok(frame),
            Ok(Err(_)) => Err(Error::Closed(self.inner.closed.borrow().clone().unwrap_or_else(closed))),
            Err(_) => Err(Error::Timeout { what: "answer", after: time }),
        }
    }
}

impl Drop for Reply {
    fn drop(&mut self) {
        self.inner.waiting.lock().remove(&self.id);
    }
}

async fn write(mut sink: SplitSink<Stream, Message>, mut outgoing: mpsc::Receiver<Message>) {
    while let Some(message) = outgoing.recv().await {
        let last = message.is_close();
        // The reader sees the same end, and reports it.
        if sink.send(message).await.is_err() || last {
            break;
        }
    }
}

struct Reader {
    stream: SplitStream<Stream>,
    may_read: watch::Receiver<bool>,
    waiting: Waiting,
    events: broadcast::Sender<Arc<ServerFrame>>,
    closed: watch::Sender<Option<Closed>>,
}

impl Reader {
    async fn run(mut self) {
        let how = loop {
            if self.may_read.wait_for(|may| *may).await.is_err() {
                break Closed { code: None, reason: "dropped by this client".to_owned() };
            }
            match self.stream.next().await {
                Some(Ok(Message::Text(text))) => self.take(text.as_str()),
                Some(Ok(Message::Close(Some(frame)))) => {
                    break Closed { code: Some(frame.code.into()), reason: frame.reason.to_string() };
                }
                Some(Ok(Message::Close(None))) => {
                    break Closed { code: None, reason: "closed without a code".to_owned() };
                }
                Some(Ok(_)) => {}
                Some(Err(error)) => break Closed { code: None, reason: error.to_string() },
                None => break Closed { code: None, reason: "the connection ended".to_owned() },
            }
        };
        // Known before the waiting ones wake, so that they can say why.
        self.closed.send_replace(Some(how));
        self.waiting.lock().clear();
        // Lets the library finish the close handshake and read the server's end of the stream.
        while let Some(Ok(_)) = self.stream.next().await {}
    }

    fn take(&self, text: &str) {
        let frame = match serde_json::from_str::<ServerFrame>(text) {
            Ok(frame) => frame,
            Err(error) => {
                // The protocol only ever adds; a message that cannot be read is a finding, so it is made visible.
                tracing::warn!(%error, bytes = text.len(), "the server said something unknown");
                return;
            }
        };
        let waiting = frame.re.and_then(|id| self.waiting.lock().remove(&id));
        match waiting {
            // A caller that has stopped waiting does not mind.
            Some(waiting) => drop(waiting.send(frame)),
            // Nobody listens yet, or any more: events are for those who do.
            None => drop(self.events.send(Arc::new(frame))),
        }
    }
}
