//! Rookery's black-box client and load generator: what a browser does, done by other means.
//!
//! It knows the public protocol only (REST, WebSocket, WebRTC) and has another WebRTC stack than the server, its own
//! packetisers and its own reading of what arrives, so that it can contradict the server. Every packet that it sends is
//! stamped ([`stamp`]), so that a receiver knows without trusting anyone what became of it.
//!
//! [`Api`] and [`Socket`] are the two ways in, [`Client`] is one seat in one room with its two [`Media`] connections, and
//! [`load`] drives many of them. [`Weather`] makes any connection's network bad.
//!
//! **Invariant:** no packet leaves this machine unless that was allowed.

pub mod api;
pub mod client;
pub mod clip;
pub mod clock;
pub mod dtls;
mod error;
pub mod load;
pub mod payload;
pub mod rtc;
pub mod shim;
pub mod socket;
pub mod source;
pub mod stamp;
pub mod stats;
pub mod tls;

pub use api::Api;
pub use client::{Client, ClientOptions};
pub use clip::Clip;
pub use error::Error;
pub use rtc::{Media, MediaOptions, MediaState, MediaStats};
pub use shim::Weather;
pub use socket::Socket;
pub use source::{AudioSpec, TrackSpec, VideoSpec};
pub use stamp::{Origin, Stamp};
pub use tls::Trust;
