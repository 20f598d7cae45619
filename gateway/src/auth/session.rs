//! A signed-in device: a family of refresh tokens, of which one is valid, and access tokens made from it.
//!
//! **Invariant:** only hashes of refresh tokens are stored; a token that was replaced more than the grace ago ends its family.

use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;
use rookery_actors::seams::{Store, StoreError};
use rookery_schemas::error::ErrorCode;
use rookery_schemas::ids::{FamilyId, UnixMillis};
use rookery_schemas::rest::{Me, Session};
use rookery_schemas::rows::{FamilyRow, UserRow};
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;
use uuid::Uuid;
use zeroize::Zeroizing;

use super::cookies::{Cookie, SetCookies};
use super::device::{self, DeviceId};
use crate::problem::Refused;
use crate::state::AppState;

/// What every refresh token begins with, so that scanners of leaked secrets know it.
const PREFIX: &str = "rr_";

/// What the key of [`RefreshToken::successor`] is derived for.
const PURPOSE: &[u8] = b"rookery refresh successor, version 1";

/// A refresh token as presented or made.
pub(crate) struct RefreshToken {
    pub(crate) family: FamilyId,
    secret: Zeroizing<[u8; 32]>,
}

impl RefreshToken {
    /// A new one of a family.
    pub(crate) fn new(family: FamilyId) -> Self {
        Self { family, secret: Zeroizing::new(rand::random()) }
    }

    /// The one that replaces `presented`: the same each time, so that an answer that was lost can be given again.
    ///
    /// # Errors
    /// The store's, which has the key that this takes.
    pub(crate) async fn successor(store: &dyn Store, presented: &Self) -> Result<Self, StoreError> {
        let keys = store.signing_keys(1).await?;
        let Some(key) = keys.first() else { return Ok(Self::new(presented.family)) };
        let key = device::derive(key, PURPOSE);
        let mut body = Zeroizing::new(presented.family.0.as_bytes().to_vec());
        body.extend_from_slice(presented.secret.as_slice());
        let mut secret = Zeroizing::new([0; 32]);
        secret.copy_from_slice(hmac::sign(&key, &body).as_ref());
        Ok(Self { family: presented.family, secret })
    }

    /// Reads one from a cookie.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let (family, secret) = text.strip_prefix(PREFIX)?.split_once('.')?;
        let secret = Zeroizing::new(BASE64.decode(secret).ok()?);
        let secret = Zeroizing::new(<[u8; 32]>::try_from(secret.as_slice()).ok()?);
        Some(Self { family: family.parse().ok()?, secret })
    }

    /// As it goes into the cookie.
    pub(crate) fn text(&self) -> Zeroizing<String> {
        Zeroizing::new(format!("{PREFIX}{}.{}", self.family, BASE64.encode(self.secret.as_slice())))
    }

    /// As it is stored.
    pub(crate) fn hash(&self) -> [u8; 32] {
        Sha256::digest(self.secret.as_slice()).into()
    }

    /// Whether it is the family's present or last token.
    pub(crate) fn belongs_to(&self, family: &FamilyRow) -> bool {
        let hash = self.hash();
        let current = hash.ct_eq(&family.current);
        let previous = hash.ct_eq(&family.previous.unwrap_or([0; 32]));
        (current | previous).into()
    }
}

/// Signs a device in: a new family, its cookies and an access token.
pub(crate) async fn open(
    state: &AppState,
    user: &UserRow,
    device: Option<DeviceId>,
) -> Result<(SetCookies, Session), Refused> {
    let now = state.now();
    let family = FamilyId(Uuid::new_v4());
    let token = RefreshToken::new(family);
    let row = FamilyRow {
        id: family,
        user: user.id,
        current: token.hash(),
        previous: None,
        rotated_at: now,
        expires_at: refresh_expiry(state, now),
        revoked: false,
    };
    state.store.create_family(row).await?;
    let mut cookies = SetCookies::default();
    set_refresh(&mut cookies, state, &token);
    set_device(&mut cookies, state, user, device, now).await?;
    Ok((cookies, answer(state, user, family)?))
}

/// An access token for a family.
pub(crate) fn answer(state: &AppState, user: &UserRow, family: FamilyId) -> Result<Session, Refused> {
    let (access_token, expires_at) = state.tokens.access(user, family)?;
    Ok(Session { access_token, expires_at, user: me(user) })
}

/// What people are told about their account.
pub(crate) fn me(user: &UserRow) -> Me {
    Me {
        id: user.id,
        email: user.email.clone(),
        username: user.username.clone(),
        display_name: user.display_name.clone(),
    }
}

/// When a token that is made now runs out.
pub(crate) fn refresh_expiry(state: &AppState, now: UnixMillis) -> UnixMillis {
    let lifetime = i64::try_from(state.config.auth.refresh_lifetime.as_millis()).unwrap_or(i64::MAX);
    UnixMillis(now.0.saturating_add(lifetime))
}

/// Puts the refresh token into its cookie.
pub(crate) fn set_refresh(cookies: &mut SetCookies, state: &AppState, token: &RefreshToken) {
    let seconds = state.config.auth.refresh_lifetime.as_secs();
    cookies.set(Cookie::Refresh, &token.text(), seconds, &state.config);
}

/// Marks the device as known to this account, for a while from now.
pub(crate) async fn set_device(
    cookies: &mut SetCookies,
    state: &AppState,
    user: &UserRow,
    device: Option<DeviceId>,
    now: UnixMillis,
) -> Result<(), Refused> {
    let device = device.unwrap_or_else(|| DeviceId(rand::random()));
    if let Some(value) = device::seal(&*state.store, user.id, device, now).await? {
        cookies.set(Cookie::Device, &value, state.config.auth.device_lifetime.as_secs(), &state.config);
    }
    Ok(())
}

/// The device, if it is known to this account.
pub(crate) async fn known_device(
    state: &AppState,
    headers: &axum::http::HeaderMap,
    user: &UserRow,
) -> Result<Option<DeviceId>, Refused> {
    let Some(cookie) = Cookie::Device.read(headers, &state.config) else { return Ok(None) };
    let lifetime = i64::try_from(state.config.auth.device_lifetime.as_millis()).unwrap_or(i64::MAX);
    Ok(device::open(&*state.store, cookie, user.id, state.now(), lifetime).await?)
}

/// A refusal of a refresh token; the cookie is of no more use.
pub(crate) fn refused(state: &AppState) -> (SetCookies, Refused) {
    let mut cookies = SetCookies::default();
    cookies.clear(Cookie::Refresh, &state.config);
    (cookies, Refused::new(ErrorCode::RefreshRefused))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_come_back_as_they_went_and_nothing_else_does() {
        let token = RefreshToken::new(FamilyId(Uuid::new_v4()));
        let text = token.text();
        let back = RefreshToken::parse(&text).unwrap();
        assert_eq!((back.family, back.hash()), (token.family, token.hash()));
        for bad in
            ["", "rr_", "rr_x.y", &text[3..], &text[..text.len() - 1], &format!("{}A", *text), &text.replace('.', "")]
        {
            assert!(RefreshToken::parse(bad).is_none(), "{bad}");
        }
    }
}
