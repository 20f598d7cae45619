//! Whether an access token still stands for something: its account, its device, and no password change since.
//!
//! A token is good for 15 minutes by its signature alone; this looks at the rows behind it, at most every five seconds for each.
//!
//! **Invariant:** what this process itself revoked is refused at once; what another revoked, within [`FRESH_FOR`].

use std::time::Duration;

use parking_lot::Mutex;
use rookery_actors::seams::{Store, StoreError};
use rookery_schemas::ids::{FamilyId, UnixMillis, UserId};

use crate::bounded::Bounded;
use crate::clock::Clock;
use crate::tokens::AccessClaims;

/// How old a look at the store may be. One read of each row in five seconds for each active device is little, and a stolen
/// device does little in them.
pub(crate) const FRESH_FOR: Duration = Duration::from_secs(5);
/// Accounts and devices remembered, each. Overflow costs a read, nothing else.
const REMEMBERED_MAX: usize = 50_000;

struct Seen<T> {
    at: Duration,
    value: T,
}

/// What was seen of accounts and devices.
pub(crate) struct Freshness {
    clock: Clock,
    /// When the password was last changed; `None`: there is no such account.
    accounts: Mutex<Bounded<UserId, Seen<Option<UnixMillis>>>>,
    /// Whose device it is; `None`: revoked, or there is no such.
    devices: Mutex<Bounded<FamilyId, Seen<Option<UserId>>>>,
}

impl Freshness {
    pub(crate) fn new(clock: Clock) -> Self {
        Self {
            clock,
            accounts: Mutex::new(Bounded::new(REMEMBERED_MAX)),
            devices: Mutex::new(Bounded::new(REMEMBERED_MAX)),
        }
    }

    /// Whether this token's account and device are as they were when it was made.
    ///
    /// # Errors
    /// The store's, where it had to be asked.
    pub(crate) async fn holds(&self, store: &dyn Store, claims: &AccessClaims) -> Result<bool, StoreError> {
        let (changed_at, owner) = futures_util::future::try_join(
            self.password_changed_at(store, claims.user),
            self.device_owner(store, claims.family),
        )
        .await?;
        // Tokens know whole seconds only.
        let not_before = changed_at.map(|at| at.0.div_euclid(1_000) * 1_000);
        Ok(owner == Some(claims.user) && not_before.is_some_and(|at| claims.issued_at.0 >= at))
    }

    /// The password was changed here.
    pub(crate) fn password_changed(&self, user: UserId, at: UnixMillis) {
        let seen = Seen { at: self.clock.monotonic(), value: Some(at) };
        self.accounts.lock().insert(user, seen);
    }

    /// The device was signed out here.
    pub(crate) fn revoked(&self, family: FamilyId) {
        let seen = Seen { at: self.clock.monotonic(), value: None };
        self.devices.lock().insert(family, seen);
    }

    async fn password_changed_at(&self, store: &dyn Store, user: UserId) -> Result<Option<UnixMillis>, StoreError> {
        let now = self.clock.monotonic();
        if let Some(value) = fresh(&self.accounts, &user, now) {
            return Ok(value);
        }
        let value = store.user(user).await?.map(|row| row.password_changed_at);
        self.accounts.lock().insert(user, Seen { at: now, value });
        Ok(value)
    }

    async fn device_owner(&self, store: &dyn Store, family: FamilyId) -> Result<Option<UserId>, StoreError> {
        let now = self.clock.monotonic();
        if let Some(value) = fresh(&self.devices, &family, now) {
            return Ok(value);
        }
        let wall = self.clock.now();
        let row = store.family(family).await?.filter(|row| !row.revoked && row.expires_at > wall);
        let value = row.map(|row| row.user);
        self.devices.lock().insert(family, Seen { at: now, value });
        Ok(value)
    }
}

fn fresh<K: std::hash::Hash + Eq + Clone, T: Copy>(
    seen: &Mutex<Bounded<K, Seen<T>>>,
    key: &K,
    now: Duration,
) -> Option<T> {
    seen.lock().get(key).filter(|seen| now.saturating_sub(seen.at) < FRESH_FOR).map(|seen| seen.value)
}
