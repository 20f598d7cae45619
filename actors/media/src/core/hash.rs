//! A short keyed hash for the tables that a packet is looked up in.
//!
//! Nothing enters these tables but what a client proved or the control plane said, so a cheap hash with a secret start
//! is enough; SipHash would cost more than the rest of the look-up.
//!
//! **Invariant:** two tables of one worker share their secret, two processes don't.

use std::{
    collections::HashMap,
    hash::{BuildHasher, Hasher},
};

pub(crate) type Map<K, V> = HashMap<K, V, Seed>;

/// The secret start.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Seed(pub(crate) u64);

impl BuildHasher for Seed {
    type Hasher = Short;

    fn build_hasher(&self) -> Short {
        Short(self.0)
    }
}

/// Multiply and rotate, eight bytes at a time.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Short(u64);

/// An odd number without pattern: 2^64 divided by the golden ratio.
const FACTOR: u64 = 0x9E37_79B9_7F4A_7C15;

impl Short {
    #[inline]
    fn add(&mut self, word: u64) {
        self.0 = (self.0.rotate_left(23) ^ word).wrapping_mul(FACTOR);
    }
}

impl Hasher for Short {
    #[inline]
    fn finish(&self) -> u64 {
        (self.0 ^ (self.0 >> 29)).wrapping_mul(FACTOR)
    }

    #[inline]
    fn write(&mut self, bytes: &[u8]) {
        for chunk in bytes.chunks(8) {
            let mut word = [0; 8];
            if let Some(part) = word.get_mut(..chunk.len()) {
                part.copy_from_slice(chunk);
            }
            self.add(u64::from_le_bytes(word));
        }
    }

    #[inline]
    fn write_u8(&mut self, value: u8) {
        self.add(value.into());
    }

    #[inline]
    fn write_u16(&mut self, value: u16) {
        self.add(value.into());
    }

    #[inline]
    fn write_u32(&mut self, value: u32) {
        self.add(value.into());
    }

    #[inline]
    fn write_u64(&mut self, value: u64) {
        self.add(value);
    }

    #[inline]
    fn write_usize(&mut self, value: usize) {
        self.add(value as u64);
    }
}
