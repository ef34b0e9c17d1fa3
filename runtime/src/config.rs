//! What every section of `cluster.toml` has in common.

use std::fmt;

/// One thing wrong in a configuration, named by its key.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Problem {
    /// The key's path: `raft.tick`, `nodes[1].mesh`.
    pub key: String,
    /// What is wrong and what would be right.
    pub what: String,
}

impl Problem {
    /// A problem of one key.
    pub fn new(key: impl Into<String>, what: impl Into<String>) -> Self {
        Self { key: key.into(), what: what.into() }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.key, self.what)
    }
}

/// A table of `cluster.toml`: serde reads it, `validate` reports every value that cannot work.
pub trait Section {
    /// Appends each problem with its key under `path`.
    fn validate(&self, path: &str, problems: &mut Vec<Problem>);
}
