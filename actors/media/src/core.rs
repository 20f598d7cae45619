//! Everything that a worker decides, without clock, socket or thread.
//!
//! **Invariant:** time and datagrams come in as arguments, datagrams and events go out.

use std::sync::Arc;

use crate::{
    batch::{Batch, Transmit},
    clock::Now,
    command::Command,
    link::{Path, Wire},
    stats::PlaneStats,
};

/// One worker's rooms, connections, tracks and slots.
pub struct Core {
    wire: Arc<dyn Wire>,
    batch: Batch,
    stats: PlaneStats,
    due: Now,
}

impl Core {
    /// An empty core over a worker's sockets. `seed` makes its random choices repeatable.
    #[must_use]
    pub fn new(wire: Arc<dyn Wire>, _seed: u64) -> Self {
        Self { wire, batch: Batch::default(), stats: PlaneStats::default(), due: Now::NEVER }
    }

    /// Applies a command.
    pub fn command(&mut self, _now: Now, _command: Command, _out: &mut impl Transmit) {}

    /// Takes what links have learned.
    pub fn links_changed(&mut self, _now: Now, _out: &mut impl Transmit) {}

    /// Takes one datagram; what it causes to be forwarded waits for [`Core::forward`].
    pub fn receive(&mut self, _now: Now, _path: Path, datagram: &mut [u8]) {
        let _ = self.wire.take_notified();
        self.stats.packets_in += 1;
        self.stats.bytes_in += u64::try_from(datagram.len()).unwrap_or(0);
    }

    /// Forwards what has been received since.
    pub fn forward(&mut self, _now: Now, out: &mut impl Transmit) {
        self.flush(out);
    }

    /// Does what is due.
    pub fn tick(&mut self, _now: Now, out: &mut impl Transmit) {
        self.flush(out);
    }

    /// When [`Core::tick`] has something to do next.
    #[must_use]
    pub fn due(&self) -> Now {
        self.due
    }

    /// Whether a short wait may save sends: video is flowing.
    #[must_use]
    pub fn coalesces(&self, _now: Now) -> bool {
        false
    }

    /// Sends what is in the batch.
    pub fn flush(&mut self, out: &mut impl Transmit) {
        if !self.batch.is_empty() {
            out.transmit(&self.batch);
            self.batch.clear();
        }
    }

    /// Closes every room.
    pub fn close(&mut self) {}

    /// Figures so far.
    #[must_use]
    pub fn stats(&self) -> &PlaneStats {
        &self.stats
    }
}
