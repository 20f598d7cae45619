//! How large the pictures are that begin with a packet, as its codec's headers say.
//!
//! **Invariant:** payloads are foreign bytes: every read is checked and every loop is bounded; what cannot be read is no
//! size, never a wrong one.

use rookery_schemas::signal::Codec;

use super::vp8;
use crate::bits::be16;

/// Bytes of a parameter set that are looked at: sizes stand within the first 40.
const HEADER_MAX: usize = 64;
/// H264 7.4.2.1.1: `num_ref_frames_in_pic_order_cnt_cycle`.
const CYCLE_MAX: u32 = 255;

/// Width and height in pixels, from a packet with which a decoder can begin.
pub(crate) fn size(codec: Codec, payload: &[u8]) -> Option<(u16, u16)> {
    let size = match codec {
        Codec::Opus => None,
        Codec::Vp8 => vp8::Descriptor::parse(payload)?.size(payload),
        Codec::H264 => h264(payload),
        Codec::Vp9 => vp9(payload),
        Codec::Av1 => av1(payload),
    };
    size.filter(|(width, height)| *width > 0 && *height > 0)
}

/// RFC 9628 4.2.1: the scalability structure, which key frames carry; its largest size.
fn vp9(payload: &[u8]) -> Option<(u16, u16)> {
    let flags = *payload.first()?;
    let mut at = 1;
    if flags & 0x80 != 0 {
        at += if payload.get(at)? & 0x80 != 0 { 2 } else { 1 };
    }
    if flags & 0x20 != 0 {
        at += if flags & 0x10 != 0 { 1 } else { 2 };
    }
    // a flexible picture's references: none where it begins
    if flags & 0x40 != 0 || flags & 0x02 == 0 {
        return None;
    }
    let structure = *payload.get(at)?;
    if structure & 0x10 == 0 {
        return None;
    }
    let largest = at + 1 + 4 * usize::from(structure >> 5);
    Some((be16(payload, largest)?, be16(payload, largest + 2)?))
}

/// The sequence parameter set, alone or first to be found in an aggregate (RFC 6184 5.7.1).
fn h264(payload: &[u8]) -> Option<(u16, u16)> {
    const SPS: u8 = 7;
    const STAP_A: u8 = 24;
    let kind = payload.first()? & 31;
    if kind == SPS {
        return h264_sps(payload);
    }
    let mut rest = payload.get(1..).filter(|_| kind == STAP_A)?;
    loop {
        let length = usize::from(be16(rest, 0)?);
        let unit = rest.get(2..2 + length)?;
        if unit.first()? & 31 == SPS {
            return h264_sps(unit);
        }
        rest = rest.get(2 + length..)?;
    }
}

/// H264 7.3.2.1.1, of the profiles that are served (baseline: no chroma format).
fn h264_sps(unit: &[u8]) -> Option<(u16, u16)> {
    let (plain, length) = unescaped(unit.get(1..)?);
    let mut bits = Bits { bytes: plain.get(..length)?, at: 0 };
    if bits.take(8)? != 66 {
        return None;
    }
    bits.take(16)?;
    bits.golomb()?;
    bits.golomb()?;
    match bits.golomb()? {
        0 => {
            bits.golomb()?;
        }
        1 => {
            bits.take(1)?;
            bits.golomb()?;
            bits.golomb()?;
            let cycle = bits.golomb()?;
            for _ in 0..cycle.min(CYCLE_MAX) {
                bits.golomb()?;
            }
        }
        _ => {}
    }
    bits.golomb()?;
    bits.take(1)?;
    let (columns, rows) = (bits.golomb()?.checked_add(1)?, bits.golomb()?.checked_add(1)?);
    // an interlaced picture's rows are counted in its halves
    let progressive = bits.take(1)?;
    let halves = 2 - progressive;
    if progressive == 0 {
        bits.take(1)?;
    }
    bits.take(1)?;
    let (mut width, mut height) = (columns.checked_mul(16)?, rows.checked_mul(16)?.checked_mul(halves)?);
    if bits.take(1)? == 1 {
        let mut cut = || bits.golomb();
        let (left, right, top, bottom) = (cut()?, cut()?, cut()?, cut()?);
        width = width.checked_sub(left.checked_add(right)?.checked_mul(2)?)?;
        height = height.checked_sub(top.checked_add(bottom)?.checked_mul(2)?.checked_mul(halves)?)?;
    }
    Some((u16::try_from(width).ok()?, u16::try_from(height).ok()?))
}

/// Without the emulation prevention bytes (H264 7.4.1), and how many are left.
fn unescaped(unit: &[u8]) -> ([u8; HEADER_MAX], usize) {
    let (mut plain, mut length, mut zeros) = ([0; HEADER_MAX], 0, 0);
    for byte in unit.iter().take(HEADER_MAX).copied() {
        if zeros >= 2 && byte == 3 {
            zeros = 0;
            continue;
        }
        zeros = if byte == 0 { zeros + 1 } else { 0 };
        if let Some(place) = plain.get_mut(length) {
            *place = byte;
            length += 1;
        }
    }
    (plain, length)
}

