//! A synthetic cluster of three nodes and twelve shards, the same for the same seed and age.

use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};

use futures::future::{BoxFuture, FutureExt as _};
use troupe_runtime::death_watch::{Death, Ending, Subject};
use troupe_runtime::inspect::Inspect;
use troupe_runtime::membership::{Cluster, ClusterEvent, Member, Scheduling};
use troupe_runtime::node_spec::NodeSpec;
use troupe_runtime::observe::{
    EntityView, KeyRange, Lifecycle, MessageView, NodeAddress, NodeView, PeerView, Role, ShardView,
};
use troupe_runtime::placement::{Operate, Remaining};
use troupe_runtime::{Address, AskError, Entity, NodeId, ShardId, Timestamp};
use troupe_supervision::console::TreeSource;
use troupe_supervision::{ChildState, TreeNode, TreeView};

const NODES: u16 = 3;
const SHARDS: u32 = 12;

/// The synthetic cluster. A node in `hung` never answers.
pub(crate) struct Synthetic {
    seed: u64,
    started: Timestamp,
    hung: Mutex<BTreeSet<NodeId>>,
    cluster: Mutex<Cluster>,
}

impl Synthetic {
    pub(crate) fn new(seed: u64, started: Timestamp) -> Self {
        let node = |id: u16| NodeSpec {
            id: NodeId(id),
            name: format!("n{id}"),
            mesh: ([127, 0, 0, 1], 7_100 + id).into(),
            gateway: ([127, 0, 0, 1], 8_080 + id).into(),
            admin: ([127, 0, 0, 1], 9_090 + id).into(),
            zone: String::new(),
        };
        let mut cluster = Cluster::create(Cluster::KEY);
        let sets = (0..=SHARDS).map(|shard| vec![Self::leader(shard)]).collect();
        cluster.apply(&ClusterEvent::Founded { nodes: (1..=NODES).map(node).collect(), sets });
        Self { seed, started, hung: Mutex::default(), cluster: Mutex::new(cluster) }
    }

    pub(crate) fn hang(&self, node: NodeId) {
        self.hung.lock().unwrap_or_else(PoisonError::into_inner).insert(node);
    }

    fn answers(&self, node: NodeId) -> bool {
        !self.hung.lock().unwrap_or_else(PoisonError::into_inner).contains(&node)
    }

    fn answer<T: Send + 'static>(&self, node: NodeId, value: T) -> BoxFuture<'static, Result<T, AskError>> {
        if self.answers(node) {
            futures::future::ready(Ok(value)).boxed()
        } else {
            futures::future::pending().boxed()
        }
    }

    /// A pseudo-random number below `below` for these coordinates.
    fn number(&self, a: u64, b: u64, below: u64) -> u64 {
        let mut z = self.seed ^ a.wrapping_mul(0x9E37_79B9_7F4A_7C15) ^ b.wrapping_mul(0xD1B5_4A32_D192_ED03);
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        (z ^ (z >> 31)) % below.max(1)
    }

    fn leader(shard: u32) -> NodeId {
        NodeId(u16::try_from(shard % u32::from(NODES)).unwrap_or(0) + 1)
    }

    fn shard(&self, node: NodeId, shard: u32) -> ShardView {
        let age = Timestamp::wall().since(self.started);
        let (here, id) = (u64::from(node.0), u64::from(shard));
        let leads = Self::leader(shard) == node;
        let second = age.as_secs();
        let per_s = (20 + self.number(id, 1, 180)) as f64;
        // Varies by two thirds, and never decreases: the slope of 2 sin(t / 3) stays above minus one.
        let swing = 2.0 * (age.as_secs_f64() / 3.0 + id as f64).sin();
        let commands_total = (per_s * (age.as_secs_f64() + 2.0 + swing)) as u64;
        let committed = 10_000 + id * 131 + commands_total;
        let down = node == NodeId(2) && shard == 8;
        let lag = if leads { 0 } else { self.number(id * 7 + here, second, 4) };
        ShardView {
            shard: ShardId(shard),
            role: match (down, leads) {
                (true, _) => Role::Down,
                (_, true) => Role::Leader,
                _ => Role::Follower,
            },
            term: 3 + self.number(id, 2, 4),
            leader: Some(Self::leader(shard)),
            replicas: (1..=NODES).map(NodeId).collect(),
            voters: vec![],
            generation: 0,
            committed,
            applied: committed - lag,
            checkpointed: committed / 1_000 * 1_000,
            entities: 400 + self.number(id, 3, 900),
            entity_bytes: 1_000_000 + self.number(id, 4, 4_000_000),
            mailbox: u32::try_from(if leads { self.number(id, second, 9) } else { 0 }).unwrap_or(0),
            commands_total: if leads { commands_total } else { 0 },
            queries_total: if leads { commands_total * 2 } else { 0 },
            outbox: u32::try_from(self.number(id, second + 1, 5)).unwrap_or(0),
            faults_total: self.number(id, 5, 3),
            starts: 1 + u32::from(down),
            trouble: down.then(|| "log refused: a record's checksum does not fit".to_owned()),
        }
    }
}

