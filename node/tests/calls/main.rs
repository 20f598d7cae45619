//! Calls over a real node by the independent client: the public API only, and another WebRTC stack on the other side.
//!
//! Deadlines are five times what is promised; the figures are printed.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, reason = "what fails here fails the test")]
#![allow(clippy::print_stdout, reason = "figures are printed")]

mod call;
mod chat_outlives_a_kill;
mod crashes_cost_nothing;
mod doors;
mod logs_keep_secrets;
mod media_crosses;
mod node;
mod rounds_leave_nothing;
mod vanished_peers_are_noticed;
mod wrong_settings_start_nothing;
