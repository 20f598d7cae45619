//! Big-endian fields of a byte slice, and the few casts that are meant to drop bits.
//!
//! **Invariant:** nothing here panics, whatever the length of the slice.

/// The 16-bit field at `at`, or nothing when the slice ends before it does.
#[inline]
pub(crate) fn be16(bytes: &[u8], at: usize) -> Option<u16> {
    bytes.get(at..)?.first_chunk::<2>().map(|b| u16::from_be_bytes(*b))
}

/// The 24-bit field at `at`.
#[inline]
pub(crate) fn be24(bytes: &[u8], at: usize) -> Option<u32> {
    bytes.get(at..)?.first_chunk::<3>().map(|[a, b, c]| u32::from_be_bytes([0, *a, *b, *c]))
}

/// The 32-bit field at `at`.
#[inline]
pub(crate) fn be32(bytes: &[u8], at: usize) -> Option<u32> {
    bytes.get(at..)?.first_chunk::<4>().map(|b| u32::from_be_bytes(*b))
}

/// The 64-bit field at `at`.
#[inline]
pub(crate) fn be64(bytes: &[u8], at: usize) -> Option<u64> {
    bytes.get(at..)?.first_chunk::<8>().map(|b| u64::from_be_bytes(*b))
}

/// Overwrites the bytes at `at`; nothing happens when they do not fit.
#[inline]
pub(crate) fn put(bytes: &mut [u8], at: usize, value: &[u8]) {
    if let Some(field) = bytes.get_mut(at..at + value.len()) {
        field.copy_from_slice(value);
    }
}

/// The low 8 bits.
#[inline]
#[expect(clippy::cast_possible_truncation, reason = "dropping the high bits is what is asked for")]
pub(crate) const fn low8(value: u64) -> u8 {
    value as u8
}

/// The low 16 bits: the sequence number of an extended one.
#[inline]
#[expect(clippy::cast_possible_truncation, reason = "dropping the high bits is what is asked for")]
pub(crate) const fn low16(value: u64) -> u16 {
    value as u16
}

/// The low 32 bits.
#[inline]
#[expect(clippy::cast_possible_truncation, reason = "dropping the high bits is what is asked for")]
pub(crate) const fn low32(value: u64) -> u32 {
    value as u32
}

/// A length as 16 bits, at most 65,535.
#[inline]
pub(crate) fn len16(value: usize) -> u16 {
    u16::try_from(value).unwrap_or(u16::MAX)
}

/// A count or index as 32 bits, at most `u32::MAX`.
#[inline]
pub(crate) fn len32(value: usize) -> u32 {
    u32::try_from(value).unwrap_or(u32::MAX)
}
