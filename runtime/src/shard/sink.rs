//! The sink of one replica: it collects what a turn produces, and the failure that stops the replica.

use protobuf::Message as _;
use raft::eraftpb::{Message, MessageType};

use super::output::{Note, Outputs, SnapshotJob};
use crate::address::{Address, ShardId};
use crate::replication::{Mono, ReplicaId};

/// Outputs of the current turn.
pub(super) struct Sink {
    shard: ShardId,
    /// Start of the current turn.
    pub(super) turned: Mono,
    pub(super) out: Outputs,
    /// Why the replica cannot go on; its supervisor decides what follows.
    broken: Option<String>,
}

impl Sink {
    pub(super) fn new(shard: ShardId, now: Mono) -> Self {
        Self { shard, turned: now, out: Outputs::default(), broken: None }
    }

    /// Adds a journal line about the shard.
    pub(super) fn note(&mut self, change: &'static str, reason: String) {
        let subject = format!("shard-{}", self.shard);
        self.out.notes.push(Note { subject, change, reason });
    }

    /// Adds a journal line about an entity.
    pub(super) fn note_entity(&mut self, of: &Address, change: &'static str, reason: String) {
        self.out.notes.push(Note { subject: of.to_string(), change, reason });
    }

    /// Stops the replica; the newest reason is reported.
    pub(super) fn fail(&mut self, why: String) {
        self.broken = Some(why);
    }

    pub(super) fn broken(&self) -> Option<&str> {
        self.broken.as_deref()
    }

    /// Encodes Raft messages for their nodes; a snapshot message becomes a job, because its state is read from the store.
    pub(super) fn send(&mut self, messages: Vec<Message>) {
        for message in messages {
            let to = ReplicaId(message.to);
            if message.get_msg_type() == MessageType::MsgSnapshot {
                let shard = self.shard;
                if let Ok(bytes) = message.write_to_bytes() {
                    self.out.snapshots.push(SnapshotJob { shard, to, message: bytes });
                }
                continue;
            }
            match message.write_to_bytes() {
                Ok(bytes) => self.out.messages.push((to.node(), bytes)),
                Err(error) => self.fail(format!("a Raft message does not encode: {error}")),
            }
        }
    }

    /// Whether the turn produced Raft messages at most.
    pub(super) fn holds_messages_only(&self) -> bool {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_snapshot_message_becomes_a_job_and_every_other_message_leaves_encoded() {
        let mut sink = Sink::new(ShardId(3), 0);
        let to = ReplicaId::new(crate::address::NodeId(2), 5);
        let message = |msg_type| Message { msg_type, to: to.0, ..Message::default() };
        sink.send(vec![message(MessageType::MsgHeartbeat)]);
        assert!(sink.holds_messages_only());
        sink.send(vec![message(MessageType::MsgSnapshot)]);
        assert!(!sink.holds_messages_only());
        assert_eq!((sink.out.messages.len(), sink.out.messages[0].0), (1, to.node()));
        assert_eq!((sink.out.snapshots[0].shard, sink.out.snapshots[0].to), (ShardId(3), to));
    }

    #[test]
    fn a_note_or_a_failure_needs_the_actor() {
        let mut sink = Sink::new(ShardId(3), 0);
        sink.note("reshaping", String::new());
        assert!(!sink.holds_messages_only());
        let mut sink = Sink::new(ShardId(3), 0);
        sink.fail("damaged".to_owned());
        assert!(!sink.holds_messages_only());
        assert_eq!(sink.broken(), Some("damaged"));
    }
}
