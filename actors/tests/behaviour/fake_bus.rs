//! A bus in memory, which remembers what was published.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::StreamExt;
use futures_util::stream::BoxStream;
use parking_lot::Mutex;
use rookery_actors::seams::{
    Answer, Bus, BusError, BusMessage, KvEntry, KvError, PendingAnswer, Revision, Subscription,
};
use tokio::sync::{mpsc, oneshot};
use tokio_stream::wrappers::ReceiverStream;

#[derive(Default)]
pub(crate) struct FakeBus {
    servers: Mutex<HashMap<String, mpsc::Sender<BusMessage>>>,
    published: Mutex<Vec<(String, Bytes)>>,
    /// Publishing fails while set.
    pub(crate) publishes_fail: AtomicBool,
}

impl FakeBus {
    pub(crate) fn published(&self) -> Vec<(String, Bytes)> {
        self.published.lock().clone()
    }

    fn down() -> BusError {
        BusError::Unavailable("this is a test".into())
    }
}

#[async_trait]
impl Bus for FakeBus {
    async fn publish(&self, subject: &str, payload: Bytes) -> Result<(), BusError> {
        if self.publishes_fail.load(Ordering::Relaxed) {
            return Err(Self::down());
        }
        self.published.lock().push((subject.to_owned(), payload));
        Ok(())
    }

    async fn subscribe(&self, _subject: &str) -> Result<Subscription, BusError> {
        Err(Self::down())
    }

    async fn request(&self, subject: &str, payload: Bytes, timeout: Duration) -> Result<PendingAnswer, BusError> {
        let (answered, answer) = oneshot::channel();
        let deliver = move |body| {
            let _ = answered.send(body);
        };
        let server = self.servers.lock().get(subject).cloned();
        let server = server.ok_or_else(|| BusError::NoResponders { subject: subject.into() })?;
        let subject = subject.to_owned();
        let message = BusMessage { subject: subject.clone(), payload, missed: 0, answer: Some(Answer::new(deliver)) };
        server.try_send(message).map_err(|_| BusError::NoResponders { subject: subject.clone() })?;
        Ok(Box::pin(async move {
            match tokio::time::timeout(timeout, answer).await {
                Ok(Ok(body)) => Ok(body),
                _ => Err(BusError::Timeout { subject, timeout }),
            }
        }))
    }

    async fn serve(&self, subject: &str) -> Result<Subscription, BusError> {
        let (server, requests) = mpsc::channel(<dyn Bus>::QUEUE);
        self.servers.lock().insert(subject.to_owned(), server);
        Ok(ReceiverStream::new(requests).boxed())
    }

    async fn kv_get(&self, _bucket: &str, _key: &str) -> Result<Option<KvEntry>, BusError> {
        Err(Self::down())
    }

    async fn kv_put(
        &self,
        _bucket: &str,
        _key: &str,
        _value: Bytes,
        _expected: Option<Revision>,
        _age: Option<Duration>,
    ) -> Result<Revision, KvError> {
        Err(Self::down().into())
    }

    async fn kv_set(&self, _: &str, _: &str, _: Bytes, _: Option<Duration>) -> Result<Revision, BusError> {
        Err(Self::down())
    }

    async fn kv_delete(&self, _bucket: &str, _key: &str) -> Result<(), BusError> {
        Err(Self::down())
    }

    async fn kv_watch(&self, _bucket: &str) -> Result<BoxStream<'static, KvEntry>, BusError> {
        Err(Self::down())
    }
}

pub(crate) fn new() -> Arc<FakeBus> {
    Arc::default()
}
