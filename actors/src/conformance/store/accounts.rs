//! Accounts, devices and signing keys.
//!
//! **Invariant:** as in [`super`].

use std::collections::HashSet;
use std::sync::Arc;

use futures_util::future::join_all;
use rookery_schemas::ids::{FamilyId, UserId};
use rookery_schemas::rows::{Claim, FamilyRow, SigningKeyRow};
use uuid::Uuid;

use super::{NOW, Subject, claims, family, later, stored_user, user, word};
use crate::conformance::Outcome;
use crate::seams::{FAMILIES_PER_USER_MAX, RotateOutcome, StoreError, Taken};

const GRACE_MS: i64 = 10_000;

/// Found by its id and by each claim; nobody else is.
pub async fn an_account_is_what_was_written(store: &Arc<Subject>) -> Outcome {
    let user = stored_user(&**store).await?;
    let (email, username) = claims(&user);
    assert_eq!(store.user(user.id).await?.as_ref(), Some(&user));
    assert_eq!(store.user_by_claim(&email).await?.as_ref(), Some(&user));
    assert_eq!(store.user_by_claim(&username).await?.as_ref(), Some(&user));
    assert_eq!(store.user(UserId(Uuid::new_v4())).await?, None);
    assert_eq!(store.user_by_claim(&Claim::Email(word())).await?, None);
    let (Claim::Email(email) | Claim::Username(email)) = email;
    assert_eq!(store.user_by_claim(&Claim::Username(email)).await?, None, "an address is no username");
    Ok(())
}

/// Where either claim is taken there is no new account, and the other claim stays free.
pub async fn an_account_has_both_claims_or_is_not_made(store: &Arc<Subject>) -> Outcome {
    let first = stored_user(&**store).await?;
    let (email, username) = claims(&first);
    let second = user();
    let (free_email, free_username) = claims(&second);
    let refused = store.create_user(second.clone(), email, free_username.clone()).await;
    assert!(matches!(refused, Err(StoreError::Taken(Taken::Email))), "{refused:?}");
    let refused = store.create_user(second.clone(), free_email.clone(), username).await;
    assert!(matches!(refused, Err(StoreError::Taken(Taken::Username))), "{refused:?}");
    assert_eq!(store.user(second.id).await?, None);
    assert_eq!(store.user_by_claim(&free_email).await?, None);
    assert_eq!(store.user_by_claim(&free_username).await?, None);
    store.create_user(second.clone(), free_email, free_username).await?;
    assert_eq!(store.user(second.id).await?, Some(second));
    Ok(())
}

/// So that an unknown outcome can be tried again.
pub async fn making_the_same_account_again_is_no_error(store: &Arc<Subject>) -> Outcome {
    let user = stored_user(&**store).await?;
    let (email, username) = claims(&user);
    store.create_user(user.clone(), email.clone(), username).await?;
    assert_eq!(store.user_by_claim(&email).await?, Some(user));
    Ok(())
}

/// Of parallel sign-ups for one address exactly one succeeds, the others are told and leave nothing.
pub async fn of_sign_ups_at_once_one_gets_the_name(store: &Arc<Subject>) -> Outcome {
    let email = Claim::Email(word());
    let tries = (0..16).map(|_| {
        let (store, email, user) = (Arc::clone(store), email.clone(), user());
        tokio::spawn(async move {
            let (_, username) = claims(&user);
            (user.clone(), store.create_user(user, email, username).await)
        })
    });
    let mut made = Vec::new();
    for tried in join_all(tries).await {
        match tried? {
            (user, Ok(())) => made.push(user),
            (user, Err(StoreError::Taken(Taken::Email))) => assert_eq!(store.user(user.id).await?, None),
            (_, Err(other)) => return Err(other.into()),
        }
    }
    assert_eq!(made.len(), 1, "{made:?}");
    assert_eq!(store.user_by_claim(&email).await?, made.pop());
    Ok(())
}

/// Only the display name changes; for nobody it does nothing.
pub async fn a_display_name_can_change(store: &Arc<Subject>) -> Outcome {
    let mut user = stored_user(&**store).await?;
    store.set_display_name(user.id, "Ada").await?;
    user.display_name = "Ada".into();
    assert_eq!(store.user(user.id).await?, Some(user));
    let nobody = UserId(Uuid::new_v4());
    store.set_display_name(nobody, "Nobody").await?;
    assert_eq!(store.user(nobody).await?, None);
    Ok(())
}

