//! The lineage graph, walked upstream and downstream.

use std::collections::{BTreeMap, BTreeSet};

use axum::Json;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use troupe_actors::metadata::lineage::{GetLineage, Lineage, LineageView, Link, Relate, check_node};
use troupe_actors::metadata::runs::Run;
use troupe_runtime::{AskError, Entity as _, wire};

use crate::apis::runs::tasks;
use crate::apis::runs::tasks::With;
use crate::edge::asks::query;
use crate::edge::body::Body;
use crate::edge::call::Call;
use crate::edge::extract::{Path, Query};
use crate::edge::problem::{Problem, ProblemBody};
use crate::edge::state::GatewayState;
use troupe_runtime::routing::tell;

/// Nodes of one answer.
const NODES_MAX: usize = 256;
const DEPTH_MAX: u32 = 16;
const DEPTH: u32 = 4;
/// Artifacts of a run that are shown as nodes, and blocks of its tasks that are looked at for them: its page has more.
const ARTIFACTS_MAX: usize = 32;
const BLOCKS_MAX: usize = 4;
/// Most runs of one answer that are searched for artifacts.
const RUNS_MAX: usize = 8;
const WITH: With = With { records: false, artifacts: true };

/// An edge that a client knows of.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewEdge {
    from: String,
    to: String,
    #[serde(default)]
    how: String,
}

/// Adds an edge: one node was derived from another. Adding it twice is the same as once.
#[utoipa::path(post, path = "/v1/lineage", tag = "lineage", operation_id = "relate",
    request_body(content = serde_json::Value, description = "`from`, `to` and, in a word, `how`"),
    responses((status = 200, description = "it is there", body = serde_json::Value),
        (status = "default", description = "why not", body = ProblemBody, content_type = "application/problem+json")))]
pub(crate) async fn relate(
    State(edge): State<GatewayState>,
    call: Call,
    Body { json: new, .. }: Body<NewEdge>,
) -> Result<Json<Value>, Problem> {
    check_node("from", &new.from).map_err(AskError::Refused)?;
    let relate = Relate { to: new.to, how: new.how };
    tell::<Lineage, Relate>(&edge.router, &new.from, &relate, call.left()?).await?;
    Ok(Json(json!({})))
}

/// How far to walk.
#[derive(Debug, Deserialize)]
#[serde(default)]
pub(crate) struct WalkQuery {
    depth: u32,
}

impl Default for WalkQuery {
    fn default() -> Self {
        Self { depth: DEPTH }
    }
}

/// A node of an answer: how far it is from the one that was asked for, upstream below zero.
#[derive(Debug, Serialize)]
struct Node {
    node: String,
    distance: i64,
}

#[derive(Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
struct EdgeRow {
    from: String,
    to: String,
    how: String,
    at: u64,
}

/// What is known so far.
#[derive(Debug, Default)]
struct Graph {
    distances: BTreeMap<String, i64>,
    edges: BTreeSet<EdgeRow>,
    truncated: bool,
    dropped: u64,
}

/// A node's ancestors and descendants, at most `depth` steps away.
#[utoipa::path(get, path = "/v1/lineage/{node}", tag = "lineage", operation_id = "walk_lineage",
    params(("node" = String, Path, description = "as `run:FLOW/1`, `model:movies@3`, `deployment:deliver:4`; slashes as `%2F`"),
        ("depth" = Option<u32>, Query, description = "steps from the node; 4 if absent, 16 at most")),
    responses((status = 200, description = "`nodes` with their distance, `edges`, and whether it is `truncated`", body = serde_json::Value),
        (status = "default", description = "why not", body = ProblemBody, content_type = "application/problem+json")))]
pub(crate) async fn walk(
    State(edge): State<GatewayState>,
    call: Call,
    Path(node): Path<String>,
    Query(walk): Query<WalkQuery>,
) -> Result<Json<Value>, Problem> {
    check_node("node", &node).map_err(AskError::Refused)?;
    if !(1..=DEPTH_MAX).contains(&walk.depth) {
        let why = format!("depth must be 1 to {DEPTH_MAX}");
        let status = axum::http::StatusCode::UNPROCESSABLE_ENTITY;
        return Err(Problem::new(status, "BAD_DEPTH", why).field("depth"));
    }
    let mut graph = Graph::default();
    let mut runs_left = RUNS_MAX;
    graph.distances.insert(node.clone(), 0);
    for upstream in [true, false] {
        let mut border = vec![node.clone()];
        for step in 1..=walk.depth {
            let views = views(&edge, &call, &border, &mut runs_left).await?;
            border = graph.take(&border, views, upstream, i64::from(step));
            if border.is_empty() {
                break;
            }
        }
        // What lies behind the last step is not looked at.
        graph.truncated |= !border.is_empty() && graph.distances.len() >= NODES_MAX;
    }
    let nodes: Vec<Node> =
        graph.distances.into_iter().map(|(node, distance)| Node { node, distance }).collect();
    Ok(Json(json!({
        "node": node, "nodes": nodes, "edges": graph.edges, "truncated": graph.truncated, "dropped": graph.dropped,
    })))
}

