//! A cookie by which a device that signed in before is known, and spared when others guess at its account.
//!
//! It opens nothing. Signed with a key derived from the cluster's signing keys, so every node knows it.
//!
//! **Invariant:** a device counts as known for exactly the account that signed in on it, until the cookie's time is over.

use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;
use rookery_actors::seams::{Store, StoreError};
use rookery_schemas::ids::{UnixMillis, UserId};
use rookery_schemas::rows::SigningKeyRow;

/// Signing keys whose devices are still known: eight months of them.
const KEYS_KNOWN: u8 = 8;
/// What the derived key is for.
const PURPOSE: &[u8] = b"rookery device cookie, version 1";

/// One browser, as far as sign-ins are concerned. Random.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct DeviceId(pub(crate) [u8; 16]);

/// The cookie's value for a device of this account.
///
/// # Errors
/// The store's. `Ok(None)` where it has no key.
pub(crate) async fn seal(
    store: &dyn Store,
    user: UserId,
    device: DeviceId,
    now: UnixMillis,
) -> Result<Option<String>, StoreError> {
    let keys = store.signing_keys(1).await?;
    Ok(keys.first().map(|key| {
        let body = body(user, device, now);
        let tag = hmac::sign(&derive(key, PURPOSE), body.as_bytes());
        format!("{body}.{}", BASE64.encode(tag))
    }))
}

/// The device, if the cookie is ours, of this account and not older than `lifetime_ms`.
///
/// # Errors
/// The store's.
pub(crate) async fn open(
    store: &dyn Store,
    cookie: &str,
    user: UserId,
    now: UnixMillis,
    lifetime_ms: i64,
) -> Result<Option<DeviceId>, StoreError> {
    let Some((body, tag)) = cookie.rsplit_once('.') else { return Ok(None) };
    let (Some((owner, device, at)), Ok(tag)) = (parse(body), BASE64.decode(tag)) else { return Ok(None) };
    if owner != user || now.0.saturating_sub(at.0) > lifetime_ms {
        return Ok(None);
    }
    let keys = store.signing_keys(KEYS_KNOWN).await?;
    let ours = keys.iter().any(|key| hmac::verify(&derive(key, PURPOSE), body.as_bytes(), &tag).is_ok());
    Ok(ours.then_some(device))
}

fn body(user: UserId, device: DeviceId, now: UnixMillis) -> String {
    format!("{user}.{}.{}", BASE64.encode(device.0), now.0)
}

fn parse(body: &str) -> Option<(UserId, DeviceId, UnixMillis)> {
    let mut parts = body.split('.');
    let user = parts.next()?.parse().ok()?;
    let device = DeviceId(BASE64.decode(parts.next()?).ok()?.try_into().ok()?);
    let at = UnixMillis(parts.next()?.parse().ok()?);
    parts.next().is_none().then_some((user, device, at))
}

/// A key for one purpose, from the cluster's signing key; different purposes cannot be told to belong together.
pub(super) fn derive(key: &SigningKeyRow, purpose: &[u8]) -> hmac::Key {
    let secret = hmac::Key::new(hmac::HMAC_SHA256, &key.pkcs8);
    hmac::Key::new(hmac::HMAC_SHA256, hmac::sign(&secret, purpose).as_ref())
}
