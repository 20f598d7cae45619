//! How a room talks to the store: every call timed, errors as codes.
//!
//! **Invariant:** a write that ran out of time is of unknown outcome, a read that did is just unavailable.

use std::future::Future;
use std::time::Duration;

use rookery_schemas::error::ErrorCode;

use crate::seams::StoreError;

/// Longest wait for one call: a checkpoint of the embedded store may hold a write for a second, and the CQL store gives up
/// after two.
const CALL_TIMEOUT: Duration = Duration::from_secs(5);

/// A read, bounded in time.
pub(super) async fn read<T>(call: impl Future<Output = Result<T, StoreError>>) -> Result<T, StoreError> {
    let late = |_| Err(StoreError::Unavailable("the store did not answer in time".into()));
    tokio::time::timeout(CALL_TIMEOUT, call).await.unwrap_or_else(late)
}

/// A write, bounded in time.
pub(super) async fn write<T>(call: impl Future<Output = Result<T, StoreError>>) -> Result<T, StoreError> {
    let late = |_| Err(StoreError::Unknown("the store did not answer in time".into()));
    tokio::time::timeout(CALL_TIMEOUT, call).await.unwrap_or_else(late)
}

/// What a client is told; what it is not told is logged.
pub(super) fn code_of(error: &StoreError) -> ErrorCode {
    match error {
        StoreError::Unavailable(_) => ErrorCode::StoreUnavailable,
        StoreError::Unknown(_) => ErrorCode::Unknown,
        StoreError::Taken(_) | StoreError::Damaged(_) => {
            tracing::error!(%error, "the store answered what it should not");
            ErrorCode::Internal
        }
    }
}
