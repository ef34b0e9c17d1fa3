//! The cluster with one node in this process.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, bail};
use troupe_actors::coordination::probes::Probe;
use troupe_runtime::cluster::Runtime;
use troupe_runtime::observe::Role;
use troupe_runtime::placement::Operator;
use troupe_runtime::{Address, Entity as _, NodeId, Router, ShardId};

use super::super::{Arguments, Name};
use super::{asks, durable, gaps, moving};
use troupe_local_cluster::figures::Report;
use troupe_local_cluster::processes::Local;
use troupe_local_cluster::throwaway_cluster::ThrowawayCluster;
use troupe_node::boot::Node;
use troupe_node::config::Config;

/// Time for the cluster to be led, or led elsewhere.
pub(super) const LED_WITHIN: Duration = Duration::from_secs(60);
/// Time between two looks.
pub(super) const LOOK_EVERY: Duration = Duration::from_millis(20);

/// The cluster, and the node that is here.
pub(super) struct Inside {
    pub(super) stage: ThrowawayCluster,
    pub(super) local: Local,
    pub(super) runtime: Arc<Runtime>,
}

pub(crate) async fn measure(
    arguments: &Arguments,
    config: Config,
    report: &mut Report,
) -> anyhow::Result<()> {
    println!("three nodes start, one of them in this process");
    let stage = ThrowawayCluster::prepare(config)?;
    let here = stage.config.nodes.first().context("a node")?.name.clone();
    let mut local = Local::start_beside(&stage.config, &stage.file, Some(&here))?;
    let node = Node::start(troupe_actors::registry(), stage.config.clone(), &here, &stage.file, None).await?;
    let runtime = node.runtime().clone();
    let ready = local.until_ready().await;
    let mut inside = Inside { stage, local, runtime };
    let measured = match ready {
        Ok(()) => Box::pin(inside.measure(arguments, report)).await,
        Err(error) => Err(error),
    };
    node.stop().await?;
    inside.local.stop().await;
    measured
}

impl Inside {
    pub(super) async fn measure(&mut self, arguments: &Arguments, report: &mut Report) -> anyhow::Result<()> {
        self.until_spread().await?;
        if arguments.wants(Name::Asks) {
            asks::local(self, report).await?;
            asks::remote(self, report).await?;
            asks::tells(self, report).await?;
        }
        if arguments.wants(Name::Durable) {
            durable::measure(self, report).await?;
        }
        if arguments.wants(Name::Transfer) {
            gaps::transfers(self, report).await?;
        }
        if arguments.wants(Name::Kill) {
            gaps::kills(self, report).await?;
        }
        if arguments.wants(Name::Pause) {
            gaps::pauses(self, report).await?;
        }
        // Last: the cluster is larger and fuller afterwards.
        if arguments.wants(Name::Move) {
            moving::measure(self, arguments.fill, report).await?;
        }
        Ok(())
    }

    pub(super) fn router(&self) -> Router {
        self.runtime.router()
    }

    pub(super) fn operator(&self) -> Operator {
        self.runtime.operator()
    }

    pub(super) fn shards(&self) -> impl Iterator<Item = ShardId> + use<> {
        (1..=self.runtime.spec().config.shards).map(ShardId)
    }

    /// The leader of each data shard, as the leaders themselves say.
    pub(super) async fn leaders(&self) -> BTreeMap<ShardId, NodeId> {
        let inspect = self.runtime.inspect();
        let mut leaders = BTreeMap::new();
        for node in inspect.nodes() {
            let Ok(view) = inspect.node(node.node).await else { continue };
            let led = view.shards.iter().filter(|shard| shard.role == Role::Leader);
            leaders.extend(led.map(|shard| (shard.shard, node.node)));
        }
        leaders.remove(&ShardId::CONTROL);
        leaders
    }

    /// Waits until every shard is led, and every node leads some.
    pub(super) async fn until_spread(&self) -> anyhow::Result<()> {
        let (shards, nodes) = (self.shards().count(), self.stage.config.nodes.len());
        let deadline = tokio::time::Instant::now() + LED_WITHIN;
        loop {
            let leaders = self.leaders().await;
            let spread: std::collections::BTreeSet<&NodeId> = leaders.values().collect();
            if leaders.len() == shards && spread.len() == nodes {
                return Ok(());
            }
            if tokio::time::Instant::now() > deadline {
                bail!("leads are not spread over the nodes after {LED_WITHIN:?}: {leaders:?}");
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }

    /// A node that is a process of its own, and its name.
    pub(super) fn other(&self, round: usize) -> anyhow::Result<(NodeId, String)> {
        let others = &self.stage.config.nodes[1..];
        let node = others.get(round % others.len()).context("a node that is not here")?;
        Ok((NodeId(node.id), node.name.clone()))
    }

    /// A shard that a node leads.
    pub(super) async fn led_by(&self, node: NodeId) -> anyhow::Result<ShardId> {
        let leaders = self.leaders().await;
        let found = leaders.into_iter().find(|(_, leader)| *leader == node);
        Ok(found.with_context(|| format!("node {node} leads nothing"))?.0)
    }

    /// The `at`th probe of a shard.
    pub(super) fn probe_of(&self, shard: ShardId, at: usize) -> Address {
        let shards = self.runtime.spec().config.shards;
        let mut keys = (0_u64..).map(|key| Address { kind: Probe::KIND.to_owned(), key: key.to_string() });
        keys.by_ref()
            .filter(|address| address.shard(shards) == shard)
            .nth(at)
            .unwrap_or_else(|| unreachable!("every shard has keys without end"))
    }
}
