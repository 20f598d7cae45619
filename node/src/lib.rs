//! What a node is made of, as a library: its binary wires it together, its tests take it apart.
//!
//! **Invariant:** nothing here decides about rooms; it only gives what decides a place to stand.

pub mod bus;
pub mod cli;
mod faults;
mod first_steps;
pub mod logging;
mod media;
mod metrics;
pub mod serve;
mod settings;
pub mod store;
