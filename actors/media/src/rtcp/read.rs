//! Reading compound RTCP packets.

use super::{format, kind};
use crate::bits::{be16, be24, be32, be64};

const HEADER: usize = 4;
const BLOCK: usize = 24;

/// One packet of a compound, as far as an SFU cares.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Packet<'a> {
    SenderReport {
        ssrc: u32,
        ntp: u64,
        timestamp: u32,
        blocks: Blocks<'a>,
    },
    ReceiverReport {
        blocks: Blocks<'a>,
    },
    Nack {
        media: u32,
        entries: &'a [u8],
    },
    PictureLoss {
        media: u32,
    },
    /// The entries of RFC 5104 4.3.1.1: eight bytes that begin with the media SSRC.
    FullIntra {
        entries: &'a [u8],
    },
    TransportCc,
    Other,
}

/// The report blocks of a sender or receiver report.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Blocks<'a>(&'a [u8]);

/// One report block (RFC 3550 6.4.1).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Block {
    pub(crate) ssrc: u32,
    /// In 1/256 since the last report.
    pub(crate) fraction_lost: u8,
    /// 24 bits, signed.
    pub(crate) lost: i32,
    pub(crate) highest: u32,
    pub(crate) jitter: u32,
    /// The middle 32 bits of the NTP time of the last sender report; 0 is none.
    pub(crate) last_report: u32,
    /// Since then, in 1/65536 s.
    pub(crate) delay: u32,
}

impl Blocks<'_> {
    pub(crate) fn iter(&self) -> impl Iterator<Item = Block> + '_ {
        self.0.chunks_exact(BLOCK).filter_map(|bytes| {
            let lost = be24(bytes, 5)?;
            Some(Block {
                ssrc: be32(bytes, 0)?,
                fraction_lost: *bytes.get(4)?,
                lost: (lost << 8).cast_signed() >> 8,
                highest: be32(bytes, 8)?,
                jitter: be32(bytes, 12)?,
                last_report: be32(bytes, 16)?,
                delay: be32(bytes, 20)?,
            })
        })
    }
}

/// Reads a compound packet by packet.
pub(crate) fn read(mut compound: &[u8]) -> impl Iterator<Item = Packet<'_>> {
    std::iter::from_fn(move || {
        let [first, kind, ..] = compound else { return None };
        let length = HEADER + 4 * usize::from(be16(compound, 2)?);
        let (packet, rest) = compound.split_at_checked(length)?;
        if first >> 6 != 2 {
            return None;
        }
        compound = rest;
        Some(packet_of(*kind, first & 31, packet).unwrap_or(Packet::Other))
    })
}

fn packet_of(kind: u8, count: u8, packet: &[u8]) -> Option<Packet<'_>> {
    let blocks = |at: usize| {
        let end = at + BLOCK * usize::from(count);
        packet.get(at..end).map(Blocks)
    };
    Some(match (kind, count) {
        (kind::SENDER_REPORT, _) => Packet::SenderReport {
            ssrc: be32(packet, 4)?,
            ntp: be64(packet, 8)?,
            timestamp: be32(packet, 16)?,
            blocks: blocks(28)?,
        },
        (kind::RECEIVER_REPORT, _) => Packet::ReceiverReport { blocks: blocks(8)? },
        (kind::TRANSPORT_FEEDBACK, format::NACK) => {
            Packet::Nack { media: be32(packet, 8)?, entries: packet.get(12..)? }
        }
        (kind::TRANSPORT_FEEDBACK, format::TRANSPORT_CC) if packet.len() >= 20 => Packet::TransportCc,
        (kind::PAYLOAD_FEEDBACK, format::PICTURE_LOSS) => Packet::PictureLoss { media: be32(packet, 8)? },
        (kind::PAYLOAD_FEEDBACK, format::FULL_INTRA) => Packet::FullIntra { entries: packet.get(12..)? },
        _ => Packet::Other,
    })
}

/// The sequence numbers that a NACK's entries ask for (RFC 4585 6.2.1), 17 of each entry at the most.
pub(crate) fn nacked(entries: &[u8]) -> impl Iterator<Item = u16> + '_ {
    entries.chunks_exact(4).filter_map(|entry| Some((be16(entry, 0)?, be16(entry, 2)?))).flat_map(|(first, mask)| {
        let more = (0..16u16).filter(move |bit| mask >> bit & 1 == 1).map(move |bit| first.wrapping_add(bit + 1));
        std::iter::once(first).chain(more)
    })
}
