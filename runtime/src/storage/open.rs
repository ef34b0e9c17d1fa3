//! `[store]` in `cluster.toml`, and the engine it names.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::fjall_store::FjallStore;
use super::reopening::{OpenEngine, Reopening, TryDisk};
use super::sled_store::SledStore;
use super::store::{Store, StoreError};
use crate::config::{Problem, Section};

/// Pause of writes after a failed one.
const WRITES_REST: Duration = Duration::from_secs(1);

/// Size of the test write after a failure of the disk.
const PROBE_BYTES: usize = 1 << 20;

/// The engine that stores checkpoints.
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
    /// `sled` or `fjall`. A data directory cannot change its engine.
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
    let (engine, cache, dir) = (config.engine, config.cache_bytes, dir.to_owned());
    let probe = dir.join("probe");
    let name = if engine == Engine::Sled { "sled" } else { "fjall" };
    let try_disk: TryDisk = Box::new(move || {
        let tried = std::fs::write(&probe, vec![1; PROBE_BYTES])
            .and_then(|()| std::fs::File::open(&probe)?.sync_all())
            .and_then(|()| std::fs::remove_file(&probe));
        tried.map_err(|error| StoreError { engine: name, what: error.to_string(), corrupt: false })
    });
    let open: OpenEngine = Box::new(move || {
        Ok(match engine {
            Engine::Sled => Box::new(SledStore::open(&dir.join("sled"), cache)?),
            Engine::Fjall => Box::new(FjallStore::open(&dir.join("fjall"), cache)?),
        })
    });
    Ok(Arc::new(Reopening::open(open, try_disk, WRITES_REST)?))
}
