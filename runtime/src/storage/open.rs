//! `[store]` in `cluster.toml`, and the engine it names.

use std::path::Path;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::fjall_store::FjallStore;
use super::sled_store::SledStore;
use super::store::{Store, StoreError};
use crate::config::{Problem, Section};

/// Which engine keeps checkpoints.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Engine {
    /// sled 0.34.
    Sled,
    /// fjall 3.
    Fjall,
}

/// The store's settings.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct StoreConfig {
    /// `sled` or `fjall`. A node's data directory keeps the engine it was made with.
    pub engine: Engine,
    /// The engine's own cache, in bytes.
    pub cache_bytes: u64,
}

impl Default for StoreConfig {
    fn default() -> Self {
        Self { engine: Engine::Sled, cache_bytes: 32 << 20 }
    }
}

impl Section for StoreConfig {
    fn validate(&self, path: &str, problems: &mut Vec<Problem>) {
        if self.cache_bytes < 1 << 20 {
            problems.push(Problem::new(format!("{path}.cache_bytes"), "must be at least 1048576"));
        }
    }
}

/// Opens the configured engine under `dir`.
///
/// # Errors
/// The engine's failure.
pub fn open_store(config: &StoreConfig, dir: &Path) -> Result<Arc<dyn Store>, StoreError> {
    Ok(match config.engine {
        Engine::Sled => Arc::new(SledStore::open(&dir.join("sled"), config.cache_bytes)?),
        Engine::Fjall => Arc::new(FjallStore::open(&dir.join("fjall"), config.cache_bytes)?),
    })
}