/// AV1 RTP 1.0 4.4: the sequence header is the first OBU of a packet that begins a coded video sequence.
fn av1(payload: &[u8]) -> Option<(u16, u16)> {
    const SEQUENCE_HEADER: u8 = 1;
    let (aggregation, mut rest) = payload.split_first()?;
    // with W = 1 the only element has no length
    if aggregation & 0x30 != 0x10 {
        rest = after_leb128(rest)?;
    }
    let (header, after) = rest.split_first()?;
    if header >> 3 & 15 != SEQUENCE_HEADER {
        return None;
    }
    rest = if header & 0x04 != 0 { after.get(1..)? } else { after };
    if header & 0x02 != 0 {
        rest = after_leb128(rest)?;
    }
    let mut bits = Bits { bytes: rest, at: 0 };
    bits.take(4)?;
    if bits.take(1)? == 1 {
        // reduced_still_picture_header
        bits.take(5)?;
    } else {
        // timing is for files; no browser writes it
        if bits.take(1)? == 1 {
            return None;
        }
        let delays = bits.take(1)?;
        for _ in 0..=bits.take(5)? {
            bits.take(12)?;
            if bits.take(5)? > 7 {
                bits.take(1)?;
            }
            if delays == 1 && bits.take(1)? == 1 {
                bits.take(4)?;
            }
        }
    }
    let (wide, high) = (bits.take(4)? + 1, bits.take(4)? + 1);
    let (width, height) = (bits.take(wide)? + 1, bits.take(high)? + 1);
    Some((u16::try_from(width).ok()?, u16::try_from(height).ok()?))
}

/// What follows a number of at most eight bytes (AV1 4.10.5).
fn after_leb128(bytes: &[u8]) -> Option<&[u8]> {
    let length = bytes.iter().take(8).position(|byte| byte & 0x80 == 0)?;
    bytes.get(length + 1..)
}

struct Bits<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl Bits<'_> {
    /// The next `count` bits, at most 32.
    fn take(&mut self, count: u32) -> Option<u32> {
        let mut value = 0;
        for _ in 0..count {
            let byte = *self.bytes.get(self.at / 8)?;
            value = value << 1 | u32::from(byte >> (7 - self.at % 8) & 1);
            self.at += 1;
        }
        Some(value)
    }

    /// ue(v) of H264 9.1; a signed one has the same length.
    fn golomb(&mut self) -> Option<u32> {
        let mut zeros = 0;
        while self.take(1)? == 0 {
            zeros += 1;
            if zeros > 31 {
                return None;
            }
        }
        Some((1_u32 << zeros) - 1 + self.take(zeros)?)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// x264's, baseline: 640 x 360, cut from 368 rows; and 1920 x 1080, with a byte that prevents emulation.
    const SPS: [u8; 25] = [
        0x67, 0x42, 0xC0, 0x16, 0xD9, 0x00, 0xA0, 0x2F, 0xF9, 0x70, 0x11, 0x00, 0x00, 0x03, 0x00, 0x01, 0x00, 0x00,
        0x03, 0x00, 0x02, 0x0F, 0x16, 0x2E, 0x48,
    ];
    const LARGE: [u8; 24] = [
        0x67, 0x42, 0xC0, 0x28, 0xD9, 0x00, 0x78, 0x02, 0x27, 0xE5, 0xC0, 0x44, 0x00, 0x00, 0x03, 0x00, 0x04, 0x00,
        0x00, 0x03, 0x00, 0x08, 0x3C, 0x60,
    ];

    #[test]
    fn sizes_are_read_where_a_codec_tells_them() {
        let aggregate = |unit: &[u8]| {
            let length = u8::try_from(unit.len()).unwrap();
            [&[0x78, 0, 2, 0x09, 0xF0, 0, length], unit].concat()
        };
        // version 2 of the structure: one layer, with its size
        let vp9 = [0x8A, 0x81, 0x01, 0x10, 0x02, 0x80, 0x01, 0x68, 0x00];
        // a flexible one with a layer byte, of two sizes
        let nested = [0xBA, 0x81, 0x01, 0x00, 0x30, 0x01, 0x40, 0x00, 0xB4, 0x02, 0x80, 0x01, 0x68, 0x00];
        let middle = Some((640, 360));
        let cases = [
            (Codec::H264, SPS.to_vec(), middle),
            (Codec::H264, LARGE.to_vec(), Some((1_920, 1_080))),
            (Codec::H264, aggregate(&SPS), middle),
            (Codec::H264, SPS[..6].to_vec(), None),
            (Codec::H264, vec![0x65, 1, 2, 3], None),
            (Codec::Vp9, vp9.to_vec(), middle),
            (Codec::Vp9, nested.to_vec(), middle),
            (Codec::Vp9, vp9[..6].to_vec(), None),
            (Codec::Opus, vec![1, 2, 3], None),
        ];
        for (codec, payload, expected) in cases {
            assert_eq!(size(codec, &payload), expected, "{codec:?} {payload:02x?}");
        }
    }

    #[test]
    fn the_sequence_header_of_av1_is_read() {
        // libaom's, 640 x 360
        let header = [0x00, 0x00, 0x00, 0x0C, 0xC4, 0xFF, 0x67, 0x36, 0xBE, 0x40, 0x10];
        let alone = [&[0x18, 0x08], &header[..]].concat();
        assert_eq!(size(Codec::Av1, &alone), Some((640, 360)));
        let length = u8::try_from(header.len()).unwrap();
        let counted = [&[0x28, length + 1, 0x08], &header[..], &[0x30, 1, 2]].concat();
        assert_eq!(size(Codec::Av1, &counted), Some((640, 360)), "first of two elements");
        let sized = [&[0x18, 0x0A, length], &header[..]].concat();
        assert_eq!(size(Codec::Av1, &sized), Some((640, 360)), "with a length of its own");
        assert_eq!(size(Codec::Av1, &[0x18, 0x30, 1, 2, 3]), None, "another OBU");
    }

    proptest! {
        #[test]
        fn any_bytes_are_survived(codec in 0usize..5, bytes in prop::collection::vec(any::<u8>(), 0..80)) {
            let codec = [Codec::Opus, Codec::Vp8, Codec::H264, Codec::Vp9, Codec::Av1][codec];
            let _ = size(codec, &bytes);
            let _ = super::super::begins(codec, &bytes);
        }
    }
}
