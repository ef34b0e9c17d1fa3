//! One replica of one shard: its state and what may happen to it.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::Arc;

use protobuf::Message as _;
use raft::eraftpb::{Message, MessageType};

use super::cells::{Cells, LEDGER_KEY};
use super::config::ShardConfig;
use super::deliver::Delivery;
use super::faults::Faults;
use super::fence::Fence;
use super::ledger::{Ledger, decode_ledger};
use super::output::{Note, Outputs, SnapshotJob};
use super::parts::{Counters, HeldRead, Inflight, Leading, Open, ReplicaParts, WaitingAsk};
use super::reads::Near;
use super::recent::Recent;
use super::timers::Pace;
use crate::address::{NodeId, ShardId};
use crate::entity::{Globals, Registry};
use crate::error::AskError;
use crate::membership::TargetMembership;
use crate::replication::{Group, Lease, Mono, ReplicaId, SnapshotMark};
use crate::storage::Store;
use crate::time::Timestamp;
use crate::transport::{AskOne, EffectBatch, Outcome};

/// Batches of effects that wait at most: as many as all that 64 shards may send before they hear of any.
const WAITING_EFFECTS_MAX: usize = 1_024;

/// One replica of one shard.
pub struct Replica {
    pub(super) group: Group,
    pub(super) shards: u32,
    pub(super) registry: Arc<Registry>,
    pub(super) store: Arc<dyn Store>,
    pub(super) globals: Arc<Globals>,
    pub(super) config: ShardConfig,
    pub(super) cells: Cells,
    pub(super) ledger: Ledger,
    pub(super) applied: u64,
    /// The last index that a durable checkpoint covers.
    pub(super) checkpoint: u64,
    pub(super) fence: Fence,
    /// A checkpoint on its way to the store.
    pub(super) checkpoint_pending: Option<SnapshotMark>,
    pub(super) checkpoint_at: Mono,
    pub(super) checkpoint_wanted: bool,
    /// Since one succeeded.
    pub(super) checkpoint_failures: u32,
    pub(super) leading: Option<Leading>,
    pub(super) inflight: VecDeque<Inflight>,
    pub(super) open: HashMap<u64, Open, foldhash::fast::RandomState>,
    pub(super) waiting: VecDeque<WaitingAsk>,
    pub(super) waiting_effects: VecDeque<EffectBatch>,
    pub(super) reads: Vec<HeldRead>,
    pub(super) lease: Lease,
    /// Start of the newest heartbeat round that a majority answered.
    pub(super) confirmed: Mono,
    pub(super) near: Near,
    pub(super) delivery: BTreeMap<ShardId, Delivery>,
    pub(super) faults: Faults,
    pub(super) recent: Recent,
    pub(super) counters: Counters,
    pub(super) seed: u64,
    pub(super) pace: Pace,
    /// Milliseconds between beats, and whether a timer is due before the next.
    beat_ms: u64,
    /// Bytes a second at which snapshots are sent.
    pub(super) snapshot_pace: u64,
    pub(super) timer_near: bool,
    pub(super) out: Outputs,
    next_token: u64,
    pub(super) passivated_at: Mono,
    /// Start of the present turn.
    turned: Mono,
    /// Who shall hold this shard, as the control group last said, and the count of its publications then.
    pub(super) wishes: TargetMembership,
    pub(super) wished: u64,
    /// Why it cannot go on; a supervisor decides what follows.
    pub(super) broken: Option<String>,
}

