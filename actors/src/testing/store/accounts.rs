//! Accounts, devices and signing keys.
//!
//! **Invariant:** a claim belongs to one account for ever.

use std::cmp::Reverse;

use async_trait::async_trait;
use rookery_schemas::ids::{FamilyId, UnixMillis, UserId};
use rookery_schemas::rows::{Claim, FamilyRow, SigningKeyRow, UserRow};

use super::MemoryStore;
use crate::seams::{AccountStore, FAMILIES_PER_USER_MAX, RotateOutcome, StoreError, Taken};

#[async_trait]
impl AccountStore for MemoryStore {
    async fn create_user(&self, user: UserRow, email: Claim, username: Claim) -> Result<(), StoreError> {
        let mut rows = self.rows.lock();
        for (claim, what) in [(&email, Taken::Email), (&username, Taken::Username)] {
            if rows.claims.get(claim).is_some_and(|owner| *owner != user.id) {
                return Err(StoreError::Taken(what));
            }
        }
        rows.claims.insert(email, user.id);
        rows.claims.insert(username, user.id);
        rows.users.entry(user.id).or_insert(user);
        Ok(())
    }

    async fn user(&self, id: UserId) -> Result<Option<UserRow>, StoreError> {
        Ok(self.rows.lock().users.get(&id).cloned())
    }

    async fn user_by_claim(&self, claim: &Claim) -> Result<Option<UserRow>, StoreError> {
        let rows = self.rows.lock();
        Ok(rows.claims.get(claim).and_then(|id| rows.users.get(id)).cloned())
    }

    async fn set_display_name(&self, id: UserId, display_name: &str) -> Result<(), StoreError> {
        if let Some(user) = self.rows.lock().users.get_mut(&id) {
            user.display_name = display_name.to_owned();
        }
        Ok(())
    }

    async fn set_password(
        &self,
        id: UserId,
        password_hash: &str,
        at: UnixMillis,
        keep: Option<FamilyId>,
    ) -> Result<(), StoreError> {
        let mut rows = self.rows.lock();
        if let Some(user) = rows.users.get_mut(&id) {
            user.password_hash = password_hash.to_owned();
            user.password_changed_at = at;
        }
        for family in rows.families.values_mut().filter(|family| family.user == id && Some(family.id) != keep) {
            family.revoked = true;
        }
        Ok(())
    }

    async fn create_family(&self, family: FamilyRow) -> Result<(), StoreError> {
        let mut rows = self.rows.lock();
        let (id, user, now) = (family.id, family.user, family.rotated_at);
        if rows.families.contains_key(&id) {
            return Ok(());
        }
        rows.families.insert(id, family);
        let mut others: Vec<_> =
            rows.families.values().filter(|family| family.user == user && family.id != id).cloned().collect();
        // Those that are over go first.
        others
            .sort_by_key(|family| (family.revoked || family.expires_at <= now, Reverse(family.rotated_at), family.id));
        for family in others.iter().skip(FAMILIES_PER_USER_MAX - 1) {
            rows.families.remove(&family.id);
        }
        Ok(())
    }

    async fn family(&self, id: FamilyId) -> Result<Option<FamilyRow>, StoreError> {
        Ok(self.rows.lock().families.get(&id).cloned())
    }

    async fn rotate(
        &self,
        id: FamilyId,
        presented: [u8; 32],
        next: [u8; 32],
        now: UnixMillis,
        expires_at: UnixMillis,
        grace_ms: i64,
    ) -> Result<RotateOutcome, StoreError> {
        let mut rows = self.rows.lock();
        let family = rows.families.get_mut(&id).filter(|family| !family.revoked && family.expires_at > now);
        let Some(family) = family else { return Ok(RotateOutcome::Gone) };
        if family.current == presented {
            family.previous = Some(family.current);
            (family.current, family.rotated_at, family.expires_at) = (next, now, expires_at);
            return Ok(RotateOutcome::Rotated(family.clone()));
        }
        if family.previous == Some(presented) && (now.0 - family.rotated_at.0).abs() <= grace_ms {
            return Ok(RotateOutcome::Grace(family.clone()));
        }
        family.revoked = true;
        Ok(RotateOutcome::Reused)
    }

    async fn revoke_family(&self, id: FamilyId) -> Result<(), StoreError> {
        if let Some(family) = self.rows.lock().families.get_mut(&id) {
            family.revoked = true;
        }
        Ok(())
    }

    async fn signing_keys(&self, limit: u8) -> Result<Vec<SigningKeyRow>, StoreError> {
        Ok(self.rows.lock().keys.iter().take(usize::from(limit)).cloned().collect())
    }

    async fn add_signing_key(&self, key: SigningKeyRow, newest: Option<&str>) -> Result<bool, StoreError> {
        let mut rows = self.rows.lock();
        let won = rows.keys.first().map(|key| key.kid.as_str()) == newest;
        if won {
            rows.keys.insert(0, key);
        }
        Ok(won)
    }
}
