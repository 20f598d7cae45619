//! Signed tokens: access tokens, WebSocket and join tickets, resume tokens.
//!
//! One algorithm (EdDSA over Ed25519), keys from the store alone, one audience for each use. A token says which of our keys
//! signed it and nothing else about keys; a header that offers a key, or an address of one, is refused.
//!
//! **Invariant:** a token is accepted only for the use it was made for, by a key that the store has, before its time is over.

mod claims;
mod keys;

use std::sync::{Arc, Weak};
use std::time::Duration;

use arc_swap::ArcSwap;
use jsonwebtoken::{Algorithm, Header, Validation, decode, decode_header, encode};
use rookery_actors::seams::{AccountStore, StoreError};
use rookery_schemas::bus::{JoinTicket, ResumeToken};
use rookery_schemas::error::{ErrorCode, Refusal};
use rookery_schemas::ids::{FamilyId, RequestId, RoomId, UnixMillis, UserId};
use rookery_schemas::rows::UserRow;
use serde::Serialize;
use serde::de::DeserializeOwned;
use uuid::Uuid;

use crate::clock::Clock;
use claims::{AccessBody, Audience, Claims, Envelope, JoinBody, ResumeBody, WsBody};
pub use keys::{KEY_ACTIVATION_MS, KEY_AGE_MS_MAX, KEYS_VALID, new_key};
use keys::{KeyRing, plain_kid};

/// How long an access token is good: short, since it is not looked up anywhere.
pub const ACCESS_MS: i64 = 15 * 60 * 1_000;
/// How long a ticket is good: from the answer to the socket's first message.
pub const TICKET_MS: i64 = 30 * 1_000;
/// How long a resume token is good.
pub const RESUME_MS: i64 = 10 * 60 * 1_000;
/// How far the clocks of two nodes may be apart before a token made on one is refused on the other.
pub const LEEWAY_MS: i64 = 5 * 1_000;
/// Bytes of a token: a resume token with a display name of 64 four-byte characters has under 1,200.
pub const TOKEN_BYTES_MAX: usize = 4_096;
/// How often the keys are read again. Far below [`KEY_ACTIVATION_MS`], so that every node knows a key before it signs.
pub const RELOAD_EVERY: Duration = Duration::from_secs(60);

/// Why tokens cannot be made at all.
#[derive(Debug, thiserror::Error)]
pub enum TokensError {
    /// The keys could not be read or written.
    #[error("the signing keys cannot be read or written")]
    Store(#[from] StoreError),
    /// A stored key is not an Ed25519 key in PKCS #8.
    #[error("the signing key {kid:?} is damaged")]
    DamagedKey {
        /// Which.
        kid: String,
    },
    /// No key could be made.
    #[error("no signing key could be made")]
    NoKey,
}

/// What an access token says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccessClaims {
    /// Whose it is (`sub`).
    pub user: UserId,
    /// The name at the time of issue.
    pub username: String,
    /// The device (`fam`); a revoked family's tokens are refused by who looks it up.
    pub family: FamilyId,
    /// When it was made, to the second: older than a password change means refused.
    pub issued_at: UnixMillis,
    /// When it runs out.
    pub expires_at: UnixMillis,
    /// Its own id (`jti`).
    pub id: RequestId,
}

/// Who may open a WebSocket, as a verified ticket says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Opening {
    /// The ticket's own id: used once.
    pub id: RequestId,
    /// The account; absent for guests, who open their socket with the join ticket.
    pub user: Option<UserId>,
    /// The account's device.
    pub family: Option<FamilyId>,
}

/// Makes and checks tokens.
pub struct Tokens {
    keys: ArcSwap<KeyRing>,
    store: Arc<dyn AccountStore>,
    clock: Clock,
    issuer: String,
}

impl std::fmt::Debug for Tokens {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Tokens").field("issuer", &self.issuer).finish_non_exhaustive()
    }
}

impl Tokens {
    /// Reads the keys, makes the first where there is none, and reads them again every [`RELOAD_EVERY`] while in use.
    ///
    /// # Errors
    /// [`TokensError`] where the store does not give, or take, a usable key.
    pub async fn start(
        store: Arc<dyn AccountStore>,
        clock: Clock,
        issuer: impl Into<String>,
    ) -> Result<Arc<Self>, TokensError> {
        let tokens =
            Arc::new(Self { keys: ArcSwap::from_pointee(KeyRing::default()), store, clock, issuer: issuer.into() });
        tokens.reload().await?;
        tokio::spawn(keep_fresh(Arc::downgrade(&tokens)));
        Ok(tokens)
    }

    /// Reads the keys, after adding one where the newest is over its age. Of nodes that do so at once, one wins.
    ///
    /// # Errors
    /// [`TokensError`]; the keys are then as before.
    pub async fn reload(&self) -> Result<(), TokensError> {
        let now = self.clock.now();
        let mut rows = self.store.signing_keys(KEYS_VALID).await?;
        let due = rows.first().is_none_or(|newest| now.0 - newest.created_at.0 > KEY_AGE_MS_MAX);
        if due {
            let added = self.store.add_signing_key(new_key(now)?, rows.first().map(|key| key.kid.as_str())).await?;
            tracing::info!(added, "a signing key was due");
            rows = self.store.signing_keys(KEYS_VALID).await?;
        }
        self.keys.store(Arc::new(KeyRing::from_rows(rows)?));
        Ok(())
    }

