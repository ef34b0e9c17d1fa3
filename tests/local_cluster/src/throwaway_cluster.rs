//! A throw-away cluster: its configuration and data lie in a folder that goes when the run does.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context as _, bail};
use serde_json::Value;
use troupe_runtime::ShardId;
use troupe_sdk::{Budget, Client, RetryPolicy};

use crate::admin;
use troupe_node::config::Config;

pub struct ThrowawayCluster {
    pub config: Config,
    pub file: PathBuf,
    pub lake: PathBuf,
    _dir: tempfile::TempDir,
}

impl ThrowawayCluster {
    pub fn prepare(config: Config) -> anyhow::Result<Self> {
        let dir = tempfile::Builder::new().prefix("troupe-stage-").tempdir()?;
        let config = config.moved_to(dir.path());
        let file = dir.path().join("cluster.toml");
        std::fs::write(&file, toml::to_string(&config)?)?;
        Ok(Self { lake: config.lake.dir.clone(), config, file, _dir: dir })
    }

    pub fn gateways(&self) -> Vec<String> {
        self.config.nodes.iter().map(|node| format!("http://{}", node.gateway)).collect()
    }

    /// A client that must not notice a failover: short pauses, many retries.
    pub fn client(&self) -> anyhow::Result<Client> {
        let retries = RetryPolicy {
            retries: 40,
            first_delay: Duration::from_millis(25),
            max_delay: Duration::from_millis(200),
        };
        Ok(Client::builder()
            .endpoints(self.gateways())
            .within(Duration::from_secs(15))
            .attempt_within(Duration::from_secs(3))
            .connect_within(Duration::from_millis(500))
            .retries(retries)
            .budget(Budget::new(100_000.0, 1.0))
            .build()?)
    }

    pub async fn members(&self) -> anyhow::Result<Vec<String>> {
        admin::keys(&self.config.nodes[0].admin.to_string(), "members").await
    }

    /// The node that leads most shards.
    pub async fn busiest(&self) -> anyhow::Result<String> {
        let cluster = self.admin("/api/cluster").await?;
        let leads = |node: &&Value| {
            let shards = node["view"]["shards"].as_array().cloned().unwrap_or_default();
            shards.iter().filter(|shard| shard["role"] == "leader").count()
        };
        let nodes = cluster["nodes"].as_array().context("nodes of the cluster")?;
        let busiest = nodes.iter().max_by_key(leads).context("no node")?;
        Ok(busiest["name"].as_str().unwrap_or_default().to_owned())
    }

    /// The node that leads a shard.
    pub async fn leader(&self, of: ShardId) -> anyhow::Result<String> {
        let cluster = self.admin("/api/cluster").await?;
        let leads = |node: &&Value| {
            let shards = node["view"]["shards"].as_array().cloned().unwrap_or_default();
            shards.iter().any(|shard| shard["role"] == "leader" && shard["shard"] == of.0)
        };
        let nodes = cluster["nodes"].as_array().context("nodes of the cluster")?;
        let leader = nodes.iter().find(leads).with_context(|| format!("no node leads shard {of}"))?;
        Ok(leader["name"].as_str().unwrap_or_default().to_owned())
    }

    /// Waits until every replica has applied what the others have.
    pub async fn until_caught_up(&self) -> anyhow::Result<()> {
        let deadline = tokio::time::Instant::now() + Duration::from_secs(30);
        loop {
            let cluster = self.admin("/api/cluster").await?;
            let mut applied: BTreeMap<u64, Vec<u64>> = BTreeMap::new();
            for node in cluster["nodes"].as_array().context("nodes of the cluster")? {
                for shard in node["view"]["shards"].as_array().cloned().unwrap_or_default() {
                    let number = shard["shard"].as_u64().unwrap_or(u64::MAX);
                    applied.entry(number).or_default().push(shard["applied"].as_u64().unwrap_or(0));
                }
            }
            let nodes = self.config.nodes.len();
            let even =
                |replicas: &Vec<u64>| replicas.len() == nodes && replicas.iter().all(|at| *at == replicas[0]);
            if !applied.is_empty() && applied.values().all(even) {
                return Ok(());
            }
            if tokio::time::Instant::now() > deadline {
                bail!("the replicas have not caught up after half a minute: {applied:?}");
            }
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    }

    async fn admin(&self, path: &str) -> anyhow::Result<Value> {
        let client = reqwest::Client::builder().no_proxy().timeout(Duration::from_secs(10)).build()?;
        let mut last = None;
        for node in &self.config.nodes {
            match client.get(format!("http://{}{path}", node.admin)).send().await {
                Ok(answer) if answer.status().is_success() => return Ok(answer.json().await?),
                Ok(answer) => last = Some(format!("{} said {}", node.name, answer.status())),
                Err(error) => last = Some(error.to_string()),
            }
        }
        bail!("no console answers {path}: {}", last.unwrap_or_default())
    }
}
