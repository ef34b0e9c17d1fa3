//! What a node knows of its shards when it is opened.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};

use tokio::sync::OnceCell;

use super::identity::{BootstrapMode, Facts, Identity};
use crate::address::ShardId;
use crate::locks::lock;
use crate::shard::Mailbox;
use crate::storage::GroupLog;

/// The logs as they were read, their damage, and the disk's identity.
pub(super) struct RecoveredState {
    pub(super) identity: Arc<Identity>,
    /// Whether this disk initialises the cluster or rejoins, once its peers have answered.
    pub(super) mode: OnceCell<BootstrapMode>,
    recovered: Mutex<BTreeMap<ShardId, GroupLog>>,
    /// Shards with a replica to rebuild from its peers, and the reason.
    trouble: Mutex<BTreeMap<ShardId, String>>,
    /// Shards without a record of their replica in the log.
    unrecorded: Mutex<BTreeSet<ShardId>>,
}

impl RecoveredState {
    pub(super) fn open(
        mut recovered: BTreeMap<ShardId, GroupLog>,
        damaged: BTreeMap<ShardId, String>,
        facts: Arc<dyn Facts>,
        mailboxes: &[Arc<Mailbox>],
        founds: &[ShardId],
        joins: bool,
    ) -> Result<Self, String> {
        let used = !recovered.is_empty() || !damaged.is_empty();
        // The logs read at opening serve each shard's first start, empty logs included.
        for mailbox in mailboxes {
            recovered.entry(mailbox.shard()).or_default();
        }
        // A replica that is placed here later has a record before it starts.
        let unrecorded = founds.iter().copied();
        let unrecorded =
            unrecorded.filter(|shard| recovered.get(shard).is_none_or(|log| log.replica.is_none()));
        let unrecorded = unrecorded.collect();
        let identity = Arc::new(Identity::open(facts, used)?);
        if joins {
            // A joining node never initialises the cluster, now or at a later start.
            identity.settle()?;
        }
        Ok(Self {
            identity,
            mode: OnceCell::new(),
            unrecorded: Mutex::new(unrecorded),
            recovered: Mutex::new(recovered),
            trouble: Mutex::new(damaged),
        })
    }

    /// A shard's log as it was read, for its first start.
    pub(super) fn take_log(&self, shard: ShardId) -> Option<GroupLog> {
        lock(&self.recovered).remove(&shard)
    }

    /// Why a shard's replica must be rebuilt, if it must.
    pub(super) fn trouble(&self, shard: ShardId) -> Option<String> {
        lock(&self.trouble).get(&shard).cloned()
    }

    pub(super) fn set_trouble(&self, shard: ShardId, why: Option<String>) {
        match why {
            Some(why) => lock(&self.trouble).insert(shard, why),
            None => lock(&self.trouble).remove(&shard),
        };
    }

    /// A shard's log has a durable record of its replica. Once all logs have one, a log without one was lost.
    pub(super) fn recorded(&self, shard: ShardId) {
        let mut unrecorded = lock(&self.unrecorded);
        if !unrecorded.remove(&shard) || !unrecorded.is_empty() {
            return;
        }
        if let Err(why) = self.identity.settle() {
            tracing::error!(why, "the disk's identity cannot be written: a lost log would go unnoticed");
        }
    }
}
