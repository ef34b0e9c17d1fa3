//! How a node comes to a cluster that runs: it asks any of its nodes to let it in, and learns the other nodes.

use std::time::Duration;

use anyhow::{Context as _, bail};
use serde::Deserialize;
use serde_json::Value;
use troupe_runtime::node_spec::NodeSpec;

use crate::config::{Config, NodeTable};

/// How long the cluster may take to let it in.
const WITHIN: Duration = Duration::from_secs(30);

#[derive(Deserialize)]
struct Welcome {
    cluster: String,
    shards: u32,
    nodes: Vec<NodeSpec>,
}

/// Asks to be let in, and returns the configuration with the cluster's nodes in it.
pub(crate) async fn ask(mut config: Config, own: &NodeTable, admin: &str) -> anyhow::Result<Config> {
    let client = reqwest::Client::builder().no_proxy().timeout(WITHIN).build()?;
    let mut url = reqwest::Url::parse(&format!("http://{admin}/api/nodes"))
        .with_context(|| format!("--join {admin}"))?;
    // What it is to agree on is said first: a node that is admitted and does not come stays a member that others wait for.
    url.query_pairs_mut()
        .append_pair("cluster", &config.cluster.name)
        .append_pair("shards", &config.cluster.shards.to_string());
    let asked = client.post(url).json(&own.spec()).send().await;
    let answer =
        asked.with_context(|| format!("--join {admin}: no console there; name a node's admin address"))?;
    if !answer.status().is_success() {
        let problem: Value = answer.json().await.unwrap_or_default();
        let detail = problem["detail"].as_str().unwrap_or("no reason given");
        bail!("--join {admin}: the cluster does not let {} in: {detail}", own.name);
    }
    let welcome: Welcome =
        answer.json().await.with_context(|| format!("--join {admin}: not a Troupe console"))?;
    let (theirs, ours) = (&welcome.cluster, &config.cluster.name);
    if theirs != ours {
        bail!("cluster.name is {ours:?}, and the cluster at {admin} is {theirs:?}: set it to that");
    }
    if welcome.shards != config.cluster.shards {
        let (theirs, ours) = (welcome.shards, config.cluster.shards);
        bail!("cluster.shards is {ours}, and the cluster at {admin} has {theirs}: set it to that");
    }
    config.nodes = welcome.nodes.into_iter().map(NodeTable::from).collect();
    tracing::info!(node = own.name, nodes = config.nodes.len(), "let in by the cluster");
    Ok(config)
}
