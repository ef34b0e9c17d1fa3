//! Counters of each model, version and role.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use arc_swap::ArcSwap;
use troupe_actors::delivery::traffic::Role;
use troupe_runtime::time::micros;

use super::histogram::Histogram;

/// Models, versions and roles that are counted; more are not, until some have been still for a while.
const COUNTED_MAX: usize = 256;

#[derive(Default)]
struct Counter {
    requests: AtomicU64,
    errors: AtomicU64,
    model_us: AtomicU64,
    total_us: AtomicU64,
    histogram: Histogram,
}

type Counters = HashMap<String, Vec<(u32, Role, Arc<Counter>)>>;

/// What this gateway answered since it was last taken. A request finds its counter without a lock.
#[derive(Default)]
pub(crate) struct Served {
    counters: ArcSwap<Counters>,
}

/// What one version answered in one role.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Window {
    pub(super) model: String,
    pub(super) version: u32,
    pub(super) role: Role,
    pub(super) requests: u64,
    pub(super) errors: u64,
    pub(super) mean_ms: Option<f64>,
    pub(super) total_ms: Option<f64>,
    pub(super) p50_ms: Option<f64>,
    pub(super) p99_ms: Option<f64>,
}

fn find<'a>(counters: &'a Counters, model: &str, version: u32, role: Role) -> Option<&'a Arc<Counter>> {
    let found = counters.get(model)?.iter().find(|(held, of, _)| *held == version && *of == role);
    found.map(|(_, _, counter)| counter)
}

impl Served {
    /// Counts an answer: the time in the model and the whole of it, or a failure of the model.
    pub(crate) fn record(&self, of: (&str, u32, Role), took: Option<(Duration, Duration)>) {
        let (model, version, role) = of;
        let counters = self.counters.load();
        match find(&counters, model, version, role) {
            Some(counter) => counter.add(took),
            None => {
                if let Some(counter) = self.enter(model, version, role) {
                    counter.add(took);
                }
            }
        }
    }

    fn enter(&self, model: &str, version: u32, role: Role) -> Option<Arc<Counter>> {
        let fresh = Arc::<Counter>::default();
        self.counters.rcu(|counters| {
            let mut next = Counters::clone(counters);
            if find(&next, model, version, role).is_none()
                && next.values().map(Vec::len).sum::<usize>() < COUNTED_MAX
            {
                next.entry(model.to_owned()).or_default().push((version, role, fresh.clone()));
            }
            next
        });
        find(&self.counters.load(), model, version, role).cloned()
    }

    /// Takes the counts. A counter without an answer since the last take is removed.
    pub(super) fn take(&self, wanted: impl Fn(&str) -> bool) -> Vec<Window> {
        let counters = self.counters.load_full();
        let mut windows = Vec::new();
        let mut still = Vec::new();
        for (model, of) in counters.iter().filter(|(model, _)| wanted(model)) {
            for (version, role, counter) in of {
                match counter.take(model, *version, *role) {
                    Some(window) => windows.push(window),
                    None => still.push((model.clone(), *version, *role)),
                }
            }
        }
        if !still.is_empty() {
            self.counters.rcu(|counters| {
                let mut next = Counters::clone(counters);
                for (model, version, role) in &still {
                    if let Some(of) = next.get_mut(model) {
                        of.retain(|(held, of, _)| held != version || of != role);
                    }
                }
                next.retain(|_, of| !of.is_empty());
                next
            });
        }
        windows
    }
}

impl Counter {
    fn add(&self, took: Option<(Duration, Duration)>) {
        self.requests.fetch_add(1, Ordering::Relaxed);
        match took {
            None => {
                self.errors.fetch_add(1, Ordering::Relaxed);
            }
            Some((model, total)) => {
                self.model_us.fetch_add(micros(model), Ordering::Relaxed);
                self.total_us.fetch_add(micros(total), Ordering::Relaxed);
                self.histogram.add(micros(model));
            }
        }
    }

    /// A request that is being counted meanwhile may be in this window with a part of it: one in a window of many.
    fn take(&self, model: &str, version: u32, role: Role) -> Option<Window> {
        let taken = |counter: &AtomicU64| counter.swap(0, Ordering::Relaxed);
        let (requests, errors) = (taken(&self.requests), taken(&self.errors));
        let (model_us, total_us) = (taken(&self.model_us), taken(&self.total_us));
        let answered = requests.saturating_sub(errors);
        let mean = |us: u64| (answered > 0).then(|| us as f64 / answered as f64 / 1_000.0);
        let histogram = self.histogram.take();
        (requests > 0).then(|| Window {
            model: model.to_owned(),
            version,
            role,
            requests,
            errors,
            mean_ms: mean(model_us),
            total_ms: mean(total_us),
            p50_ms: histogram.quantile_ms(0.5),
            p99_ms: histogram.quantile_ms(0.99),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    #[test]
    fn answers_are_counted_by_version_and_role_and_taken_once() {
        let served = Served::default();
        for _ in 0..9 {
            served.record(("m", 1, Role::Baseline), Some((ms(2), ms(5))));
        }
        served.record(("m", 1, Role::Baseline), None);
        served.record(("m", 2, Role::Canary), None);
        let mut windows = served.take(|_| true);
        windows.sort_by_key(|window| window.version);
        let baseline = &windows[0];
        assert_eq!((baseline.requests, baseline.errors, baseline.mean_ms), (10, 1, Some(2.0)));
        assert_eq!(baseline.total_ms, Some(5.0));
        assert!(baseline.p99_ms.is_some_and(|ms| (1.8..2.3).contains(&ms)), "{baseline:?}");
        assert_eq!((windows[1].errors, windows[1].mean_ms, windows[1].p50_ms), (1, None, None));
        assert!(served.take(|_| true).is_empty() && served.counters.load().is_empty());
    }

    #[test]
    fn threads_that_count_at_once_lose_nothing() {
        let served = Served::default();
        std::thread::scope(|scope| {
            for thread in 0..8_u32 {
                let served = &served;
                scope.spawn(move || {
                    for _ in 0..1_000 {
                        served.record(("m", thread % 2, Role::Canary), Some((ms(1), ms(1))));
                    }
                });
            }
        });
        assert_eq!(served.take(|_| true).iter().map(|window| window.requests).sum::<u64>(), 8_000);
    }

    #[test]
    fn what_is_counted_is_bounded() {
        let served = Served::default();
        for version in 0..1_000 {
            served.record(("m", version, Role::Canary), None);
        }
        assert_eq!(served.take(|_| true).len(), COUNTED_MAX);
    }
}
