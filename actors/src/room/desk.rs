//! The room's errands to the store, one after another, so that the actor never waits.
//!
//! **Invariant:** errands are done in the order in which they were given, each with one result (but `Touch`); so of two
//! reads the later result is the newer one.

use std::sync::Arc;
use std::time::Duration;

use ractor::ActorRef;
use rookery_schemas::error::ErrorCode;
use rookery_schemas::signal::RoomClosedReason;
use tokio::sync::mpsc;
use tracing::Instrument;

use super::RoomMessage;
use super::effect::{DeskOp, DeskResult};
use super::stores::{code_of, read, write};
use crate::env::RoomEnv;
use crate::seams::StoreError;

/// Errands that wait. Each but three stems from a request that holds a permit; beyond it the asker is told.
const QUEUE_MAX: usize = 1_024;

/// Tries of a write of unknown outcome that may be repeated.
const TRIES: u32 = 4;

/// Between two of them, doubled each time.
const PAUSE: Duration = Duration::from_millis(100);

/// Gives errands; the desk ends, when it has done them all, after this is dropped.
pub(super) struct Desk {
    queue: mpsc::Sender<DeskOp>,
}

impl Desk {
    pub(super) fn start(env: &Arc<RoomEnv>, room: ActorRef<RoomMessage>) -> Self {
        let (queue, mut ops) = mpsc::channel(QUEUE_MAX);
        let env = Arc::clone(env);
        let span = env.span.clone();
        let working = async move {
            while let Some(op) = ops.recv().await {
                if let Some(result) = perform(&env, op).await {
                    // A room that has ended needs no result.
                    let _ = room.send_message(RoomMessage::Desk(result));
                }
            }
        };
        tokio::spawn(working.instrument(span));
        Self { queue }
    }

    /// Gives an errand; `Err` is its result where there is no room for it.
    pub(super) fn give(&self, op: DeskOp) -> Result<(), DeskResult> {
        let Err(refused) = self.queue.try_send(op) else { return Ok(()) };
        match refused.into_inner() {
            DeskOp::Member { ask, .. } => Err(DeskResult::Member { ask, found: Err(ErrorCode::Overloaded) }),
            DeskOp::Ban { ask, who } => Err(DeskResult::Banned { ask, who, done: Err(ErrorCode::Overloaded) }),
            DeskOp::Row { ask } => Err(DeskResult::Row { ask, found: Err(ErrorCode::Overloaded) }),
            DeskOp::End { at } => Err(ended(at, Err(ErrorCode::Overloaded))),
            DeskOp::Close { at, reason } => Err(DeskResult::Closed { at, reason, done: Err(ErrorCode::Overloaded) }),
            DeskOp::SetEnd { expires_at } => Err(DeskResult::EndSet { expires_at, done: Err(ErrorCode::Overloaded) }),
            DeskOp::Touch { .. } => Ok(()),
        }
    }
}

fn ended(at: rookery_schemas::ids::UnixMillis, done: Result<(), ErrorCode>) -> DeskResult {
    DeskResult::Closed { at, reason: RoomClosedReason::Expired, done }
}

async fn perform(env: &RoomEnv, op: DeskOp) -> Option<DeskResult> {
    let (store, room) = (&env.seams.store, env.room);
    let code = |error: StoreError| {
        tracing::warn!(%error, "an errand to the store failed");
        code_of(&error)
    };
    Some(match op {
        DeskOp::Member { ask, user } => {
            DeskResult::Member { ask, found: read(store.member(room, user)).await.map_err(code) }
        }
        DeskOp::Ban { ask, who } => {
            let done = surely(|| store.ban(room, who.clone())).await.map_err(code);
            DeskResult::Banned { ask, who, done }
        }
        DeskOp::Row { ask } => {
            DeskResult::Row { ask, found: read(store.room(room)).await.map(|row| row.map(Box::new)).map_err(code) }
        }
        DeskOp::End { at } => match surely(|| store.end_room(room, at)).await.map_err(code) {
            Ok(Some(at)) => ended(at, Ok(())),
            Ok(None) => DeskResult::NotOver,
            Err(code) => ended(at, Err(code)),
        },
        DeskOp::Close { at, reason } => {
            let done = surely(|| store.close_room(room, at)).await.map_err(code);
            DeskResult::Closed { at, reason, done }
        }
        DeskOp::SetEnd { expires_at } => {
            let done = surely(|| store.set_ad_hoc_end(room, expires_at)).await.map_err(code);
            DeskResult::EndSet { expires_at, done }
        }
        DeskOp::Touch { at } => {
            if let Err(error) = write(store.touch_room(room, at)).await {
                tracing::debug!(%error, "the room's last use was not marked");
            }
            return None;
        }
    })
}

/// Repeats a write that may be repeated until its outcome is known, a few times.
async fn surely<T, F>(call: impl Fn() -> F) -> Result<T, StoreError>
where
    F: Future<Output = Result<T, StoreError>>,
{
    let mut pause = PAUSE;
    let mut outcome = write(call()).await;
    for _ in 1..TRIES {
        if !matches!(outcome, Err(StoreError::Unknown(_))) {
            break;
        }
        tokio::time::sleep(pause).await;
        pause *= 2;
        outcome = match write(call()).await {
            // The first try may still have been written.
            Err(StoreError::Unavailable(why)) => Err(StoreError::Unknown(why)),
            other => other,
        };
    }
    outcome
}
