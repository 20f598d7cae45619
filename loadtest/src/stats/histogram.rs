//! A histogram of non-negative numbers with a relative error of at most 1/32, whatever their size.
//!
//! **Invariant:** count, sum and maximum are exact; a percentile is never below the true one.

/// Steps within each power of two: 32 keep the error at 3 %, well under what a busy machine's timers scatter.
const STEPS: u64 = 32;
/// Powers of two that are told apart: 2^40 us are twelve days.
const POWERS: usize = 40;

/// Counts of values by size, in a unit that its owner's name says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Histogram {
    // Grown on demand: most hold small values only.
    buckets: Vec<u64>,
    count: u64,
    sum: u128,
    max: u64,
}

impl Default for Histogram {
    fn default() -> Self {
        Self::new()
    }
}

impl Histogram {
    /// An empty one.
    #[must_use]
    pub const fn new() -> Self {
        Self { buckets: Vec::new(), count: 0, sum: 0, max: 0 }
    }

    /// Adds one value.
    pub fn record(&mut self, value: u64) {
        let at = bucket(value);
        if at >= self.buckets.len() {
            self.buckets.resize(at + 1, 0);
        }
        if let Some(slot) = self.buckets.get_mut(at) {
            *slot += 1;
        }
        self.count += 1;
        self.sum += u128::from(value);
        self.max = self.max.max(value);
    }

    /// Adds all values of another.
    pub fn merge(&mut self, other: &Self) {
        if other.buckets.len() > self.buckets.len() {
            self.buckets.resize(other.buckets.len(), 0);
        }
        for (mine, theirs) in self.buckets.iter_mut().zip(&other.buckets) {
            *mine += theirs;
        }
        self.count += other.count;
        self.sum += other.sum;
        self.max = self.max.max(other.max);
    }

    /// How many values.
    #[must_use]
    pub const fn count(&self) -> u64 {
        self.count
    }

    /// The largest value; 0 if there is none.
    #[must_use]
    pub const fn max(&self) -> u64 {
        self.max
    }

    /// The mean, rounded down; 0 if there is none.
    #[must_use]
    pub fn mean(&self) -> u64 {
        self.sum.checked_div(u128::from(self.count)).and_then(|mean| u64::try_from(mean).ok()).unwrap_or(0)
    }

    /// The value that `per_mille` of 1,000 values do not exceed (999 is p99.9), at most 1/32 too high; 0 if there is none.
    #[must_use]
    pub fn per_mille(&self, per_mille: u64) -> u64 {
        let wanted = self.count.saturating_mul(per_mille.min(1000)).div_ceil(1000).max(1);
        let mut seen = 0;
        for (at, count) in self.buckets.iter().enumerate() {
            seen += count;
            if seen >= wanted {
                return ceiling(at).min(self.max);
            }
        }
        self.max
    }

    /// The median.
    #[must_use]
    pub fn p50(&self) -> u64 {
        self.per_mille(500)
    }

    /// What 95 of 100 do not exceed.
    #[must_use]
    pub fn p95(&self) -> u64 {
        self.per_mille(950)
    }

    /// What 99 of 100 do not exceed.
    #[must_use]
    pub fn p99(&self) -> u64 {
        self.per_mille(990)
    }
}

/// Values below `STEPS` have a bucket each, then each power of two has `STEPS`.
fn bucket(value: u64) -> usize {
    let power = (value / STEPS).checked_ilog2().map_or(0, |log| log as usize + 1).min(POWERS);
    if power == 0 {
        return usize::try_from(value).unwrap_or(0);
    }
    // The top six bits, of which the first is always set: STEPS to 2 * STEPS - 1.
    let top = (value >> (power - 1)).min(2 * STEPS - 1);
    usize::try_from(power as u64 * STEPS + top - STEPS).unwrap_or(0)
}

/// The largest value of a bucket.
fn ceiling(at: usize) -> u64 {
    let at = at as u64;
    let (power, step) = (at / STEPS, at % STEPS);
    if power == 0 { step } else { ((STEPS + step + 1) << (power - 1)) - 1 }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn percentiles_are_at_most_a_thirtysecond_too_high(
            mut values in proptest::collection::vec(0u64..10_000_000_000, 1..300),
            per_mille in 1u64..=1000,
        ) {
            let mut histogram = Histogram::new();
            values.iter().for_each(|value| histogram.record(*value));
            values.sort_unstable();
            let rank = (values.len() as u64 * per_mille).div_ceil(1000).max(1);
            let exact = values[usize::try_from(rank).unwrap() - 1];
            let found = histogram.per_mille(per_mille);
            prop_assert!(found >= exact && found <= exact + exact / 32 + 1, "{} for {}", found, exact);
            prop_assert_eq!(histogram.max(), *values.last().unwrap());
        }

        #[test]
        fn merging_is_recording_both(a in proptest::collection::vec(any::<u64>(), 0..50), b in proptest::collection::vec(any::<u64>(), 0..50)) {
            let fill = |values: &[u64]| {
                let mut histogram = Histogram::new();
                values.iter().for_each(|value| histogram.record(*value));
                histogram
            };
            let mut merged = fill(&a);
            merged.merge(&fill(&b));
            prop_assert_eq!(merged, fill(&[a, b].concat()));
        }
    }

    #[test]
    fn nothing_recorded_reads_zero() {
        let empty = Histogram::new();
        assert_eq!((empty.p50(), empty.p99(), empty.max(), empty.mean(), empty.count()), (0, 0, 0, 0, 0));
    }
}
