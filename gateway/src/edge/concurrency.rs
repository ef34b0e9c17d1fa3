//! The concurrency limit of a node's requests, adapted by AIMD to how late the node's tasks run.
//!
//! On an overloaded node every task waits for its turn, and late answers reach clients that have given up. The
//! [`LatenessProbe`] wants a turn every few milliseconds. If even its least late turn of an interval was late, work stands
//! in a queue that does not drain (CoDel's standing queue). The limit then falls to four fifths of the requests in
//! flight. Otherwise it rises by a tenth, up to the configured limit. The cost of a single request does not matter, so
//! batches, reads and training runs share one limit.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use tokio::task::JoinHandle;
use tokio::time::Instant;

use crate::edge::metrics;

/// Interval between two turns of the probe.
const TURN: Duration = Duration::from_millis(10);
/// Turns of the probe in an interval.
const TURNS: u32 = 10;
/// Multiplicative decrease, of the requests in flight, after an interval in which all turns were late.
const LESS: f64 = 0.8;
/// Increase after any other interval, as a share of the limit; one request at least.
const MORE: f64 = 0.1;
/// The limit never falls below this many requests.
const LEAST: f64 = 8.0;

/// The limit as a function of the intervals so far.
#[derive(Debug)]
pub(crate) struct AdaptiveLimit {
    most: f64,
    bound: f64,
}

impl AdaptiveLimit {
    /// Begins at `most`, the configured limit.
    pub(crate) fn new(most: u32) -> Self {
        Self { most: f64::from(most), bound: f64::from(most) }
    }

    /// The limit after an interval: whether all its turns were `late`, and its `peak` of requests in flight.
    pub(crate) fn interval(&mut self, late: bool, peak: u32) -> f64 {
        self.bound = if late {
            // An unused part of the limit does not relieve the node: decrease from the requests in flight.
            (self.bound.min(f64::from(peak)) * LESS).max(LEAST)
        } else {
            self.bound + (self.bound * MORE).max(1.0)
        };
        self.bound = self.bound.min(self.most);
        self.bound
    }
}

/// Requests in flight, and their limit.
#[derive(Debug)]
pub(crate) struct ConcurrencyLimit {
    taken: AtomicU32,
    bound: AtomicU32,
    /// The most requests in flight in this interval.
    peak: AtomicU32,
}

/// One request in flight; dropping it makes room for another.
pub(crate) struct Permit(Arc<ConcurrencyLimit>);

impl ConcurrencyLimit {
    pub(crate) fn new(most: u32) -> Arc<Self> {
        Arc::new(Self { taken: AtomicU32::new(0), bound: AtomicU32::new(most), peak: AtomicU32::new(0) })
    }

    /// A permit for one more request; `None` at the limit.
    pub(crate) fn take(self: &Arc<Self>) -> Option<Permit> {
        let taken = self.taken.fetch_add(1, Ordering::Relaxed) + 1;
        let permit = Permit(self.clone());
        self.peak.fetch_max(taken, Ordering::Relaxed);
        (taken <= self.bound()).then_some(permit)
    }

    /// The limit now.
    pub(crate) fn bound(&self) -> u32 {
        self.bound.load(Ordering::Relaxed)
    }

    /// Whether the limit is at its most and few requests are in flight: an idle node then skips the probing.
    fn calm(&self, most: u32) -> bool {
        let few = f64::from(self.peak.swap(self.taken.load(Ordering::Relaxed), Ordering::Relaxed)) < LEAST;
        few && self.bound() == most
    }

    #[allow(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "between one and the configured limit"
    )]
    fn interval(&self, adaptive: &mut AdaptiveLimit, late: bool) {
        let peak = self.peak.swap(self.taken.load(Ordering::Relaxed), Ordering::Relaxed);
        let bound = adaptive.interval(late, peak);
        metrics::bound(bound);
        self.bound.store(bound as u32, Ordering::Relaxed);
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        self.0.taken.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Measures how late tasks run and adapts the limit; ends when dropped.
pub(crate) struct LatenessProbe(JoinHandle<()>);

impl LatenessProbe {
    /// Starts the probe; turns later than `late_max` count as late.
    pub(crate) fn start(limit: Arc<ConcurrencyLimit>, most: u32, late_max: Duration) -> Self {
        Self(tokio::spawn(async move {
            let mut adaptive = AdaptiveLimit::new(most);
            loop {
                if limit.calm(most) {
                    tokio::time::sleep(TURN * TURNS).await;
                    continue;
                }
                let mut least = Duration::MAX;
                for _ in 0..TURNS {
                    let due = Instant::now() + TURN;
                    tokio::time::sleep_until(due).await;
                    least = least.min(due.elapsed());
                }
                limit.interval(&mut adaptive, least > late_max);
            }
        }))
    }
}

impl Drop for LatenessProbe {
    fn drop(&mut self) {
        self.0.abort();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_limit_falls_below_the_requests_in_flight_while_turns_are_late_and_comes_back() {
        let mut adaptive = AdaptiveLimit::new(500);
        assert!((adaptive.interval(false, 500) - 500.0).abs() < 1e-9, "at most the configured limit");
        assert!((adaptive.interval(true, 100) - 80.0).abs() < 1e-9);
        assert!((adaptive.interval(true, 80) - 64.0).abs() < 1e-9);
        for _ in 0..100 {
            adaptive.interval(true, 500);
        }
        assert!((adaptive.interval(true, 0) - LEAST).abs() < 1e-9, "the limit has a floor");
        let calm = (1..).find(|_| adaptive.interval(false, 0) >= 500.0);
        assert!(
            calm.is_some_and(|intervals| intervals < 60),
            "{calm:?} intervals until the limit is back at its most"
        );
    }

    #[test]
    fn a_low_limit_is_not_raised_by_late_turns() {
        let mut adaptive = AdaptiveLimit::new(2);
        assert!((adaptive.interval(true, 2) - 2.0).abs() < 1e-9);
    }

    #[test]
    fn a_permit_that_is_dropped_can_be_taken_again() {
        let limit = ConcurrencyLimit::new(2);
        let (one, two) = (limit.take(), limit.take());
        assert!(one.is_some() && two.is_some() && limit.take().is_none());
        drop(one);
        assert!(limit.take().is_some());
        let mut adaptive = AdaptiveLimit::new(2);
        limit.interval(&mut adaptive, true);
        assert_eq!(limit.bound(), 2);
    }
}
