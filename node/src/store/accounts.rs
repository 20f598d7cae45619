//! Accounts, devices and signing keys.
//!
//! **Invariant:** a claim belongs to one account for ever, and an account has at most [`FAMILIES_PER_USER_MAX`] families.

use async_trait::async_trait;
use rookery_actors::seams::{AccountStore, FAMILIES_PER_USER_MAX, RotateOutcome, StoreError, Taken};
use rookery_schemas::ids::{FamilyId, UnixMillis, UserId};
use rookery_schemas::rows::{Claim, FamilyRow, SigningKeyRow, UserRow};
use rusqlite::{Connection, OptionalExtension, Row, params};

use super::SqliteStore;
use super::columns::{millis, rows, uuid};
use super::fault::Fault;

const USER_COLUMNS: &str = "id, email, username, display_name, password_hash, password_changed_at, created_at";
const FAMILY_COLUMNS: &str = "id, user, current, previous, rotated_at, expires_at, revoked";

fn user_row(row: &Row<'_>) -> rusqlite::Result<UserRow> {
    Ok(UserRow {
        id: UserId(uuid(row, 0)?),
        email: row.get(1)?,
        username: row.get(2)?,
        display_name: row.get(3)?,
        password_hash: row.get(4)?,
        password_changed_at: millis(row, 5)?,
        created_at: millis(row, 6)?,
    })
}

fn family_row(row: &Row<'_>) -> rusqlite::Result<FamilyRow> {
    Ok(FamilyRow {
        id: FamilyId(uuid(row, 0)?),
        user: UserId(uuid(row, 1)?),
        current: row.get(2)?,
        previous: row.get(3)?,
        rotated_at: millis(row, 4)?,
        expires_at: millis(row, 5)?,
        revoked: row.get(6)?,
    })
}

fn find_user(db: &Connection, id: UserId) -> rusqlite::Result<Option<UserRow>> {
    db.prepare_cached(&format!("SELECT {USER_COLUMNS} FROM users WHERE id = ?1"))?
        .query_row([id.0.into_bytes()], user_row)
        .optional()
}

fn find_family(db: &Connection, id: FamilyId) -> rusqlite::Result<Option<FamilyRow>> {
    db.prepare_cached(&format!("SELECT {FAMILY_COLUMNS} FROM families WHERE id = ?1"))?
        .query_row([id.0.into_bytes()], family_row)
        .optional()
}

const fn claim_key(claim: &Claim) -> (&'static str, &String, Taken) {
    match claim {
        Claim::Email(name) => ("email", name, Taken::Email),
        Claim::Username(name) => ("username", name, Taken::Username),
    }
}

/// Adds the account with its names, or finds that it is there with just these.
fn insert_user(db: &Connection, user: &UserRow, claims: [&Claim; 2]) -> Result<(), Fault> {
    let id = user.id.0.into_bytes();
    let added = db
        .prepare_cached(
            "INSERT INTO users (id, email, username, display_name, password_hash, password_changed_at, created_at)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7) ON CONFLICT DO NOTHING",
        )?
        .execute(params![
            id,
            user.email,
            user.username,
            user.display_name,
            user.password_hash,
            user.password_changed_at.0,
            user.created_at.0
        ])?;
    for claim in claims {
        let (kind, name, taken) = claim_key(claim);
        if added == 1 {
            db.prepare_cached("INSERT INTO claims (kind, name, user) VALUES (?1, ?2, ?3) ON CONFLICT DO NOTHING")?
                .execute(params![kind, name, id])?;
        }
        if holder(db, claim)? != Some(user.id) {
            return Err(StoreError::Taken(taken).into());
        }
    }
    Ok(())
}

fn holder(db: &Connection, claim: &Claim) -> rusqlite::Result<Option<UserId>> {
    let (kind, name, _) = claim_key(claim);
    db.prepare_cached("SELECT user FROM claims WHERE kind = ?1 AND name = ?2")?
        .query_row(params![kind, name], |row| uuid(row, 0).map(UserId))
        .optional()
}

fn insert_family(db: &Connection, family: &FamilyRow) -> Result<(), Fault> {
    let user = family.user.0.into_bytes();
    let added = db
        .prepare_cached(
            "INSERT INTO families (id, user, current, previous, rotated_at, expires_at, revoked)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7) ON CONFLICT DO NOTHING",
        )?
        .execute(params![
            family.id.0.into_bytes(),
            user,
            family.current,
            family.previous,
            family.rotated_at.0,
            family.expires_at.0,
            family.revoked
        ])?;
    if added == 0 {
        return Ok(());
    }
    // Those that are over go first, the new one never.
    db.prepare_cached(
        "DELETE FROM families WHERE id IN (
           SELECT id FROM families WHERE user = ?1 AND id != ?2
           ORDER BY revoked OR expires_at <= ?3, rotated_at DESC, id LIMIT -1 OFFSET ?4)",
    )?
    .execute(params![user, family.id.0.into_bytes(), family.rotated_at.0, rows(FAMILIES_PER_USER_MAX - 1)])?;
    Ok(())
}

