//! Retry decisions and delays. Pure; every SDK passes the same table of cases (`tests/vectors/sdk_retry.json`).

use std::time::Duration;

use crate::error::{Error, Executed};

/// The retry policy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RetryPolicy {
    /// Most retries after the first attempt.
    pub retries: u32,
    /// Longest delay before the first retry; it doubles with each.
    pub first_delay: Duration,
    /// Longest delay, except a `Retry-After`.
    pub max_delay: Duration,
}

impl Default for RetryPolicy {
    fn default() -> Self {
        Self { retries: 2, first_delay: Duration::from_millis(500), max_delay: Duration::from_secs(8) }
    }
}

/// The failure of an attempt, as input of the retry decision.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Failure {
    /// Whether a retry may succeed.
    pub retryable: bool,
    /// Whether the attempt may have been executed.
    pub outcome: Executed,
    /// The delay requested by the cluster.
    pub retry_after: Option<Duration>,
}

impl Failure {
    /// The failure of an error, with its `Retry-After`.
    #[must_use]
    pub fn of(error: &Error, retry_after: Option<Duration>) -> Self {
        Self { retryable: error.retryable(), outcome: error.outcome(), retry_after }
    }
}

/// The decision after a failed attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Decision {
    /// Retry after this delay.
    Retry(Duration),
    /// Return the error to the caller.
    GiveUp,
}

impl RetryPolicy {
    /// Decides after `attempt` attempts, the failed one included.
    ///
    /// `protected`: a second execution has no further effect, because of a read, an idempotency key or a natural key.
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

/// The retry budget bounds retries to a small share of all calls, so that clients do not overload a failing cluster. Each
/// retry takes one token, and each call adds a part of a token.
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

    /// Adds the share of a new call.
    pub fn give(&mut self) {
        self.tokens = (self.tokens + self.per_call).min(self.tokens_max);
    }

    /// Takes one token for a retry.
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
