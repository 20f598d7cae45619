//! The REST interface over real connections, with a store in memory and a room owner that does as the test says.

#![allow(
    missing_docs,
    unreachable_pub,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that cannot go on should say where"
)]

#[path = "rest/world.rs"]
mod world;

#[path = "rest/accounts_are_made_once.rs"]
mod accounts_are_made_once;
#[path = "rest/bad_input_is_refused_with_a_code.rs"]
mod bad_input_is_refused_with_a_code;
#[path = "rest/client_addresses_come_from_trusted_proxies.rs"]
mod client_addresses_come_from_trusted_proxies;
#[path = "rest/connections_are_bounded.rs"]
mod connections_are_bounded;
#[path = "rest/description_covers_every_route.rs"]
mod description_covers_every_route;
#[path = "rest/failures_are_contained_and_logged.rs"]
mod failures_are_contained_and_logged;
#[path = "rest/forged_requests_are_refused.rs"]
mod forged_requests_are_refused;
#[path = "rest/guessing_locks_out_strangers_only.rs"]
mod guessing_locks_out_strangers_only;
#[path = "rest/health_and_metrics_are_told.rs"]
mod health_and_metrics_are_told;
#[path = "rest/history_is_for_members.rs"]
mod history_is_for_members;
#[path = "rest/joining_makes_a_ticket.rs"]
mod joining_makes_a_ticket;
#[path = "rest/limits_have_their_defaults.rs"]
mod limits_have_their_defaults;
#[path = "rest/pages_are_protected.rs"]
mod pages_are_protected;
#[path = "rest/passwords_change_and_sign_out_others.rs"]
mod passwords_change_and_sign_out_others;
#[path = "rest/refresh_tokens_rotate.rs"]
mod refresh_tokens_rotate;
#[path = "rest/rooms_are_made_listed_and_changed.rs"]
mod rooms_are_made_listed_and_changed;
#[path = "rest/sockets_open_through_the_whole_gateway.rs"]
mod sockets_open_through_the_whole_gateway;
#[path = "rest/tls_reloads.rs"]
mod tls_reloads;
