//! Whether to try again, and when. Pure: the same table of cases binds every SDK (`tests/vectors/sdk_retry.json`).

use std::time::Duration;

use crate::error::{Error, Executed};

/// How often and how patiently a call is tried again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RetryPolicy {
    /// Attempts after the first.
    pub retries: u32,
    /// Longest delay before the first retry; it doubles with each.
    pub first_delay: Duration,
    /// Longest delay of all, `Retry-After` apart.
    pub max_delay: Duration,
}

impl Default for RetryPolicy {
    fn default() -> Self {
        Self { retries: 2, first_delay: Duration::from_millis(500), max_delay: Duration::from_secs(8) }
    }
}

/// How an attempt failed, as far as retrying goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Failure {
    /// Whether it may succeed later.
    pub retryable: bool,
    /// Whether it may have happened.
    pub outcome: Executed,
    /// What the cluster asked to wait.
    pub retry_after: Option<Duration>,
}

impl Failure {
    /// The failure of an error, with the `Retry-After` that came along.
    #[must_use]
    pub fn of(error: &Error, retry_after: Option<Duration>) -> Self {
        Self { retryable: error.retryable(), outcome: error.outcome(), retry_after }
    }
}

/// What follows a failed attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Decision {
    /// Try again after this long.
    Retry(Duration),
    /// Tell the caller.
    GiveUp,
}

impl RetryPolicy {
    /// Decides after `attempt` attempts, the failed one included.
    ///
    /// `protected` says that doing it twice changes no more than once: a read, a key, or a natural key in the body.
    /// `jitter` is a draw from 0 to 1: the delay is between half and all of its exponential step.
    #[must_use]
    pub fn decide(
        &self,
        attempt: u32,
        failure: Failure,
        protected: bool,
        tokens: f64,
        left: Duration,
        jitter: f64,
    ) -> Decision {
        let safe = protected || failure.outcome == Executed::NotExecuted;
        if !failure.retryable || !safe || attempt > self.retries || tokens < 1.0 {
            return Decision::GiveUp;
        }
        let doubled = 2_u32.saturating_pow(attempt.saturating_sub(1));
        let step = self.first_delay.saturating_mul(doubled).min(self.max_delay);
        let delay = step.mul_f64(0.5 + 0.5 * jitter.clamp(0.0, 1.0));
        let delay = delay.max(failure.retry_after.unwrap_or_default());
        if delay >= left { Decision::GiveUp } else { Decision::Retry(delay) }
    }
}

/// Keeps retries a small share of all calls, so that clients do not hold an ailing cluster down: each retry takes one
/// token, each call gives a part of one back.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Budget {
    tokens: f64,
    tokens_max: f64,
    per_call: f64,
}

impl Default for Budget {
    fn default() -> Self {
        Self::new(10.0, 0.2)
    }
}

impl Budget {
    /// A full budget of `tokens_max`, to which each call gives `per_call`.
    #[must_use]
    pub const fn new(tokens_max: f64, per_call: f64) -> Self {
        Self { tokens: tokens_max, tokens_max, per_call }
    }

    /// Tokens left.
    #[must_use]
    pub const fn tokens(&self) -> f64 {
        self.tokens
    }

    /// A call began.
    pub fn give(&mut self) {
        self.tokens = (self.tokens + self.per_call).min(self.tokens_max);
    }

    /// A retry was decided.
    pub fn take(&mut self) {
        self.tokens = (self.tokens - 1.0).max(0.0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_budget_lets_a_share_of_calls_be_retried() {
        let mut budget = Budget::new(2.0, 0.5);
        budget.give();
        assert!((budget.tokens() - 2.0).abs() < 1e-9, "full is full");
        budget.take();
        budget.take();
        assert!(budget.tokens() < 1.0);
        budget.give();
        budget.give();
        assert!(budget.tokens() >= 1.0);
    }
}
