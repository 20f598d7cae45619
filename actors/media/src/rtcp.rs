//! RTCP (RFC 3550, 4585, 5104): reading compounds of foreign bytes, writing the few packets that an SFU sends.
//!
//! **Invariant:** reading stops at the first packet that does not fit; what came before it counts.

mod read;
pub(crate) mod transport_cc;
mod write;

pub(crate) use read::{Block, Packet, nacked, read};
pub(crate) use write::{key_frame_request, nack, receiver_report, sender_report};

/// Packet types.
mod kind {
    pub(super) const SENDER_REPORT: u8 = 200;
    pub(super) const RECEIVER_REPORT: u8 = 201;
    pub(super) const TRANSPORT_FEEDBACK: u8 = 205;
    pub(super) const PAYLOAD_FEEDBACK: u8 = 206;
}

/// Formats of feedback messages.
mod format {
    pub(super) const NACK: u8 = 1;
    pub(super) const TRANSPORT_CC: u8 = 15;
    pub(super) const PICTURE_LOSS: u8 = 1;
    pub(super) const FULL_INTRA: u8 = 4;
}

#[cfg(test)]
mod tests;
