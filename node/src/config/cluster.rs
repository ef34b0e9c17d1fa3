//! `[cluster]` in `cluster.toml`.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use troupe_runtime::config::{Problem, Section};

/// What all nodes of a cluster have in common.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ClusterSection {
    /// The cluster's name.
    pub name: String,
    /// Data shards; fixed when the cluster is founded, because addresses are placed by it.
    pub shards: u32,
    /// Where nodes keep their data, each in a folder of its name. Relative paths start at the configuration file.
    pub data_dir: PathBuf,
    /// Certificates and the cookie of the mesh, made for development when the folder does not exist.
    pub certs_dir: PathBuf,
}

impl Default for ClusterSection {
    fn default() -> Self {
        Self {
            name: "troupe".to_owned(),
            shards: troupe_runtime::cluster::RuntimeConfig::default().shards,
            data_dir: PathBuf::from("data"),
            certs_dir: PathBuf::from("data/certs"),
        }
    }
}

impl Section for ClusterSection {
    fn validate(&self, path: &str, problems: &mut Vec<Problem>) {
        let mut bad = |key: &str, what: &str| problems.push(Problem::new(format!("{path}.{key}"), what));
        if !is_name(&self.name) {
            bad("name", NAME_RULE);
        }
        if self.shards == 0 || self.shards > 4_096 {
            bad("shards", "must be 1 to 4096");
        }
        for (key, value) in [("data_dir", &self.data_dir), ("certs_dir", &self.certs_dir)] {
            if value.as_os_str().is_empty() {
                bad(key, "must name a path");
            }
        }
    }
}

/// What a name must be: it becomes a folder, a certificate's subject and a metric's label.
pub(super) const NAME_RULE: &str = "must be 1 to 32 lowercase letters, digits, `-` or `_`";

pub(super) fn is_name(name: &str) -> bool {
    (1..=32).contains(&name.len())
        && name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-' || b == b'_')
}
