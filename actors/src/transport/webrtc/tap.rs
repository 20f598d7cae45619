//! A crypto provider that delegates everything and hears one thing: the DTLS-SRTP exporter (RFC 5764 4.2).
//!
//! The library computes its SRTP keys with the TLS 1.2 PRF, P_SHA256 over the label, and has no way to hand them out. The HMAC
//! whose data begins with the label has the master secret for its key and label and randoms for its data: all that RFC
//! 5705 needs. The keys are derived from these two here, so neither the number nor the order of the library's calls
//! matters. DTLS 1.3 would use HKDF: the library must stay at 1.2.
//!
//! **Invariant:** key material goes to the link and nowhere else, once, and is wiped here.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use rookery_media::ControlLink;
use rookery_schemas::signal::SrtpProfile;
use rtc_crypto::providers::AwsLcRsProvider;
use rtc_crypto::{
    ActiveKeyExchange, AeadAlgorithm, AeadCipher, BlockCipherAlgorithm, CbcAlgorithm, CbcCipher, CryptoAlgorithm,
    CryptoError, HashAlgorithm, HmacAlgorithm, KeyExchangeAlgorithm, Mac, PublicKey, RTCCrypto, RTCCryptoProvider,
    RTCRandom, SignatureScheme, SigningKey, StreamCipher, StreamCipherAlgorithm,
};
use zeroize::Zeroizing;

const LABEL: &[u8] = b"EXTRACTOR-dtls_srtp";
/// Two keys of 16 bytes, two salts of 14 (RFC 5764 4.1.2); GCM's salts have 12.
const MATERIAL_BYTES: usize = 60;

/// The provider of one connection.
pub(super) struct Tap {
    inner: AwsLcRsProvider,
    ear: Arc<Ear>,
}

/// Where the material goes.
struct Ear {
    link: Arc<ControlLink>,
    profile: SrtpProfile,
    heard: AtomicBool,
}

impl Tap {
    pub(super) fn new(link: Arc<ControlLink>, profile: SrtpProfile) -> Self {
        Self { inner: AwsLcRsProvider::new(), ear: Arc::new(Ear { link, profile, heard: AtomicBool::new(false) }) }
    }

    fn plain(&self) -> &dyn RTCCrypto {
        self.inner.crypto()
    }
}

/// An HMAC that looks at what it signs.
struct TapMac {
    inner: Box<dyn Mac>,
    ear: Arc<Ear>,
}

impl TapMac {
    fn listen(&mut self, input: &[&[u8]]) -> Result<(), CryptoError> {
        let Some(at) = input.iter().position(|part| part.starts_with(LABEL)) else { return Ok(()) };
        if self.ear.heard.swap(true, Ordering::AcqRel) {
            return Ok(());
        }
        let seed = input.get(at..).unwrap_or_default().concat();
        let material = expand(&mut *self.inner, &seed)?;
        self.ear.link.set_keys(&material, self.ear.profile);
        Ok(())
    }
}

/// P_hash of RFC 5246 5, the secret being the HMAC's key.
fn expand(hmac: &mut dyn Mac, seed: &[u8]) -> Result<Zeroizing<Vec<u8>>, CryptoError> {
    let mut out = Zeroizing::new(Vec::with_capacity(2 * MATERIAL_BYTES));
    let mut a = Zeroizing::new(vec![0; hmac.output_len()]);
    let mut block = Zeroizing::new(vec![0; hmac.output_len()]);
    hmac.sign(&[seed], &mut a)?;
    while out.len() < MATERIAL_BYTES {
        hmac.sign(&[&a, seed], &mut block)?;
        out.extend_from_slice(&block);
        hmac.sign(&[&a], &mut block)?;
        std::mem::swap(&mut a, &mut block);
    }
    out.truncate(MATERIAL_BYTES);
    Ok(out)
}

impl Mac for TapMac {
    fn output_len(&self) -> usize {
        self.inner.output_len()
    }

    fn sign(&mut self, input: &[&[u8]], output: &mut [u8]) -> Result<(), CryptoError> {
        self.inner.sign(input, output)?;
        self.listen(input)
    }

    fn verify(&mut self, input: &[&[u8]], expected: &[u8]) -> Result<(), CryptoError> {
        self.inner.verify(input, expected)
    }
}

