//! The `lake` section of `cluster.toml`.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use troupe_runtime::config::{Problem, Section};

/// The directory and the size limit of the lake.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct LakeConfig {
    /// The directory of the objects; nodes on one machine share it.
    pub dir: PathBuf,
    /// Largest object accepted or read, in bytes.
    pub object_bytes_max: usize,
}

impl Default for LakeConfig {
    fn default() -> Self {
        Self { dir: PathBuf::from("data/lake"), object_bytes_max: 1 << 30 }
    }
}

impl Section for LakeConfig {
    fn validate(&self, path: &str, problems: &mut Vec<Problem>) {
        if self.dir.as_os_str().is_empty() {
            problems.push(Problem::new(format!("{path}.dir"), "must name a directory"));
        }
        if self.object_bytes_max == 0 {
            problems.push(Problem::new(format!("{path}.object_bytes_max"), "must be at least 1"));
        }
    }
}
