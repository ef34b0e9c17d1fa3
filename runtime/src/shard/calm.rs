//! Turns of a replica at rest, done by whoever brings it the time or a heartbeat.
//!
//! An idle node would spend much of its time on waking actors for a turn that takes microseconds. A turn that holds nothing but ticks and
//! heartbeats is done in place; whatever else comes of it, or takes long, is left to the actor.

use std::panic::{AssertUnwindSafe, catch_unwind};

use protobuf::Message as _;
use raft::eraftpb::{Message, MessageType};

use super::mailbox::{Mailbox, SystemInput};
use super::output::Outputs;
use super::replica::Replica;
use crate::NodeId;
use crate::replication::Mono;
use crate::time::{Clock, Timestamp};
use crate::transport::{Envelope, Transport};

impl Mailbox {
    /// Takes a peer's Raft messages. Heartbeats for a follower at rest are answered here and now.
    pub(crate) fn raft(
        &self,
        messages: Vec<Vec<u8>>,
        transport: &dyn Transport,
        clock: Clock,
        heartbeat_ticks: u16,
    ) {
        let in_place = self.rest().answers_in_place(&messages);
        if in_place {
            self.put(SystemInput::Raft(messages));
            self.turn_in_place(clock, heartbeat_ticks, &mut |node, envelope| {
                // What cannot be sent is lost, which Raft tolerates.
                let _ = transport.send(node, envelope);
            });
        } else {
            self.system(SystemInput::Raft(messages));
        }
    }

    /// One turn without the actor, or with it where there is more to do than this may.
    pub(super) fn turn_in_place(
        &self,
        clock: Clock,
        heartbeat_ticks: u16,
        say: &mut dyn FnMut(NodeId, Envelope),
    ) {
        if !self.claim() {
            // The actor is on its way, and takes what is there.
            return;
        }
        match self.try_turn(clock, heartbeat_ticks) {
            Some(messages) => {
                for (node, message) in messages {
                    say(node, Envelope::Raft { shard: self.shard(), messages: vec![message] });
                }
            }
            None => self.cast(),
        }
    }

    /// The messages that came of the turn; none where the actor must be woken, whether or not there was one.
    fn try_turn(&self, clock: Clock, heartbeat_ticks: u16) -> Option<Vec<(NodeId, Vec<u8>)>> {
        self.with_replica(|replica| {
            let now = clock.mono();
            if !replica.is_calm(now) {
                return None;
            }
            let inputs = self.drain_if(|waiting| replica.takes_calmly(waiting))?;
            let (ticks, beat) = self.take_ticks(heartbeat_ticks);
            let leader = replica.leader();
            // A panic poisons the replica, which the actor's next turn reports to its supervisor.
            let turned = catch_unwind(AssertUnwindSafe(|| {
                replica.advance(ticks, beat, now);
                for input in inputs {
                    if let SystemInput::Raft(messages) = input {
                        replica.step(&messages);
                    }
                }
                replica.turn(now, Timestamp::wall());
            }));
            turned.ok()?;
            self.set_rest(replica.rest());
            let quiet = replica.only_speaks() && replica.leader() == leader;
            quiet.then(|| std::mem::take(&mut replica.out.messages))
        })?
    }
}

impl Replica {
    /// Whether a turn would find nothing that takes long.
    fn is_calm(&self, now: Mono) -> bool {
        self.broken.is_none()
            && !self.passivates(now)
            && !self.checkpoint_wanted
            && !self.checkpoint_is_due(now)
    }

    /// Whether these inputs bring heartbeats and answers to them, and no news.
    fn takes_calmly(&self, inputs: &SystemInput) -> bool {
        let SystemInput::Raft(messages) = inputs else { return false };
        messages.iter().all(|message| {
            Message::parse_from_bytes(message).is_ok_and(|message| match message.msg_type {
                MessageType::MsgHeartbeat => message.commit <= self.applied(),
                MessageType::MsgHeartbeatResponse => true,
                _ => false,
            })
        })
    }

    /// Whether a turn came to messages at most.
    fn only_speaks(&self) -> bool {
        let Outputs {
            append,
            messages: _,
            answers,
            effects,
            taken,
            covered,
            checkpoint,
            snapshots,
            published,
            notes,
        } = &self.out;
        self.broken.is_none()
            && append.is_empty()
            && answers.is_empty()
            && effects.is_empty()
            && taken.is_empty()
            && covered.is_none()
            && checkpoint.is_none()
            && snapshots.is_empty()
            && published.is_empty()
            && notes.is_empty()
    }
}