impl RTCCryptoProvider for Tap {
    fn name(&self) -> &'static str {
        "rookery"
    }

    fn crypto(&self) -> &dyn RTCCrypto {
        self
    }

    fn random(&self) -> &dyn RTCRandom {
        self.inner.random()
    }
}

impl RTCCrypto for Tap {
    fn new_hmac(&self, algorithm: HmacAlgorithm, key: &[u8]) -> Result<Box<dyn Mac>, CryptoError> {
        Ok(Box::new(TapMac { inner: self.plain().new_hmac(algorithm, key)?, ear: self.ear.clone() }))
    }

    fn supports(&self, algorithm: CryptoAlgorithm) -> bool {
        self.plain().supports(algorithm)
    }

    fn hash(&self, algorithm: HashAlgorithm, data: &[u8]) -> Result<Vec<u8>, CryptoError> {
        self.plain().hash(algorithm, data)
    }

    fn block_encrypt(&self, algorithm: BlockCipherAlgorithm, key: &[u8], block: &mut [u8]) -> Result<(), CryptoError> {
        self.plain().block_encrypt(algorithm, key, block)
    }

    fn new_stream_cipher(
        &self,
        algorithm: StreamCipherAlgorithm,
        key: &[u8],
    ) -> Result<Box<dyn StreamCipher>, CryptoError> {
        self.plain().new_stream_cipher(algorithm, key)
    }

    fn new_aead(&self, algorithm: AeadAlgorithm, key: &[u8]) -> Result<Box<dyn AeadCipher>, CryptoError> {
        self.plain().new_aead(algorithm, key)
    }

    fn new_cbc(&self, algorithm: CbcAlgorithm, key: &[u8]) -> Result<Box<dyn CbcCipher>, CryptoError> {
        self.plain().new_cbc(algorithm, key)
    }

    fn start_key_exchange(&self, algorithm: KeyExchangeAlgorithm) -> Result<Box<dyn ActiveKeyExchange>, CryptoError> {
        self.plain().start_key_exchange(algorithm)
    }

    fn generate_signing_key(&self, scheme: SignatureScheme) -> Result<Arc<dyn SigningKey>, CryptoError> {
        self.plain().generate_signing_key(scheme)
    }

    fn import_signing_key(&self, scheme: SignatureScheme, der: &[u8]) -> Result<Arc<dyn SigningKey>, CryptoError> {
        self.plain().import_signing_key(scheme, der)
    }

    fn verify_signature(
        &self,
        scheme: SignatureScheme,
        key: PublicKey<'_>,
        message: &[u8],
        signature: &[u8],
    ) -> Result<(), CryptoError> {
        self.plain().verify_signature(scheme, key, message, signature)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The PRF test vector of the IETF TLS list for P_SHA256 (100 bytes; the first 60 are compared).
    #[test]
    fn expansion_is_that_of_the_published_vector() {
        let secret = [0x9b, 0xbe, 0x43, 0x6b, 0xa9, 0x40, 0xf0, 0x17, 0xb1, 0x76, 0x52, 0x84, 0x9a, 0x71, 0xdb, 0x35];
        let random = [0xa0, 0xba, 0x9f, 0x93, 0x6c, 0xda, 0x31, 0x18, 0x27, 0xa6, 0xf7, 0x96, 0xff, 0xd5, 0x19, 0x8c];
        let want = [
            0xe3, 0xf2, 0x29, 0xba, 0x72, 0x7b, 0xe1, 0x7b, 0x8d, 0x12, 0x26, 0x20, 0x55, 0x7c, 0xd4, 0x53, 0xc2, 0xaa,
            0xb2, 0x1d, 0x07, 0xc3, 0xd4, 0x95, 0x32, 0x9b, 0x52, 0xd4, 0xe6, 0x1e, 0xdb, 0x5a, 0x6b, 0x30, 0x17, 0x91,
            0xe9, 0x0d, 0x35, 0xc9, 0xc9, 0xa4, 0x6b, 0x4e, 0x14, 0xba, 0xf9, 0xaf, 0x0f, 0xa0, 0x22, 0xf7, 0x07, 0x7d,
            0xef, 0x17, 0xab, 0xfd, 0x37, 0x97,
        ];
        let provider = AwsLcRsProvider::new();
        let mut hmac = provider.crypto().new_hmac(HmacAlgorithm::Sha256, &secret).unwrap();
        let seed = [b"test label".as_slice(), &random].concat();
        assert_eq!(expand(&mut *hmac, &seed).unwrap().as_slice(), want);
    }
}
