//! The gateway: HTTP and WebSocket on one side, the store and the bus on the other.
//!
//! [`AppState`] is put together from [`Parts`]; [`Gateway`] serves it. Read [`router`] for the routes and the layers around
//! them, `rest` for what they do, `auth` for who someone is.
//!
//! **Invariant:** a gateway owns no room and keeps nothing that another could not take over: any client may come to any
//! gateway at any time.

pub mod address;
mod auth;
mod bounded;
pub mod clock;
pub mod config;
mod context;
mod docs;
mod extract;
mod headers;
pub mod health;
mod ice;
pub mod limits;
mod links;
pub mod metrics;
mod openapi;
pub mod origin;
pub mod owner;
pub mod problem;
mod rest;
mod router;
mod serve;
mod state;
mod static_files;
pub mod tokens;
pub mod ws;

pub use auth::HashError;
pub use clock::Clock;
pub use config::GatewayConfig;
pub use context::RequestContext;
pub use headers::page_csp;
pub use owner::Placement;
pub use router::{admin_router, router};
pub use serve::{Gateway, ServeError, TlsError, check_tls, serve_admin};
pub use state::{AppState, Parts, Shared, StateError};
