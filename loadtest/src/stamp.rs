//! What each packet says about itself: who sent it, which frame it is part of, and when it left.
//!
//! A stamp stands behind the codec's own headers, so that whatever a forwarder rewrites (SSRC, sequence number, time,
//! picture id) leaves it as it was. Big-endian:
//!
//! | at | bytes | field |
//! |---|---|---|
//! | 0 | 4 | magic `RKS1` |
//! | 4 | 8 | sender |
//! | 12 | 2 | track of that sender |
//! | 14 | 2 | packet in its frame, from 0 |
//! | 16 | 4 | frame, from 0 |
//! | 20 | 2 | packets of the frame |
//! | 22 | 2 | bytes of stamp and filler |
//! | 24 | 8 | send time, us |
//! | 32 | 4 | flags (bit 0: part of a key frame) |
//! | 36 | 4 | check: FNV-1a over bytes 0 to 35 |
//!
//! **Invariant:** `read(write(stamp))` is the stamp, and any changed byte of stamp or filler is noticed.

use thiserror::Error;

/// Bytes of a stamp without its filler.
pub const STAMP_BYTES: usize = 40;
const MAGIC: u32 = u32::from_be_bytes(*b"RKS1");
const FLAG_KEY: u32 = 1;

/// Whose packet it is: one track of one sender.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Origin {
    /// The sender; [`Origin::of`] derives it from a peer's id.
    pub sender: u64,
    /// Counted by the sender, from 0.
    pub track: u16,
}

impl Origin {
    /// The origin of `peer`'s track number `track`.
    #[must_use]
    pub fn of(peer: rookery_schemas::ids::PeerId, track: u16) -> Self {
        // Both halves, since the first one of a version 7 id is mostly time.
        let (high, low) = peer.0.as_u64_pair();
        Self { sender: high ^ low.rotate_left(17), track }
    }
}

/// What a packet says about itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stamp {
    /// Whose it is.
    pub origin: Origin,
    /// Which frame, from 0.
    pub frame: u32,
    /// Which packet of the frame, from 0.
    pub index: u16,
    /// Packets of the frame, at least 1.
    pub count: u16,
    /// Part of a key frame.
    pub key: bool,
    /// When it was handed to the sender's stack: us on the sender's [`crate::clock`].
    pub sent_us: u64,
}

/// Why there is no stamp.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum StampError {
    /// Fewer bytes than a stamp, or than the stamp says.
    #[error("too short for a stamp")]
    Short,
    /// No magic where it belongs.
    #[error("no stamp here")]
    Absent,
    /// The stamp's bytes were changed.
    #[error("the stamp was changed on its way")]
    Changed,
    /// The filler's bytes were changed.
    #[error("the filler was changed on its way")]
    Filler,
}

impl Stamp {
    /// Appends the stamp and filler, `bytes` in all; at least [`STAMP_BYTES`] and at most 65,535 are written.
    pub fn write(&self, bytes: usize, out: &mut Vec<u8>) {
        let bytes = bytes.clamp(STAMP_BYTES, usize::from(u16::MAX));
        let start = out.len();
        out.extend_from_slice(&MAGIC.to_be_bytes());
        out.extend_from_slice(&self.origin.sender.to_be_bytes());
        out.extend_from_slice(&self.origin.track.to_be_bytes());
        out.extend_from_slice(&self.index.to_be_bytes());
        out.extend_from_slice(&self.frame.to_be_bytes());
        out.extend_from_slice(&self.count.to_be_bytes());
        out.extend_from_slice(&u16::try_from(bytes).unwrap_or(u16::MAX).to_be_bytes());
        out.extend_from_slice(&self.sent_us.to_be_bytes());
        out.extend_from_slice(&(if self.key { FLAG_KEY } else { 0 }).to_be_bytes());
        let check = fnv1a(out.get(start..).unwrap_or_default());
        out.extend_from_slice(&check.to_be_bytes());
        let filler = filler(self.frame, self.index);
        out.resize(start + bytes, filler);
    }

