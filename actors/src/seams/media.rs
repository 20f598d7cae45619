//! The media plane as actors see it.
//!
//! **Invariant:** commands to one worker are carried out in the order in which they were sent. A plane holds a room's sink and a
//! connection's link for exactly as long as they are open.

use std::net::SocketAddr;
use std::sync::Arc;

use rookery_media::{Command, ControlLink, WorkerIndex};

/// Why a command was not taken.
#[derive(Clone, Debug, thiserror::Error, PartialEq, Eq)]
pub enum MediaError {
    /// The worker's command queue is full; nothing was changed.
    #[error("media worker {0:?} takes no more commands")]
    Overloaded(WorkerIndex),
    /// The media plane has stopped.
    #[error("the media plane has stopped")]
    Stopped,
}

/// The workers of `rookery-media`, or a scripted stand-in for tests of actors.
pub trait MediaPlane: Send + Sync + 'static {
    /// How many workers there are, at least one.
    fn workers(&self) -> u16;

    /// Where a worker's port is reached, one address per configured family, none for a worker that is not there; put into every description as candidates.
    fn addrs(&self, worker: WorkerIndex) -> Vec<SocketAddr>;

    /// Hands a command to a worker; returns at once. One that names what is not there, or opens a connection once more, changes
    /// nothing; one that opens an open room gives it a new sink.
    ///
    /// # Errors
    /// [`MediaError`]; nothing was changed then.
    fn send(&self, worker: WorkerIndex, command: Command) -> Result<(), MediaError>;

    /// A new link between a control plane's connection and a worker.
    fn link(&self, worker: WorkerIndex) -> Arc<ControlLink>;
}
