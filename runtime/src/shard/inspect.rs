//! Inspection of a replica, and the few ways to act on one entity from outside.

use raft::StateRole;

use super::entities::{Entities, Tail, seconds_of};
use super::follower_reads::NearAnswer;
use super::recent::Recent;
use super::replica::Replica;
use super::sink::Sink;
use crate::address::{Address, NodeId, ShardId};
use crate::entity::{KindSpec, VerbSpec};
use crate::error::AskError;
use crate::membership::Cluster;
use crate::observe::{EntityView, KeyRange, Role, ShardView, TimerView};
use crate::replication::{Mono, ReplicaId};
use crate::time::Timestamp;
use crate::transport::Outcome;

/// The replica from which an entity is seen.
struct Vantage {
    node: NodeId,
    shard: ShardId,
    role: Role,
    term: u64,
}

impl Replica {
    /// This replica's role in the shard.
    #[must_use]
    pub fn role(&self) -> Role {
        match self.machine.group.state() {
            _ if self.broken().is_some() => Role::Down,
            StateRole::Leader => Role::Leader,
            StateRole::Candidate | StateRole::PreCandidate => Role::Candidate,
            StateRole::Follower if self.machine.group.votes() => Role::Follower,
            StateRole::Follower => Role::Learner,
        }
    }

    /// The replica as the console shows it. `mailbox` and `starts` are known to the shell alone.
    #[must_use]
    pub fn view(&self, mailbox: u32, starts: u32) -> ShardView {
        let (group, entities) = (&self.machine.group, &self.machine.entities);
        let members = group.members();
        let waiting = u32::try_from(self.asks.waiting()).unwrap_or(u32::MAX);
        ShardView {
            shard: group.shard(),
            role: self.role(),
            term: group.term(),
            leader: self.leader(),
            replicas: nodes_of(members.voters.iter().chain(&members.learners)),
            voters: nodes_of(members.voters.iter()),
            generation: group.id().generation(),
            committed: group.committed(),
            applied: self.machine.applied,
            checkpointed: self.machine.checkpoints.covered(),
            entities: entities.cells.len() as u64,
            entity_bytes: entities.cells.bytes(),
            mailbox: mailbox.saturating_add(waiting),
            commands_total: entities.counters.commands,
            queries_total: entities.counters.queries,
            outbox: u32::try_from(entities.meta.outbox_len()).unwrap_or(u32::MAX),
            faults_total: entities.faults.total,
            starts,
            trouble: self.broken().map(ToOwned::to_owned).or_else(|| self.passing()),
        }
    }

    /// A state that ends by itself and that the console should show.
    fn passing(&self) -> Option<String> {
        let group = &self.machine.group;
        // Read from the globals, because only a leader keeps its wishes up to date.
        let globals = &self.machine.entities.globals;
        let wishes = globals.get::<Cluster>(Cluster::KEY).and_then(|c| c.target(group.shard()));
        let follows = wishes.is_some_and(|wishes| wishes.learners.contains(&group.id().node()));
        match self.role() {
            Role::Learner if !follows => Some("learns from its peers, and does not vote yet".to_owned()),
            _ if group.is_joint() => Some("its membership is changing".to_owned()),
            _ => None,
        }
    }

    fn vantage(&self) -> Vantage {
        let group = &self.machine.group;
        let (node, shard, term) = (group.id().node(), group.shard(), group.term());
        Vantage { node, shard, role: self.role(), term }
    }

    /// One entity as far as this replica has applied it.
    ///
    /// # Errors
    /// An unknown kind, or a state that cannot be loaded.
    pub fn entity(&mut self, address: Address, now: Mono) -> Result<EntityView, AskError> {
        let vantage = self.vantage();
        self.machine.entities.view(address, vantage, &self.asks.recent, now)
    }

    /// Ends an entity's incarnation and rebuilds its state from what is durable. Also ends its quarantine.
    ///
    /// # Errors
    /// Not the leader, an unknown kind, or a state that cannot be loaded.
    pub fn restart(&mut self, address: Address, now: Mono) -> Result<EntityView, AskError> {
        if !self.decides() {
            return Err(AskError::NotLeader { hint: self.machine.hint() });
        }
        let (entities, tail) = self.machine.with_tail(true);
        entities.restart(&address, &tail, &mut self.sink)?;
        self.entity(address, now)
    }

