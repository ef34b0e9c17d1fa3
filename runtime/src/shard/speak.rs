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
                send_outcomes(&*self.world.transport, node, call, outcomes);
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

/// Why a reply cannot be sent as it is.
const TOO_LARGE: &str = "the reply exceeds what one frame between nodes carries: ask for less at once";

/// Sends the outcomes of asks that may be commands. Above the frame limit each outcome is `Unknown`: a command among them
/// has been executed. The caller's deadline covers every other loss.
fn send_outcomes(transport: &dyn Transport, to: NodeId, call: u64, outcomes: Vec<Outcome>) {
    send_reply(transport, to, call, outcomes, AskError::Unknown(TOO_LARGE.to_owned()));
}

/// Sends the outcomes of queries. Above the frame limit each of them is refused with `TOO_LARGE`.
pub(crate) fn send_answers(transport: &dyn Transport, to: NodeId, call: u64, outcomes: Vec<Outcome>) {
    send_reply(transport, to, call, outcomes, AskError::Refused(Refused::new("TOO_LARGE", TOO_LARGE)));
}

fn send_reply(transport: &dyn Transport, to: NodeId, call: u64, outcomes: Vec<Outcome>, too_large: AskError) {
    let reply = |outcomes| Envelope::Reply(ReplyBatch { call, outcomes });
    let count = outcomes.len();
    let mut sent = transport.send(to, &reply(outcomes));
    if sent == Err(SendError::TooLarge) {
        sent = transport.send(to, &reply(vec![Err(too_large); count]));
    }
    if let Err(error) = sent {
        tracing::debug!(node = to.0, call, %error, "a reply could not be sent");
    }
}

/// The messages in their order, split into parts that fit an envelope.
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
    use std::sync::Mutex;

    use super::*;
    use crate::address::ShardId;
    use crate::locks::lock;
    use crate::observe::PeerView;
    use crate::transport::ENVELOPE_BYTES_MAX;
    use crate::wire;

    /// Takes envelopes within the frame limit.
    #[derive(Default)]
    struct Bounded(Mutex<Vec<Envelope>>);

    impl Transport for Bounded {
        fn send(&self, _: NodeId, envelope: &Envelope) -> Result<(), SendError> {
            if wire::encode(envelope).len() > ENVELOPE_BYTES_MAX {
                return Err(SendError::TooLarge);
            }
            lock(&self.0).push(envelope.clone());
            Ok(())
        }

        fn peers(&self) -> Vec<PeerView> {
            Vec::new()
        }
    }

    #[test]
    fn a_reply_above_the_frame_limit_is_refused_for_queries_and_unknown_for_commands() {
        let large = || vec![Ok(vec![0; 5 << 20]), Ok(vec![0; 5 << 20]), Err(AskError::Expired)];
        let transport = Bounded::default();
        send_answers(&transport, NodeId(2), 1, vec![Ok(vec![7])]);
        send_answers(&transport, NodeId(2), 2, large());
        send_outcomes(&transport, NodeId(2), 3, large());
        let sent: Vec<(u64, Vec<Outcome>)> = lock(&transport.0)
            .drain(..)
            .map(|envelope| match envelope {
                Envelope::Reply(reply) => (reply.call, reply.outcomes),
                other => panic!("{other:?}"),
            })
            .collect();
        assert_eq!(sent[0], (1, vec![Ok(vec![7])]));
        let refused =
            |outcome: &Outcome| matches!(outcome, Err(AskError::Refused(why)) if why.code == "TOO_LARGE");
        assert!(sent[1].1.len() == 3 && sent[1].1.iter().all(refused), "{:?}", sent[1]);
        // Whether a command was executed must not be denied.
        let unknown = |outcome: &Outcome| matches!(outcome, Err(AskError::Unknown(_)));
        assert!(sent[2].1.len() == 3 && sent[2].1.iter().all(unknown), "{:?}", sent[2]);
    }

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
