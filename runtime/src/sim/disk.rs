//! One node's disk: a log with records that are not durable yet, and a store of checkpoints.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};

use xxhash_rust::xxh3::xxh3_64;

use crate::address::ShardId;
use crate::locks::lock;
use crate::planted::{Bug, Planted};
use crate::shard::CheckpointJob;
use crate::storage::{GroupLog, Record, Store, StoreBatch, StoreError, Visit, survivors, visit_pairs};

/// The owner to notify of an append.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Waits {
    /// No owner.
    Nobody,
    /// The replica, under this number.
    Replica(u64),
    /// A replica to be opened.
    Opening,
    /// A removed replica: its store is to be cleared.
    Leaving,
}

struct Append {
    shard: ShardId,
    records: Vec<Record>,
    waits: Waits,
}

/// Appends in one sync at most.
const BATCH_MAX: usize = 1_024;

/// The disk. It outlives its node's incarnations.
pub(super) struct Disk {
    groups: BTreeMap<ShardId, GroupLog>,
    tail: VecDeque<Append>,
    syncing: usize,
    pub(super) store: Arc<MemoryStore>,
    pub(super) damaged: BTreeSet<ShardId>,
    /// The disk's peers know it: an empty log means a lost log.
    pub(super) known: bool,
    /// Added duration of every sync, in microseconds.
    pub(super) slow: u64,
    /// The next append fails.
    pub(super) failing: bool,
    /// Every append fails.
    pub(super) full: bool,
    planted: Planted,
}

impl Disk {
    pub(super) fn new(planted: Planted) -> Self {
        Self {
            groups: BTreeMap::new(),
            tail: VecDeque::new(),
            syncing: 0,
            store: Arc::default(),
            damaged: BTreeSet::new(),
            known: false,
            slow: 0,
            failing: false,
            full: false,
            planted,
        }
    }

    /// Takes records. True if the owner must be notified at once, before they are durable: only with a planted bug.
    pub(super) fn append(
        &mut self,
        shard: ShardId,
        records: Vec<Record>,
        waits: Waits,
    ) -> Result<bool, String> {
        if self.full {
            return Err("no space left on device".to_owned());
        }
        if std::mem::take(&mut self.failing) {
            return Err("input/output error".to_owned());
        }
        let early = self.planted.has(Bug::FsyncSkipped);
        self.tail.push_back(Append { shard, records, waits: if early { Waits::Nobody } else { waits } });
        Ok(early)
    }

    /// Begins a sync if there are records to sync and none is running.
    pub(super) fn begin(&mut self) -> bool {
        if self.syncing > 0 || self.tail.is_empty() {
            return false;
        }
        self.syncing = self.tail.len().min(BATCH_MAX);
        true
    }

    /// Additional duration of a sync on a slow disk.
    pub(super) fn extra(&self) -> u64 {
        // No owner waits for a skipped sync: the operating system writes later.
        self.slow + if self.planted.has(Bug::FsyncSkipped) { 400_000 } else { 0 }
    }

    /// Ends the sync; returns the owners to notify.
    pub(super) fn synced(&mut self) -> Result<Vec<(ShardId, Waits)>, String> {
        let count = std::mem::take(&mut self.syncing);
        self.fold(count)
    }

    /// Makes all records durable at once, for a replica that restarts in a running node.
    pub(super) fn sync_all(&mut self) -> Result<Vec<(ShardId, Waits)>, String> {
        self.syncing = 0;
        self.fold(self.tail.len())
    }

    fn fold(&mut self, count: usize) -> Result<Vec<(ShardId, Waits)>, String> {
        let mut waiting = Vec::with_capacity(count);
        for Append { shard, records, waits } in self.tail.drain(..count.min(self.tail.len())) {
            for record in records {
                if matches!(record, Record::Replica { .. }) {
                    self.damaged.remove(&shard);
                }
                self.groups.entry(shard).or_default().fold(shard, record)?;
            }
            waiting.push((shard, waits));
        }
        Ok(waiting)
    }

