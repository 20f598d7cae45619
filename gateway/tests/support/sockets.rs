//! What tests of sockets share.

#[path = "bus.rs"]
pub mod bus;
#[path = "client.rs"]
pub mod client;
#[path = "store.rs"]
pub mod store;
#[path = "world.rs"]
pub mod world;
