//! One simulated node: production replicas, a simulated disk, and the work that a shard's actor does around a replica.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use super::bystanders::NearCalls;
use super::clock::NodeClock;
use super::disk::{Disk, Waits};
use super::fate::Fate;
use super::network::Mail;
use super::outbox::Outbox;
use super::replicas::Replicas;
use super::shared::{Event, Inner, Shared};
use super::slot::Rejoin;
use crate::entity::Globals;
use crate::planted::Planted;
use crate::replication::{ReplicaId, SnapshotMark, Start};
use crate::shard::{Outputs, Replica, ReplicaParts, build_snapshot};
use crate::storage::{GroupLog, Record};
use crate::transport::Envelope;
use crate::{NodeId, ShardId};

/// One tick of the Raft clock, in microseconds of the node's own clock.
const TICK: u64 = 25_000;
/// Ticks between two looks at the target membership.
const TARGET_EVERY: u64 = 10;
/// Pause before a broken replica is started again, in microseconds.
const RESTARTED_AFTER: u64 = 300_000;
/// One checkpoint in this many also drops the last log entries, as a log without free space does.
const GIVEN_UP_EACH: u64 = 4;

/// A node.
pub(super) struct Node {
    pub(super) number: u16,
    /// Number of the incarnation; events of an earlier one are dropped.
    pub(super) boot: u32,
    pub(super) up: bool,
    pub(super) frozen: bool,
    /// Events that arrived while the node was frozen.
    pub(super) held: VecDeque<Event>,
    pub(super) disk: Disk,
    pub(super) replicas: Replicas,
    pub(super) clock: NodeClock,
    pub(super) fate: Fate,
    pub(super) globals: Arc<Globals>,
    pub(super) ticks: u64,
    pub(super) nears: NearCalls,
    pub(super) outbox: Outbox,
}

impl Node {
    pub(super) fn new(number: u16, shards: u32, planted: Planted) -> Self {
        Self {
            number,
            boot: 0,
            up: false,
            frozen: false,
            held: VecDeque::new(),
            disk: Disk::new(planted),
            replicas: Replicas::new(shards),
            clock: NodeClock::default(),
            fate: Fate::default(),
            globals: Arc::default(),
            ticks: 0,
            nears: NearCalls::default(),
            outbox: Outbox::new(number),
        }
    }

    pub(super) fn event(&self, what: Inner) -> Event {
        Event::Node { node: self.number, boot: self.boot, what }
    }

    /// Starts the process.
    pub(super) fn start(&mut self, s: &mut Shared) {
        self.up = true;
        self.clock.restart(s.now);
        self.globals = Arc::default();
        for shard in 0..=s.options.shards {
            let shard = ShardId(shard);
            let founds = s.options.placement(shard.0).contains(&self.number);
            if founds || self.disk.log(shard).replica.is_some() {
                self.find(shard, s);
            }
        }
        self.disk.known = true;
        let delay = s.between(0, 25_000);
        s.after(delay, self.event(Inner::Tick));
        self.settle(s);
    }

    /// Ends the process; its callers get no answer.
    pub(super) fn stop(&mut self) {
        self.up = false;
        self.frozen = false;
        self.boot += 1;
        self.held.clear();
        self.nears.clear();
        self.outbox = Outbox::new(self.number);
        self.fate = Fate::default();
        for job in self.replicas.clear() {
            self.disk.store.tear(job);
        }
    }

    /// Finds the start of a replica: its log, the initial configuration, or its peers.
    pub(super) fn find(&mut self, shard: ShardId, s: &mut Shared) {
        let log = self.disk.log(shard);
        let lost = self.disk.damaged.contains(&shard) || (log.replica.is_none() && self.disk.known);
        match Replica::stored_mark(&*self.disk.store, shard) {
            Ok(mark) if !lost && !log.is_without(mark.index) => self.open(shard, log, s),
            Ok(_) => {
                self.replicas.slot_mut(shard).rejoin = Some(Rejoin::default());
                s.after(1, self.event(Inner::Rejoin(shard)));
            }
            Err(why) => {
                s.watch.fail(s.now, format!("shard {shard} has a checkpoint that does not decode: {why}"))
            }
        }
    }

