//! The one clock that stamps are made and read with.
//!
//! **Invariant:** two readings in one process compare: the epoch is taken once, and never moves.

use std::sync::OnceLock;
use std::time::Instant;

/// Now, as the sans-IO cores take it.
#[must_use]
pub fn now() -> Instant {
    // Tokio's clock, so that tests may pause it.
    tokio::time::Instant::now().into_std()
}

fn epoch() -> Instant {
    static EPOCH: OnceLock<Instant> = OnceLock::new();
    *EPOCH.get_or_init(now)
}

/// Microseconds from this process's epoch to `at`; 0 for anything before it.
#[must_use]
pub fn micros_of(at: Instant) -> u64 {
    u64::try_from(at.saturating_duration_since(epoch()).as_micros()).unwrap_or(u64::MAX)
}

/// Microseconds since this process's epoch.
#[must_use]
pub fn micros() -> u64 {
    // The epoch first: taken after the reading, it would put the first stamp before time began.
    let epoch = epoch();
    u64::try_from(now().saturating_duration_since(epoch).as_micros()).unwrap_or(u64::MAX)
}
