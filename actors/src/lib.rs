//! Rooms, peers and routers as actors, and the seams they stand on.
//!
//! **Invariant:** an actor's `handle` decides by its pure state and performs what that returns; it awaits no network, disk or
//! other actor.

pub mod seams;
pub mod transport;
