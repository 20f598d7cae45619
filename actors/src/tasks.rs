//! Tasks that end with whoever started them.
//!
//! **Invariant:** no task outlives its [`AbortOnDrop`].

/// Aborts its task when dropped, also by an unwinding actor.
#[derive(Debug)]
pub(crate) struct AbortOnDrop(pub(crate) tokio::task::JoinHandle<()>);

impl Drop for AbortOnDrop {
    fn drop(&mut self) {
        self.0.abort();
    }
}
