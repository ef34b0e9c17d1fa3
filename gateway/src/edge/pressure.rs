//! How many requests a node takes into work, by how late its tasks are.
//!
//! A node with more to do than it can lets every task wait for its turn, and a request that waits for too long is answered
//! to nobody. How long they wait is seen by a task that wants a turn every few milliseconds: when even the least late of
//! its turns in an interval was late, work stands in a queue that does not drain (a standing queue, as CoDel calls it), and
//! a fifth fewer requests are taken than were in work; otherwise a few more, up to what is configured. What a request
//! takes by itself does not matter, so batches, single reads and training runs share one bound.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use tokio::task::JoinHandle;
use tokio::time::Instant;

use crate::edge::metrics;

/// Between two turns of the task that looks how late it is.
const TURN: Duration = Duration::from_millis(10);
/// Turns in an interval.
const TURNS: u32 = 10;
/// What is left of the requests in work after an interval in which all turns were late.
const LESS: f64 = 0.8;
/// What is added after any other.
const MORE: f64 = 0.1;
/// Requests that are always taken.
const LEAST: f64 = 8.0;

/// The bound by itself.
#[derive(Debug)]
pub(crate) struct Pressure {
    most: f64,
    bound: f64,
}

impl Pressure {
    /// Begins with the most that is ever taken.
    pub(crate) fn new(most: u32) -> Self {
        Self { most: f64::from(most), bound: f64::from(most) }
    }

    /// The bound after an interval in which all turns were late, or not, and so many requests were in work at most.
    pub(crate) fn interval(&mut self, late: bool, peak: u32) -> f64 {
        self.bound = if late {
            // What was allowed and not used is no help.
            (self.bound.min(f64::from(peak)) * LESS).max(LEAST)
        } else {
            self.bound + (self.bound * MORE).max(1.0)
        };
        self.bound = self.bound.min(self.most);
        self.bound
    }
}

/// Requests in work, and how many there may be.
#[derive(Debug)]
pub(crate) struct Places {
    taken: AtomicU32,
    bound: AtomicU32,
    /// The most that were taken in this interval.
    peak: AtomicU32,
}

/// One request in work.
pub(crate) struct Place(Arc<Places>);

impl Places {
    pub(crate) fn new(most: u32) -> Arc<Self> {
        Arc::new(Self { taken: AtomicU32::new(0), bound: AtomicU32::new(most), peak: AtomicU32::new(0) })
    }

    /// A place for one more request, unless as many are in work as may be.
    pub(crate) fn take(self: &Arc<Self>) -> Option<Place> {
        let taken = self.taken.fetch_add(1, Ordering::Relaxed) + 1;
        let place = Place(self.clone());
        self.peak.fetch_max(taken, Ordering::Relaxed);
        (taken <= self.bound()).then_some(place)
    }

    /// How many there may be now.
    pub(crate) fn bound(&self) -> u32 {
        self.bound.load(Ordering::Relaxed)
    }

    /// Whether all may be taken and few are: a node with nothing to do is not woken to see that.
    fn calm(&self, most: u32) -> bool {
        let few = f64::from(self.peak.swap(self.taken.load(Ordering::Relaxed), Ordering::Relaxed)) < LEAST;
        few && self.bound() == most
    }

    #[allow(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "between one and what is configured"
    )]
    fn interval(&self, pressure: &mut Pressure, late: bool) {
        let peak = self.peak.swap(self.taken.load(Ordering::Relaxed), Ordering::Relaxed);
        let bound = pressure.interval(late, peak);
        metrics::bound(bound);
        self.bound.store(bound as u32, Ordering::Relaxed);
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.0.taken.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Looks how late tasks are, and bounds the requests in work by that, for as long as it is held.
pub(crate) struct Gauge(JoinHandle<()>);

impl Gauge {
    /// Turns later than `late_max` are late.
    pub(crate) fn start(places: Arc<Places>, most: u32, late_max: Duration) -> Self {
        Self(tokio::spawn(async move {
            let mut pressure = Pressure::new(most);
            loop {
                if places.calm(most) {
                    tokio::time::sleep(TURN * TURNS).await;
                    continue;
                }
                let mut least = Duration::MAX;
                for _ in 0..TURNS {
                    let due = Instant::now() + TURN;
                    tokio::time::sleep_until(due).await;
                    least = least.min(due.elapsed());
                }
                places.interval(&mut pressure, least > late_max);
            }
        }))
    }
}

impl Drop for Gauge {
    fn drop(&mut self) {
        self.0.abort();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bound_falls_to_what_is_in_work_and_below_while_turns_are_late_and_comes_back() {
        let mut pressure = Pressure::new(500);
        assert!((pressure.interval(false, 500) - 500.0).abs() < 1e-9, "never beyond what is configured");
        assert!((pressure.interval(true, 100) - 80.0).abs() < 1e-9);
        assert!((pressure.interval(true, 80) - 64.0).abs() < 1e-9);
        for _ in 0..100 {
            pressure.interval(true, 500);
        }
        assert!((pressure.interval(true, 0) - LEAST).abs() < 1e-9, "some are always taken");
        let calm = (1..).find(|_| pressure.interval(false, 0) >= 500.0);
        assert!(calm.is_some_and(|intervals| intervals < 60), "{calm:?} intervals until all are taken again");
    }

    #[test]
    fn a_node_that_may_take_few_takes_no_more_by_being_late() {
        let mut pressure = Pressure::new(2);
        assert!((pressure.interval(true, 2) - 2.0).abs() < 1e-9);
    }

    #[test]
    fn a_place_that_is_given_back_can_be_taken_again() {
        let places = Places::new(2);
        let (one, two) = (places.take(), places.take());
        assert!(one.is_some() && two.is_some() && places.take().is_none());
        drop(one);
        assert!(places.take().is_some());
        let mut pressure = Pressure::new(2);
        places.interval(&mut pressure, true);
        assert_eq!(places.bound(), 2);
    }
}
