//! DTLS that offers exactly one SRTP profile.
//!
//! The stack below always offers three (RFC 5764 section 4.1.2) and has no switch for it. Here the three ids in its
//! ClientHello are overwritten by the one wanted, of the same length, both on the wire and wherever the handshake is
//! hashed or signed, so that both sides agree on what was said.
//!
//! **Invariant:** apart from those six bytes every handshake is the stack's own.

use std::fmt;
use std::sync::Arc;
use std::time::Instant;

use dimpl::crypto::{
    Buf, CryptoProvider as DimplCrypto, HashAlgorithm, HashContext, HashProvider, KeyProvider, SignatureAlgorithm,
    SigningKey,
};
use rookery_schemas::signal::SrtpProfile;
use str0m::crypto::dtls::{
    DtlsCert, DtlsImplError, DtlsInstance, DtlsOutput, DtlsProvider, DtlsVersion, ProtocolVersion,
};
use str0m::crypto::{CryptoError, CryptoProvider};

/// AEAD_AES_128_GCM, RFC 7714.
pub const SRTP_GCM: u16 = 0x0007;
/// SRTP_AES128_CM_HMAC_SHA1_80, RFC 5764.
pub const SRTP_CM: u16 = 0x0001;

/// What the stack writes: use_srtp (14), nine bytes, a list of six, three profiles, no MKI.
const OFFERED: [u8; 13] = [0, 14, 0, 9, 0, 6, 0, 8, 0, 7, 0, 1, 0];
/// A DTLS record's header (RFC 6347 section 4.1), and the handshake's behind it.
const RECORD_BYTES: usize = 13;
const HANDSHAKE_BYTES: usize = 12;
const RECORD_HANDSHAKE: u8 = 22;
const CLIENT_HELLO: u8 = 1;
const SERVER_HELLO: u8 = 2;
const USE_SRTP: u16 = 14;

/// The cryptography of a client that knows just one SRTP profile.
#[must_use]
pub fn only(profile: SrtpProfile) -> Arc<CryptoProvider> {
    static GCM: Only = Only { id: SRTP_GCM };
    static CM: Only = Only { id: SRTP_CM };
    let mut provider = str0m::crypto::from_feature_flags();
    provider.dtls_provider = match profile {
        SrtpProfile::Gcm => &GCM,
        SrtpProfile::Cm => &CM,
    };
    Arc::new(provider)
}

/// The id of a profile as use_srtp writes it.
#[must_use]
pub const fn id_of(profile: SrtpProfile) -> u16 {
    match profile {
        SrtpProfile::Gcm => SRTP_GCM,
        SrtpProfile::Cm => SRTP_CM,
    }
}

/// The SRTP profile that a server's ServerHello chose, read off the wire; `None` if the datagram holds none.
#[must_use]
pub fn chosen_srtp(datagram: &[u8]) -> Option<u16> {
    let mut rest = datagram;
    while rest.first() == Some(&RECORD_HANDSHAKE) {
        let size = usize::from(u16::from_be_bytes(*rest.get(11..)?.first_chunk()?));
        let record = rest.get(RECORD_BYTES..RECORD_BYTES + size)?;
        if record.first() == Some(&SERVER_HELLO) {
            return server_hello_srtp(record.get(HANDSHAKE_BYTES..)?);
        }
        rest = rest.get(RECORD_BYTES + size..)?;
    }
    None
}

/// Version, random, session id, suite, compression, then the extensions: RFC 5246 section 7.4.1.3.
fn server_hello_srtp(hello: &[u8]) -> Option<u16> {
    let session = usize::from(*hello.get(34)?);
    let mut extensions = hello.get(35 + session + 3 + 2..)?;
    while let Some(head) = extensions.first_chunk::<4>() {
        let [a, b, c, d] = *head;
        let (kind, size) = (u16::from_be_bytes([a, b]), usize::from(u16::from_be_bytes([c, d])));
        let body = extensions.get(4..4 + size)?;
        if kind == USE_SRTP {
            return Some(u16::from_be_bytes(*body.get(2..)?.first_chunk()?));
        }
        extensions = extensions.get(4 + size..)?;
    }
    None
}

