//! The `[console]` table of `cluster.toml`.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use troupe_runtime::config::{Problem, Section};

/// Bounds of the console.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ConsoleConfig {
    /// Timeout of one view request; a node that does not answer in time is shown as not seen.
    #[serde(with = "humantime_serde")]
    pub look_timeout: Duration,
    /// Interval of the stream's snapshots.
    #[serde(with = "humantime_serde")]
    pub period: Duration,
    /// Upper bound on the lifecycle records in one answer or snapshot.
    pub journal_max: u32,
    /// Upper bound on the keys in one answer.
    pub keys_max: u32,
    /// Upper bound on concurrent streams; a further one is answered with 503.
    pub streams_max: usize,
    /// Time that running requests have to end after a stop.
    #[serde(with = "humantime_serde")]
    pub drain: Duration,
}

impl Default for ConsoleConfig {
    fn default() -> Self {
        Self {
            look_timeout: Duration::from_secs(2),
            period: Duration::from_secs(1),
            journal_max: 200,
            keys_max: 1_000,
            streams_max: 64,
            drain: Duration::from_secs(2),
        }
    }
}

impl Section for ConsoleConfig {
    fn validate(&self, path: &str, problems: &mut Vec<Problem>) {
        let mut need = |sound: bool, key: &str, what: &str| {
            if !sound {
                problems.push(Problem::new(format!("{path}.{key}"), what));
            }
        };
        need(!self.look_timeout.is_zero(), "look_timeout", "must be longer than zero");
        need(self.period >= Duration::from_millis(10), "period", "must be at least 10ms");
        need((1..=10_000).contains(&self.journal_max), "journal_max", "must be 1 to 10000");
        need((1..=100_000).contains(&self.keys_max), "keys_max", "must be 1 to 100000");
        need((1..=10_000).contains(&self.streams_max), "streams_max", "must be 1 to 10000");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_impossible_value_is_reported_with_its_key_and_the_defaults_are_sound() {
        let mut problems = Vec::new();
        ConsoleConfig::default().validate("console", &mut problems);
        assert_eq!(problems, []);
        let broken = ConsoleConfig {
            look_timeout: Duration::ZERO,
            period: Duration::ZERO,
            journal_max: 0,
            keys_max: 0,
            streams_max: 0,
            ..ConsoleConfig::default()
        };
        broken.validate("console", &mut problems);
        let keys: Vec<&str> = problems.iter().filter_map(|p| p.key.strip_prefix("console.")).collect();
        assert_eq!(keys, ["look_timeout", "period", "journal_max", "keys_max", "streams_max"]);
    }

    #[test]
    fn an_unknown_key_is_an_error() {
        let read = serde_json::from_str::<ConsoleConfig>(r#"{"perod": "1s"}"#);
        assert!(read.is_err_and(|error| error.to_string().contains("perod")));
    }
}