    pub(super) fn open(&mut self, shard: ShardId, log: GroupLog, s: &mut Shared) {
        let founders = s.options.placement(shard.0);
        let founders = founders.into_iter().map(|node| ReplicaId::new(NodeId(node), 0)).collect();
        let fresh = log.replica.is_none();
        let id = log.replica.map_or_else(|| ReplicaId::new(NodeId(self.number), 0), ReplicaId);
        let opened = Replica::open(
            ReplicaParts {
                start: Start { shard, id, founders, log, mark: SnapshotMark::default() },
                shards: s.options.shards,
                registry: s.registry.clone(),
                store: self.disk.store.clone(),
                globals: self.globals.clone(),
                raft: s.options.raft(),
                shard: s.options.shard(),
                seed: s.between(0, u64::MAX),
            },
            self.clock.mono(s.now),
        );
        let replica = match opened {
            Ok(replica) => replica,
            Err(why) => return s.watch.fail(s.now, format!("node {} shard {shard}: {why}", self.number)),
        };
        let records = replica.first_records(fresh);
        if !records.is_empty() && self.disk.append(shard, records, Waits::Nobody).is_err() {
            // The log does not hold the replica's first records, so it must not take part yet.
            self.fate.log_failed();
            self.replicas.await_restart(shard);
            return s.after(RESTARTED_AFTER, self.event(Inner::Restart(shard)));
        }
        self.replicas.put(shard, replica);
    }

    /// Handles an event within the node.
    pub(super) fn handle(&mut self, what: Inner, s: &mut Shared) {
        match what {
            Inner::Tick => self.tick(s),
            Inner::Synced => self.synced(s),
            Inner::Checkpoint(opened, shard) => {
                let slot = self.replicas.slot_mut(shard);
                if let Some(job) = slot.checkpoint.take_if(|_| slot.opened == opened) {
                    let outcome = job.write(&*self.disk.store);
                    self.on(shard, |replica, _| replica.checkpointed(outcome), s);
                }
            }
            Inner::Snapshot(job) => {
                let bytes_max = s.options.raft().snapshot_bytes_max;
                let shard = job.shard;
                match build_snapshot(&*self.disk.store, shard, &job.message, bytes_max) {
                    Ok(blob) => self.outbox.post(job.to.node().0, Mail::Snapshot(shard, blob)),
                    Err(why) => self.on(shard, |replica, _| replica.snapshot_failed(job.to, why), s),
                }
            }
            Inner::Rejoin(shard) => self.rejoin(shard, s),
            Inner::Restart(shard) => {
                if self.disk.full {
                    s.after(RESTARTED_AFTER, self.event(Inner::Restart(shard)));
                } else {
                    self.replicas.slot_mut(shard).restarting = false;
                    let synced = self.disk.sync_all();
                    self.notify(synced, s);
                    self.find(shard, s);
                }
            }
        }
        self.settle(s);
    }

    /// Handles a frame from another node or a client.
    pub(super) fn frame(&mut self, from: u16, mails: Vec<Mail>, s: &mut Shared) {
        for mail in mails {
            self.mail(from, mail, s);
        }
        self.settle(s);
    }

    fn tick(&mut self, s: &mut Shared) {
        let now = self.clock.mono(s.now);
        let every = s.options.raft().heartbeat_ticks;
        self.ticks += 1;
        self.replicas.tick(self.ticks.is_multiple_of(u64::from(every)), every, now);
        if self.ticks.is_multiple_of(TARGET_EVERY) {
            self.follow_target(s);
        }
        self.stand_by(s);
        s.after(self.clock.simulated(TICK), self.event(Inner::Tick));
    }

    fn synced(&mut self, s: &mut Shared) {
        let synced = self.disk.synced();
        self.notify(synced, s);
    }

    /// Notifies the owners of appends that are durable now.
    pub(super) fn notify(&mut self, synced: Result<Vec<(ShardId, Waits)>, String>, s: &mut Shared) {
        let synced = match synced {
            Ok(synced) => synced,
            Err(why) => return s.watch.fail(s.now, format!("node {}: {why}", self.number)),
        };
        for (shard, waits) in synced {
            match waits {
                Waits::Nobody => {}
                Waits::Replica(number) => self.on(shard, |replica, _| replica.persisted(number), s),
                Waits::Leaving => self.left(shard),
                Waits::Opening => {
                    let log = self.disk.log(shard);
                    self.open(shard, log, s);
                }
            }
        }
    }

    pub(super) fn on(&mut self, shard: ShardId, act: impl FnOnce(&mut Replica, u64), s: &Shared) {
        let now = self.clock.mono(s.now);
        self.replicas.on(shard, now, s.options.raft().heartbeat_ticks, act);
    }

