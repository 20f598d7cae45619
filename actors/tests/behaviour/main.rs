//! What the rooms of a node do, seen from the bus: one file for each behaviour, on scripted seams under virtual time.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "helpers of tests, which are excused only inside test functions"
)]

mod fake_media;
mod world;

mod changed_room_is_read_by_its_owner;
mod chat_is_acknowledged_only_when_durable;
mod chat_survives_whatever_the_store_does;
mod crashed_router_learns_again;
mod empty_room_is_put_away;
mod everything_is_back_at_its_base;
mod expired_room_puts_everyone_out;
mod full_node_refuses;
mod kicked_peer_is_out_at_once;
mod malformed_requests_are_refused;
mod missed_events_are_refilled;
mod nonce_twice_is_one_message;
mod panic_while_detaching_keeps_no_ghost;
mod panicking_peer_costs_only_itself;
mod peer_leaving_keeps_room;
mod restrictions_are_enforced;
mod resume_takes_over_seat;
mod room_crash_keeps_roster;
mod silent_gateway_has_lost_its_sockets;
mod silent_peer_is_noticed;
mod stale_owner_acknowledges_nothing;
mod stopping_node_stores_what_it_took;
mod tracks_are_shown_in_slots;
mod vanished_peer_leaves_after_15_s;
