//! RTP headers (RFC 3550 5.1) and header extensions (RFC 8285): reading what publishers send, writing what we send.
//!
//! **Invariant:** a [`Header`] that was parsed lies within its packet; nothing here reads beyond a slice.

use crate::{
    bits::{be16, be32, put},
    clock::Now,
    command::ExtensionIds,
};

/// Bytes of a header without CSRCs and extensions.
pub(crate) const FIXED: usize = 12;
/// Bytes of a header as [`Layout`] writes it, at the most: three extensions of 4, 3 and 2 bytes, in whole words.
pub(crate) const HEADER_MAX: usize = FIXED + 4 + 12;

const ONE_BYTE: u16 = 0xBEDE;
const TWO_BYTE: u16 = 0x1000;
const MARKER: u8 = 0x80;
const PADDING: u8 = 0x20;
const EXTENSION: u8 = 0x10;

/// A received header.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Header {
    pub(crate) payload_type: u8,
    pub(crate) marker: bool,
    pub(crate) padded: bool,
    pub(crate) sequence: u16,
    pub(crate) timestamp: u32,
    pub(crate) ssrc: u32,
    /// Bytes before the payload.
    pub(crate) length: usize,
    /// Bytes of extensions that end at `length`.
    extensions: usize,
    profile: u16,
}

/// The extensions that the media plane reads.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Fields<'a> {
    pub(crate) mid: Option<&'a [u8]>,
    pub(crate) rid: Option<&'a [u8]>,
    pub(crate) repaired_rid: Option<&'a [u8]>,
    pub(crate) audio_level: Option<u8>,
    pub(crate) transport_cc: Option<u16>,
}

impl Header {
    #[inline]
    pub(crate) fn parse(packet: &[u8]) -> Option<Self> {
        let [first, second, ..] = packet else { return None };
        if first >> 6 != 2 {
            return None;
        }
        let mut length = FIXED + 4 * usize::from(first & 15);
        let (mut extensions, mut profile) = (0, 0);
        if first & EXTENSION != 0 {
            profile = be16(packet, length)?;
            extensions = 4 * usize::from(be16(packet, length + 2)?);
            length += 4 + extensions;
        }
        if packet.len() < length {
            return None;
        }
        Some(Self {
            payload_type: second & 0x7F,
            marker: second & MARKER != 0,
            padded: first & PADDING != 0,
            sequence: be16(packet, 2)?,
            timestamp: be32(packet, 4)?,
            ssrc: be32(packet, 8)?,
            length,
            extensions,
            profile,
        })
    }

    /// Reads the extensions. Of one that comes twice the last counts; a malformed rest is ignored.
    #[inline]
    pub(crate) fn fields<'a>(&self, packet: &'a [u8], ids: &ExtensionIds) -> Fields<'a> {
        let mut fields = Fields::default();
        let mut rest = packet.get(self.length - self.extensions..self.length).unwrap_or_default();
        let two_byte = self.profile & 0xFFF0 == TWO_BYTE;
        if self.profile != ONE_BYTE && !two_byte {
            return fields;
        }
        while let [first, behind @ ..] = rest {
            if *first == 0 {
                rest = behind;
                continue;
            }
            let (id, length, value) = match (two_byte, behind) {
                (true, [length, value @ ..]) => (*first, usize::from(*length), value),
                (true, []) => break,
                (false, _) if *first >> 4 == 15 => break,
                (false, value) => (*first >> 4, usize::from(first & 15) + 1, value),
            };
            let Some((value, behind)) = value.split_at_checked(length) else { break };
            let is = |wanted: Option<u8>| wanted == Some(id);
            if is(ids.transport_cc) {
                fields.transport_cc = be16(value, 0);
            } else if is(ids.audio_level) {
                fields.audio_level = value.first().copied();
            } else if is(ids.mid) {
                fields.mid = Some(value);
            } else if is(ids.rid) {
                fields.rid = Some(value);
            } else if is(ids.repaired_rid) {
                fields.repaired_rid = Some(value);
            }
            rest = behind;
        }
        fields
    }

    /// The payload's length without its padding; nothing when the padding is longer than the payload.
    #[inline]
    pub(crate) fn unpadded(&self, payload: &[u8]) -> Option<usize> {
        if !self.padded {
            return Some(payload.len());
        }
        let padding = usize::from(*payload.last()?);
        payload.len().checked_sub(padding).filter(|_| padding > 0)
    }
}

