//! Messages of a turn to callers and to the other replicas.

use super::actor::Running;
use super::mailbox::{ReplyTo, SystemInput};
use super::output::SnapshotJob;
use super::sending::send_parts;
use super::store_thread::StoreJob;
use crate::address::NodeId;
use crate::background;
use crate::error::{AskError, Refused};
use crate::transport::{Envelope, Outcome, ReplyBatch, SendError, SnapshotChunk, Transport};

/// Bytes of Raft messages after which an envelope takes no further one. A turn's messages for a follower that was away
/// may exceed the transport's frame limit.
const RAFT_BYTES_MAX: usize = 1 << 20;

impl Running {
    pub(super) fn send_raft(&self, messages: Vec<(NodeId, Vec<u8>)>) {
        let mut by_node: Vec<(NodeId, Vec<Vec<u8>>)> = Vec::new();
        for (node, message) in messages {
            match by_node.iter_mut().find(|(to, _)| *to == node) {
                Some((_, batch)) => batch.push(message),
                None => by_node.push((node, vec![message])),
            }
        }
        let shard = self.mailbox.shard();
        for (node, messages) in by_node {
            for messages in parted(messages) {
                // Raft tolerates the loss of a message that cannot be sent.
                let _ = self.world.transport.send(node, &Envelope::Raft { shard, messages });
            }
        }
    }

    pub(super) fn reply(&mut self, token: u64, outcomes: Vec<Outcome>) {
        match self.replies.remove(&token) {
            Some(ReplyTo::Local(waiting)) => {
                // A caller that stopped waiting is not an error.
                let _ = waiting.send(outcomes);
            }
            Some(ReplyTo::Remote { node, call }) => {
                send_reply(&*self.world.transport, node, call, outcomes);
            }
            None => {}
        }
    }

    pub(super) fn send_snapshot(&mut self, job: SnapshotJob) {
        self.transfers += 1;
        let (shard, to, transfer) = (job.shard, job.to, self.transfers);
        let (mailbox, transport) = (self.mailbox.clone(), self.world.transport.clone());
        let pace = self.world.raft.snapshot_bytes_per_s;
        let done = move |blob: Result<Vec<u8>, String>| {
            let failed = mailbox.clone();
            let send =
                move || {
                    let sent =
                        blob.and_then(|blob| {
                            send_parts(&*transport, to.node(), &blob, pace, |part, parts, bytes| {
                                SnapshotChunk { shard, transfer, part, parts, bytes }
                            })
                        });
                    if let Err(why) = sent {
                        mailbox.system(SystemInput::SnapshotFailed(to, why));
                    }
                };
            // Not on the store's thread, where the checkpoints of other shards would wait for it.
            if let Err(error) = background::spawn("troupe-snapshot", send) {
                failed.system(SystemInput::SnapshotFailed(to, error.to_string()));
            }
        };
        self.world.store_thread.submit(StoreJob::Snapshot(job, Box::new(done)));
    }
}

/// The messages in their order, split into parts that fit an envelope.
/// Sends outcomes to a caller's node. Outcomes above the frame limit become `TOO_LARGE`; the caller's deadline covers
/// every other loss.
pub(crate) fn send_reply(transport: &dyn Transport, to: NodeId, call: u64, outcomes: Vec<Outcome>) {
    let reply = |outcomes| Envelope::Reply(ReplyBatch { call, outcomes });
    let count = outcomes.len();
    let mut sent = transport.send(to, &reply(outcomes));
    if sent == Err(SendError::TooLarge) {
        let why = "the reply exceeds what one frame between nodes carries: ask for less at once";
        let refused = AskError::Refused(Refused::new("TOO_LARGE", why));
        sent = transport.send(to, &reply(vec![Err(refused); count]));
    }
    if let Err(error) = sent {
        tracing::debug!(node = to.0, call, %error, "a reply could not be sent");
    }
}

fn parted(messages: Vec<Vec<u8>>) -> Vec<Vec<Vec<u8>>> {
    let mut parts: Vec<Vec<Vec<u8>>> = Vec::new();
    let mut bytes = usize::MAX;
    for message in messages {
        if bytes >= RAFT_BYTES_MAX {
            parts.push(Vec::new());
            bytes = 0;
        }
        bytes += message.len();
        parts.last_mut().expect("one was begun for the first message").push(message);
    }
    parts
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::address::ShardId;
    use crate::transport::ENVELOPE_BYTES_MAX;
    use crate::wire;

    #[test]
    fn messages_for_a_follower_that_was_away_are_split_into_envelopes_within_the_frame_limit() {
        let messages: Vec<Vec<u8>> = (0..64).map(|n| vec![n; 256 << 10]).collect();
        let parts = parted(messages.clone());
        assert_eq!(parts.concat(), messages, "in their order");
        for messages in parts {
            let envelope = Envelope::Raft { shard: ShardId(1), messages };
            assert!(wire::encode(&envelope).len() <= ENVELOPE_BYTES_MAX);
        }
        assert_eq!(parted(vec![vec![1], vec![2]]), [[[1], [2]]], "few messages leave in one part");
    }
}
