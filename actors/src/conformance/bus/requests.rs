//! Request and answer.
//!
//! **Invariant:** as in [`super`].

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use tokio::time::Instant;

use super::{PATIENCE, Subject, body, is_silent, next, unused};
use crate::conformance::Outcome;
use crate::seams::{Bus, BusError};

/// A time-out that a working bus never comes near.
const LONG: Duration = Duration::from_secs(60);

/// The server gets the body and the asker the answer.
pub async fn a_request_is_answered(bus: &Arc<Subject>) -> Outcome {
    let subject = unused("ask");
    let mut server = bus.serve(&subject).await?;
    let answer = bus.request(&subject, Bytes::from_static(b"ping"), LONG).await?;
    let request = next(&mut server).await?;
    assert_eq!((request.subject.as_str(), &request.payload[..], request.missed), (subject.as_str(), &b"ping"[..], 0));
    request.answer.ok_or("a request wants an answer")?.send(Bytes::from_static(b"pong"));
    assert_eq!(tokio::time::timeout(PATIENCE, answer).await??, Bytes::from_static(b"pong"));
    Ok(())
}

/// A request is on its way when `request` returns, in order, also where nobody waits for its answer yet; and each answer
/// comes to its own request, whatever their order.
pub async fn requests_arrive_in_the_order_in_which_request_returned(bus: &Arc<Subject>) -> Outcome {
    let subject = unused("ask-order");
    let mut server = bus.serve(&subject).await?;
    let mut pending = Vec::new();
    for number in 0..100 {
        pending.push(bus.request(&subject, body(number), LONG).await?);
    }
    let mut answers = Vec::new();
    for number in 0..100 {
        let request = next(&mut server).await?;
        assert_eq!(request.payload, body(number));
        answers.push(request.answer.ok_or("a request wants an answer")?);
    }
    for (number, answer) in answers.into_iter().enumerate().rev() {
        answer.send(body(number + 1_000));
    }
    for (number, answer) in pending.into_iter().enumerate() {
        assert_eq!(tokio::time::timeout(PATIENCE, answer).await??, body(number + 1_000));
    }
    Ok(())
}

/// Where nobody serves, the asker does not wait for its time-out.
pub async fn nobody_serving_is_told_at_once(bus: &Arc<Subject>) -> Outcome {
    let subject = unused("ask-nobody");
    let answer = bus.request(&subject, body(1), LONG).await?;
    let refused = tokio::time::timeout(PATIENCE, answer).await?;
    assert_eq!(refused, Err(BusError::NoResponders { subject }));
    Ok(())
}

/// Subscribers do not count as servers and get no requests.
pub async fn a_subscriber_answers_no_requests(bus: &Arc<Subject>) -> Outcome {
    let subject = unused("ask-subscriber");
    let mut reader = bus.subscribe(&subject).await?;
    let answer = bus.request(&subject, body(1), LONG).await?;
    let refused = tokio::time::timeout(PATIENCE, answer).await?;
    assert_eq!(refused, Err(BusError::NoResponders { subject }));
    assert!(is_silent(&mut reader).await);
    Ok(())
}

/// What is published reaches no server.
pub async fn a_server_hears_nothing_published(bus: &Arc<Subject>) -> Outcome {
    let subject = unused("serve");
    let mut server = bus.serve(&subject).await?;
    bus.publish(&subject, body(1)).await?;
    assert!(is_silent(&mut server).await);
    Ok(())
}

/// The time-out comes after its time and names the subject and itself.
pub async fn no_answer_is_a_time_out_and_not_before(bus: &Arc<Subject>) -> Outcome {
    let (subject, timeout) = (unused("ask-slow"), Duration::from_millis(700));
    let mut server = bus.serve(&subject).await?;
    let asked_at = Instant::now();
    let answer = bus.request(&subject, body(1), timeout).await?;
    let kept = next(&mut server).await?;
    let refused = tokio::time::timeout(PATIENCE, answer).await?;
    assert_eq!(refused, Err(BusError::Timeout { subject, timeout }));
    assert!(asked_at.elapsed() >= timeout, "after {:?}", asked_at.elapsed());
    drop(kept);
    Ok(())
}

/// A server that drops a request leaves its asker to the time-out.
pub async fn an_answer_that_is_dropped_is_a_time_out(bus: &Arc<Subject>) -> Outcome {
    let (subject, timeout) = (unused("ask-dropped"), Duration::from_millis(700));
    let mut server = bus.serve(&subject).await?;
    let asked_at = Instant::now();
    let answer = bus.request(&subject, body(1), timeout).await?;
    drop(next(&mut server).await?.answer.ok_or("a request wants an answer")?);
    let refused = tokio::time::timeout(PATIENCE, answer).await?;
    assert_eq!(refused, Err(BusError::Timeout { subject, timeout }));
    assert!(asked_at.elapsed() >= timeout, "after {:?}", asked_at.elapsed());
    Ok(())
}

/// An asker that no longer waits is no fault: the server goes on.
pub async fn an_answer_too_late_is_no_fault(bus: &Arc<Subject>) -> Outcome {
    let subject = unused("ask-late");
    let mut server = bus.serve(&subject).await?;
    drop(bus.request(&subject, body(1), LONG).await?);
    next(&mut server).await?.answer.ok_or("a request wants an answer")?.send(body(2));
    let answer = bus.request(&subject, body(3), LONG).await?;
    next(&mut server).await?.answer.ok_or("a request wants an answer")?.send(body(4));
    assert_eq!(tokio::time::timeout(PATIENCE, answer).await??, body(4));
    Ok(())
}

/// A server with a full queue refuses the next request, and serves those that wait.
pub async fn a_full_server_refuses(bus: &Arc<Subject>) -> Outcome {
    let subject = unused("ask-full");
    let mut server = bus.serve(&subject).await?;
    let mut pending = Vec::new();
    for number in 0..<dyn Bus>::QUEUE {
        pending.push(bus.request(&subject, body(number), LONG).await?);
    }
    let refused = tokio::time::timeout(PATIENCE, bus.request(&subject, body(0), LONG).await?).await?;
    assert!(matches!(refused, Err(BusError::Unavailable(_))), "{refused:?}");
    for (number, answer) in pending.into_iter().enumerate() {
        let request = next(&mut server).await?;
        assert_eq!(request.payload, body(number));
        request.answer.ok_or("a request wants an answer")?.send(body(number));
        assert_eq!(tokio::time::timeout(PATIENCE, answer).await??, body(number));
    }
    Ok(())
}

/// When a server's subscription is dropped, nobody serves. A bus over a network may take a moment to know.
pub async fn a_server_that_left_serves_nobody(bus: &Arc<Subject>) -> Outcome {
    let subject = unused("ask-left");
    drop(bus.serve(&subject).await?);
    let gone = async {
        loop {
            let refused = bus.request(&subject, body(1), Duration::from_millis(200)).await?.await;
            if refused == Err(BusError::NoResponders { subject: subject.clone() }) {
                return Ok::<_, BusError>(());
            }
        }
    };
    tokio::time::timeout(PATIENCE, gone).await??;
    let mut server = bus.serve(&subject).await?;
    let answer = bus.request(&subject, body(2), LONG).await?;
    next(&mut server).await?.answer.ok_or("a request wants an answer")?.send(body(3));
    assert_eq!(tokio::time::timeout(PATIENCE, answer).await??, body(3));
    Ok(())
}
