//! The gaps without an answer, and the time until the rate of answers is back. Pure.

use std::collections::BTreeMap;

use crate::workload::Success;

/// Window of a rate, in microseconds.
const WINDOW: u64 = 2_000_000;
/// Step between two windows, in microseconds.
const STEP: u64 = 250_000;
/// Share of the earlier rate that counts as back.
const BACK: f64 = 0.95;

/// The longest gap without an answer of each roaming client, in microseconds. Gaps that only touch the window count in
/// full.
pub(super) fn gaps(successes: &[Success], from: u64, to: u64) -> Vec<u64> {
    let mut by_client: BTreeMap<u32, Vec<u64>> = BTreeMap::new();
    for success in successes.iter().filter(|success| success.roams) {
        by_client.entry(success.client).or_default().push(success.at);
    }
    by_client
        .into_values()
        .map(|mut times| {
            times.sort_unstable();
            // A client without a further answer waits until the end of the window.
            times.push(to.max(times.last().copied().unwrap_or(0)));
            let touching = times.windows(2).filter(|pair| pair[1] > from && pair[0] < to);
            touching.map(|pair| pair[1] - pair[0]).max().unwrap_or(to - from)
        })
        .collect()
}

/// Answers per second to roaming clients, in a window of microseconds.
#[allow(clippy::cast_precision_loss, reason = "a rate")]
pub(super) fn rate(successes: &[Success], from: u64, to: u64) -> f64 {
    let within = successes.iter().filter(|success| success.roams && success.at >= from && success.at < to);
    within.count() as f64 / (to.saturating_sub(from) as f64 / 1e6).max(1e-6)
}

/// Microseconds from `from` until the rate is back at 95 % of `calm`; `None` if it is not.
pub(super) fn back(successes: &[Success], calm: f64, from: u64, now: u64) -> Option<u64> {
    let mut at = from;
    while at + WINDOW <= now {
        if rate(successes, at, at + WINDOW) >= calm * BACK {
            return Some(at - from);
        }
        at += STEP;
    }
    None
}

/// The sample below which this share of the samples lies; `None` for an empty sample.
#[allow(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::cast_precision_loss,
    reason = "an index into the samples"
)]
pub(super) fn percentile(samples: &[u64], share: f64) -> Option<u64> {
    let mut samples = samples.to_vec();
    samples.sort_unstable();
    let place = ((samples.len() as f64 * share) as usize).min(samples.len().checked_sub(1)?);
    Some(samples[place])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn successes(client: u32, times: &[u64]) -> Vec<Success> {
        times.iter().map(|at| Success { client, roams: true, sent: 0, at: *at }).collect()
    }

    #[test]
    fn a_gap_counts_where_it_touches_the_window() {
        for (times, expected) in [
            (&[10, 20, 30, 40, 50, 60, 70, 80, 90][..], 10),
            (&[10, 20, 30, 40], 60),
            (&[10, 200, 210], 190),
            (&[10, 50, 60, 150, 160], 90),
            (&[10, 20], 80),
            (&[1, 101, 102], 100),
        ] {
            assert_eq!(gaps(&successes(1, times), 25, 100), [expected], "{times:?}");
        }
    }

    #[test]
    fn a_rate_is_back_when_a_whole_window_has_it() {
        let second = 1_000_000;
        let times: Vec<u64> = (0..100)
            .map(|at| at * second / 20)
            .chain((0..100).map(|at| 8 * second + at * second / 20))
            .collect();
        let successes = successes(1, &times);
        let calm = rate(&successes, 0, 5 * second);
        assert!((calm - 20.0).abs() < 0.5, "{calm}");
        assert_eq!(back(&successes, calm, 6 * second, 7 * second), None);
        let took = back(&successes, calm, 6 * second, 13 * second).unwrap();
        assert!((1_750_000..=2_000_000).contains(&took), "{took}");
    }

    #[test]
    fn a_percentile_is_one_of_the_samples() {
        assert_eq!((percentile(&[3, 1, 2], 0.5), percentile(&[3, 1, 2], 0.99)), (Some(2), Some(3)));
        assert_eq!(percentile(&[], 0.5), None);
    }
}
