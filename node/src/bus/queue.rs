//! The queue between a sender and one reader, with its limit.
//!
//! **Invariant:** at most [`QUEUE`] items wait, in the order in which they were put; a closed queue takes nothing more and
//! ends after what waits.

use std::collections::VecDeque;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use futures_util::Stream;
use parking_lot::Mutex;
use rookery_actors::seams::Bus;

/// Items that wait at the most.
pub(super) const QUEUE: usize = <dyn Bus>::QUEUE;

/// Places that an emptied queue keeps: thousands of them are idle at a time, and a burst must not make each large for ever.
const KEPT: usize = 64;

/// An item, and how many were dropped just before it.
pub(super) struct Item<T> {
    pub(super) value: T,
    pub(super) missed: u64,
}

/// The sender's side.
pub(super) struct Queue<T>(Mutex<Inner<T>>);

struct Inner<T> {
    waiting: VecDeque<T>,
    /// Dropped since the reader last took one: always from the front, so they belong before the next.
    missed: u64,
    closed: bool,
    reader: Option<Waker>,
}

impl<T> Queue<T> {
    pub(super) fn new() -> Arc<Self> {
        Arc::new(Self(Mutex::new(Inner { waiting: VecDeque::new(), missed: 0, closed: false, reader: None })))
    }

    /// Puts an item; where the queue is full the oldest makes room.
    pub(super) fn put(&self, value: T) {
        self.change(|inner| {
            if inner.closed {
                return;
            }
            if inner.waiting.len() >= QUEUE {
                inner.waiting.pop_front();
                inner.missed = inner.missed.saturating_add(1);
            }
            inner.waiting.push_back(value);
        });
    }

    /// Puts an item unless the queue is full or closed, and gives it back then.
    pub(super) fn offer(&self, value: T) -> Result<(), T> {
        self.change(|inner| {
            if inner.closed || inner.waiting.len() >= QUEUE {
                return Err(value);
            }
            inner.waiting.push_back(value);
            Ok(())
        })
    }

    /// Takes no more; the reader gets what waits and then the end.
    pub(super) fn close(&self) {
        self.change(|inner| inner.closed = true);
    }

    fn change<R>(&self, change: impl FnOnce(&mut Inner<T>) -> R) -> R {
        let mut inner = self.0.lock();
        let result = change(&mut inner);
        let reader = inner.reader.take();
        drop(inner);
        if let Some(reader) = reader {
            reader.wake();
        }
        result
    }

    fn poll_take(&self, cx: &Context<'_>) -> Poll<Option<Item<T>>> {
        let mut inner = self.0.lock();
        if let Some(value) = inner.waiting.pop_front() {
            let missed = std::mem::take(&mut inner.missed);
            if inner.waiting.is_empty() && inner.waiting.capacity() > KEPT {
                inner.waiting.shrink_to(KEPT);
            }
            return Poll::Ready(Some(Item { value, missed }));
        }
        if inner.closed {
            return Poll::Ready(None);
        }
        inner.reader = Some(cx.waker().clone());
        Poll::Pending
    }
}

/// The reader's side; `leave` runs when it is dropped.
pub(super) struct Reader<T, F: FnOnce()> {
    queue: Arc<Queue<T>>,
    leave: Option<F>,
}

impl<T, F: FnOnce()> Reader<T, F> {
    pub(super) fn new(queue: Arc<Queue<T>>, leave: F) -> Self {
        Self { queue, leave: Some(leave) }
    }
}

impl<T, F: FnOnce() + Unpin> Stream for Reader<T, F> {
    type Item = Item<T>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Item<T>>> {
        self.queue.poll_take(cx)
    }
}

impl<T, F: FnOnce()> Drop for Reader<T, F> {
    fn drop(&mut self) {
        self.queue.close();
        if let Some(leave) = self.leave.take() {
            leave();
        }
    }
}
