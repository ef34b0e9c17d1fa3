//! Routes that change the cluster: they put nodes in and out of service and move shards between nodes.
//!
//! Each route accepts only JSON, so that a page of another origin cannot make a browser send the request.

use std::time::Duration;

use axum::Json;
use axum::extract::rejection::{JsonRejection, PathRejection, QueryRejection};
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use tokio::time::Instant;
use troupe_runtime::membership::{Cluster, Scheduling};
use troupe_runtime::node_spec::NodeSpec;
use troupe_runtime::placement::{Operate, Remaining};
use troupe_runtime::{Address, NodeId, ShardId};

use super::problem::Problem;
use super::state::ConsoleState;

/// Upper bound on the wait of one call.
const WAIT_MAX: Duration = Duration::from_secs(600);
/// Interval of the checks while a call waits.
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// How long to wait, in milliseconds; default 0.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Wait {
    #[serde(default)]
    wait_ms: u64,
}

/// The target node of a shard, and how long to wait for the move.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct MoveTo {
    to: String,
    #[serde(default)]
    wait_ms: u64,
}

/// An empty object: these routes take their arguments from the path.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Nothing {}

/// The cluster name and shard count that a joining node expects. A node of an older version sends neither and checks
/// the answer itself.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Belief {
    cluster: Option<String>,
    shards: Option<u32>,
}

/// Every node, with the settings that a joining node must match.
#[derive(Serialize)]
pub(super) struct Welcome {
    cluster: String,
    shards: u32,
    nodes: Vec<NodeSpec>,
}

/// Ends an entity's incarnation and answers with the view of the next one.
pub(super) async fn restart(
    State(console): State<ConsoleState>,
    path: Result<Path<(String, String)>, PathRejection>,
    body: Result<Json<Nothing>, JsonRejection>,
) -> Result<Json<serde_json::Value>, Problem> {
    let Path((kind, key)) = path.map_err(|rejection| bad("BAD_PATH", rejection.body_text()))?;
    let Json(Nothing {}) = body.map_err(|rejection| bad("BAD_BODY", rejection.body_text()))?;
    let address = Address::parse_parts(&kind, &key).map_err(|error| bad("BAD_KEY", error.to_string()))?;
    super::routes::shown(console.looker.within(console.looker.inspect.restart(address)).await?)
}

/// The result of a node operation.
#[derive(Serialize)]
pub(super) struct Outcome {
    node: String,
    /// Whether the operation is complete.
    done: bool,
    remaining: Remaining,
}

/// The result of a shard move.
#[derive(Serialize)]
pub(super) struct Moved {
    shard: ShardId,
    /// The nodes that will hold the shard, its leader first.
    nodes: Vec<NodeId>,
    done: bool,
}

/// A shard that the balancer places again.
#[derive(Serialize)]
pub(super) struct Released {
    shard: ShardId,
}

pub(super) async fn placement(State(console): State<ConsoleState>) -> Result<Json<Cluster>, Problem> {
    Ok(Json(console.operate.cluster().await?))
}

pub(super) async fn join(
    State(console): State<ConsoleState>,
    query: Result<Query<Belief>, QueryRejection>,
    body: Result<Json<NodeSpec>, JsonRejection>,
) -> Result<Json<Welcome>, Problem> {
    let Query(belief) = query.map_err(|rejection| bad("BAD_QUERY", rejection.body_text()))?;
    let Json(node) = body.map_err(|rejection| bad("BAD_NODE", rejection.body_text()))?;
    let (ours, cluster) = (&console.cluster, console.operate.cluster().await?);
    let count = |cluster: &Cluster| u32::try_from(cluster.sets.len().saturating_sub(1)).unwrap_or(u32::MAX);
    // Checked before the node joins: a node with other settings would join, never start, and stay a missing member.
    let other = match belief {
        Belief { cluster: Some(theirs), .. } if theirs != *ours => {
            Some(format!("its cluster.name is {theirs:?}, but this cluster is {ours:?}: set it to {ours:?}"))
        }
        Belief { shards: Some(theirs), .. } if cluster.founded() && theirs != count(&cluster) => {
            let ours = count(&cluster);
            Some(format!("its cluster.shards is {theirs}, but this cluster has {ours}: set it to {ours}"))
        }
        _ => None,
    };
    if let Some(what) = other {
        return Err(Problem::new(StatusCode::CONFLICT, "OTHER_CLUSTER", what));
    }
    let nodes = console.operate.join(node).await?;
    let shards = count(&console.operate.cluster().await?);
    Ok(Json(Welcome { cluster: ours.clone(), shards, nodes }))
}

