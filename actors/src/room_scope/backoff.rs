//! When a failed actor is started again.
//!
//! **Invariant:** the first failure in a while costs no pause; an actor that fails at once each time is given up after
//! [`FAILURES_MAX`] failures.

use std::time::Duration;

/// Failures within [`WINDOW`] after which an actor is given up: its state, not chance, makes it fail.
const FAILURES_MAX: u32 = 8;

/// Failures further apart than this have nothing to do with each other.
const WINDOW: Duration = Duration::from_secs(60);

/// The pause after the second failure, doubled each time.
const PAUSE: Duration = Duration::from_millis(50);

/// What to do about a failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Next {
    /// Start again after this.
    After(Duration),
    /// It is no use.
    GiveUp,
}

/// The failures of one child.
#[derive(Debug, Default)]
pub(super) struct Backoff {
    failures: u32,
    last: Option<Duration>,
}

impl Backoff {
    /// The child failed at `now`.
    pub(super) fn failed(&mut self, now: Duration) -> Next {
        if self.last.is_none_or(|last| now.saturating_sub(last) > WINDOW) {
            self.failures = 0;
        }
        self.last = Some(now);
        self.failures += 1;
        match self.failures {
            1 => Next::After(Duration::ZERO),
            n if n <= FAILURES_MAX => Next::After(PAUSE * 2_u32.saturating_pow(n - 2)),
            _ => Next::GiveUp,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn at_once_then_later_then_never() {
        let mut backoff = Backoff::default();
        let ms = Duration::from_millis;
        for pause in [0, 50, 100, 200, 400, 800, 1_600, 3_200] {
            assert_eq!(backoff.failed(ms(1)), Next::After(ms(pause)));
        }
        assert_eq!(backoff.failed(ms(2)), Next::GiveUp);
        assert_eq!(backoff.failed(ms(3) + WINDOW), Next::After(Duration::ZERO), "long ago is forgotten");
    }
}
