//! The store on fjall: a log-structured tree with a higher durable write rate.

use std::ops::ControlFlow;
use std::path::Path;

use fjall::{Database, Keyspace, KeyspaceCreateOptions, PersistMode};

use super::store::{Store, StoreBatch, StoreError, Visit};
use crate::address::ShardId;

/// A fjall database, a keyspace for each shard.
pub struct FjallStore(Database);

impl FjallStore {
    /// Opens the database in `dir`.
    ///
    /// # Errors
    /// The engine's failure.
    pub fn open(dir: &Path, cache_bytes: u64) -> Result<Self, StoreError> {
        Database::builder(dir).cache_size(cache_bytes).open().map(Self).map_err(|error| fail(&error))
    }

    fn keyspace(&self, shard: ShardId) -> Result<Keyspace, StoreError> {
        self.0
            .keyspace(&format!("shard-{shard}"), KeyspaceCreateOptions::default)
            .map_err(|error| fail(&error))
    }
}

impl Store for FjallStore {
    fn get(&self, shard: ShardId, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        let found = self.keyspace(shard)?.get(key).map_err(|error| fail(&error))?;
        Ok(found.map(|value| value.to_vec()))
    }

    fn write(&self, shard: ShardId, batch: StoreBatch) -> Result<(), StoreError> {
        let keyspace = self.keyspace(shard)?;
        let mut changes = self.0.batch().durability(Some(PersistMode::SyncData));
        for key in batch.deletes {
            changes.remove(&keyspace, key);
        }
        for (key, value) in batch.puts {
            changes.insert(&keyspace, key, value);
        }
        changes.commit().map_err(|error| fail(&error))
    }

    fn scan(&self, shard: ShardId, prefix: &[u8], visit: &mut Visit<'_>) -> Result<(), StoreError> {
        for guard in self.keyspace(shard)?.prefix(prefix) {
            let (key, value) = guard.into_inner().map_err(|error| fail(&error))?;
            if visit(&key, &value).is_break() {
                break;
            }
        }
        Ok(())
    }

    fn clear(&self, shard: ShardId) -> Result<(), StoreError> {
        // `Keyspace::clear` is not part of a batch, so keys are deleted in bounded batches.
        loop {
            let mut deletes = Vec::new();
            self.scan(shard, &[], &mut |key, _| {
                deletes.push(key.to_vec());
                if deletes.len() < 10_000 { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
            })?;
            if deletes.is_empty() {
                return Ok(());
            }
            self.write(shard, StoreBatch { puts: Vec::new(), deletes })?;
        }
    }
}

fn fail(error: &fjall::Error) -> StoreError {
    StoreError {
        engine: "fjall",
        what: error.to_string(),
        corrupt: !matches!(error, fjall::Error::Io(_) | fjall::Error::Poisoned),
    }
}
