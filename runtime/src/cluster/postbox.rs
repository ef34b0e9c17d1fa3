//! The receiver of envelopes from peers.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard};

use super::remote_asks::RemoteAsks;
use crate::address::{NodeId, ShardId};
use crate::entity::Registry;
use crate::locks::lock;
use crate::observe::{Journal, Lifecycle};
use crate::replication::RaftConfig;
use crate::rpc::{Calls, Services};
use crate::shard::{Directory, SystemInput};
use crate::time::{Clock, Timestamp};
use crate::transport::{Envelope, Receiver, ServiceReply, SnapshotChunk, Transport};

/// A snapshot in transit.
struct Assembly {
    transfer: u64,
    next: u32,
    bytes: Vec<u8>,
}

/// The node's receiver.
pub(super) struct Postbox {
    pub(super) here: NodeId,
    pub(super) clock: Clock,
    pub(super) directory: Arc<Directory>,
    pub(super) calls: Arc<Calls>,
    pub(super) services: Arc<Services>,
    pub(super) transport: Arc<dyn Transport>,
    pub(super) journal: Arc<dyn Journal>,
    pub(super) raft: RaftConfig,
    asks: Arc<RemoteAsks>,
    assemblies: Mutex<HashMap<(NodeId, ShardId), Assembly>>,
    runtime: tokio::runtime::Handle,
}

impl Postbox {
    #[allow(clippy::too_many_arguments, reason = "the composition of a node, done once")]
    pub(super) fn new(
        here: NodeId,
        clock: Clock,
        directory: Arc<Directory>,
        calls: Arc<Calls>,
        services: Arc<Services>,
        transport: Arc<dyn Transport>,
        journal: Arc<dyn Journal>,
        raft: RaftConfig,
        registry: Arc<Registry>,
    ) -> Self {
        let asks = RemoteAsks::new(here, clock, registry, directory.clone(), transport.clone());
        Self {
            here,
            clock,
            directory,
            calls,
            services,
            transport,
            journal,
            raft,
            asks,
            assemblies: Mutex::default(),
            runtime: tokio::runtime::Handle::current(),
        }
    }

    fn snapshot(&self, from: NodeId, chunk: SnapshotChunk) {
        let key = (from, chunk.shard);
        let mut assemblies = self.assemblies();
        if chunk.part == 0 {
            let fresh = Assembly { transfer: chunk.transfer, next: 0, bytes: Vec::new() };
            assemblies.insert(key, fresh);
        }
        let Some(assembly) = assemblies.get_mut(&key) else { return };
        // The bound of a shard's state does not count length prefixes, which may double the size of short keys and
        // values.
        let fits = (assembly.bytes.len() + chunk.bytes.len()) as u64
            <= self.raft.snapshot_bytes_max.saturating_mul(2);
        if assembly.transfer != chunk.transfer || assembly.next != chunk.part || !fits {
            // A part is missing or the snapshot is too large: the sender starts again.
            assemblies.remove(&key);
            return;
        }
        assembly.bytes.extend_from_slice(&chunk.bytes);
        assembly.next += 1;
        if assembly.next < chunk.parts {
            return;
        }
        if let Some(whole) = assemblies.remove(&key)
            && let Some(mailbox) = self.directory.mailbox(chunk.shard)
        {
            mailbox.system(SystemInput::Snapshot(whole.bytes));
        }
    }

    fn assemblies(&self) -> MutexGuard<'_, HashMap<(NodeId, ShardId), Assembly>> {
        lock(&self.assemblies)
    }

    fn record(&self, node: NodeId, change: &str, reason: String) {
        self.journal(format!("node-{node}"), change, reason);
    }

    fn journal(&self, subject: String, change: &str, reason: String) {
        match change {
            // These become an outage without action.
            "certificate_expires" | "certificates_unreadable" | "certificate_of_another" => {
                tracing::warn!(subject, change, reason, "lifecycle");
            }
            _ => tracing::info!(subject, change, reason, "lifecycle"),
        }
        self.journal.record(Lifecycle {
            at: Timestamp::wall(),
            node: self.here,
            subject,
            change: change.to_owned(),
            reason,
        });
    }
}

