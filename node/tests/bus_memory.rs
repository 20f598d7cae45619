//! The bus in memory keeps the promises of `Bus`, and ends well.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::StreamExt;
use rookery_actors::conformance::{Opened, Outcome};
use rookery_actors::seams::{Bus, BusError, KvError};
use rookery_node::bus::{MemoryBus, SUBSCRIPTIONS_MAX, VALUES_MAX};

async fn open() -> Opened<dyn Bus, ()> {
    Ok((Arc::new(MemoryBus::new()), ()))
}

rookery_actors::bus_conformance!(tokio::test(start_paused = true), open());

const LONG: Duration = Duration::from_secs(60);

/// What waits is still read, then every stream ends, whoever waits is told, and every call fails.
#[tokio::test(start_paused = true)]
async fn closing_ends_every_stream_and_every_wait() -> Outcome {
    let bus = MemoryBus::new();
    let mut reader = bus.subscribe("a").await?;
    let mut server = bus.serve("a").await?;
    let mut watch = bus.kv_watch("kv").await?;
    bus.publish("a", Bytes::from_static(b"1")).await?;
    bus.kv_set("kv", "k", Bytes::from_static(b"2"), None).await?;
    let pending = bus.request("a", Bytes::from_static(b"3"), LONG).await?;
    bus.close();

    assert_eq!(reader.next().await.map(|message| message.payload), Some(Bytes::from_static(b"1")));
    assert!(reader.next().await.is_none());
    assert_eq!(watch.next().await.and_then(|entry| entry.value), Some(Bytes::from_static(b"2")));
    assert!(watch.next().await.is_none());
    assert!(server.next().await.is_some() && server.next().await.is_none());
    assert!(matches!(pending.await, Err(BusError::Unavailable(_))));

    let down = |error: Option<BusError>| matches!(error, Some(BusError::Unavailable(_)));
    assert!(down(bus.publish("a", Bytes::new()).await.err()));
    assert!(down(bus.subscribe("a").await.err()));
    assert!(down(bus.serve("a").await.err()));
    assert!(down(bus.request("a", Bytes::new(), LONG).await.err()));
    assert!(down(bus.kv_get("kv", "k").await.err()));
    assert!(down(bus.kv_set("kv", "k", Bytes::new(), None).await.err()));
    assert!(down(bus.kv_delete("kv", "k").await.err()));
    assert!(down(bus.kv_watch("kv").await.err()));
    let put = bus.kv_put("kv", "k", Bytes::new(), None, None).await;
    assert!(matches!(put, Err(KvError::Bus(BusError::Unavailable(_)))));
    Ok(())
}

/// A bus that nobody has any more is as good as closed.
#[tokio::test(start_paused = true)]
async fn a_dropped_bus_ends_its_streams() -> Outcome {
    let bus = MemoryBus::new();
    let clone = bus.clone();
    let mut reader = bus.subscribe("a").await?;
    let _server = bus.serve("b").await?;
    let pending = bus.request("b", Bytes::new(), LONG).await?;
    drop(bus);
    clone.publish("a", Bytes::from_static(b"1")).await?;
    drop(clone);
    assert!(reader.next().await.is_some() && reader.next().await.is_none());
    assert!(matches!(pending.await, Err(BusError::Unavailable(_))));
    Ok(())
}

/// Every subscription, server and watch that is dropped leaves nothing behind, in whatever order they go.
#[tokio::test(start_paused = true)]
async fn what_is_dropped_leaves_nothing_behind() -> Outcome {
    let bus = MemoryBus::new();
    let mut kept = Vec::new();
    for round in 0..100 {
        let subject = format!("room-{}", round % 10);
        kept.push(bus.subscribe(&subject).await?);
        kept.push(bus.serve(&subject).await?);
        drop(bus.kv_watch(&subject).await?);
        if round % 3 == 0 {
            drop(kept.swap_remove(round / 2));
        }
    }
    assert_eq!(bus.subscriptions(), kept.len());
    drop(kept);
    assert_eq!(bus.subscriptions(), 0);
    let answer = bus.request("room-1", Bytes::new(), LONG).await?.await;
    assert_eq!(answer, Err(BusError::NoResponders { subject: "room-1".into() }));
    Ok(())
}