impl Replica {
    /// A replica from what survived: checkpoint, then the log after it.
    ///
    /// # Errors
    /// What does not fit together or does not decode: rebuild it from its peers.
    pub fn open(parts: ReplicaParts, now: Mono) -> Result<Self, String> {
        let ReplicaParts { mut start, shards, registry, store, globals, raft, shard, seed } = parts;
        let stored = store.get(start.shard, LEDGER_KEY).map_err(|error| error.to_string())?;
        let mut ledger = Ledger::default();
        if let Some(bytes) = stored {
            (start.mark, ledger) = decode_ledger(&bytes)?;
        }
        let id = start.shard;
        let group = Group::start(start, &raft)?;
        let checkpoint = group.log().mark().index;
        let tick = u64::try_from(raft.tick.as_micros()).unwrap_or(u64::MAX);
        // Two ticks of margin: a follower's clock moves in ticks, and its first may come right after the heartbeat.
        let lease = u64::from(raft.election_ticks).saturating_sub(2) * tick * 9 / 10;
        let mut replica = Self {
            cells: Cells::new(id, registry.clone(), store.clone()),
            recent: Recent::new(shard.recent_messages_max),
            group,
            shards,
            registry,
            store,
            globals,
            config: shard,
            ledger,
            applied: checkpoint,
            checkpoint,
            fence: Fence::default(),
            checkpoint_pending: None,
            checkpoint_at: now,
            checkpoint_wanted: false,
            checkpoint_failures: 0,
            leading: None,
            inflight: VecDeque::new(),
            open: HashMap::default(),
            waiting: VecDeque::new(),
            waiting_effects: VecDeque::new(),
            reads: Vec::new(),
            lease: Lease::new(lease),
            confirmed: 0,
            near: Near::new(lease, seed),
            delivery: BTreeMap::new(),
            faults: Faults::default(),
            counters: Counters::default(),
            seed,
            pace: Pace::default(),
            beat_ms: u64::from(raft.heartbeat_ticks) * tick / 1_000,
            snapshot_pace: raft.snapshot_bytes_per_s,
            timer_near: false,
            out: Outputs::default(),
            next_token: 1,
            passivated_at: now,
            turned: now,
            wishes: TargetMembership::default(),
            wished: 0,
            broken: None,
        };
        if id == ShardId::CONTROL {
            replica.publish_all()?;
        }
        Ok(replica)
    }

    /// Moves the Raft clock, and does what is due by time. It comes before whatever arrived meanwhile: time that passed
    /// before a heartbeat must not count after it. With a beat, a leader sends its heartbeats.
    pub fn advance(&mut self, ticks: u32, beat: bool, now: Mono) {
        for _ in 0..ticks {
            self.group.tick();
        }
        if beat {
            self.group.beat();
        }
        self.expire(now);
        self.checkpoint_if_due(now);
        self.resend_if_silent(now);
        self.reshape();
        self.hand_to_preferred(now);
        if self.passivates(now) {
            self.passivated_at = now;
            self.passivate(now);
        }
    }

    /// Takes peers' Raft messages.
    pub fn step(&mut self, messages: &[Vec<u8>]) {
        for message in messages {
            self.group.step(message);
        }
    }

    /// Records handed out under this number are durable.
    pub fn persisted(&mut self, number: u64) {
        let messages = self.group.persisted(number);
        self.send(messages);
    }

    /// Takes a request; it is answered in [`Outputs::answers`] under the token returned.
    pub fn ask(&mut self, asks: Vec<AskOne>, deadline: Mono, now: Mono) -> u64 {
        let token = self.next_token;
        self.next_token += 1;
        let count = asks.len();
        if count == 0 {
            self.out.answers.push((token, Vec::new()));
            return token;
        }
        self.open.insert(
            token,
            Open { outcomes: vec![None; count], missing: count, arrived: now, messages: vec![0; count] },
        );
        for (slot, ask) in asks.into_iter().enumerate() {
            self.waiting.push_back(WaitingAsk { token, slot, ask, deadline });
        }
        token
    }

    /// Takes effects of another shard. Beyond the bound they are dropped, and their sender sends them again: while entries
    /// are slow, what waits is what was sent before, again and again.
    pub fn effects(&mut self, batch: EffectBatch) {
        if self.leading.is_some() && self.waiting_effects.len() < WAITING_EFFECTS_MAX {
            self.waiting_effects.push_back(batch);
        }
    }

