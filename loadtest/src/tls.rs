//! TLS for HTTPS and WSS: one given root, or none at all.
//!
//! **Invariant:** no certificate is trusted that the caller did not name.

use std::sync::Arc;

use rustls::pki_types::{CertificateDer, pem::PemObject};
use rustls::{ClientConfig, RootCertStore};

use crate::Error;

/// What a client trusts.
#[derive(Clone)]
pub struct Trust(pub(crate) Arc<ClientConfig>);

impl std::fmt::Debug for Trust {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Trust")
    }
}

impl Trust {
    /// Nothing: for `http` and `ws` only.
    ///
    /// # Errors
    ///
    /// [`Error::Tls`] if the cryptography refuses its own defaults.
    pub fn nothing() -> Result<Self, Error> {
        Self::of(RootCertStore::empty())
    }

    /// The certificates of a PEM text.
    ///
    /// # Errors
    ///
    /// [`Error::Tls`] if there is none, or one is no certificate.
    pub fn pem(text: &[u8]) -> Result<Self, Error> {
        let mut roots = RootCertStore::empty();
        for certificate in CertificateDer::pem_slice_iter(text) {
            roots.add(certificate.map_err(|error| rustls::Error::General(error.to_string()))?)?;
        }
        if roots.is_empty() {
            return Err(rustls::Error::General("no certificate in the PEM text".to_owned()).into());
        }
        Self::of(roots)
    }

    fn of(roots: RootCertStore) -> Result<Self, Error> {
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()?
            .with_root_certificates(roots)
            .with_no_client_auth();
        Ok(Self(Arc::new(config)))
    }
}
