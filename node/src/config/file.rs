//! The whole file.

use std::path::Path;

use serde::Serialize;
use troupe_actors::feature_store::catalog::FeatureGroupConfig;
use troupe_gateway::{GatewayConfig, MetadataConfig};
use troupe_inference::ServingConfig;
use troupe_lake::LakeConfig;
use troupe_runtime::placement::PlacementConfig;
use troupe_runtime::replication::RaftConfig;
use troupe_runtime::shard::ShardConfig;
use troupe_runtime::storage::{StoreConfig, WalConfig};
use troupe_runtime::transport::TransportConfig;
use troupe_supervision::SupervisionConfig;

use super::cluster::ClusterSection;
use super::features;
use super::log::LogSection;
use super::nodes::NodeTable;
use crate::work::WorkConfig;

/// Every table of `cluster.toml`.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct Config {
    pub(crate) cluster: ClusterSection,
    pub(crate) log: LogSection,
    pub(crate) raft: RaftConfig,
    pub(crate) shard: ShardConfig,
    pub(crate) placement: PlacementConfig,
    pub(crate) supervision: SupervisionConfig,
    pub(crate) wal: WalConfig,
    pub(crate) store: StoreConfig,
    pub(crate) transport: TransportConfig,
    pub(crate) gateway: GatewayConfig,
    pub(crate) metadata: MetadataConfig,
    pub(crate) serving: ServingConfig,
    pub(crate) lake: LakeConfig,
    pub(crate) work: WorkConfig,
    pub(crate) nodes: Vec<NodeTable>,
    pub(crate) features: Vec<FeatureGroupConfig>,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            cluster: ClusterSection::default(),
            log: LogSection::default(),
            raft: RaftConfig::default(),
            shard: ShardConfig::default(),
            placement: PlacementConfig::default(),
            supervision: SupervisionConfig::default(),
            wal: WalConfig::default(),
            store: StoreConfig::default(),
            transport: TransportConfig::default(),
            gateway: GatewayConfig::default(),
            metadata: MetadataConfig::default(),
            serving: ServingConfig::default(),
            lake: LakeConfig::default(),
            work: WorkConfig::default(),
            nodes: (1..=3).map(NodeTable::local).collect(),
            features: features::defaults(),
        }
    }
}

impl Config {
    /// With everything that is written moved under another folder, as a throw-away cluster wants it.
    pub(crate) fn moved_to(mut self, dir: &Path) -> Self {
        self.cluster.data_dir = dir.to_owned();
        self.cluster.certs_dir = dir.join("certs");
        self.lake.dir = dir.join("lake");
        self
    }
}
