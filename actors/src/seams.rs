//! The seams between what Rookery decides and what it stands on: each a trait with one conformance suite.
//!
//! **Invariant:** nothing outside these traits (and the transports) touches a disk, a network or the media threads.

mod bus;
mod media;
mod store;

pub use bus::{Answer, Bus, BusError, BusMessage, KvEntry, KvError, PendingAnswer, Revision, Subscription};
pub use media::{MediaError, MediaPlane};
pub use store::{
    AccountStore, ChatStore, Direction, OwnershipStore, PageBound, RoomCursor, RoomQuery, RoomStore, RotateOutcome, Store,
    StoreError, Taken,
};
