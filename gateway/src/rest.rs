//! The REST interface under `/api/v1`, a file for each group of routes.
//!
//! **Invariant:** handlers decide who may do what; everything before them (limits, forgery, shape) is layers and extractors.

pub(crate) mod accounts;
pub(crate) mod join;
pub(crate) mod me;
pub(crate) mod messages;
pub(crate) mod rooms;
pub(crate) mod view;

use rookery_actors::seams::StoreError;

/// Does a write whose repetition is no error once more where its outcome is unknown.
pub(crate) async fn settled<T, F>(mut write: impl FnMut() -> F) -> Result<T, StoreError>
where
    F: Future<Output = Result<T, StoreError>>,
{
    match write().await {
        Err(StoreError::Unknown(_)) => write().await,
        outcome => outcome,
    }
}