/// The password, its time and every family but the one kept; no other account's.
pub async fn a_new_password_ends_all_sessions_but_one(store: &Arc<Subject>) -> Outcome {
    let mut user = stored_user(&**store).await?;
    let other = stored_user(&**store).await?;
    let families = [family(user.id), family(user.id), family(user.id), family(other.id)];
    for family in &families {
        store.create_family(family.clone()).await?;
    }
    let [kept, second, third, foreign] = families;
    store.set_password(user.id, "$argon2id$new", later(5), Some(kept.id)).await?;
    user.password_hash = "$argon2id$new".into();
    user.password_changed_at = later(5);
    assert_eq!(store.user(user.id).await?.as_ref(), Some(&user));
    for (family, revoked) in [(&kept, false), (&second, true), (&third, true), (&foreign, false)] {
        assert_eq!(store.family(family.id).await?.map(|family| family.revoked), Some(revoked));
    }
    store.set_password(user.id, "$argon2id$newer", later(6), None).await?;
    assert_eq!(store.family(kept.id).await?.map(|family| family.revoked), Some(true));
    Ok(())
}

/// A family is found by its id; making it again changes nothing, ending it keeps the row, ending nothing is no error.
pub async fn a_family_is_what_was_written(store: &Arc<Subject>) -> Outcome {
    let user = stored_user(&**store).await?;
    let mut made = FamilyRow { previous: Some(rand::random()), ..family(user.id) };
    store.create_family(made.clone()).await?;
    assert_eq!(store.family(made.id).await?.as_ref(), Some(&made));
    let rotated = store.rotate(made.id, made.current, [7; 32], later(1), later(2), GRACE_MS).await?;
    store.create_family(made.clone()).await?;
    assert!(matches!(&rotated, RotateOutcome::Rotated(row) if row.current == [7; 32]), "{rotated:?}");
    assert_eq!(store.family(made.id).await?.map(|family| family.current), Some([7; 32]), "made once");
    store.revoke_family(made.id).await?;
    made = FamilyRow {
        previous: Some(made.current),
        current: [7; 32],
        rotated_at: later(1),
        expires_at: later(2),
        revoked: true,
        ..made
    };
    assert_eq!(store.family(made.id).await?, Some(made));
    assert_eq!(store.family(FamilyId(Uuid::new_v4())).await?, None);
    store.revoke_family(FamilyId(Uuid::new_v4())).await?;
    Ok(())
}

/// The fifty-first device ends the one that was rotated longest ago, of the same account only.
pub async fn an_account_keeps_the_fifty_families_used_last(store: &Arc<Subject>) -> Outcome {
    let (user, other) = (stored_user(&**store).await?, stored_user(&**store).await?);
    let foreign = family(other.id);
    store.create_family(foreign.clone()).await?;
    let mut made = Vec::new();
    for number in 0..FAMILIES_PER_USER_MAX {
        let family = FamilyRow { rotated_at: later(i64::try_from(number)?), ..family(user.id) };
        store.create_family(family.clone()).await?;
        made.push(family);
    }
    // The oldest is used once more, so the second oldest is now the one used longest ago.
    let oldest = made.first().ok_or("none made")?;
    store.rotate(oldest.id, oldest.current, [1; 32], later(1_000), oldest.expires_at, GRACE_MS).await?;
    let newest = FamilyRow { rotated_at: later(2_000), ..family(user.id) };
    store.create_family(newest.clone()).await?;
    let mut gone = Vec::new();
    for (number, family) in made.iter().enumerate() {
        if store.family(family.id).await?.is_none() {
            gone.push(number);
        }
    }
    assert_eq!(gone, [1]);
    assert_eq!(store.family(newest.id).await?, Some(newest));
    assert_eq!(store.family(foreign.id).await?, Some(foreign));
    Ok(())
}

/// The current token is replaced, and what is returned is what is stored.
pub async fn a_current_token_rotates(store: &Arc<Subject>) -> Outcome {
    let user = stored_user(&**store).await?;
    let made = family(user.id);
    store.create_family(made.clone()).await?;
    let want = FamilyRow {
        current: [2; 32],
        previous: Some(made.current),
        rotated_at: later(100),
        expires_at: later(9_000),
        ..made.clone()
    };
    let rotated = store.rotate(made.id, made.current, [2; 32], later(100), later(9_000), GRACE_MS).await?;
    assert_eq!(rotated, RotateOutcome::Rotated(want.clone()));
    assert_eq!(store.family(made.id).await?, Some(want));
    let again = store.rotate(made.id, [2; 32], [3; 32], later(200), later(9_000), GRACE_MS).await?;
    assert!(matches!(again, RotateOutcome::Rotated(_)), "{again:?}");
    Ok(())
}

/// Two tabs with one cookie: the second finds its token just replaced and is let through, for the grace, whichever way the
/// clock went. Nothing changes by it.
pub async fn the_token_before_is_good_for_the_grace(store: &Arc<Subject>) -> Outcome {
    let user = stored_user(&**store).await?;
    let made = family(user.id);
    store.create_family(made.clone()).await?;
    store.rotate(made.id, made.current, [2; 32], later(100), made.expires_at, GRACE_MS).await?;
    let stored = store.family(made.id).await?.ok_or("the family is there")?;
    for now in [later(100), later(100 + GRACE_MS), later(100 - GRACE_MS)] {
        let outcome = store.rotate(made.id, made.current, [3; 32], now, made.expires_at, GRACE_MS).await?;
        assert_eq!(outcome, RotateOutcome::Grace(stored.clone()), "at {now:?}");
    }
    assert_eq!(store.family(made.id).await?, Some(stored));
    let late = later(101 + GRACE_MS);
    let outcome = store.rotate(made.id, made.current, [3; 32], late, made.expires_at, GRACE_MS).await?;
    assert_eq!(outcome, RotateOutcome::Reused, "after the grace it is a stolen one");
    assert_eq!(store.family(made.id).await?.map(|family| family.revoked), Some(true));
    Ok(())
}

