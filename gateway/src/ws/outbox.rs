//! What waits to be sent over one socket, and the task that sends it.
//!
//! Overflow policy: a reader for whom too much waits is cut, since dropping single frames would leave it wrong for ever, and
//! waiting for it would hold up its room. Nobody else notices.
//!
//! **Invariant:** frames leave in the order in which they were put in; never more than the configured bytes and frames wait.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::ws::{Message, Utf8Bytes};
use futures_util::{Sink, SinkExt};
use parking_lot::Mutex;
use rookery_schemas::error::ErrorCode;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use super::close::Cut;
use super::config::WsConfig;
use super::metrics::WsMetrics;

/// The session's end of the queue.
#[derive(Clone)]
pub(super) struct Outbox(Arc<Shared>);

/// The end that writes.
pub(super) struct Writer {
    shared: Arc<Shared>,
    metrics: WsMetrics,
    stall_max: Duration,
    close_grace: Duration,
}

struct Shared {
    queue: Mutex<Queue>,
    changed: Notify,
    /// No more time for what is being written now.
    hurry: CancellationToken,
    /// The writer has ended.
    gone: CancellationToken,
    messages_max: usize,
    bytes_max: usize,
}

#[derive(Default)]
struct Queue {
    frames: VecDeque<Utf8Bytes>,
    bytes: usize,
    end: Option<Option<Cut>>,
    unflushed: bool,
}

enum Next {
    Frame(Utf8Bytes),
    Flush,
    End(Option<Cut>),
}

impl Outbox {
    /// An empty queue.
    pub(super) fn new(config: &WsConfig, metrics: WsMetrics) -> (Self, Writer) {
        let shared = Arc::new(Shared {
            queue: Mutex::default(),
            changed: Notify::new(),
            hurry: CancellationToken::new(),
            gone: CancellationToken::new(),
            messages_max: config.queue_messages_max,
            bytes_max: config.queue_bytes_max,
        });
        let writer =
            Writer { shared: shared.clone(), metrics, stall_max: config.stall_max, close_grace: config.close_grace };
        (Self(shared), writer)
    }

    /// Puts a frame in. After the end: nothing.
    ///
    /// # Errors
    /// `slow_reader` where too much waits already; the caller ends the socket then.
    pub(super) fn push(&self, frame: Utf8Bytes) -> Result<(), Cut> {
        {
            let mut queue = self.0.queue.lock();
            if queue.end.is_some() {
                return Ok(());
            }
            let bytes = queue.bytes + frame.as_str().len();
            if bytes > self.0.bytes_max || queue.frames.len() >= self.0.messages_max {
                return Err(Cut::Because(ErrorCode::SlowReader));
            }
            queue.bytes = bytes;
            queue.frames.push_back(frame);
        }
        self.0.changed.notify_one();
        Ok(())
    }

    /// Ends the socket: by `cut`, or because the client did (`None`). What waits is still sent, unless the reader is slow.
    /// The first end counts.
    pub(super) fn end(&self, cut: Option<Cut>) {
        {
            let mut queue = self.0.queue.lock();
            if cut == Some(Cut::Because(ErrorCode::SlowReader)) || cut.is_none() {
                queue.frames.clear();
                queue.bytes = 0;
            }
            queue.end.get_or_insert(cut);
        }
        self.0.hurry.cancel();
        self.0.changed.notify_one();
    }

    /// Returns once nothing can be sent any more.
    pub(super) async fn gone(&self) {
        self.0.gone.cancelled().await;
    }

    /// Why the socket ended, if by our doing.
    pub(super) fn cut(&self) -> Option<Cut> {
        self.0.queue.lock().end.flatten()
    }
}

impl Writer {
    /// Sends until the end.
    pub(super) async fn run<S: Sink<Message> + Unpin>(self, mut sink: S) {
        let _gone = self.shared.gone.clone().drop_guard();
        let cut = loop {
            let sent = match self.next().await {
                Next::Frame(frame) => {
                    self.metrics.message_out();
                    self.patiently(sink.feed(Message::Text(frame))).await
                }
                Next::Flush => self.patiently(sink.flush()).await,
                Next::End(cut) => break cut,
            };
            match sent {
                Ok(Ok(())) => {}
                // The connection is gone: nobody is left to be told.
                Ok(Err(_)) => return,
                Err(Stalled) => break Some(self.stalled()),
            }
        };
        if let Some(cut) = cut {
            let goodbye = sink.send(Message::Close(Some(cut.frame())));
            let _ = tokio::time::timeout(self.close_grace, goodbye).await;
        }
    }

