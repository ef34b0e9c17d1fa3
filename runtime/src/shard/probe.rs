//! What a simulation holds a replica to. It changes nothing.

use std::collections::BTreeMap;
use std::ops::ControlFlow;

use raft::Storage as _;
use raft::eraftpb::Entry;

use super::replica::Replica;
use crate::replication::ReplicaId;
use crate::wire;

/// A replica's figures, at the end of a turn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Probe {
    /// Who it is.
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

/// Entities by kind and key as the store writes them, and the ledger.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Held {
    /// Encoded states.
    pub entities: BTreeMap<Vec<u8>, Vec<u8>>,
    /// The ledger.
    pub ledger: super::ledger::Ledger,
}

impl Replica {
    /// Its figures.
    #[must_use]
    pub fn probe(&self) -> Probe {
        Probe {
            id: self.group.id(),
            term: self.group.term(),
            leads: self.group.leads(),
            votes: self.group.votes(),
            changing: self.group.changing(),
            applied: self.applied,
            last: self.group.last(),
            inflight: self.inflight.len(),
        }
    }

    /// Entries applied after `index`, as far as the log still has them.
    #[must_use]
    pub fn applied_after(&self, index: u64) -> Vec<Entry> {
        let first = self.group.log().first_index().unwrap_or(u64::MAX).max(index + 1);
        if first > self.applied { Vec::new() } else { self.group.entries(first, self.applied) }
    }

    /// Everything that it holds, speculation included: compared between replicas only when nothing is in flight.
    ///
    /// # Errors
    /// The store.
    pub fn held(&self) -> Result<Held, String> {
        let mut entities = BTreeMap::new();
        let shard = self.group.shard();
        self.store
            .scan(shard, &[super::cells::ENTITY_PREFIX], &mut |key, value| {
                entities.insert(key.to_vec(), value.to_vec());
                ControlFlow::Continue(())
            })
            .map_err(|error| error.to_string())?;
        entities.extend(self.cells.changed_after(0));
        for value in entities.values_mut() {
            let (_, used) = wire::decode_prefix::<u64>(value)?;
            value.drain(..used);
        }
        Ok(Held { entities, ledger: self.ledger.clone() })
    }
}
