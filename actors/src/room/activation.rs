//! Wakes a room: claims it, reads what the owners before left, and seals their epoch.
//!
//! **Invariant:** the tail is read after the claim has returned, and the seal is written before anything is served.

use std::time::Duration;

use rand::Rng;
use rookery_schemas::error::{ErrorCode, Refusal};
use rookery_schemas::ids::{Epoch, NodeId, Seq};
use rookery_schemas::rows::{MessageRow, OwnerRow, SealRow};
use rookery_schemas::signal::RoomKind;

use super::chat::{KNOWN_FOR_MS, KNOWN_MAX};
use super::effect::Activation;
use super::stores::{code_of, read, write};
use super::takeover::{BATCH_MAX, takeover, visible};
use crate::env::RoomEnv;
use crate::rooms::Wish;
use crate::seams::{Store, StoreError};

/// Claims tried before the room is called unreachable; each loses only to another that won.
const CLAIMS_MAX: u32 = 5;

/// Rows read at once. Twice a batch, so that the first read surely reaches back before any gap.
const CHUNK: u64 = 2 * BATCH_MAX as u64;

/// Why a room cannot be woken here.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ActivationError {
    /// There is no such room.
    #[error("there is no such room")]
    NotFound,
    /// Its kind is not built yet.
    #[error("rooms of kind {0:?} are not built yet")]
    Kind(RoomKind),
    /// It is another node's.
    #[error("the room belongs to {0}")]
    Elsewhere(NodeId),
    /// Every claim lost.
    #[error("the room could not be claimed in {CLAIMS_MAX} tries")]
    Contended,
    /// The store failed.
    #[error("the store failed")]
    Store(#[from] StoreError),
}

impl ActivationError {
    /// What those who asked are told; [`ActivationError::Elsewhere`] is answered by a redirect instead.
    pub(crate) fn refusal(&self) -> Refusal {
        match self {
            Self::NotFound => ErrorCode::RoomNotFound.into(),
            Self::Kind(_) => ErrorCode::KindUnsupported.into(),
            Self::Elsewhere(_) | Self::Contended => ErrorCode::OwnerUnavailable.into(),
            Self::Store(error) => code_of(error).into(),
        }
    }
}

/// On what grounds a room is claimed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Claim {
    /// It sleeps, as far as is known here.
    Asleep,
    /// Its actor failed here: it is claimed again only if nobody else has claimed it meanwhile.
    Failed,
}

/// Wakes the room of `env`.
pub(super) async fn activate(env: &RoomEnv, grounds: Claim) -> Result<Activation, ActivationError> {
    let store: &dyn Store = env.seams.store.as_ref();
    // Before the claim, so that a wrong id leaves no trace.
    let row = read(store.room(env.room)).await?.filter(|row| !row.deleted).ok_or(ActivationError::NotFound)?;
    if !matches!(row.kind, RoomKind::Meeting | RoomKind::Chat) {
        return Err(ActivationError::Kind(row.kind));
    }
    let epoch = claim(env, store, grounds).await?;
    let seals = read(store.seals(env.room)).await?;
    let (from, rows) = recent_rows(env, store, &seals).await?;
    let chat = takeover(&rows, &seals, from);
    let seal = SealRow { epoch, first_seq: chat.first_seq };
    write_seal(env, store, seal).await?;
    let bans = read(store.bans(env.room)).await?.into_iter().collect();
    // Again, since it may have changed before the claim was won.
    let row = read(store.room(env.room)).await?.filter(|row| !row.deleted).ok_or(ActivationError::NotFound)?;
    tracing::info!(%epoch, first_seq = %chat.first_seq, "room is awake");
    Ok(Activation { row, epoch, bans, chat })
}

