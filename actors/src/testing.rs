//! The seams in memory, for tests of whatever stands on them.
//!
//! [`MemoryStore`] keeps every promise of [`Store`](crate::seams::Store) (its conformance suite says so) but that of lasting.
//! [`ScriptedStore`] is one that fails, waits and panics where a test says so, [`ScriptedBus`] the like for messages.
//!
//! **Invariant:** nothing here is part of a running node.

mod bus;
mod scripted;
mod store;

pub use bus::ScriptedBus;
pub use scripted::{Fault, Script, ScriptedStore};
pub use store::{MemoryStore, Rows};
