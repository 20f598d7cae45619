//! Synthetic frames in the packetisation of each codec: nothing that a decoder would show, everything that a forwarder reads.
//!
//! Written from the RFCs alone, so that it can contradict the server's own reading of them.
//!
//! **Invariant:** `locate` finds in each packet of `packetise` the stamp that was put there, and key frames are told apart
//! by the codec's own marks, never by the stamp.

mod av1;
mod h264;
mod opus;
mod vp8;
mod vp9;

use rookery_schemas::signal::Codec;

use crate::stamp::{STAMP_BYTES, Stamp};
pub use crate::stats::FRAME_PACKETS_MAX;

/// Bytes of an RTP payload at the most: 1,200 of the datagram less header, extensions and SRTP's tag.
pub const PAYLOAD_BYTES_MAX: usize = 1_150;

/// Of a recorded frame in each packet; the descriptor takes the rest.
const RECORDED_BYTES_MAX: usize = PAYLOAD_BYTES_MAX - 10;

/// One frame to be made.
#[derive(Clone, Copy, Debug)]
pub struct Frame {
    /// How it is coded.
    pub codec: Codec,
    /// What its packets say; `index` and `count` are filled in here.
    pub stamp: Stamp,
    /// Packets wanted, 1 to [`FRAME_PACKETS_MAX`]; an H.264 key frame has at least two.
    pub packets: u16,
    /// Bytes of each payload, at most [`PAYLOAD_BYTES_MAX`]; raised to what headers and stamp need.
    pub bytes: usize,
    /// True: the first half is one byte shorter, as encoders cut their frames.
    pub uneven: bool,
}

/// One packet's payload.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Payload {
    /// Codec headers, stamp, filler.
    pub bytes: Vec<u8>,
    /// The RTP marker bit: the last packet of a picture.
    pub marker: bool,
}

/// What the codec's own headers say of a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Located {
    /// Where the stamp begins.
    pub stamp_at: usize,
    /// A receiver may begin with this packet.
    pub key_start: bool,
}

/// Makes one frame's packets.
#[must_use]
pub fn packetise(frame: &Frame) -> Vec<Payload> {
    let wanted = frame.packets.clamp(1, FRAME_PACKETS_MAX);
    let count = match frame.codec {
        Codec::Opus => 1,
        Codec::H264 if frame.stamp.key => wanted.max(2),
        _ => wanted,
    };
    (0..count).map(|index| packet(frame, index, count)).collect()
}

/// Packets of a recorded VP8 frame, which a decoder shows; `stamp` names and numbers it, and is not in it.
#[must_use]
pub fn packetise_recorded(recorded: &[u8], stamp: &Stamp) -> Vec<Payload> {
    let parts = recorded.chunks(RECORDED_BYTES_MAX);
    let last = parts.len().saturating_sub(1);
    let packets = parts.enumerate().map(|(index, part)| {
        let mut bytes = Vec::with_capacity(PAYLOAD_BYTES_MAX);
        vp8::descriptor(&Stamp { index: u16::try_from(index).unwrap_or(u16::MAX), ..*stamp }, &mut bytes);
        bytes.extend_from_slice(part);
        Payload { bytes, marker: index == last }
    });
    packets.collect()
}

fn packet(frame: &Frame, index: u16, count: u16) -> Payload {
    let stamp = Stamp { index, count, ..frame.stamp };
    let short = usize::from(frame.uneven && index < count / 2);
    let bytes = frame.bytes.min(PAYLOAD_BYTES_MAX).saturating_sub(short);
    let mut out = Vec::with_capacity(PAYLOAD_BYTES_MAX);
    match frame.codec {
        Codec::Opus => opus::head(&mut out),
        Codec::Vp8 => vp8::head(&stamp, &mut out),
        Codec::Vp9 => vp9::head(&stamp, &mut out),
        Codec::Av1 => av1::head(&stamp, &mut out),
        Codec::H264 if stamp.key && index == 0 => {
            h264::parameter_sets(&stamp, &mut out);
            return Payload { bytes: out, marker: false };
        }
        Codec::H264 => h264::head(&stamp, &mut out),
    }
    let rest = bytes.saturating_sub(out.len()).max(STAMP_BYTES);
    stamp.write(rest, &mut out);
    // Sound marks the first packet of a talkspurt, which is the first of all here; pictures mark the last packet.
    let marker = if frame.codec == Codec::Opus { stamp.frame == 0 } else { index + 1 == count };
    Payload { bytes: out, marker }
}

