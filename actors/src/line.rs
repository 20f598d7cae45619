//! Whether this node can hear what is sent to it over the bus: it asks itself something, again and again.
//!
//! **Invariant:** [`Line::works_since`] is no earlier than the first answer after the last one that did not come in time, or
//! after a pause of this process.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use parking_lot::Mutex;

use crate::clock::Clock;
use crate::seams::Bus;
use crate::tasks::AbortOnDrop;

/// Between two questions: an outage of twice that is noticed, well before a seat lapses.
const EVERY: Duration = Duration::from_secs(2);

/// How long an answer may take; in a healthy cluster it takes milliseconds.
const PATIENCE: Duration = Duration::from_secs(2);

/// A round that took so much longer than its sleep and its patience says that the process stood still.
const PAUSE: Duration = Duration::from_secs(8);

/// What the asking has shown.
#[derive(Debug, Default)]
pub(crate) struct Line(Mutex<Option<Duration>>);

impl Line {
    /// Since when every question was answered, on the clock's `elapsed`; `None` while they are not.
    pub(crate) fn works_since(&self) -> Option<Duration> {
        *self.0.lock()
    }

    fn heard(&self, now: Duration, answered: bool, paused: bool) {
        let mut since = self.0.lock();
        *since = match *since {
            _ if !answered => None,
            Some(since) if !paused => Some(since),
            _ => Some(now),
        };
    }
}

/// Asks the server of `subject`, which is ourselves, whether it is there, until the guard is dropped.
pub(crate) fn watch(
    line: &Arc<Line>,
    bus: Arc<dyn Bus>,
    clock: Arc<dyn Clock>,
    subject: String,
    question: Bytes,
) -> AbortOnDrop {
    let line = Arc::clone(line);
    AbortOnDrop(tokio::spawn(async move {
        let mut last = clock.now().elapsed;
        loop {
            let asked = async { bus.request(&subject, question.clone(), PATIENCE).await?.await };
            let answered = matches!(tokio::time::timeout(PATIENCE, asked).await, Ok(Ok(_)));
            let now = clock.now().elapsed;
            line.heard(now, answered, now.saturating_sub(last) >= PAUSE);
            last = now;
            tokio::time::sleep(EVERY).await;
        }
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_works_since_the_last_break() {
        let line = Line::default();
        assert_eq!(line.works_since(), None, "not before the first answer");
        for (second, answered, paused, since) in [
            (1, true, false, Some(1)),
            (3, true, false, Some(1)),
            (5, false, false, None),
            (7, false, false, None),
            (9, true, false, Some(9)),
            (11, true, false, Some(9)),
            (60, true, true, Some(60)),
            (62, true, false, Some(60)),
        ] {
            line.heard(Duration::from_secs(second), answered, paused);
            assert_eq!(line.works_since(), since.map(Duration::from_secs), "at {second} s");
        }
    }
}
