//! Which children are started again after one has ended: pure, so that it can be tested by tables.

use std::collections::VecDeque;
use std::time::Duration;

use troupe_runtime::supervised::Restart;

/// Who else is started again with a child that ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Strategy {
    /// Nobody.
    OneForOne,
    /// Everybody.
    OneForAll,
    /// Those started after it.
    RestForOne,
}

/// How a supervisor goes about it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Options {
    /// Who else is started again.
    pub strategy: Strategy,
    /// Restarts within `period` after which the supervisor gives up, and its own supervisor decides.
    pub restarts_max: u32,
    /// The window in which restarts are counted.
    pub period: Duration,
    /// Pause before the first restart; doubled for each further one within the period.
    pub backoff_min: Duration,
    /// Longest pause.
    pub backoff_max: Duration,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            strategy: Strategy::OneForOne,
            restarts_max: 60,
            period: Duration::from_secs(60),
            backoff_min: Duration::from_millis(20),
            backoff_max: Duration::from_secs(5),
        }
    }
}

/// What is to be done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Order {
    /// Nothing: the child has done its work.
    Leave,
    /// Stop `stop` (in this order), then start `start` (in this order) after the pause.
    Restart {
        /// Places of children to stop first, last started first.
        stop: Vec<usize>,
        /// Places of children to start.
        start: Vec<usize>,
        /// How long to wait before.
        after: Duration,
    },
    /// Too many restarts: end with a failure.
    Escalate,
}

/// The strategy's memory: when restarts happened.
#[derive(Debug, Clone)]
pub struct Plan {
    options: Options,
    children: usize,
    restarts: VecDeque<u64>,
    seed: u64,
}

impl Plan {
    /// A plan for so many children. The seed spreads pauses, so that what failed together does not come back together.
    #[must_use]
    pub const fn new(options: Options, children: usize, seed: u64) -> Self {
        Self { options, children, restarts: VecDeque::new(), seed: seed | 1 }
    }

    /// A child has ended, at `now` in microseconds.
    pub fn ended(&mut self, child: usize, failed: bool, restart: Restart, now: u64) -> Order {
        let again = match restart {
            Restart::Permanent => true,
            Restart::Transient => failed,
            Restart::Temporary => false,
        };
        if !again {
            return Order::Leave;
        }
        let period = u64::try_from(self.options.period.as_micros()).unwrap_or(u64::MAX);
        while self.restarts.front().is_some_and(|at| now.saturating_sub(*at) >= period) {
            self.restarts.pop_front();
        }
        if self.restarts.len() >= self.options.restarts_max as usize {
            return Order::Escalate;
        }
        self.restarts.push_back(now);
        let (from, to) = match self.options.strategy {
            Strategy::OneForOne => (child, child + 1),
            Strategy::OneForAll => (0, self.children),
            Strategy::RestForOne => (child, self.children),
        };
        Order::Restart {
            stop: (from..to).rev().filter(|other| *other != child).collect(),
            start: (from..to).collect(),
            after: self.pause(),
        }
    }

    /// Restarts left within the period.
    #[must_use]
    pub fn left(&self) -> u32 {
        self.options.restarts_max.saturating_sub(u32::try_from(self.restarts.len()).unwrap_or(u32::MAX))
    }

    fn pause(&mut self) -> Duration {
        let doublings = u32::try_from(self.restarts.len().saturating_sub(1).min(20)).unwrap_or(20);
        let full = self.options.backoff_min.saturating_mul(1 << doublings).min(self.options.backoff_max);
        // xorshift64 (Marsaglia 2003); between three and five quarters of the pause.
        self.seed ^= self.seed << 13;
        self.seed ^= self.seed >> 7;
        self.seed ^= self.seed << 17;
        let share = u32::try_from(self.seed % 512).unwrap_or(256);
        full * (768 + share) / 1_024
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options(strategy: Strategy) -> Options {
        Options { strategy, restarts_max: 3, period: Duration::from_secs(10), ..Options::default() }
    }

    fn places(order: &Order) -> (Vec<usize>, Vec<usize>) {
        match order {
            Order::Restart { stop, start, .. } => (stop.clone(), start.clone()),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_strategy_says_who_is_started_again() {
        for (strategy, stop, start) in [
            (Strategy::OneForOne, vec![], vec![1]),
            (Strategy::OneForAll, vec![3, 2, 0], vec![0, 1, 2, 3]),
            (Strategy::RestForOne, vec![3, 2], vec![1, 2, 3]),
        ] {
            let mut plan = Plan::new(options(strategy), 4, 7);
            assert_eq!(places(&plan.ended(1, true, Restart::Permanent, 0)), (stop, start), "{strategy:?}");
        }
    }

    #[test]
    fn a_policy_says_whether() {
        for (restart, failed, again) in [
            (Restart::Permanent, false, true),
            (Restart::Permanent, true, true),
            (Restart::Transient, false, false),
            (Restart::Transient, true, true),
            (Restart::Temporary, true, false),
        ] {
            let mut plan = Plan::new(options(Strategy::OneForOne), 1, 7);
            let order = plan.ended(0, failed, restart, 0);
            assert_eq!(order != Order::Leave, again, "{restart:?}, failed {failed}");
        }
    }

    #[test]
    fn too_many_restarts_within_the_period_escalate_and_old_ones_do_not_count() {
        let second = 1_000_000;
        let mut plan = Plan::new(options(Strategy::OneForOne), 1, 7);
        for at in [0, 1, 2] {
            assert_ne!(plan.ended(0, true, Restart::Permanent, at * second), Order::Escalate);
        }
        assert_eq!(plan.left(), 0);
        assert_eq!(plan.clone().ended(0, true, Restart::Permanent, 9 * second), Order::Escalate);
        assert_ne!(plan.ended(0, true, Restart::Permanent, 10 * second), Order::Escalate);
    }

    #[test]
    fn pauses_grow_and_are_spread() {
        let mut plan = Plan::new(Options { restarts_max: 100, ..Options::default() }, 1, 7);
        let mut last = Duration::ZERO;
        for restart in 0..12 {
            let Order::Restart { after, .. } = plan.ended(0, true, Restart::Permanent, restart) else {
                panic!()
            };
            let full = Duration::from_millis(20).saturating_mul(1 << restart).min(Duration::from_secs(5));
            assert!(after >= full * 3 / 4 && after <= full * 5 / 4, "{restart}: {after:?} of {full:?}");
            assert_ne!(after, last);
            last = after;
        }
    }
}
