//! Failed sign-ins cost time, more with each: by account and by address, but not a device that signed in before.
//!
//! An attempt counts as failed while it is under way, so that many at once are not cheaper than one after the other. Names
//! without an account are counted like accounts: being locked out says nothing about there being one. A known device has a
//! count of its own: whoever guesses at an account cannot lock its owner out, and a stolen device gains a few guesses only.
//!
//! **Invariant:** memory is bounded; the least recently failed is forgotten first.

use std::hash::Hash;
use std::time::Duration;

use parking_lot::Mutex;
use rookery_schemas::error::{ErrorCode, Refusal};
use rookery_schemas::ids::UserId;
use rookery_schemas::rows::Claim;

use crate::address::AddrKey;
use crate::auth::device::DeviceId;
use crate::bounded::Bounded;
use crate::clock::Clock;
use crate::config::AuthConfig;

/// What a sign-in is aimed at.
#[derive(Clone, PartialEq, Eq, Hash)]
pub(crate) enum Target {
    /// An account, by whichever of its names.
    User(UserId),
    /// A name that nobody has.
    Nobody(Claim),
}

#[derive(Clone, Copy, Default)]
struct Failures {
    count: u32,
    last: Duration,
    locked_until: Duration,
}

/// The rule by which a count becomes a wait.
#[derive(Clone, Copy)]
struct Rule {
    free: u32,
    first: Duration,
    longest: Duration,
    forget: Duration,
}

impl Rule {
    fn wait(self, count: u32) -> Duration {
        match count.checked_sub(self.free) {
            None => Duration::ZERO,
            Some(beyond) => {
                self.first.saturating_mul(1_u32.checked_shl(beyond.min(31)).unwrap_or(u32::MAX)).min(self.longest)
            }
        }
    }
}

struct Book<K> {
    rule: Rule,
    failures: Mutex<Bounded<K, Failures>>,
}

impl<K: Hash + Eq + Clone> Book<K> {
    /// Counts an attempt as failed, or says how long to wait.
    fn begin(&self, key: &K, now: Duration) -> Result<(), Duration> {
        let mut book = self.failures.lock();
        let mut entry = book.get(key).copied().unwrap_or_default();
        if now < entry.locked_until {
            return Err(entry.locked_until - now);
        }
        if now.saturating_sub(entry.last) > self.rule.forget {
            entry = Failures::default();
        }
        entry.count = entry.count.saturating_add(1);
        entry.last = now;
        entry.locked_until = now + self.rule.wait(entry.count);
        book.insert(key.clone(), entry);
        Ok(())
    }

    /// The attempt was none, or a good one: its count is taken back.
    fn take_back(&self, key: &K) {
        if let Some(entry) = self.failures.lock().get(key) {
            entry.count = entry.count.saturating_sub(1);
            entry.locked_until = Duration::ZERO;
        }
    }

    fn clear(&self, key: &K) {
        self.failures.lock().remove(key);
    }
}

/// All failures that are remembered.
pub(crate) struct Lockout {
    clock: Clock,
    targets: Book<Target>,
    addresses: Book<AddrKey>,
    devices: Book<(UserId, DeviceId)>,
}

/// An attempt under way; dropped, it stays a failure.
pub(crate) struct Attempt<'a> {
    lockout: &'a Lockout,
    on: On,
}

enum On {
    Device((UserId, DeviceId)),
    Stranger(Target, AddrKey),
}

impl Lockout {
    pub(crate) fn new(config: &AuthConfig, remembered_max: usize, clock: Clock) -> Self {
        let rule = |free| Rule {
            free,
            first: config.lockout_first,
            longest: config.lockout_max,
            forget: config.lockout_forget,
        };
        fn book<K: Hash + Eq + Clone>(rule: Rule, max: usize) -> Book<K> {
            Book { rule, failures: Mutex::new(Bounded::new(max)) }
        }
        Self {
            clock,
            targets: book(rule(config.failures_free), remembered_max),
            addresses: book(rule(config.address_failures_free), remembered_max),
            devices: book(rule(config.failures_free), remembered_max),
        }
    }

