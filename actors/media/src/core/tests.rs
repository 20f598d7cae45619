//! The core under virtual time: real SRTP at both ends, no socket, no thread.

mod allocation;
mod close;
mod feedback;
mod forwarding;
mod harness;
mod hostile;
mod layers;
mod nonces;
mod presence;
mod repair;
mod switching;