    /// An access token and when it runs out, 15 minutes from now.
    ///
    /// # Errors
    /// `internal` where no key is at hand.
    pub fn access(&self, user: &UserRow, family: FamilyId) -> Result<(String, UnixMillis), Refusal> {
        let body = AccessBody { sub: user.id, username: user.username.clone(), fam: family };
        self.make(Audience::Access, random_id(), ACCESS_MS, body)
    }

    /// Checks an access token.
    ///
    /// # Errors
    /// `token_expired` where nothing but its time is wrong, else `unauthorized`.
    pub fn verify_access(&self, token: &str) -> Result<AccessClaims, Refusal> {
        let claims = self.check::<AccessBody>(token, Audience::Access).map_err(|flaw| match flaw {
            Flaw::Expired => Refusal::new(ErrorCode::TokenExpired),
            Flaw::Bad => Refusal::new(ErrorCode::Unauthorized),
        })?;
        Ok(AccessClaims {
            user: claims.body.sub,
            username: claims.body.username,
            family: claims.body.fam,
            issued_at: seconds(claims.envelope.iat),
            expires_at: seconds(claims.envelope.exp),
            id: claims.envelope.jti,
        })
    }

    /// A ticket that opens one WebSocket of a device, and when it runs out, 30 s from now.
    ///
    /// # Errors
    /// `internal` where no key is at hand.
    pub fn ws_ticket(&self, user: UserId, family: FamilyId) -> Result<(String, UnixMillis), Refusal> {
        self.make(Audience::Ws, random_id(), TICKET_MS, WsBody { sub: user, fam: family })
    }

    /// Checks a ticket that opens a WebSocket: a signed-in user's, or a guest's join ticket. Whether it was used before is
    /// for the caller to see.
    ///
    /// # Errors
    /// `ticket_expired` where nothing but its time is wrong, else `ticket_invalid`.
    pub fn verify_ws_ticket(&self, ticket: &str) -> Result<Opening, Refusal> {
        match self.check::<WsBody>(ticket, Audience::Ws) {
            Ok(Claims { envelope, body }) => {
                Ok(Opening { id: envelope.jti, user: Some(body.sub), family: Some(body.fam) })
            }
            Err(Flaw::Expired) => Err(Refusal::new(ErrorCode::TicketExpired)),
            Err(Flaw::Bad) => match self.verify_join_ticket(ticket)?.1 {
                JoinTicket { id, user: None, .. } => Ok(Opening { id, user: None, family: None }),
                JoinTicket { .. } => Err(Refusal::new(ErrorCode::TicketInvalid)),
            },
        }
    }

    /// A ticket that takes one seat in a room, good until the seat's own `expires_at`.
    ///
    /// # Errors
    /// `internal` where no key is at hand.
    pub fn join_ticket(&self, room: RoomId, seat: &JoinTicket) -> Result<String, Refusal> {
        let left = seat.expires_at.0 - self.clock.now().0;
        let body = JoinBody { room, seat: seat.clone() };
        self.make(Audience::Join, seat.id, left, body).map(|(ticket, _)| ticket)
    }

    /// Checks a join ticket. The owner of the room sees to it that it is used once, and in its epoch.
    ///
    /// # Errors
    /// `ticket_expired` where nothing but its time is wrong, else `ticket_invalid`.
    pub fn verify_join_ticket(&self, ticket: &str) -> Result<(RoomId, JoinTicket), Refusal> {
        let claims = self.check::<JoinBody>(ticket, Audience::Join).map_err(|flaw| match flaw {
            Flaw::Expired => Refusal::new(ErrorCode::TicketExpired),
            Flaw::Bad => Refusal::new(ErrorCode::TicketInvalid),
        })?;
        if claims.envelope.jti != claims.body.seat.id {
            return Err(Refusal::new(ErrorCode::TicketInvalid));
        }
        Ok((claims.body.room, claims.body.seat))
    }

    /// A token that takes a seat up again, good until the seat's own `expires_at`.
    ///
    /// # Errors
    /// `internal` where no key is at hand.
    pub fn resume_token(&self, room: RoomId, seat: &ResumeToken) -> Result<String, Refusal> {
        let left = seat.expires_at.0 - self.clock.now().0;
        let body = ResumeBody { room, seat: seat.clone() };
        self.make(Audience::Resume, random_id(), left, body).map(|(token, _)| token)
    }

    /// Checks a resume token.
    ///
    /// # Errors
    /// `resume_refused`, whatever is wrong: the way on is the same.
    pub fn verify_resume_token(&self, token: &str) -> Result<(RoomId, ResumeToken), Refusal> {
        self.check::<ResumeBody>(token, Audience::Resume)
            .map(|claims| (claims.body.room, claims.body.seat))
            .map_err(|_| Refusal::new(ErrorCode::ResumeRefused))
    }

