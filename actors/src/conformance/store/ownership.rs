//! Who owns a room, and where its epochs begin.
//!
//! **Invariant:** as in [`super`].

use std::sync::Arc;

use futures_util::future::join_all;
use rookery_schemas::ids::{Epoch, Incarnation, RoomId};
use rookery_schemas::rows::OwnerRow;
use uuid::Uuid;

use super::{Subject, owner_row, seal};
use crate::conformance::{Outcome, Unexpected};
use crate::seams::StoreError;

fn unused() -> RoomId {
    RoomId(Uuid::new_v4())
}

/// No owner, then the one that claimed it, to the last bit of its incarnation.
pub async fn a_room_has_no_owner_until_claimed(store: &Arc<Subject>) -> Outcome {
    let room = unused();
    assert_eq!(store.owner(room).await?, None);
    let mut expected = None;
    for (epoch, incarnation) in [(1, 0), (2, u64::MAX), (3, 1 << 63)] {
        let next = OwnerRow { incarnation: Incarnation(incarnation), ..owner_row(epoch, "node-1")? };
        assert_eq!(store.claim(room, expected.as_ref(), next.clone()).await?, next);
        assert_eq!(store.owner(room).await?.as_ref(), Some(&next));
        expected = Some(next);
    }
    assert_eq!(store.owner(unused()).await?, None, "a claim is of one room");
    Ok(())
}

/// A claim that expects no owner, another epoch, node or incarnation changes nothing and returns what is stored.
pub async fn a_claim_needs_the_owner_it_expects(store: &Arc<Subject>) -> Outcome {
    let room = unused();
    let stored = owner_row(5, "node-1")?;
    store.claim(room, None, stored.clone()).await?;
    let other_incarnation = Incarnation(stored.incarnation.0 ^ 1);
    for expected in [
        None,
        Some(OwnerRow { epoch: Epoch(4), ..stored.clone() }),
        Some(OwnerRow { epoch: Epoch(6), ..stored.clone() }),
        Some(OwnerRow { node: "node-2".parse()?, ..stored.clone() }),
        Some(OwnerRow { incarnation: other_incarnation, ..stored.clone() }),
    ] {
        let next = owner_row(9, "node-3")?;
        assert_eq!(store.claim(room, expected.as_ref(), next).await?, stored, "expecting {expected:?}");
        assert_eq!(store.owner(room).await?.as_ref(), Some(&stored));
    }
    let next = owner_row(7, "node-2")?;
    assert_eq!(store.claim(room, Some(&stored), next.clone()).await?, next, "epochs may skip");
    Ok(())
}

/// Epochs never go back, nor stay, whoever expects whom.
pub async fn a_claim_needs_a_higher_epoch(store: &Arc<Subject>) -> Outcome {
    let room = unused();
    let stored = owner_row(5, "node-1")?;
    store.claim(room, None, stored.clone()).await?;
    for epoch in [1, 4, 5] {
        let next = owner_row(epoch, "node-2")?;
        assert_eq!(store.claim(room, Some(&stored), next).await?, stored, "claiming epoch {epoch}");
    }
    assert_eq!(store.owner(room).await?, Some(stored));
    Ok(())
}

/// Many nodes claim from what they read, round after round: each epoch has exactly one winner, who is told so, and the
/// losers are told who won.
pub async fn of_claims_at_once_one_wins_each_epoch(store: &Arc<Subject>) -> Outcome {
    const NODES: usize = 12;
    let room = unused();
    let mut expected: Option<OwnerRow> = None;
    for round in 1..=20 {
        let claims = (0..NODES).map(|node| {
            let (store, expected) = (Arc::clone(store), expected.clone());
            tokio::spawn(async move {
                let next = owner_row(round, &format!("node-{node}"))?;
                let stored = store.claim(room, expected.as_ref(), next.clone()).await?;
                Ok::<_, Unexpected>((next, stored))
            })
        });
        let mut told = Vec::new();
        for claim in join_all(claims).await {
            told.push(claim??);
        }
        let winners: Vec<&OwnerRow> =
            told.iter().filter(|(next, stored)| next == stored).map(|(next, _)| next).collect();
        let [winner] = winners[..] else { return Err(format!("round {round}: {winners:?}").into()) };
        assert!(told.iter().all(|(_, stored)| stored == winner), "round {round}: {told:?}");
        assert_eq!(store.owner(room).await?.as_ref(), Some(winner));
        expected = Some(winner.clone());
    }
    Ok(())
}

/// While one node after another takes the room over, no reader ever sees an owner older than one whose claim had returned
/// when its read began.
pub async fn an_owner_read_sees_every_claim_before_it(store: &Arc<Subject>) -> Outcome {
    let room = unused();
    let (claimed, seen) = tokio::sync::watch::channel(0_u64);
    // Nobody claims before everybody reads; and all take turns, also where nothing makes a call wait.
    let begun = Arc::new(tokio::sync::Barrier::new(5));
    let readers = (0..4).map(|_| {
        let (store, seen, begun) = (Arc::clone(store), seen.clone(), Arc::clone(&begun));
        tokio::spawn(async move {
            begun.wait().await;
            let mut reads = 0_u32;
            while seen.has_changed().is_ok() {
                let at_least = *seen.borrow();
                let epoch = store.owner(room).await?.map_or(0, |owner| owner.epoch.0);
                if epoch < at_least {
                    return Err(StoreError::Damaged(format!("epoch {epoch} was read after {at_least} was claimed")));
                }
                reads += 1;
                tokio::task::yield_now().await;
            }
            Ok(reads)
        })
    });
    let readers: Vec<_> = readers.collect();
    begun.wait().await;
    let mut expected = None;
    for epoch in 1..=100 {
        tokio::task::yield_now().await;
        let next = owner_row(epoch, "node-1")?;
        assert_eq!(store.claim(room, expected.as_ref(), next.clone()).await?, next);
        claimed.send_replace(epoch);
        expected = Some(next);
    }
    drop(claimed);
    for reader in readers {
        assert!(reader.await?? > 0, "a reader that read nothing has seen nothing");
    }
    Ok(())
}

/// By epoch, each once; a second, other one is refused and changes nothing.
pub async fn a_seal_is_written_once(store: &Arc<Subject>) -> Outcome {
    let room = unused();
    assert_eq!(store.seals(room).await?, []);
    for made in [seal(1, 1), seal(7, 40), seal(3, 12), seal(3, 12)] {
        store.seal(room, made).await?;
    }
    let refused = store.seal(room, seal(3, 13)).await;
    assert!(matches!(refused, Err(StoreError::Damaged(_))), "{refused:?}");
    assert_eq!(store.seals(room).await?, [seal(1, 1), seal(3, 12), seal(7, 40)]);
    assert_eq!(store.seals(unused()).await?, []);
    Ok(())
}