    /// What the store's newest checkpoint covers.
    #[must_use]
    pub fn mark(&self) -> &SnapshotMark {
        self.group.log().mark()
    }

    /// Asks that wait to be decided, or for proof that their answers may leave: the shell holds back what would exceed the
    /// mailbox.
    #[must_use]
    pub fn backlog(&self) -> usize {
        self.waiting.len() + self.reads.len()
    }

    /// Bytes of them.
    #[must_use]
    pub fn backlog_bytes(&self) -> u64 {
        let waiting = self.waiting.iter().map(|waiting| waiting.ask.bytes());
        let read = |read: &HeldRead| read.outcome.as_ref().map_or(0, Vec::len) as u64;
        waiting.chain(self.reads.iter().map(read)).sum()
    }

    /// Whether it leads and has applied everything before its term.
    #[must_use]
    pub fn decides(&self) -> bool {
        self.leading.as_ref().is_some_and(|leading| leading.ready)
    }

    /// The node believed to lead.
    #[must_use]
    pub fn leader(&self) -> Option<NodeId> {
        self.group.leader().map(ReplicaId::node)
    }

    /// Why the replica cannot go on, if so.
    #[must_use]
    pub fn broken(&self) -> Option<&str> {
        self.broken.as_deref()
    }

    /// Hands leadership to the most up-to-date peer, before a planned stop. False when there is none or it is not ours.
    pub fn hand_over(&mut self) -> bool {
        if !self.group.may_propose() {
            return false;
        }
        let leaving = self.wishes.leaving.clone();
        let stays = |node: NodeId| !leaving.contains(&node);
        let Some(to) = self.group.successor(&stays).or_else(|| self.group.successor(&|_| true)) else {
            return false;
        };
        self.transfer(to);
        true
    }

    /// Gives leadership to a replica that has every entry.
    pub(super) fn transfer(&mut self, to: ReplicaId) {
        self.lease.void();
        self.group.transfer(to);
        if let Some(leading) = &mut self.leading {
            leading.since = self.turned;
            leading.handed = true;
        }
    }

    /// This replica's id, and its group's term.
    #[must_use]
    pub fn id_and_term(&self) -> (ReplicaId, u64) {
        (self.group.id(), self.group.term())
    }

    /// The last entry applied.
    #[must_use]
    pub const fn applied(&self) -> u64 {
        self.applied
    }

    /// Does everything that can be done now. Call after any input, then take the outputs.
    pub fn turn(&mut self, now: Mono, wall: Timestamp) {
        self.turned = now;
        // Deciding yields entries, which yield readies, which may free room for deciding more.
        for _ in 0..8 {
            let progressed = self.drain_ready(now);
            self.watch_leadership(now);
            let decided = self.decide(now, wall);
            if !progressed && !decided {
                break;
            }
        }
        while self.drain_ready(now) {}
        self.watch_leadership(now);
        self.renew_lease(now);
        while self.drain_ready(now) {}
        self.release_reads(now);
        self.answer_near(now, wall);
        while self.drain_ready(now) {}
        self.deliver(now);
        let next = self.ledger.timers.next().filter(|_| self.leading.is_some());
        self.timer_near = next.is_some_and(|due| due.0 <= wall.0 + 2 * self.beat_ms);
    }

    /// What the turn asks for.
    pub fn outputs(&mut self) -> Outputs {
        std::mem::take(&mut self.out)
    }

