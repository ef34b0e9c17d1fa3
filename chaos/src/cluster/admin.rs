//! A client of the cluster's consoles and gateways.

use std::time::Duration;

use anyhow::bail;
use serde_json::{Value, json};

use super::endpoints::Endpoints;

/// Calls consoles and gateways; the first answer counts.
#[derive(Clone)]
pub struct AdminClient {
    client: reqwest::Client,
    endpoints: Vec<Endpoints>,
}

impl AdminClient {
    /// A client of these nodes.
    ///
    /// # Errors
    /// The HTTP client could not be built.
    pub fn new(endpoints: &[Endpoints]) -> anyhow::Result<Self> {
        let client = reqwest::Client::builder()
            .no_proxy()
            .connect_timeout(Duration::from_millis(300))
            .timeout(Duration::from_secs(3))
            .build()?;
        Ok(Self { client, endpoints: endpoints.to_owned() })
    }

    /// Whether a node's `/readyz` answers with success.
    pub async fn ready(&self, node: usize) -> bool {
        let url = format!("http://{}/readyz", self.endpoints[node].gateway);
        self.client.get(url).send().await.is_ok_and(|answer| answer.status().is_success())
    }

    /// Waits until all nodes are ready.
    ///
    /// # Errors
    /// A node is not ready within that time.
    pub async fn until_ready(&self, within: Duration) -> anyhow::Result<()> {
        let deadline = tokio::time::Instant::now() + within;
        for node in 0..self.endpoints.len() {
            while !self.ready(node).await {
                if tokio::time::Instant::now() > deadline {
                    bail!("{} is not ready after {within:?}", self.endpoints[node].name);
                }
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        }
        Ok(())
    }

    /// Requests `act` (`drain`, `cordon`, `uncordon`) for a node at another node's console. Waits at most `within`; returns
    /// whether it is done.
    ///
    /// # Errors
    /// No console accepted it.
    pub async fn act(&self, node: usize, act: &str, within: Duration) -> anyhow::Result<bool> {
        let others: Vec<usize> = (0..self.endpoints.len()).filter(|other| *other != node).collect();
        self.act_on(node, act, within, &others).await
    }

    /// As [`Self::act`], at the consoles of these nodes.
    ///
    /// # Errors
    /// No console accepted it; the last one's error.
    pub async fn act_on(
        &self,
        node: usize,
        act: &str,
        within: Duration,
        at: &[usize],
    ) -> anyhow::Result<bool> {
        let name = &self.endpoints[node].name;
        self.done(&format!("/api/nodes/{name}/{act}?"), within, at).await
    }

    /// Moves a shard's leadership to a node. Waits at most `within`; returns whether the node leads.
    ///
    /// # Errors
    /// No console accepted it.
    pub async fn move_shard(&self, shard: usize, to: usize, within: Duration) -> anyhow::Result<bool> {
        let all: Vec<usize> = (0..self.endpoints.len()).collect();
        let to = &self.endpoints[to].name;
        self.done(&format!("/api/shards/{shard}/move?to={to}&"), within, &all).await
    }

    /// The desired replicas of each shard, the control group first.
    ///
    /// # Errors
    /// The console did not answer.
    pub async fn sets(&self) -> anyhow::Result<Vec<Vec<usize>>> {
        let endpoint = &self.endpoints[0];
        let url = format!("http://{}/api/placement", endpoint.admin);
        let reply: Value = self.client.get(url).send().await?.error_for_status()?.json().await?;
        let sets: Vec<Vec<u16>> = serde_json::from_value(reply["sets"].clone())?;
        let endpoint = |id: &u16| self.endpoints.iter().position(|endpoint| endpoint.id == *id);
        Ok(sets.iter().map(|set| set.iter().filter_map(endpoint).collect()).collect())
    }

    async fn done(&self, path: &str, within: Duration, at: &[usize]) -> anyhow::Result<bool> {
        let mut last = String::new();
        for endpoint in at.iter().map(|at| &self.endpoints[*at]) {
            let url = format!("http://{}{path}wait_ms={}", endpoint.admin, within.as_millis());
            let request = self.client.post(url).timeout(within + Duration::from_secs(10)).json(&json!({}));
            match request.send().await {
                Ok(answer) if answer.status().is_success() => {
                    return Ok(answer.json::<Value>().await?["done"] == true);
                }
                Ok(answer) => last = answer.text().await?,
                Err(error) => last = error.to_string(),
            }
        }
        bail!("{path}: {last}")
    }

    /// The leader of the control group.
    pub async fn control_leader(&self) -> Option<usize> {
        self.leaders().await?.iter().position(|shards| shards.contains(&0))
    }

    /// The node that leads most shards.
    pub async fn busiest(&self) -> Option<usize> {
        let leaders = self.leaders().await?;
        (0..leaders.len()).max_by_key(|node| leaders[*node].len())
    }

    /// The shards that each node leads, as the first console that answers sees it.
    async fn leaders(&self) -> Option<Vec<Vec<u64>>> {
        for endpoint in &self.endpoints {
            let request = self.client.get(format!("http://{}/api/cluster", endpoint.admin)).send().await;
            let Ok(answer) = request else { continue };
            let Ok(cluster) = answer.json::<Value>().await else { continue };
            let led = |name: &str| {
                let nodes = cluster["nodes"].as_array()?;
                let node = nodes.iter().find(|node| node["name"] == name)?;
                let shards = node["view"]["shards"].as_array()?;
                let led = shards.iter().filter(|shard| shard["role"] == "leader");
                Some(led.filter_map(|shard| shard["shard"].as_u64()).collect::<Vec<u64>>())
            };
            return Some(
                self.endpoints.iter().map(|endpoint| led(&endpoint.name).unwrap_or_default()).collect(),
            );
        }
        None
    }
}
