//! Keys and values with a revision and an age.
//!
//! Pure but for its watchers' queues: the time comes in as an argument.
//!
//! **Invariant:** a revision is given once, and a later write has a higher one.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use rookery_actors::seams::{BusError, KvEntry, KvError, Revision};
use tokio::time::Instant;

use super::queue::Queue;

/// Values of one bucket at the most: ten for each of the largest cluster's rooms. One more is refused.
pub const VALUES_MAX: usize = 65_536;

/// All buckets.
#[derive(Default)]
pub(super) struct Values {
    buckets: HashMap<String, Bucket>,
    last: u64,
}

struct Bucket {
    values: HashMap<String, Value>,
    /// Live entries after which those that are over are swept out, so that sweeping costs little for each write.
    sweep_at: usize,
    watchers: Vec<Arc<Queue<KvEntry>>>,
}

struct Value {
    value: Bytes,
    revision: Revision,
    ends_at: Option<Instant>,
}

impl Value {
    fn is_over(&self, now: Instant) -> bool {
        self.ends_at.is_some_and(|ends_at| ends_at <= now)
    }
}

/// Entries of a bucket before it is swept for the first time.
const SWEEP_FIRST: usize = 1_024;

impl Default for Bucket {
    fn default() -> Self {
        Self { values: HashMap::new(), sweep_at: SWEEP_FIRST, watchers: Vec::new() }
    }
}

impl Bucket {
    fn live(&self, key: &str, now: Instant) -> Option<&Value> {
        self.values.get(key).filter(|value| !value.is_over(now))
    }

    fn sweep(&mut self, now: Instant) {
        self.values.retain(|_, value| !value.is_over(now));
        self.sweep_at = self.values.len().saturating_mul(2).max(SWEEP_FIRST);
    }

    /// Tells every watcher; one that is too far behind is ended.
    fn tell(&mut self, entry: &KvEntry) {
        self.watchers.retain(|watcher| {
            let taken = watcher.offer(entry.clone()).is_ok();
            if !taken {
                watcher.close();
            }
            taken
        });
    }
}

fn entry(key: &str, value: &Value) -> KvEntry {
    KvEntry { key: key.to_owned(), value: Some(value.value.clone()), revision: value.revision }
}

impl Values {
    pub(super) fn get(&self, bucket: &str, key: &str, now: Instant) -> Option<KvEntry> {
        let value = self.buckets.get(bucket)?.live(key, now)?;
        Some(entry(key, value))
    }

    /// Writes if the key is at `expected`.
    pub(super) fn put(
        &mut self,
        bucket: &str,
        key: &str,
        value: Bytes,
        expected: Option<Revision>,
        age: Option<Duration>,
        now: Instant,
    ) -> Result<Revision, KvError> {
        let actual = self.get(bucket, key, now).map(|entry| entry.revision);
        if actual != expected {
            return Err(KvError::Conflict { key: key.to_owned(), expected, actual });
        }
        Ok(self.set(bucket, key, value, age, now)?)
    }

    pub(super) fn set(
        &mut self,
        bucket: &str,
        key: &str,
        value: Bytes,
        age: Option<Duration>,
        now: Instant,
    ) -> Result<Revision, BusError> {
        let bucket = self.buckets.entry(bucket.to_owned()).or_default();
        if !bucket.values.contains_key(key) && bucket.values.len() >= bucket.sweep_at.min(VALUES_MAX) {
            bucket.sweep(now);
            if bucket.values.len() >= VALUES_MAX {
                return Err(BusError::Unavailable(format!("the bucket holds {VALUES_MAX} values")));
            }
        }
        self.last = self.last.saturating_add(1);
        let revision = Revision(self.last);
        // An age beyond the clock's range is no age.
        let value = Value { value, revision, ends_at: age.and_then(|age| now.checked_add(age)) };
        bucket.tell(&entry(key, &value));
        bucket.values.insert(key.to_owned(), value);
        Ok(revision)
    }

    pub(super) fn delete(&mut self, bucket: &str, key: &str, now: Instant) {
        let Some(bucket) = self.buckets.get_mut(bucket) else { return };
        // One that is over is gone already for everyone; its watchers judge by their own clock.
        let was = bucket.values.remove(key).is_some_and(|value| !value.is_over(now));
        if was {
            self.last = self.last.saturating_add(1);
            bucket.tell(&KvEntry { key: key.to_owned(), value: None, revision: Revision(self.last) });
        }
    }

    /// What is there, oldest change first, and a queue of what comes.
    pub(super) fn watch(&mut self, bucket: &str, now: Instant) -> (Vec<KvEntry>, Arc<Queue<KvEntry>>) {
        let bucket = self.buckets.entry(bucket.to_owned()).or_default();
        bucket.sweep(now);
        let mut present: Vec<KvEntry> = bucket.values.iter().map(|(key, value)| entry(key, value)).collect();
        present.sort_by_key(|entry| entry.revision);
        let queue = Queue::new();
        bucket.watchers.push(Arc::clone(&queue));
        (present, queue)
    }

    pub(super) fn unwatch(&mut self, bucket: &str, queue: &Arc<Queue<KvEntry>>) {
        let Some(found) = self.buckets.get_mut(bucket) else { return };
        found.watchers.retain(|watcher| !Arc::ptr_eq(watcher, queue));
        if found.watchers.is_empty() && found.values.is_empty() {
            self.buckets.remove(bucket);
        }
    }

    /// Ends every watch and forgets every value.
    pub(super) fn close(&mut self) {
        for bucket in self.buckets.values() {
            for watcher in &bucket.watchers {
                watcher.close();
            }
        }
        self.buckets.clear();
    }
}
