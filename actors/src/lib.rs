//! Rooms, peers and routers as actors, and the seams they stand on.
//!
//! Read [`Rooms`] first: it serves a node's bus subjects and is all that a node starts. Below it, and private, stand
//! `RoomScope` (supervises one room), `Room` (its owner's side), `Router` (its media routes) and `Peer` (one participant).
//! Of each, `state.rs` decides and the actor performs.
//!
//! **Invariant:** an actor's `handle` decides by its pure state and performs what that returns; it awaits no network, disk or
//! other actor.

mod catalogue;
mod clock;
#[cfg(feature = "conformance")]
pub mod conformance;
mod env;
mod herald;
mod line;
mod metrics;
mod now;
mod peer;
mod presence;
mod reply;
mod room;
mod room_scope;
mod rooms;
mod router;
pub mod seams;
mod tasks;
#[cfg(feature = "testing")]
pub mod testing;
pub mod transport;

pub use clock::{Clock, SystemClock};
pub use env::Seams;
pub use metrics::{Gauges, Metrics};
pub use now::Now;
pub use rooms::{Alone, Error, Limits, Placement, Rooms, RoomsConfig, Target, Wish};
