//! Looks into a replica that change nothing.

use raft::StateRole;

use super::output::Note;
use super::replica::Replica;
use crate::address::{Address, NodeId};
use crate::error::AskError;
use crate::membership::Cluster;
use crate::observe::{EntityView, KeyRange, Role, ShardView, TimerView};
use crate::replication::{Mono, ReplicaId};

impl Replica {
    /// This replica's part in the shard.
    #[must_use]
    pub fn role(&self) -> Role {
        match self.group.state() {
            _ if self.broken.is_some() => Role::Down,
            StateRole::Leader => Role::Leader,
            StateRole::Candidate | StateRole::PreCandidate => Role::Candidate,
            StateRole::Follower if self.group.votes() => Role::Follower,
            StateRole::Follower => Role::Learner,
        }
    }

    /// The replica as the console shows it; the shell fills in what it alone knows.
    #[must_use]
    pub fn view(&self, mailbox: u32, starts: u32) -> ShardView {
        let members = self.group.members();
        let nodes = |ids: &mut dyn Iterator<Item = &u64>| {
            let mut nodes: Vec<NodeId> = Vec::new();
            for node in ids.map(|id| ReplicaId(*id).node()) {
                if !nodes.contains(&node) {
                    nodes.push(node);
                }
            }
            nodes
        };
        let replicas = nodes(&mut members.voters.iter().chain(&members.learners));
        let voters = nodes(&mut members.voters.iter());
        // Read here, because only a leader keeps its wishes up to date.
        let wishes = self.globals.get::<Cluster>(Cluster::KEY).and_then(|c| c.target(self.group.shard()));
        let follows = wishes.is_some_and(|wishes| wishes.learners.contains(&self.group.id().node()));
        let passing = match self.role() {
            Role::Learner if !follows => Some("learns from its peers, and does not vote yet".to_owned()),
            _ if self.group.is_joint() => Some("its membership is changing".to_owned()),
            _ => None,
        };
        ShardView {
            shard: self.group.shard(),
            role: self.role(),
            term: self.group.term(),
            leader: self.leader(),
            replicas,
            voters,
            generation: self.group.id().generation(),
            committed: self.group.committed(),
            applied: self.applied,
            checkpointed: self.checkpoint,
            entities: self.cells.len() as u64,
            entity_bytes: self.cells.bytes(),
            mailbox: mailbox.saturating_add(u32::try_from(self.waiting.len()).unwrap_or(u32::MAX)),
            commands_total: self.counters.commands,
            queries_total: self.counters.queries,
            outbox: u32::try_from(self.ledger.outbox_len()).unwrap_or(u32::MAX),
            faults_total: self.faults.total,
            starts,
            trouble: self.broken.clone().or(passing),
        }
    }

    /// The truth about one entity as far as this replica has applied it.
    ///
    /// # Errors
    /// An unknown kind, or a state that cannot be loaded.
    pub fn entity(&mut self, address: Address, now: Mono) -> Result<EntityView, AskError> {
        let registry = self.registry.clone();
        let kind = registry.get(&address.kind).ok_or_else(|| AskError::UnknownKind(address.kind.clone()))?;
        let (shard, term, role) = (self.group.shard(), self.group.term(), self.role());
        let (faults, given_up) = self.faults.state(&address, kind.faults, now);
        let resident = self.cells.is_resident(&address);
        let recent = self.recent.of(&address);
        let set = self.ledger.timers.of(&address).into_iter().flatten();
        let timers = set
            .map(|(name, timer)| TimerView {
                name: name.to_string(),
                due: timer.due,
                every_ms: timer.every_ms,
                catch_up: timer.catch_up,
                verb: timer.verb.clone(),
            })
            .collect();
        let looked =
            self.cells.look(kind, &address.key, super::replica::seconds_of(now)).map_err(AskError::Fault)?;
        let cell = match &looked {
            Ok(found) => found.cell.as_ref(),
            Err(blank) => blank.as_ref(),
        };
        let state = cell.view().to_string();
        let bytes = cell.size() as u64;
        let node = self.group.id().node();
        Ok(EntityView {
            address,
            shard,
            node,
            role,
            term,
            resident,
            state,
            bytes,
            faults,
            given_up,
            recent,
            timers,
        })
    }

    /// Ends an entity's incarnation and folds its state anew from what is durable; one that was given up is tried again.
    ///
    /// # Errors
    /// Not the leader, an unknown kind, or a state that cannot be loaded.
    pub fn restart(&mut self, address: Address, now: Mono) -> Result<EntityView, AskError> {
        if !self.decides() {
            return Err(AskError::NotLeader { hint: self.leader().map(|node| node.0) });
        }
        let registry = self.registry.clone();
        let kind = registry.get(&address.kind).ok_or_else(|| AskError::UnknownKind(address.kind.clone()))?;
        self.faults.forgive(&address);
        self.cells.evict(kind.name, &address.key);
        self.refold(kind, &address, &[], 0).map_err(AskError::Fault)?;
        let reason = "asked for from outside".to_owned();
        self.out.notes.push(Note { subject: address.to_string(), change: "restarted", reason });
        self.entity(address, now)
    }

    /// Keys of a kind in this shard.
    ///
    /// # Errors
    /// A store that cannot be read.
    pub fn keys(&self, range: &KeyRange) -> Result<Vec<String>, AskError> {
        self.cells.keys(range).map_err(AskError::Fault)
    }
}
