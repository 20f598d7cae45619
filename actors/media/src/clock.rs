//! Monotonic time as a value. The shell reads it once a round; everything else is told what time it is.
//!
//! **Invariant:** [`Clock::now`] is the only place of this crate that reads a clock.

use std::time::{Duration, Instant};

/// A moment, in nanoseconds since an arbitrary fixed one. Never goes back.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Now(u64);

impl Now {
    /// Later than every other moment: "not due".
    pub const NEVER: Self = Self(u64::MAX);

    /// The moment that lies `elapsed` after the fixed one.
    #[must_use]
    pub fn at(elapsed: Duration) -> Self {
        Self(u64::try_from(elapsed.as_nanos()).unwrap_or(u64::MAX))
    }

    /// How long ago `earlier` was; zero if it is not earlier.
    #[must_use]
    pub const fn since(self, earlier: Self) -> Duration {
        Duration::from_nanos(self.0.saturating_sub(earlier.0))
    }

    /// The moment `wait` from now.
    #[must_use]
    pub fn after(self, wait: Duration) -> Self {
        Self(self.0.saturating_add(u64::try_from(wait.as_nanos()).unwrap_or(u64::MAX)))
    }

    /// Nanoseconds since the fixed moment.
    #[must_use]
    pub const fn nanos(self) -> u64 {
        self.0
    }
}

/// Where the shell gets the time from.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Clock {
    start: Instant,
}

impl Clock {
    /// A clock whose fixed moment lies in the past, so that differences near the start need no care.
    #[expect(clippy::disallowed_methods, reason = "the one read of the clock")]
    pub(crate) fn start() -> Self {
        Self { start: Instant::now() }
    }

    /// The time.
    #[expect(clippy::disallowed_methods, reason = "the one read of the clock")]
    pub(crate) fn now(&self) -> Now {
        Now::at(HEAD_START + Instant::now().saturating_duration_since(self.start))
    }
}

/// Any time longer than every interval that is ever subtracted.
const HEAD_START: Duration = Duration::from_secs(60);