/// Overwrites the three offered profiles by `id`, wherever they stand.
fn restrict(bytes: &mut [u8], id: u16) {
    let Some(at) = bytes.windows(OFFERED.len()).position(|window| window == OFFERED) else { return };
    let [high, low] = id.to_be_bytes();
    if let Some(list) = bytes.get_mut(at + 6..at + 12) {
        list.copy_from_slice(&[high, low, high, low, high, low]);
    }
}

#[derive(Debug)]
struct Only {
    id: u16,
}

impl DtlsProvider for Only {
    fn generate_certificate(&self) -> Option<DtlsCert> {
        dimpl::certificate::generate_self_signed_certificate().ok()
    }

    fn new_dtls(
        &self,
        cert: &DtlsCert,
        now: Instant,
        version: DtlsVersion,
        mtu: Option<usize>,
    ) -> Result<Box<dyn DtlsInstance>, CryptoError> {
        if version != DtlsVersion::Dtls12 {
            return Err(CryptoError::Other(format!("{version} has another ClientHello; only DTLS 1.2 is restricted")));
        }
        let mut builder =
            dimpl::Config::builder().use_server_cookie(false).with_crypto_provider(self.restricted_crypto());
        if let Some(mtu) = mtu {
            builder = builder.mtu(mtu);
        }
        let config = builder.build().map_err(|error| CryptoError::Other(error.to_string()))?;
        let cert = DtlsCert { certificate: cert.certificate.clone(), private_key: cert.private_key.clone() };
        Ok(Box::new(Restricted { inner: dimpl::Dtls::new_12(Arc::new(config), cert, now), id: self.id }))
    }
}

impl Only {
    fn restricted_crypto(&self) -> DimplCrypto {
        static GCM: Agreed = Agreed { id: SRTP_GCM };
        static CM: Agreed = Agreed { id: SRTP_CM };
        let agreed = if self.id == SRTP_GCM { &GCM } else { &CM };
        DimplCrypto { hash_provider: agreed, key_provider: agreed, ..dimpl::crypto::aws_lc_rs::default_provider() }
    }
}

/// The handshake on the wire.
struct Restricted {
    inner: dimpl::Dtls,
    id: u16,
}

impl fmt::Debug for Restricted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Restricted").field("id", &self.id).finish_non_exhaustive()
    }
}

impl DtlsInstance for Restricted {
    fn set_active(&mut self, active: bool) {
        self.inner.set_active(active);
    }

    fn handle_packet(&mut self, packet: &[u8]) -> Result<(), DtlsImplError> {
        self.inner.handle_packet(packet)
    }

    fn poll_output<'a>(&mut self, buf: &'a mut [u8]) -> DtlsOutput<'a> {
        let mut own = vec![0; buf.len()];
        let packet_bytes = loop {
            match self.inner.poll_output(&mut own) {
                DtlsOutput::Packet(packet) => break packet.len(),
                DtlsOutput::PeerCert(bytes) => return DtlsOutput::PeerCert(copied(buf, bytes)),
                DtlsOutput::ApplicationData(bytes) => return DtlsOutput::ApplicationData(copied(buf, bytes)),
                DtlsOutput::BufferTooSmall { needed } => return DtlsOutput::BufferTooSmall { needed },
                DtlsOutput::Timeout(at) => return DtlsOutput::Timeout(at),
                DtlsOutput::Connected => return DtlsOutput::Connected,
                DtlsOutput::KeyingMaterial(keys, profile) => return DtlsOutput::KeyingMaterial(keys, profile),
                DtlsOutput::CloseNotify => return DtlsOutput::CloseNotify,
                // None exists today; what a later version adds is not known here, and the next output follows.
                _ => {}
            }
        };
        own.truncate(packet_bytes);
        if own.first() == Some(&RECORD_HANDSHAKE) && own.get(RECORD_BYTES) == Some(&CLIENT_HELLO) {
            restrict(&mut own, self.id);
        }
        DtlsOutput::Packet(copied(buf, &own))
    }

    fn handle_timeout(&mut self, now: Instant) -> Result<(), DtlsImplError> {
        self.inner.handle_timeout(now)
    }

    fn send_application_data(&mut self, data: &[u8]) -> Result<usize, DtlsImplError> {
        self.inner.send_application_data(data)
    }

    fn is_active(&self) -> bool {
        self.inner.is_active()
    }

    fn protocol_version(&self) -> Option<ProtocolVersion> {
        self.inner.protocol_version()
    }

    fn is_closing(&self) -> bool {
        self.inner.is_closing()
    }

    fn is_closed(&self) -> bool {
        self.inner.is_closed()
    }

    fn close(&mut self) -> Result<(), DtlsImplError> {
        self.inner.close()
    }
}