/// What `presented` is worth, and what becomes of the family.
fn rotate(
    db: &Connection,
    id: FamilyId,
    presented: [u8; 32],
    next: Next,
    grace_ms: i64,
) -> Result<RotateOutcome, Fault> {
    let Some(family) = find_family(db, id)? else { return Ok(RotateOutcome::Gone) };
    if family.revoked || family.expires_at <= next.now {
        return Ok(RotateOutcome::Gone);
    }
    if presented == family.current {
        let rotated = FamilyRow {
            current: next.hash,
            previous: Some(presented),
            rotated_at: next.now,
            expires_at: next.expires_at,
            ..family
        };
        db.prepare_cached(
            "UPDATE families SET current = ?2, previous = ?3, rotated_at = ?4, expires_at = ?5 WHERE id = ?1",
        )?
        .execute(params![id.0.into_bytes(), rotated.current, presented, next.now.0, next.expires_at.0])?;
        return Ok(RotateOutcome::Rotated(rotated));
    }
    let since = next.now.0.saturating_sub(family.rotated_at.0).saturating_abs();
    if family.previous == Some(presented) && since <= grace_ms {
        return Ok(RotateOutcome::Grace(family));
    }
    revoke(db, id)?;
    Ok(RotateOutcome::Reused)
}

/// What a rotation puts in place of the current token.
struct Next {
    hash: [u8; 32],
    now: UnixMillis,
    expires_at: UnixMillis,
}

fn revoke(db: &Connection, id: FamilyId) -> rusqlite::Result<()> {
    db.prepare_cached("UPDATE families SET revoked = 1 WHERE id = ?1")?.execute([id.0.into_bytes()])?;
    Ok(())
}

fn newest_kid(db: &Connection) -> rusqlite::Result<Option<String>> {
    db.prepare_cached("SELECT kid FROM signing_keys ORDER BY number DESC LIMIT 1")?
        .query_row([], |row| row.get(0))
        .optional()
}

#[async_trait]
impl AccountStore for SqliteStore {
    async fn create_user(&self, user: UserRow, email: Claim, username: Claim) -> Result<(), StoreError> {
        self.write(move |db| insert_user(db, &user, [&email, &username])).await
    }

    async fn user(&self, id: UserId) -> Result<Option<UserRow>, StoreError> {
        self.read(move |db| Ok(find_user(db, id)?)).await
    }

    async fn user_by_claim(&self, claim: &Claim) -> Result<Option<UserRow>, StoreError> {
        let claim = claim.clone();
        self.read(move |db| match holder(db, &claim)? {
            Some(id) => Ok(find_user(db, id)?),
            None => Ok(None),
        })
        .await
    }

    async fn set_display_name(&self, id: UserId, display_name: &str) -> Result<(), StoreError> {
        let display_name = display_name.to_owned();
        self.write(move |db| {
            db.prepare_cached("UPDATE users SET display_name = ?2 WHERE id = ?1")?
                .execute(params![id.0.into_bytes(), display_name])?;
            Ok(())
        })
        .await
    }

    async fn set_password(
        &self,
        id: UserId,
        password_hash: &str,
        at: UnixMillis,
        keep: Option<FamilyId>,
    ) -> Result<(), StoreError> {
        let password_hash = password_hash.to_owned();
        self.write(move |db| {
            let id = id.0.into_bytes();
            db.prepare_cached("UPDATE users SET password_hash = ?2, password_changed_at = ?3 WHERE id = ?1")?
                .execute(params![id, password_hash, at.0])?;
            db.prepare_cached("UPDATE families SET revoked = 1 WHERE user = ?1 AND id IS NOT ?2")?
                .execute(params![id, keep.map(|family| family.0.into_bytes())])?;
            Ok(())
        })
        .await
    }

    async fn create_family(&self, family: FamilyRow) -> Result<(), StoreError> {
        self.write(move |db| insert_family(db, &family)).await
    }

    async fn family(&self, id: FamilyId) -> Result<Option<FamilyRow>, StoreError> {
        self.read(move |db| Ok(find_family(db, id)?)).await
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
        self.write(move |db| rotate(db, id, presented, Next { hash: next, now, expires_at }, grace_ms)).await
    }

    async fn revoke_family(&self, id: FamilyId) -> Result<(), StoreError> {
        self.write(move |db| Ok(revoke(db, id)?)).await
    }

    async fn signing_keys(&self, limit: u8) -> Result<Vec<SigningKeyRow>, StoreError> {
        self.read(move |db| {
            let mut keys =
                db.prepare_cached("SELECT kid, pkcs8, created_at FROM signing_keys ORDER BY number DESC LIMIT ?1")?;
            let rows = keys.query_map([limit], |row| {
                Ok(SigningKeyRow { kid: row.get(0)?, pkcs8: row.get(1)?, created_at: millis(row, 2)? })
            })?;
            Ok(rows.collect::<Result<_, _>>()?)
        })
        .await
    }

    async fn add_signing_key(&self, key: SigningKeyRow, newest: Option<&str>) -> Result<bool, StoreError> {
        let newest = newest.map(str::to_owned);
        self.write(move |db| {
            if newest_kid(db)? != newest {
                return Ok(false);
            }
            let added = db
                .prepare_cached("INSERT INTO signing_keys (kid, pkcs8, created_at) VALUES (?1, ?2, ?3)")?
                .execute(params![key.kid, key.pkcs8, key.created_at.0])?;
            Ok(added == 1)
        })
        .await
    }
}
