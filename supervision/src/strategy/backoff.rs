//! Backoff before a restart.

use std::time::Duration;

use super::options::Options;

/// The backoff before the `attempt`-th start in a row, counted from one, without jitter.
pub(super) fn ceiling(options: &Options, attempt: u32) -> Duration {
    let doubled = 1_u32.checked_shl(attempt.saturating_sub(1)).unwrap_or(u32::MAX);
    options.backoff_min.saturating_mul(doubled).min(options.backoff_max)
}

/// The backoff with jitter: between half of [`ceiling`] and all of it, determined by `seed` alone. Jitter keeps
/// children that failed together from restarting at the same time.
pub(super) fn pause(options: &Options, attempt: u32, seed: u64) -> Duration {
    let ceiling = ceiling(options, attempt);
    let share = u32::try_from(mix(seed) % 1_025).unwrap_or(0);
    ceiling / 2 + ceiling / 2 * share / 1_024
}

/// The finalizer of splitmix64 (Steele, Lea, Flood 2014): neighbouring seeds give unrelated numbers.
pub(super) const fn mix(seed: u64) -> u64 {
    let mut z = seed.wrapping_add(0x9E37_79B9_7F4A_7C15);
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    const OPTIONS: fn() -> Options =
        || Options { backoff_min: Duration::from_millis(100), ..Options::default() };

    #[test]
    fn pauses_double_up_to_the_longest() {
        for (attempt, ms) in [(0, 100), (1, 100), (2, 200), (3, 400), (6, 3_200), (7, 5_000), (500, 5_000)] {
            assert_eq!(ceiling(&OPTIONS(), attempt), Duration::from_millis(ms), "attempt {attempt}");
        }
    }

    #[test]
    fn jitter_stays_between_half_and_all_and_depends_only_on_the_seed() {
        let pauses: Vec<Duration> = (0..200).map(|seed| pause(&OPTIONS(), 3, seed)).collect();
        assert!(pauses.iter().all(|p| (Duration::from_millis(200)..=Duration::from_millis(400)).contains(p)));
        assert!(pauses.iter().min() < Some(&Duration::from_millis(220)));
        assert!(pauses.iter().max() > Some(&Duration::from_millis(380)));
        assert_eq!(pause(&OPTIONS(), 3, 7), pause(&OPTIONS(), 3, 7));
    }
}
