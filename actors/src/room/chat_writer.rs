//! Writes a room's chat, one batch after another, and finds out what became of each.
//!
//! **Invariant:** `Durable` is said only if, after the append had returned, a read of the owner began and showed this
//! owner; a batch whose outcome is not known is written again, with the same rows, until it is, and nothing else is.

use std::sync::Arc;
use std::time::Duration;

use ractor::ActorRef;
use rookery_schemas::rows::OwnerRow;
use tokio::sync::mpsc;
use tracing::Instrument;

use super::RoomMessage;
use super::chat::{Batch, BatchOutcome};
use super::stores::{read, write};
use crate::env::RoomEnv;
use crate::seams::StoreError;
use crate::tasks::AbortOnDrop;

/// The first pause before a batch of unknown outcome is written again; doubled up to [`PAUSE_MAX`].
const PAUSE: Duration = Duration::from_millis(50);

/// Short enough that chat is back within seconds of the store.
const PAUSE_MAX: Duration = Duration::from_secs(1);

/// The one writer of a room. Dropped, it stops where it is: what it was writing is then of unknown outcome.
pub(super) struct ChatWriter {
    queue: mpsc::Sender<Batch>,
    _task: AbortOnDrop,
}

impl ChatWriter {
    pub(super) fn start(env: &Arc<RoomEnv>, owner: OwnerRow, room: ActorRef<RoomMessage>) -> Self {
        // The state gives a batch only after it has heard of the one before.
        let (queue, mut batches) = mpsc::channel::<Batch>(1);
        let env = Arc::clone(env);
        let span = env.span.clone();
        let writing = async move {
            while let Some(batch) = batches.recv().await {
                let outcome = write_batch(&env, &owner, &batch).await;
                // A room that has ended needs no outcome.
                let _ = room.send_message(RoomMessage::Written { number: batch.number, outcome });
            }
        };
        Self { queue, _task: AbortOnDrop(tokio::spawn(writing.instrument(span))) }
    }

    /// Gives a batch; `Err` says that nothing of it will be written.
    pub(super) fn give(&self, batch: Batch) -> Result<(), u64> {
        self.queue.try_send(batch).map_err(|refused| refused.into_inner().number)
    }
}

async fn write_batch(env: &RoomEnv, owner: &OwnerRow, batch: &Batch) -> BatchOutcome {
    let store = &env.seams.store;
    let mut pause = PAUSE;
    let mut doubt = false;
    loop {
        match write(store.append(env.room, &batch.rows)).await {
            Ok(()) => break,
            Err(StoreError::Unknown(error)) => {
                tracing::warn!(error, rows = batch.rows.len(), "the outcome of a chat write is unknown");
                doubt = true;
            }
            // Of an earlier try it is still not known.
            Err(error) if doubt => tracing::warn!(%error, "a chat write in doubt failed again"),
            Err(error) => {
                tracing::warn!(%error, rows = batch.rows.len(), "chat was not written");
                return BatchOutcome::NothingWritten;
            }
        }
        if let Ok(shown) = read(store.owner(env.room)).await
            && shown.as_ref() != Some(owner)
        {
            return BatchOutcome::OwnerLost;
        }
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(PAUSE_MAX);
    }
    let mut pause = PAUSE;
    loop {
        match read(store.owner(env.room)).await {
            Ok(shown) if shown.as_ref() == Some(owner) => return BatchOutcome::Durable,
            Ok(_) => return BatchOutcome::OwnerLost,
            Err(error) => tracing::warn!(%error, "ownership could not be read"),
        }
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(PAUSE_MAX);
    }
}