/// Claims the room under an epoch that it never had.
async fn claim(env: &RoomEnv, store: &dyn Store, grounds: Claim) -> Result<Epoch, ActivationError> {
    let sealed = read(store.seals(env.room)).await?.into_iter().map(|seal| seal.epoch).max().unwrap_or_default();
    let mut shown = read(store.owner(env.room)).await?;
    for _ in 0..CLAIMS_MAX {
        let ours = shown.as_ref().is_some_and(|row| *row == env.owner_row(row.epoch));
        if grounds == Claim::Failed && !ours {
            let owner = shown.map_or_else(|| env.here.node.clone(), |row| row.node);
            return Err(ActivationError::Elsewhere(owner));
        }
        if let Wish::Redirect(node) = env.placement.wish(env.room, shown.as_ref()) {
            return Err(ActivationError::Elsewhere(node));
        }
        let epoch = shown.as_ref().map_or(sealed, |row: &OwnerRow| row.epoch.max(sealed)).next();
        let next = env.owner_row(epoch);
        match write(store.claim(env.room, shown.as_ref(), next.clone())).await {
            Ok(stored) if stored == next => return Ok(epoch),
            Ok(_) => {
                // Two that lose to each other in step would do so for ever.
                let pause = Duration::from_millis(rand::rng().random_range(250..=750));
                tokio::time::sleep(pause).await;
            }
            // Whether it won or not, the next claim goes by what is stored; epochs may skip.
            Err(StoreError::Unknown(error)) => tracing::warn!(error, "the outcome of a claim is unknown"),
            Err(error) => return Err(error.into()),
        }
        shown = read(store.owner(env.room)).await?;
        if let Some(winner) = shown.as_ref().filter(|row| row.node != env.here.node) {
            return Err(ActivationError::Elsewhere(winner.node.clone()));
        }
    }
    Err(ActivationError::Contended)
}

/// All rows from some place on, at least so far back that what lies before is surely gapless, and further while nonces of
/// that time are remembered.
async fn recent_rows(
    env: &RoomEnv,
    store: &dyn Store,
    seals: &[SealRow],
) -> Result<(Seq, Vec<MessageRow>), StoreError> {
    let last = read(store.last_seq(env.room)).await?;
    let mut from = Seq(last.0.saturating_sub(CHUNK).max(1));
    let mut rows = rows_between(env, store, from, None).await?;
    let young = env.now().unix.0.saturating_sub(KNOWN_FOR_MS);
    while from > Seq(1) && rows.len() < KNOWN_MAX {
        let oldest = rows.iter().find(|row| visible(row, seals));
        if oldest.is_none_or(|row| row.message.at.0 < young) {
            break;
        }
        let earlier = Seq(from.0.saturating_sub(CHUNK).max(1));
        let mut more = rows_between(env, store, earlier, Some(from)).await?;
        more.append(&mut rows);
        (from, rows) = (earlier, more);
    }
    Ok((from, rows))
}

/// All rows from `from` to before `until`.
async fn rows_between(
    env: &RoomEnv,
    store: &dyn Store,
    from: Seq,
    until: Option<Seq>,
) -> Result<Vec<MessageRow>, StoreError> {
    const PAGE: u32 = 1_024;
    let mut rows: Vec<MessageRow> = Vec::new();
    let mut next = from;
    loop {
        let page = read(store.tail(env.room, next, PAGE)).await?;
        let full = page.len() >= PAGE as usize;
        let reached = page.last().map(|row| row.message.seq);
        rows.retain(|row| row.message.seq < next);
        rows.extend(page.into_iter().filter(|row| until.is_none_or(|until| row.message.seq < until)));
        match reached {
            // The last number's further rows may be on the next page: it is read again.
            Some(reached) if full && until.is_none_or(|until| reached < until) => {
                if reached == next {
                    return Err(StoreError::Damaged(format!("more than {PAGE} rows at {next}")));
                }
                next = reached;
            }
            _ => return Ok(rows),
        }
    }
}

/// Writes the seal until that is certain: it stays the same row.
async fn write_seal(env: &RoomEnv, store: &dyn Store, seal: SealRow) -> Result<(), StoreError> {
    let mut outcome = write(store.seal(env.room, seal.clone())).await;
    for _ in 0..CLAIMS_MAX {
        if !matches!(outcome, Err(StoreError::Unknown(_))) {
            break;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
        outcome = write(store.seal(env.room, seal.clone())).await;
    }
    outcome
}
