//! One replica of one shard: inputs go in, a turn does what can be done, and [`Outputs`] come out.

use std::collections::BTreeSet;

use raft::eraftpb::Entry;

use super::asks::Asks;
use super::follower_reads::{FollowerReads, NearAsk};
use super::lead::Lead;
use super::membership::Membership;
use super::output::{CheckpointEnd, Outputs};
use super::parts::ReplicaParts;
use super::sink::Sink;
use super::snapshot;
use super::state_machine::StateMachine;
use crate::address::{Address, NodeId, ShardId};
use crate::error::AskError;
use crate::replication::{Mono, RaftConfig, ReplicaId, SnapshotMark};
use crate::storage::Record;
use crate::time::{Timestamp, micros};
use crate::transport::{AskOne, EffectBatch};

/// Rounds of deciding and committing in one turn.
const ROUNDS_MAX: usize = 8;

/// One replica of one shard.
pub struct Replica {
    pub(super) machine: StateMachine,
    pub(super) lead: Lead,
    pub(super) asks: Asks,
    pub(super) follower_reads: FollowerReads,
    pub(super) sink: Sink,
}

impl Replica {
    /// Opens a replica from what survived: the checkpoint, then the log after it.
    ///
    /// # Errors
    /// State that does not fit together or does not decode: rebuild the replica from its peers.
    pub fn open(parts: ReplicaParts, now: Mono) -> Result<Self, String> {
        let (shard, seed) = (parts.start.shard, parts.seed);
        let (config, raft) = (parts.shard.clone(), parts.raft.clone());
        let (mut machine, mut sink) = (StateMachine::open(parts, now)?, Sink::new(shard, now));
        if shard == ShardId::CONTROL {
            machine.entities.publish_all(&mut sink)?;
        }
        let (lease, beat_ms) = (lease_of(&raft), u64::from(raft.heartbeat_ticks) * tick_of(&raft) / 1_000);
        Ok(Self {
            machine,
            lead: Lead::new(shard, &config, lease, beat_ms),
            asks: Asks::new(config.recent_messages_max),
            follower_reads: FollowerReads::new(lease, seed, config.mailbox_asks_max as usize),
            sink,
        })
    }

    /// Moves the Raft clock and does what is due by time; with a beat, a leader sends heartbeats. Call it before
    /// passing on what arrived meanwhile: time that passed before a heartbeat must not count after it.
    pub fn advance(&mut self, ticks: u32, beat: bool, now: Mono) {
        let Self { machine, lead, asks, sink, .. } = self;
        for _ in 0..ticks {
            machine.group.tick();
        }
        if beat {
            machine.group.beat();
        }
        asks.expire(now, sink);
        machine.checkpoint_if_due(now, lead.pipeline.is_empty(), sink);
        lead.outbox.resend_if_silent(now);
        lead.reshape(machine, sink);
        lead.hand_to_preferred(now, &mut machine.group, sink);
        if machine.entities.passivates(now) {
            machine.entities.passivate(machine.checkpoints.covered(), now);
        }
    }

    /// Takes peers' Raft messages.
    pub fn step(&mut self, messages: &[Vec<u8>]) {
        for message in messages {
            self.machine.group.step(message);
        }
    }

    /// Records handed out under this number are durable.
    pub fn persisted(&mut self, number: u64) {
        let messages = self.machine.group.persisted(number);
        self.sink.send(messages);
    }

    /// Takes a request; it is answered in [`Outputs::answers`] under the token returned.
    pub fn ask(&mut self, asks: Vec<AskOne>, deadline: Mono, now: Mono) -> u64 {
        self.asks.open(asks, deadline, now, &mut self.sink)
    }

    /// Takes a follower read: this replica answers from a state of bounded age.
    pub fn ask_near(&mut self, ask: NearAsk) {
        self.follower_reads.ask(ask);
    }

    /// Takes effects of another shard. Dropped unless this replica leads.
    pub fn effects(&mut self, batch: EffectBatch) {
        if self.lead.leadership.leads() {
            self.lead.inbox.push(batch);
        }
    }

    /// The receiving shard `by` has this shard's effects up to `seq` in its committed state.
    pub fn taken(&mut self, by: ShardId, seq: u64, now: Mono) {
        if self.lead.leadership.leads() {
            self.lead.outbox.acknowledge(by, seq, now);
        }
    }

