//! Plain data that crosses a process: ids, client messages, REST bodies, bus messages, rows.
//!
//! Read [`ids`] first, then [`signal`] (what a browser and a gateway say to each other over one WebSocket), [`rest`]
//! (what is said over HTTP), [`bus`] (what gateways and owners say to each other) and [`rows`] (what is stored).
//!
//! **Invariant:** nothing here does I/O, reads a clock or knows a runtime; messages only ever gain fields.

pub mod bus;
pub mod error;
pub mod ids;
pub mod limits;
pub mod rest;
pub mod rows;
pub mod signal;
pub mod typescript;
mod visible;
