//! The bus of one node by itself: messages and small values in memory.
//!
//! **Invariant:** every queue is bounded; what a full one loses is counted for whoever reads it, or told to whoever sent it.

mod memory;
mod names;
mod queue;
mod values;

pub use memory::{MemoryBus, SUBSCRIPTIONS_MAX};
pub use values::VALUES_MAX;