    /// Handles one `Ready`; false when there was none.
    fn drain_ready(&mut self, now: Mono) -> bool {
        if self.broken.is_some() {
            return false;
        }
        let Some(ready) = self.group.ready() else { return false };
        if let Some(snapshot) = &ready.snapshot
            && let Err(error) = self.install(snapshot)
        {
            // Its log must not be told of a snapshot that the store has not: that is how a replica looks that has lost its
            // state, and nobody but a leader can take such a one back.
            self.broken = Some(format!("snapshot cannot be installed: {error}"));
            return false;
        }
        if ready.number > 0 {
            self.out.append.push((ready.number, ready.records));
        }
        self.send(ready.messages);
        for round in ready.rounds {
            if let Some(started) = self.lease.confirm(round) {
                self.confirmed = self.confirmed.max(started);
            }
        }
        for (round, index) in ready.named {
            self.near.named(round, index);
        }
        if !ready.committed.is_empty() {
            // Leadership may have been lost in the same step that committed these: speculation must go first.
            self.watch_leadership(now);
            self.commit(ready.committed, now);
        }
        true
    }

    /// Notices that leadership was won or lost.
    fn watch_leadership(&mut self, now: Mono) {
        let leads = self.group.leads();
        let term = self.group.term();
        match &self.leading {
            Some(leading) if !leads || leading.term != term => self.depose(),
            _ => {}
        }
        if leads && self.leading.is_none() {
            let from = self.group.last();
            self.leading =
                Some(Leading { term, from, ready: self.applied >= from, since: now, handed: false });
            self.lease.void();
            self.delivery.clear();
        }
        if let Some(leading) = &mut self.leading
            && !leading.ready
            && self.applied >= leading.from
        {
            leading.ready = true;
            let reason = format!("term {term}, from entry {}", leading.from);
            self.note("became_leader", reason);
        }
    }

    /// Drops what was only ours to decide.
    fn depose(&mut self) {
        self.leading = None;
        self.lease.void();
        self.delivery.clear();
        self.waiting_effects.clear();
        let hint = self.leader().map(|node| node.0);
        for read in std::mem::take(&mut self.reads) {
            self.complete(read.token, read.slot, Err(AskError::NotLeader { hint }));
        }
        let inflight = std::mem::take(&mut self.inflight);
        let doubtful = inflight.iter().map(|entry| entry.answers.len()).sum::<usize>();
        for (token, slot, _) in inflight.iter().flat_map(|entry| &entry.answers) {
            let why = "leadership was lost before the entry was committed";
            self.complete(*token, *slot, Err(AskError::Unknown(why.to_owned())));
        }
        if !inflight.is_empty()
            && let Err(error) = self.rebuild()
        {
            self.broken = Some(error);
        }
        self.note("deposed", format!("term {}, {doubtful} commands in doubt", self.group.term()));
    }

    fn send(&mut self, messages: Vec<Message>) {
        for message in messages {
            let to = ReplicaId(message.to);
            if message.get_msg_type() == MessageType::MsgSnapshot {
                let shard = self.group.shard();
                if let Ok(bytes) = message.write_to_bytes() {
                    self.out.snapshots.push(SnapshotJob { shard, to, message: bytes });
                }
                continue;
            }
            match message.write_to_bytes() {
                Ok(bytes) => self.out.messages.push((to.node(), bytes)),
                Err(error) => self.broken = Some(format!("a Raft message does not encode: {error}")),
            }
        }
    }

    pub(super) fn complete(&mut self, token: u64, slot: usize, outcome: Outcome) {
        let Some(open) = self.open.get_mut(&token) else { return };
        if open.outcomes[slot].is_none() {
            self.recent.finish(open.messages[slot], self.turned.saturating_sub(open.arrived));
            open.outcomes[slot] = Some(outcome);
            open.missing -= 1;
        }
        if open.missing == 0
            && let Some(open) = self.open.remove(&token)
        {
            self.out.answers.push((token, open.outcomes.into_iter().flatten().collect()));
        }
    }

    pub(super) fn note(&mut self, change: &'static str, reason: String) {
        let subject = format!("shard-{}", self.group.shard());
        self.out.notes.push(Note { subject, change, reason });
    }
}

/// The shell's clock in whole seconds.
pub(super) fn seconds_of(now: Mono) -> u32 {
    u32::try_from(now / 1_000_000).unwrap_or(u32::MAX)
}
