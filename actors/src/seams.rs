//! The seams between what Rookery decides and what it stands on: each a trait with one conformance suite.
//!
//! **Invariant:** nothing outside these traits (and the transports) touches a disk, a network or the media threads.

mod bus;
mod media;
mod store;

pub use bus::{Answer, Bus, BusError, BusMessage, KvEntry, KvError, PendingAnswer, Revision, Subscription};
pub use media::{MediaError, MediaPlane};
pub use store::{
    APPEND_ROWS_MAX, AccountStore, BANS_PER_ROOM_MAX, ChatStore, Direction, FAMILIES_PER_USER_MAX, OwnershipStore,
    PageBound, RoomChange, RoomCursor, RoomQuery, RoomStore, RotateOutcome, Store, StoreError, Taken,
};
