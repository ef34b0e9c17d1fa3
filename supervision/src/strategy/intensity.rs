//! The limit on restarts per period.

use std::collections::VecDeque;
use std::time::Duration;

use super::options::Options;

/// Times of the restarts within the period. Bounded by `restarts_max`.
///
/// A supervisor above the limit gives up: the fault is outside the child's state, so a further restart does not help.
#[derive(Debug, Clone, Default)]
pub(super) struct Recent(VecDeque<Duration>);

impl Recent {
    /// Counts a restart at `now`; false if it exceeds the limit.
    pub(super) fn allow(&mut self, options: &Options, now: Duration) -> bool {
        // A restart exactly one period ago still counts, as in OTP's `supervisor`.
        while self.0.front().is_some_and(|at| now.saturating_sub(*at) > options.period) {
            self.0.pop_front();
        }
        if self.left(options) == 0 {
            return false;
        }
        self.0.push_back(now);
        true
    }

    /// Restarts left, as of the last one.
    pub(super) fn left(&self, options: &Options) -> u32 {
        options.restarts_max.saturating_sub(u32::try_from(self.0.len()).unwrap_or(u32::MAX))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn restarts_are_counted_within_a_sliding_period() {
        let options = Options { restarts_max: 2, period: Duration::from_secs(10), ..Options::default() };
        let mut recent = Recent::default();
        for (second, allowed) in
            [(0, true), (5, true), (9, false), (10, false), (11, true), (15, false), (16, true)]
        {
            assert_eq!(recent.allow(&options, Duration::from_secs(second)), allowed, "at {second} s");
        }
    }

    #[test]
    fn no_restart_is_allowed_where_none_is_configured() {
        let options = Options { restarts_max: 0, ..Options::default() };
        assert!(!Recent::default().allow(&options, Duration::ZERO));
    }
}
