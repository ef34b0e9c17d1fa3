//! What the consoles and gateways of a cluster say about it.

use std::time::Duration;

use anyhow::bail;
use serde_json::{Value, json};

use super::places::Place;

/// Asks consoles and gateways; whichever answers first is believed.
#[derive(Clone)]
pub struct Look {
    client: reqwest::Client,
    places: Vec<Place>,
}

impl Look {
    /// At these nodes.
    ///
    /// # Errors
    /// The HTTP client.
    pub fn at(places: &[Place]) -> anyhow::Result<Self> {
        let client = reqwest::Client::builder()
            .no_proxy()
            .connect_timeout(Duration::from_millis(300))
            .timeout(Duration::from_secs(3))
            .build()?;
        Ok(Self { client, places: places.to_owned() })
    }

    /// Whether a node's gateway says that it is ready.
    pub async fn ready(&self, node: usize) -> bool {
        let url = format!("http://{}/readyz", self.places[node].gateway);
        self.client.get(url).send().await.is_ok_and(|answer| answer.status().is_success())
    }

    /// Waits until all are.
    ///
    /// # Errors
    /// They are not within that time.
    pub async fn until_ready(&self, within: Duration) -> anyhow::Result<()> {
        let deadline = tokio::time::Instant::now() + within;
        for node in 0..self.places.len() {
            while !self.ready(node).await {
                if tokio::time::Instant::now() > deadline {
                    bail!("{} is not ready after {within:?}", self.places[node].name);
                }
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        }
        Ok(())
    }

    /// Asks for a change of a node's service at the console of another, and waits so long until it is done. Whether it is.
    ///
    /// # Errors
    /// No console took it.
    pub async fn act(&self, node: usize, act: &str, within: Duration) -> anyhow::Result<bool> {
        let others: Vec<usize> = (0..self.places.len()).filter(|other| *other != node).collect();
        self.act_on(node, act, within, &others).await
    }

    /// The same at the consoles of these nodes.
    ///
    /// # Errors
    /// None of them took it; what the last one said.
    pub async fn act_on(
        &self,
        node: usize,
        act: &str,
        within: Duration,
        at: &[usize],
    ) -> anyhow::Result<bool> {
        let name = &self.places[node].name;
        self.done(&format!("/api/nodes/{name}/{act}?"), within, at).await
    }

    /// Asks that a node lead a shard, and waits so long until it does. Whether it does.
    ///
    /// # Errors
    /// No console took it.
    pub async fn move_shard(&self, shard: usize, to: usize, within: Duration) -> anyhow::Result<bool> {
        let all: Vec<usize> = (0..self.places.len()).collect();
        let to = &self.places[to].name;
        self.done(&format!("/api/shards/{shard}/move?to={to}&"), within, &all).await
    }

    /// The nodes that shall hold each shard, the control group first.
    ///
    /// # Errors
    /// No console says.
    pub async fn sets(&self) -> anyhow::Result<Vec<Vec<usize>>> {
        let place = &self.places[0];
        let url = format!("http://{}/api/placement", place.admin);
        let told: Value = self.client.get(url).send().await?.error_for_status()?.json().await?;
        let sets: Vec<Vec<u16>> = serde_json::from_value(told["sets"].clone())?;
        let place = |id: &u16| self.places.iter().position(|place| place.id == *id);
        Ok(sets.iter().map(|set| set.iter().filter_map(place).collect()).collect())
    }

    async fn done(&self, path: &str, within: Duration, at: &[usize]) -> anyhow::Result<bool> {
        let mut last = String::new();
        for place in at.iter().map(|at| &self.places[*at]) {
            let url = format!("http://{}{path}wait_ms={}", place.admin, within.as_millis());
            let asked = self.client.post(url).timeout(within + Duration::from_secs(10)).json(&json!({}));
            match asked.send().await {
                Ok(answer) if answer.status().is_success() => {
                    return Ok(answer.json::<Value>().await?["done"] == true);
                }
                Ok(answer) => last = answer.text().await?,
                Err(error) => last = error.to_string(),
            }
        }
        bail!("{path}: {last}")
    }

    /// The node that leads the control group.
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
        for place in &self.places {
            let asked = self.client.get(format!("http://{}/api/cluster", place.admin)).send().await;
            let Ok(answer) = asked else { continue };
            let Ok(cluster) = answer.json::<Value>().await else { continue };
            let led = |name: &str| {
                let nodes = cluster["nodes"].as_array()?;
                let node = nodes.iter().find(|node| node["name"] == name)?;
                let shards = node["view"]["shards"].as_array()?;
                let led = shards.iter().filter(|shard| shard["role"] == "leader");
                Some(led.filter_map(|shard| shard["shard"].as_u64()).collect::<Vec<u64>>())
            };
            return Some(self.places.iter().map(|place| led(&place.name).unwrap_or_default()).collect());
        }
        None
    }
}
