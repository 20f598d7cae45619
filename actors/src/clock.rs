//! The one place where actors read the time.
//!
//! **Invariant:** only actor shells hold a [`Clock`]; what decides gets [`Now`] as an argument.

use std::time::UNIX_EPOCH;

use rookery_schemas::ids::UnixMillis;
use tokio::time::Instant;

use crate::now::Now;

/// Where shells read the time; tests give one of their own.
pub trait Clock: Send + Sync + 'static {
    /// Both clocks, read together.
    fn now(&self) -> Now;
}

/// The machine's clocks. `elapsed` counts from its making and obeys tokio's paused time in tests.
#[derive(Debug)]
pub struct SystemClock {
    started: Instant,
}

impl SystemClock {
    /// A clock whose `elapsed` is zero now.
    #[must_use]
    pub fn new() -> Self {
        Self { started: Instant::now() }
    }
}

impl Default for SystemClock {
    fn default() -> Self {
        Self::new()
    }
}

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "this is the one read of the wall clock")]
    fn now(&self) -> Now {
        // A wall clock before 1970 is as wrong as any other wrong one: times for people's eyes show it.
        let unix = std::time::SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let unix = UnixMillis(i64::try_from(unix.as_millis()).unwrap_or(i64::MAX));
        Now { elapsed: self.started.elapsed(), unix }
    }
}
