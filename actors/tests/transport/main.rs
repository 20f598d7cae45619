//! The transports over the real library and the real plane, with another stack on the other side.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "helpers of tests, which are excused only inside test functions"
)]

mod support;

mod dtls;
mod frees;
mod media;
mod publish;
mod refuses;
mod subscribe;
