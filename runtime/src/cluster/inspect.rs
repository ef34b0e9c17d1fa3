//! Reads views of this node and, through their services, of the others.

use std::sync::Arc;
use std::time::Duration;

use bincode::{Decode, Encode};
use futures::future::{BoxFuture, join_all};
use tokio::sync::oneshot;

use super::runtime::Runtime;
use crate::address::{Address, NodeId, ShardId};
use crate::death_watch::{Death, Subject};
use crate::error::AskError;
use crate::inspect::Inspect;
use crate::membership::{Cluster, Member};
use crate::node_spec::NodeSpec;
use crate::observe::{EntityView, KeyRange, Lifecycle, NodeAddress, NodeView, Role, ShardView};
use crate::replication::Mono;
use crate::shard::{Mailbox, Replica, SystemInput};
use crate::transport::Outcome;
use crate::wire;

/// The service's name.
pub(super) const SERVICE: &str = "inspect";
/// Timeout of one read.
const WITHIN: Duration = Duration::from_secs(2);
/// Lifecycle records in one answer.
const JOURNAL_MAX: u32 = 10_000;
/// Their bytes: the answer must fit the transport's envelope limit.
const JOURNAL_BYTES_MAX: usize = 4 << 20;
/// Keys in one answer of a shard.
const KEYS_MAX: u32 = 100_000;

/// Questions about a node.
#[derive(Debug, Encode, Decode)]
enum Question {
    Node,
    Entity(Address),
    Keys { shards: Vec<ShardId>, range: KeyRange },
    Journal { limit: u32 },
    Restart(Address),
}

/// The cluster as seen from one node.
#[derive(Clone)]
pub(super) struct ClusterInspect(pub(super) Arc<Runtime>);

impl ClusterInspect {
    /// Answers another node's question.
    pub(super) async fn serve(&self, body: Vec<u8>) -> Outcome {
        let question = wire::decode::<Question>(&body).map_err(AskError::BadBody)?;
        match question {
            Question::Node => Ok(wire::encode(&self.own_view().await)),
            Question::Entity(address) => self.own_entity(address).await.map(|view| wire::encode(&view)),
            Question::Restart(address) => {
                let mailbox = self.mailbox(self.0.router().shard_of(&address)?)?;
                let restarted = look(mailbox, move |replica, now| replica.restart(address, now));
                restarted.await?.map(|view| wire::encode(&view))
            }
            Question::Keys { shards, range } => {
                self.own_keys(&shards, range).await.map(|keys| wire::encode(&keys))
            }
            Question::Journal { limit } => {
                let newest = self.0.journal().newest(limit.min(JOURNAL_MAX) as usize);
                Ok(wire::encode(&first_of(newest, JOURNAL_BYTES_MAX)))
            }
        }
    }

    async fn own_view(&self) -> NodeView {
        let runtime = &self.0;
        // A shard without a replica here cannot be down here.
        let here = |mailbox: &&Arc<Mailbox>| mailbox.is_connected() || runtime.holds(mailbox.shard());
        let views = runtime.directory().mailboxes().filter(here).map(|mailbox| shard_view(runtime, mailbox));
        let shards = join_all(views).await;
        let spec = runtime.spec();
        let name = runtime
            .nodes()
            .iter()
            .find(|node| node.id == spec.here)
            .map_or_else(|| spec.here.to_string(), |node| node.name.clone());
        let (memory_bytes, cpu_ms) = process_figures();
        NodeView {
            node: spec.here,
            name,
            incarnation: spec.incarnation,
            started: runtime.started(),
            memory_bytes,
            cpu_ms,
            shards,
            peers: runtime.transport().peers(),
        }
    }

    async fn own_entity(&self, address: Address) -> Result<EntityView, AskError> {
        let shard = self.0.router().shard_of(&address)?;
        let mailbox = self.mailbox(shard)?;
        look(mailbox, move |replica, now| replica.entity(address, now)).await?
    }

