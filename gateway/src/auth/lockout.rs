//! Failed sign-ins cost time, more with each: by name, by account and by address, but not a device that signed in before.
//!
//! An attempt counts as failed while it is under way, so that many at once are not cheaper than one after the other. What is
//! told is counted by the name that was given, whether or not it is anybody's: being locked out says nothing about there being
//! an account. An account is counted as well, over both of its names, and in silence: while it is locked, a password given
//! with a name that is not is looked at like any other, and is wrong whatever it is. Were that told, the lockout of one name
//! would show which other name is the same person's. A known device has a count of its own: whoever guesses at an account
//! cannot lock its owner out, and a stolen device gains a few guesses only.
//!
//! Counts are of one gateway: with several, whoever guesses has as many free attempts as there are gateways.
//!
//! **Invariant:** memory is bounded; the least recently failed is forgotten first. What is told for a name depends on nothing but
//! the attempts with that name and from that address.

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
    names: Book<Claim>,
    accounts: Book<UserId>,
    addresses: Book<AddrKey>,
    devices: Book<(UserId, DeviceId)>,
}

/// An attempt under way; dropped, it stays a failure.
pub(crate) struct Attempt<'a> {
    lockout: &'a Lockout,
    on: Vec<Key>,
    counts: bool,
}

/// Where an attempt is counted.
#[derive(Clone)]
enum Key {
    Name(Claim),
    Account(UserId),
    Address(AddrKey),
    Device((UserId, DeviceId)),
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
            names: book(rule(config.failures_free), remembered_max),
            accounts: book(rule(config.failures_free), remembered_max),
            addresses: book(rule(config.address_failures_free), remembered_max),
            devices: book(rule(config.failures_free), remembered_max),
        }
    }

    /// Begins a sign-in with a name, which is `user`'s if it is anybody's. `device`: one that signed in to this account before.
    ///
    /// # Errors
    /// `locked_out` with the time to wait; nothing is counted then.
    pub(crate) fn sign_in(
        &self,
        name: Claim,
        user: Option<UserId>,
        address: AddrKey,
        device: Option<DeviceId>,
    ) -> Result<Attempt<'_>, Refusal> {
        if let (Some(user), Some(device)) = (user, device) {
            return self.begin([Key::Device((user, device))]);
        }
        let mut attempt = self.begin([Key::Name(name), Key::Address(address)])?;
        if let Some(user) = user {
            match self.count(&Key::Account(user)) {
                Ok(()) => attempt.on.push(Key::Account(user)),
                Err(_) => attempt.counts = false,
            }
        }
        Ok(attempt)
    }

    /// Begins a change of the password by who is signed in, to whom the account's own count is no secret.
    ///
    /// # Errors
    /// `locked_out` with the time to wait; nothing is counted then.
    pub(crate) fn password_change(
        &self,
        user: UserId,
        address: AddrKey,
        device: Option<DeviceId>,
    ) -> Result<Attempt<'_>, Refusal> {
        match device {
            Some(device) => self.begin([Key::Device((user, device))]),
            None => self.begin([Key::Account(user), Key::Address(address)]),
        }
    }

    fn begin(&self, keys: impl IntoIterator<Item = Key>) -> Result<Attempt<'_>, Refusal> {
        let mut attempt = Attempt { lockout: self, on: Vec::new(), counts: true };
        for key in keys {
            if let Err(wait) = self.count(&key) {
                attempt.undecided();
                let ms = u64::try_from(wait.as_millis()).unwrap_or(u64::MAX).max(1);
                return Err(Refusal { retry_after_ms: Some(ms), ..Refusal::new(ErrorCode::LockedOut) });
            }
            attempt.on.push(key);
        }
        Ok(attempt)
    }

    fn count(&self, key: &Key) -> Result<(), Duration> {
        let now = self.clock.monotonic();
        match key {
            Key::Name(name) => self.names.begin(name, now),
            Key::Account(user) => self.accounts.begin(user, now),
            Key::Address(address) => self.addresses.begin(address, now),
            Key::Device(device) => self.devices.begin(device, now),
        }
    }

    fn take_back(&self, key: &Key) {
        match key {
            Key::Name(name) => self.names.take_back(name),
            Key::Account(user) => self.accounts.take_back(user),
            Key::Address(address) => self.addresses.take_back(address),
            Key::Device(device) => self.devices.take_back(device),
        }
    }

    fn clear(&self, key: &Key) {
        match key {
            Key::Name(name) => self.names.clear(name),
            Key::Account(user) => self.accounts.clear(user),
            // Others guess from there too.
            Key::Address(address) => self.addresses.take_back(address),
            Key::Device(device) => self.devices.clear(device),
        }
    }
}

