//! The bounds of one WebSocket and of all of them.
//!
//! **Invariant:** every queue, wait and count of this module is bounded by a field here or a constant beside its use.

use std::num::NonZeroU32;
use std::time::Duration;

/// How much a socket may ask for, and how long it is waited for.
#[derive(Clone, Debug)]
pub struct WsConfig {
    /// Sockets at once; more are refused with `overloaded`. 10,000: about 1 GB with full queues of a hundredth of them.
    pub sockets_max: usize,
    /// Sockets at once of one address (an IPv6 /64), loopback apart. 1,000: a large office behind one address fits.
    pub sockets_per_address_max: usize,
    /// Sockets at once of one account. 20: every device and tab that a person has.
    pub sockets_per_user_max: usize,
    /// Messages a second in the long run, pings counted too. 50.
    pub messages_per_second: NonZeroU32,
    /// Messages at once. 200: a client that joins subscribes to a full grid, with candidates, in one go.
    pub messages_burst: NonZeroU32,
    /// Refused messages (over the rate) in a row before the socket is cut. 100.
    pub refused_in_a_row_max: u32,
    /// Malformed messages in a row before the socket is cut. 10.
    pub malformed_in_a_row_max: u32,
    /// No complete message for so long cuts the socket: clients ping every 500 ms. So a message in fragments, or a slow
    /// one, has as long to be complete. 10 s.
    pub silence_max: Duration,
    /// Nothing heard for so long: the others in the client's rooms are told, and again when it is heard. 2.5 s: five pings, so
    /// that a client that vanished is shown as such within 3 s.
    pub quiet_after: Duration,
    /// How long a socket without a ticket has for its `resume`. 5 s.
    pub opening_max: Duration,
    /// Messages that wait for a slow reader. 1,024.
    pub queue_messages_max: usize,
    /// Bytes that wait for a slow reader. 1 MiB: four of the largest frames.
    pub queue_bytes_max: usize,
    /// A reader that takes nothing for so long is cut. 10 s.
    pub stall_max: Duration,
    /// How long a cut reader has to take its close frame. 2 s.
    pub close_grace: Duration,
    /// How long an owner or media node may take. 5 s.
    pub request_timeout: Duration,
    /// How long a chat message may take to be durable. 10 s.
    pub chat_timeout: Duration,
    /// Clients that can may be connected to each other directly where two are alone. True.
    pub direct: bool,
    /// How often each seat gets a fresh resume token: twice within the life of the last one. 4 min.
    pub resume_token_every: Duration,
}

impl Default for WsConfig {
    fn default() -> Self {
        Self {
            sockets_max: 10_000,
            sockets_per_address_max: 1_000,
            sockets_per_user_max: 20,
            messages_per_second: NonZeroU32::new(50).unwrap_or(NonZeroU32::MIN),
            messages_burst: NonZeroU32::new(200).unwrap_or(NonZeroU32::MIN),
            refused_in_a_row_max: 100,
            malformed_in_a_row_max: 10,
            silence_max: Duration::from_secs(10),
            quiet_after: Duration::from_millis(2_500),
            opening_max: Duration::from_secs(5),
            queue_messages_max: 1_024,
            queue_bytes_max: 1024 * 1024,
            stall_max: Duration::from_secs(10),
            close_grace: Duration::from_secs(2),
            request_timeout: Duration::from_secs(5),
            chat_timeout: Duration::from_secs(10),
            direct: true,
            resume_token_every: Duration::from_secs(4 * 60),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_protocol_page_tells_the_defaults() {
        let page = include_str!("../../../schemas/PROTOCOL.md");
        let config = WsConfig::default();
        let row = |what: &str| page.lines().find(|line| line.starts_with(&format!("| {what} |"))).unwrap_or_default();
        let WsConfig { messages_per_second, messages_burst, refused_in_a_row_max, .. } = config;
        for (what, tells) in [
            ("messages of one socket", format!("{messages_per_second} a second, {messages_burst} at once")),
            ("messages of one socket", format!("{refused_in_a_row_max} in a row")),
            ("malformed messages", format!("{} in a row", config.malformed_in_a_row_max - 1)),
            ("an owner's or media node's answer", format!("{} s", config.request_timeout.as_secs())),
            ("an acknowledgement of chat", format!("{} s", config.chat_timeout.as_secs())),
            ("what waits for a slow reader", format!("{} MiB", config.queue_bytes_max >> 20)),
            ("what waits for a slow reader", format!("{} s without", config.stall_max.as_secs())),
            ("silence of a client", format!("{} s", config.silence_max.as_secs())),
            ("silence of a client", format!("{} s", config.quiet_after.as_secs_f64())),
            ("sockets of one account", config.sockets_per_user_max.to_string()),
        ] {
            assert!(row(what).contains(&tells), "{what}: {:?} does not tell {tells:?}", row(what));
        }
        assert!(page.contains(&format!("come within {} s", config.opening_max.as_secs())));
        assert!(page.contains(&format!("every {} min", config.resume_token_every.as_secs() / 60)));
    }
}
