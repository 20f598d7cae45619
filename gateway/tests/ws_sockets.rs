//! WebSockets on a real port, with a bus and a store in memory and a room's owner that does as the test says.

#![allow(
    missing_docs,
    unreachable_pub,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that cannot go on should say where"
)]

#[path = "ws/client.rs"]
mod client;
#[path = "ws/world.rs"]
mod world;

#[path = "ws/offenders_are_cut_alone.rs"]
mod offenders_are_cut_alone;
#[path = "ws/opens_for_tickets_and_own_pages_only.rs"]
mod opens_for_tickets_and_own_pages_only;
#[path = "ws/refusals_have_stable_codes.rs"]
mod refusals_have_stable_codes;
#[path = "ws/rooms_miss_nothing.rs"]
mod rooms_miss_nothing;
#[path = "ws/seats_are_renewed.rs"]
mod seats_are_renewed;
#[path = "ws/signed_out_devices_lose_their_sockets.rs"]
mod signed_out_devices_lose_their_sockets;
#[path = "ws/two_people_reach_each_other.rs"]
mod two_people_reach_each_other;