/// Reads the codec's own headers; `None` if they are not those of `codec`, or the packet ends within them.
#[must_use]
pub fn locate(codec: Codec, payload: &[u8]) -> Option<Located> {
    match codec {
        Codec::Opus => opus::locate(payload),
        Codec::Vp8 => vp8::locate(payload),
        Codec::Vp9 => vp9::locate(payload),
        Codec::Av1 => av1::locate(payload),
        Codec::H264 => h264::locate(payload),
    }
}

/// The 15 bits of a picture id (RFC 7741 and RFC 9628), which wraps.
fn picture_id(stamp: &Stamp) -> [u8; 2] {
    let [_, _, high, low] = stamp.frame.to_be_bytes();
    [0x80 | high, low]
}

/// The low byte of a frame's number, for the running indices of one byte.
fn low_byte(stamp: &Stamp) -> u8 {
    let [_, _, _, low] = stamp.frame.to_be_bytes();
    low
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::stamp::Origin;

    fn stamp(frame: u32, key: bool) -> Stamp {
        Stamp { origin: Origin { sender: 9, track: 2 }, frame, index: 0, count: 1, key, sent_us: 77 }
    }

    fn codec() -> impl Strategy<Value = Codec> {
        prop_oneof![Just(Codec::Opus), Just(Codec::Vp8), Just(Codec::Vp9), Just(Codec::H264), Just(Codec::Av1)]
    }

    proptest! {
        #[test]
        fn every_packet_gives_its_stamp_back(
            codec in codec(), number in any::<u32>(), key in any::<bool>(),
            packets in 1u16..40, bytes in 0usize..PAYLOAD_BYTES_MAX, uneven in any::<bool>(),
        ) {
            let made = packetise(&Frame { codec, stamp: stamp(number, key), packets, bytes, uneven });
            for (index, payload) in made.iter().enumerate() {
                prop_assert!(payload.bytes.len() <= PAYLOAD_BYTES_MAX + STAMP_BYTES);
                let located = locate(codec, &payload.bytes).unwrap();
                let read = Stamp::read(&payload.bytes[located.stamp_at..]).unwrap();
                prop_assert_eq!(read.frame, number);
                prop_assert_eq!(usize::from(read.index), index);
                prop_assert_eq!(usize::from(read.count), made.len());
                prop_assert_eq!(located.key_start, key && index == 0 && codec != Codec::Opus);
                if codec != Codec::Opus {
                    prop_assert_eq!(payload.marker, index + 1 == made.len());
                }
            }
        }

        #[test]
        fn any_bytes_are_safe_to_look_at(codec in codec(), bytes in proptest::collection::vec(any::<u8>(), 0..64)) {
            if let Some(located) = locate(codec, &bytes) {
                prop_assert!(located.stamp_at <= bytes.len());
            }
        }
    }

    #[test]
    fn a_recorded_frame_is_cut_and_can_be_joined_again() {
        let mut recorded: Vec<u8> = (0..3_000u32).map(|i| i.to_le_bytes()[0]).collect();
        recorded[0] = 0;
        let packets = packetise_recorded(&recorded, &stamp(7, true));
        let marks: Vec<(bool, bool)> = packets
            .iter()
            .map(|packet| (locate(Codec::Vp8, &packet.bytes).unwrap().key_start, packet.marker))
            .collect();
        assert_eq!(marks, [(true, false), (false, false), (false, true)]);
        let joined: Vec<u8> = packets.iter().flat_map(|packet| packet.bytes[6..].to_vec()).collect();
        assert_eq!(joined, recorded);
        recorded[0] = 1;
        let located = locate(Codec::Vp8, &packetise_recorded(&recorded, &stamp(8, false))[0].bytes);
        assert!(!located.unwrap().key_start);
    }

    #[test]
    fn uneven_frames_have_their_short_packets_first() {
        let frame = Frame { codec: Codec::Vp8, stamp: stamp(1, false), packets: 4, bytes: 1_000, uneven: true };
        let sizes: Vec<usize> = packetise(&frame).iter().map(|payload| payload.bytes.len()).collect();
        assert_eq!(sizes, [999, 999, 1_000, 1_000]);
    }
}
