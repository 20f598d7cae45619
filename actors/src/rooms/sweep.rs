//! Closes rooms whose end has come, also those that sleep.
//!
//! **Invariant:** an awake room closes itself, so that its people are told; the sweep writes only for rooms that sleep, and
//! one that wakes meanwhile finds its end in the row. An ad-hoc room that sleeps without an end lost its people with their
//! node: it is woken, and a room that wakes with nobody inside has an end.

use std::sync::Arc;
use std::time::Duration;

use ractor::ActorRef;
use rookery_schemas::ids::{RoomId, UnixMillis};

use super::RoomsMessage;
use crate::env::Seams;
use crate::tasks::AbortOnDrop;

/// Ends are kept this exactly.
pub(super) const EVERY: Duration = Duration::from_secs(30);

/// Rooms of one look; the rest come with the next one.
const PAGE: u16 = 256;

/// Longest wait for the store.
const STORE_TIMEOUT: Duration = Duration::from_secs(10);

/// A room of one look.
pub(crate) struct Found {
    pub(super) room: RoomId,
    /// An ad-hoc room without an end, as one is while somebody is inside, that nobody has entered for long.
    pub(super) endless: bool,
}

/// Looks for rooms past their end; [`RoomsMessage::Swept`] comes in any case.
pub(super) fn look(seams: &Seams, rooms: ActorRef<RoomsMessage>) -> AbortOnDrop {
    let (store, now) = (Arc::clone(&seams.store), seams.clock.now().unix);
    AbortOnDrop(tokio::spawn(async move {
        let found = match tokio::time::timeout(STORE_TIMEOUT, store.rooms_past_their_end(now, PAGE)).await {
            Ok(Ok(found)) => {
                found.into_iter().map(|row| Found { room: row.id, endless: row.expires_at.is_none() }).collect()
            }
            Ok(Err(error)) => {
                tracing::warn!(%error, "rooms past their end could not be looked for");
                Vec::new()
            }
            Err(_) => Vec::new(),
        };
        let _ = rooms.send_message(RoomsMessage::Swept { found });
    }))
}

/// Closes sleeping rooms, one after another.
pub(super) fn close(seams: &Seams, asleep: Vec<RoomId>) -> AbortOnDrop {
    let (store, at): (_, UnixMillis) = (Arc::clone(&seams.store), seams.clock.now().unix);
    AbortOnDrop(tokio::spawn(async move {
        for room in asleep {
            match tokio::time::timeout(STORE_TIMEOUT, store.end_room(room, at)).await {
                Ok(Ok(None)) => {}
                Ok(Ok(Some(_))) => tracing::info!(%room, "a sleeping room has expired"),
                Ok(Err(error)) => tracing::warn!(%room, %error, "an expired room could not be closed"),
                Err(_) => tracing::warn!(%room, "an expired room could not be closed in time"),
            }
        }
    }))
}
