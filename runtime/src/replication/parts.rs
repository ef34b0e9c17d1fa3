//! What goes into a replica of a group and what comes out, and entries on their way between raft-rs and the log.

use bincode::{Decode, Encode};
use raft::eraftpb::{Entry, EntryType, Message};
use serde::{Deserialize, Serialize};

use super::log::SnapshotMark;
use crate::address::{NodeId, ShardId};
use crate::storage::{GroupLog, LogEntry, Record};

/// A replica's id in its group: the node in the low 16 bits, above it a generation. A replica that lost its log comes
/// back under a new generation: a voter with amnesia could lose acknowledged writes.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Encode, Decode, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct ReplicaId(pub u64);

impl ReplicaId {
    /// The id of a generation of a node's replica; zero is the one a cluster is founded with.
    #[must_use]
    pub const fn new(node: NodeId, generation: u64) -> Self {
        Self((generation << 16) | node.0 as u64)
    }

    /// The node it lives on.
    #[must_use]
    pub const fn node(self) -> NodeId {
        NodeId((self.0 & 0xffff) as u16)
    }

    /// Index of the entry that admitted it, zero for a founder.
    #[must_use]
    pub const fn generation(self) -> u64 {
        self.0 >> 16
    }
}

/// What a replica starts from.
#[derive(Debug)]
pub struct Start {
    /// The group.
    pub shard: ShardId,
    /// This replica.
    pub id: ReplicaId,
    /// The voters that the group was founded with.
    pub founders: Vec<ReplicaId>,
    /// What the write-ahead log holds of the group.
    pub log: GroupLog,
    /// What the store's checkpoint covers; index zero when there is none.
    pub mark: SnapshotMark,
}

/// What one look at the machine yields.
#[derive(Debug, Default)]
pub struct Ready {
    /// To be made durable, in order, before [`Group::persisted`](super::Group::persisted) is called with `number`.
    pub records: Vec<Record>,
    /// Names this batch of records; zero when there is nothing to make durable.
    pub number: u64,
    /// Messages that may leave now.
    pub messages: Vec<Message>,
    /// Entries to apply, in order.
    pub committed: Vec<Entry>,
    /// A snapshot to install before anything else in here: what raft-rs accepted.
    pub snapshot: Option<raft::eraftpb::Snapshot>,
    /// Heartbeat rounds confirmed by a majority.
    pub rounds: Vec<u64>,
    /// Rounds asked of the leader, and what it had committed when it was asked.
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

/// The term of an entry of a log that was cut after `cut`, if it is there.
pub(super) fn term_at(entries: &[LogEntry], cut: (u64, u64), index: u64) -> Option<u64> {
    match index.checked_sub(cut.0)? {
        0 => Some(cut.1),
        ahead => entries.get(usize::try_from(ahead - 1).ok()?).map(|entry| entry.term),
    }
}

/// A replica's place in the order in which the group's replicas stand for election; each shard begins with another
/// node, so that leadership spreads by itself.
pub(super) fn rank(shard: ShardId, id: ReplicaId, voters: &[ReplicaId]) -> usize {
    let mut nodes: Vec<NodeId> = voters.iter().map(|voter| voter.node()).collect();
    nodes.sort_unstable();
    nodes.dedup();
    let Some(at) = nodes.iter().position(|node| *node == id.node()) else { return 0 };
    let count = nodes.len();
    (at + count - (shard.0 as usize % count)) % count
}
