//! The key derivation of RFC 3711 4.3.1, without re-keying (`key_derivation_rate` 0).
//!
//! **Invariant:** what is derived depends on master key, master salt and label alone.

use aws_lc_rs::{
    cipher::{AES_128, EncryptingKey, EncryptionContext, UnboundCipherKey},
    iv::FixedLength,
};

/// Labels of RFC 3711 4.3.2.
#[derive(Clone, Copy, Debug)]
#[repr(u8)]
pub(super) enum Label {
    RtpKey = 0,
    RtpAuth = 1,
    RtpSalt = 2,
    RtcpKey = 3,
    RtcpAuth = 4,
    RtcpSalt = 5,
}

/// Fills `out` with the key stream for a label. A 96-bit salt (RFC 7714 11) is taken as 112 bits with zeros behind.
pub(super) fn derive(master_key: &[u8], master_salt: &[u8], label: Label, out: &mut [u8]) -> Option<()> {
    let mut iv = [0; 16];
    iv.get_mut(..master_salt.len())?.copy_from_slice(master_salt);
    iv[7] ^= label as u8;
    out.fill(0);
    let key = EncryptingKey::ctr(UnboundCipherKey::new(&AES_128, master_key).ok()?).ok()?;
    key.less_safe_encrypt(out, EncryptionContext::Iv128(FixedLength::from(iv))).ok()?;
    Some(())
}