    /// Takes a whole snapshot from a peer; raft-rs decides whether it is news.
    pub fn snapshot(&mut self, blob: &[u8]) {
        match snapshot::open(blob) {
            Ok(message) => self.machine.group.step_message(message),
            Err(error) => self.sink.note("snapshot_refused", error),
        }
    }

    /// A snapshot could not be sent; raft-rs tries again.
    pub fn snapshot_failed(&mut self, to: ReplicaId, why: String) {
        self.machine.group.snapshot_failed(to);
        self.sink.note("snapshot_failed", format!("to node {}: {why}", to.node()));
    }

    /// The checkpoint that was asked for has ended.
    pub fn checkpointed(&mut self, end: CheckpointEnd) {
        self.machine.checkpointed(end, &mut self.sink);
    }

    /// Proposes to admit a node's new replica. It is a member once [`Replica::admitted`] says so, which may be never if
    /// leadership is lost.
    ///
    /// # Errors
    /// `NotLeader`; `Busy` while the membership changes; `NotSent` for a node on which the shard is not placed.
    pub fn admit(&mut self, node: NodeId) -> Result<ReplicaId, AskError> {
        self.lead.admit(node, &mut self.machine, &mut self.sink)
    }

    /// Transfers leadership to the most up-to-date peer that is not `stopping`, before a planned stop. False without
    /// leadership, or where every other voter stops as well; true while one may still take it.
    pub fn hand_over(&mut self, stopping: &BTreeSet<NodeId>) -> bool {
        let Self { machine, lead, sink, .. } = self;
        let to = lead.membership.successor(&machine.group, stopping).filter(|_| machine.group.may_propose());
        if let Some(to) = to {
            lead.transfer(to, &mut machine.group, sink.turned);
        }
        machine.group.leads() && Membership::has_heir(&machine.group, stopping)
    }

    /// Asks that wait to be decided, and answers that wait for proof: the shell bounds both with the mailbox.
    #[must_use]
    pub fn backlog(&self) -> usize {
        self.asks.waiting() + self.lead.reads.len()
    }

    /// Bytes of the backlog.
    #[must_use]
    pub fn backlog_bytes(&self) -> u64 {
        self.asks.waiting_bytes() + self.lead.reads.bytes()
    }

    /// Whether it leads and has applied everything before its term.
    #[must_use]
    pub fn decides(&self) -> bool {
        self.lead.decides()
    }

    /// The node believed to lead.
    #[must_use]
    pub fn leader(&self) -> Option<NodeId> {
        self.machine.leader()
    }

    /// Why the replica cannot go on, if so.
    #[must_use]
    pub fn broken(&self) -> Option<&str> {
        self.sink.broken()
    }

    /// This replica's id, and its group's term.
    #[must_use]
    pub fn id_and_term(&self) -> (ReplicaId, u64) {
        (self.machine.group.id(), self.machine.group.term())
    }

    /// The last entry applied.
    #[must_use]
    pub const fn applied(&self) -> u64 {
        self.machine.applied
    }

    /// What the store's newest checkpoint covers.
    #[must_use]
    pub fn mark(&self) -> &SnapshotMark {
        self.machine.group.log().mark()
    }

    /// Records that its log must hold before all others; `fresh` if the replica is new on this node.
    #[must_use]
    pub fn first_records(&self, fresh: bool) -> Vec<Record> {
        self.machine.first_records(fresh)
    }

    /// Does everything that can be done now. Call it after any input, then take the outputs.
    pub fn turn(&mut self, now: Mono, wall: Timestamp) {
        self.sink.turned = now;
        // A decision yields an entry, which yields a `Ready`, which may free room for the next decision.
        for _ in 0..ROUNDS_MAX {
            let progressed = self.drain_ready(now);
            self.watch_leadership(now);
            let Self { machine, lead, asks, sink, .. } = self;
            let decided = lead.decide((now, wall), machine, asks, sink);
            if !progressed && !decided {
                break;
            }
        }
        while self.drain_ready(now) {}
        self.watch_leadership(now);
        self.lead.renew_lease(now, &mut self.machine.group);
        while self.drain_ready(now) {}
        self.lead.release_reads(now, &self.machine, &mut self.asks, &mut self.sink);
        self.answer_follower_reads(now, wall);
        while self.drain_ready(now) {}
        self.lead.deliver(now, &self.machine, &mut self.sink);
        let next = self.machine.entities.meta.timers.next();
        self.lead.firing.look_ahead(next.filter(|_| self.lead.leadership.leads()), wall);
    }