impl Synthetic {
    fn happens(&self, event: &ClusterEvent) {
        self.cluster.lock().unwrap_or_else(PoisonError::into_inner).apply(event);
    }

    fn now(&self) -> Cluster {
        self.cluster.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// Every operation completes at once.
impl Operate for Synthetic {
    fn cluster(&self) -> BoxFuture<'static, Result<Cluster, AskError>> {
        futures::future::ready(Ok(self.now())).boxed()
    }

    fn join(&self, node: NodeSpec) -> BoxFuture<'static, Result<Vec<NodeSpec>, AskError>> {
        self.happens(&ClusterEvent::Joined(node));
        let nodes = self.now().nodes.into_values().map(|member| member.record).collect();
        futures::future::ready(Ok(nodes)).boxed()
    }

    fn set_scheduling(
        &self,
        node: NodeId,
        scheduling: Scheduling,
    ) -> BoxFuture<'static, Result<(), AskError>> {
        self.happens(&ClusterEvent::Tasked { node, scheduling });
        futures::future::ready(Ok(())).boxed()
    }

    fn move_shard(&self, shard: ShardId, to: NodeId) -> BoxFuture<'static, Result<Vec<NodeId>, AskError>> {
        self.happens(&ClusterEvent::Placed { shard, nodes: vec![to], pinned: true });
        futures::future::ready(Ok(vec![to])).boxed()
    }

    fn release(&self, shard: ShardId) -> BoxFuture<'static, Result<(), AskError>> {
        let nodes = self.now().sets.get(shard.0 as usize).cloned().unwrap_or_default();
        self.happens(&ClusterEvent::Placed { shard, nodes, pinned: false });
        futures::future::ready(Ok(())).boxed()
    }

    fn remove(&self, node: NodeId) -> BoxFuture<'static, Result<(), AskError>> {
        self.happens(&ClusterEvent::Removed(node));
        futures::future::ready(Ok(())).boxed()
    }

    fn remaining(&self, node: NodeId) -> BoxFuture<'static, Result<Remaining, AskError>> {
        let cluster = self.now();
        let leads: Vec<ShardId> = cluster
            .held(node)
            .filter(|shard| cluster.target(*shard).and_then(|w| w.leader) == Some(node))
            .collect();
        let held: Vec<ShardId> = cluster.held(node).collect();
        futures::future::ready(Ok(Remaining { leads, votes: held.clone(), placed: held })).boxed()
    }
}

