//! Keys and values.
//!
//! **Invariant:** as in [`super`].

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::StreamExt;
use futures_util::future::join_all;

use super::{PATIENCE, Subject, body, is_silent, next, unused};
use crate::conformance::Outcome;
use crate::seams::{Bus, BusError, KvEntry, KvError, Revision};

/// The shortest age that every bus can keep.
const AGE: Duration = Duration::from_secs(1);

fn entry(key: &str, value: &Bytes, revision: Revision) -> KvEntry {
    KvEntry { key: key.to_owned(), value: Some(value.clone()), revision }
}

/// A key has no value, then the one that was written last; each write has a higher revision.
pub async fn a_value_is_what_was_written(bus: &Arc<Subject>) -> Outcome {
    let (bucket, key) = (unused("kv"), "room.a-1");
    assert_eq!(bus.kv_get(&bucket, key).await?, None);
    let first = bus.kv_set(&bucket, key, body(1), None).await?;
    assert_eq!(bus.kv_get(&bucket, key).await?, Some(entry(key, &body(1), first)));
    let second = bus.kv_put(&bucket, key, Bytes::new(), Some(first), None).await?;
    assert!(second > first);
    assert_eq!(bus.kv_get(&bucket, key).await?, Some(entry(key, &Bytes::new(), second)));
    let third = bus.kv_set(&bucket, key, body(3), None).await?;
    assert!(third > second);
    assert_eq!(bus.kv_get(&bucket, key).await?, Some(entry(key, &body(3), third)));
    Ok(())
}

/// A put that expects another revision than there is writes nothing and says what there is.
pub async fn a_put_needs_the_present_revision(bus: &Arc<Subject>) -> Outcome {
    let (bucket, key) = (unused("kv"), "k");
    let missing = Some(Revision(1));
    let refused = bus.kv_put(&bucket, key, body(1), missing, None).await;
    assert_eq!(refused, Err(KvError::Conflict { key: key.into(), expected: missing, actual: None }));
    assert_eq!(bus.kv_get(&bucket, key).await?, None);

    let first = bus.kv_put(&bucket, key, body(1), None, None).await?;
    let refused = bus.kv_put(&bucket, key, body(2), None, None).await;
    assert_eq!(refused, Err(KvError::Conflict { key: key.into(), expected: None, actual: Some(first) }));
    let second = bus.kv_put(&bucket, key, body(2), Some(first), None).await?;
    let refused = bus.kv_put(&bucket, key, body(3), Some(first), None).await;
    assert_eq!(refused, Err(KvError::Conflict { key: key.into(), expected: Some(first), actual: Some(second) }));
    assert_eq!(bus.kv_get(&bucket, key).await?, Some(entry(key, &body(2), second)));
    Ok(())
}

/// Of many puts that expect the same revision exactly one succeeds, round after round.
pub async fn of_puts_at_once_one_wins(bus: &Arc<Subject>) -> Outcome {
    let (bucket, key) = (unused("kv"), "k");
    let mut expected = None;
    for _ in 0..10 {
        let puts = (0..16).map(|number| {
            let (bus, bucket) = (Arc::clone(bus), bucket.clone());
            tokio::spawn(async move { (number, bus.kv_put(&bucket, key, body(number), expected, None).await) })
        });
        let mut won = Vec::new();
        for result in join_all(puts).await {
            let (number, put) = result?;
            match put {
                Ok(revision) => won.push((number, revision)),
                Err(KvError::Conflict { .. }) => {}
                Err(other) => return Err(other.into()),
            }
        }
        assert_eq!(won.len(), 1, "{won:?}");
        let Some((number, revision)) = won.pop() else { return Err("nobody won".into()) };
        assert_eq!(bus.kv_get(&bucket, key).await?, Some(entry(key, &body(number), revision)));
        expected = Some(revision);
    }
    Ok(())
}