    /// Appends records to the log. True if the owner must be notified at once.
    pub(super) fn append(&mut self, shard: ShardId, records: Vec<Record>, waits: Waits) -> bool {
        match self.disk.append(shard, records, waits) {
            Ok(early) => early,
            Err(_) => {
                self.fate.log_failed();
                let slot = self.replicas.slot_mut(shard);
                slot.replica = None;
                slot.replies.clear();
                false
            }
        }
    }

    /// Runs turns until no replica has work, then sends the outbox and starts a sync.
    fn settle(&mut self, s: &mut Shared) {
        loop {
            if let Some(shard) = self.replicas.next_marked() {
                let (now, wall) = (self.clock.mono(s.now), self.clock.wall(s.now));
                if let Some(replica) = &mut self.replicas.slot_mut(shard).replica {
                    replica.turn(now, wall);
                    self.finish(shard, s);
                }
            } else if let Some(mail) = self.outbox.next_here() {
                self.mail(self.number, mail, s);
            } else {
                break;
            }
        }
        for (to, mails) in self.outbox.take_frames() {
            s.send(self.number, to, mails);
        }
        if self.disk.begin() {
            let delay = s.between(200, 800) + self.disk.extra();
            s.after(delay, self.event(Inner::Synced));
        }
    }

    /// Checks a replica after its turn and performs its outputs.
    fn finish(&mut self, shard: ShardId, s: &mut Shared) {
        let slot = self.replicas.slot_mut(shard);
        let Some(replica) = &mut slot.replica else { return };
        let outputs = replica.outputs();
        slot.leader = replica.leader();
        s.watch.see(s.now, shard, replica, &mut slot.seen);
        let broken = replica.broken().map(ToOwned::to_owned);
        self.perform(shard, outputs, s);
        if let Some(why) = broken
            && !self.disk.store.is_failing()
        {
            s.watch.fail(s.now, format!("node {} shard {shard} broke: {why}", self.number));
        }
        if self.replicas.get(shard).is_none_or(|replica| replica.broken().is_some()) {
            self.replicas.await_restart(shard);
            s.after(RESTARTED_AFTER, self.event(Inner::Restart(shard)));
        }
    }

    fn perform(&mut self, shard: ShardId, outputs: Outputs, s: &mut Shared) {
        for (number, records) in outputs.append {
            let waits = if number > 0 { Waits::Replica(number) } else { Waits::Nobody };
            if self.append(shard, records, waits) && number > 0 {
                self.on(shard, |replica, _| replica.persisted(number), s);
            }
        }
        if let Some((index, term)) = outputs.covered
            && index % GIVEN_UP_EACH == 0
        {
            self.append(shard, vec![Record::Cut { index, term }], Waits::Nobody);
        }
        let mut by_node: BTreeMap<u16, Vec<Vec<u8>>> = BTreeMap::new();
        for (node, message) in outputs.messages {
            self.fate.sent(s.now, node.0, &message);
            by_node.entry(node.0).or_default().push(message);
        }
        for (node, messages) in by_node {
            self.outbox.post(node, Mail::Envelope(Envelope::Raft { shard, messages }));
        }
        for (token, outcomes) in outputs.answers {
            if let Some(call) = self.replicas.slot_mut(shard).replies.remove(&token) {
                self.outbox.reply(call, outcomes);
            }
        }
        for batch in outputs.effects {
            if let Some(leader) = self.replicas.leader(batch.to, s) {
                self.outbox.post(leader, Mail::Envelope(Envelope::Effects(batch)));
            }
        }
        for (from, seq) in outputs.taken {
            if let Some(leader) = self.replicas.leader(from, s) {
                self.outbox.post(leader, Mail::Envelope(Envelope::EffectsTaken { from, to: shard, seq }));
            }
        }
        if let Some(job) = outputs.checkpoint {
            let delay = s.between(1_000, 8_000);
            let slot = self.replicas.slot_mut(shard);
            slot.checkpoint = Some(job);
            let opened = slot.opened;
            s.after(delay, self.event(Inner::Checkpoint(opened, shard)));
        }
        for job in outputs.snapshots {
            let delay = s.between(1_000, 8_000);
            s.after(delay, self.event(Inner::Snapshot(job)));
        }
        self.globals.publish(outputs.published);
    }
}
