//! Figures by which a simulation checks a replica. Reading them changes nothing.

use std::collections::BTreeMap;

use raft::Storage as _;
use raft::eraftpb::Entry;

use super::replica::Replica;
use super::shard_meta::ShardMeta;
use crate::replication::ReplicaId;

/// A replica's figures, at the end of a turn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Probe {
    /// The replica.
    pub id: ReplicaId,
    /// Its term.
    pub term: u64,
    /// Whether it leads that term, ready to decide or not.
    pub leads: bool,
    /// Whether it has a vote.
    pub votes: bool,
    /// Whether its group's membership is changing, as far as it knows.
    pub changing: bool,
    /// The last entry applied.
    pub applied: u64,
    /// The last entry in its log, durable or not.
    pub last: u64,
    /// Entries proposed and not committed.
    pub inflight: usize,
}

/// The state of a replica.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Held {
    /// Encoded states, under the store's keys.
    pub entities: BTreeMap<Vec<u8>, Vec<u8>>,
    /// The shard's own record.
    pub meta: ShardMeta,
}

impl Replica {
    /// Its figures.
    #[must_use]
    pub fn probe(&self) -> Probe {
        let group = &self.machine.group;
        Probe {
            id: group.id(),
            term: group.term(),
            leads: group.leads(),
            votes: group.votes(),
            changing: group.changing(),
            applied: self.machine.applied,
            last: group.last(),
            inflight: self.lead.pipeline.len(),
        }
    }

    /// Whether a replica is a member by what is committed here. A replica that is to go stays a member until the group
    /// has left the joint membership: until then each commit needs a majority of the earlier members too.
    #[must_use]
    pub fn admitted(&self, id: ReplicaId) -> bool {
        let members = self.machine.group.members();
        let mut ids = members.voters.iter().chain(&members.learners).chain(&members.voters_outgoing);
        ids.any(|member| *member == id.0)
    }

    /// Entries applied after `index`, as far as the log still has them.
    #[must_use]
    pub fn applied_after(&self, index: u64) -> Vec<Entry> {
        let (group, applied) = (&self.machine.group, self.machine.applied);
        let first = group.log().first_index().unwrap_or(u64::MAX).max(index + 1);
        if first > applied { Vec::new() } else { group.entries(first, applied) }
    }

    /// Its state, speculation included: compare replicas only when no entry is in flight.
    ///
    /// # Errors
    /// The store.
    pub fn held(&self) -> Result<Held, String> {
        self.machine.entities.held()
    }
}
