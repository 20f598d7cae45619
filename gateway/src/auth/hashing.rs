//! argon2id in a bounded pool of blocking threads.
//!
//! **Invariant:** at most `hashes_at_once` hashes are computed and `hashes_waiting_max` wait; the memory is the product of the
//! first and one hash's. More are refused at once.

use std::sync::Arc;

use argon2::password_hash::phc::PasswordHash;
use argon2::{Algorithm, Argon2, Params, PasswordHasher as _, PasswordVerifier as _, Version};
use rookery_schemas::error::{ErrorCode, Refusal};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use unicode_normalization::UnicodeNormalization as _;
use zeroize::Zeroizing;

use crate::config::AuthConfig;
use crate::problem::Refused;

/// One lane: OWASP's parameters, and a pool that has a thread for each core already.
const LANES: u32 = 1;
/// When to try again where the queue is full: a hash takes some 20 to 50 ms.
const RETRY_AFTER_MS: u64 = 1_000;

/// Why hashes cannot be computed.
#[derive(Debug, thiserror::Error)]
pub enum HashError {
    /// Parameters out of range.
    #[error("argon2 does not take these parameters: {0}")]
    Params(argon2::Error),
    /// The hash itself failed.
    #[error("a password cannot be hashed: {0}")]
    Hash(argon2::password_hash::Error),
    /// The thread that computed it ended.
    #[error("the hashing thread ended")]
    Thread(#[from] tokio::task::JoinError),
}

/// The pool.
pub(crate) struct Hasher {
    argon2: Argon2<'static>,
    running: Arc<Semaphore>,
    admitted: Arc<Semaphore>,
    /// What passwords of unknown accounts are compared with, so that they take as long.
    nobody: Arc<str>,
}

impl Hasher {
    /// A pool with these parameters. Computes one hash.
    pub(crate) fn new(config: &AuthConfig) -> Result<Self, HashError> {
        let params =
            Params::new(config.argon2_memory_kib, config.argon2_passes, LANES, None).map_err(HashError::Params)?;
        let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
        let nobody: [u8; 32] = rand::random();
        let nobody = argon2.hash_password(&nobody).map_err(HashError::Hash)?.to_string();
        let at_once = config.hashes_at_once.max(1);
        Ok(Self {
            argon2,
            running: Arc::new(Semaphore::new(at_once)),
            admitted: Arc::new(Semaphore::new(at_once + config.hashes_waiting_max)),
            nobody: nobody.into(),
        })
    }

    /// A PHC string for this password.
    ///
    /// # Errors
    /// `overloaded` where too many wait.
    pub(crate) async fn hash(&self, password: &str) -> Result<String, Refused> {
        let permits = self.admit().await?;
        let (argon2, password) = (self.argon2.clone(), normal(password));
        let hashed = tokio::task::spawn_blocking(move || {
            let _permits = permits;
            argon2.hash_password(password.as_bytes()).map(|hash| hash.to_string())
        });
        hashed.await.map_err(HashError::from).and_then(|hash| hash.map_err(HashError::Hash)).map_err(Refused::internal)
    }

    /// Whether this is the password of this PHC string; never that of `None`, which takes as long.
    ///
    /// # Errors
    /// `overloaded` where too many wait.
    pub(crate) async fn verify(&self, password: &str, phc: Option<&str>) -> Result<bool, Refused> {
        let permits = self.admit().await?;
        let known = phc.is_some();
        let phc: Arc<str> = phc.map_or_else(|| self.nobody.clone(), Arc::from);
        let (argon2, password) = (self.argon2.clone(), normal(password));
        let verified = tokio::task::spawn_blocking(move || {
            let _permits = permits;
            match PasswordHash::new(&phc) {
                Ok(hash) => argon2.verify_password(password.as_bytes(), &hash).is_ok(),
                Err(error) => {
                    tracing::error!(%error, "a stored password hash cannot be read");
                    false
                }
            }
        });
        let fits = verified.await.map_err(|error| Refused::internal(HashError::from(error)))?;
        Ok(fits && known)
    }

    async fn admit(&self) -> Result<(OwnedSemaphorePermit, OwnedSemaphorePermit), Refused> {
        let full = || Refusal { retry_after_ms: Some(RETRY_AFTER_MS), ..Refusal::new(ErrorCode::Overloaded) };
        let admitted = self.admitted.clone().try_acquire_owned().map_err(|_| full())?;
        let running = self.running.clone().acquire_owned().await.map_err(|_| full())?;
        Ok((admitted, running))
    }
}

/// The same password typed on another keyboard or system is the same bytes (RFC 8265, section 4.2: NFC).
fn normal(password: &str) -> Zeroizing<String> {
    Zeroizing::new(password.nfc().collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config() -> AuthConfig {
        AuthConfig {
            argon2_memory_kib: 64,
            argon2_passes: 1,
            hashes_at_once: 1,
            hashes_waiting_max: 1,
            ..AuthConfig::default()
        }
    }

    #[tokio::test]
    async fn a_hash_fits_its_password_only_and_nobodys_fits_none() {
        let hasher = Hasher::new(&config()).unwrap();
        let hash = hasher.hash("b\u{e9}b\u{e9} is ten").await.unwrap();
        assert!(hash.starts_with("$argon2id$v=19$m=64,t=1,p=1$"), "{hash}");
        assert!(
            hasher.verify("be\u{301}be\u{301} is ten", Some(&hash)).await.unwrap(),
            "composed and decomposed are one"
        );
        assert!(!hasher.verify("bebe is ten", Some(&hash)).await.unwrap());
        assert!(!hasher.verify("anything", None).await.unwrap());
        assert!(!hasher.verify("anything", Some("damaged")).await.unwrap());
    }

    #[tokio::test]
    async fn a_full_queue_refuses_at_once() {
        let hasher = Hasher::new(&config()).unwrap();
        let held = hasher.admit().await.unwrap();
        let waiting = hasher.admitted.clone().try_acquire_owned().unwrap();
        let refused = hasher.hash("whatever it is").await.unwrap_err();
        assert_eq!(refused.code(), ErrorCode::Overloaded);
        drop((held, waiting));
        assert!(hasher.hash("whatever it is").await.is_ok());
    }

    #[test]
    fn defaults_are_owasps() {
        let config = AuthConfig::default();
        assert_eq!((config.argon2_memory_kib, config.argon2_passes, LANES), (19_456, 2, 1));
        let hash = Hasher::new(&config).unwrap().nobody;
        assert!(hash.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{hash}");
    }
}
