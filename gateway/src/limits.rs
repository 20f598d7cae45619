//! How much one caller may ask for.
//!
//! governor's cell-rate algorithm over maps that forget the least recently seen caller: a forgotten caller starts fresh,
//! which an attacker buys only with as many addresses as the map has places.
//!
//! **Invariant:** each limit's memory is bounded by `callers_max`.

use std::hash::Hash;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use governor::middleware::NoOpMiddleware;
use governor::nanos::Nanos;
use governor::state::StateStore;
use governor::{Quota, RateLimiter};
use parking_lot::Mutex;
use rookery_schemas::error::{ErrorCode, Refusal};
use rookery_schemas::ids::{RoomId, UserId};

use crate::address::AddrKey;
use crate::bounded::Bounded;
use crate::clock::Clock;
use crate::config::LimitsConfig;

const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(3_600);

/// Who is counted where an account is known and where it is not.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub enum CallerKey {
    /// An account, wherever it calls from.
    User(UserId),
    /// Anyone without one.
    Address(AddrKey),
}

/// All limits of a gateway.
pub struct Limits {
    /// New accounts of one address.
    pub registrations: Limiter<AddrKey>,
    /// Sign-ins of one address.
    pub logins: Limiter<AddrKey>,
    /// New rooms of one address.
    pub rooms: Limiter<AddrKey>,
    /// Failed passwords of one room and address: charged before the check, given back where it was right.
    pub room_passwords: Limiter<(RoomId, AddrKey)>,
    /// Joins of one user or guest's address.
    pub joins: Limiter<CallerKey>,
    /// Requests of one user or address.
    pub requests: Limiter<CallerKey>,
}

impl Limits {
    /// Limits as configured, all fresh.
    #[must_use]
    pub fn new(config: &LimitsConfig, clock: &Clock) -> Self {
        let max = config.callers_max;
        Self {
            registrations: Limiter::new(config.registrations_per_hour, HOUR, max, clock),
            logins: Limiter::new(config.logins_per_minute, MINUTE, max, clock),
            rooms: Limiter::new(config.rooms_per_hour, HOUR, max, clock),
            room_passwords: Limiter::new(config.room_passwords_per_minute, MINUTE, max, clock),
            joins: Limiter::new(config.joins_per_second, Duration::from_secs(1), max, clock),
            requests: Limiter::new(config.requests_per_minute, MINUTE, max, clock),
        }
    }
}

/// One limit: so many at once, and then one each n-th of the time.
pub struct Limiter<K: Hash + Eq + Clone> {
    limiter: RateLimiter<K, Cells<K>, Clock, NoOpMiddleware<Duration>>,
    cells: Cells<K>,
    one: Duration,
    clock: Clock,
}

impl<K: Hash + Eq + Clone> Limiter<K> {
    /// At most `count` (at least 1) in `per`, for each of at most `callers_max` callers.
    #[must_use]
    pub fn new(count: u32, per: Duration, callers_max: usize, clock: &Clock) -> Self {
        let count = NonZeroU32::new(count).unwrap_or(NonZeroU32::MIN);
        let one = (per / count.get()).max(Duration::from_nanos(1));
        let quota = Quota::with_period(one).unwrap_or(Quota::per_second(count)).allow_burst(count);
        let cells = Cells(Arc::new(Mutex::new(Bounded::new(callers_max))));
        Self { limiter: RateLimiter::new(quota, cells.clone(), clock.clone()), cells, one, clock: clock.clone() }
    }

    /// Takes one, or says when there is one again.
    ///
    /// # Errors
    /// `rate_limited` with the time to wait.
    pub fn check(&self, key: &K) -> Result<(), Refusal> {
        self.limiter.check_key(key).map_err(|not_until| {
            let wait = not_until.wait_time_from(self.clock.monotonic());
            let ms = u64::try_from(wait.as_millis()).unwrap_or(u64::MAX).max(1);
            Refusal { retry_after_ms: Some(ms), ..Refusal::new(ErrorCode::RateLimited) }
        })
    }

    /// Gives one back.
    pub fn refund(&self, key: &K) {
        if let Some(arrival) = self.cells.0.lock().get(key) {
            let one = u64::try_from(self.one.as_nanos()).unwrap_or(u64::MAX);
            *arrival = Nanos::new(arrival.as_u64().saturating_sub(one));
        }
    }
}

/// governor's state (the next theoretical arrival) for each caller.
struct Cells<K>(Arc<Mutex<Bounded<K, Nanos>>>);

impl<K> Clone for Cells<K> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<K: Hash + Eq + Clone> StateStore for Cells<K> {
    type Key = K;

    fn measure_and_replace<T, F, E>(&self, key: &K, f: F) -> Result<T, E>
    where
        F: Fn(Option<Nanos>) -> Result<(T, Nanos), E>,
    {
        let mut cells = self.0.lock();
        let (outcome, arrival) = f(cells.get(key).map(|arrival| *arrival))?;
        cells.insert(key.clone(), arrival);
        Ok(outcome)
    }
}

#[cfg(test)]
mod tests {
    use rookery_schemas::ids::UnixMillis;

    use super::*;
    use crate::clock::ManualTime;

    #[test]
    fn so_many_at_once_then_one_each_part() {
        let time = ManualTime::new(UnixMillis(1_000_000));
        let limiter: Limiter<u8> = Limiter::new(5, HOUR, 10, &Clock::of(time.clone()));
        for _ in 0..5 {
            assert_eq!(limiter.check(&1), Ok(()));
        }
        let refused = limiter.check(&1).unwrap_err();
        assert_eq!((refused.code, refused.retry_after_ms), (ErrorCode::RateLimited, Some(720_000)));
        assert_eq!(limiter.check(&2), Ok(()), "another caller is not concerned");
        time.advance(Duration::from_secs(720));
        assert_eq!(limiter.check(&1), Ok(()));
        assert!(limiter.check(&1).is_err());
        limiter.refund(&1);
        assert_eq!(limiter.check(&1), Ok(()), "what was given back can be taken again");
    }

    #[test]
    fn memory_is_bounded() {
        let limiter: Limiter<u32> = Limiter::new(1, HOUR, 100, &Clock::of(ManualTime::new(UnixMillis(0))));
        for caller in 0..10_000 {
            assert_eq!(limiter.check(&caller), Ok(()));
        }
        assert_eq!(limiter.cells.0.lock().len(), 100);
        assert!(limiter.check(&9_999).is_err(), "the newest are remembered");
    }
}
