//! Asks from peers. Queries that need no turn of their shard are answered beside its actor.

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::address::NodeId;
use crate::entity::Registry;
use crate::error::AskError;
use crate::shard::{Directory, Mailbox, ReplyTo, Request, send_answers};
use crate::time::Clock;
use crate::transport::{AskBatch, AskOne, Outcome, Transport};

/// Queries of one batch that may be answered beside the actor. They hold one task for their sum.
const QUERIES_MAX: usize = 256;
/// Batches answered at once beside the actors; further ones take the mailbox.
const BATCHES_MAX: usize = 256;

/// The asks that this node takes from its peers.
pub(super) struct RemoteAsks {
    here: NodeId,
    clock: Clock,
    registry: Arc<Registry>,
    directory: Arc<Directory>,
    transport: Arc<dyn Transport>,
    room: Arc<Semaphore>,
    runtime: tokio::runtime::Handle,
}

impl RemoteAsks {
    /// Must be called within a tokio runtime.
    pub(super) fn new(
        here: NodeId,
        clock: Clock,
        registry: Arc<Registry>,
        directory: Arc<Directory>,
        transport: Arc<dyn Transport>,
    ) -> Arc<Self> {
        let (room, runtime) = (Arc::new(Semaphore::new(BATCHES_MAX)), tokio::runtime::Handle::current());
        Arc::new(Self { here, clock, registry, directory, transport, room, runtime })
    }

    /// Takes a batch. The answer goes to `from`, at once or from the shard's turn.
    pub(super) fn take(self: &Arc<Self>, from: NodeId, batch: AskBatch) {
        let Some(mailbox) = self.directory.mailbox(batch.shard) else {
            let hint = self.directory.leader(batch.shard).map(|node| node.0);
            return self.refuse(from, &batch, AskError::NotLeader { hint });
        };
        // A query may be slow. A task of its own keeps it from delaying the peer's other envelopes.
        if let Some(room) = self.room_for(&batch.asks) {
            let (this, mailbox) = (self.clone(), mailbox.clone());
            self.runtime.spawn(async move {
                match this.answer(&mailbox, &batch.asks) {
                    Some(outcomes) => this.reply(from, batch.call, outcomes),
                    None => this.queue(&mailbox, from, batch),
                }
                drop(room);
            });
        } else {
            self.queue(mailbox, from, batch);
        }
    }

    /// Room to answer these beside the actor, if all of them are queries. A query behind a command must see what the
    /// command did.
    fn room_for(&self, asks: &[AskOne]) -> Option<OwnedSemaphorePermit> {
        let is_query = |ask: &AskOne| {
            let verb = self.registry.get(&ask.to.kind).and_then(|kind| kind.verbs.get(ask.verb.as_str()));
            verb.is_some_and(|verb| !verb.is_command())
        };
        let few = asks.len() <= QUERIES_MAX && asks.iter().all(is_query);
        few.then(|| self.room.clone().try_acquire_owned().ok()).flatten()
    }

    /// Answers if every query can be answered beside the actor.
    fn answer(&self, mailbox: &Mailbox, asks: &[AskOne]) -> Option<Vec<Outcome>> {
        let answer = |ask: &AskOne| {
            let kind = self.registry.get(&ask.to.kind)?;
            let verb = kind.verbs.get(ask.verb.as_str())?;
            mailbox.answer_here(&ask.to, (kind, verb), &ask.body, self.clock)
        };
        asks.iter().map(answer).collect()
    }

    /// Leaves a batch to the shard's turn.
    fn queue(&self, mailbox: &Mailbox, from: NodeId, batch: AskBatch) {
        let AskBatch { call, shard, left_ms, asks } = batch;
        let deadline = self.clock.mono() + u64::from(left_ms) * 1_000;
        let request = Request { asks, deadline, reply: ReplyTo::Remote { node: from, call } };
        if let Err((error, request)) = mailbox.ask(request) {
            let elsewhere = self.directory.leader(shard).filter(|leader| *leader != self.here);
            let error = match elsewhere {
                Some(leader) if !mailbox.is_connected() => AskError::NotLeader { hint: Some(leader.0) },
                _ => error,
            };
            self.reply(from, call, vec![Err(error); request.asks.len()]);
        }
    }

    fn refuse(&self, from: NodeId, batch: &AskBatch, error: AskError) {
        self.reply(from, batch.call, vec![Err(error); batch.asks.len()]);
    }

    fn reply(&self, to: NodeId, call: u64, outcomes: Vec<Outcome>) {
        send_answers(&*self.transport, to, call, outcomes);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::address::Address;
    use crate::entity::{Command as _, Query as _};
    use crate::membership::{Cluster, GetCluster, InitCluster, with_cluster};
    use crate::transport::MemoryNetwork;

    fn ask(verb: &str) -> AskOne {
        AskOne {
            to: Address::of::<Cluster>(Cluster::KEY),
            verb: verb.to_owned(),
            body: Vec::new(),
            key: None,
        }
    }

    #[tokio::test]
    async fn only_few_queries_without_a_command_have_room_beside_the_actor() {
        let transport = MemoryNetwork::default().join(NodeId(1), 1, Arc::default());
        let directory = Arc::new(Directory::new(1, &[]));
        let asks = RemoteAsks::new(
            NodeId(1),
            Clock::start(),
            Arc::new(with_cluster(Registry::default())),
            directory,
            transport,
        );
        let (read, write, lost) = (ask(GetCluster::VERB), ask(InitCluster::VERB), ask("lost.v1"));
        assert!(asks.room_for(&vec![read.clone(); QUERIES_MAX]).is_some());
        assert!(asks.room_for(&vec![read.clone(); QUERIES_MAX + 1]).is_none());
        assert!(asks.room_for(&[read.clone(), write]).is_none(), "a query behind a command sees what it did");
        assert!(asks.room_for(&[lost]).is_none());
        let held: Vec<_> = std::iter::from_fn(|| asks.room_for(std::slice::from_ref(&read))).collect();
        assert_eq!(held.len(), BATCHES_MAX);
        drop(held);
        assert!(asks.room_for(&[read]).is_some());
    }
}