/// A token older than the one before revokes the family, and then not even the current one is good.
pub async fn an_older_token_ends_the_family(store: &Arc<Subject>) -> Outcome {
    let user = stored_user(&**store).await?;
    let made = family(user.id);
    store.create_family(made.clone()).await?;
    store.rotate(made.id, made.current, [2; 32], later(1), made.expires_at, GRACE_MS).await?;
    store.rotate(made.id, [2; 32], [3; 32], later(2), made.expires_at, GRACE_MS).await?;
    let outcome = store.rotate(made.id, made.current, [4; 32], later(3), made.expires_at, GRACE_MS).await?;
    assert_eq!(outcome, RotateOutcome::Reused);
    let outcome = store.rotate(made.id, [3; 32], [5; 32], later(4), made.expires_at, GRACE_MS).await?;
    assert_eq!(outcome, RotateOutcome::Gone);
    let stored = store.family(made.id).await?.ok_or("the row stays")?;
    assert!(stored.revoked && stored.current == [3; 32], "{stored:?}");
    Ok(())
}

/// Over, revoked or never there.
pub async fn a_family_that_is_over_is_gone(store: &Arc<Subject>) -> Outcome {
    let user = stored_user(&**store).await?;
    let (over, revoked) = (family(user.id), family(user.id));
    store.create_family(over.clone()).await?;
    store.create_family(revoked.clone()).await?;
    store.revoke_family(revoked.id).await?;
    let unknown = FamilyId(Uuid::new_v4());
    for (id, token, now) in
        [(over.id, over.current, over.expires_at), (revoked.id, revoked.current, NOW), (unknown, [0; 32], NOW)]
    {
        let outcome = store.rotate(id, token, [9; 32], now, later(1), GRACE_MS).await?;
        assert_eq!(outcome, RotateOutcome::Gone);
    }
    assert_eq!(store.family(over.id).await?.map(|family| family.current), Some(over.current));
    Ok(())
}

/// Of parallel rotations of one token one wins, the others are in its grace, and the family lives.
pub async fn of_rotations_at_once_one_wins(store: &Arc<Subject>) -> Outcome {
    let user = stored_user(&**store).await?;
    let made = family(user.id);
    store.create_family(made.clone()).await?;
    let tries = (1..=16_u8).map(|number| {
        let (store, made) = (Arc::clone(store), made.clone());
        tokio::spawn(async move {
            store.rotate(made.id, made.current, [number; 32], later(1), made.expires_at, GRACE_MS).await
        })
    });
    let (mut won, mut grace) = (Vec::new(), 0);
    for tried in join_all(tries).await {
        match tried?? {
            RotateOutcome::Rotated(row) => won.push(row),
            RotateOutcome::Grace(_) => grace += 1,
            other => return Err(format!("{other:?}").into()),
        }
    }
    assert_eq!((won.len(), grace), (1, 15));
    assert_eq!(store.family(made.id).await?, won.pop());
    Ok(())
}

/// A key is added only after the newest one that its maker saw, and the one added last is the newest, whatever its time.
pub async fn signing_keys_are_added_one_after_another(store: &Arc<Subject>) -> Outcome {
    let key = |at| SigningKeyRow { kid: word(), pkcs8: vec![0, 255, 7], created_at: later(at) };
    let before = store.signing_keys(1).await?.pop().map(|key| key.kid);
    let (first, second, loser) = (key(0), key(-5_000), key(9));
    assert!(store.add_signing_key(first.clone(), before.as_deref()).await?);
    assert!(!store.add_signing_key(loser.clone(), before.as_deref()).await?, "it is not the newest any more");
    assert!(store.add_signing_key(second.clone(), Some(&first.kid)).await?);
    assert_eq!(store.signing_keys(2).await?, [second.clone(), first]);
    assert_eq!(store.signing_keys(1).await?, std::slice::from_ref(&second));

    let tries = (0..8).map(|at| {
        let (store, newest, key) = (Arc::clone(store), second.kid.clone(), key(at));
        tokio::spawn(async move { store.add_signing_key(key, Some(&newest)).await })
    });
    let mut added = 0;
    for tried in join_all(tries).await {
        added += u32::from(tried??);
    }
    assert_eq!(added, 1, "of those made at once one is added");
    let all: HashSet<String> = store.signing_keys(u8::MAX).await?.into_iter().map(|key| key.kid).collect();
    assert!(!all.contains(&loser.kid));
    Ok(())
}
