//! What a replica does and holds as a leader.

use super::asks::Asks;
use super::config::ShardConfig;
use super::decide::RETRY_AFTER;
use super::draft::{Draft, Drafting};
use super::entities::Tail;
use super::firing::Firing;
use super::inbox::Inbox;
use super::leadership::{Leadership, Seen};
use super::membership::{Membership, Reshape, changing};
use super::outbox::Outbox;
use super::pipeline::{Inflight, Pipeline};
use super::reads::Reads;
use super::sink::Sink;
use super::state_machine::StateMachine;
use crate::address::{NodeId, ShardId};
use crate::error::AskError;
use crate::planted::Bug;
use crate::replication::{Group, Mono, ReplicaId};
use crate::time::Timestamp;

/// The leader's part of a replica. Most of it is empty while another replica leads.
pub(super) struct Lead {
    pub(super) leadership: Leadership,
    pub(super) pipeline: Pipeline,
    pub(super) reads: Reads,
    pub(super) inbox: Inbox,
    pub(super) outbox: Outbox,
    pub(super) membership: Membership,
    pub(super) firing: Firing,
}

impl Lead {
    /// The leader's part of a replica, with a lease of `lease` microseconds and heartbeats `beat_ms` milliseconds
    /// apart.
    pub(super) fn new(shard: ShardId, config: &ShardConfig, lease: Mono, beat_ms: u64) -> Self {
        let inflight_max = if shard == ShardId::CONTROL { 1 } else { config.inflight_entries_max };
        Self {
            leadership: Leadership::default(),
            pipeline: Pipeline::new(usize::from(inflight_max)),
            reads: Reads::new(lease, config.planted),
            inbox: Inbox::default(),
            outbox: Outbox::new(config),
            membership: Membership::new(config.rebalance_after),
            firing: Firing::new(config.timers_per_second, beat_ms),
        }
    }

    pub(super) fn decides(&self) -> bool {
        self.leadership.decides()
    }

    /// Notices that leadership was won or lost.
    pub(super) fn watch(&mut self, now: Mono, machine: &mut StateMachine, asks: &mut Asks, sink: &mut Sink) {
        let group = &machine.group;
        let (leads, term) = (group.leads(), group.term());
        let seen = Seen { leads, term, last: group.last(), applied: machine.applied };
        if self.leadership.lose(seen) {
            self.lose(machine, asks, sink);
        }
        if self.leadership.win(seen, now) {
            self.reads.void();
            self.outbox.clear();
        }
        if let Some(from) = self.leadership.become_ready(machine.applied) {
            sink.note("became_leader", format!("term {term}, from entry {from}"));
        }
    }

    /// Drops the leader's state. Entries in flight may still be committed, so their callers learn that the outcome is
    /// unknown, and the speculation on them is rebuilt from the committed log.
    fn lose(&mut self, machine: &mut StateMachine, asks: &mut Asks, sink: &mut Sink) {
        self.reads.void();
        self.outbox.clear();
        self.inbox.clear();
        let hint = machine.hint();
        for read in self.reads.lose() {
            asks.complete(read.slot, Err(AskError::NotLeader { hint }), sink);
        }
        let inflight = self.pipeline.lose();
        let doubtful = inflight.iter().map(|entry| entry.answers.len()).sum::<usize>();
        for (slot, _) in inflight.iter().flat_map(|entry| &entry.answers) {
            let why = "leadership was lost before the entry was committed";
            asks.complete(*slot, Err(AskError::Unknown(why.to_owned())), sink);
        }
        if !inflight.is_empty()
            && let Err(error) = machine.rebuild()
        {
            sink.fail(error);
        }
        sink.note("deposed", format!("term {}, {doubtful} commands in doubt", machine.group.term()));
    }

    /// Decides what waits, as far as the bounds allow; true when an entry was proposed or an ask was answered.
    pub(super) fn decide(
        &mut self,
        (now, wall): (Mono, Timestamp),
        machine: &mut StateMachine,
        asks: &mut Asks,
        sink: &mut Sink,
    ) -> bool {
        let idle = asks.waiting() == 0 && self.inbox.is_empty();
        if idle && !self.acks_due(now) && !self.timers_due((now, wall), machine) {
            return false;
        }
        if !self.leadership.leads() {
            return asks.redirect(machine.hint(), sink);
        }
        if !self.decides() || !machine.group.may_propose() || sink.broken().is_some() {
            return false;
        }
        // A checkpoint needs a moment without speculation: it is taken once the entries in flight are committed.
        let makes_way = machine.checkpoints.is_wanted() && !self.pipeline.is_empty();
        if makes_way || self.pipeline.is_full() {
            return false;
        }
        let log_full = machine.is_log_full();
        let StateMachine { group, entities, checkpoints, .. } = machine;
        let outbox_full = entities.meta.outbox_len() >= entities.config.outbox_effects_max as usize;
        let full = if outbox_full { Some("outbox") } else { log_full.then_some("log") };
        let tail = Tail::new(group, checkpoints.covered(), group.last());
        let draft = Draft::new(tail.next_index(), wall.max(entities.meta.now), now);
        let mut drafting =
            Drafting { draft, entities, asks: &mut *asks, reads: &mut self.reads, tail, sink: &mut *sink };
        drafting.take_timers(&mut self.firing);
        drafting.take_effects(&mut self.inbox, self.pipeline.is_empty());
        drafting.take_asks(full);
        let mut draft = drafting.draft;
        draft.batch.acked = self.outbox.take_acks();
        if !draft.batch.is_empty() {
            self.propose(draft, machine, asks, sink);
        }
        true
    }

