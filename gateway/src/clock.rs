//! The one place of this crate that reads the time.
//!
//! **Invariant:** everything else is given a [`Clock`]; under [`ManualTime`] nothing here depends on the real time.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use rookery_schemas::ids::UnixMillis;

/// Where the time comes from.
pub trait TimeSource: Send + Sync + 'static {
    /// The wall clock: may be set back.
    fn unix(&self) -> UnixMillis;
    /// Time since some fixed moment: never goes back.
    fn monotonic(&self) -> Duration;
}

/// A time source, shared.
#[derive(Clone)]
pub struct Clock(Arc<dyn TimeSource>);

impl Clock {
    /// The system's clocks.
    #[must_use]
    pub fn system() -> Self {
        Self(Arc::new(SystemTime { started: read_monotonic() }))
    }

    /// Another source.
    #[must_use]
    pub fn of(source: Arc<dyn TimeSource>) -> Self {
        Self(source)
    }

    /// The wall clock, for what is stored or shown.
    #[must_use]
    pub fn now(&self) -> UnixMillis {
        self.0.unix()
    }

    /// Time since some fixed moment, for limits and durations.
    #[must_use]
    pub fn monotonic(&self) -> Duration {
        self.0.monotonic()
    }
}

impl std::fmt::Debug for Clock {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Clock")
    }
}

impl governor::clock::Clock for Clock {
    type Instant = Duration;

    fn now(&self) -> Duration {
        self.monotonic()
    }
}

struct SystemTime {
    started: std::time::Instant,
}

impl TimeSource for SystemTime {
    fn unix(&self) -> UnixMillis {
        read_unix()
    }

    fn monotonic(&self) -> Duration {
        self.started.elapsed()
    }
}

#[expect(clippy::disallowed_methods, reason = "the one read of the monotonic clock")]
fn read_monotonic() -> std::time::Instant {
    std::time::Instant::now()
}

#[expect(clippy::disallowed_methods, reason = "the one read of the wall clock")]
fn read_unix() -> UnixMillis {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    UnixMillis(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
}

/// A time that moves only when told to, for tests. Both clocks move together.
#[derive(Debug)]
pub struct ManualTime {
    started: i64,
    now: AtomicI64,
}

impl ManualTime {
    /// Stands at `at`.
    #[must_use]
    pub fn new(at: UnixMillis) -> Arc<Self> {
        Arc::new(Self { started: at.0, now: AtomicI64::new(at.0) })
    }

    /// Moves on.
    pub fn advance(&self, by: Duration) {
        self.now.fetch_add(i64::try_from(by.as_millis()).unwrap_or(i64::MAX), Ordering::SeqCst);
    }
}

impl TimeSource for ManualTime {
    fn unix(&self) -> UnixMillis {
        UnixMillis(self.now.load(Ordering::SeqCst))
    }

    fn monotonic(&self) -> Duration {
        Duration::from_millis(u64::try_from(self.now.load(Ordering::SeqCst) - self.started).unwrap_or(0))
    }
}
