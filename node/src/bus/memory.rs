//! The bus in memory: subjects with their readers, under one lock that is held for no longer than a delivery.
//!
//! **Invariant:** what is published or requested is in its readers' queues when the call returns, so order is the order of
//! calls.

use std::collections::HashMap;
use std::sync::{Arc, Weak};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::stream::{self, BoxStream};
use futures_util::{FutureExt, StreamExt};
use parking_lot::Mutex;
use rookery_actors::seams::{
    Answer, Bus, BusError, BusMessage, KvEntry, KvError, PendingAnswer, Revision, Subscription,
};
use tokio::sync::{oneshot, watch};
use tokio::time::Instant;

use super::names;
use super::queue::{Item, Queue, Reader};
use super::values::Values;

/// Subscriptions, servers and watches at the most: one for each attached peer and some for each room of a full node. One
/// more is refused.
pub const SUBSCRIPTIONS_MAX: usize = 131_072;

/// A bus for one process. Clones are the same bus.
#[derive(Clone)]
pub struct MemoryBus(Arc<Core>);

struct Core {
    state: Mutex<State>,
    /// True once closed: whoever waits for an answer is told.
    closed: watch::Sender<bool>,
}

#[derive(Default)]
struct State {
    subjects: HashMap<String, Subject>,
    values: Values,
    subscriptions: usize,
    closed: bool,
}

#[derive(Default)]
struct Subject {
    subscribers: Vec<Arc<Queue<BusMessage>>>,
    server: Option<Arc<Queue<BusMessage>>>,
}

/// What a subscription is for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Part {
    Subscriber,
    Server,
}

impl std::fmt::Debug for MemoryBus {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let state = self.0.state.lock();
        f.debug_struct("MemoryBus").field("subscriptions", &state.subscriptions).finish_non_exhaustive()
    }
}

impl Default for MemoryBus {
    fn default() -> Self {
        Self::new()
    }
}

impl MemoryBus {
    /// An empty bus.
    #[must_use]
    pub fn new() -> Self {
        Self(Arc::new(Core { state: Mutex::default(), closed: watch::Sender::new(false) }))
    }

    /// Ends every subscription after what waits in it, and fails whoever waits for an answer and every call from now on.
    pub fn close(&self) {
        self.0.state.lock().close();
        self.0.closed.send_replace(true);
    }

    /// How many subscriptions, servers and watches there are, for metrics.
    #[must_use]
    pub fn subscriptions(&self) -> usize {
        self.0.state.lock().subscriptions
    }

    fn open<T>(&self, act: impl FnOnce(&mut State) -> T) -> Result<T, BusError> {
        let mut state = self.0.state.lock();
        if state.closed { Err(closed()) } else { Ok(act(&mut state)) }
    }

    /// Makes a queue for a subject and returns the stream that reads it.
    fn read(&self, subject: &str, part: Part) -> Result<Subscription, BusError> {
        names::subject(subject)?;
        let queue = Queue::new();
        self.open(|state| {
            state.enter()?;
            let entry = state.subjects.entry(subject.to_owned()).or_default();
            match part {
                Part::Subscriber => entry.subscribers.push(Arc::clone(&queue)),
                // The newest serves, as after a restart: the one before it gets what waits for it, and then its end.
                Part::Server => {
                    if let Some(before) = entry.server.replace(Arc::clone(&queue)) {
                        before.close();
                    }
                }
            }
            Ok::<_, BusError>(())
        })??;
        let core = Arc::downgrade(&self.0);
        let (subject, mine) = (subject.to_owned(), Arc::clone(&queue));
        let leave = move || with(&core, |state| state.leave(&subject, &mine, part));
        let messages = Reader::new(queue, leave).map(|Item { value, missed }| BusMessage { missed, ..value });
        Ok(messages.boxed())
    }
}

/// Acts on the state if the bus is still there.
fn with(core: &Weak<Core>, act: impl FnOnce(&mut State)) {
    if let Some(core) = core.upgrade() {
        act(&mut core.state.lock());
    }
}

fn closed() -> BusError {
    BusError::Unavailable("the bus is closed".into())
}

/// A bus that nobody can publish to any more is closed.
impl Drop for Core {
    fn drop(&mut self) {
        self.state.get_mut().close();
    }
}

impl State {
    fn close(&mut self) {
        self.closed = true;
        for (_, subject) in self.subjects.drain() {
            for queue in subject.subscribers.iter().chain(&subject.server) {
                queue.close();
            }
        }
        self.values.close();
    }

    fn enter(&mut self) -> Result<(), BusError> {
        if self.subscriptions >= SUBSCRIPTIONS_MAX {
            return Err(BusError::Unavailable(format!("there are {SUBSCRIPTIONS_MAX} subscriptions")));
        }
        self.subscriptions += 1;
        Ok(())
    }

    fn leave(&mut self, name: &str, queue: &Arc<Queue<BusMessage>>, part: Part) {
        self.subscriptions = self.subscriptions.saturating_sub(1);
        let Some(subject) = self.subjects.get_mut(name) else { return };
        match part {
            Part::Subscriber => subject.subscribers.retain(|other| !Arc::ptr_eq(other, queue)),
            Part::Server => {
                subject.server.take_if(|server| Arc::ptr_eq(server, queue));
            }
        }
        if subject.subscribers.is_empty() && subject.server.is_none() {
            self.subjects.remove(name);
        }
    }

