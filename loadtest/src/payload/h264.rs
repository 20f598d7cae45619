//! H.264 (RFC 6184), packetisation mode 1: a key frame begins with its parameter sets in a STAP-A, pictures are FU-A or
//! single units.
//!
//! **Invariant:** a key frame is known by an SPS or an IDR unit that begins in the packet.

use super::Located;
use crate::stamp::{STAMP_BYTES, Stamp};

const STAP_A: u8 = 24;
const FU_A: u8 = 28;
const SLICE: u8 = 1;
const IDR: u8 = 5;
const SEI: u8 = 6;
const SPS: u8 = 7;
/// Constrained baseline, level 3.1, 320 x 180: as an encoder writes them.
const SPS_BYTES: [u8; 10] = [0x67, 0x42, 0xc0, 0x1f, 0x95, 0xa0, 0x50, 0x0c, 0xd0, 0x80];
const PPS_BYTES: [u8; 4] = [0x68, 0xce, 0x3c, 0x80];
/// An SEI unit of "user data unregistered": type 5, its size, and an id of 16 bytes (ITU-T H.264 annex D).
const SEI_HEAD: [u8; 3] = [0x06, 0x05, 16 + 40];
const SEI_ID: [u8; 16] = *b"rookery loadtest";
const SEI_END: u8 = 0x80;
const FU_START: u8 = 0x80;
const FU_END: u8 = 0x40;

/// The whole first packet of a key frame: SPS, PPS, and the stamp in an SEI unit.
pub(super) fn parameter_sets(stamp: &Stamp, out: &mut Vec<u8>) {
    let sei_bytes = SEI_HEAD.len() + SEI_ID.len() + STAMP_BYTES + 1;
    out.push(0x60 | STAP_A);
    for unit in [&SPS_BYTES[..], &PPS_BYTES[..]] {
        out.extend_from_slice(&u16::try_from(unit.len()).unwrap_or(0).to_be_bytes());
        out.extend_from_slice(unit);
    }
    out.extend_from_slice(&u16::try_from(sei_bytes).unwrap_or(0).to_be_bytes());
    out.extend_from_slice(&SEI_HEAD);
    out.extend_from_slice(&SEI_ID);
    stamp.write(STAMP_BYTES, out);
    out.push(SEI_END);
}

/// What stands before the stamp of every other packet.
pub(super) fn head(stamp: &Stamp, out: &mut Vec<u8>) {
    // The parameter sets of a key frame are its packet 0.
    let first = u16::from(stamp.key);
    let (unit, importance) = if stamp.key { (IDR, 0x60) } else { (SLICE, 0x40) };
    if stamp.count - first == 1 {
        out.push(importance | unit);
        return;
    }
    let start = if stamp.index == first { FU_START } else { 0 };
    let end = if stamp.index + 1 == stamp.count { FU_END } else { 0 };
    out.push(importance | FU_A);
    out.push(start | end | unit);
}

pub(super) fn locate(payload: &[u8]) -> Option<Located> {
    match payload.first()? & 0x1f {
        STAP_A => aggregated(payload),
        FU_A => {
            let header = *payload.get(1)?;
            // A key frame's parameter sets come first; its IDR unit alone begins nothing here.
            (payload.len() >= 2 && matches!(header & 0x1f, SLICE | IDR))
                .then_some(Located { stamp_at: 2, key_start: false })
        }
        SLICE | IDR => Some(Located { stamp_at: 1, key_start: false }),
        _ => None,
    }
}

/// Walks the units of a STAP-A to the SEI unit: RFC 6184 section 5.7.1.
fn aggregated(payload: &[u8]) -> Option<Located> {
    let mut at = 1;
    let mut key_start = false;
    loop {
        let size = usize::from(u16::from_be_bytes(*payload.get(at..)?.first_chunk()?));
        let unit = payload.get(at + 2..at + 2 + size)?;
        match unit.first()? & 0x1f {
            SPS | IDR => key_start = true,
            SEI => {
                return Some(Located { stamp_at: at + 2 + SEI_HEAD.len() + SEI_ID.len(), key_start })
                    .filter(|l| l.stamp_at <= payload.len());
            }
            _ => {}
        }
        at += 2 + size;
    }
}
