//! Routes that act on the cluster: nodes in and out of service, shards from node to node.
//!
//! Each takes JSON alone, so that a page of somebody else's cannot make a browser send it.

use std::time::Duration;

use axum::Json;
use axum::extract::rejection::{JsonRejection, PathRejection, QueryRejection};
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use tokio::time::Instant;
use troupe_runtime::cluster::NodeSpec;
use troupe_runtime::placement::{Cluster, Duty, Operate, Remaining};
use troupe_runtime::{Address, NodeId, ShardId};

use super::problem::Problem;
use super::server::Desk;

/// Longest time a call waits for what it asked for.
const WAIT_MAX: Duration = Duration::from_secs(600);
/// Time between two looks at what remains.
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// How long to wait.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Wait {
    #[serde(default)]
    wait_ms: u64,
}

/// Where to move a shard, and how long to wait for it.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct MoveTo {
    to: String,
    #[serde(default)]
    wait_ms: u64,
}

/// An empty object: these routes take their arguments from their path.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Nothing {}

/// What a new node takes the cluster for. One of a former version does not say, and checks the answer.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Belief {
    cluster: Option<String>,
    shards: Option<u32>,
}

/// Every node, and what a new one must agree with.
#[derive(Serialize)]
pub(super) struct Welcome {
    cluster: String,
    shards: u32,
    nodes: Vec<NodeSpec>,
}

/// Ends an entity's incarnation; answers with what it is then.
pub(super) async fn restart(
    State(desk): State<Desk>,
    path: Result<Path<(String, String)>, PathRejection>,
    body: Result<Json<Nothing>, JsonRejection>,
) -> Result<Json<serde_json::Value>, Problem> {
    let Path((kind, key)) = path.map_err(|rejection| bad("BAD_PATH", rejection.body_text()))?;
    let Json(Nothing {}) = body.map_err(|rejection| bad("BAD_BODY", rejection.body_text()))?;
    let address = Address::parse_parts(&kind, &key).map_err(|error| bad("BAD_KEY", error.to_string()))?;
    super::routes::shown(desk.looker.within(desk.looker.inspect.restart(address)).await?)
}

/// What came of an act on a node.
#[derive(Serialize)]
pub(super) struct Outcome {
    node: String,
    /// Whether nothing remains to be waited for.
    done: bool,
    remaining: Remaining,
}

/// What came of a move.
#[derive(Serialize)]
pub(super) struct Moved {
    shard: ShardId,
    /// Nodes that shall hold it, its leader first.
    nodes: Vec<NodeId>,
    done: bool,
}

/// A shard that is left to the balance again.
#[derive(Serialize)]
pub(super) struct Released {
    shard: ShardId,
}

pub(super) async fn placement(State(desk): State<Desk>) -> Result<Json<Cluster>, Problem> {
    Ok(Json(desk.operate.cluster().await?))
}

pub(super) async fn join(
    State(desk): State<Desk>,
    query: Result<Query<Belief>, QueryRejection>,
    body: Result<Json<NodeSpec>, JsonRejection>,
) -> Result<Json<Welcome>, Problem> {
    let Query(belief) = query.map_err(|rejection| bad("BAD_QUERY", rejection.body_text()))?;
    let Json(node) = body.map_err(|rejection| bad("BAD_NODE", rejection.body_text()))?;
    let (ours, cluster) = (&desk.cluster, desk.operate.cluster().await?);
    let count = |cluster: &Cluster| u32::try_from(cluster.sets.len().saturating_sub(1)).unwrap_or(u32::MAX);
    // Before it is let in: it would stay a node that is waited for and never comes.
    let other = match belief {
        Belief { cluster: Some(theirs), .. } if theirs != *ours => {
            Some(format!("its cluster.name is {theirs:?}, and this cluster is {ours:?}: set it to that"))
        }
        Belief { shards: Some(theirs), .. } if cluster.founded() && theirs != count(&cluster) => {
            let ours = count(&cluster);
            Some(format!("its cluster.shards is {theirs}, and this cluster has {ours}: set it to that"))
        }
        _ => None,
    };
    if let Some(what) = other {
        return Err(Problem::new(StatusCode::CONFLICT, "OTHER_CLUSTER", what));
    }
    let nodes = desk.operate.join(node).await?;
    let shards = count(&desk.operate.cluster().await?);
    Ok(Json(Welcome { cluster: ours.clone(), shards, nodes }))
}