impl Graph {
    /// Takes in what nodes say of themselves; gives the nodes that were not known before.
    fn take(
        &mut self,
        border: &[String],
        views: Vec<LineageView>,
        upstream: bool,
        distance: i64,
    ) -> Vec<String> {
        let mut next = Vec::new();
        for (node, view) in border.iter().zip(views) {
            self.dropped += view.dropped;
            for link in if upstream { view.from } else { view.to } {
                let known = self.distances.contains_key(&link.node);
                if !known && self.distances.len() >= NODES_MAX {
                    self.truncated = true;
                    continue;
                }
                let (from, to) = if upstream {
                    (link.node.clone(), node.clone())
                } else {
                    (node.clone(), link.node.clone())
                };
                self.edges.insert(EdgeRow { from, to, how: link.how, at: link.at.0 });
                if !known {
                    self.distances.insert(link.node.clone(), if upstream { -distance } else { distance });
                    next.push(link.node);
                }
            }
        }
        next
    }
}

/// What nodes say of themselves, and what follows from what they are: a run has the artifacts of its tasks.
async fn views(
    edge: &GatewayState,
    call: &Call,
    nodes: &[String],
    runs_left: &mut usize,
) -> Result<Vec<LineageView>, Problem> {
    let asks = nodes.iter().map(|node| query::<Lineage, GetLineage>(node.clone(), &GetLineage {}));
    let answers = edge.router.ask_many(asks.collect(), call.left()?).await;
    let mut views = Vec::with_capacity(nodes.len());
    for (node, answer) in nodes.iter().zip(answers) {
        let mut view: LineageView = wire::decode(&answer?).map_err(AskError::Fault)?;
        if edge.router.registry().get(Run::KIND).is_some() {
            implied(edge, call, node, &mut view, runs_left).await?;
        }
        views.push(view);
    }
    Ok(views)
}

async fn implied(
    edge: &GatewayState,
    call: &Call,
    node: &str,
    view: &mut LineageView,
    runs_left: &mut usize,
) -> Result<(), Problem> {
    if let Some((flow, run)) = node.strip_prefix("run:").and_then(|key| key.rsplit_once('/')) {
        let Some(left) = runs_left.checked_sub(1) else { return Ok(()) };
        *runs_left = left;
        let found = match tasks::run(edge, call, flow, run).await {
            Ok(run) => run,
            Err(problem) if problem.0.status == 404 => return Ok(()),
            Err(problem) => return Err(problem),
        };
        let made = tasks::of_blocks(edge, call, &found, None, WITH, BLOCKS_MAX).await?;
        // Names that begin so are the client's own.
        let named = made.iter().flat_map(|task| {
            let shown = task.artifacts.iter().filter(|artifact| !artifact.said.name.starts_with('_'));
            shown.map(move |artifact| (task, artifact))
        });
        for (task, artifact) in named.take(ARTIFACTS_MAX) {
            let name = format!("artifact:{flow}/{run}/{}/{}/{}", task.step, task.task, artifact.said.name);
            if !view.to.iter().any(|link| link.node == name) {
                view.to.push(Link { node: name, how: "made".to_owned(), at: artifact.at });
            }
        }
    } else if let Some([name, task, step, key]) = node
        .strip_prefix("artifact:")
        .and_then(|path| <[&str; 4]>::try_from(path.rsplitn(4, '/').collect::<Vec<_>>()).ok())
        && let Some((flow, run)) = key.rsplit_once('/')
        && let Some(task) = tasks::one(edge, call, (flow, run), (step, task), WITH).await?
        && let Some(artifact) = task.artifacts.iter().find(|artifact| artifact.said.name == name)
    {
        let from = format!("run:{key}");
        if !view.from.iter().any(|link| link.node == from) {
            view.from.push(Link { node: from, how: "made".to_owned(), at: artifact.at });
        }
    }
    Ok(())
}