pub(super) async fn node(
    State(console): State<ConsoleState>,
    path: Result<Path<(String, String)>, PathRejection>,
    query: Result<Query<Wait>, QueryRejection>,
    body: Result<Json<Nothing>, JsonRejection>,
) -> Result<(StatusCode, Json<Outcome>), Problem> {
    let Path((name, act)) = path.map_err(|rejection| bad("BAD_PATH", rejection.body_text()))?;
    let Query(Wait { wait_ms }) = query.map_err(|rejection| bad("BAD_QUERY", rejection.body_text()))?;
    let Json(Nothing {}) = body.map_err(|rejection| bad("BAD_BODY", rejection.body_text()))?;
    let cluster = console.operate.cluster().await?;
    let id = named(&cluster, &name)?;
    let operate = &console.operate;
    match act.as_str() {
        "drain" => operate.set_scheduling(id, Scheduling::Draining).await?,
        "cordon" => operate.set_scheduling(id, Scheduling::Cordoned).await?,
        "uncordon" => operate.set_scheduling(id, Scheduling::Full).await?,
        "remove" => operate.remove(id).await?,
        other => {
            let what = format!("unknown operation {other:?}: use drain, cordon, uncordon or remove");
            return Err(Problem::new(StatusCode::NOT_FOUND, "NO_SUCH_ACT", what));
        }
    }
    let until = Instant::now() + Duration::from_millis(wait_ms).min(WAIT_MAX);
    loop {
        let remaining = if act == "remove" { Remaining::default() } else { operate.remaining(id).await? };
        let done = act != "drain" || drained(operate.as_ref(), id, &remaining).await?;
        if done || Instant::now() >= until {
            let status = if done { StatusCode::OK } else { StatusCode::ACCEPTED };
            return Ok((status, Json(Outcome { node: name, done, remaining })));
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
}

/// Whether a node has handed off everything that other nodes can take. Without a spare node its followers stay.
async fn drained(operate: &dyn Operate, node: NodeId, remaining: &Remaining) -> Result<bool, Problem> {
    if !remaining.leads.is_empty() {
        return Ok(false);
    }
    if remaining.votes.is_empty() && remaining.placed.is_empty() {
        return Ok(true);
    }
    let cluster = operate.cluster().await?;
    let free = |set: &[NodeId]| {
        let mut open = cluster.nodes.values().filter(|member| member.scheduling == Scheduling::Full);
        open.any(|member| !set.contains(&member.record.id))
    };
    let stays = |shard: &ShardId| {
        let set = cluster.sets.get(shard.0 as usize);
        set.is_some_and(|set| set.contains(&node) && !free(set))
    };
    Ok(remaining.votes.iter().chain(&remaining.placed).all(stays))
}

pub(super) async fn move_shard(
    State(console): State<ConsoleState>,
    path: Result<Path<u32>, PathRejection>,
    query: Result<Query<MoveTo>, QueryRejection>,
    body: Result<Json<Nothing>, JsonRejection>,
) -> Result<(StatusCode, Json<Moved>), Problem> {
    let Path(shard) = path.map_err(|rejection| bad("BAD_PATH", rejection.body_text()))?;
    let Query(MoveTo { to, wait_ms }) = query.map_err(|rejection| bad("BAD_QUERY", rejection.body_text()))?;
    let Json(Nothing {}) = body.map_err(|rejection| bad("BAD_BODY", rejection.body_text()))?;
    let shard = ShardId(shard);
    let id = named(&console.operate.cluster().await?, &to)?;
    let nodes = console.operate.move_shard(shard, id).await?;
    let until = Instant::now() + Duration::from_millis(wait_ms).min(WAIT_MAX);
    loop {
        let done = console.operate.remaining(id).await?.leads.contains(&shard);
        if done || Instant::now() >= until {
            let status = if done { StatusCode::OK } else { StatusCode::ACCEPTED };
            return Ok((status, Json(Moved { shard, nodes, done })));
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
}

pub(super) async fn release(
    State(console): State<ConsoleState>,
    path: Result<Path<u32>, PathRejection>,
    body: Result<Json<Nothing>, JsonRejection>,
) -> Result<Json<Released>, Problem> {
    let Path(shard) = path.map_err(|rejection| bad("BAD_PATH", rejection.body_text()))?;
    let Json(Nothing {}) = body.map_err(|rejection| bad("BAD_BODY", rejection.body_text()))?;
    console.operate.release(ShardId(shard)).await?;
    Ok(Json(Released { shard: ShardId(shard) }))
}

fn named(cluster: &Cluster, name: &str) -> Result<NodeId, Problem> {
    cluster.by_name(name).map(|member| member.record.id).ok_or_else(|| {
        let names: Vec<&str> = cluster.nodes.values().map(|member| member.record.name.as_str()).collect();
        let what = format!("unknown node {name:?}: the nodes are {}", names.join(", "));
        Problem::new(StatusCode::NOT_FOUND, "NO_SUCH_NODE", what)
    })
}

fn bad(code: &str, what: String) -> Problem {
    Problem::new(StatusCode::BAD_REQUEST, code, what)
}
