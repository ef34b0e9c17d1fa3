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
use troupe_workers::WorkConfig;

/// Every table of `cluster.toml`.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Config {
    pub cluster: ClusterSection,
    pub log: LogSection,
    pub raft: RaftConfig,
    pub shard: ShardConfig,
    pub placement: PlacementConfig,
    pub supervision: SupervisionConfig,
    pub wal: WalConfig,
    pub store: StoreConfig,
    pub transport: TransportConfig,
    pub gateway: GatewayConfig,
    pub metadata: MetadataConfig,
    pub serving: ServingConfig,
    pub lake: LakeConfig,
    pub work: WorkConfig,
    pub nodes: Vec<NodeTable>,
    pub features: Vec<FeatureGroupConfig>,
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
    pub fn moved_to(mut self, dir: &Path) -> Self {
        self.cluster.data_dir = dir.to_owned();
        self.cluster.certs_dir = dir.join("certs");
        self.lake.dir = dir.join("lake");
        self
    }
}
