//! A disk in memory, for tests of several nodes in one process. It survives a node's end as a disk does.

use std::collections::BTreeMap;

use std::sync::{Arc, Mutex};

use super::identity::Facts;
use super::spec::Disk;
use crate::address::ShardId;
use crate::locks::lock;
use crate::shard::{Append, Unread};
use crate::storage::{GroupLog, Record, Store, StoreBatch, StoreError, Visit, visit_pairs};

type Pairs = BTreeMap<Vec<u8>, Vec<u8>>;

/// Log and store of one node.
#[derive(Clone, Default)]
pub struct MemoryDisk {
    groups: Arc<Mutex<BTreeMap<ShardId, GroupLog>>>,
    spaces: Arc<Mutex<BTreeMap<ShardId, Pairs>>>,
    facts: Arc<Mutex<Option<Vec<u8>>>>,
    damaged: Arc<Mutex<BTreeMap<ShardId, String>>>,
}

impl MemoryDisk {
    /// Opens the disk as a node does when it starts.
    #[must_use]
    pub fn open(&self) -> Disk {
        Disk {
            log: Arc::new(self.clone()),
            store: Arc::new(self.clone()),
            facts: Arc::new(self.clone()),
            recovered: lock(&self.groups).clone(),
            damaged: lock(&self.damaged).clone(),
        }
    }

    /// Makes a shard's log unreadable, until its replica is given a new id.
    pub fn damage(&self, shard: ShardId) {
        lock(&self.groups).remove(&shard);
        lock(&self.damaged).insert(shard, "damaged by a test".to_owned());
    }

    /// Drops the log and keeps the rest.
    pub fn lose_log(&self) {
        lock(&self.groups).clear();
    }

    /// Drops the checkpoints and keeps the rest.
    pub fn lose_checkpoints(&self) {
        lock(&self.spaces).clear();
    }
}

impl Append for MemoryDisk {
    fn append(
        &self,
        shard: ShardId,
        records: Vec<Record>,
        done: Box<dyn FnOnce(Result<(), String>) + Send>,
    ) -> Result<(), String> {
        {
            let mut groups = lock(&self.groups);
            let group = groups.entry(shard).or_default();
            for record in records {
                if matches!(record, Record::Replica { .. } | Record::Gone) {
                    lock(&self.damaged).remove(&shard);
                }
                group.fold(shard, record)?;
            }
        }
        done(Ok(()));
        Ok(())
    }

    fn reread(&self, shard: ShardId) -> Result<GroupLog, Unread> {
        Ok(lock(&self.groups).get(&shard).cloned().unwrap_or_default())
    }
}

impl Facts for MemoryDisk {
    fn load(&self) -> Result<Option<Vec<u8>>, String> {
        Ok(lock(&self.facts).clone())
    }

    fn save(&self, bytes: &[u8]) -> Result<(), String> {
        *lock(&self.facts) = Some(bytes.to_vec());
        Ok(())
    }
}

impl Store for MemoryDisk {
    fn get(&self, shard: ShardId, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        Ok(lock(&self.spaces).get(&shard).and_then(|pairs| pairs.get(key).cloned()))
    }

    fn write(&self, shard: ShardId, batch: StoreBatch) -> Result<(), StoreError> {
        let mut spaces = lock(&self.spaces);
        let pairs = spaces.entry(shard).or_default();
        for key in &batch.deletes {
            pairs.remove(key);
        }
        pairs.extend(batch.puts);
        Ok(())
    }

    fn scan(&self, shard: ShardId, prefix: &[u8], visit: &mut Visit<'_>) -> Result<(), StoreError> {
        let spaces = lock(&self.spaces);
        if let Some(pairs) = spaces.get(&shard) {
            visit_pairs(pairs, prefix, visit);
        }
        Ok(())
    }

    fn clear(&self, shard: ShardId) -> Result<(), StoreError> {
        lock(&self.spaces).remove(&shard);
        Ok(())
    }
}
