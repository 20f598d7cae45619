//! Configuration and placement: what a node is told, and where a room belongs.
//!
//! **Invariant:** pure. Files, variables, flags and membership come in as arguments; the same arguments give the same result
//! on every node.

pub mod config;
pub mod placement;
