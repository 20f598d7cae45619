//! VP8 (RFC 7741): descriptor with a picture id of 15 bits, TL0PICIDX, temporal layer 0.
//!
//! **Invariant:** the first packet of a frame carries the frame's own header, whose P bit tells key frames.

use super::{Located, low_byte, picture_id};
use crate::stamp::Stamp;

const EXTENDED: u8 = 0x80;
const START: u8 = 0x10;
const PICTURE_ID: u8 = 0x80;
const TL0: u8 = 0x40;
const TID: u8 = 0x20;
const KEY_INDEX: u8 = 0x10;
/// Shown, and its length of no meaning here: RFC 6386 section 9.1.
const SHOWN: u8 = 0x10;
const INTER: u8 = 0x01;
const START_CODE: [u8; 3] = [0x9d, 0x01, 0x2a];
/// 320 x 180, little-endian: the size of the fan-out clips.
const SIZE: [u8; 4] = [0x40, 0x01, 0xb4, 0x00];

pub(super) fn descriptor(stamp: &Stamp, out: &mut Vec<u8>) {
    out.push(EXTENDED | if stamp.index == 0 { START } else { 0 });
    out.push(PICTURE_ID | TL0 | TID | KEY_INDEX);
    out.extend_from_slice(&picture_id(stamp));
    out.push(low_byte(stamp));
    out.push(0);
}

pub(super) fn head(stamp: &Stamp, out: &mut Vec<u8>) {
    let first = stamp.index == 0;
    descriptor(stamp, out);
    if first && stamp.key {
        out.extend_from_slice(&[SHOWN, 0, 0]);
        out.extend_from_slice(&START_CODE);
        out.extend_from_slice(&SIZE);
    } else if first {
        out.extend_from_slice(&[SHOWN | INTER, 0, 0]);
    }
}

pub(super) fn locate(payload: &[u8]) -> Option<Located> {
    let first = *payload.first()?;
    let mut at = 1;
    if first & EXTENDED != 0 {
        let flags = *payload.get(at)?;
        at += 1;
        if flags & PICTURE_ID != 0 {
            at += if payload.get(at)? & 0x80 != 0 { 2 } else { 1 };
        }
        at += usize::from(flags & TL0 != 0);
        at += usize::from(flags & (TID | KEY_INDEX) != 0);
    }
    let starts = first & START != 0 && first & 0x07 == 0;
    let key_start = starts && payload.get(at)? & INTER == 0;
    at += match (starts, key_start) {
        (true, true) => 10,
        (true, false) => 3,
        _ => 0,
    };
    (at <= payload.len()).then_some(Located { stamp_at: at, key_start })
}
