//! The two ciphers over one shape: seal and open, RTP and RTCP, in place.
//!
//! **Invariant:** pure functions of key, header, index and text; who may use an index is decided above.

use aws_lc_rs::{
    aead::{AES_128_GCM, Aad, LessSafeKey, Nonce, UnboundKey},
    cipher::{AES_128, EncryptingKey, EncryptionContext, UnboundCipherKey},
    hmac,
    iv::FixedLength,
};
use rookery_schemas::signal::SrtpProfile;
use zeroize::Zeroizing;

use super::{
    kdf::{self, Label},
    rollover,
};
use crate::bits::{be32, put};

/// Bytes of a master and session key.
pub(super) const KEY: usize = 16;
/// Bytes of a master salt with GCM.
pub(super) const GCM_SALT: usize = 12;
/// Bytes of a master salt with CM.
pub(super) const CM_SALT: usize = 14;
/// Bytes that sealing adds to an RTP packet, at the most.
pub(crate) const TAG_MAX: usize = GCM_TAG;

const GCM_TAG: usize = 16;
const CM_TAG: usize = 10;
const CM_AUTH_KEY: usize = 20;
/// An RTCP packet's clear part: header and sender's SSRC.
const RTCP_CLEAR: usize = 8;
const RTCP_ENCRYPTED: u32 = 0x8000_0000;

/// Keys of one direction.
pub(super) struct Direction {
    rtp: Cipher,
    rtcp: Cipher,
}

/// Keys of one direction and protocol. Boxes keep the large contexts out of tables of connections.
enum Cipher {
    Gcm { key: Box<LessSafeKey>, salt: [u8; GCM_SALT] },
    Cm { key: Box<EncryptingKey>, salt: [u8; CM_SALT], auth: Box<hmac::Key> },
}

impl Direction {
    pub(super) fn derive(key: &[u8], salt: &[u8], profile: SrtpProfile) -> Option<Self> {
        Some(Self {
            rtp: Cipher::derive(key, salt, profile, [Label::RtpKey, Label::RtpSalt, Label::RtpAuth])?,
            rtcp: Cipher::derive(key, salt, profile, [Label::RtcpKey, Label::RtcpSalt, Label::RtcpAuth])?,
        })
    }

    /// Bytes that sealing adds to an RTP packet.
    #[inline]
    pub(super) fn tag(&self) -> usize {
        match self.rtp {
            Cipher::Gcm { .. } => GCM_TAG,
            Cipher::Cm { .. } => CM_TAG,
        }
    }

    #[inline]
    pub(super) fn open_rtp(&self, packet: &mut [u8], header: usize, ssrc: u32, index: u64) -> Option<usize> {
        match &self.rtp {
            Cipher::Gcm { key, salt } => {
                let (clear, body) = packet.split_at_mut_checked(header)?;
                let nonce = gcm_nonce(salt, ssrc, index);
                key.open_in_place(nonce, Aad::from(&*clear), body).ok().map(|plain| plain.len())
            }
            Cipher::Cm { key, salt, auth } => {
                let end = packet.len().checked_sub(CM_TAG).filter(|end| *end >= header)?;
                let (body, tag) = packet.split_at_mut_checked(end)?;
                let expected = sign(auth, body, rollover(index));
                aws_lc_rs::constant_time::verify_slices_are_equal(expected.as_ref().get(..CM_TAG)?, tag).ok()?;
                counter_mode(key, cm_iv(salt, ssrc, index), body.get_mut(header..)?)?;
                Some(end - header)
            }
        }
    }

