//! What a simulated node does with what arrives, and how a lost replica comes back.

use super::disk::Waits;
use super::network::Mail;
use super::node::Node;
use super::shared::{Inner, Shared};
use super::slot::Rejoin;
use crate::replication::ReplicaId;
use crate::shard::Replica;
use crate::storage::{Record, Store as _};
use crate::transport::{AskBatch, AskOne, Envelope, Outcome, ReplyBatch};
use crate::{AskError, NodeId, ShardId};

/// Between two questions of a replica that wants to be taken back.
const ASKED_EVERY: u64 = 200_000;
/// Questions after which a change of membership is asked for anew.
const ADMITTED_WITHIN: u32 = 10;

impl Node {
    pub(super) fn mail(&mut self, from: u16, mail: Mail, s: &mut Shared) {
        match mail {
            Mail::Envelope(Envelope::Raft { shard, messages }) => {
                let slot = &mut self.slots[shard.0 as usize];
                let rest = slot.replica.as_ref().map(Replica::rest);
                if rest.is_some_and(|rest| rest.wakes_for(&messages)) {
                    self.on(shard, |replica, _| replica.step(&messages), s);
                } else if rest.is_some() {
                    slot.unread.extend(messages);
                }
            }
            Mail::Envelope(Envelope::Ask(batch)) => self.ask(batch, s),
            Mail::Envelope(Envelope::Effects(batch)) => {
                let (to, leader) = (batch.to, self.slots[batch.to.0 as usize].leader);
                if self.replica(to).is_some_and(Replica::decides) {
                    self.on(to, |replica, _| replica.effects(batch), s);
                } else if let Some(leader) =
                    leader.filter(|leader| leader.0 != self.number && from != leader.0)
                {
                    self.post(leader.0, Mail::Envelope(Envelope::Effects(batch)));
                }
            }
            Mail::Envelope(Envelope::EffectsTaken { from: sender, to: by, seq }) => {
                let leader = self.slots[sender.0 as usize].leader;
                if self.replica(sender).is_some_and(Replica::decides) {
                    self.on(sender, |replica, now| replica.taken(by, seq, now), s);
                } else if let Some(leader) =
                    leader.filter(|leader| leader.0 != self.number && from != leader.0)
                {
                    let taken = Envelope::EffectsTaken { from: sender, to: by, seq };
                    self.post(leader.0, Mail::Envelope(taken));
                }
            }
            Mail::Envelope(_) => {}
            Mail::Snapshot(shard, blob) => self.on(shard, |replica, _| replica.snapshot(&blob), s),
            Mail::Readmit(shard, node) => {
                let mut admitted = None;
                self.on(shard, |replica, _| admitted = replica.admit(node).ok(), s);
                if let Some(id) = admitted {
                    self.post(from, Mail::Readmitted(shard, id));
                }
            }
            Mail::Readmitted(shard, id) => {
                if let Some(rejoin) = &mut self.slots[shard.0 as usize].rejoin {
                    rejoin.id.get_or_insert(id);
                }
            }
            Mail::IsMember(shard, id) => {
                let answer = self.replica(shard).filter(|replica| replica.decides()).map(|replica| {
                    match replica.admitted(id) {
                        true => Mail::Member(shard, id),
                        false => Mail::Removed(shard, id, replica.probe().term),
                    }
                });
                if let Some(answer) = answer {
                    self.post(from, answer);
                }
            }
            Mail::Member(shard, id) => self.taken_back(shard, id, s),
            Mail::Removed(shard, id, term) => self.removed(shard, id, term, s),
        }
    }

    /// Takes a client's asks, up to the mailbox's bound. Every other lone query is tried where it is asked first.
    fn ask(&mut self, batch: AskBatch, s: &mut Shared) {
        let AskBatch { call, shard, left_ms, asks } = batch;
        let now = self.mono(s.now);
        if let [one] = &asks[..]
            && call % 2 == 0
            && let Some(outcome) = self.answer_here(shard, one, s)
        {
            let outcomes = vec![outcome];
            return self.post(0, Mail::Envelope(Envelope::Reply(ReplyBatch { call, outcomes })));
        }
        let most = s.options.shard().mailbox_asks_max as usize;
        let count = asks.len();
        let slot = &mut self.slots[shard.0 as usize];
        let refused = match &mut slot.replica {
            None => Some(AskError::NotSent("no replica of the shard runs here".to_owned())),
            Some(replica) if replica.backlog() > 0 && replica.backlog() + count > most => {
                Some(AskError::busy("mailbox", std::time::Duration::from_millis(50)))
            }
            Some(replica) => {
                let token = replica.ask(asks, now + u64::from(left_ms) * 1_000, now);
                slot.replies.insert(token, call);
                self.dirty.insert(shard.0);
                None
            }
        };
        if let Some(error) = refused {
            let outcomes = vec![Err(error); count];
            self.post(0, Mail::Envelope(Envelope::Reply(ReplyBatch { call, outcomes })));
        }
    }

    /// As the router does for a caller on this node.
    fn answer_here(&mut self, shard: ShardId, ask: &AskOne, s: &Shared) -> Option<Outcome> {
        let (now, wall) = (self.mono(s.now), self.wall(s.now));
        let kind = s.registry.get(&ask.to.kind)?;
        let verb = kind.verbs.get(ask.verb.as_str())?;
        let replica = self.slots[shard.0 as usize].replica.as_mut()?;
        replica.answer_here(&ask.to, (kind, verb), &ask.body, now, wall)
    }

    /// A lost replica asks its peers, one at a time.
    pub(super) fn rejoin(&mut self, shard: ShardId, s: &mut Shared) {
        let Some(rejoin) = &mut self.slots[shard.0 as usize].rejoin else { return };
        if rejoin.recording {
            return;
        }
        rejoin.asked += 1;
        if rejoin.asked.is_multiple_of(ADMITTED_WITHIN) {
            rejoin.id = None;
        }
        let mail = match rejoin.id {
            Some(id) => Mail::IsMember(shard, id),
            None => Mail::Readmit(shard, NodeId(self.number)),
        };
        let peers: Vec<u16> =
            s.known[shard.0 as usize].iter().copied().filter(|peer| *peer != self.number).collect();
        for peer in peers {
            self.post(peer, mail.clone());
        }
        s.after(ASKED_EVERY, self.event(Inner::Rejoin(shard)));
    }

    /// The group has taken this node's replica back: its new id is noted before it takes part.
    fn taken_back(&mut self, shard: ShardId, id: ReplicaId, s: &mut Shared) {
        let Some(rejoin) = &mut self.slots[shard.0 as usize].rejoin else { return };
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
                let told = self.disk.sync_all();
                self.tell(told, s);
                if self.replica(shard).is_none() {
                    let log = self.disk.log(shard);
                    self.open(shard, log, s);
                }
            }
            Err(_) => {
                // The node dies of it, or asks again.
                self.dying = self.fragile.take();
                self.slots[shard.0 as usize].rejoin = Some(Rejoin::default());
            }
        }
    }
}
