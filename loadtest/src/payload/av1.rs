//! AV1 (RTP payload format 1.0 of the Alliance for Open Media): aggregation header, OBUs without size fields.
//!
//! **Invariant:** a key frame's first packet has N = 1, Z = 0 and begins with a sequence header.

use super::Located;
use crate::stamp::Stamp;

const CONTINUES: u8 = 0x80;
const CONTINUED: u8 = 0x40;
const NEW_SEQUENCE: u8 = 0x08;
const SEQUENCE_HEADER: u8 = 1 << 3;
const FRAME: u8 = 6 << 3;
/// Main profile, level 2.0, 320 x 180: the OBU header and ten bytes as an encoder writes them.
const SEQUENCE: [u8; 11] = [SEQUENCE_HEADER, 0x00, 0x00, 0x00, 0x02, 0x47, 0xc4, 0xfe, 0xcc, 0x02, 0x10];

pub(super) fn head(stamp: &Stamp, out: &mut Vec<u8>) {
    let first = stamp.index == 0;
    let elements: u8 = if first && stamp.key { 2 } else { 1 };
    let mut header = elements << 4;
    header |= if first { 0 } else { CONTINUES };
    header |= if stamp.index + 1 == stamp.count { 0 } else { CONTINUED };
    header |= if first && stamp.key { NEW_SEQUENCE } else { 0 };
    out.push(header);
    if first && stamp.key {
        // Every element but the last of W has its length, in LEB128, before it.
        out.push(u8::try_from(SEQUENCE.len()).unwrap_or(0));
        out.extend_from_slice(&SEQUENCE);
    }
    if first {
        out.push(FRAME);
    }
}

pub(super) fn locate(payload: &[u8]) -> Option<Located> {
    let header = *payload.first()?;
    let elements = (header >> 4) & 0b11;
    let continues = header & CONTINUES != 0;
    let mut at = 1;
    let mut sequence = false;
    // With W = 0 every element has a length; the sources here never write it.
    for _ in 1..elements.max(1) {
        let size = usize::from(*payload.get(at).filter(|size| **size < 0x80)?);
        let element = payload.get(at + 1..at + 1 + size)?;
        sequence |= element.first()? & 0x78 == SEQUENCE_HEADER;
        at += 1 + size;
    }
    if !continues {
        at += usize::from(*payload.get(at)? & 0x78 == FRAME);
    }
    let key_start = header & NEW_SEQUENCE != 0 && !continues && sequence;
    (elements > 0 && at <= payload.len()).then_some(Located { stamp_at: at, key_start })
}
