//! Invariants, checked after every turn of every replica.

use std::collections::BTreeMap;

use xxhash_rust::xxh3::xxh3_64;

use crate::ShardId;
use crate::replication::ReplicaId;
use crate::shard::Replica;

/// One shard as all its replicas must see it.
#[derive(Default)]
struct Seen {
    /// The leader of each term.
    leaders: BTreeMap<u64, ReplicaId>,
    /// Term and hash of each committed entry.
    entries: BTreeMap<u64, (u64, u64)>,
}

/// All observations, and the first violation.
pub(super) struct Watch {
    shards: Vec<Seen>,
    failure: Option<String>,
    pub(super) elections: u64,
    pub(super) entries: u64,
    /// Replicas that were removed and have left their groups.
    pub(super) moved: u64,
    backlog_max: usize,
}

impl Watch {
    pub(super) fn new(shards: u32, backlog_max: usize) -> Self {
        let shards = (0..=shards).map(|_| Seen::default()).collect();
        Self { shards, failure: None, elections: 0, entries: 0, moved: 0, backlog_max }
    }

    /// Records a violation; only the first one counts.
    pub(super) fn fail(&mut self, now: u64, what: impl Into<String>) {
        self.failure.get_or_insert_with(|| format!("at {} ms: {}", now / 1_000, what.into()));
    }

    pub(super) fn failure(&self) -> Option<&str> {
        self.failure.as_deref()
    }

    /// Checks a replica after its turn; `seen` is the last entry compared.
    pub(super) fn see(&mut self, now: u64, shard: ShardId, replica: &Replica, seen: &mut u64) {
        let probe = replica.probe();
        let at = shard.0 as usize;
        if probe.leads {
            let elections = &mut self.elections;
            let leader = *self.shards[at].leaders.entry(probe.term).or_insert_with(|| {
                *elections += 1;
                probe.id
            });
            if leader != probe.id {
                let (term, one, other) = (probe.term, leader.0, probe.id.0);
                let what = format!("replicas {one:#x} and {other:#x} of shard {shard} both lead term {term}");
                self.fail(now, what);
            }
        }
        if replica.backlog() > self.backlog_max {
            self.fail(now, format!("shard {shard} holds {} asks", replica.backlog()));
        }
        if probe.applied <= *seen {
            return;
        }
        for entry in replica.applied_after(*seen) {
            let is = (entry.term, xxh3_64(&entry.data));
            let entries = &mut self.entries;
            let was = *self.shards[at].entries.entry(entry.index).or_insert_with(|| {
                *entries += 1;
                is
            });
            if was != is {
                let (index, id) = (entry.index, probe.id.0);
                self.fail(now, format!("shard {shard} has two committed entries {index}, one on {id:#x}"));
            }
        }
        *seen = probe.applied;
    }
}
