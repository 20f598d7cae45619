//! A bad network, one direction of it: rate, delay, jitter, loss, reordering, duplicates. It holds datagrams and gives them
//! back when they would have arrived; time comes in, so it runs under virtual time.
//!
//! **Invariant:** every datagram that went in came out, is held, or is counted as lost or overflowed; the same seed and the
//! same input give the same output.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::time::{Duration, Instant};

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

/// Datagrams held at once; more are dropped as if a router's buffer was full.
pub const HELD_MAX: usize = 16_384;

/// How bad one direction is. The default is a perfect wire.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Weather {
    /// Bits a second, datagrams counted with 28 bytes of IP and UDP; `None`: no limit.
    pub rate_bps: Option<u64>,
    /// Queued before a limited rate, at most; what comes later is dropped. `None`: 200 ms.
    pub queue_max: Option<Duration>,
    /// Added to each datagram.
    pub delay: Duration,
    /// Up to this much more, evenly spread; the order stays.
    pub jitter: Duration,
    /// Share lost, 0 to 1.
    pub loss: f64,
    /// Share sent twice, 0 to 1.
    pub duplicate: f64,
    /// Share held back by [`Weather::reorder_by`], so that later ones overtake it, 0 to 1.
    pub reorder: f64,
    /// By how much.
    pub reorder_by: Duration,
}

impl Weather {
    /// Nothing arrives.
    #[must_use]
    pub fn blackout() -> Self {
        Self { loss: 1.0, ..Self::default() }
    }

    /// Only loss.
    #[must_use]
    pub fn lossy(loss: f64) -> Self {
        Self { loss, ..Self::default() }
    }

    /// Whether it does nothing at all.
    #[must_use]
    pub fn is_fine(&self) -> bool {
        *self == Self::default()
    }
}

/// What a [`Shim`] has done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ShimStats {
    /// Datagrams that went in.
    pub taken: u64,
    /// Datagrams that came out, the doubled ones twice.
    pub given: u64,
    /// Lost by chance.
    pub lost: u64,
    /// Dropped because the queue before the rate limit, or the shim itself, was full.
    pub overflowed: u64,
    /// Sent twice.
    pub duplicated: u64,
    /// Held back.
    pub reordered: u64,
}

/// One direction of a bad network.
#[derive(Debug)]
pub struct Shim<T> {
    weather: Weather,
    random: StdRng,
    held: BinaryHeap<Reverse<Held<T>>>,
    order: u64,
    line_free_at: Option<Instant>,
    last_due: Option<Instant>,
    stats: ShimStats,
}

#[derive(Debug)]
struct Held<T> {
    due: Instant,
    order: u64,
    datagram: T,
}

impl<T> PartialEq for Held<T> {
    fn eq(&self, other: &Self) -> bool {
        (self.due, self.order) == (other.due, other.order)
    }
}

impl<T> Eq for Held<T> {}

impl<T> PartialOrd for Held<T> {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl<T> Ord for Held<T> {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        (self.due, self.order).cmp(&(other.due, other.order))
    }
}

impl<T: Clone> Shim<T> {
    /// A direction with this weather; `seed` decides every chance.
    #[must_use]
    pub fn new(weather: Weather, seed: u64) -> Self {
        Self {
            weather,
            random: StdRng::seed_from_u64(seed),
            held: BinaryHeap::new(),
            order: 0,
            line_free_at: None,
            last_due: None,
            stats: ShimStats::default(),
        }
    }

    /// Changes the weather for what comes from now on; what is held stays due when it was.
    pub fn set(&mut self, weather: Weather) {
        self.weather = weather;
    }

    /// Whether a datagram would pass at once and unchanged, so that a caller need not queue it.
    #[must_use]
    pub fn is_idle(&self) -> bool {
        self.weather.is_fine() && self.held.is_empty()
    }

    /// What was done so far.
    #[must_use]
    pub fn stats(&self) -> ShimStats {
        self.stats
    }

    /// Notes a datagram that passed while [`Shim::is_idle`].
    pub fn passed(&mut self) {
        self.stats.taken += 1;
        self.stats.given += 1;
    }

    /// Takes a datagram of `bytes` UDP payload.
    pub fn take(&mut self, datagram: T, bytes: usize, now: Instant) {
        self.stats.taken += 1;
        if self.chance(self.weather.loss) {
            self.stats.lost += 1;
            return;
        }
        let Some(sent) = self.through_the_line(bytes, now) else {
            self.stats.overflowed += 1;
            return;
        };
        let spread = u64::try_from(self.weather.jitter.as_nanos()).unwrap_or(u64::MAX);
        let jitter = if spread == 0 { 0 } else { self.random.random_range(0..=spread) };
        let mut due = sent + self.weather.delay + Duration::from_nanos(jitter);
        if self.chance(self.weather.reorder) {
            self.stats.reordered += 1;
            due += self.weather.reorder_by;
        } else {
            // Jitter alone keeps the order, as one queue on the way does.
            due = self.last_due.map_or(due, |last| last.max(due));
            self.last_due = Some(due);
        }
        if self.chance(self.weather.duplicate) {
            self.stats.duplicated += 1;
            self.hold(datagram.clone(), due);
        }
        self.hold(datagram, due);
    }

    /// When the next datagram is due.
    #[must_use]
    pub fn due(&self) -> Option<Instant> {
        self.held.peek().map(|Reverse(held)| held.due)
    }

    /// The next datagram that is due at `now`.
    pub fn give(&mut self, now: Instant) -> Option<T> {
        if self.due()? > now {
            return None;
        }
        let Reverse(held) = self.held.pop()?;
        self.stats.given += 1;
        Some(held.datagram)
    }