/// Copies into the caller's buffer, which has the size of the one that `bytes` were written to.
fn copied<'a>(buf: &'a mut [u8], bytes: &[u8]) -> &'a [u8] {
    let Some(place) = buf.get_mut(..bytes.len()) else { return &[] };
    place.copy_from_slice(bytes);
    place
}

/// The handshake as it is hashed and signed.
#[derive(Debug)]
struct Agreed {
    id: u16,
}

impl HashProvider for Agreed {
    fn create_hash(&self, algorithm: HashAlgorithm) -> Box<dyn HashContext> {
        let inner = dimpl::crypto::aws_lc_rs::default_provider().hash_provider.create_hash(algorithm);
        Box::new(AgreedHash { inner, id: self.id })
    }
}

#[derive(Debug)]
struct AgreedHash {
    inner: Box<dyn HashContext>,
    id: u16,
}

impl HashContext for AgreedHash {
    fn update(&mut self, data: &[u8]) {
        let mut data = data.to_vec();
        restrict(&mut data, self.id);
        self.inner.update(&data);
    }

    fn clone_and_finalize(&self, out: &mut Buf) {
        self.inner.clone_and_finalize(out);
    }
}

impl KeyProvider for Agreed {
    fn load_private_key(&self, key_der: &[u8]) -> Result<Box<dyn SigningKey>, dimpl::CryptoError> {
        let inner = dimpl::crypto::aws_lc_rs::default_provider().key_provider.load_private_key(key_der)?;
        Ok(Box::new(AgreedKey { inner, id: self.id }))
    }
}

#[derive(Debug)]
struct AgreedKey {
    inner: Box<dyn SigningKey>,
    id: u16,
}

impl SigningKey for AgreedKey {
    fn sign(&mut self, data: &[u8], hash: HashAlgorithm, out: &mut Buf) -> Result<(), dimpl::CryptoError> {
        let mut data = data.to_vec();
        restrict(&mut data, self.id);
        self.inner.sign(&data, hash, out)
    }

    fn algorithm(&self) -> SignatureAlgorithm {
        self.inner.algorithm()
    }

    fn hash_algorithm(&self) -> HashAlgorithm {
        self.inner.hash_algorithm()
    }

    fn supported_hash_algorithms(&self) -> &[HashAlgorithm] {
        self.inner.supported_hash_algorithms()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_three_profiles_become_one_and_nothing_else_changes() {
        let mut hello = vec![9; 20];
        hello.extend_from_slice(&OFFERED);
        hello.extend_from_slice(&[7; 5]);
        restrict(&mut hello, SRTP_CM);
        assert_eq!(hello[20..33], [0, 14, 0, 9, 0, 6, 0, 1, 0, 1, 0, 1, 0]);
        assert_eq!((hello[..20].to_vec(), hello[33..].to_vec()), (vec![9; 20], vec![7; 5]));
        let before = hello.clone();
        restrict(&mut hello, SRTP_GCM);
        assert_eq!(hello, before);
    }

    proptest! {
        #[test]
        fn any_datagram_is_safe_to_look_at(mut bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = chosen_srtp(&bytes);
            bytes.insert(0, RECORD_HANDSHAKE);
            let _ = chosen_srtp(&bytes);
        }
    }
}
