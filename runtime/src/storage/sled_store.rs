//! The store on sled: the fastest point reads.

use std::path::Path;

use super::store::{Store, StoreBatch, StoreError, Visit};
use crate::address::ShardId;

/// A sled database, a tree for each shard.
pub struct SledStore(sled::Db);

impl SledStore {
    /// Opens the database in `dir`.
    ///
    /// # Errors
    /// The engine's failure.
    pub fn open(dir: &Path, cache_bytes: u64) -> Result<Self, StoreError> {
        let config = sled::Config::new().path(dir).cache_capacity(cache_bytes).flush_every_ms(None);
        config.open().map(Self).map_err(|error| fail(&error))
    }

    fn tree(&self, shard: ShardId) -> Result<sled::Tree, StoreError> {
        self.0.open_tree(format!("shard-{shard}")).map_err(|error| fail(&error))
    }
}

impl Store for SledStore {
    fn get(&self, shard: ShardId, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        let found = self.tree(shard)?.get(key).map_err(|error| fail(&error))?;
        Ok(found.map(|value| value.to_vec()))
    }

    fn write(&self, shard: ShardId, batch: StoreBatch) -> Result<(), StoreError> {
        let tree = self.tree(shard)?;
        // One by one: sled blocks all reads until the end of its own batches.
        for key in batch.deletes {
            tree.remove(key).map_err(|error| fail(&error))?;
        }
        for (key, value) in batch.puts {
            tree.insert(key, value).map_err(|error| fail(&error))?;
        }
        tree.flush().map(|_| ()).map_err(|error| fail(&error))
    }

    fn scan(&self, shard: ShardId, prefix: &[u8], visit: &mut Visit<'_>) -> Result<(), StoreError> {
        for pair in self.tree(shard)?.scan_prefix(prefix) {
            let (key, value) = pair.map_err(|error| fail(&error))?;
            if visit(&key, &value).is_break() {
                break;
            }
        }
        Ok(())
    }

    fn clear(&self, shard: ShardId) -> Result<(), StoreError> {
        let tree = self.tree(shard)?;
        tree.clear().map_err(|error| fail(&error))?;
        tree.flush().map(|_| ()).map_err(|error| fail(&error))
    }
}

fn fail(error: &sled::Error) -> StoreError {
    StoreError { engine: "sled", what: error.to_string(), corrupt: !matches!(error, sled::Error::Io(_)) }
}
