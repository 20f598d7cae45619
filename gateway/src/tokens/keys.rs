//! The signing keys at hand: which signs now, and which are still believed.
//!
//! **Invariant:** at most [`KEYS_VALID`] keys are believed, and a fresh key signs only once every node has had time to read it.

use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair};
use jsonwebtoken::{DecodingKey, EncodingKey};
use rookery_schemas::ids::UnixMillis;
use rookery_schemas::rows::SigningKeyRow;
use sha2::{Digest, Sha256};
use zeroize::Zeroize;

use super::TokensError;

/// Keys that are believed: the one that signs, and the one before (or the next).
pub const KEYS_VALID: u8 = 2;
/// A key signs for 30 days; the longest-lived token (10 minutes) is long gone when its key leaves, 30 days later.
pub const KEY_AGE_MS_MAX: i64 = 30 * 24 * 3_600 * 1_000;
/// A key beside an older one signs only when it is this old: five times the interval at which nodes read the keys.
pub const KEY_ACTIVATION_MS: i64 = 5 * 60 * 1_000;
/// Characters of a kid.
const KID_CHARS_MAX: usize = 64;

/// A key as tokens are signed and checked with.
pub(super) struct Key {
    pub(super) kid: String,
    pub(super) encoding: EncodingKey,
    pub(super) decoding: DecodingKey,
    created_at: UnixMillis,
}

/// The believed keys, newest first.
#[derive(Default)]
pub(super) struct KeyRing(Vec<Key>);

impl KeyRing {
    /// From rows, newest first.
    pub(super) fn from_rows(rows: Vec<SigningKeyRow>) -> Result<Self, TokensError> {
        let keys = rows.into_iter().take(usize::from(KEYS_VALID)).map(key).collect::<Result<Vec<_>, _>>()?;
        if keys.is_empty() { Err(TokensError::NoKey) } else { Ok(Self(keys)) }
    }

    /// The newest key that every node has had time to read; the oldest where none has.
    pub(super) fn signing(&self, now: UnixMillis) -> Option<&Key> {
        self.0.iter().find(|key| now.0 - key.created_at.0 >= KEY_ACTIVATION_MS).or(self.0.last())
    }

    pub(super) fn find(&self, kid: &str) -> Option<&Key> {
        self.0.iter().find(|key| key.kid == kid)
    }
}

/// A fresh Ed25519 key, named after the hash of its public half.
///
/// # Errors
/// [`TokensError::NoKey`] where the system gives no randomness.
pub fn new_key(now: UnixMillis) -> Result<SigningKeyRow, TokensError> {
    let pair = Ed25519KeyPair::generate().map_err(|_| TokensError::NoKey)?;
    let pkcs8 = pair.to_pkcs8().map_err(|_| TokensError::NoKey)?.as_ref().to_vec();
    let digest = Sha256::digest(pair.public_key().as_ref());
    let kid = data_encoding::HEXLOWER.encode(digest.get(..8).unwrap_or_default());
    Ok(SigningKeyRow { kid, pkcs8, created_at: now })
}

/// A kid is a plain name: nothing that could be a path, a pattern or a query where someone looks it up.
pub(super) fn plain_kid(kid: &str) -> bool {
    (1..=KID_CHARS_MAX).contains(&kid.len()) && kid.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
}

fn key(mut row: SigningKeyRow) -> Result<Key, TokensError> {
    let pair = Ed25519KeyPair::from_pkcs8(&row.pkcs8).ok().filter(|_| plain_kid(&row.kid));
    let encoding = EncodingKey::from_ed_der(&row.pkcs8);
    row.pkcs8.zeroize();
    let pair = pair.ok_or_else(|| TokensError::DamagedKey { kid: row.kid.clone() })?;
    let decoding = DecodingKey::from_ed_der(pair.public_key().as_ref());
    Ok(Key { kid: row.kid, encoding, decoding, created_at: row.created_at })
}
