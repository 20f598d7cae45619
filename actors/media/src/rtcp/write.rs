//! Writing RTCP packets behind each other into one buffer: a compound.

use super::{format, kind, read::Block};
use crate::bits::{len16, put};

/// Entries of one NACK: 400 bytes, so that it fits one datagram with other feedback.
pub(crate) const NACK_ENTRIES_MAX: usize = 100;
/// Report blocks of one receiver report: five bits of count.
const BLOCKS_MAX: usize = 31;

fn begin(out: &mut Vec<u8>, count: u8, kind: u8) -> usize {
    let start = out.len();
    out.extend_from_slice(&[0x80 | count, kind, 0, 0]);
    start
}

fn end(out: &mut [u8], start: usize) {
    let words = len16((out.len() - start) / 4 - 1);
    put(out, start + 2, &words.to_be_bytes());
}

fn word(out: &mut Vec<u8>, value: u32) {
    out.extend_from_slice(&value.to_be_bytes());
}

/// Begins a transport feedback message; [`finish`] completes it.
pub(super) fn begin_transport_cc(out: &mut Vec<u8>, sender: u32, media: u32) -> usize {
    let start = begin(out, format::TRANSPORT_CC, kind::TRANSPORT_FEEDBACK);
    word(out, sender);
    word(out, media);
    start
}

/// Pads to a whole word and writes the length.
pub(super) fn finish(out: &mut Vec<u8>, start: usize) {
    out.resize(start + (out.len() - start).next_multiple_of(4), 0);
    end(out, start);
}

/// A picture loss indication (RFC 4585 6.3.1).
pub(crate) fn key_frame_request(out: &mut Vec<u8>, sender: u32, media: u32) {
    let start = begin(out, format::PICTURE_LOSS, kind::PAYLOAD_FEEDBACK);
    word(out, sender);
    word(out, media);
    end(out, start);
}

/// A generic NACK of ascending sequence numbers. Takes as many as fit [`NACK_ENTRIES_MAX`] entries; returns how many.
pub(crate) fn nack(out: &mut Vec<u8>, sender: u32, media: u32, sequences: &[u16]) -> usize {
    if sequences.is_empty() {
        return 0;
    }
    let start = begin(out, format::NACK, kind::TRANSPORT_FEEDBACK);
    word(out, sender);
    word(out, media);
    let (mut taken, mut entries) = (0, 0);
    while let Some((first, rest)) = sequences.get(taken..).and_then(<[u16]>::split_first) {
        if entries == NACK_ENTRIES_MAX {
            break;
        }
        let mut mask = 0u16;
        taken += 1;
        for next in rest {
            let behind = next.wrapping_sub(*first);
            if !(1..=16).contains(&behind) {
                break;
            }
            mask |= 1 << (behind - 1);
            taken += 1;
        }
        word(out, u32::from(*first) << 16 | u32::from(mask));
        entries += 1;
    }
    end(out, start);
    taken
}

/// A receiver report with at most 31 blocks.
pub(crate) fn receiver_report(out: &mut Vec<u8>, sender: u32, blocks: &[Block]) {
    let blocks = blocks.get(..BLOCKS_MAX).unwrap_or(blocks);
    let start = begin(out, crate::bits::low8(blocks.len() as u64), kind::RECEIVER_REPORT);
    word(out, sender);
    for block in blocks {
        word(out, block.ssrc);
        let lost = block.lost.clamp(-0x80_0000, 0x7F_FFFF).cast_unsigned() & 0xFF_FFFF;
        word(out, u32::from(block.fraction_lost) << 24 | lost);
        for value in [block.highest, block.jitter, block.last_report, block.delay] {
            word(out, value);
        }
    }
    end(out, start);
}

/// A sender report without report blocks.
pub(crate) fn sender_report(out: &mut Vec<u8>, ssrc: u32, ntp: u64, timestamp: u32, packets: u32, bytes: u32) {
    let start = begin(out, 0, kind::SENDER_REPORT);
    word(out, ssrc);
    out.extend_from_slice(&ntp.to_be_bytes());
    for value in [timestamp, packets, bytes] {
        word(out, value);
    }
    end(out, start);
}
