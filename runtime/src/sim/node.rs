//! One simulated node: production replicas around a simulated disk, and what the shell of a shard does.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use protobuf::Message as _;
use raft::eraftpb::{Message, MessageType};

use super::bystanders::NearCall;
use super::disk::{Disk, Waits};
use super::network::Mail;
use super::shared::{Event, Inner, Shared};
use super::slot::{Rejoin, Slot};
use crate::entity::Globals;
use crate::planted::Planted;
use crate::replication::{ReplicaId, SnapshotMark, Start};
use crate::shard::{Outputs, Replica, ReplicaParts, Rest, build_snapshot};
use crate::storage::{GroupLog, Record};
use crate::transport::{Envelope, ReplyBatch};
use crate::{NodeId, ShardId, Timestamp};

/// Ticks between two looks at what is wished.
const WISHES_EVERY: u64 = 10;
/// Until a replica that broke is started again.
const RESTARTED_AFTER: u64 = 300_000;
/// One in so many checkpoints takes the log's last entries with it, as a log that runs out of room does.
const GIVEN_UP_EACH: u64 = 4;
/// The wall clock at the start.
const EPOCH_MS: u64 = 1_700_000_000_000;

/// A clock that may run at another rate than the world's.
#[derive(Clone, Copy, Default)]
struct Skewed {
    at: u64,
    mono: u64,
    ppm: i32,
}

