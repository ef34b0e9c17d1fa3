//! Durations, counted without a lock.

use std::sync::atomic::{AtomicU64, Ordering};

/// Buckets of each doubling: a quantile is off by less than a sixteenth.
const STEPS: u32 = 8;
const STEP_BITS: u32 = STEPS.trailing_zeros();
/// Up to two minutes, in microseconds.
const DOUBLINGS: u32 = 28;
const BUCKETS: usize = (DOUBLINGS * STEPS) as usize;

/// Counts of durations in microseconds.
pub(super) struct Histogram {
    buckets: [AtomicU64; BUCKETS],
}

/// What was counted, taken out.
pub(super) struct Taken {
    counts: Vec<u64>,
}

impl Default for Histogram {
    fn default() -> Self {
        Self { buckets: [const { AtomicU64::new(0) }; BUCKETS] }
    }
}

fn bucket(us: u64) -> usize {
    let us = us.max(1);
    let doubling = us.ilog2();
    // Below the steps of a doubling there is a bucket for each number.
    let step = if doubling < STEP_BITS {
        (us << (STEP_BITS - doubling)) - u64::from(STEPS)
    } else {
        (us >> (doubling - STEP_BITS)) - u64::from(STEPS)
    };
    let place = u64::from(doubling * STEPS) + step;
    usize::try_from(place).unwrap_or(usize::MAX).min(BUCKETS - 1)
}

/// Where a bucket begins, in microseconds.
fn begin(bucket: usize) -> f64 {
    let doubling = bucket / STEPS as usize;
    let step = bucket % STEPS as usize;
    2_f64.powi(i32::try_from(doubling).unwrap_or(i32::MAX)) * (1.0 + step as f64 / f64::from(STEPS))
}

impl Histogram {
    pub(super) fn add(&self, us: u64) {
        self.buckets[bucket(us)].fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn take(&self) -> Taken {
        Taken { counts: self.buckets.iter().map(|count| count.swap(0, Ordering::Relaxed)).collect() }
    }
}

impl Taken {
    /// A quantile in milliseconds, as if a bucket's durations lay evenly in it; none where nothing was counted.
    pub(super) fn quantile_ms(&self, q: f64) -> Option<f64> {
        let all: u64 = self.counts.iter().sum();
        let wanted = q * all as f64;
        let mut below = 0.0;
        for (at, count) in self.counts.iter().enumerate().filter(|(_, count)| **count > 0) {
            let count = *count as f64;
            if below + count >= wanted {
                let share = ((wanted - below) / count).clamp(0.0, 1.0);
                return Some((begin(at) + share * (begin(at + 1) - begin(at))) / 1_000.0);
            }
            below += count;
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_near_those_of_the_durations_themselves() {
        let histogram = Histogram::default();
        for us in 1..=100_000_u64 {
            histogram.add(us);
        }
        let taken = histogram.take();
        for q in [0.01, 0.5, 0.9, 0.99] {
            let found = taken.quantile_ms(q).unwrap();
            let expected = q * 100.0;
            assert!((found / expected - 1.0).abs() < 0.04, "{q}: {found} for {expected}");
        }
        assert_eq!(histogram.take().quantile_ms(0.5), None, "what was taken is gone");
    }

    #[test]
    fn every_duration_has_a_bucket_and_buckets_are_in_order() {
        let mut before = 0;
        for us in (0..10_000).chain([1 << 20, 1 << 27, 1 << 28, u64::MAX]) {
            let at = bucket(us);
            assert!(at >= before && at < BUCKETS, "{us}");
            if us > 0 && us < 1 << 28 {
                assert!(begin(at) <= us as f64 && begin(at + 1) > us as f64, "{us} in {at}");
            }
            before = at;
        }
    }
}