    /// Power loss: some first part of the unsynced records survives, the last of it torn.
    pub(super) fn crash(&mut self, keep: impl FnOnce(usize) -> usize) -> Result<(), String> {
        let tail: Vec<Append> = self.tail.drain(..).collect();
        self.syncing = 0;
        let written: Vec<(ShardId, &[Record])> =
            tail.iter().map(|append| (append.shard, &*append.records)).collect();
        for (shard, record) in survivors(&written, keep)? {
            if matches!(record, Record::Replica { .. }) {
                self.damaged.remove(&shard);
            }
            self.groups.entry(shard).or_default().fold(shard, record)?;
        }
        Ok(())
    }

    /// A replica's log as a starting node reads it.
    pub(super) fn log(&self, shard: ShardId) -> GroupLog {
        self.groups.get(&shard).cloned().unwrap_or_default()
    }

    /// Loses everything.
    pub(super) fn wipe(&mut self) {
        let known = self.known;
        *self = Self { known, ..Self::new(self.planted) };
    }

    /// Damages a shard's log.
    pub(super) fn damage(&mut self, shard: ShardId) {
        self.groups.remove(&shard);
        self.damaged.insert(shard);
    }
}

type Pairs = BTreeMap<Vec<u8>, Vec<u8>>;

/// A store in memory. Its content is durable; a batch that fails or is cut short by a crash leaves some part.
#[derive(Default)]
pub(crate) struct MemoryStore {
    spaces: Mutex<BTreeMap<ShardId, Pairs>>,
    failing: AtomicBool,
    /// Batches that failed.
    torn: AtomicU64,
}

impl MemoryStore {
    /// Switches the failing of writes.
    pub(super) fn fail(&self, failing: bool) {
        self.failing.store(failing, Ordering::Relaxed);
    }

    /// Power loss during the write of a checkpoint.
    pub(super) fn tear(&self, job: CheckpointJob) {
        let failing = self.failing.swap(true, Ordering::Relaxed);
        let _ = job.write(self);
        self.fail(failing);
    }

    pub(super) fn is_failing(&self) -> bool {
        self.failing.load(Ordering::Relaxed)
    }

    fn writable(&self) -> Result<(), StoreError> {
        if self.is_failing() {
            return Err(StoreError {
                engine: "simulated",
                what: "input/output error".to_owned(),
                corrupt: false,
            });
        }
        Ok(())
    }

    fn spaces(&self) -> MutexGuard<'_, BTreeMap<ShardId, Pairs>> {
        lock(&self.spaces)
    }
}

impl Store for MemoryStore {
    fn get(&self, shard: ShardId, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        Ok(self.spaces().get(&shard).and_then(|pairs| pairs.get(key).cloned()))
    }

    fn write(&self, shard: ShardId, batch: StoreBatch) -> Result<(), StoreError> {
        let outcome = self.writable();
        let mut spaces = self.spaces();
        let pairs = spaces.entry(shard).or_default();
        // Any part of a failed batch may be there.
        let torn = self.torn.fetch_add(u64::from(outcome.is_err()), Ordering::Relaxed);
        let there = |key: &[u8]| outcome.is_ok() || xxh3_64(key) % 3 == torn % 3;
        batch.deletes.iter().filter(|key| there(key)).for_each(|key| {
            pairs.remove(key);
        });
        pairs.extend(batch.puts.into_iter().filter(|(key, _)| there(key)));
        drop(spaces);
        outcome
    }

    fn scan(&self, shard: ShardId, prefix: &[u8], visit: &mut Visit<'_>) -> Result<(), StoreError> {
        let spaces = self.spaces();
        if let Some(pairs) = spaces.get(&shard) {
            visit_pairs(pairs, prefix, visit);
        }
        Ok(())
    }

    fn clear(&self, shard: ShardId) -> Result<(), StoreError> {
        self.writable()?;
        self.spaces().remove(&shard);
        Ok(())
    }
}
