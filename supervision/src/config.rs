//! The `[supervision]` table of `cluster.toml`.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use troupe_runtime::config::{Problem, Section};

use crate::plan::{Options, Strategy};

/// How a node's supervisors restart what fails.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SupervisionConfig {
    /// Restarts that one supervisor may make within `period` before it gives up and fails itself.
    pub restarts_max: u32,
    /// The sliding period of `restarts_max`.
    #[serde(with = "humantime_serde")]
    pub period: Duration,
    /// Pause before the first restart; each further one within the period is about twice as long.
    #[serde(with = "humantime_serde")]
    pub backoff_min: Duration,
    /// Longest pause.
    #[serde(with = "humantime_serde")]
    pub backoff_max: Duration,
}

impl Default for SupervisionConfig {
    fn default() -> Self {
        let Options { restarts_max, period, backoff_min, backoff_max, .. } = Options::default();
        Self { restarts_max, period, backoff_min, backoff_max }
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
            ..SupervisionConfig::default()
        };
        broken.validate("supervision", &mut problems);
        let backwards =
            SupervisionConfig { backoff_max: Duration::from_millis(1), ..SupervisionConfig::default() };
        backwards.validate("supervision", &mut problems);
        let keys: Vec<&str> = problems.iter().filter_map(|p| p.key.strip_prefix("supervision.")).collect();
        assert_eq!(keys, ["restarts_max", "period", "backoff_min", "backoff_max"]);
    }

    #[test]
    fn the_defaults_are_those_of_a_supervisor_and_an_unknown_key_is_an_error() {
        let defaults = Options::default();
        assert_eq!(SupervisionConfig::default().options(defaults.strategy), defaults);
        let read = serde_json::from_str::<SupervisionConfig>(r#"{"restart_max": 3}"#);
        assert!(read.is_err_and(|error| error.to_string().contains("restart_max")));
    }
}