    /// Takes what the turn asks for.
    pub fn outputs(&mut self) -> Outputs {
        std::mem::take(&mut self.sink.out)
    }

    /// Ends its writes to the store, before another replica writes there.
    pub fn retire(&self) {
        drop(self.machine.checkpoints.fence().pass());
    }

    fn watch_leadership(&mut self, now: Mono) {
        self.lead.watch(now, &mut self.machine, &mut self.asks, &mut self.sink);
    }

    /// Handles one `Ready`; false without one.
    fn drain_ready(&mut self, now: Mono) -> bool {
        if self.sink.broken().is_some() {
            return false;
        }
        let Some(ready) = self.machine.group.ready() else { return false };
        if let Some(snapshot) = &ready.snapshot
            && let Err(error) = self.machine.install(snapshot, &mut self.sink)
        {
            // The log must not record a snapshot that the store lacks. It would read as a replica that lost its state,
            // and only a leader can take such a replica back.
            self.sink.fail(format!("snapshot cannot be installed: {error}"));
            return false;
        }
        if ready.number > 0 {
            self.sink.out.append.push((ready.number, ready.records));
        }
        self.sink.send(ready.messages);
        ready.rounds.into_iter().for_each(|round| self.lead.reads.confirm(round));
        for (round, index) in ready.named {
            self.follower_reads.named(round, index);
        }
        if !ready.committed.is_empty() {
            // Leadership may have been lost in the step that committed these entries: speculation must be dropped
            // first.
            self.watch_leadership(now);
            self.commit(ready.committed, now);
        }
        true
    }

    /// Takes committed entries in order. Own entries are already folded, and their answers leave; others are folded
    /// now.
    fn commit(&mut self, entries: Vec<Entry>, now: Mono) {
        let Self { machine, lead, asks, sink, .. } = self;
        let mut changed = Vec::new();
        for entry in entries {
            if entry.index <= machine.applied {
                continue;
            }
            if let Some(own) = lead.pipeline.commit(entry.index, entry.term) {
                for (slot, reply) in own.answers {
                    asks.complete(slot, Ok(reply), sink);
                }
                sink.out.taken.extend(own.taken);
                let address = |(kind, key): (&str, _)| Address { kind: kind.to_owned(), key };
                changed.extend(own.changed.into_iter().map(address));
            } else if let Err(error) = machine.apply(&entry, now, &mut changed, sink) {
                sink.fail(format!("entry {} cannot be applied: {error}", entry.index));
                return;
            }
            machine.applied = entry.index;
        }
        machine.group.applied(machine.applied);
        machine.entities.publish(changed, sink);
    }

    /// Answers follower reads that the state is young enough for; asks the leader for its commit index for the others.
    fn answer_follower_reads(&mut self, now: Mono, wall: Timestamp) {
        if !self.follower_reads.is_asked() {
            return;
        }
        let Self { machine, lead, asks, sink, follower_reads } = self;
        follower_reads.settle(machine.applied);
        let leads = lead.leadership.leads().then(|| machine.group.id().node());
        let (entities, tail) = machine.with_tail(lead.decides());
        follower_reads.answer(leads, now, |ask| {
            let query = (&ask.to, ask.verb.as_str(), ask.body.as_slice());
            entities.look_up(query, &tail, (now, wall), &mut asks.recent, sink)
        });
        if let Some(round) = follower_reads.round_due(now) {
            machine.group.ask_index(round);
        }
    }
}

impl Drop for Replica {
    fn drop(&mut self) {
        self.retire();
    }
}

/// One Raft tick in microseconds.
fn tick_of(raft: &RaftConfig) -> u64 {
    micros(raft.tick)
}

/// Length of the leader's lease in microseconds: the election timeout less a tenth and two ticks of margin. A
/// follower's clock moves in ticks, and its first tick may come right after the heartbeat.
fn lease_of(raft: &RaftConfig) -> Mono {
    u64::from(raft.election_ticks).saturating_sub(2) * tick_of(raft) * 9 / 10
}