    /// Reads the stamp at the beginning of `from` and checks the filler behind it; more may follow.
    ///
    /// # Errors
    ///
    /// [`StampError`] says what is wrong.
    pub fn read(from: &[u8]) -> Result<Self, StampError> {
        let head: &[u8; STAMP_BYTES] = from.first_chunk().ok_or(StampError::Short)?;
        if u32::from_be_bytes(field(head, 0)) != MAGIC {
            return Err(StampError::Absent);
        }
        let (covered, check) = head.split_at(STAMP_BYTES - 4);
        if fnv1a(covered).to_be_bytes() != check {
            return Err(StampError::Changed);
        }
        let stamp = Self {
            origin: Origin { sender: u64::from_be_bytes(field(head, 4)), track: u16::from_be_bytes(field(head, 12)) },
            index: u16::from_be_bytes(field(head, 14)),
            frame: u32::from_be_bytes(field(head, 16)),
            count: u16::from_be_bytes(field(head, 20)),
            sent_us: u64::from_be_bytes(field(head, 24)),
            key: u32::from_be_bytes(field(head, 32)) & FLAG_KEY != 0,
        };
        let bytes = usize::from(u16::from_be_bytes(field(head, 22)));
        let body = from.get(STAMP_BYTES..bytes).ok_or(StampError::Short)?;
        let expected = filler(stamp.frame, stamp.index);
        if body.iter().any(|byte| *byte != expected) { Err(StampError::Filler) } else { Ok(stamp) }
    }
}

/// `N` bytes of a head from `at`; the offsets are constants of the layout.
fn field<const N: usize>(head: &[u8; STAMP_BYTES], at: usize) -> [u8; N] {
    head.get(at..).and_then(|rest| rest.first_chunk()).copied().unwrap_or([0; N])
}

/// One byte value for each packet; never 0, so that padding shows, and never part of an H.264 start code.
fn filler(frame: u32, index: u16) -> u8 {
    let [a, b, c, d] = frame.to_be_bytes();
    let [e, f] = index.to_be_bytes();
    (a ^ b ^ c ^ d ^ e ^ f.rotate_left(4)) | 0x80
}

fn fnv1a(bytes: &[u8]) -> u32 {
    bytes.iter().fold(0x811c_9dc5, |hash, byte| (hash ^ u32::from(*byte)).wrapping_mul(0x0100_0193))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn any_stamp() -> impl Strategy<Value = Stamp> {
        (any::<(u64, u16, u32, u16, u16, bool, u64)>()).prop_map(
            |(sender, track, frame, index, count, key, sent_us)| Stamp {
                origin: Origin { sender, track },
                frame,
                index,
                count,
                key,
                sent_us,
            },
        )
    }

    proptest! {
        #[test]
        fn comes_back_as_it_went(stamp in any_stamp(), bytes in 0usize..1500, tail in proptest::collection::vec(any::<u8>(), 0..20)) {
            let mut out = Vec::new();
            stamp.write(bytes, &mut out);
            prop_assert_eq!(out.len(), bytes.max(STAMP_BYTES));
            out.extend(tail);
            prop_assert_eq!(Stamp::read(&out), Ok(stamp));
        }

        #[test]
        fn any_changed_byte_is_noticed(stamp in any_stamp(), at in 0usize..200, flip in 1u8..=255) {
            let mut out = Vec::new();
            stamp.write(200, &mut out);
            out[at] ^= flip;
            prop_assert!(Stamp::read(&out).is_err());
        }

        #[test]
        fn reading_anything_is_safe(bytes in proptest::collection::vec(any::<u8>(), 0..100)) {
            prop_assert!(Stamp::read(&bytes).is_err());
        }
    }

    #[test]
    fn what_is_cut_off_is_short() {
        let stamp = Stamp { origin: Origin::default(), frame: 1, index: 0, count: 1, key: true, sent_us: 5 };
        let mut out = Vec::new();
        stamp.write(100, &mut out);
        assert_eq!(Stamp::read(&out[..99]), Err(StampError::Short));
        assert_eq!(Stamp::read(&out[..39]), Err(StampError::Short));
    }
}
