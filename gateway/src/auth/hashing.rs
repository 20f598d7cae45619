//! argon2id in a bounded pool of blocking threads.
//!
//! **Invariant:** at most `hashes_at_once` hashes are computed and `hashes_waiting_max` wait; the memory is the product of the
//! first and one hash's. More are refused at once.

mod memory;

use std::sync::Arc;

use argon2::password_hash::phc::{Output, ParamsString, PasswordHash, Salt};
use argon2::{Algorithm, Argon2, Params, Version};
use rookery_schemas::error::{ErrorCode, Refusal};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use unicode_normalization::UnicodeNormalization as _;
use zeroize::Zeroizing;

use self::memory::Memory;
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
    Hash(#[from] argon2::password_hash::Error),
    /// The thread that computed it ended.
    #[error("the hashing thread ended")]
    Thread(#[from] tokio::task::JoinError),
}

/// The pool.
pub(crate) struct Hasher {
    params: Params,
    memory: Arc<Memory>,
    running: Arc<Semaphore>,
    admitted: Arc<Semaphore>,
    /// What passwords of unknown accounts are compared with, so that they take as long.
    nobody: Arc<str>,
}

impl Hasher {
    /// A pool with these parameters. Computes one hash.
    pub(crate) fn new(config: &AuthConfig) -> Result<Self, HashError> {
        let params =
            Params::new(config.argon2_memory_kib, config.argon2_passes, LANES, Some(Params::DEFAULT_OUTPUT_LEN))
                .map_err(HashError::Params)?;
        let memory = Memory::default();
        let password: [u8; 32] = rand::random();
        let nobody = made(&params, &password, &memory)?;
        let at_once = config.hashes_at_once.max(1);
        Ok(Self {
            params,
            memory: Arc::new(memory),
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
        let (params, memory, password) = (self.params.clone(), self.memory.clone(), normal(password));
        let hashed = tokio::task::spawn_blocking(move || {
            let _permits = permits;
            made(&params, password.as_bytes(), &memory)
        });
        hashed.await.map_err(HashError::from).and_then(|hash| hash).map_err(Refused::internal)
    }

    /// Whether this is the password of this PHC string; never that of `None`, which takes as long.
    ///
    /// # Errors
    /// `overloaded` where too many wait.
    pub(crate) async fn verify(&self, password: &str, phc: Option<&str>) -> Result<bool, Refused> {
        let permits = self.admit().await?;
        let known = phc.is_some();
        let phc: Arc<str> = phc.map_or_else(|| self.nobody.clone(), Arc::from);
        let (memory, password) = (self.memory.clone(), normal(password));
        let verified = tokio::task::spawn_blocking(move || {
            let _permits = permits;
            fits(&phc, password.as_bytes(), &memory).unwrap_or_else(|error| {
                tracing::error!(%error, "a stored password hash cannot be read");
                false
            })
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

/// A PHC string with a salt of its own.
fn made(params: &Params, password: &[u8], memory: &Memory) -> Result<String, HashError> {
    let salt = Salt::generate();
    let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, params.clone());
    let hash = computed(&argon2, password, &salt, Params::DEFAULT_OUTPUT_LEN, memory)?;
    let (algorithm, version) = (Algorithm::Argon2id.ident(), Some(Version::V0x13.into()));
    let params = ParamsString::try_from(params)?;
    Ok(PasswordHash { algorithm, version, params, salt: Some(salt), hash: Some(hash) }.to_string())
}

/// Whether a PHC string is this password's, whatever parameters it was made with.
fn fits(phc: &str, password: &[u8], memory: &Memory) -> Result<bool, argon2::password_hash::Error> {
    let phc = PasswordHash::new(phc)?;
    let (Some(salt), Some(hash)) = (&phc.salt, &phc.hash) else { return Ok(false) };
    let version = phc.version.map(Version::try_from).transpose()?.unwrap_or_default();
    let argon2 = Argon2::new(Algorithm::try_from(phc.algorithm.as_str())?, version, Params::try_from(&phc)?);
    // outputs are compared in constant time
    Ok(computed(&argon2, password, salt, hash.len(), memory)? == *hash)
}

fn computed(
    argon2: &Argon2<'_>,
    password: &[u8],
    salt: &[u8],
    length: usize,
    memory: &Memory,
) -> Result<Output, argon2::password_hash::Error> {
    let mut bytes = Zeroizing::new([0_u8; Output::MAX_LENGTH]);
    let bytes = bytes.get_mut(..length).ok_or(argon2::password_hash::Error::OutputSize)?;
    memory.lend(argon2.params().block_count(), |blocks| {
        argon2.hash_password_into_with_memory(password, salt, bytes, blocks)
    })?;
    Ok(Output::new(bytes)?)
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
    async fn a_hash_made_with_other_parameters_fits_its_password() {
        let old = Hasher::new(&AuthConfig { argon2_memory_kib: 128, argon2_passes: 2, ..config() }).unwrap();
        let hash = old.hash("as it was set then").await.unwrap();
        let hasher = Hasher::new(&config()).unwrap();
        assert!(hasher.verify("as it was set then", Some(&hash)).await.unwrap());
        assert!(!hasher.verify("as it was set", Some(&hash)).await.unwrap());
        // of the reference implementation's src/test.c (P-H-C/phc-winner-argon2)
        let foreign = "$argon2id$v=19$m=256,t=2,p=1$c29tZXNhbHQ$nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4";
        assert!(hasher.verify("password", Some(foreign)).await.unwrap());
    }

    #[tokio::test]
    async fn memory_is_that_of_those_computed_at_once() {
        let hasher =
            Arc::new(Hasher::new(&AuthConfig { hashes_at_once: 2, hashes_waiting_max: 30, ..config() }).unwrap());
        let all: Vec<_> = (0..30)
            .map(|n| {
                let hasher = hasher.clone();
                tokio::spawn(async move { hasher.hash(&format!("password number {n}")).await.is_ok() })
            })
            .collect();
        for one in all {
            assert!(one.await.unwrap());
        }
        let kept = hasher.memory.kept();
        assert!((1..=2).contains(&kept), "{kept} blocks of memory are kept");
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