    /// Puts a request into its server's queue.
    fn ask(&self, subject: &str, payload: Bytes, answer: Answer) -> Result<(), BusError> {
        let server = self.subjects.get(subject).and_then(|subject| subject.server.as_ref());
        let server = server.ok_or_else(|| BusError::NoResponders { subject: subject.to_owned() })?;
        let request = BusMessage { subject: subject.to_owned(), payload, missed: 0, answer: Some(answer) };
        server.offer(request).map_err(|_| BusError::Unavailable(format!("the server of {subject} takes no more")))
    }
}

/// Waits for an answer until `deadline` or the end of the bus.
async fn wait(
    subject: String,
    timeout: Duration,
    deadline: Instant,
    answer: oneshot::Receiver<Bytes>,
    mut ended: watch::Receiver<bool>,
) -> Result<Bytes, BusError> {
    let answered = async {
        match answer.await {
            Ok(payload) => payload,
            // Dropped unused: nobody can know that it will not come.
            Err(_) => std::future::pending().await,
        }
    };
    let ended = async {
        // An error is the end too: the bus was dropped, and its sender with it.
        let _ = ended.wait_for(|ended| *ended).await;
    };
    tokio::select! {
        biased;
        payload = answered => Ok(payload),
        () = ended => Err(closed()),
        () = tokio::time::sleep_until(deadline) => Err(BusError::Timeout { subject, timeout }),
    }
}

#[async_trait]
impl Bus for MemoryBus {
    async fn publish(&self, subject: &str, payload: Bytes) -> Result<(), BusError> {
        names::subject(subject)?;
        self.open(|state| {
            for queue in state.subjects.get(subject).iter().flat_map(|found| &found.subscribers) {
                let (subject, payload) = (subject.to_owned(), payload.clone());
                queue.put(BusMessage { subject, payload, missed: 0, answer: None });
            }
        })
    }

    async fn subscribe(&self, subject: &str) -> Result<Subscription, BusError> {
        self.read(subject, Part::Subscriber)
    }

    async fn request(&self, subject: &str, payload: Bytes, timeout: Duration) -> Result<PendingAnswer, BusError> {
        names::subject(subject)?;
        let (reply, answer) = oneshot::channel();
        // An asker that no longer waits is no fault.
        let reply = Answer::new(move |payload| drop(reply.send(payload)));
        let asked = self.open(|state| state.ask(subject, payload, reply))?;
        let now = Instant::now();
        // A time-out beyond the clock's range is thirty years.
        let deadline = now.checked_add(timeout).unwrap_or_else(|| now + Duration::from_secs(30 * 365 * 86_400));
        Ok(match asked {
            Ok(()) => wait(subject.to_owned(), timeout, deadline, answer, self.0.closed.subscribe()).boxed(),
            Err(refused) => std::future::ready(Err(refused)).boxed(),
        })
    }

    async fn serve(&self, subject: &str) -> Result<Subscription, BusError> {
        self.read(subject, Part::Server)
    }

    async fn kv_get(&self, bucket: &str, key: &str) -> Result<Option<KvEntry>, BusError> {
        names::bucket(bucket)?;
        names::subject(key)?;
        self.open(|state| state.values.get(bucket, key, Instant::now()))
    }

    async fn kv_put(
        &self,
        bucket: &str,
        key: &str,
        value: Bytes,
        expected: Option<Revision>,
        age: Option<Duration>,
    ) -> Result<Revision, KvError> {
        names::bucket(bucket)?;
        names::subject(key)?;
        self.open(|state| state.values.put(bucket, key, value, expected, age, Instant::now()))?
    }

    async fn kv_set(&self, bucket: &str, key: &str, value: Bytes, age: Option<Duration>) -> Result<Revision, BusError> {
        names::bucket(bucket)?;
        names::subject(key)?;
        self.open(|state| state.values.set(bucket, key, value, age, Instant::now()))?
    }

    async fn kv_delete(&self, bucket: &str, key: &str) -> Result<(), BusError> {
        names::bucket(bucket)?;
        names::subject(key)?;
        self.open(|state| state.values.delete(bucket, key, Instant::now()))
    }

    async fn kv_watch(&self, bucket: &str) -> Result<BoxStream<'static, KvEntry>, BusError> {
        names::bucket(bucket)?;
        let (present, queue) = self.open(|state| {
            state.enter()?;
            Ok::<_, BusError>(state.values.watch(bucket, Instant::now()))
        })??;
        let core = Arc::downgrade(&self.0);
        let (bucket, mine) = (bucket.to_owned(), Arc::clone(&queue));
        let leave = move || {
            with(&core, |state| {
                state.subscriptions = state.subscriptions.saturating_sub(1);
                state.values.unwatch(&bucket, &mine);
            });
        };
        let changes = Reader::new(queue, leave).map(|item| item.value);
        Ok(stream::iter(present).chain(changes).boxed())
    }
}