    async fn own_keys(&self, shards: &[ShardId], mut range: KeyRange) -> Result<Vec<String>, AskError> {
        range.limit = range.limit.min(KEYS_MAX);
        let mut all = Vec::new();
        for shard in shards {
            let range = range.clone();
            let mailbox = self.mailbox(*shard)?;
            let keys = look(mailbox, move |replica, _| replica.keys(&range));
            all.extend(keys.await??);
        }
        Ok(all)
    }

    fn mailbox(&self, shard: ShardId) -> Result<&Arc<Mailbox>, AskError> {
        let missing = || AskError::NotSent(format!("no replica of shard {shard} on this node"));
        self.0.directory().mailbox(shard).ok_or_else(missing)
    }

    async fn question<T: Decode<()>>(&self, node: NodeId, question: Question) -> Result<T, AskError> {
        let body = wire::encode(&question);
        let reply = if node == self.0.spec().here {
            self.serve(body).await?
        } else {
            self.0.call(node, SERVICE, body, WITHIN).await?
        };
        wire::decode(&reply).map_err(AskError::Fault)
    }

    fn leader_of(&self, address: &Address) -> Result<NodeId, AskError> {
        let shard = self.0.router().shard_of(address)?;
        let leader = self.0.directory().leader(shard);
        leader.ok_or_else(|| AskError::NotSent(format!("shard {shard} has no leader")))
    }

    /// Shards of a kind, grouped by the node believed to lead each.
    fn by_leader(&self, kind: &str) -> Result<Vec<(NodeId, Vec<ShardId>)>, AskError> {
        let spec = self.0.registry().get(kind).ok_or_else(|| AskError::UnknownKind(kind.to_owned()))?;
        let shards: Vec<ShardId> = match spec.placement {
            crate::entity::Placement::Control => vec![ShardId::CONTROL],
            crate::entity::Placement::Sharded => (1..=self.0.spec().config.shards).map(ShardId).collect(),
        };
        let mut by_leader: std::collections::BTreeMap<NodeId, Vec<ShardId>> =
            std::collections::BTreeMap::new();
        for shard in shards {
            let leader = self.0.directory().leader(shard);
            let leader = leader.ok_or_else(|| AskError::NotSent(format!("shard {shard} has no leader")))?;
            by_leader.entry(leader).or_default().push(shard);
        }
        Ok(by_leader.into_iter().collect())
    }
}

impl Inspect for ClusterInspect {
    fn here(&self) -> NodeId {
        self.0.spec().here
    }

    fn nodes(&self) -> Vec<NodeAddress> {
        self.0.nodes().iter().map(NodeSpec::address).collect()
    }

    fn members(&self) -> Vec<Member> {
        let cluster = self.0.globals().get::<Cluster>(Cluster::KEY);
        cluster.map(|cluster| cluster.nodes.values().cloned().collect()).unwrap_or_default()
    }

    fn node(&self, node: NodeId) -> BoxFuture<'static, Result<NodeView, AskError>> {
        let this = self.clone();
        Box::pin(async move { this.question(node, Question::Node).await })
    }

    fn entity(&self, address: Address) -> BoxFuture<'static, Result<EntityView, AskError>> {
        let this = self.clone();
        Box::pin(async move { this.question(this.leader_of(&address)?, Question::Entity(address)).await })
    }

    fn restart(&self, address: Address) -> BoxFuture<'static, Result<EntityView, AskError>> {
        let this = self.clone();
        Box::pin(async move { this.question(this.leader_of(&address)?, Question::Restart(address)).await })
    }

    fn death(&self, subject: Subject) -> BoxFuture<'static, Result<Death, AskError>> {
        let runtime = self.0.clone();
        Box::pin(async move { Ok(runtime.watch(subject).await?.await) })
    }

    fn keys(&self, range: KeyRange) -> BoxFuture<'static, Result<Vec<String>, AskError>> {
        let this = self.clone();
        Box::pin(async move {
            let mut all: Vec<String> = Vec::new();
            for (leader, shards) in this.by_leader(&range.kind)? {
                let question = Question::Keys { shards, range: range.clone() };
                let keys: Vec<String> = this.question(leader, question).await?;
                all.extend(keys);
            }
            all.sort_unstable();
            all.dedup();
            all.truncate(range.limit as usize);
            Ok(all)
        })
    }

    fn journal(&self, node: NodeId, limit: u32) -> BoxFuture<'static, Result<Vec<Lifecycle>, AskError>> {
        let this = self.clone();
        Box::pin(async move { this.question(node, Question::Journal { limit }).await })
    }
}

