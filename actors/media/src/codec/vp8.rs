//! The payload descriptor of VP8 (RFC 7741 4.2): picture id and TL0PICIDX run on across a switch of source.
//!
//! **Invariant:** rewriting changes the values of fields that are there, never a payload's length.

use crate::bits::{be16, put};

/// Where a descriptor's fields lie.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Descriptor {
    /// Offset, value and whether it has 15 bits instead of 7.
    picture: Option<(usize, u16, bool)>,
    tl0: Option<(usize, u8)>,
    length: usize,
}

/// Where the counters of a slot stand.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Counters {
    picture: Option<u16>,
    tl0: Option<u8>,
}

/// What is added to a source's counters from one switch to the next.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Shift {
    picture: u16,
    tl0: u8,
}

impl Descriptor {
    #[inline]
    pub(crate) fn parse(payload: &[u8]) -> Option<Self> {
        let first = *payload.first()?;
        let (mut at, mut picture, mut tl0) = (1, None, None);
        if first & 0x80 != 0 {
            let flags = *payload.get(1)?;
            at = 2;
            if flags & 0x80 != 0 {
                let id = *payload.get(at)?;
                let long = id & 0x80 != 0;
                let value = if long { be16(payload, at)? & 0x7FFF } else { u16::from(id) };
                picture = Some((at, value, long));
                at += if long { 2 } else { 1 };
            }
            if flags & 0x40 != 0 {
                tl0 = Some((at, *payload.get(at)?));
                at += 1;
            }
            if flags & 0x30 != 0 {
                at += 1;
            }
        }
        (payload.len() > at).then_some(Self { picture, tl0, length: at })
    }

    /// Whether this is the first packet of a key frame: S, partition 0, and the frame header's inverse key bit clear.
    #[inline]
    pub(crate) fn key_frame(&self, payload: &[u8]) -> bool {
        payload.first().is_some_and(|first| first & 0x17 == 0x10)
            && payload.get(self.length).is_some_and(|frame| frame & 1 == 0)
    }

    /// Width and height of a key frame (RFC 6386 9.1).
    pub(crate) fn size(&self, payload: &[u8]) -> Option<(u16, u16)> {
        let frame = payload.get(self.length + 3..)?;
        let [0x9D, 0x01, 0x2A, w0, w1, h0, h1, ..] = frame else { return None };
        Some((u16::from_le_bytes([*w0, *w1]) & 0x3FFF, u16::from_le_bytes([*h0, *h1]) & 0x3FFF))
    }
}

impl Counters {
    /// The shift that lets the source of `payload` follow on what was sent last.
    pub(crate) fn follow(&self, payload: &[u8]) -> Shift {
        let Some(descriptor) = Descriptor::parse(payload) else { return Shift::default() };
        let picture = match (self.picture, descriptor.picture) {
            (Some(last), Some((_, id, _))) => last.wrapping_add(1).wrapping_sub(id),
            _ => 0,
        };
        let tl0 = match (self.tl0, descriptor.tl0) {
            (Some(last), Some((_, index))) => last.wrapping_add(1).wrapping_sub(index),
            _ => 0,
        };
        Shift { picture, tl0 }
    }

    /// Remembers what a packet carried after rewriting; only for packets newer than all before.
    #[inline]
    pub(crate) fn sent(&mut self, payload: &[u8]) {
        let Some(descriptor) = Descriptor::parse(payload) else { return };
        self.picture = descriptor.picture.map(|(_, id, _)| id).or(self.picture);
        self.tl0 = descriptor.tl0.map(|(_, index)| index).or(self.tl0);
    }
}

impl Shift {
    /// Rewrites a payload's counters in place.
    #[inline]
    pub(crate) fn apply(&self, payload: &mut [u8]) {
        if *self == Self::default() {
            return;
        }
        let Some(descriptor) = Descriptor::parse(payload) else { return };
        match descriptor.picture {
            Some((at, id, true)) => put(payload, at, &(id.wrapping_add(self.picture) | 0x8000).to_be_bytes()),
            Some((at, id, false)) => {
                let id = crate::bits::low8(u64::from(id.wrapping_add(self.picture))) & 0x7F;
                put(payload, at, &[id]);
            }
            None => {}
        }
        if let Some((at, index)) = descriptor.tl0 {
            put(payload, at, &[index.wrapping_add(self.tl0)]);
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// X, I, L and T; a 15-bit picture id.
    fn payload(picture: u16, tl0: u8) -> Vec<u8> {
        let [high, low] = (picture | 0x8000).to_be_bytes();
        vec![0x90, 0xE0, high, low, tl0, 0x00, 0x10, 0, 0, 0x9D, 0x01, 0x2A, 0x40, 0x01, 0xB4, 0x00]
    }

    #[test]
    fn counters_run_on_across_a_switch() {
        let mut counters = Counters::default();
        counters.sent(&payload(0x7FFF, 255));
        let shift = counters.follow(&payload(100, 7));
        let mut first = payload(100, 7);
        shift.apply(&mut first);
        assert_eq!(first, payload(0, 0), "both wrap");
        let mut next = payload(102, 9);
        shift.apply(&mut next);
        assert_eq!(next, payload(2, 2));
    }

    #[test]
    fn the_size_of_a_key_frame_is_read() {
        let payload = payload(1, 1);
        let descriptor = Descriptor::parse(&payload).unwrap();
        assert!(descriptor.key_frame(&payload));
        assert_eq!(descriptor.size(&payload), Some((320, 180)));
    }

    proptest! {
        #[test]
        fn any_bytes_keep_their_length(bytes in prop::collection::vec(any::<u8>(), 0..12), picture: u16, tl0: u8) {
            let mut counters = Counters { picture: Some(picture), tl0: Some(tl0) };
            let (shift, mut rewritten) = (counters.follow(&bytes), bytes.clone());
            shift.apply(&mut rewritten);
            counters.sent(&rewritten);
            prop_assert_eq!(rewritten.len(), bytes.len());
        }
    }
}
