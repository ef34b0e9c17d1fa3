//! What all sections of `cluster.toml` have in common.

use std::fmt;

/// One invalid value of a configuration, named by its key.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Problem {
    /// The key's path: `raft.tick`, `nodes[1].mesh`.
    pub key: String,
    /// What is wrong, and what a valid value is.
    pub what: String,
}

impl Problem {
    /// A problem with one key.
    pub fn new(key: impl Into<String>, what: impl Into<String>) -> Self {
        Self { key: key.into(), what: what.into() }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.key, self.what)
    }
}

/// A table of `cluster.toml`: serde reads it, `validate` reports every invalid value.
pub trait Section {
    /// Appends each problem with its key under `path`.
    fn validate(&self, path: &str, problems: &mut Vec<Problem>);
}