/// After a restart of whoever serves, the newest serves; the one before it gets its end.
#[tokio::test(start_paused = true)]
async fn the_newest_server_serves() -> Outcome {
    let bus = MemoryBus::new();
    let mut before = bus.serve("a").await?;
    let _waiting = bus.request("a", Bytes::from_static(b"1"), LONG).await?;
    let mut now = bus.serve("a").await?;
    let _next = bus.request("a", Bytes::from_static(b"2"), LONG).await?;
    assert_eq!(before.next().await.map(|request| request.payload), Some(Bytes::from_static(b"1")));
    assert!(before.next().await.is_none());
    drop(before);
    assert_eq!(now.next().await.map(|request| request.payload), Some(Bytes::from_static(b"2")));
    let answer = bus.request("a", Bytes::from_static(b"3"), LONG).await?;
    if let Some(answer) = now.next().await.and_then(|request| request.answer) {
        answer.send(Bytes::from_static(b"4"));
    }
    assert_eq!(answer.await?, Bytes::from_static(b"4"), "the old one's end did not take the new one's place away");
    Ok(())
}

/// A reader that waits is woken by what comes, from any thread.
#[tokio::test(flavor = "multi_thread")]
async fn a_waiting_reader_is_woken() -> Outcome {
    let bus = MemoryBus::new();
    let mut readers = Vec::new();
    for _ in 0..8 {
        let stream = bus.subscribe("a").await?;
        readers.push(tokio::spawn(async move { stream.take(1_000).fold(0, |sum, _| async move { sum + 1 }).await }));
    }
    for _ in 0..1_000 {
        bus.publish("a", Bytes::new()).await?;
    }
    for reader in readers {
        assert_eq!(tokio::time::timeout(Duration::from_secs(10), reader).await??, 1_000);
    }
    Ok(())
}

/// A bucket has a limit; what is over makes room, what is there can still be written.
#[tokio::test(start_paused = true)]
async fn a_full_bucket_refuses_new_keys() -> Outcome {
    let bus = MemoryBus::new();
    let age = Duration::from_secs(10);
    for number in 0..VALUES_MAX {
        let age = (number % 2 == 0).then_some(age);
        bus.kv_set("kv", &format!("key-{number}"), Bytes::new(), age).await?;
    }
    let refused = bus.kv_set("kv", "one-more", Bytes::new(), None).await;
    assert!(matches!(refused, Err(BusError::Unavailable(_))), "{refused:?}");
    bus.kv_set("kv", "key-1", Bytes::from_static(b"again"), None).await?;
    bus.kv_set("other", "key", Bytes::new(), None).await?;
    tokio::time::sleep(age).await;
    bus.kv_set("kv", "one-more", Bytes::new(), None).await?;
    assert!(bus.kv_get("kv", "key-1").await?.is_some() && bus.kv_get("kv", "key-2").await?.is_none());
    Ok(())
}

/// One subscription too many is refused, and one that goes makes room for the next.
#[tokio::test(start_paused = true)]
async fn subscriptions_are_bounded() -> Outcome {
    let bus = MemoryBus::new();
    let mut held = Vec::with_capacity(SUBSCRIPTIONS_MAX);
    for number in 0..SUBSCRIPTIONS_MAX {
        held.push(bus.subscribe(&format!("room-{number}")).await?);
    }
    assert!(matches!(bus.subscribe("a").await.err(), Some(BusError::Unavailable(_))));
    assert!(matches!(bus.serve("a").await.err(), Some(BusError::Unavailable(_))));
    assert!(matches!(bus.kv_watch("a").await.err(), Some(BusError::Unavailable(_))));
    drop(held.pop());
    let _last = bus.serve("a").await?;
    assert_eq!(bus.subscriptions(), SUBSCRIPTIONS_MAX);
    Ok(())
}
