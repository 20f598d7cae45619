//! What the media plane knows of codecs: where a decoder can begin, how large its pictures are, and the counters of VP8 that
//! must run on.
//!
//! **Invariant:** payloads are foreign bytes: every read is checked, and nothing is taken to be a key frame by default
//! but sound, which needs none.

mod size;
pub(crate) mod vp8;

pub(crate) use size::size;

use rookery_schemas::signal::{Codec, MediaKind};

use crate::command::PayloadType;

/// Ticks of the RTP clock in a millisecond: 48 kHz for sound, 90 kHz for pictures.
pub(crate) const fn ticks_per_ms(kind: MediaKind) -> u32 {
    match kind {
        MediaKind::Audio => 48,
        MediaKind::Video => 90,
    }
}

/// A codec and what tells its variants apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Format {
    pub(crate) codec: Codec,
    /// `profile_idc`, `profile-iop` and packetization mode of H264; the level may differ.
    h264: Option<(u8, u8, u8)>,
}

/// A payload type that can be sent or received.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Mapped {
    pub(crate) number: u8,
    pub(crate) rtx: Option<u8>,
    pub(crate) format: Format,
}

impl Mapped {
    pub(crate) fn new(from: &PayloadType) -> Self {
        let h264 = (from.codec == Codec::H264).then(|| h264_variant(&from.fmtp));
        Self { number: from.number & 0x7F, rtx: from.rtx, format: Format { codec: from.codec, h264 } }
    }
}

/// The payload type under which `format` is sent: the same variant, else the first of the same codec.
pub(crate) fn matching(types: &[Mapped], format: Format) -> Option<Mapped> {
    let exact = types.iter().find(|mapped| mapped.format == format);
    exact.or_else(|| types.iter().find(|mapped| mapped.format.codec == format.codec)).copied()
}

/// RFC 6184 8.1; its default is baseline, packetization mode 0.
fn h264_variant(fmtp: &str) -> (u8, u8, u8) {
    let value = |name: &str| {
        let parameters = fmtp.split(';').filter_map(|p| p.trim().split_once('='));
        parameters.into_iter().find(|(key, _)| key.trim().eq_ignore_ascii_case(name)).map(|(_, value)| value.trim())
    };
    let profile = value("profile-level-id").and_then(|text| u32::from_str_radix(text, 16).ok()).unwrap_or(0x42_00_0A);
    let [_, idc, iop, _] = profile.to_be_bytes();
    (idc, iop, value("packetization-mode").and_then(|text| text.parse().ok()).unwrap_or(0))
}

/// Whether a decoder that knows nothing can begin with this packet.
#[inline]
pub(crate) fn begins(codec: Codec, payload: &[u8]) -> bool {
    match codec {
        Codec::Opus => true,
        Codec::Vp8 => vp8::Descriptor::parse(payload).is_some_and(|descriptor| descriptor.key_frame(payload)),
        Codec::H264 => h264_begins(payload),
        Codec::Vp9 => vp9_begins(payload).unwrap_or(false),
        // AV1 RTP 1.0 4.4: N, the first packet of a coded video sequence, and not Z, a continued OBU
        Codec::Av1 => payload.len() > 1 && payload.first().is_some_and(|header| header & 0x88 == 0x08),
    }
}

/// RFC 6184: an SPS or an IDR slice, alone, in an aggregate or as the first of its fragments.
fn h264_begins(payload: &[u8]) -> bool {
    const IDR: u8 = 5;
    const SPS: u8 = 7;
    const STAP_A: u8 = 24;
    const FU_A: u8 = 28;
    let starts = |unit: u8| matches!(unit & 31, IDR | SPS);
    match payload {
        [unit, rest @ ..] if unit & 31 == STAP_A => {
            let mut rest = rest;
            while let Some(length) = crate::bits::be16(rest, 0) {
                if rest.get(2).is_some_and(|unit| starts(*unit)) {
                    return true;
                }
                let Some(behind) = rest.get(2 + usize::from(length)..) else { return false };
                rest = behind;
            }
            false
        }
        [unit, header, ..] if unit & 31 == FU_A => header & 0x80 != 0 && starts(*header),
        [unit, ..] => starts(*unit),
        [] => false,
    }
}