/// A value older than its age is as if it had never been; one without an age stays.
pub async fn a_value_ends_with_its_age(bus: &Arc<Subject>) -> Outcome {
    let bucket = unused("kv");
    let stays = bus.kv_set(&bucket, "stays", body(0), None).await?;
    let set = bus.kv_set(&bucket, "set", body(1), Some(AGE)).await?;
    let put = bus.kv_put(&bucket, "put", body(2), None, Some(AGE)).await?;
    assert_eq!(bus.kv_get(&bucket, "set").await?, Some(entry("set", &body(1), set)));
    tokio::time::sleep(AGE * 3).await;
    assert_eq!(bus.kv_get(&bucket, "set").await?, None);
    assert_eq!(bus.kv_get(&bucket, "put").await?, None);
    let refused = bus.kv_put(&bucket, "set", body(3), Some(set), None).await;
    assert_eq!(refused, Err(KvError::Conflict { key: "set".into(), expected: Some(set), actual: None }));
    assert!(bus.kv_put(&bucket, "put", body(4), None, None).await? > put, "a revision is never used again");
    assert_eq!(bus.kv_get(&bucket, "stays").await?, Some(entry("stays", &body(0), stays)));
    Ok(())
}

/// The age counts from the last write, and a write without one stays.
pub async fn writing_again_renews_the_age(bus: &Arc<Subject>) -> Outcome {
    let (bucket, age) = (unused("kv"), AGE * 3);
    for key in ["renewed", "for-ever"] {
        bus.kv_set(&bucket, key, body(1), Some(age)).await?;
    }
    bus.kv_set(&bucket, "for-ever", body(2), None).await?;
    for _ in 0..3 {
        tokio::time::sleep(age / 2).await;
        bus.kv_set(&bucket, "renewed", body(2), Some(age)).await?;
    }
    for key in ["renewed", "for-ever"] {
        assert_eq!(bus.kv_get(&bucket, key).await?.and_then(|entry| entry.value), Some(body(2)), "{key}");
    }
    Ok(())
}

/// A deleted key has no value, takes a put as new, and never goes back to an earlier revision. Deleting nothing is no error.
pub async fn a_deleted_key_is_gone(bus: &Arc<Subject>) -> Outcome {
    let (bucket, key) = (unused("kv"), "k");
    bus.kv_delete(&bucket, key).await?;
    let first = bus.kv_set(&bucket, key, body(1), None).await?;
    bus.kv_delete(&bucket, key).await?;
    bus.kv_delete(&bucket, key).await?;
    assert_eq!(bus.kv_get(&bucket, key).await?, None);
    let refused = bus.kv_put(&bucket, key, body(2), Some(first), None).await;
    assert_eq!(refused, Err(KvError::Conflict { key: key.into(), expected: Some(first), actual: None }));
    assert!(bus.kv_put(&bucket, key, body(2), None, None).await? > first);
    Ok(())
}

/// A new watch gives each present entry once: none that was deleted, replaced or is over.
pub async fn a_watch_begins_with_what_is_there(bus: &Arc<Subject>) -> Outcome {
    let bucket = unused("kv");
    bus.kv_set(&bucket, "over", body(0), Some(AGE)).await?;
    bus.kv_set(&bucket, "replaced", body(1), None).await?;
    bus.kv_set(&bucket, "deleted", body(2), None).await?;
    bus.kv_delete(&bucket, "deleted").await?;
    tokio::time::sleep(AGE * 3).await;
    let kept = bus.kv_set(&bucket, "kept", body(3), Some(PATIENCE * 6)).await?;
    let replaced = bus.kv_set(&bucket, "replaced", body(4), None).await?;
    let mut watch = bus.kv_watch(&bucket).await?;
    let mut present = [next(&mut watch).await?, next(&mut watch).await?];
    present.sort_by_key(|entry| entry.revision);
    assert_eq!(present, [entry("kept", &body(3), kept), entry("replaced", &body(4), replaced)]);
    assert!(is_silent(&mut watch).await);
    Ok(())
}