    async fn next(&self) -> Next {
        loop {
            {
                let mut queue = self.shared.queue.lock();
                if let Some(frame) = queue.frames.pop_front() {
                    queue.bytes = queue.bytes.saturating_sub(frame.as_str().len());
                    queue.unflushed = true;
                    return Next::Frame(frame);
                }
                if std::mem::take(&mut queue.unflushed) {
                    return Next::Flush;
                }
                if let Some(cut) = queue.end {
                    return Next::End(cut);
                }
            }
            self.shared.changed.notified().await;
        }
    }

    /// Waits for a write as long as a reader may stall, or, once the end is said, for the grace.
    async fn patiently<T>(&self, write: impl Future<Output = T>) -> Result<T, Stalled> {
        let hurried = async {
            self.shared.hurry.cancelled().await;
            tokio::time::sleep(self.close_grace).await;
        };
        tokio::select! {
            done = write => Ok(done),
            () = tokio::time::sleep(self.stall_max) => Err(Stalled),
            () = hurried => Err(Stalled),
        }
    }

    fn stalled(&self) -> Cut {
        let slow = Cut::Because(ErrorCode::SlowReader);
        let mut queue = self.shared.queue.lock();
        queue.frames.clear();
        queue.bytes = 0;
        queue.end.get_or_insert(Some(slow)).unwrap_or(slow)
    }
}

struct Stalled;

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::sync::mpsc;
    use tokio_util::sync::PollSender;

    fn frame(text: &str) -> Utf8Bytes {
        Utf8Bytes::from(text)
    }

    fn outbox(messages: usize, bytes: usize) -> (Outbox, Writer) {
        let config = WsConfig { queue_messages_max: messages, queue_bytes_max: bytes, ..WsConfig::default() };
        let metrics = crate::metrics::Metrics::new(&prometheus::Registry::new()).unwrap();
        Outbox::new(&config, WsMetrics::new(&metrics).unwrap())
    }

    #[tokio::test]
    async fn what_waits_is_bounded_by_bytes_and_frames() {
        let slow = Err(Cut::Because(ErrorCode::SlowReader));
        let (by_bytes, _writer) = outbox(100, 8);
        assert_eq!(by_bytes.push(frame("12345678")), Ok(()));
        assert_eq!(by_bytes.push(frame("9")), slow);
        let (by_count, _writer) = outbox(2, 100);
        assert_eq!(
            [by_count.push(frame("a")), by_count.push(frame("b")), by_count.push(frame("c"))],
            [Ok(()), Ok(()), slow]
        );
    }

    #[tokio::test]
    async fn everything_said_before_the_end_is_sent_and_nothing_after() {
        let (outbox, writer) = outbox(10, 100);
        let (sink, mut sent) = mpsc::channel(4);
        outbox.push(frame("a")).unwrap();
        outbox.push(frame("b")).unwrap();
        outbox.end(Some(Cut::Because(ErrorCode::Timeout)));
        outbox.end(Some(Cut::GoingAway));
        outbox.push(frame("c")).unwrap();
        writer.run(PollSender::new(sink)).await;
        let goodbye = Message::Close(Some(Cut::Because(ErrorCode::Timeout).frame()));
        for expected in [Some(Message::Text(frame("a"))), Some(Message::Text(frame("b"))), Some(goodbye), None] {
            assert_eq!(sent.recv().await, expected);
        }
        assert_eq!(outbox.cut(), Some(Cut::Because(ErrorCode::Timeout)));
        outbox.gone().await;
    }

    #[tokio::test(start_paused = true)]
    async fn a_reader_that_takes_nothing_is_cut() {
        let (outbox, writer) = outbox(10, 100);
        let (sink, mut sent) = mpsc::channel(1);
        for text in ["a", "b", "c", "d"] {
            outbox.push(frame(text)).unwrap();
        }
        let started = tokio::time::Instant::now();
        writer.run(PollSender::new(sink)).await;
        outbox.gone().await;
        let waited = started.elapsed();
        assert!((Duration::from_secs(10)..Duration::from_secs(14)).contains(&waited), "{waited:?}");
        assert_eq!(outbox.cut(), Some(Cut::Because(ErrorCode::SlowReader)));
        assert_eq!(sent.recv().await, Some(Message::Text(frame("a"))));
    }
}
