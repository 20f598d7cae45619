//! Figures of the media plane. A worker counts in plain integers and publishes them once a round.
//!
//! **Invariant:** counters only grow, gauges are exact whenever the worker is between rounds.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// Upper bounds of the buckets of [`PlaneStats::sends`], packets in one system call's message.
pub const SEND_BUCKETS: [usize; 8] = [1, 2, 3, 5, 7, 15, 31, 64];

/// Packets of one message that are a long run.
const LONG_RUN: usize = 6;

macro_rules! figures {
    ($($(#[$meta:meta])* $name:ident,)*) => {
        /// A reading of all figures: of one worker inside it, summed over workers outside.
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
        pub struct PlaneStats {
            $($(#[$meta])* pub $name: u64,)*
            /// Sent messages by their number of packets; bounds in [`SEND_BUCKETS`].
            pub sends: [u64; SEND_BUCKETS.len()],
        }

        /// The published side: written by one worker, read by anyone.
        #[derive(Debug, Default)]
        pub(crate) struct Published {
            $($name: AtomicU64,)*
            sends: [AtomicU64; SEND_BUCKETS.len()],
        }

        impl Published {
            /// Makes a worker's figures visible.
            pub(crate) fn publish(&self, stats: &PlaneStats) {
                $(self.$name.store(stats.$name, Relaxed);)*
                for (to, from) in self.sends.iter().zip(&stats.sends) {
                    to.store(*from, Relaxed);
                }
            }

            /// Adds what was published last to `sum`.
            pub(crate) fn add_to(&self, sum: &mut PlaneStats) {
                $(sum.$name = sum.$name.wrapping_add(self.$name.load(Relaxed));)*
                for (to, from) in sum.sends.iter_mut().zip(&self.sends) {
                    *to += from.load(Relaxed);
                }
            }
        }

        impl PlaneStats {
            /// All figures but the histogram, by name.
            pub fn each(&self, mut visit: impl FnMut(&'static str, u64)) {
                $(visit(stringify!($name), self.$name);)*
            }
        }
    };
}

figures! {
    /// Datagrams received.
    packets_in,
    /// Bytes received.
    bytes_in,
    /// Datagrams sent by workers.
    packets_out,
    /// Bytes sent by workers.
    bytes_out,
    /// Media packets forwarded to a subscriber, first sending.
    forwarded,
    /// Packets retransmitted to subscribers.
    retransmitted,
    /// Packets that publishers retransmitted to us in time.
    recovered,
    /// Packets asked for from publishers.
    nacks_sent,
    /// Packets asked for by subscribers.
    nacks_received,
    /// Key-frame requests sent.
    key_frame_requests_sent,
    /// Key-frame requests received.
    key_frame_requests_received,
    /// Transport-wide feedback packets sent.
    transport_feedback_sent,
    /// Transport-wide feedback packets received.
    transport_feedback_received,
    /// Padding-only packets received and not forwarded.
    padding_in,
    /// Bytes of padding added so that a frame's packets are of one size.
    padding_out_bytes,
    /// Packets whose wanted retransmission was given up.
    given_up,
    /// Plain STUN requests answered.
    stun_answered,
    /// Dropped: no route for the source address.
    drop_unknown_source,
    /// Dropped: a STUN request with a ufrag that nobody has.
    drop_unknown_ufrag,
    /// Dropped: not STUN, DTLS, RTP or RTCP, or malformed.
    drop_malformed,
    /// Dropped: media before keys.
    drop_no_keys,
    /// Dropped: failed authentication.
    drop_unauthentic,
    /// Dropped: a packet seen before, or too old to tell.
    drop_replayed,
    /// Dropped: an SSRC that fits no m-line, or one too many.
    drop_unknown_ssrc,
    /// Dropped: a retransmission that nobody waits for.
    drop_useless_repair,
    /// Dropped: plain STUN above the rate limit.
    drop_stun_limited,
    /// Dropped: the control plane's queue is full.
    drop_control_full,
    /// Dropped: more packets in one round than are forwarded, or one that no history holds.
    drop_overrun,
    /// Dropped: older than a slot's switch point.
    drop_before_switch,
    /// Dropped: the subscriber's answer has no payload type for this codec.
    drop_no_payload_type,
    /// Not retransmitted: over the subscriber's budget.
    drop_retransmit_limited,
    /// Not sealed: this nonce has been used, or may have been.
    seal_refused,
    /// Packets sent together with five or more others in one message, which is where segmentation pays.
    sent_in_long_runs,
    /// Datagrams that the system would not send.
    send_errors,
    /// Media that the control library tried to send; always 0.
    control_media_refused,
    /// Control datagrams sent.
    control_out,
    /// Commands that named something unknown or exceeded a bound.
    commands_refused,
    /// Now: rooms.
    rooms,
    /// Now: connections.
    connections,
    /// Now: published tracks.
    tracks,
    /// Now: incoming streams of media (a track's layers).
    sources,
    /// Now: slots.
    slots,
    /// Now: slots with media flowing.
    slots_live,
    /// Now: known remote addresses.
    routes,
    /// Loss that subscribers reported last, in 1/256, summed over slots that reported.
    loss_256ths,
    /// Slots that have reported.
    loss_reports,
    /// Round trip to subscribers as last measured, us, summed over slots that have one.
    rtt_us,
    /// Slots with a measured round trip.
    rtt_reports,
}

impl PlaneStats {
    /// Counts one sent message of `packets` packets.
    pub(crate) fn count_send(&mut self, packets: usize) {
        let bucket = SEND_BUCKETS.iter().position(|most| packets <= *most).unwrap_or(SEND_BUCKETS.len() - 1);
        if let Some(count) = self.sends.get_mut(bucket) {
            *count += 1;
        }
        if packets >= LONG_RUN {
            self.sent_in_long_runs += packets as u64;
        }
    }
}

/// What links count from the control plane's threads.
#[derive(Debug, Default)]
pub(crate) struct LinkCounters {
    pub(crate) media_refused: AtomicU64,
    pub(crate) out: AtomicU64,
    pub(crate) full: AtomicU64,
    pub(crate) send_errors: AtomicU64,
}

impl LinkCounters {
    /// Adds these to `sum`.
    pub(crate) fn add_to(&self, sum: &mut PlaneStats) {
        sum.control_media_refused += self.media_refused.load(Relaxed);
        sum.control_out += self.out.load(Relaxed);
        sum.drop_control_full += self.full.load(Relaxed);
        sum.send_errors += self.send_errors.load(Relaxed);
    }
}