/// A node.
pub(super) struct Node {
    pub(super) number: u16,
    pub(super) boot: u32,
    pub(super) up: bool,
    pub(super) frozen: bool,
    pub(super) held: VecDeque<Event>,
    pub(super) disk: Disk,
    pub(super) slots: Vec<Slot>,
    pub(super) wall: i64,
    /// It dies after the vote that it grants before the first, for as long as the second says.
    pub(super) vote_trap: Option<(u64, u64)>,
    /// The trap went off: down for so long, having voted for this one.
    pub(super) sprung: Option<(u64, u16)>,
    /// It dies with the next failure of its log, for so long.
    pub(super) fragile: Option<u64>,
    pub(super) dying: Option<u64>,
    clock: Skewed,
    pub(super) globals: Arc<Globals>,
    opened: u64,
    pub(super) ticks: u64,
    /// Reads of its followers.
    pub(super) nears: Vec<NearCall>,
    here: VecDeque<Mail>,
    pub(super) dirty: BTreeSet<u32>,
    out: BTreeMap<u16, Vec<Mail>>,
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
            slots: (0..=shards).map(|_| Slot::default()).collect(),
            wall: 0,
            vote_trap: None,
            sprung: None,
            fragile: None,
            dying: None,
            clock: Skewed::default(),
            globals: Arc::default(),
            opened: 0,
            ticks: 0,
            nears: Vec::new(),
            here: VecDeque::new(),
            dirty: BTreeSet::new(),
            out: BTreeMap::new(),
        }
    }

    pub(super) fn mono(&self, now: u64) -> u64 {
        let rate = u64::try_from(1_000_000 + i64::from(self.clock.ppm)).unwrap_or(1_000_000);
        self.clock.mono + (now - self.clock.at) * rate / 1_000_000
    }

    /// The clock runs at another rate from now on.
    pub(super) fn set_rate(&mut self, now: u64, ppm: i32) {
        self.clock = Skewed { at: now, mono: self.mono(now), ppm };
    }

    pub(super) fn wall(&self, now: u64) -> Timestamp {
        Timestamp((EPOCH_MS + now / 1_000).saturating_add_signed(self.wall))
    }

    pub(super) fn event(&self, what: Inner) -> Event {
        Event::Node { node: self.number, boot: self.boot, what }
    }

    /// The process starts.
    pub(super) fn start(&mut self, s: &mut Shared) {
        self.up = true;
        self.clock = Skewed { at: s.now, mono: 1_000_000, ppm: self.clock.ppm };
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

    /// The process dies; whoever it answers hears nothing.
    pub(super) fn stop(&mut self) {
        self.up = false;
        self.frozen = false;
        self.boot += 1;
        self.held.clear();
        self.nears.clear();
        self.here.clear();
        self.dirty.clear();
        self.out.clear();
        (self.vote_trap, self.sprung, self.fragile, self.dying) = (None, None, None, None);
        for slot in &mut self.slots {
            if let Some(job) = std::mem::take(slot).checkpoint {
                self.disk.store.tear(job);
            }
        }
    }

    /// Where a replica starts from: its log, the founding, or its peers.
    pub(super) fn find(&mut self, shard: ShardId, s: &mut Shared) {
        let log = self.disk.log(shard);
        let lost = self.disk.damaged.contains(&shard) || (log.replica.is_none() && self.disk.known);
        match Replica::stored_mark(&*self.disk.store, shard) {
            Ok(mark) if !lost && !log.is_without(mark.index) => self.open(shard, log, s),
            Ok(_) => {
                self.slots[shard.0 as usize].rejoin = Some(Rejoin::default());
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
        let now = self.mono(s.now);
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
            now,
        );
        let replica = match opened {
            Ok(replica) => replica,
            Err(why) => return s.watch.fail(s.now, format!("node {} shard {shard}: {why}", self.number)),
        };
        let records = replica.first_records(fresh);
        if !records.is_empty() && self.disk.append(shard, records, Waits::Nobody).is_err() {
            // Its log has not been told what it begins with.
            self.dying = self.fragile.take();
            self.slots[shard.0 as usize] = Slot { restarting: true, ..Slot::default() };
            return s.after(RESTARTED_AFTER, self.event(Inner::Restart(shard)));
        }
        self.opened += 1;
        self.slots[shard.0 as usize] =
            Slot { replica: Some(replica), opened: self.opened, ..Slot::default() };
        self.dirty.insert(shard.0);
    }

    /// Something happened within the node.
    pub(super) fn handle(&mut self, what: Inner, s: &mut Shared) {
        match what {
            Inner::Tick => self.tick(s),
            Inner::Synced => self.synced(s),
            Inner::Checkpoint(opened, shard) => {
                let slot = &mut self.slots[shard.0 as usize];
                if let Some(job) = slot.checkpoint.take_if(|_| slot.opened == opened) {
                    let outcome = job.write(&*self.disk.store);
                    self.on(shard, |replica, _| replica.checkpointed(outcome), s);
                }
            }
            Inner::Snapshot(job) => {
                let most = s.options.raft().snapshot_bytes_max;
                let shard = job.shard;
                match build_snapshot(&*self.disk.store, shard, &job.message, most) {
                    Ok(blob) => self.post(job.to.node().0, Mail::Snapshot(shard, blob)),
                    Err(why) => self.on(shard, |replica, _| replica.snapshot_failed(job.to, why), s),
                }
            }
            Inner::Rejoin(shard) => self.rejoin(shard, s),
            Inner::Restart(shard) => {
                if self.disk.full {
                    s.after(RESTARTED_AFTER, self.event(Inner::Restart(shard)));
                } else {
                    self.slots[shard.0 as usize].restarting = false;
                    let told = self.disk.sync_all();
                    self.tell(told, s);
                    self.find(shard, s);
                }
            }
        }
        self.settle(s);
    }

    /// A frame arrived.
    pub(super) fn frame(&mut self, from: u16, mails: Vec<Mail>, s: &mut Shared) {
        for mail in mails {
            self.mail(from, mail, s);
        }
        self.settle(s);
    }

    /// All groups beat together, and one with nothing to do hears of the clock at the beats alone.
    fn tick(&mut self, s: &mut Shared) {
        let now = self.mono(s.now);
        let every = s.options.raft().heartbeat_ticks;
        self.ticks += 1;
        let beat = self.ticks.is_multiple_of(u64::from(every));
        for (at, slot) in self.slots.iter_mut().enumerate() {
            let Some(replica) = &mut slot.replica else { continue };
            slot.ticks += 1;
            if replica.rest().wakes_at(beat, slot.ticks, every) {
                let ticks = std::mem::take(&mut slot.ticks).min(Rest::ticks_max(every));
                replica.advance(ticks, beat, now);
                replica.step(&std::mem::take(&mut slot.unread));
                self.dirty.insert(u32::try_from(at).unwrap_or(0));
            }
        }
        if self.ticks.is_multiple_of(WISHES_EVERY) {
            self.follow_wishes(s);
        }
        self.stand_by(s);
        let rate = u64::try_from(1_000_000 + i64::from(self.clock.ppm)).unwrap_or(1_000_000);
        s.after(25_000 * 1_000_000 / rate, self.event(Inner::Tick));
    }

    fn synced(&mut self, s: &mut Shared) {
        let told = self.disk.synced();
        self.tell(told, s);
    }

    pub(super) fn tell(&mut self, told: Result<Vec<(ShardId, Waits)>, String>, s: &mut Shared) {
        let told = match told {
            Ok(told) => told,
            Err(why) => return s.watch.fail(s.now, format!("node {}: {why}", self.number)),
        };
        for (shard, waits) in told {
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
        let now = self.mono(s.now);
        let slot = &mut self.slots[shard.0 as usize];
        if let Some(replica) = &mut slot.replica {
            // A turn counts the ticks before it, and reads what came before, whatever it is woken for.
            let most = Rest::ticks_max(s.options.raft().heartbeat_ticks);
            let ticks = std::mem::take(&mut slot.ticks).min(most);
            if ticks > 0 {
                replica.advance(ticks, false, now);
            }
            replica.step(&std::mem::take(&mut slot.unread));
            act(replica, now);
            self.dirty.insert(shard.0);
        }
    }

    pub(super) fn replica(&self, shard: ShardId) -> Option<&Replica> {
        self.slots[shard.0 as usize].replica.as_ref()
    }

    /// True when whoever waits is to be told at once.
    pub(super) fn append(&mut self, shard: ShardId, records: Vec<Record>, waits: Waits) -> bool {
        match self.disk.append(shard, records, waits) {
            Ok(early) => early,
            Err(_) => {
                self.dying = self.fragile.take();
                self.slots[shard.0 as usize].replica = None;
                self.slots[shard.0 as usize].replies.clear();
                false
            }
        }
    }

    pub(super) fn post(&mut self, to: u16, mail: Mail) {
        if to == self.number {
            self.here.push_back(mail);
        } else {
            self.out.entry(to).or_default().push(mail);
        }
    }

    /// Turns until nothing is left to do now, then sends what came of it.
    fn settle(&mut self, s: &mut Shared) {
        loop {
            if let Some(shard) = self.dirty.pop_first() {
                let (now, wall) = (self.mono(s.now), self.wall(s.now));
                if let Some(replica) = &mut self.slots[shard as usize].replica {
                    replica.turn(now, wall);
                    self.finish(ShardId(shard), s);
                }
            } else if let Some(mail) = self.here.pop_front() {
                self.mail(self.number, mail, s);
            } else {
                break;
            }
        }
        for (to, mails) in std::mem::take(&mut self.out) {
            s.send(self.number, to, mails);
        }
        if self.disk.begin() {
            let delay = s.between(200, 800) + self.disk.extra();
            s.after(delay, self.event(Inner::Synced));
        }
    }

    /// Does what a replica's turn asked for.
    fn finish(&mut self, shard: ShardId, s: &mut Shared) {
        let at = shard.0 as usize;
        let Some(mut replica) = self.slots[at].replica.take() else { return };
        let outputs = replica.outputs();
        self.slots[at].leader = replica.leader();
        s.watch.see(s.now, shard, &replica, &mut self.slots[at].seen);
        let broken = replica.broken().map(ToOwned::to_owned);
        self.slots[at].replica = Some(replica);
        self.perform(shard, outputs, s);
        if let Some(why) = broken
            && !self.disk.store.is_failing()
        {
            s.watch.fail(s.now, format!("node {} shard {shard} broke: {why}", self.number));
        }
        if self.slots[at].replica.as_ref().is_none_or(|replica| replica.broken().is_some()) {
            self.slots[at] = Slot { restarting: true, ..Slot::default() };
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
        let mut by_node: BTreeMap<u16, Vec<Vec<u8>>> = BTreeMap::new();
        if let Some((index, term)) = outputs.covered
            && index % GIVEN_UP_EACH == 0
        {
            self.append(shard, vec![Record::Cut { index, term }], Waits::Nobody);
        }
        for (node, message) in outputs.messages {
            self.spring(s.now, node.0, &message);
            by_node.entry(node.0).or_default().push(message);
        }
        for (node, messages) in by_node {
            self.post(node, Mail::Envelope(Envelope::Raft { shard, messages }));
        }
        for (token, outcomes) in outputs.answers {
            if let Some(call) = self.slots[shard.0 as usize].replies.remove(&token) {
                self.post(0, Mail::Envelope(Envelope::Reply(ReplyBatch { call, outcomes })));
            }
        }
        for batch in outputs.effects {
            if let Some(leader) = self.leader(batch.to, s) {
                self.post(leader, Mail::Envelope(Envelope::Effects(batch)));
            }
        }
        for (from, seq) in outputs.taken {
            if let Some(leader) = self.leader(from, s) {
                self.post(leader, Mail::Envelope(Envelope::EffectsTaken { from, to: shard, seq }));
            }
        }
        if let Some(job) = outputs.checkpoint {
            let delay = s.between(1_000, 8_000);
            let slot = &mut self.slots[shard.0 as usize];
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

    /// The leader known here; a node without a replica of the shard tries those that may have one.
    fn leader(&self, shard: ShardId, s: &mut Shared) -> Option<u16> {
        let nodes = &s.known[shard.0 as usize];
        if self.slots[shard.0 as usize].replica.is_some() {
            return self.slots[shard.0 as usize].leader.map(|leader| leader.0);
        }
        let (nodes, count) = (nodes.clone(), nodes.len() as u64);
        let at = s.between(0, count.max(1));
        nodes.get(usize::try_from(at).unwrap_or(0)).copied()
    }

    /// Notices a vote that this node promises to another, if it is to die of it.
    fn spring(&mut self, now: u64, to: u16, message: &[u8]) {
        let Some((until, down)) = self.vote_trap.filter(|(until, _)| now <= *until) else { return };
        let granted = Message::parse_from_bytes(message).is_ok_and(|message| {
            message.get_msg_type() == MessageType::MsgRequestVoteResponse && !message.reject
        });
        if granted && until > 0 {
            self.vote_trap = None;
            self.sprung = Some((down, to));
        }
    }
}
