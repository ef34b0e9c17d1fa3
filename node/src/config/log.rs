//! `[log]` in `cluster.toml`.

use serde::{Deserialize, Serialize};
use tracing_subscriber::EnvFilter;
use troupe_runtime::config::{Problem, Section};

/// What a node writes to standard error.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LogSection {
    /// A level, or directives as `info,troupe_runtime=debug`.
    pub filter: String,
}

impl Default for LogSection {
    fn default() -> Self {
        Self { filter: "info".to_owned() }
    }
}

impl Section for LogSection {
    fn validate(&self, path: &str, problems: &mut Vec<Problem>) {
        if let Err(error) = EnvFilter::try_new(&self.filter) {
            problems.push(Problem::new(
                format!("{path}.filter"),
                format!("must be a level or directives: {error}"),
            ));
        }
    }
}
