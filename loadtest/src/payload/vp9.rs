//! VP9 (RFC 9628): non-flexible mode, one spatial and one temporal layer, picture ids of 15 bits.
//!
//! **Invariant:** a key frame's first packet has P = 0, B = 1, spatial layer 0 and carries the scalability structure.

use super::{Located, low_byte, picture_id};
use crate::stamp::Stamp;

const PICTURE_ID: u8 = 0x80;
const INTER: u8 = 0x40;
const LAYERS: u8 = 0x20;
const FLEXIBLE: u8 = 0x10;
const BEGIN: u8 = 0x08;
const END: u8 = 0x04;
const STRUCTURE: u8 = 0x02;
/// One spatial layer (N_S 0), with its size (Y) and a picture group (G) of one picture that refers one back.
const STRUCTURE_BYTES: [u8; 8] = [0x18, 0x01, 0x40, 0x00, 0xb4, 0x01, 0x04, 0x01];
/// Frame marker, profile 0, key frame, shown; then the sync code.
const KEY_HEADER: [u8; 4] = [0x82, 0x49, 0x83, 0x42];
const INTER_HEADER: [u8; 1] = [0x86];

pub(super) fn head(stamp: &Stamp, out: &mut Vec<u8>) {
    let first = stamp.index == 0;
    let mut flags = PICTURE_ID | LAYERS;
    flags |= if stamp.key { 0 } else { INTER };
    flags |= if first { BEGIN } else { 0 };
    flags |= if stamp.index + 1 == stamp.count { END } else { 0 };
    flags |= if first && stamp.key { STRUCTURE } else { 0 };
    out.push(flags);
    out.extend_from_slice(&picture_id(stamp));
    out.push(0);
    out.push(low_byte(stamp));
    if first && stamp.key {
        out.extend_from_slice(&STRUCTURE_BYTES);
        out.extend_from_slice(&KEY_HEADER);
    } else if first {
        out.extend_from_slice(&INTER_HEADER);
    }
}

pub(super) fn locate(payload: &[u8]) -> Option<Located> {
    let flags = *payload.first()?;
    if flags & FLEXIBLE != 0 {
        return None;
    }
    let mut at = 1;
    if flags & PICTURE_ID != 0 {
        at += if payload.get(at)? & 0x80 != 0 { 2 } else { 1 };
    }
    let mut spatial = 0;
    if flags & LAYERS != 0 {
        spatial = (payload.get(at)? >> 1) & 0x07;
        at += 2;
    }
    if flags & STRUCTURE != 0 {
        at += structure_bytes(payload.get(at..)?)?;
    }
    let begins = flags & BEGIN != 0;
    let key_start = begins && flags & INTER == 0 && spatial == 0;
    at += match (begins, key_start) {
        (true, true) => KEY_HEADER.len(),
        (true, false) => INTER_HEADER.len(),
        _ => 0,
    };
    (at <= payload.len()).then_some(Located { stamp_at: at, key_start })
}

/// How long a scalability structure is: RFC 9628 section 4.2.1.
fn structure_bytes(from: &[u8]) -> Option<usize> {
    let head = *from.first()?;
    let mut at = 1;
    if head & 0x10 != 0 {
        at += 4 * (usize::from(head >> 5) + 1);
    }
    if head & 0x08 != 0 {
        let pictures = *from.get(at)?;
        at += 1;
        for _ in 0..pictures {
            at += 1 + usize::from((from.get(at)? >> 2) & 0x03);
        }
    }
    Some(at)
}
