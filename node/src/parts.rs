//! The parts of a node, composed from its configuration and disk.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use anyhow::Context as _;
use tokio::sync::watch;
use troupe_inference::{Engine, Recommender};
use troupe_lake::Lake;
use troupe_runtime::cluster::{Runtime, RuntimeConfig, RuntimeSpec};
use troupe_runtime::storage::Wal;
use troupe_runtime::time::Clock;
use troupe_runtime::transport::ReceiverSlot;
use troupe_runtime::transport::mesh::{Mesh, MeshPeer, MeshSpec};
use troupe_runtime::{NodeId, Registry, Timestamp};
use troupe_supervision::RingJournal;

use crate::config::Config;
use crate::data_dir::{Claim, claim};
use crate::disk::open_disk;
use crate::secrets;

/// Where values of runs are filed, below the lake.
const VALUES: &str = "metaflow";

/// A node's parts, before anything of it is supervised.
pub(crate) struct Parts {
    pub(crate) runtime: Arc<Runtime>,
    pub(crate) recommender: Recommender,
    pub(crate) journal: Arc<RingJournal>,
    pub(crate) mesh: Arc<Mesh>,
    pub(crate) wal: Wal,
    /// Why the log has stopped.
    pub(crate) failure: watch::Receiver<Option<String>>,
    pub(crate) clock: Clock,
    /// Whether events find the configured feature groups here.
    pub(crate) declared: Arc<AtomicBool>,
    /// Where values of runs are filed.
    pub(crate) values_dir: Option<PathBuf>,
    /// The data directory is this process's.
    _claim: Claim,
}

pub(crate) fn data_of(config: &Config, own: &crate::config::NodeTable, base: &Path) -> PathBuf {
    base.join(&config.cluster.data_dir).join(&own.name)
}

pub(crate) async fn compose(
    registry: Registry,
    config: &Config,
    own: &crate::config::NodeTable,
    base: &Path,
    joins: bool,
) -> anyhow::Result<Parts> {
    let data = data_of(config, own, base);
    let claim = claim(config, own.id, &data, joins)?;
    let certs = base.join(&config.cluster.certs_dir);
    let cookie = secrets::ready(config, &certs)?;
    let journal = Arc::new(RingJournal::open(&data, Timestamp::wall()).context("the journal")?);
    let clock = Clock::start();
    let incarnation = Timestamp::wall().millis();
    let failure = watch::Sender::new(None);
    let stopped = failure.subscribe();
    let (wal, disk) = open_disk(config, &data, &journal, NodeId(own.id), failure)?;
    let slot = ReceiverSlot::default();
    let mesh = Mesh::start(
        MeshSpec {
            here: NodeId(own.id),
            name: own.name.clone(),
            incarnation,
            cookie,
            listen: own.mesh,
            peers: config
                .nodes
                .iter()
                .filter(|node| node.id != own.id)
                .map(|node| MeshPeer { node: NodeId(node.id), name: node.name.clone(), addr: node.mesh })
                .collect(),
            certs,
            config: config.transport.clone(),
        },
        clock,
        slot.clone(),
    )
    .await?;
    let spec = RuntimeSpec {
        cluster: config.cluster.name.clone(),
        here: NodeId(own.id),
        incarnation,
        nodes: config.nodes.iter().map(crate::config::NodeTable::spec).collect(),
        config: RuntimeConfig {
            shards: config.cluster.shards,
            raft: config.raft.clone(),
            shard: config.shard.clone(),
            placement: config.placement.clone(),
        },
        joins,
    };
    let runtime = Runtime::open(spec, Arc::new(registry), journal.clone(), mesh.clone(), &slot, disk)?;
    let recommender = recommender_of(config, own, base, &runtime, &journal).await?;
    let values_dir = values_dir(config, base);
    Ok(Parts {
        runtime,
        recommender,
        journal,
        mesh,
        wal,
        failure: stopped,
        clock,
        declared: Arc::default(),
        values_dir,
        _claim: claim,
    })
}

/// Runs the models of the lake.
async fn recommender_of(
    config: &Config,
    own: &crate::config::NodeTable,
    base: &Path,
    runtime: &Runtime,
    journal: &Arc<RingJournal>,
) -> anyhow::Result<Recommender> {
    let serving = config.serving.clone();
    let beside = base.to_owned();
    let engine = tokio::task::spawn_blocking(move || Engine::load(&serving, Some(&beside))).await?;
    let mut lake = config.lake.clone();
    lake.dir = base.join(&lake.dir);
    let lake = Lake::with_config(&lake)?;
    let (node, serving) = (NodeId(own.id), config.serving.clone());
    Ok(Recommender::new(node, engine, lake, serving, runtime.globals(), Some(journal.clone())))
}

/// Where values of runs are filed: a client reads the path somewhere else than where this node was started.
fn values_dir(config: &Config, base: &Path) -> Option<PathBuf> {
    std::path::absolute(base.join(&config.lake.dir).join(VALUES)).ok()
}
