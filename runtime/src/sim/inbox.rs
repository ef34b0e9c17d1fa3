//! The inbox of a simulated node, and the rejoin of a lost replica.

use super::disk::Waits;
use super::network::Mail;
use super::node::Node;
use super::shared::{Inner, Shared};
use super::slot::Rejoin;
use crate::replication::ReplicaId;
use crate::storage::{Record, Store as _};
use crate::transport::{AskBatch, AskOne, Envelope, Outcome};
use crate::{NodeId, ShardId};

/// Time between two questions of a rejoining replica, in microseconds.
const ASKED_EVERY: u64 = 200_000;

impl Node {
    pub(super) fn mail(&mut self, from: u16, mail: Mail, s: &mut Shared) {
        match mail {
            Mail::Envelope(Envelope::Raft { shard, messages }) => {
                let now = self.clock.mono(s.now);
                self.replicas.receive(shard, messages, now, s.options.raft().heartbeat_ticks);
            }
            Mail::Envelope(Envelope::Ask(batch)) => self.ask(batch, s),
            Mail::Envelope(Envelope::Effects(batch)) => {
                let to = batch.to;
                if self.replicas.leads(to) {
                    self.on(to, |replica, _| replica.effects(batch), s);
                } else if let Some(leader) = self.replicas.other_leader(to, [from, self.number]) {
                    self.outbox.post(leader, Mail::Envelope(Envelope::Effects(batch)));
                }
            }
            Mail::Envelope(Envelope::EffectsTaken { from: sender, to: by, seq }) => {
                if self.replicas.leads(sender) {
                    self.on(sender, |replica, now| replica.taken(by, seq, now), s);
                } else if let Some(leader) = self.replicas.other_leader(sender, [from, self.number]) {
                    let taken = Envelope::EffectsTaken { from: sender, to: by, seq };
                    self.outbox.post(leader, Mail::Envelope(taken));
                }
            }
            Mail::Envelope(_) => {}
            Mail::Snapshot(shard, blob) => self.on(shard, |replica, _| replica.snapshot(&blob), s),
            Mail::Readmit(shard, node) => {
                let mut admitted = None;
                self.on(shard, |replica, _| admitted = replica.admit(node).ok(), s);
                if let Some(id) = admitted {
                    self.outbox.post(from, Mail::Readmitted(shard, id));
                }
            }
            Mail::Readmitted(shard, id) => {
                if let Some(rejoin) = &mut self.replicas.slot_mut(shard).rejoin {
                    rejoin.id.get_or_insert(id);
                }
            }
            Mail::IsMember(shard, id) => {
                if let Some(answer) = self.replicas.slot(shard).standing(shard, id) {
                    self.outbox.post(from, answer);
                }
            }
            Mail::Member(shard, id) => self.admitted(shard, id, s),
            Mail::Removed(shard, id, term) => self.removed(shard, id, term, s),
        }
    }

    /// Takes a client's asks, up to the mailbox's bound. Every second lone query is first tried without a message, as the
    /// router does for a caller on this node.
    fn ask(&mut self, batch: AskBatch, s: &mut Shared) {
        let AskBatch { call, shard, left_ms, asks } = batch;
        let now = self.clock.mono(s.now);
        if let [one] = &asks[..]
            && call % 2 == 0
            && let Some(outcome) = self.answer_here(shard, one, s)
        {
            return self.outbox.reply(call, vec![outcome]);
        }
        let asks_max = s.options.shard().mailbox_asks_max as usize;
        let (count, deadline) = (asks.len(), now + u64::from(left_ms) * 1_000);
        match self.replicas.slot_mut(shard).ask(call, asks, deadline, now, asks_max) {
            Ok(()) => self.replicas.mark(shard),
            Err(error) => self.outbox.reply(call, vec![Err(error); count]),
        }
    }

    fn answer_here(&mut self, shard: ShardId, ask: &AskOne, s: &Shared) -> Option<Outcome> {
        let (now, wall) = (self.clock.mono(s.now), self.clock.wall(s.now));
        let kind = s.registry.get(&ask.to.kind)?;
        let verb = kind.verbs.get(ask.verb.as_str())?;
        let replica = self.replicas.slot_mut(shard).replica.as_mut()?;
        replica.answer_here(&ask.to, (kind, verb), &ask.body, now, wall)
    }

    /// A lost replica asks its peers for admission.
    pub(super) fn rejoin(&mut self, shard: ShardId, s: &mut Shared) {
        let Some(rejoin) = &mut self.replicas.slot_mut(shard).rejoin else { return };
        if rejoin.recording {
            return;
        }
        let mail = rejoin.question(shard, NodeId(self.number));
        self.outbox.post_to_peers(&s.known[shard.0 as usize], &mail);
        s.after(ASKED_EVERY, self.event(Inner::Rejoin(shard)));
    }

    /// The group has admitted this node's replica: writes the new id to the log before the replica takes part.
    fn admitted(&mut self, shard: ShardId, id: ReplicaId, s: &mut Shared) {
        let Some(rejoin) = &mut self.replicas.slot_mut(shard).rejoin else { return };
        if rejoin.recording || rejoin.id != Some(id) || self.disk.full || self.disk.store.is_failing() {
            return;
        }
        rejoin.recording = true;
        if let Err(why) = self.disk.store.clear(shard) {
            s.watch.fail(s.now, why.to_string());
        }
        match self.disk.append(shard, vec![Record::Replica { id: id.0 }], Waits::Opening) {
            Ok(false) => {}
            Ok(true) => {
                let synced = self.disk.sync_all();
                self.notify(synced, s);
                if self.replicas.get(shard).is_none() {
                    let log = self.disk.log(shard);
                    self.open(shard, log, s);
                }
            }
            Err(_) => {
                // The node crashes, or the replica asks again.
                self.fate.log_failed();
                self.replicas.slot_mut(shard).rejoin = Some(Rejoin::default());
            }
        }
    }
}