/// What varies from packet to packet of one outgoing stream.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Values {
    pub(crate) payload_type: u8,
    pub(crate) marker: bool,
    pub(crate) sequence: u16,
    pub(crate) timestamp: u32,
    pub(crate) ssrc: u32,
    pub(crate) send_time: [u8; 3],
    pub(crate) transport: u16,
    pub(crate) level: u8,
}

/// The header of an outgoing stream, worked out once: all its packets have the same length, so that they can leave as
/// one segmented send.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Layout {
    bytes: [u8; HEADER_MAX],
    length: usize,
    send_time: usize,
    transport: usize,
    level: usize,
}

impl Layout {
    pub(crate) fn new(ids: &ExtensionIds) -> Self {
        let mut layout = Self { bytes: [0; HEADER_MAX], length: FIXED, send_time: 0, transport: 0, level: 0 };
        let mut end = FIXED + 4;
        let wanted = [(ids.abs_send_time, 3u8), (ids.transport_cc, 2), (ids.audio_level, 1)];
        let places = [&mut layout.send_time, &mut layout.transport, &mut layout.level];
        for ((id, size), place) in wanted.into_iter().zip(places) {
            if let Some(id) = id.filter(|id| (1..=14).contains(id)) {
                put(&mut layout.bytes, end, &[id << 4 | (size - 1)]);
                *place = end + 1;
                end += 1 + usize::from(size);
            }
        }
        layout.bytes[0] = 2 << 6;
        if end > FIXED + 4 {
            layout.length = end.next_multiple_of(4);
            layout.bytes[0] |= EXTENSION;
            let words = crate::bits::len16((layout.length - FIXED - 4) / 4);
            put(&mut layout.bytes, FIXED, &ONE_BYTE.to_be_bytes());
            put(&mut layout.bytes, FIXED + 2, &words.to_be_bytes());
        }
        layout
    }

    /// Whether packets carry a transport-wide sequence number.
    #[inline]
    pub(crate) fn numbers_transport(&self) -> bool {
        self.transport != 0
    }

    /// Appends a header and returns its length.
    #[inline]
    pub(crate) fn write(&self, buffer: &mut Vec<u8>, values: &Values) -> usize {
        let mut bytes = self.bytes;
        bytes[1] = values.payload_type | if values.marker { MARKER } else { 0 };
        bytes[2..4].copy_from_slice(&values.sequence.to_be_bytes());
        bytes[4..8].copy_from_slice(&values.timestamp.to_be_bytes());
        bytes[8..12].copy_from_slice(&values.ssrc.to_be_bytes());
        if self.send_time != 0 {
            put(&mut bytes, self.send_time, &values.send_time);
        }
        if self.transport != 0 {
            put(&mut bytes, self.transport, &values.transport.to_be_bytes());
        }
        if self.level != 0 {
            put(&mut bytes, self.level, &[values.level]);
        }
        buffer.extend_from_slice(bytes.get(..self.length).unwrap_or_default());
        self.length
    }
}

/// Appends `count` bytes of padding to the packet that begins at `start`; 0 is none.
#[inline]
pub(crate) fn pad(buffer: &mut Vec<u8>, start: usize, count: u8) {
    if count == 0 {
        return;
    }
    if let Some(first) = buffer.get_mut(start) {
        *first |= PADDING;
    }
    buffer.resize(buffer.len() + usize::from(count), 0);
    if let Some(last) = buffer.last_mut() {
        *last = count;
    }
}

