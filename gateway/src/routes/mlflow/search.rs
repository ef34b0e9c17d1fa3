//! Runs that a filter takes.

use std::cmp::Ordering;
use std::collections::BTreeMap;

use axum::Json;
use axum::body::Body;
use axum::extract::State;
use axum::http::HeaderMap;
use serde::Deserialize;
use serde_json::{Value, json};
use troupe_actors::flows::{Flow, FlowView, ListRuns};
use troupe_actors::runs::{GetRun, Run, RunView, run_key};
use troupe_runtime::transport::AskOne;
use troupe_runtime::{Address, AskError, Query as _, wire};

use super::{Trouble, Whole, bad, experiments, filter, ids, page, read, render};
use crate::call::Call;
use crate::canaries::ask;
use crate::server::Edge;

/// Experiments of one search.
const EXPERIMENTS_MAX: usize = 64;
/// Runs asked at once, and runs of one page of a flow.
const AT_ONCE: usize = 64;
const PAGE: u64 = 500;
const LIMIT: i64 = 1_000;

/// What is searched for.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Search {
    experiment_ids: Vec<String>,
    filter: Option<String>,
    run_view_type: Option<String>,
    max_results: Option<Whole>,
    order_by: Vec<String>,
    page_token: Option<String>,
}

type Row = (Value, BTreeMap<(String, String), Value>);

/// All runs of a flow, newest first.
async fn of_flow(edge: &Edge, call: &Call, flow: &str, view: &FlowView) -> Result<Vec<Row>, Trouble> {
    let mut rows = Vec::new();
    let mut before = None;
    loop {
        let list = ListRuns { before, limit: PAGE };
        let runs = ask::<Flow, ListRuns>(&edge.router, flow, &list, call.left()?).await?;
        for some in runs.chunks(AT_ONCE) {
            let asks = some.iter().map(|run| AskOne {
                to: Address::of::<Run>(run_key(flow, &run.run)),
                verb: GetRun::VERB.to_owned(),
                body: wire::encode(&GetRun {}),
                key: None,
            });
            for answer in edge.router.ask_many(asks.collect(), call.left()?).await {
                let run: RunView = wire::decode(&answer?).map_err(AskError::Fault)?;
                if run.begun.is_some() {
                    let row = render::run(view, &run);
                    let attributes = render::attributes(&row);
                    rows.push((row, attributes));
                }
            }
        }
        match runs.last() {
            Some(last) if runs.len() as u64 == PAGE => before = Some(last.number),
            _ => return Ok(rows),
        }
    }
}

/// Runs of experiments that a filter takes; newest first where no other order is wanted.
#[utoipa::path(post, path = "/api/2.0/mlflow/runs/search", tag = "mlflow", operation_id = "mlflow_search_runs",
    request_body(content = serde_json::Value, description = "`experiment_ids`, `filter`, `order_by`, `run_view_type`, `max_results`, `page_token`"),
    responses((status = 200, description = "`runs` and `next_page_token`", body = serde_json::Value),
        (status = "default", description = "`error_code` and `message`", body = serde_json::Value)))]
pub(crate) async fn search(
    State(edge): State<Edge>,
    call: Call,
    headers: HeaderMap,
    raw: Body,
) -> Result<Json<Value>, Trouble> {
    let search: Search = read(&edge, &call, &headers, raw).await?;
    if search.experiment_ids.len() > EXPERIMENTS_MAX {
        return Err(bad("experiment_ids", format!("experiment_ids must be at most {EXPERIMENTS_MAX}")));
    }
    let conditions = filter::read(search.filter.as_deref().unwrap_or_default())?;
    let orders: Vec<_> = search.order_by.iter().map(|text| filter::order(text)).collect();
    let limit = search.max_results.map_or(Ok(LIMIT), |limit| limit.read("max_results"))?.clamp(1, 50_000);
    let mut rows: Vec<Row> = Vec::new();
    for experiment in &search.experiment_ids {
        let view = experiments::viewed(&edge, &call, experiment).await?;
        rows.extend(of_flow(&edge, &call, ids::flow(experiment), &view).await?);
    }
    let view_type = search.run_view_type.as_deref().unwrap_or("ACTIVE_ONLY");
    rows.retain(|(row, held)| {
        let deleted = row["info"]["lifecycle_stage"] == "deleted";
        let wanted = match view_type {
            "ALL" => true,
            "DELETED_ONLY" => deleted,
            _ => !deleted,
        };
        wanted && conditions.iter().all(|one| one.holds(held.get(&(one.of.clone(), one.key.clone()))))
    });
    rows.sort_by_cached_key(|(row, _)| std::cmp::Reverse(row["info"]["start_time"].as_u64()));
    rows.sort_by(|(_, a), (_, b)| {
        let by = |(of, key, falls): &(String, String, bool)| {
            let name = (of.clone(), key.clone());
            filter::compare(a.get(&name), b.get(&name), *falls)
        };
        orders.iter().map(by).find(|order| order.is_ne()).unwrap_or(Ordering::Equal)
    });
    let rows: Vec<Value> = rows.into_iter().map(|(row, _)| row).collect();
    let limit = usize::try_from(limit).unwrap_or(usize::MAX);
    let (rows, next) = page(rows, search.page_token.as_deref(), limit)?;
    Ok(Json(json!({ "runs": rows, "next_page_token": next })))
}
