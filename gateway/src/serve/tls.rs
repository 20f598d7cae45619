//! Certificate files: read at the start, and again when they change.
//!
//! **Invariant:** there is always a working certificate; files that are of no use leave the last good one in place.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use axum_server::tls_rustls::RustlsConfig;
use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use sha2::{Digest as _, Sha256};
use tokio_util::sync::CancellationToken;

use crate::config::TlsFiles;

/// Why certificate files are of no use.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A file cannot be read.
    #[error("{path:?} cannot be read")]
    Read {
        /// Which.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// A file is not PEM, or has not what is needed.
    #[error("{path:?} has no usable {what}")]
    Pem {
        /// Which.
        path: PathBuf,
        /// `certificate` or `private key`.
        what: &'static str,
    },
    /// The two do not go together.
    #[error("the certificate and the key cannot be used together")]
    Pair(#[from] rustls::Error),
}

/// Reads the files and looks whether they can be used, before anything else is started.
///
/// # Errors
/// [`TlsError`].
pub fn check_tls(files: &TlsFiles) -> Result<(), TlsError> {
    let read = |path: &PathBuf| std::fs::read(path).map_err(|source| TlsError::Read { path: path.clone(), source });
    let read = Files { certificate: read(&files.certificate)?, key: read(&files.key)?.into() };
    read.load(files).map(drop)
}

/// Loads the files and watches them until `stopping`.
pub(super) async fn start(files: TlsFiles, stopping: &CancellationToken) -> Result<RustlsConfig, TlsError> {
    let read = Files::read(&files).await?;
    let config = RustlsConfig::from_config(read.load(&files)?);
    tokio::spawn(stopping.clone().run_until_cancelled_owned(watch(files, config.clone(), read.fingerprint())));
    Ok(config)
}

async fn watch(files: TlsFiles, config: RustlsConfig, mut seen: [u8; 32]) {
    loop {
        tokio::time::sleep(files.poll).await;
        let read = match Files::read(&files).await {
            Ok(read) if read.fingerprint() == seen => continue,
            Ok(read) => read,
            Err(error) => {
                // Perhaps they are just being replaced: look again.
                tracing::warn!(%error, "the certificate files cannot be read; the last good ones stay");
                continue;
            }
        };
        seen = read.fingerprint();
        match read.load(&files) {
            Ok(fresh) => {
                config.reload_from_config(fresh);
                tracing::info!("the certificate was read again");
            }
            Err(error) => tracing::error!(%error, "the new certificate files are of no use; the last good ones stay"),
        }
    }
}

struct Files {
    certificate: Vec<u8>,
    key: zeroize::Zeroizing<Vec<u8>>,
}

impl Files {
    async fn read(files: &TlsFiles) -> Result<Self, TlsError> {
        let read = async |path: &PathBuf| {
            tokio::fs::read(path).await.map_err(|source| TlsError::Read { path: path.clone(), source })
        };
        Ok(Self { certificate: read(&files.certificate).await?, key: read(&files.key).await?.into() })
    }

    /// Contents rather than times: files are replaced within a clock's tick, and renamed over with old times.
    fn fingerprint(&self) -> [u8; 32] {
        let mut hash = Sha256::new();
        hash.update(Sha256::digest(&self.certificate));
        hash.update(Sha256::digest(self.key.as_slice()));
        hash.finalize().into()
    }

    fn load(&self, files: &TlsFiles) -> Result<Arc<ServerConfig>, TlsError> {
        let chain: Result<Vec<CertificateDer<'static>>, _> =
            CertificateDer::pem_slice_iter(&self.certificate).collect();
        let chain = chain.ok().filter(|chain| !chain.is_empty());
        let chain = chain.ok_or_else(|| TlsError::Pem { path: files.certificate.clone(), what: "certificate" })?;
        let key = PrivateKeyDer::from_pem_slice(&self.key)
            .map_err(|_| TlsError::Pem { path: files.key.clone(), what: "private key" })?;
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let mut config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()?
            .with_no_client_auth()
            .with_single_cert(chain, key)?;
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        Ok(Arc::new(config))
    }
}
