//! Whether this process lives and whether it is ready: the state of each part.
//!
//! **Invariant:** a probe's failure makes the answer "not ready", never an error or a hang; what is told is a word for each part,
//! the reason is logged.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::{BoxFuture, join_all};
use parking_lot::Mutex;
use serde::Serialize;
use tokio_util::sync::CancellationToken;
use utoipa::ToSchema;

use crate::clock::Clock;

/// How long one probe may take.
const PROBE_TIMEOUT: Duration = Duration::from_secs(1);
/// How long an answer is given again: whoever asks more often costs nothing.
const FRESH_FOR: Duration = Duration::from_millis(500);

/// A part of the node that can fail: its name (`store`, `bus`, `media`) and how to ask it.
#[derive(Clone)]
pub struct Probe {
    name: &'static str,
    check: Arc<dyn Fn() -> BoxFuture<'static, Result<(), String>> + Send + Sync>,
}

impl Probe {
    /// A part that is well when `check` returns `Ok`; an `Err` says what is wrong, for the log.
    pub fn new<F>(name: &'static str, check: impl Fn() -> F + Send + Sync + 'static) -> Self
    where
        F: Future<Output = Result<(), String>> + Send + 'static,
    {
        Self { name, check: Arc::new(move || Box::pin(check())) }
    }
}

/// The answer of `/readyz`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct Readiness {
    /// Whether requests should be sent here.
    pub ready: bool,
    /// Whether this node is stopping.
    pub draining: bool,
    /// Each part, in the order of the node.
    pub parts: Vec<PartState>,
}

/// One part.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct PartState {
    /// `store`, `bus`, `media` ...
    pub name: &'static str,
    /// Whether it works.
    pub ok: bool,
}

/// All probes of a node.
pub struct Health {
    probes: Vec<Probe>,
    stopping: CancellationToken,
    clock: Clock,
    last: Mutex<Option<(Duration, Vec<PartState>)>>,
}

impl Health {
    /// Asks `probes`; draining once `stopping` is cancelled.
    #[must_use]
    pub fn new(probes: Vec<Probe>, stopping: CancellationToken, clock: Clock) -> Self {
        Self { probes, stopping, clock, last: Mutex::new(None) }
    }

    /// The state of each part, at most half a second old.
    pub async fn readiness(&self) -> Readiness {
        let now = self.clock.monotonic();
        let fresh = self.last.lock().as_ref().filter(|(at, _)| now.saturating_sub(*at) < FRESH_FOR).cloned();
        let parts = match fresh {
            Some((_, parts)) => parts,
            None => {
                let parts = join_all(self.probes.iter().map(ask)).await;
                *self.last.lock() = Some((now, parts.clone()));
                parts
            }
        };
        let draining = self.stopping.is_cancelled();
        Readiness { ready: !draining && parts.iter().all(|part| part.ok), draining, parts }
    }
}

async fn ask(probe: &Probe) -> PartState {
    let outcome = match tokio::time::timeout(PROBE_TIMEOUT, (probe.check)()).await {
        Ok(outcome) => outcome,
        Err(_) => Err("no answer in time".to_owned()),
    };
    if let Err(reason) = &outcome {
        tracing::warn!(part = probe.name, %reason, "a part is not ready");
    }
    PartState { name: probe.name, ok: outcome.is_ok() }
}

#[cfg(test)]
mod tests {
    use rookery_schemas::ids::UnixMillis;

    use super::*;
    use crate::clock::ManualTime;

    #[tokio::test(start_paused = true)]
    async fn a_failed_or_silent_part_and_draining_are_said() {
        let stopping = CancellationToken::new();
        let time = ManualTime::new(UnixMillis(0));
        let probes = vec![
            Probe::new("store", || async { Ok(()) }),
            Probe::new("bus", || async { Err("gone".to_owned()) }),
            Probe::new("media", std::future::pending),
        ];
        let health = Health::new(probes, stopping.clone(), Clock::of(time.clone()));
        let states = |r: &Readiness| r.parts.iter().map(|p| (p.name, p.ok)).collect::<Vec<_>>();
        let answer = health.readiness().await;
        assert_eq!(states(&answer), [("store", true), ("bus", false), ("media", false)]);
        assert!(!answer.ready && !answer.draining);

        let well = Health::new(vec![Probe::new("store", || async { Ok(()) })], stopping.clone(), Clock::of(time));
        assert!(well.readiness().await.ready);
        stopping.cancel();
        let answer = well.readiness().await;
        assert!(!answer.ready && answer.draining);
    }
}
