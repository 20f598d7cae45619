//! A bus in one process, as small as tests of actors and sockets need it, which remembers what was published.
//!
//! **Invariant:** messages of one subject arrive in the order in which they were sent.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::stream::BoxStream;
use futures_util::{FutureExt, StreamExt};
use parking_lot::Mutex;
use tokio::sync::{mpsc, oneshot};
use tokio_stream::wrappers::ReceiverStream;

use crate::seams::{Answer, Bus, BusError, BusMessage, KvEntry, KvError, PendingAnswer, Revision, Subscription};

type Channels = HashMap<String, Vec<mpsc::Sender<BusMessage>>>;

/// See the module.
#[derive(Debug, Default)]
pub struct ScriptedBus {
    subscribers: Mutex<Channels>,
    servers: Mutex<HashMap<String, mpsc::Sender<BusMessage>>>,
    keys: Mutex<HashMap<(String, String), Bytes>>,
    published: Mutex<Vec<(String, Bytes)>>,
    /// Nothing is taken while set, whatever it is.
    pub down: AtomicBool,
    /// Publishing fails while set.
    pub publishes_fail: AtomicBool,
}

impl ScriptedBus {
    fn up(&self) -> Result<(), BusError> {
        if self.down.load(Ordering::SeqCst) { Err(BusError::Unavailable("down".into())) } else { Ok(()) }
    }

    /// Delivers a message before which `missed` others were dropped.
    pub fn deliver(&self, subject: &str, payload: Bytes, missed: u64) {
        if let Some(all) = self.subscribers.lock().get_mut(subject) {
            all.retain(|subscriber| {
                let message = BusMessage { subject: subject.into(), payload: payload.clone(), missed, answer: None };
                !matches!(subscriber.try_send(message), Err(mpsc::error::TrySendError::Closed(_)))
            });
        }
    }

    /// Everything published so far, with its subject.
    #[must_use]
    pub fn published(&self) -> Vec<(String, Bytes)> {
        self.published.lock().clone()
    }

    /// How many listen to a subject.
    #[must_use]
    pub fn listeners(&self, subject: &str) -> usize {
        self.subscribers.lock().get(subject).map_or(0, |all| all.iter().filter(|one| !one.is_closed()).count())
    }

    /// How many keys a bucket has.
    #[must_use]
    pub fn keys(&self, bucket: &str) -> usize {
        self.keys.lock().keys().filter(|(of, _)| of == bucket).count()
    }
}

#[async_trait]
impl Bus for ScriptedBus {
    async fn publish(&self, subject: &str, payload: Bytes) -> Result<(), BusError> {
        self.up()?;
        if self.publishes_fail.load(Ordering::SeqCst) {
            return Err(BusError::Unavailable("this is a test".into()));
        }
        self.published.lock().push((subject.to_owned(), payload.clone()));
        self.deliver(subject, payload, 0);
        Ok(())
    }

    async fn subscribe(&self, subject: &str) -> Result<Subscription, BusError> {
        self.up()?;
        let (sender, receiver) = mpsc::channel(<dyn Bus>::QUEUE);
        self.subscribers.lock().entry(subject.into()).or_default().push(sender);
        Ok(ReceiverStream::new(receiver).boxed())
    }

    async fn request(&self, subject: &str, payload: Bytes, timeout: Duration) -> Result<PendingAnswer, BusError> {
        self.up()?;
        let nobody = BusError::NoResponders { subject: subject.into() };
        let late = BusError::Timeout { subject: subject.into(), timeout };
        let Some(server) = self.servers.lock().get(subject).cloned() else {
            return Ok(std::future::ready(Err(nobody)).boxed());
        };
        let (sender, receiver) = oneshot::channel();
        let answer = Answer::new(move |bytes| drop(sender.send(bytes)));
        let message = BusMessage { subject: subject.into(), payload, missed: 0, answer: Some(answer) };
        if server.try_send(message).is_err() {
            return Ok(std::future::ready(Err(nobody)).boxed());
        }
        let waiting = async move {
            let answered = async {
                match receiver.await {
                    Ok(bytes) => bytes,
                    Err(_) => std::future::pending().await,
                }
            };
            tokio::time::timeout(timeout, answered).await.map_err(|_| late)
        };
        Ok(waiting.boxed())
    }

    async fn serve(&self, subject: &str) -> Result<Subscription, BusError> {
        let (sender, receiver) = mpsc::channel(<dyn Bus>::QUEUE);
        self.servers.lock().insert(subject.into(), sender);
        Ok(ReceiverStream::new(receiver).boxed())
    }

    async fn kv_get(&self, bucket: &str, key: &str) -> Result<Option<KvEntry>, BusError> {
        self.up()?;
        let value = self.keys.lock().get(&(bucket.into(), key.into())).cloned();
        Ok(value.map(|value| KvEntry { key: key.into(), value: Some(value), revision: Revision(1) }))
    }

    async fn kv_put(
        &self,
        bucket: &str,
        key: &str,
        value: Bytes,
        expected: Option<Revision>,
        _age: Option<Duration>,
    ) -> Result<Revision, KvError> {
        self.up()?;
        assert_eq!(expected, None, "only new keys are written here");
        let mut keys = self.keys.lock();
        let id = (bucket.to_owned(), key.to_owned());
        if keys.contains_key(&id) {
            return Err(KvError::Conflict { key: key.into(), expected, actual: Some(Revision(1)) });
        }
        keys.insert(id, value);
        Ok(Revision(1))
    }

    async fn kv_set(&self, _: &str, _: &str, _: Bytes, _: Option<Duration>) -> Result<Revision, BusError> {
        Err(BusError::Unavailable("not scripted".into()))
    }

    async fn kv_delete(&self, _: &str, _: &str) -> Result<(), BusError> {
        Err(BusError::Unavailable("not scripted".into()))
    }

    async fn kv_watch(&self, _: &str) -> Result<BoxStream<'static, KvEntry>, BusError> {
        Err(BusError::Unavailable("not scripted".into()))
    }
}
