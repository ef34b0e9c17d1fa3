//! What a node knew of its shards when it was opened.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::OnceCell;

use super::identity::{Arrival, Facts, Identity};
use crate::address::ShardId;
use crate::shard::Mailbox;
use crate::storage::GroupLog;

/// Logs as they were read, what is wrong with them, and whose disk it is.
pub(super) struct Past {
    pub(super) identity: Arc<Identity>,
    /// Whether this disk founds or joins, once its peers have said.
    pub(super) arrived: OnceCell<Arrival>,
    recovered: Mutex<BTreeMap<ShardId, GroupLog>>,
    /// Shards whose replica is to be rebuilt from its peers, and why.
    trouble: Mutex<BTreeMap<ShardId, String>>,
    /// Shards whose log has no record of its replica yet.
    unrecorded: Mutex<BTreeSet<ShardId>>,
}

impl Past {
    pub(super) fn open(
        mut recovered: BTreeMap<ShardId, GroupLog>,
        damaged: BTreeMap<ShardId, String>,
        facts: Arc<dyn Facts>,
        mailboxes: &[Arc<Mailbox>],
        founds: &[ShardId],
        joins: bool,
    ) -> Result<Self, String> {
        let used = !recovered.is_empty() || !damaged.is_empty();
        // What was read when the log was opened serves each shard's first start, an empty log included.
        for mailbox in mailboxes {
            recovered.entry(mailbox.shard()).or_default();
        }
        // A replica that others give to this node has a record before it begins.
        let unrecorded = founds.iter().copied();
        let unrecorded =
            unrecorded.filter(|shard| recovered.get(shard).is_none_or(|log| log.replica.is_none()));
        let unrecorded = unrecorded.collect();
        let identity = Arc::new(Identity::open(facts, used)?);
        if joins {
            // It founds nothing, now or at a later start.
            identity.settle()?;
        }
        Ok(Self {
            identity,
            arrived: OnceCell::new(),
            unrecorded: Mutex::new(unrecorded),
            recovered: Mutex::new(recovered),
            trouble: Mutex::new(damaged),
        })
    }

    /// A shard's log as it was read, to its first start.
    pub(super) fn take_log(&self, shard: ShardId) -> Option<GroupLog> {
        lock(&self.recovered).remove(&shard)
    }

    /// Why a shard's replica is to be rebuilt, if it is.
    pub(super) fn trouble(&self, shard: ShardId) -> Option<String> {
        lock(&self.trouble).get(&shard).cloned()
    }

    pub(super) fn set_trouble(&self, shard: ShardId, why: Option<String>) {
        match why {
            Some(why) => lock(&self.trouble).insert(shard, why),
            None => lock(&self.trouble).remove(&shard),
        };
    }

    /// A shard's log has a durable record of its replica; once all have, one that has none was lost.
    pub(super) fn recorded(&self, shard: ShardId) {
        let mut unrecorded = lock(&self.unrecorded);
        if !unrecorded.remove(&shard) || !unrecorded.is_empty() {
            return;
        }
        if let Err(why) = self.identity.settle() {
            tracing::error!(why, "the disk's identity cannot be noted: a lost log would go unnoticed");
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