impl Receiver for Postbox {
    fn receive(&self, from: NodeId, envelope: Envelope) {
        match envelope {
            Envelope::Raft { shard, messages } => {
                if let Some(mailbox) = self.directory.mailbox(shard) {
                    mailbox.raft(messages, &*self.transport, self.clock, self.raft.heartbeat_ticks);
                }
            }
            Envelope::Ask(batch) => self.asks.take(from, batch),
            Envelope::Reply(reply) => self.calls.reply(from, reply.call, reply.outcomes),
            Envelope::Effects(batch) => {
                match self.directory.mailbox(batch.to).filter(|mailbox| mailbox.is_connected()) {
                    Some(mailbox) => mailbox.system(SystemInput::Effects(batch)),
                    None => self.directory.forward_effects(&*self.transport, self.here, batch),
                }
            }
            Envelope::EffectsTaken { from: sender, to: by, seq } => {
                match self.directory.mailbox(sender).filter(|mailbox| mailbox.is_connected()) {
                    Some(mailbox) => mailbox.system(SystemInput::Taken { by, seq }),
                    None => self.directory.forward_taken(&*self.transport, self.here, sender, by, seq),
                }
            }
            Envelope::Snapshot(chunk) => self.snapshot(from, chunk),
            Envelope::Call(call) => {
                let (services, transport) = (self.services.clone(), self.transport.clone());
                self.runtime.spawn(async move {
                    let outcome = services.answer(&call.service, call.body).await;
                    let reply = ServiceReply { call: call.call, outcome };
                    let _ = transport.send(from, &Envelope::CallReply(reply));
                });
            }
            Envelope::Tell(tell) => self.services.deliver(&tell.service, from, tell.body),
            Envelope::CallReply(reply) => self.calls.reply(from, reply.call, vec![reply.outcome]),
        }
    }

    fn peer_up(&self, node: NodeId, incarnation: u64) {
        self.directory.forget_stop(node);
        self.record(node, "peer_up", format!("incarnation {incarnation}"));
    }

    fn noted(&self, subject: &str, change: &'static str, reason: String) {
        self.journal(subject.to_owned(), change, reason);
    }

    fn peer_down(&self, node: NodeId, reason: &str) {
        self.calls.lost(node);
        self.directory.forget_stop(node);
        // The sender starts the snapshot again.
        self.assemblies().retain(|(from, _), _| *from != node);
        self.record(node, "peer_down", reason.to_owned());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::observe::Lifecycle;
    use crate::shard::{Mailbox, ShardConfig};
    use crate::transport::MemoryNetwork;

    struct Silent;

    impl Journal for Silent {
        fn record(&self, _: Lifecycle) {}

        fn newest(&self, _: usize) -> Vec<Lifecycle> {
            Vec::new()
        }
    }

    fn postbox(raft: RaftConfig) -> Postbox {
        let mailbox = Mailbox::new(ShardId(1), &ShardConfig::default());
        let transport = MemoryNetwork::default().join(NodeId(1), 1, Arc::default());
        let directory = Arc::new(Directory::new(1, &[mailbox]));
        let (calls, services) = (Arc::default(), Arc::default());
        Postbox::new(
            NodeId(1),
            Clock::start(),
            directory,
            calls,
            services,
            transport,
            Arc::new(Silent),
            raft,
            Arc::default(),
        )
    }

    fn chunk(part: u32, parts: u32, bytes: usize) -> Envelope {
        let bytes = vec![0; bytes];
        Envelope::Snapshot(SnapshotChunk { shard: ShardId(1), transfer: 7, part, parts, bytes })
    }

    #[tokio::test]
    async fn parts_of_a_snapshot_are_dropped_with_the_session_that_sent_them() {
        let postbox = postbox(RaftConfig::default());
        postbox.receive(NodeId(2), chunk(0, 3, 100));
        postbox.receive(NodeId(3), chunk(0, 3, 100));
        postbox.peer_down(NodeId(2), "it is silent");
        let left: Vec<NodeId> = postbox.assemblies().keys().map(|(node, _)| *node).collect();
        assert_eq!(left, [NodeId(3)]);
    }

    #[tokio::test]
    async fn a_state_that_may_be_sent_is_taken_with_its_lengths() {
        let postbox = postbox(RaftConfig { snapshot_bytes_max: 1 << 20, ..RaftConfig::default() });
        for part in 0..6 {
            postbox.receive(NodeId(2), chunk(part, 7, 256 << 10));
        }
        assert_eq!(postbox.assemblies().len(), 1);
        for part in 6..9 {
            postbox.receive(NodeId(2), chunk(part, 10, 256 << 10));
        }
        assert!(postbox.assemblies().is_empty(), "and no more than that");
    }
}