/// Every write and every deletion comes, in order, to every watcher.
pub async fn a_watch_tells_every_change_in_order(bus: &Arc<Subject>) -> Outcome {
    let bucket = unused("kv");
    let mut watches = [bus.kv_watch(&bucket).await?, bus.kv_watch(&bucket).await?];
    let first = bus.kv_set(&bucket, "a", body(1), None).await?;
    let second = bus.kv_put(&bucket, "a", body(2), Some(first), Some(AGE * 60)).await?;
    bus.kv_delete(&bucket, "a").await?;
    let last = bus.kv_set(&bucket, "b", body(3), None).await?;
    for watch in &mut watches {
        assert_eq!(next(watch).await?, entry("a", &body(1), first));
        assert_eq!(next(watch).await?, entry("a", &body(2), second));
        let deleted = next(watch).await?;
        assert_eq!((deleted.key.as_str(), &deleted.value), ("a", &None));
        assert!(second < deleted.revision && deleted.revision < last);
        assert_eq!(next(watch).await?, entry("b", &body(3), last));
    }
    Ok(())
}

/// A watcher never misses a change unknowingly: where its queue overflows, its stream ends, and a new one has it all.
pub async fn a_watcher_too_far_behind_is_ended(bus: &Arc<Subject>) -> Outcome {
    let bucket = unused("kv");
    let mut watch = bus.kv_watch(&bucket).await?;
    let changes = <dyn Bus>::QUEUE + 10;
    for number in 0..changes {
        bus.kv_set(&bucket, "k", body(number), None).await?;
    }
    let mut told = 0;
    while let Some(entry) = tokio::time::timeout(PATIENCE, watch.next()).await? {
        assert_eq!(entry.value, Some(body(told)), "what is told has no gap");
        told += 1;
    }
    assert!(told < changes, "{told}");
    let mut again = bus.kv_watch(&bucket).await?;
    assert_eq!(next(&mut again).await?.value, Some(body(changes - 1)));
    Ok(())
}

/// A key of one bucket is no key of another.
pub async fn buckets_do_not_mix(bus: &Arc<Subject>) -> Outcome {
    let (one, other) = (unused("kv"), unused("kv"));
    let mut watch = bus.kv_watch(&other).await?;
    bus.kv_set(&one, "k", body(1), None).await?;
    assert_eq!(bus.kv_get(&other, "k").await?, None);
    bus.kv_delete(&other, "k").await?;
    assert!(is_silent(&mut watch).await);
    assert_eq!(bus.kv_get(&one, "k").await?.and_then(|entry| entry.value), Some(body(1)));
    Ok(())
}

/// A bucket is one token, a key is formed like a subject; every call refuses all else.
pub async fn what_is_no_bucket_or_key_is_refused(bus: &Arc<Subject>) -> Outcome {
    let bucket = unused("kv");
    for (bucket, key) in
        [("a.b", "k"), ("", "k"), ("*", "k"), ("K", "k"), (&bucket, ""), (&bucket, "a..b"), (&bucket, ">")]
    {
        let named = format!("{bucket:?}, {key:?}");
        let invalid = |error: Option<BusError>| matches!(error, Some(BusError::Invalid(_)));
        assert!(invalid(bus.kv_get(bucket, key).await.err()), "get {named}");
        assert!(invalid(bus.kv_set(bucket, key, body(1), None).await.err()), "set {named}");
        assert!(invalid(bus.kv_delete(bucket, key).await.err()), "delete {named}");
        let put = bus.kv_put(bucket, key, body(1), None, None).await;
        assert!(matches!(put, Err(KvError::Bus(BusError::Invalid(_)))), "put {named}");
        if key == "k" {
            assert!(invalid(bus.kv_watch(bucket).await.err()), "watch {named}");
        }
    }
    Ok(())
}