    fn acks_due(&self, now: Mono) -> bool {
        self.decides() && self.outbox.acks_due(now)
    }

    fn timers_due(&mut self, (now, wall): (Mono, Timestamp), machine: &StateMachine) -> bool {
        let meta = &machine.entities.meta;
        let due = meta.timers.next().is_some_and(|due| due <= wall.max(meta.now));
        due && self.decides() && self.firing.allowed(now) > 0
    }

    fn propose(&mut self, draft: Draft, machine: &mut StateMachine, asks: &mut Asks, sink: &mut Sink) {
        let Draft { batch, index, answers, changed, .. } = draft;
        match machine.group.propose(batch.to_bytes()) {
            Ok(at) => {
                assert_eq!(at, index, "an entry goes where it was decided to go");
                let taken = batch.taken.clone();
                let term = machine.group.term();
                machine.entities.fold_meta(index, batch);
                if machine.entities.config.planted.has(Bug::ReplyBeforeCommit) {
                    for (slot, reply) in &answers {
                        asks.complete(*slot, Ok(reply.clone()), sink);
                    }
                }
                self.pipeline.push(Inflight { index, term, answers, taken, changed });
            }
            Err(error) => {
                for (slot, _) in answers {
                    asks.complete(slot, Err(AskError::busy("replication", RETRY_AFTER)), sink);
                }
                // The state is ahead of the log: it returns to what is committed.
                self.pipeline.lose();
                if let Err(worse) = machine.rebuild() {
                    sink.fail(format!("{worse} (after: {error})"));
                }
            }
        }
    }

    /// Starts a heartbeat round when an answer needs proof of leadership, or soon will.
    pub(super) fn renew_lease(&mut self, now: Mono, group: &mut Group) {
        if self.decides()
            && group.may_propose()
            && let Some(round) = self.reads.round_due(now, self.leadership.is_handed())
        {
            group.round(round);
        }
    }

    /// Whether no other replica can lead.
    fn is_leased(&self, now: Mono, group: &Group) -> bool {
        self.reads.is_leased(now, self.leadership.is_handed()) && group.may_propose()
    }

    /// Whether a query may be answered now without a turn of the shard.
    pub(super) fn answers_at_once(&self, now: Mono, group: &Group) -> bool {
        let leased = self.reads.is_leased_for_long(now, self.leadership.is_handed());
        self.decides() && leased && group.may_propose()
    }

    /// Releases answers once their entries are committed and leadership is proven for them.
    pub(super) fn release_reads(
        &mut self,
        now: Mono,
        machine: &StateMachine,
        asks: &mut Asks,
        sink: &mut Sink,
    ) {
        if self.reads.is_empty() || !self.decides() {
            return;
        }
        let leased = self.is_leased(now, &machine.group);
        for read in self.reads.release(machine.applied, leased) {
            asks.complete(read.slot, read.outcome, sink);
        }
    }

    /// Sends committed effects that have not been sent.
    pub(super) fn deliver(&mut self, now: Mono, machine: &StateMachine, sink: &mut Sink) {
        if self.decides() {
            let (shard, queues) = (machine.group.shard(), &machine.entities.meta.outbox);
            sink.out.effects.extend(self.outbox.deliver(shard, queues, machine.applied, now));
        }
    }

    /// Takes the group one step towards its wished membership.
    pub(super) fn reshape(&mut self, machine: &mut StateMachine, sink: &mut Sink) {
        let group = &mut machine.group;
        if !self.decides() || !group.may_propose() || group.changing() {
            return;
        }
        self.membership.refresh(&machine.entities.globals, group);
        match self.membership.next(group) {
            Some(Reshape::Propose(change, why)) => {
                let proposed = group.propose_change(change);
                if proposed.is_ok() {
                    sink.note("reshaping", why);
                }
            }
            Some(Reshape::Transfer(to, why)) => {
                sink.note("handing_over", why);
                self.transfer(to, group, sink.turned);
            }
            None => {}
        }
    }

    /// Transfers leadership to the shard's preferred node when it is time.
    pub(super) fn hand_to_preferred(&mut self, now: Mono, group: &mut Group, sink: &mut Sink) {
        let settled = self.leadership.settled_for(now).filter(|_| group.may_propose());
        let to = settled.and_then(|settled_for| self.membership.preferred(group, settled_for));
        if let Some(to) = to {
            sink.note("handing_over", format!("to node {}, which is preferred for this shard", to.node()));
            self.transfer(to, group, sink.turned);
        }
    }

    /// Transfers leadership to a replica that has every entry.
    pub(super) fn transfer(&mut self, to: ReplicaId, group: &mut Group, turned: Mono) {
        self.reads.void();
        group.transfer(to);
        self.leadership.hand_over(turned);
    }

    /// Proposes to admit a node's new replica.
    pub(super) fn admit(
        &mut self,
        node: NodeId,
        machine: &mut StateMachine,
        sink: &mut Sink,
    ) -> Result<ReplicaId, AskError> {
        if !self.decides() || !machine.group.may_propose() {
            return Err(AskError::NotLeader { hint: machine.hint() });
        }
        self.membership.refresh(&machine.entities.globals, &machine.group);
        let (id, change) = self.membership.admission(node, &machine.group)?;
        machine.group.propose_change(change).map_err(|_| changing())?;
        sink.note("admitting", format!("node {node} as replica {:#x}, which learns first", id.0));
        Ok(id)
    }
}