async fn shard_view(runtime: &Arc<Runtime>, mailbox: &Arc<Mailbox>) -> ShardView {
    let (depth, shard) = (mailbox.depth(), mailbox.shard());
    let starts = runtime.starts(shard);
    let view = if mailbox.is_connected() {
        look(mailbox, move |replica, _| replica.view(depth, starts)).await
    } else {
        Err(AskError::NotSent("the replica is not running".to_owned()))
    };
    view.unwrap_or_else(|error| ShardView {
        shard,
        role: Role::Down,
        term: 0,
        leader: runtime.directory().leader(shard),
        replicas: Vec::new(),
        voters: Vec::new(),
        generation: 0,
        committed: 0,
        applied: 0,
        checkpointed: 0,
        entities: 0,
        entity_bytes: 0,
        mailbox: depth,
        commands_total: 0,
        queries_total: 0,
        outbox: 0,
        faults_total: 0,
        starts,
        trouble: Some(runtime.recovered().trouble(shard).unwrap_or_else(|| error.to_string())),
    })
}

/// Runs a closure in the replica's own turn.
pub(super) async fn look<T: Send + 'static>(
    mailbox: &Arc<Mailbox>,
    see: impl FnOnce(&mut Replica, Mono) -> T + Send + 'static,
) -> Result<T, AskError> {
    let (sender, receiver) = oneshot::channel();
    mailbox.system(SystemInput::Inspect(Box::new(move |replica, now| {
        let _ = sender.send(see(replica, now));
    })));
    let late = || AskError::NotSent("the shard's actor did not answer in time".to_owned());
    tokio::time::timeout(WITHIN, receiver).await.map_err(|_| late())?.map_err(|_| late())
}

/// Resident bytes and CPU milliseconds of this process from `/proc`; zero without `/proc`.
fn process_figures() -> (u64, u64) {
    let pages = std::fs::read_to_string("/proc/self/statm")
        .ok()
        .and_then(|text| text.split_whitespace().nth(1)?.parse::<u64>().ok())
        .unwrap_or(0);
    let ticks = std::fs::read_to_string("/proc/self/stat")
        .ok()
        .and_then(|text| {
            // Fields after the command's closing parenthesis; user and system time are the 12th and 13th.
            let fields: Vec<&str> = text.rsplit_once(')')?.1.split_whitespace().collect();
            Some(fields.get(11)?.parse::<u64>().ok()? + fields.get(12)?.parse::<u64>().ok()?)
        })
        .unwrap_or(0);
    // Holds for Linux on every supported architecture: pages of 4 KiB, a hundred clock ticks a second.
    (pages * 4096, ticks * 10)
}

/// The first records that fit in `bytes_max` bytes.
fn first_of(records: Vec<Lifecycle>, bytes_max: usize) -> Vec<Lifecycle> {
    let mut bytes = 0;
    let fits = |record: &Lifecycle| {
        bytes += record.subject.len() + record.change.len() + record.reason.len() + 16;
        bytes <= bytes_max
    };
    records.into_iter().take_while(fits).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::Timestamp;

    #[test]
    fn an_answer_takes_the_newest_records_that_fit_it() {
        let record = |at: u64| Lifecycle {
            at: Timestamp(at),
            node: NodeId(1),
            subject: "s".into(),
            change: "c".into(),
            reason: "r".repeat(982),
        };
        let newest: Vec<Lifecycle> = (0..9).rev().map(record).collect();
        let kept = |bytes| first_of(newest.clone(), bytes).iter().map(|one| one.at.0).collect::<Vec<_>>();
        assert_eq!(kept(3_500), [8, 7, 6]);
        assert_eq!(kept(9_000).len(), 9);
        assert!(kept(999).is_empty());
    }
}