pub(super) async fn node(
    State(desk): State<Desk>,
    path: Result<Path<(String, String)>, PathRejection>,
    query: Result<Query<Wait>, QueryRejection>,
    body: Result<Json<Nothing>, JsonRejection>,
) -> Result<(StatusCode, Json<Outcome>), Problem> {
    let Path((name, act)) = path.map_err(|rejection| bad("BAD_PATH", rejection.body_text()))?;
    let Query(Wait { wait_ms }) = query.map_err(|rejection| bad("BAD_QUERY", rejection.body_text()))?;
    let Json(Nothing {}) = body.map_err(|rejection| bad("BAD_BODY", rejection.body_text()))?;
    let cluster = desk.operate.cluster().await?;
    let id = named(&cluster, &name)?;
    let operate = &desk.operate;
    match act.as_str() {
        "drain" => operate.task(id, Duty::Draining).await?,
        "cordon" => operate.task(id, Duty::Cordoned).await?,
        "uncordon" => operate.task(id, Duty::Full).await?,
        "remove" => operate.remove(id).await?,
        other => {
            let what = format!("no act {other:?}: there are drain, cordon, uncordon and remove");
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

/// Whether a node has given away all that others can take: with no node to spare, its followers stay.
async fn drained(operate: &dyn Operate, node: NodeId, remaining: &Remaining) -> Result<bool, Problem> {
    if !remaining.leads.is_empty() {
        return Ok(false);
    }
    if remaining.votes.is_empty() && remaining.wished.is_empty() {
        return Ok(true);
    }
    let cluster = operate.cluster().await?;
    let free = |set: &[NodeId]| {
        let mut open = cluster.nodes.values().filter(|member| member.duty == Duty::Full);
        open.any(|member| !set.contains(&member.record.id))
    };
    let stays = |shard: &ShardId| {
        let set = cluster.sets.get(shard.0 as usize);
        set.is_some_and(|set| set.contains(&node) && !free(set))
    };
    Ok(remaining.votes.iter().chain(&remaining.wished).all(stays))
}

pub(super) async fn move_shard(
    State(desk): State<Desk>,
    path: Result<Path<u32>, PathRejection>,
    query: Result<Query<MoveTo>, QueryRejection>,
    body: Result<Json<Nothing>, JsonRejection>,
) -> Result<(StatusCode, Json<Moved>), Problem> {
    let Path(shard) = path.map_err(|rejection| bad("BAD_PATH", rejection.body_text()))?;
    let Query(MoveTo { to, wait_ms }) = query.map_err(|rejection| bad("BAD_QUERY", rejection.body_text()))?;
    let Json(Nothing {}) = body.map_err(|rejection| bad("BAD_BODY", rejection.body_text()))?;
    let shard = ShardId(shard);
    let id = named(&desk.operate.cluster().await?, &to)?;
    let nodes = desk.operate.move_shard(shard, id).await?;
    let until = Instant::now() + Duration::from_millis(wait_ms).min(WAIT_MAX);
    loop {
        let done = desk.operate.remaining(id).await?.leads.contains(&shard);
        if done || Instant::now() >= until {
            let status = if done { StatusCode::OK } else { StatusCode::ACCEPTED };
            return Ok((status, Json(Moved { shard, nodes, done })));
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
}

pub(super) async fn release(
    State(desk): State<Desk>,
    path: Result<Path<u32>, PathRejection>,
    body: Result<Json<Nothing>, JsonRejection>,
) -> Result<Json<Released>, Problem> {
    let Path(shard) = path.map_err(|rejection| bad("BAD_PATH", rejection.body_text()))?;
    let Json(Nothing {}) = body.map_err(|rejection| bad("BAD_BODY", rejection.body_text()))?;
    desk.operate.release(ShardId(shard)).await?;
    Ok(Json(Released { shard: ShardId(shard) }))
}

fn named(cluster: &Cluster, name: &str) -> Result<NodeId, Problem> {
    cluster.by_name(name).map(|member| member.record.id).ok_or_else(|| {
        let names: Vec<&str> = cluster.nodes.values().map(|member| member.record.name.as_str()).collect();
        let what = format!("no node {name:?}: there are {}", names.join(", "));
        Problem::new(StatusCode::NOT_FOUND, "NO_SUCH_NODE", what)
    })
}

fn bad(code: &str, what: String) -> Problem {
    Problem::new(StatusCode::BAD_REQUEST, code, what)
}
