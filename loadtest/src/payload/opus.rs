//! Opus (RFC 7587): one packet is one frame.
//!
//! **Invariant:** the table-of-contents byte says 20 ms, so that the packet's RTP time step is true.

use super::Located;

/// CELT, full band, 20 ms (configuration 31), mono, one frame (code 0): RFC 6716 section 3.1.
const TOC: u8 = 31 << 3;

pub(super) fn head(out: &mut Vec<u8>) {
    out.push(TOC);
}

pub(super) fn locate(payload: &[u8]) -> Option<Located> {
    let toc = payload.first()?;
    (toc & 0b11 == 0).then_some(Located { stamp_at: 1, key_start: false })
}