    /// Whether a seat that was taken for `user` still stands for something: its device is signed in, or, where that is not
    /// known, the password is the one of the time when the token was made. Whoever changes it, or signs a device out, ends
    /// what was taken there, seats too.
    ///
    /// # Errors
    /// The store's.
    pub async fn outlives_sign_out(&self, user: UserId, seat: &ResumeToken) -> Result<bool, StoreError> {
        if let Some(family) = seat.family {
            return self.signed_in(user, family).await;
        }
        let issued_at = seat.expires_at.0 - RESUME_MS;
        let user = self.store.user(user).await?;
        Ok(user.is_some_and(|user| issued_at >= user.password_changed_at.0))
    }

    /// Whether this device of this account is signed in.
    ///
    /// # Errors
    /// The store's.
    pub async fn signed_in(&self, user: UserId, family: FamilyId) -> Result<bool, StoreError> {
        let now = self.clock.now();
        let row = self.store.family(family).await?;
        Ok(row.is_some_and(|row| row.user == user && !row.revoked && row.expires_at > now))
    }

    /// The time that tokens are made and judged by.
    #[must_use]
    pub fn now(&self) -> UnixMillis {
        self.clock.now()
    }

    fn make<T: Serialize>(
        &self,
        audience: Audience,
        id: RequestId,
        lifetime_ms: i64,
        body: T,
    ) -> Result<(String, UnixMillis), Refusal> {
        let now = self.clock.now();
        let keys = self.keys.load();
        let key = keys.signing(now).ok_or_else(|| Refusal::new(ErrorCode::Internal))?;
        let iat = u64::try_from(now.0 / 1_000).unwrap_or_default();
        let exp = u64::try_from((now.0 + lifetime_ms) / 1_000).unwrap_or_default();
        let envelope = Envelope { iss: self.issuer.clone(), aud: audience.as_str().to_owned(), iat, exp, jti: id };
        let mut header = Header::new(Algorithm::EdDSA);
        header.kid = Some(key.kid.clone());
        let token = encode(&header, &Claims { envelope, body }, &key.encoding).map_err(|error| {
            tracing::error!(%error, "a token could not be signed");
            Refusal::new(ErrorCode::Internal)
        })?;
        Ok((token, seconds(exp)))
    }

    fn check<T: DeserializeOwned>(&self, token: &str, audience: Audience) -> Result<Claims<T>, Flaw> {
        if token.len() > TOKEN_BYTES_MAX {
            return Err(Flaw::Bad);
        }
        let header = decode_header(token).map_err(|_| Flaw::Bad)?;
        let kid = our_kid(&header).ok_or(Flaw::Bad)?;
        let keys = self.keys.load();
        let key = keys.find(kid).ok_or(Flaw::Bad)?;
        let mut validation = Validation::new(Algorithm::EdDSA);
        validation.set_issuer(&[&self.issuer]);
        validation.set_audience(&[audience.as_str()]);
        validation.set_required_spec_claims(&["iss", "aud", "exp"]);
        // The library would ask the machine's clock; ours is asked below, of the strictly parsed number.
        validation.validate_exp = false;
        let claims = decode::<Claims<T>>(token, &key.decoding, &validation).map_err(|_| Flaw::Bad)?.claims;
        let over = seconds(claims.envelope.exp).0.saturating_add(LEEWAY_MS) < self.clock.now().0;
        if over { Err(Flaw::Expired) } else { Ok(claims) }
    }
}

/// What is wrong with a token; more is not told apart, since more would help only who forges.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Flaw {
    Expired,
    Bad,
}

/// The key id of a header that we could have written: EdDSA, a plain kid, and no other word about keys.
fn our_kid(header: &Header) -> Option<&str> {
    let silent = header.jwk.is_none()
        && header.jku.is_none()
        && header.x5u.is_none()
        && header.x5c.is_none()
        && header.x5t.is_none()
        && header.x5t_s256.is_none()
        && header.crit.is_none()
        && header.enc.is_none()
        && header.zip.is_none()
        && header.cty.is_none()
        && header.extras.inner().is_empty();
    let ours = silent && header.alg == Algorithm::EdDSA && header.typ.as_deref() == Some("JWT");
    header.kid.as_deref().filter(|kid| ours && plain_kid(kid))
}

fn random_id() -> RequestId {
    RequestId(Uuid::new_v4())
}

fn seconds(since_epoch: u64) -> UnixMillis {
    UnixMillis(i64::try_from(since_epoch).unwrap_or(i64::MAX).saturating_mul(1_000))
}

async fn keep_fresh(tokens: Weak<Tokens>) {
    loop {
        tokio::time::sleep(RELOAD_EVERY).await;
        let Some(tokens) = tokens.upgrade() else { return };
        if let Err(error) = tokens.reload().await {
            tracing::warn!(%error, "the signing keys could not be read again; the known ones stay");
        }
    }
}
