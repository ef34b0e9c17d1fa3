//! Retries of a step: their count and delay.

#[cfg(test)]
mod tests;

use serde::{Deserialize, Serialize};

use crate::bounds::{RETRIES_MAX, RETRY_DELAY_SECONDS_MAX};
use crate::definition::{BackoffKind, Quantity, RetryPolicy};
use crate::status::StepStatus;

/// The cause of a failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum FailureKind {
    User,
    Platform,
    Timeout,
}

impl FailureKind {
    /// The kind of a step's failure; `None` if it has no retry.
    #[must_use]
    pub fn of(status: StepStatus) -> Option<Self> {
        match status {
            StepStatus::UserFailed => Some(Self::User),
            StepStatus::PlatformFailed => Some(Self::Platform),
            StepStatus::TimeoutFailed => Some(Self::Timeout),
            _ => None,
        }
    }
}

/// The retries after failures of one kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Allowance {
    /// Retries, without the first attempt.
    pub limit: u64,
    pub first_delay_secs: u64,
    /// 1 for a constant delay.
    pub exponent: u64,
    pub delay_secs_max: u64,
}

/// The numbers of a retry policy.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Retries {
    pub user: Allowance,
    pub platform: Allowance,
    pub timeout: Allowance,
}

/// An invalid retry policy.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("retry_policy.{field} is {text:?}; {fix}")]
pub struct RetryError {
    pub field: &'static str,
    pub text: String,
    pub fix: String,
}

impl Default for Retries {
    fn default() -> Self {
        let of =
            |limit, delay_secs_max| Allowance { limit, first_delay_secs: 60, exponent: 2, delay_secs_max };
        Self { user: of(2, 600), platform: of(10, 3600), timeout: of(0, 3600) }
    }
}

impl Retries {
    /// No retries, for steps without a type of their own.
    #[must_use]
    pub fn none() -> Self {
        let mut none = Self::default();
        for allowance in [&mut none.user, &mut none.platform, &mut none.timeout] {
            allowance.limit = 0;
        }
        none
    }

    /// A policy over Maestro's defaults. `fill` fills parameters into a text, as [`crate::params::Scope::fill`] does.
    ///
    /// # Errors
    /// With the field that is not a number or exceeds its limit.
    pub fn of(
        policy: Option<&RetryPolicy>,
        mut fill: impl FnMut(&str) -> Result<String, String>,
    ) -> Result<Self, RetryError> {
        let mut retries = Self::default();
        let Some(policy) = policy else { return Ok(retries) };
        if policy.backoff.as_ref().is_some_and(|backoff| backoff.kind == BackoffKind::Fixed) {
            for allowance in [&mut retries.user, &mut retries.platform, &mut retries.timeout] {
                *allowance = Allowance { exponent: 1, delay_secs_max: RETRY_DELAY_SECONDS_MAX, ..*allowance };
            }
        }
        for (field, quantity) in policy.quantities() {
            let bound = bound(field);
            let count = match quantity {
                Quantity::Number(value) => Some(*value),
                Quantity::Text(text) => {
                    let filled = fill(text).map_err(|fix| RetryError { field, text: text.clone(), fix })?;
                    Quantity::Text(filled).count()
                }
            };
            match count.filter(|count| *count <= bound) {
                Some(count) => retries.set(field, count),
                None => {
                    let text = quantity.text().map_or_else(|| format!("{count:?}"), str::to_owned);
                    return Err(RetryError {
                        field,
                        text,
                        fix: format!("use a whole number from 0 to {bound}"),
                    });
                }
            }
        }
        Ok(retries)
    }

    fn set(&mut self, field: &str, count: u64) {
        let name = field.trim_start_matches("backoff.");
        let (kind, what) = name.split_once("_retry_").unwrap_or((name, ""));
        let allowance = match kind {
            "error" => &mut self.user,
            "platform" => &mut self.platform,
            _ => &mut self.timeout,
        };
        match what {
            "limit" => allowance.limit = count,
            "backoff_in_secs" => allowance.first_delay_secs = count,
            "exponent" => allowance.exponent = count,
            _ => allowance.delay_secs_max = count,
        }
    }

    /// The allowance for failures of one kind.
    #[must_use]
    pub fn allowance(&self, kind: FailureKind) -> Allowance {
        match kind {
            FailureKind::User => self.user,
            FailureKind::Platform => self.platform,
            FailureKind::Timeout => self.timeout,
        }
    }

    /// Milliseconds until the next attempt after `retries` earlier ones of this kind; `None` if they are used up.
    #[must_use]
    pub fn delay(&self, kind: FailureKind, retries: u64) -> Option<u64> {
        let allowance = self.allowance(kind);
        if retries >= allowance.limit {
            return None;
        }
        let power = u32::try_from(retries).unwrap_or(u32::MAX);
        let delay = allowance.first_delay_secs.saturating_mul(allowance.exponent.saturating_pow(power));
        Some(delay.min(allowance.delay_secs_max).min(RETRY_DELAY_SECONDS_MAX).saturating_mul(1000))
    }
}

/// The limit of a policy's field.
pub(crate) fn bound(field: &str) -> u64 {
    match field {
        "error_retry_limit" | "platform_retry_limit" | "timeout_retry_limit" => RETRIES_MAX,
        _ if field.ends_with("exponent") => 1000,
        _ => RETRY_DELAY_SECONDS_MAX,
    }
}
