//! Inputs and outputs of a replica of a group, and the conversion of entries between raft-rs and the log.

use bincode::{Decode, Encode};
use raft::eraftpb::{Entry, EntryType, Message};
use serde::{Deserialize, Serialize};

use super::log::SnapshotMark;
use crate::address::{NodeId, ShardId};
use crate::storage::{GroupLog, LogEntry, Record};

/// A replica's id in its group: the node in the low 16 bits, a generation above. A replica that lost its log returns
/// under a new generation: a voter that forgot its votes could lose acknowledged writes.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Encode, Decode, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct ReplicaId(pub u64);

impl ReplicaId {
    /// The id of a node's replica in a generation; zero for a founder of the cluster.
    #[must_use]
    pub const fn new(node: NodeId, generation: u64) -> Self {
        Self((generation << 16) | node.0 as u64)
    }

    /// The node that holds it.
    #[must_use]
    pub const fn node(self) -> NodeId {
        NodeId((self.0 & 0xffff) as u16)
    }

    /// Index of the entry that admitted it; zero for a founder.
    #[must_use]
    pub const fn generation(self) -> u64 {
        self.0 >> 16
    }
}

/// The state from which a replica starts.
#[derive(Debug)]
pub struct Start {
    /// The group.
    pub shard: ShardId,
    /// This replica.
    pub id: ReplicaId,
    /// The voters that the group was founded with.
    pub founders: Vec<ReplicaId>,
    /// The group's part of the write-ahead log.
    pub log: GroupLog,
    /// What the store's checkpoint covers; index zero without a checkpoint.
    pub mark: SnapshotMark,
}

/// Outputs of one step of the machine.
#[derive(Debug, Default)]
pub struct Ready {
    /// To be made durable, in order, before [`Group::persisted`](super::Group::persisted) is called with `number`.
    pub records: Vec<Record>,
    /// Number of this batch of records; zero without records.
    pub number: u64,
    /// Messages that may leave now.
    pub messages: Vec<Message>,
    /// Entries to apply, in order.
    pub committed: Vec<Entry>,
    /// A snapshot that raft-rs accepted: install it before all other outputs.
    pub snapshot: Option<raft::eraftpb::Snapshot>,
    /// Heartbeat rounds confirmed by a majority.
    pub rounds: Vec<u64>,
    /// Rounds asked of the leader, and its commit index when it was asked.
    pub named: Vec<(u64, u64)>,
}

pub(super) fn entry_from_record(entry: LogEntry) -> Entry {
    let kind = match entry.kind {
        1 => EntryType::EntryConfChange,
        2 => EntryType::EntryConfChangeV2,
        _ => EntryType::EntryNormal,
    };
    Entry {
        index: entry.index,
        term: entry.term,
        entry_type: kind,
        data: entry.data.into(),
        ..Default::default()
    }
}

pub(super) fn record_from_entry(entry: Entry) -> LogEntry {
    let kind = match entry.get_entry_type() {
        EntryType::EntryNormal => 0,
        EntryType::EntryConfChange => 1,
        EntryType::EntryConfChangeV2 => 2,
    };
    LogEntry { index: entry.index, term: entry.term, kind, data: entry.data.to_vec() }
}

/// Term of an entry in a log that begins after `cut`; `None` for an entry that it lacks.
pub(super) fn term_at(entries: &[LogEntry], cut: (u64, u64), index: u64) -> Option<u64> {
    match index.checked_sub(cut.0)? {
        0 => Some(cut.1),
        ahead => entries.get(usize::try_from(ahead - 1).ok()?).map(|entry| entry.term),
    }
}

/// A replica's place in the order in which the group's replicas stand for election. Each shard begins with another
/// node, so that leadership spreads over the nodes.
pub(super) fn rank(shard: ShardId, id: ReplicaId, voters: &[ReplicaId]) -> usize {
    let mut nodes: Vec<NodeId> = voters.iter().map(|voter| voter.node()).collect();
    nodes.sort_unstable();
    nodes.dedup();
    let Some(at) = nodes.iter().position(|node| *node == id.node()) else { return 0 };
    let count = nodes.len();
    (at + count - (shard.0 as usize % count)) % count
}