    /// Keys of a kind in this shard.
    ///
    /// # Errors
    /// A store that cannot be read.
    pub fn keys(&self, range: &KeyRange) -> Result<Vec<String>, AskError> {
        self.machine.entities.cells.keys(range).map_err(AskError::Fault)
    }

    /// Answers a query without a turn of the shard. `None` unless no ask waits, the entity is resident without entries in
    /// flight, and the lease holds and is not about to end. The next query through the mailbox renews the lease.
    pub fn answer_here(
        &mut self,
        to: &Address,
        verb: (&KindSpec, &VerbSpec),
        body: &[u8],
        now: Mono,
        wall: Timestamp,
    ) -> Option<Outcome> {
        let Self { machine, lead, asks, sink, .. } = self;
        let free = sink.broken().is_none() && asks.waiting() == 0;
        if !free || !lead.answers_at_once(now, &machine.group) {
            return None;
        }
        let (applied, times) = (machine.applied, (now, wall));
        machine.entities.answer_resident(to, verb, body, applied, times, &mut asks.recent)
    }

    /// Answers a follower read without a turn of the shard. `None` unless this replica follows, its state is known to be
    /// at most `age_max` old, and the entity is resident. The next read through the mailbox learns a younger age.
    pub fn answer_near(
        &mut self,
        (to, verb, body): (&Address, (&KindSpec, &VerbSpec), &[u8]),
        age_max: Mono,
        times: (Mono, Timestamp),
    ) -> Option<NearAnswer> {
        let Self { machine, lead, asks, sink, follower_reads } = self;
        // A replica that led has speculative state until its next turn notices the loss.
        if sink.broken().is_some() || lead.leadership.leads() || machine.group.leads() {
            return None;
        }
        let age = follower_reads.age(machine.applied, times.0).filter(|age| *age <= age_max)?;
        let applied = machine.applied;
        let outcome = machine.entities.answer_resident(to, verb, body, applied, times, &mut asks.recent)?;
        Some(NearAnswer { outcome, age })
    }
}

impl Entities {
    fn view(
        &mut self,
        address: Address,
        vantage: Vantage,
        recent: &Recent,
        now: Mono,
    ) -> Result<EntityView, AskError> {
        let registry = self.registry.clone();
        let kind = registry.get(&address.kind).ok_or_else(|| AskError::UnknownKind(address.kind.clone()))?;
        let (faults, quarantined) = self.faults.state(&address, kind.faults, now);
        let resident = self.cells.is_resident(&address);
        let set = self.meta.timers.of(&address).into_iter().flatten();
        let timers = set
            .map(|(name, timer)| TimerView {
                name: name.to_string(),
                due: timer.due,
                every_ms: timer.every_ms,
                catch_up: timer.catch_up,
                verb: timer.verb.clone(),
            })
            .collect();
        let read = self.cells.read(kind, &address.key, seconds_of(now)).map_err(AskError::Fault)?;
        let cell = match &read {
            Ok(resident) => resident.cell.as_ref(),
            Err(blank) => blank.as_ref(),
        };
        let (state, bytes) = (cell.view().to_string(), cell.size() as u64);
        let recent = recent.of(&address);
        let Vantage { node, shard, role, term } = vantage;
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
            given_up: quarantined,
            recent,
            timers,
        })
    }

    fn restart(&mut self, address: &Address, tail: &Tail<'_>, sink: &mut Sink) -> Result<(), AskError> {
        let registry = self.registry.clone();
        let kind = registry.get(&address.kind).ok_or_else(|| AskError::UnknownKind(address.kind.clone()))?;
        self.faults.forgive(address);
        self.cells.evict(kind.name, &address.key);
        self.refold(kind, address, tail, &[], 0).map_err(AskError::Fault)?;
        sink.note_entity(address, "restarted", "asked for from outside".to_owned());
        Ok(())
    }
}

/// The nodes of these replicas, each once, in order.
fn nodes_of<'a>(ids: impl Iterator<Item = &'a u64>) -> Vec<NodeId> {
    let mut nodes: Vec<NodeId> = Vec::new();
    for node in ids.map(|id| ReplicaId(*id).node()) {
        if !nodes.contains(&node) {
            nodes.push(node);
        }
    }
    nodes
}