/// RFC 9628 4.2: not inter-picture predicted, begins a frame, lowest spatial layer.
fn vp9_begins(payload: &[u8]) -> Option<bool> {
    let flags = *payload.first()?;
    let mut at = 1;
    if flags & 0x80 != 0 {
        at += if payload.get(at)? & 0x80 != 0 { 2 } else { 1 };
    }
    let spatial = if flags & 0x20 != 0 { *payload.get(at)? >> 1 & 7 } else { 0 };
    Some(flags & 0x40 == 0 && flags & 0x08 != 0 && spatial == 0 && payload.len() > at)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_decoder_begins_only_where_it_can() {
        let cases: [(Codec, &[u8], bool); 24] = [
            (Codec::Opus, &[1], true),
            (Codec::Vp8, &[0x10, 0x50, 0, 0], true),
            (Codec::Vp8, &[0x10, 0x51, 0, 0], false),
            (Codec::Vp8, &[0x00, 0x50, 0, 0], false),
            (Codec::Vp8, &[0x90, 0x80, 0x81, 0x01, 0x50, 0, 0], true),
            (Codec::Vp8, &[0x11, 0x50, 0, 0], false),
            (Codec::Vp8, &[], false),
            (Codec::Vp8, &[0x90, 0x80], false),
            (Codec::H264, &[0x67, 1], true),
            (Codec::H264, &[0x65, 1], true),
            (Codec::H264, &[0x41, 1], false),
            (Codec::H264, &[0x78, 0, 1, 0x67, 0, 1, 0x68], true),
            (Codec::H264, &[0x78, 0, 1, 0x09, 0, 1, 0x67], true),
            (Codec::H264, &[0x78, 0, 200, 0x41], false),
            (Codec::H264, &[0x7C, 0x85, 0], true),
            (Codec::H264, &[0x7C, 0x05, 0], false),
            (Codec::H264, &[], false),
            (Codec::Vp9, &[0x88, 0x81, 0x01, 0], true),
            (Codec::Vp9, &[0xC8, 0x81, 0x01, 0], false),
            (Codec::Vp9, &[0xA8, 0x01, 0x02, 0, 0], false),
            (Codec::Vp9, &[0x80, 0x81], false),
            (Codec::Av1, &[0x08, 1], true),
            (Codec::Av1, &[0x88, 1], false),
            (Codec::Av1, &[0x10, 1], false),
        ];
        for (codec, payload, expected) in cases {
            assert_eq!(begins(codec, payload), expected, "{codec:?} {payload:02x?}");
        }
    }

    #[test]
    fn payload_types_are_matched_by_codec_and_variant() {
        let mapped = |number, codec, fmtp: &str| {
            Mapped::new(&PayloadType { number, codec, rtx: Some(number + 1), fmtp: fmtp.into() })
        };
        let ours = [
            mapped(102, Codec::H264, "level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42001f"),
            mapped(104, Codec::H264, "packetization-mode=1; profile-level-id=42e034"),
            mapped(96, Codec::Vp8, ""),
        ];
        let find = |number, codec, fmtp: &str| matching(&ours, mapped(number, codec, fmtp).format).map(|m| m.number);
        assert_eq!(find(40, Codec::H264, "profile-level-id=42e01f;packetization-mode=1"), Some(104));
        assert_eq!(find(40, Codec::H264, "profile-level-id=64001f;packetization-mode=1"), Some(102));
        assert_eq!(find(40, Codec::Vp8, ""), Some(96));
        assert_eq!(find(40, Codec::Av1, ""), None);
    }
}
