//! Rookery's media plane: packets in, packets out, its threads and sockets.
//!
//! Read [`command`] and [`event`] first: what the control plane says and is told. [`Plane`] owns the threads;
//! [`link`] ties a connection's ICE and DTLS, which run elsewhere, to a worker's port; [`Core`] is everything that a
//! worker decides, without clock, socket or thread, so that it runs under virtual time.
//!
//! ```text
//!   Command, ControlLink --> worker --> Core: open, learn, forward, seal --> Batch --> sendmmsg, UDP_SEGMENT
//!   Event <------------------------------'        ^ recvmmsg
//! ```
//!
//! **Invariant:** no actor, no async runtime and no JSON here; a packet is handled by one thread, without a lock.

mod batch;
mod bits;
mod clock;
mod codec;
pub mod command;
mod config;
mod core;
pub mod event;
pub mod link;
mod plane;
mod rtcp;
mod rtp;
mod srtp;
mod stats;
mod sys;
mod worker;

pub use self::{
    batch::{Batch, MESSAGE_BYTES_MAX, Message, SEGMENTS_MAX, Transmit},
    clock::Now,
    command::{Command, ConnectionId, ExtensionIds, PayloadType, ReceiveLine, SendSlot, SlotKey, WorkerIndex},
    config::{ADDRESSES_MAX, COMMANDS_MAX, Error, PlaneConfig, WORKERS_MAX},
    core::Core,
    event::{Event, EventSink, LAYER_TOLD_EVERY, LEVELS_MAX},
    link::{ControlLink, Local, Path, Wire},
    plane::Plane,
    stats::{PlaneStats, SEND_BUCKETS},
};
