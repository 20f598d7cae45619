//! The packets of one source as they came, for forwarding and for retransmission: one copy, whoever receives them.
//!
//! Payloads lie behind each other in a ring of bytes; a second ring finds them by number.
//!
//! **Invariant:** a packet is found until its bytes are overwritten, and never after; memory is fixed when the source
//! is made.

use rookery_schemas::signal::MediaKind;

/// Bytes for pictures: 3 s of 2.5 Mbit/s. Pages are touched only as far as a publisher fills them.
const VIDEO_BYTES: usize = 1 << 20;
/// Packets for pictures: as many as fit at 1,000 bytes.
const VIDEO_PACKETS: usize = 1_024;
/// Bytes for sound, which is not retransmitted: a batch of large packets.
const AUDIO_BYTES: usize = 16 << 10;
const AUDIO_PACKETS: usize = 128;

/// One kept packet.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Entry {
    /// One more than its number; 0 is an empty place.
    key: u64,
    offset: u64,
    pub(crate) timestamp: u32,
    length: u16,
    pub(crate) marker: bool,
}

/// The kept packets of one source.
#[derive(Debug)]
pub(crate) struct History {
    bytes: Box<[u8]>,
    entries: Box<[Entry]>,
    /// Bytes ever written, gaps at the ring's end included.
    head: u64,
}

impl History {
    pub(crate) fn new(kind: MediaKind) -> Self {
        let (bytes, entries) = match kind {
            MediaKind::Audio => (AUDIO_BYTES, AUDIO_PACKETS),
            MediaKind::Video => (VIDEO_BYTES, VIDEO_PACKETS),
        };
        Self {
            bytes: vec![0; bytes].into_boxed_slice(),
            entries: vec![Entry::default(); entries].into_boxed_slice(),
            head: 0,
        }
    }

    /// Keeps a packet in place of the oldest. False if it is larger than the ring.
    #[inline]
    pub(crate) fn store(&mut self, number: u64, timestamp: u32, marker: bool, payload: &[u8]) -> bool {
        let size = self.bytes.len() as u64;
        let (length, room) = (payload.len() as u64, size - self.head % size);
        if length > room {
            self.head += room;
        }
        let offset = self.head;
        let start = index(offset, self.bytes.len());
        let Some(place) = self.bytes.get_mut(start..start + payload.len()) else { return false };
        place.copy_from_slice(payload);
        self.head += length;
        let at = index(number, self.entries.len());
        let Some(entry) = self.entries.get_mut(at) else { return false };
        *entry = Entry { key: number + 1, offset, timestamp, length: crate::bits::len16(payload.len()), marker };
        true
    }

    /// The packet with this number, if it is still there.
    #[inline]
    pub(crate) fn get(&self, number: u64) -> Option<(&Entry, &[u8])> {
        let entry = self.entries.get(index(number, self.entries.len()))?;
        if entry.key != number + 1 || entry.offset + (self.bytes.len() as u64) < self.head {
            return None;
        }
        let start = index(entry.offset, self.bytes.len());
        Some((entry, self.bytes.get(start..start + usize::from(entry.length))?))
    }
}

#[inline]
#[expect(clippy::cast_possible_truncation, reason = "a remainder of a usize")]
fn index(value: u64, of: usize) -> usize {
    (value % of.max(1) as u64) as usize
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// What is found is what was stored under that number; the newest 8 packets are always found.
        #[test]
        fn a_packet_is_found_whole_or_not_at_all(sizes in prop::collection::vec(0usize..2_000, 1..400)) {
            let mut history = History::new(MediaKind::Audio);
            for (number, size) in sizes.iter().enumerate() {
                let byte = crate::bits::low8(number as u64);
                prop_assert!(history.store(number as u64, 7, size % 2 == 0, &vec![byte; *size]));
                for back in 0..200.min(number + 1) {
                    let at = number - back;
                    match history.get(at as u64) {
                        Some((entry, payload)) => {
                            prop_assert_eq!(payload.len(), sizes[at]);
                            prop_assert_eq!(entry.marker, sizes[at] % 2 == 0);
                            prop_assert!(payload.iter().all(|b| *b == crate::bits::low8(at as u64)));
                        }
                        None => prop_assert!(back >= 7, "{} back is lost", back),
                    }
                }
            }
        }
    }
}