    fn hold(&mut self, datagram: T, due: Instant) {
        if self.held.len() >= HELD_MAX {
            self.stats.overflowed += 1;
            return;
        }
        self.order += 1;
        self.held.push(Reverse(Held { due, order: self.order, datagram }));
    }

    /// When the last bit is on the wire; `None` if the queue is full.
    fn through_the_line(&mut self, bytes: usize, now: Instant) -> Option<Instant> {
        const IP_AND_UDP_BYTES: usize = 28;
        const QUEUE_MAX: Duration = Duration::from_millis(200);
        let Some(rate) = self.weather.rate_bps.filter(|rate| *rate > 0) else { return Some(now) };
        let begin = self.line_free_at.map_or(now, |free| free.max(now));
        if begin.saturating_duration_since(now) > self.weather.queue_max.unwrap_or(QUEUE_MAX) {
            return None;
        }
        let bits = (bytes + IP_AND_UDP_BYTES) as u64 * 8;
        let end = begin + Duration::from_nanos(bits.saturating_mul(1_000_000_000) / rate);
        self.line_free_at = Some(end);
        Some(end)
    }

    fn chance(&mut self, share: f64) -> bool {
        share > 0.0 && self.random.random_bool(share.clamp(0.0, 1.0))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::clock;

    /// Sends `count` datagrams of 972 bytes (1,000 on the wire), one each `gap`, and returns them with their arrival.
    fn send(weather: Weather, seed: u64, count: usize, gap: Duration) -> (Vec<(usize, Duration)>, ShimStats) {
        let start = clock::now();
        let mut shim = Shim::new(weather, seed);
        let mut arrived = Vec::new();
        for number in 0..count {
            let now = start + gap * u32::try_from(number).unwrap();
            while let Some(due) = shim.due().filter(|due| *due <= now) {
                arrived.extend(shim.give(due).map(|number| (number, due - start)));
            }
            shim.take(number, 972, now);
        }
        while let Some(due) = shim.due() {
            arrived.extend(shim.give(due).map(|number| (number, due - start)));
        }
        (arrived, shim.stats())
    }

    #[test]
    fn loss_and_duplicates_are_as_asked() {
        let weather = Weather { loss: 0.05, duplicate: 0.02, ..Weather::default() };
        let (arrived, stats) = send(weather, 1, 20_000, Duration::from_millis(1));
        assert!((850..1_150).contains(&stats.lost), "{stats:?}");
        assert!((300..460).contains(&stats.duplicated), "{stats:?}");
        assert_eq!(arrived.len() as u64, stats.taken - stats.lost + stats.duplicated);
        assert_eq!(stats.given, arrived.len() as u64);
    }

    #[test]
    fn delay_and_jitter_keep_the_order() {
        let weather =
            Weather { delay: Duration::from_millis(40), jitter: Duration::from_millis(20), ..Weather::default() };
        let (arrived, _) = send(weather, 2, 2_000, Duration::from_millis(1));
        assert!(arrived.windows(2).all(|pair| pair[0].0 < pair[1].0));
        for (number, at) in arrived {
            let taken = at - Duration::from_millis(number as u64);
            assert!(taken >= Duration::from_millis(40) && taken <= Duration::from_millis(60), "{taken:?}");
        }
    }

    #[test]
    fn held_back_datagrams_are_overtaken() {
        let weather = Weather { reorder: 0.1, reorder_by: Duration::from_millis(5), ..Weather::default() };
        let (arrived, stats) = send(weather, 3, 5_000, Duration::from_millis(1));
        assert_eq!(arrived.len(), 5_000);
        let overtaken = arrived.windows(2).filter(|pair| pair[1].0 < pair[0].0).count() as u64;
        assert!((400..600).contains(&stats.reordered) && overtaken > stats.reordered / 2, "{stats:?}, {overtaken}");
    }

    #[test]
    fn a_limited_rate_spreads_bursts_and_overflows() {
        let weather =
            Weather { rate_bps: Some(8_000_000), queue_max: Some(Duration::from_millis(50)), ..Weather::default() };
        // One millisecond each: of a burst of 100, 51 fit before the queue is longer than 50 ms.
        let (arrived, stats) = send(weather, 4, 100, Duration::ZERO);
        assert_eq!((arrived.len(), stats.overflowed), (51, 49));
        assert_eq!(arrived[50].1, Duration::from_millis(51));
        // Sent at 16 Mbit/s, half arrives: 500 in 500 ms, and what the queue holds.
        let (arrived, stats) = send(weather, 5, 1_000, Duration::from_micros(500));
        assert!((500..=552).contains(&arrived.len()), "{stats:?}");
    }

    proptest! {
        #[test]
        fn nothing_is_unaccounted_for_and_seeds_repeat(
            loss in 0.0f64..1.0, duplicate in 0.0f64..1.0, reorder in 0.0f64..1.0, jitter_ms in 0u64..50,
            rate in proptest::option::of(100_000u64..10_000_000), seed in any::<u64>(),
        ) {
            let weather = Weather {
                rate_bps: rate, loss, duplicate, reorder,
                reorder_by: Duration::from_millis(7), jitter: Duration::from_millis(jitter_ms), ..Weather::default()
            };
            let (arrived, stats) = send(weather, seed, 300, Duration::from_micros(300));
            prop_assert_eq!(stats.taken + stats.duplicated, stats.given + stats.lost + stats.overflowed);
            prop_assert_eq!(arrived.len() as u64, stats.given);
            prop_assert_eq!(send(weather, seed, 300, Duration::from_micros(300)), (arrived, stats));
        }
    }
}