impl Inspect for Synthetic {
    fn restart(&self, address: Address) -> BoxFuture<'static, Result<EntityView, AskError>> {
        self.entity(address)
    }

    fn death(&self, subject: Subject) -> BoxFuture<'static, Result<Death, AskError>> {
        Box::pin(match subject {
            Subject::Node(_) => futures::future::pending().left_future(),
            subject => {
                let reason = "it panicked: no such colour".to_owned();
                futures::future::ready(Ok(Death { subject, ending: Ending::Failed, reason })).right_future()
            }
        })
    }

    fn here(&self) -> NodeId {
        NodeId(1)
    }

    fn nodes(&self) -> Vec<NodeAddress> {
        (1..=NODES)
            .map(|node| NodeAddress {
                node: NodeId(node),
                name: format!("n{node}"),
                gateway: format!("127.0.0.1:{}", 8080 + node),
                admin: format!("127.0.0.1:{}", 9090 + node),
            })
            .collect()
    }

    fn members(&self) -> Vec<Member> {
        self.now().nodes.into_values().collect()
    }

    fn node(&self, node: NodeId) -> BoxFuture<'static, Result<NodeView, AskError>> {
        let age = Timestamp::wall().since(self.started);
        let peers = (1..=NODES).map(NodeId).filter(|peer| *peer != node).map(|peer| {
            let connected = self.answers(peer);
            PeerView {
                node: peer,
                connected,
                incarnation: connected.then_some(41),
                silent_ms: Some(if connected { 120 } else { 9_000 }),
                rtt_us: connected.then(|| 180 + self.number(u64::from(peer.0), age.as_secs(), 240)),
                queued: 0,
                last_error: (!connected).then(|| "connection refused".to_owned()),
            }
        });
        let view = NodeView {
            node,
            name: format!("n{}", node.0),
            incarnation: 40 + u64::from(node.0),
            started: self.started,
            memory_bytes: 180_000_000 + self.number(u64::from(node.0), age.as_secs() / 2, 30_000_000),
            cpu_ms: u64::try_from(age.as_millis()).unwrap_or(0) / 4,
            shards: (0..=SHARDS).map(|shard| self.shard(node, shard)).collect(),
            peers: peers.collect(),
        };
        self.answer(node, view)
    }

    fn entity(&self, address: Address) -> BoxFuture<'static, Result<EntityView, AskError>> {
        if address.kind != "members" {
            return futures::future::ready(Err(AskError::UnknownKind(address.kind))).boxed();
        }
        let shard = address.shard(SHARDS);
        let recent = (0..6).map(|back: u64| MessageView {
            at: Timestamp(Timestamp::wall().millis().saturating_sub(back * 7_300)),
            verb: if back % 3 == 1 { "get_profile.v1" } else { "rate.v1" }.to_owned(),
            caller: if back.is_multiple_of(2) { "client" } else { "experiments/ranking" }.to_owned(),
            took_us: 300 + self.number(back, 9, 2_000),
            events: u32::from(back % 3 != 1),
            error: (back == 4).then(|| "BAD_RATING".to_owned()),
        });
        let state = serde_json::json!({
            "name": format!("Member {} <b>not bold</b>", address.key),
            "ratings": { "603": 4.5, "1891": 3.0, "27205": 5.0 },
            "segments": ["evening", "drama"],
            "seen": 117,
        });
        let view = EntityView {
            timers: Vec::new(),
            shard,
            node: Self::leader(shard.0),
            role: Role::Leader,
            term: 3 + self.number(u64::from(shard.0), 2, 4),
            resident: true,
            state: state.to_string(),
            bytes: 2_480,
            faults: 1,
            given_up: false,
            recent: recent.collect(),
            address,
        };
        self.answer(view.node, view)
    }

    fn keys(&self, range: KeyRange) -> BoxFuture<'static, Result<Vec<String>, AskError>> {
        let KeyRange { kind, prefix, after, limit } = range;
        if kind != "members" {
            return futures::future::ready(Err(AskError::UnknownKind(kind))).boxed();
        }
        let all: BTreeSet<String> = (1..=900).map(|key| key.to_string()).collect();
        let keys = all
            .into_iter()
            .filter(|key| key.starts_with(&prefix) && *key > after)
            .take(limit as usize)
            .collect();
        futures::future::ready(Ok(keys)).boxed()
    }

    fn journal(&self, node: NodeId, limit: u32) -> BoxFuture<'static, Result<Vec<Lifecycle>, AskError>> {
        let story = [
            ("shard-4", "became_leader", "elected in term 5 with 2 of 3 votes"),
            ("node/shards/shard-8", "restarted", "log refused: a record's checksum does not fit"),
            ("node/shards/shard-8", "failed", "log refused: a record's checksum does not fit"),
            ("n1", "peer_up", "session over mutual TLS"),
            ("node/shards/shard-1", "started", "node start"),
        ];
        let record = |(back, (subject, change, reason)): (u64, (&str, &str, &str))| Lifecycle {
            at: Timestamp(self.started.millis() + 60_000 - back * 9_000 + u64::from(node.0)),
            node,
            subject: subject.to_owned(),
            change: change.to_owned(),
            reason: reason.to_owned(),
        };
        let records: Vec<Lifecycle> = (0..).zip(story).map(record).take(limit as usize).collect();
        self.answer(node, records)
    }
}

impl TreeSource for Synthetic {
    fn tree(&self, node: NodeId) -> BoxFuture<'static, Result<TreeView, AskError>> {
        let actor = |path: String, state, restarts, reason: Option<&str>| TreeNode {
            path,
            state,
            restarts,
            left: 60 - restarts,
            last_reason: reason.map(str::to_owned),
            since: self.started,
        };
        let mut actors = vec![
            actor("node".into(), ChildState::Running, 0, None),
            actor("node/shards".into(), ChildState::Running, 0, None),
        ];
        for shard in 0..=SHARDS {
            let broken = node == NodeId(2) && shard == 8;
            let state = if broken { ChildState::Restarting } else { ChildState::Running };
            let reason = broken.then_some("log refused: a record's checksum does not fit");
            actors.push(actor(format!("node/shards/shard-{shard}"), state, u32::from(broken) * 3, reason));
        }
        for service in ["mesh", "gateway", "console"] {
            actors.push(actor(format!("node/{service}"), ChildState::Running, 0, None));
        }
        self.answer(node, TreeView { node, actors })
    }
}