    #[inline]
    pub(super) fn seal_rtp(
        &self,
        packet: &mut [u8],
        header: usize,
        plain: usize,
        ssrc: u32,
        index: u64,
    ) -> Option<usize> {
        let end = header + plain;
        match &self.rtp {
            Cipher::Gcm { key, salt } => {
                let (clear, body) = packet.split_at_mut_checked(header)?;
                let (body, rest) = body.split_at_mut_checked(plain)?;
                let nonce = gcm_nonce(salt, ssrc, index);
                let tag = key.seal_in_place_separate_tag(nonce, Aad::from(&*clear), body).ok()?;
                rest.get_mut(..GCM_TAG)?.copy_from_slice(tag.as_ref());
                Some(end + GCM_TAG)
            }
            Cipher::Cm { key, salt, auth } => {
                let (body, rest) = packet.split_at_mut_checked(end)?;
                counter_mode(key, cm_iv(salt, ssrc, index), body.get_mut(header..)?)?;
                let tag = sign(auth, body, rollover(index));
                rest.get_mut(..CM_TAG)?.copy_from_slice(tag.as_ref().get(..CM_TAG)?);
                Some(end + CM_TAG)
            }
        }
    }

    /// Opens in place; returns the plain length and the index. Unencrypted SRTCP is refused: nobody sends it.
    pub(super) fn open_rtcp(&self, packet: &mut [u8], ssrc: u32) -> Option<(usize, u32)> {
        match &self.rtcp {
            Cipher::Gcm { key, salt } => {
                let end = packet.len().checked_sub(4).filter(|end| *end >= RTCP_CLEAR + GCM_TAG)?;
                let trailer = be32(packet, end)?;
                let index = encrypted(trailer)?;
                let aad = gcm_rtcp_aad(packet, trailer)?;
                let nonce = gcm_nonce(salt, ssrc, u64::from(index));
                let plain = key.open_in_place(nonce, Aad::from(aad), packet.get_mut(RTCP_CLEAR..end)?).ok()?;
                Some((RTCP_CLEAR + plain.len(), index))
            }
            Cipher::Cm { key, salt, auth } => {
                let end = packet.len().checked_sub(4 + CM_TAG).filter(|end| *end >= RTCP_CLEAR)?;
                let index = encrypted(be32(packet, end)?)?;
                let (body, tag) = packet.split_at_mut_checked(end + 4)?;
                let expected = hmac::sign(auth, body);
                aws_lc_rs::constant_time::verify_slices_are_equal(expected.as_ref().get(..CM_TAG)?, tag).ok()?;
                counter_mode(key, cm_iv(salt, ssrc, u64::from(index)), body.get_mut(RTCP_CLEAR..end)?)?;
                Some((end, index))
            }
        }
    }

    /// Seals the packet from `start` to the end of `buffer` and appends what belongs behind it.
    pub(super) fn seal_rtcp(&self, buffer: &mut Vec<u8>, start: usize, index: u32) -> Option<()> {
        let ssrc = be32(buffer, start + 4)?;
        let trailer = index | RTCP_ENCRYPTED;
        match &self.rtcp {
            Cipher::Gcm { key, salt } => {
                let aad = gcm_rtcp_aad(buffer.get(start..)?, trailer)?;
                let nonce = gcm_nonce(salt, ssrc, u64::from(index));
                let body = buffer.get_mut(start + RTCP_CLEAR..)?;
                let tag = key.seal_in_place_separate_tag(nonce, Aad::from(aad), body).ok()?;
                buffer.extend_from_slice(tag.as_ref());
                buffer.extend_from_slice(&trailer.to_be_bytes());
            }
            Cipher::Cm { key, salt, auth } => {
                let body = buffer.get_mut(start + RTCP_CLEAR..)?;
                counter_mode(key, cm_iv(salt, ssrc, u64::from(index)), body)?;
                buffer.extend_from_slice(&trailer.to_be_bytes());
                let tag = hmac::sign(auth, buffer.get(start..)?);
                buffer.extend_from_slice(tag.as_ref().get(..CM_TAG)?);
            }
        }
        Some(())
    }
}

