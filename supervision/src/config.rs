//! The `[supervision]` table of `cluster.toml`.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use troupe_runtime::config::{Problem, Section};

use crate::strategy::{Options, Strategy};

/// How a node's supervisors restart failed actors.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SupervisionConfig {
    /// Restarts that one supervisor may make within `period`; at one more it gives up and fails.
    pub restarts_max: u32,
    /// The sliding window of `restarts_max`.
    #[serde(with = "humantime_serde")]
    pub period: Duration,
    /// Backoff before an actor's first restart. Each further restart in a row doubles it. Jitter subtracts up to
    /// half.
    #[serde(with = "humantime_serde")]
    pub backoff_min: Duration,
    /// Upper bound on the backoff.
    #[serde(with = "humantime_serde")]
    pub backoff_max: Duration,
    /// Run time after which an actor counts as healthy: its backoff starts over.
    #[serde(with = "humantime_serde")]
    pub healthy_after: Duration,
    /// Start timeout of one actor; at the timeout the start has failed.
    #[serde(with = "humantime_serde")]
    pub start_within: Duration,
    /// Stop timeout of one actor; at the timeout the actor is killed.
    #[serde(with = "humantime_serde")]
    pub stop_within: Duration,
}

impl Default for SupervisionConfig {
    fn default() -> Self {
        let options = Options::default();
        Self {
            restarts_max: options.restarts_max,
            period: options.period,
            backoff_min: options.backoff_min,
            backoff_max: options.backoff_max,
            healthy_after: options.healthy_after,
            start_within: options.start_within,
            stop_within: options.stop_within,
        }
    }
}

impl SupervisionConfig {
    /// The options of a supervisor with this strategy.
    #[must_use]
    pub const fn options(&self, strategy: Strategy) -> Options {
        Options {
            strategy,
            restarts_max: self.restarts_max,
            period: self.period,
            backoff_min: self.backoff_min,
            backoff_max: self.backoff_max,
            healthy_after: self.healthy_after,
            start_within: self.start_within,
            stop_within: self.stop_within,
        }
    }
}

impl Section for SupervisionConfig {
    fn validate(&self, path: &str, problems: &mut Vec<Problem>) {
        let mut need = |sound: bool, key: &str, what: &str| {
            if !sound {
                problems.push(Problem::new(format!("{path}.{key}"), what));
            }
        };
        need(self.restarts_max <= 10_000, "restarts_max", "must be at most 10000");
        need(!self.period.is_zero(), "period", "must be longer than zero");
        need(!self.backoff_min.is_zero(), "backoff_min", "must be longer than zero");
        need(self.backoff_max >= self.backoff_min, "backoff_max", "must not be shorter than backoff_min");
        need(!self.start_within.is_zero(), "start_within", "must be longer than zero");
        need(!self.stop_within.is_zero(), "stop_within", "must be longer than zero");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_impossible_value_is_reported_with_its_key_and_the_defaults_are_sound() {
        let mut problems = Vec::new();
        SupervisionConfig::default().validate("supervision", &mut problems);
        assert_eq!(problems, []);
        let broken = SupervisionConfig {
            restarts_max: 10_001,
            period: Duration::ZERO,
            backoff_min: Duration::ZERO,
            start_within: Duration::ZERO,
            stop_within: Duration::ZERO,
            ..SupervisionConfig::default()
        };
        broken.validate("supervision", &mut problems);
        let backwards =
            SupervisionConfig { backoff_max: Duration::from_millis(1), ..SupervisionConfig::default() };
        backwards.validate("supervision", &mut problems);
        let keys: Vec<&str> = problems.iter().filter_map(|p| p.key.strip_prefix("supervision.")).collect();
        let expected =
            ["restarts_max", "period", "backoff_min", "start_within", "stop_within", "backoff_max"];
        assert_eq!(keys, expected);
    }

    #[test]
    fn the_defaults_are_those_of_a_supervisor_and_an_unknown_key_is_an_error() {
        let defaults = Options::default();
        assert_eq!(SupervisionConfig::default().options(defaults.strategy), defaults);
        let read = serde_json::from_str::<SupervisionConfig>(r#"{"restart_max": 3}"#);
        assert!(read.is_err_and(|error| error.to_string().contains("restart_max")));
    }
}
