//! The `work` section of `cluster.toml`.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use troupe_runtime::config::{Problem, Section};

use super::executors::NAMES;

/// Bounds of the tasks that a node executes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct WorkConfig {
    /// Whether this node executes tasks.
    pub enabled: bool,
    /// Between looks at the queues that this node leads.
    #[serde(with = "humantime_serde")]
    pub look_every: Duration,
    /// Tasks at once, by executor.
    pub at_once: BTreeMap<String, u32>,
    /// Programs that `command` tasks may run, by their whole path; empty by default.
    pub commands: Vec<String>,
    /// Bytes of an answer or of a program's output that are kept.
    pub output_bytes_max: usize,
}

impl Default for WorkConfig {
    fn default() -> Self {
        let at_once =
            [("http", 16), ("command", 4), ("train", 1), ("evaluate", 1), ("publish", 2), ("ask", 16)];
        Self {
            enabled: true,
            look_every: Duration::from_millis(50),
            at_once: at_once.map(|(name, room)| (name.to_owned(), room)).into(),
            commands: Vec::new(),
            output_bytes_max: 16 << 10,
        }
    }
}

impl Section for WorkConfig {
    fn validate(&self, path: &str, problems: &mut Vec<Problem>) {
        let mut bad = |key: &str, why: String| problems.push(Problem::new(format!("{path}.{key}"), why));
        if !(Duration::from_millis(1)..=Duration::from_secs(10)).contains(&self.look_every) {
            bad("look_every", "must be 1ms to 10s".to_owned());
        }
        for (name, room) in &self.at_once {
            if !NAMES.contains(&name.as_str()) {
                bad("at_once", format!("no executor {name:?}, there are {}", NAMES.join(", ")));
            }
            if *room > 1_000 {
                bad("at_once", format!("{name} must be at most 1000"));
            }
        }
        for program in &self.commands {
            if !program.starts_with('/') {
                bad("commands", format!("{program:?} must be the whole path of a program"));
            }
        }
        if !(256..=32 << 10).contains(&self.output_bytes_max) {
            bad("output_bytes_max", "must be 256 to 32768, so that an outcome fits an entry".to_owned());
        }
    }
}