impl Attempt<'_> {
    /// False where the account is locked, which is not told: the password is to be looked at, and wrong.
    pub(crate) fn counts(&self) -> bool {
        self.counts
    }

    /// The password was right: the failures are forgotten, the address's but for this one.
    pub(crate) fn succeeded(self) {
        self.on.iter().for_each(|key| self.lockout.clear(key));
    }

    /// The password was not looked at.
    pub(crate) fn undecided(self) {
        self.on.iter().for_each(|key| self.lockout.take_back(key));
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

    fn name(n: u128) -> Claim {
        Claim::Username(n.to_string())
    }

    fn user(n: u128) -> UserId {
        UserId(Uuid::from_u128(n))
    }

    fn lockout() -> (Lockout, std::sync::Arc<ManualTime>) {
        let time = ManualTime::new(UnixMillis(0));
        (Lockout::new(&AuthConfig::default(), 100, Clock::of(time.clone())), time)
    }

    fn wait(refused: &Refusal) -> u64 {
        assert_eq!(refused.code, ErrorCode::LockedOut);
        refused.retry_after_ms.unwrap()
    }

    #[test]
    fn waits_double_up_to_the_longest_and_success_ends_them() {
        let (lockout, time) = lockout();
        let attempt = |n| lockout.sign_in(name(1), Some(user(1)), address(n), None);
        let mut waits = Vec::new();
        for n in 0..16 {
            assert!(attempt(n).unwrap().counts(), "the account's wait ends with the name's");
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
        assert!(attempt(5).is_ok_and(|attempt| attempt.counts()));
    }

    #[test]
    fn an_address_is_locked_out_over_many_names() {
        let (lockout, _) = lockout();
        for n in 0..20 {
            drop(lockout.sign_in(name(n), None, address(1), None).unwrap());
        }
        assert!(lockout.sign_in(name(20), None, address(1), None).is_err());
        assert!(lockout.sign_in(name(20), None, address(2), None).is_ok(), "other addresses are not concerned");
    }

    #[test]
    fn a_known_device_is_spared_and_has_its_own_count() {
        let (lockout, _) = lockout();
        let attempt = |device| lockout.sign_in(name(1), Some(user(1)), address(1), device);
        for _ in 0..5 {
            drop(attempt(None).unwrap());
        }
        assert!(attempt(None).is_err());
        let device = Some(DeviceId([7; 16]));
        for _ in 0..5 {
            assert!(attempt(device).unwrap().counts());
        }
        assert!(attempt(device).is_err());
    }

    #[test]
    fn an_undecided_attempt_leaves_no_trace_and_parallel_ones_count_at_once() {
        let (lockout, _) = lockout();
        let attempt = |n| lockout.sign_in(name(1), Some(user(1)), address(n), None);
        for _ in 0..50 {
            attempt(1).unwrap().undecided();
        }
        let under_way: Vec<_> = (0..8).map(attempt).collect();
        assert_eq!(under_way.iter().filter(|attempt| attempt.is_ok()).count(), 5);
        assert!(under_way.iter().flatten().all(Attempt::counts));
    }

    #[test]
    fn guesses_by_both_names_of_an_account_count_together_and_in_silence() {
        let (lockout, time) = lockout();
        let email = Claim::Email("ann@example.com".into());
        // The same by names of an account and by names of nobody: what is told, and whether the password counts.
        let told = |names: [Claim; 2], user: Option<UserId>, addresses: u8| {
            let mut told = Vec::new();
            for n in 0..14 {
                let name = names[usize::from(n) % 2].clone();
                told.push(match lockout.sign_in(name, user, address(addresses + n), None) {
                    Ok(attempt) => Ok(attempt.counts()),
                    Err(refused) => Err(wait(&refused)),
                });
            }
            told
        };
        let known = told([name(1), email.clone()], Some(user(1)), 0);
        let unknown = told([name(2), Claim::Email("bob@example.com".into())], None, 100);
        let shown = |told: &[Result<bool, u64>]| told.iter().map(|one| one.map(|_| ())).collect::<Vec<_>>();
        assert_eq!(shown(&known), shown(&unknown), "nothing tells whose names they are");
        assert_eq!(known.iter().filter(|one| **one == Ok(true)).count(), 5, "five guesses in all, not five a name");
        assert_eq!(known.iter().filter(|one| **one == Ok(false)).count(), 5);
        time.advance(Duration::from_secs(1));
        assert!(lockout.sign_in(email, Some(user(1)), address(50), None).unwrap().counts(), "the wait is over");
        assert!(!lockout.sign_in(name(1), Some(user(1)), address(51), None).unwrap().counts(), "and longer then");
    }

    #[test]
    fn a_password_change_by_a_stranger_counts_for_the_account_and_says_so() {
        let (lockout, _) = lockout();
        for n in 0..5 {
            drop(lockout.password_change(user(1), address(n), None).unwrap());
        }
        assert!(lockout.password_change(user(1), address(9), None).is_err());
        assert!(!lockout.sign_in(name(1), Some(user(1)), address(9), None).unwrap().counts());
        assert!(lockout.password_change(user(1), address(9), Some(DeviceId([7; 16]))).is_ok());
    }
}