/// The abs-send-time extension's value: seconds as 6.18 bits, modulo 64 s.
pub(crate) fn send_time(now: Now) -> [u8; 3] {
    let ticks = (u128::from(now.nanos()) << 18) / 1_000_000_000;
    let [.., a, b, c] = ticks.to_be_bytes();
    [a, b, c]
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const IDS: ExtensionIds = ExtensionIds {
        mid: Some(4),
        rid: Some(10),
        repaired_rid: Some(11),
        audio_level: Some(1),
        transport_cc: Some(3),
        abs_send_time: Some(2),
    };

    fn packet(profile: u16, extensions: &[u8]) -> Vec<u8> {
        let mut packet = vec![0x90, 0xE0, 0, 7, 0, 0, 0, 9, 0, 0, 0, 5];
        packet.extend_from_slice(&profile.to_be_bytes());
        packet.extend_from_slice(&crate::bits::len16(extensions.len() / 4).to_be_bytes());
        packet.extend_from_slice(extensions);
        packet
    }

    #[test]
    fn one_byte_and_two_byte_extensions_are_read() {
        let one = packet(0xBEDE, &[0x10, 0xAA, 0, 0x31, 1, 2, 0x40, b'0', 0xA0, b'h', 0xF0, 9]);
        let header = Header::parse(&one).unwrap();
        assert_eq!((header.payload_type, header.marker, header.sequence), (96, true, 7));
        let fields = header.fields(&one, &IDS);
        assert_eq!((fields.audio_level, fields.transport_cc), (Some(0xAA), Some(0x0102)));
        assert_eq!((fields.mid, fields.rid), (Some(&b"0"[..]), Some(&b"h"[..])));
        let two = packet(0x1000, &[3, 2, 1, 2, 0, 11, 1, b'q']);
        let fields = Header::parse(&two).unwrap().fields(&two, &IDS);
        assert_eq!((fields.transport_cc, fields.repaired_rid), (Some(0x0102), Some(&b"q"[..])));
    }

    #[test]
    fn what_is_written_is_read_back() {
        let values = Values {
            payload_type: 111,
            marker: true,
            sequence: 65_535,
            timestamp: 77,
            ssrc: 88,
            send_time: [1, 2, 3],
            transport: 500,
            level: 0x85,
        };
        for (ids, length) in [(IDS, HEADER_MAX), (ExtensionIds::default(), FIXED)] {
            let (mut buffer, layout) = (Vec::new(), Layout::new(&ids));
            assert_eq!(layout.write(&mut buffer, &values), length);
            let header = Header::parse(&buffer).unwrap();
            assert_eq!((header.length, header.ssrc, header.timestamp, header.sequence), (length, 88, 77, 65_535));
            let fields = header.fields(&buffer, &ids);
            assert_eq!(fields.transport_cc, ids.transport_cc.map(|_| 500));
            assert_eq!(fields.audio_level, ids.audio_level.map(|_| 0x85));
        }
    }

    #[test]
    fn padding_goes_on_and_comes_off() {
        let mut buffer = vec![0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 2, 3];
        pad(&mut buffer, 0, 4);
        let header = Header::parse(&buffer).unwrap();
        assert_eq!(header.unpadded(&buffer[12..]), Some(3));
        assert_eq!(header.unpadded(&[1, 2, 9]), None, "more padding than payload");
        assert_eq!(header.unpadded(&[1, 2, 0]), None, "padding of nothing");
        assert_eq!(header.unpadded(&[]), None);
    }

    proptest! {
        #[test]
        fn any_bytes_are_survived(bytes in prop::collection::vec(any::<u8>(), 0..80), first in 0x80u8..0xC0) {
            let mut bytes = bytes;
            if let Some(byte) = bytes.first_mut() {
                *byte = first;
            }
            if let Some(header) = Header::parse(&bytes) {
                prop_assert!(header.length <= bytes.len());
                let _ = header.fields(&bytes, &IDS);
                let _ = header.unpadded(&bytes[header.length..]);
            }
        }
    }
}
