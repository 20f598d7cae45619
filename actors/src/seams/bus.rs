//! Messages between nodes, and small values with an age.
//!
//! **Invariant:** one publisher's messages on one subject arrive in the order in which `publish` or `request` returned, or a
//! gap is announced ([`BusMessage::missed`]); nothing is retried behind the caller's back.

use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::future::BoxFuture;
use futures_util::stream::BoxStream;

/// Why a message did not go, or was not answered.
#[derive(Clone, Debug, thiserror::Error, PartialEq, Eq)]
pub enum BusError {
    /// Nobody serves this subject.
    #[error("nobody serves {subject}")]
    NoResponders {
        /// Where it was sent.
        subject: String,
    },
    /// No answer in time; whether it was handled is not known.
    #[error("no answer from {subject} within {timeout:?}")]
    Timeout {
        /// Where it was sent.
        subject: String,
        /// How long was waited.
        timeout: Duration,
    },
    /// The server cannot be reached, or takes no more.
    #[error("the bus is unavailable: {0}")]
    Unavailable(String),
    /// Not a subject, bucket or key by the rules of [`Bus`]; nothing was sent.
    #[error("{0:?} is no subject, bucket or key")]
    Invalid(String),
}

/// One message as a subscriber or a server of a subject gets it.
pub struct BusMessage {
    /// The whole subject.
    pub subject: String,
    /// The body.
    pub payload: Bytes,
    /// Messages of this subscription that were dropped just before this one, because its queue was full.
    pub missed: u64,
    /// Where the answer goes; `None` for messages that want none.
    pub answer: Option<Answer>,
}

/// The way back of a request. Dropped unused, the asker runs into its time-out.
pub struct Answer(Box<dyn FnOnce(Bytes) + Send>);

impl Answer {
    /// An answer that is delivered by `deliver`, which must not block.
    pub fn new(deliver: impl FnOnce(Bytes) + Send + 'static) -> Self {
        Self(Box::new(deliver))
    }

    /// Sends the answer. An asker that no longer waits is no fault.
    pub fn send(self, payload: Bytes) {
        (self.0)(payload);
    }
}

impl std::fmt::Debug for Answer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Answer")
    }
}

/// Messages of one subject, until dropped. Ends when the bus is closed.
pub type Subscription = BoxStream<'static, BusMessage>;

/// The answer to a request that has been sent.
pub type PendingAnswer = BoxFuture<'static, Result<Bytes, BusError>>;

/// A number that grows with every change of a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Revision(pub u64);

/// A value as it is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KvEntry {
    /// Its key.
    pub key: String,
    /// The value; `None` says that it was deleted (only in watches).
    pub value: Option<Bytes>,
    /// Changes with every write.
    pub revision: Revision,
}

/// Why a value was not written.
#[derive(Clone, Debug, thiserror::Error, PartialEq, Eq)]
pub enum KvError {
    /// The key has another revision than was expected; nothing was written.
    #[error("{key} is at {actual:?}, not at {expected:?}")]
    Conflict {
        /// The key.
        key: String,
        /// What the caller had seen; `None`: no such key.
        expected: Option<Revision>,
        /// What there is.
        actual: Option<Revision>,
    },
    /// The bus failed.
    #[error(transparent)]
    Bus(#[from] BusError),
}

/// Publish, subscribe, request, and key-value with age and compare-and-set.
///
/// A subject is one to eight tokens of `a-z`, `0-9` and `-` joined by dots, at most 200 bytes; there are no wildcards. A
/// bucket is one such token, a key is formed like a subject. Subscribers and servers of one subject do not meet: what is
/// published reaches no server, and what is requested no subscriber.
#[async_trait]
pub trait Bus: Send + Sync + 'static {
    /// Sends to all subscribers of `subject`. Returning is no sign that anyone got it.
    async fn publish(&self, subject: &str, payload: Bytes) -> Result<(), BusError>;

    /// All messages published to `subject` from the moment this returns.
    ///
    /// At most [`Bus::QUEUE`] wait; beyond it the oldest are dropped and the next says how many ([`BusMessage::missed`]).
    async fn subscribe(&self, subject: &str) -> Result<Subscription, BusError>;

    /// Sends to the one server of `subject`. The message is on its way, in order, when this returns; the answer comes from
    /// the returned future, which fails with [`BusError::NoResponders`] at once where nobody serves, and with
    /// [`BusError::Timeout`] after `timeout`.
    async fn request(&self, subject: &str, payload: Bytes, timeout: Duration) -> Result<PendingAnswer, BusError>;

    /// Serves `subject`: the requests to it, until the subscription is dropped.
    ///
    /// A full queue refuses: the asker gets [`BusError::Unavailable`].
    async fn serve(&self, subject: &str) -> Result<Subscription, BusError>;

    /// The value of a key, unless it is older than its bucket's age.
    async fn kv_get(&self, bucket: &str, key: &str) -> Result<Option<KvEntry>, BusError>;

    /// Writes a value if the key is at `expected` (`None`: must not exist). Values expire after `age`, if given.
    async fn kv_put(
        &self,
        bucket: &str,
        key: &str,
        value: Bytes,
        expected: Option<Revision>,
        age: Option<Duration>,
    ) -> Result<Revision, KvError>;

    /// Writes a value whatever is there.
    async fn kv_set(&self, bucket: &str, key: &str, value: Bytes, age: Option<Duration>) -> Result<Revision, BusError>;

    /// Removes a key; no error if it is not there.
    async fn kv_delete(&self, bucket: &str, key: &str) -> Result<(), BusError>;

    /// Every present entry of a bucket, then every change. Expiry is not announced: judge by your own clock.
    ///
    /// A watcher that leaves [`Bus::QUEUE`] changes waiting is ended, since a missed change would not show: watch again.
    async fn kv_watch(&self, bucket: &str) -> Result<BoxStream<'static, KvEntry>, BusError>;
}

impl dyn Bus {
    /// Messages that wait for one subscriber at the most.
    pub const QUEUE: usize = 4_096;
}
