//! How many strangers' plain STUN requests are answered.
//!
//! An answer is 12 bytes longer than a bare request (24 over IPv6), so the port is a poor amplifier; with the limits it
//! is none worth using.
//!
//! **Invariant:** fixed memory, whoever asks.

use std::net::IpAddr;

use crate::clock::Now;

/// Limits plain STUN: for all together, and for each of 256 groups of addresses.
#[derive(Debug)]
pub(super) struct StunLimit {
    second: u64,
    all: u32,
    groups: [u8; 256],
}

/// Plain STUN answers in a second to anyone ...
const STUN_PER_SECOND: u32 = 1_000;
/// ... and to addresses of one group: a browser asks some ten times while it gathers.
const STUN_PER_GROUP: u8 = 50;

impl Default for StunLimit {
    fn default() -> Self {
        Self { second: 0, all: 0, groups: [0; 256] }
    }
}

impl StunLimit {
    /// Takes one answer, if there is one left.
    pub(super) fn allow(&mut self, from: IpAddr, now: Now) -> bool {
        let second = now.nanos() / 1_000_000_000;
        if second != self.second {
            *self = Self { second, ..Self::default() };
        }
        let group = match from {
            IpAddr::V4(ip) => ip.octets().into_iter().fold(0, fold),
            IpAddr::V6(ip) => ip.octets().into_iter().take(8).fold(0, fold),
        };
        let Some(group) = self.groups.get_mut(usize::from(group)) else { return false };
        if self.all >= STUN_PER_SECOND || *group >= STUN_PER_GROUP {
            return false;
        }
        self.all += 1;
        *group += 1;
        true
    }
}

fn fold(sum: u8, byte: u8) -> u8 {
    sum.rotate_left(3) ^ byte
}
