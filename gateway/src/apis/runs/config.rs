//! The `[metadata]` table of `cluster.toml`.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use troupe_runtime::config::{Problem, Section};

/// After which silence a run counts as failed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct MetadataConfig {
    /// Silence after which a run has failed, for clients that send heartbeats, as Metaflow's do every ten seconds. A run
    /// keeps the value of its begin.
    #[serde(with = "humantime_serde")]
    pub inactive_after: Duration,
    /// Silence after which a run has failed, for clients that send only logs, as MLflow's do.
    #[serde(with = "humantime_serde")]
    pub silent_after: Duration,
}

impl Default for MetadataConfig {
    fn default() -> Self {
        Self { inactive_after: Duration::from_secs(360), silent_after: Duration::from_secs(24 * 3_600) }
    }
}

impl Section for MetadataConfig {
    fn validate(&self, path: &str, problems: &mut Vec<Problem>) {
        // Tasks are reported once a second: a shorter silence proves nothing.
        let bounds = Duration::from_secs(3)..=Duration::from_secs(366 * 24 * 3_600);
        for (key, value) in [("inactive_after", self.inactive_after), ("silent_after", self.silent_after)] {
            if !bounds.contains(&value) {
                problems.push(Problem::new(format!("{path}.{key}"), "must be 3s to 366days"));
            }
        }
    }
}

pub(crate) fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_silence_too_short_to_mean_anything_is_refused_with_its_key() {
        let mut problems = Vec::new();
        MetadataConfig::default().validate("metadata", &mut problems);
        assert_eq!(problems, []);
        let short = Duration::from_secs(2);
        MetadataConfig { inactive_after: short, silent_after: short }.validate("metadata", &mut problems);
        let keys: Vec<&str> = problems.iter().map(|problem| problem.key.as_str()).collect();
        assert_eq!(keys, ["metadata.inactive_after", "metadata.silent_after"]);
    }
}
