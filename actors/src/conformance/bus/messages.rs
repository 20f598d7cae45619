//! Publish and subscribe.
//!
//! **Invariant:** as in [`super`].

use std::sync::Arc;

use bytes::Bytes;

use super::{Subject, body, is_silent, next, unused};
use crate::conformance::Outcome;
use crate::seams::{Bus, BusError};

/// Each subscriber has every message, with its subject and body, nothing missed and nothing to answer.
pub async fn every_subscriber_gets_what_is_published(bus: &Arc<Subject>) -> Outcome {
    let subject = format!("{}.events", unused("room"));
    let mut readers = [bus.subscribe(&subject).await?, bus.subscribe(&subject).await?, bus.subscribe(&subject).await?];
    bus.publish(&subject, Bytes::from_static(b"\0binary\xff")).await?;
    bus.publish(&subject, Bytes::new()).await?;
    for reader in &mut readers {
        for payload in [&b"\0binary\xff"[..], b""] {
            let message = next(reader).await?;
            assert_eq!(
                (message.subject.as_str(), &message.payload[..], message.missed),
                (subject.as_str(), payload, 0)
            );
            assert!(message.answer.is_none(), "nobody asked");
        }
        assert!(is_silent(reader).await, "each message comes once");
    }
    Ok(())
}

/// A thousand messages of one publisher come in the order in which they were published.
pub async fn one_publishers_messages_keep_their_order(bus: &Arc<Subject>) -> Outcome {
    let subject = unused("order");
    let mut reader = bus.subscribe(&subject).await?;
    for number in 0..1_000 {
        bus.publish(&subject, body(number)).await?;
    }
    for number in 0..1_000 {
        assert_eq!(next(&mut reader).await?.payload, body(number));
    }
    Ok(())
}

/// What was published before `subscribe` returned does not come, what is published after it does.
pub async fn a_subscription_begins_when_subscribe_returns(bus: &Arc<Subject>) -> Outcome {
    let subject = unused("begin");
    let mut early = bus.subscribe(&subject).await?;
    bus.publish(&subject, body(1)).await?;
    assert_eq!(next(&mut early).await?.payload, body(1));
    let mut late = bus.subscribe(&subject).await?;
    bus.publish(&subject, body(2)).await?;
    assert_eq!(next(&mut late).await?.payload, body(2));
    assert_eq!(next(&mut early).await?.payload, body(2));
    Ok(())
}

/// Returning is no sign that anyone got it.
pub async fn publishing_to_nobody_is_no_error(bus: &Arc<Subject>) -> Outcome {
    bus.publish(&unused("nobody"), body(1)).await?;
    Ok(())
}

/// Beyond the queue's limit the oldest go, and the next message says how many went just before it.
pub async fn a_full_subscription_drops_the_oldest_and_says_how_many(bus: &Arc<Subject>) -> Outcome {
    const TOO_MANY: usize = 10;
    let subject = unused("full");
    let (mut slow, mut brisk) = (bus.subscribe(&subject).await?, bus.subscribe(&subject).await?);
    for number in 0..<dyn Bus>::QUEUE + TOO_MANY {
        bus.publish(&subject, body(number)).await?;
        assert_eq!(next(&mut brisk).await?.missed, 0, "a reader that keeps up misses nothing");
    }
    for number in TOO_MANY..<dyn Bus>::QUEUE + TOO_MANY {
        let message = next(&mut slow).await?;
        let missed = if number == TOO_MANY { u64::try_from(TOO_MANY)? } else { 0 };
        assert_eq!((message.payload, message.missed), (body(number), missed));
    }
    bus.publish(&subject, body(0)).await?;
    assert_eq!(next(&mut slow).await?.missed, 0, "what was told once is not told again");
    Ok(())
}

/// A subscription ends when it is dropped, and only it.
pub async fn a_dropped_subscription_costs_the_others_nothing(bus: &Arc<Subject>) -> Outcome {
    let subject = unused("drop");
    let (gone, mut here) = (bus.subscribe(&subject).await?, bus.subscribe(&subject).await?);
    bus.publish(&subject, body(1)).await?;
    drop(gone);
    bus.publish(&subject, body(2)).await?;
    for number in [1, 2] {
        assert_eq!(next(&mut here).await?.payload, body(number));
    }
    Ok(())
}

/// A subject's messages come to no other, not even to one that begins or ends like it.
pub async fn subjects_do_not_mix(bus: &Arc<Subject>) -> Outcome {
    let subject = unused("mix");
    let others = [format!("{subject}.more"), format!("more.{subject}"), format!("{subject}x")];
    let mut reader = bus.subscribe(&subject).await?;
    for other in &others {
        bus.publish(other, body(1)).await?;
    }
    assert!(is_silent(&mut reader).await);
    bus.publish(&subject, body(2)).await?;
    assert_eq!(next(&mut reader).await?.payload, body(2));
    Ok(())
}

/// Wildcards, empty tokens and all else that is no subject is refused by every call, and nothing is sent.
pub async fn what_is_no_subject_is_refused(bus: &Arc<Subject>) -> Outcome {
    let long = "a".repeat(201);
    for bad in ["", "*", ">", "a.*", "a.>", "a..b", ".a", "a.", "A", "a b", "a\r\nb", "a.b.c.d.e.f.g.h.i", &long] {
        assert!(matches!(bus.publish(bad, body(1)).await, Err(BusError::Invalid(_))), "publish to {bad:?}");
        assert!(matches!(bus.subscribe(bad).await.err(), Some(BusError::Invalid(_))), "subscribe to {bad:?}");
        assert!(matches!(bus.serve(bad).await.err(), Some(BusError::Invalid(_))), "serve {bad:?}");
        let asked = bus.request(bad, body(1), super::PATIENCE).await;
        assert!(matches!(asked.err(), Some(BusError::Invalid(_))), "request to {bad:?}");
    }
    for good in ["a", "a.b.c.d.e.f.g.h", "node.n-1.rooms", &long[1..]] {
        bus.publish(good, body(1)).await?;
    }
    Ok(())
}
