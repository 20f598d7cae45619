//! An instant as an argument: what decides never reads a clock.
//!
//! **Invariant:** a plain value; nothing here can tell the time.

use std::time::Duration;

use rookery_schemas::ids::UnixMillis;

/// One reading of the node's two clocks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Now {
    /// Time since some fixed instant of this process; never steps. For deadlines.
    pub elapsed: Duration,
    /// The wall clock. It may step: for what people read and for what outlives a process.
    pub unix: UnixMillis,
}

impl Now {
    /// The wall clock `later` from now.
    #[must_use]
    pub fn unix_after(self, later: Duration) -> UnixMillis {
        self.unix.after(later)
    }
}