    /// Begins an attempt. `device`: one that signed in to this account before.
    ///
    /// # Errors
    /// `locked_out` with the time to wait; nothing is counted then.
    pub(crate) fn begin(
        &self,
        target: Target,
        address: AddrKey,
        device: Option<DeviceId>,
    ) -> Result<Attempt<'_>, Refusal> {
        let now = self.clock.monotonic();
        let on = match (&target, device) {
            (Target::User(user), Some(device)) => On::Device((*user, device)),
            _ => On::Stranger(target, address),
        };
        let begun = match &on {
            On::Device(key) => self.devices.begin(key, now),
            On::Stranger(target, address) => self
                .targets
                .begin(target, now)
                .and_then(|()| self.addresses.begin(address, now).inspect_err(|_| self.targets.take_back(target))),
        };
        begun.map_err(|wait| {
            let ms = u64::try_from(wait.as_millis()).unwrap_or(u64::MAX).max(1);
            Refusal { retry_after_ms: Some(ms), ..Refusal::new(ErrorCode::LockedOut) }
        })?;
        Ok(Attempt { lockout: self, on })
    }
}

impl Attempt<'_> {
    /// The password was right: the account's failures are forgotten, the address's stay but for this one.
    pub(crate) fn succeeded(self) {
        match &self.on {
            On::Device(key) => self.lockout.devices.clear(key),
            On::Stranger(target, address) => {
                self.lockout.targets.clear(target);
                self.lockout.addresses.take_back(address);
            }
        }
    }

    /// The password was not looked at.
    pub(crate) fn undecided(self) {
        match &self.on {
            On::Device(key) => self.lockout.devices.take_back(key),
            On::Stranger(target, address) => {
                self.lockout.targets.take_back(target);
                self.lockout.addresses.take_back(address);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use rookery_schemas::ids::UnixMillis;
    use uuid::Uuid;

    use super::*;
    use crate::address::ClientAddr;
    use crate::clock::ManualTime;

    fn address(n: u8) -> AddrKey {
        ClientAddr(std::net::IpAddr::from([192, 0, 2, n])).key()
    }

    fn wait(refused: &Refusal) -> u64 {
        assert_eq!(refused.code, ErrorCode::LockedOut);
        refused.retry_after_ms.unwrap()
    }

    #[test]
    fn waits_double_up_to_the_longest_and_success_ends_them() {
        let time = ManualTime::new(UnixMillis(0));
        let lockout = Lockout::new(&AuthConfig::default(), 100, Clock::of(time.clone()));
        let target = Target::User(UserId(Uuid::from_u128(1)));
        let attempt = |n| lockout.begin(target.clone(), address(n), None);
        let mut waits = Vec::new();
        for n in 0..16 {
            drop(attempt(n).unwrap());
            if let Err(refused) = attempt(n) {
                waits.push(wait(&refused) / 1_000);
                time.advance(Duration::from_millis(refused.retry_after_ms.unwrap()));
            }
        }
        assert_eq!(waits, [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 900, 900, 900, 900], "the first five cost nothing");
        attempt(99).unwrap().succeeded();
        for n in 0..4 {
            drop(attempt(n).unwrap());
        }
        assert!(attempt(5).is_ok());
    }

    #[test]
    fn an_address_is_locked_out_over_many_names() {
        let lockout = Lockout::new(&AuthConfig::default(), 100, Clock::of(ManualTime::new(UnixMillis(0))));
        let nobody = |n: u32| Target::Nobody(Claim::Username(n.to_string()));
        for n in 0..20 {
            drop(lockout.begin(nobody(n), address(1), None).unwrap());
        }
        assert!(lockout.begin(nobody(20), address(1), None).is_err());
        assert!(lockout.begin(nobody(20), address(2), None).is_ok(), "other addresses are not concerned");
    }

    #[test]
    fn a_known_device_is_spared_and_has_its_own_count() {
        let lockout = Lockout::new(&AuthConfig::default(), 100, Clock::of(ManualTime::new(UnixMillis(0))));
        let user = UserId(Uuid::from_u128(1));
        for _ in 0..5 {
            drop(lockout.begin(Target::User(user), address(1), None).unwrap());
        }
        assert!(lockout.begin(Target::User(user), address(1), None).is_err());
        let device = Some(DeviceId([7; 16]));
        for _ in 0..5 {
            drop(lockout.begin(Target::User(user), address(1), device).unwrap());
        }
        assert!(lockout.begin(Target::User(user), address(1), device).is_err());
    }

    #[test]
    fn an_undecided_attempt_leaves_no_trace_and_parallel_ones_count_at_once() {
        let lockout = Lockout::new(&AuthConfig::default(), 100, Clock::of(ManualTime::new(UnixMillis(0))));
        let target = Target::User(UserId(Uuid::from_u128(1)));
        for _ in 0..50 {
            lockout.begin(target.clone(), address(1), None).unwrap().undecided();
        }
        let under_way: Vec<_> = (0..8).map(|n| lockout.begin(target.clone(), address(n), None)).collect();
        assert_eq!(under_way.iter().filter(|attempt| attempt.is_ok()).count(), 5);
    }
}