impl Cipher {
    /// `labels` are those of key, salt and authentication.
    fn derive(key: &[u8], salt: &[u8], profile: SrtpProfile, labels: [Label; 3]) -> Option<Self> {
        let [key_label, salt_label, auth_label] = labels;
        let mut session_key = Zeroizing::new([0; KEY]);
        kdf::derive(key, salt, key_label, &mut *session_key)?;
        match profile {
            SrtpProfile::Gcm => {
                let mut session_salt = [0; GCM_SALT];
                kdf::derive(key, salt, salt_label, &mut session_salt)?;
                let key = LessSafeKey::new(UnboundKey::new(&AES_128_GCM, &*session_key).ok()?);
                Some(Self::Gcm { key: Box::new(key), salt: session_salt })
            }
            SrtpProfile::Cm => {
                let mut session_salt = [0; CM_SALT];
                kdf::derive(key, salt, salt_label, &mut session_salt)?;
                let mut auth = Zeroizing::new([0; CM_AUTH_KEY]);
                kdf::derive(key, salt, auth_label, &mut *auth)?;
                let key = EncryptingKey::ctr(UnboundCipherKey::new(&AES_128, &*session_key).ok()?).ok()?;
                let auth = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, &*auth);
                Some(Self::Cm { key: Box::new(key), salt: session_salt, auth: Box::new(auth) })
            }
        }
    }
}

fn encrypted(trailer: u32) -> Option<u32> {
    (trailer & RTCP_ENCRYPTED != 0).then_some(trailer & !RTCP_ENCRYPTED)
}

/// RFC 7714 8.1 and 9.1: 16 zero bits, SSRC, 48 bits of index, all xor the salt.
#[inline]
fn gcm_nonce(salt: &[u8; GCM_SALT], ssrc: u32, index: u64) -> Nonce {
    let mut value = [0; GCM_SALT];
    let text = (u128::from(ssrc) << 48 | u128::from(index)).to_be_bytes();
    put(&mut value, 0, &text[4..]);
    for (byte, salt) in value.iter_mut().zip(salt) {
        *byte ^= salt;
    }
    Nonce::assume_unique_for_key(value)
}

/// RFC 7714 9.2: the clear part and the trailer are authenticated, not encrypted.
fn gcm_rtcp_aad(packet: &[u8], trailer: u32) -> Option<[u8; RTCP_CLEAR + 4]> {
    let mut aad = [0; RTCP_CLEAR + 4];
    aad[..RTCP_CLEAR].copy_from_slice(packet.get(..RTCP_CLEAR)?);
    aad[RTCP_CLEAR..].copy_from_slice(&trailer.to_be_bytes());
    Some(aad)
}

/// RFC 3711 4.1.1: salt * 2^16 xor SSRC * 2^64 xor index * 2^16.
#[inline]
fn cm_iv(salt: &[u8; CM_SALT], ssrc: u32, index: u64) -> [u8; 16] {
    let mut iv = (u128::from(ssrc) << 64 | u128::from(index) << 16).to_be_bytes();
    for (byte, salt) in iv.iter_mut().zip(salt) {
        *byte ^= salt;
    }
    iv
}

#[inline]
fn counter_mode(key: &EncryptingKey, iv: [u8; 16], text: &mut [u8]) -> Option<()> {
    key.less_safe_encrypt(text, EncryptionContext::Iv128(FixedLength::from(iv))).ok().map(drop)
}

/// RFC 3711 4.2: over the packet and the rollover counter.
#[inline]
fn sign(key: &hmac::Key, packet: &[u8], rollover: u32) -> hmac::Tag {
    let mut context = hmac::Context::with_key(key);
    context.update(packet);
    context.update(&rollover.to_be_bytes());
    context.sign()
}

#[cfg(test)]
pub(super) mod vectors {
    //! Keys given directly instead of derived, for the vectors of RFC 7714.
    use super::*;

    pub(in crate::srtp) fn gcm(key: &[u8; KEY], salt: [u8; GCM_SALT]) -> Direction {
        let cipher =
            || Cipher::Gcm { key: Box::new(LessSafeKey::new(UnboundKey::new(&AES_128_GCM, key).unwrap())), salt };
        Direction { rtp: cipher(), rtcp: cipher() }
    }

    pub(in crate::srtp) fn cm_key_stream(key: &[u8; KEY], salt: [u8; CM_SALT], text: &mut [u8]) {
        let key = EncryptingKey::ctr(UnboundCipherKey::new(&AES_128, key).unwrap()).unwrap();
        counter_mode(&key, cm_iv(&salt, 0, 0), text).unwrap();
    }
}
