//! Executions of pipelines: looked at, cancelled, paused, judged, tried again.

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use serde::Deserialize;
use serde_json::{Map, Value};
use troupe_actors::delivery::executions::{
    Cancel, Deployment, GetDeployment, Judge, Pause, RestartStage, Resume,
};
use troupe_runtime::text::cut;
use troupe_runtime::{AskError, Command, Decide};

use super::lookup::{named, user, viewed};
use super::render;
use crate::edge::body::Body;
use crate::edge::call::Call;
use crate::edge::extract::{Path, Query};
use crate::edge::problem::{Problem, ProblemBody};
use crate::edge::state::GatewayState;
use troupe_runtime::routing::{ask, tell};

/// Executions of one list.
const LISTED_MAX: usize = 200;

/// What may stand behind a path's question mark.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct ExecutionQuery {
    limit: Option<usize>,
    statuses: Option<String>,
    reason: Option<String>,
}

async fn execution(edge: &GatewayState, call: &Call, id: &str) -> Result<Value, Problem> {
    let run = ask::<Deployment, GetDeployment>(&edge.router, id, &GetDeployment {}, call.left()?).await;
    if let Err(AskError::Refused(refused)) = &run
        && refused.code == "UNKNOWN_DEPLOYMENT"
        && let Some(found) = turned_away(edge, call, id).await?
    {
        return Ok(found);
    }
    render::execution(id, &run?.0).ok_or_else(|| {
        let why = format!("execution {:?} not found", cut(id, 64));
        Problem::new(StatusCode::NOT_FOUND, "UNKNOWN_DEPLOYMENT", why).field("id")
    })
}

/// An execution that never came to be, of which its pipeline alone knows, and why.
async fn turned_away(edge: &GatewayState, call: &Call, id: &str) -> Result<Option<Value>, Problem> {
    let parts = id.rsplit_once(':').and_then(|(name, number)| Some((name, number.parse::<u64>().ok()?)));
    let Some((name, number)) = parts else { return Ok(None) };
    let view = viewed(edge, name, call.left()?).await?;
    let application = view.definition.0.as_ref().and_then(|written| written["application"].as_str());
    let found = view.executions.0.iter().find(|held| held.number == number);
    Ok(found.map(|held| render::summary(application.unwrap_or_default(), name, held)))
}

/// How an execution stands: its stages, the traffic that it steers, and the audit trail.
#[utoipa::path(get, path = "/pipelines/{id}", tag = "deployments", operation_id = "get_execution",
    params(("id" = String, Path, description = "its id, as `deliver:4`")),
    responses((status = 200, description = "Orca's execution, with `traffic` and `audit`", body = serde_json::Value),
        (status = 404, description = "not found", body = ProblemBody, content_type = "application/problem+json")))]
pub(crate) async fn get(
    State(edge): State<GatewayState>,
    call: Call,
    Path(id): Path<String>,
) -> Result<Json<Value>, Problem> {
    execution(&edge, &call, &id).await.map(Json)
}

/// The newest executions of an application's pipelines, newest first.
#[utoipa::path(get, path = "/applications/{application}/pipelines", tag = "deployments", operation_id = "list_executions",
    params(("application" = String, Path, description = "the application"),
        ("limit" = Option<u64>, Query, description = "at most so many; 20 if absent, 200 at most"),
        ("statuses" = Option<String>, Query, description = "only of these statuses, with commas between them")),
    responses((status = 200, description = "in short", body = serde_json::Value)))]
pub(crate) async fn list(
    State(edge): State<GatewayState>,
    call: Call,
    Path(application): Path<String>,
    Query(query): Query<ExecutionQuery>,
) -> Result<Json<Value>, Problem> {
    let wanted: Option<Vec<String>> = query
        .statuses
        .map(|statuses| statuses.split(',').map(|status| status.trim().to_uppercase()).collect());
    let mut found = Vec::new();
    for name in named(&edge, Some(&application)) {
        let view = viewed(&edge, &name, call.left()?).await?;
        let held = view
            .executions
            .0
            .iter()
            .filter(|held| wanted.as_ref().is_none_or(|wanted| wanted.contains(&held.status)));
        found.extend(held.map(|held| (held.at, render::summary(&application, &name, held))));
    }
    found.sort_by_key(|(at, _)| std::cmp::Reverse(*at));
    found.truncate(query.limit.unwrap_or(20).min(LISTED_MAX));
    Ok(Json(found.into_iter().map(|(_, summary)| summary).collect()))
}

async fn told<C: Command<Reply = ()>>(
    edge: &GatewayState,
    call: &Call,
    id: &str,
    command: &C,
) -> Result<Json<Value>, Problem>
where
    Deployment: Decide<C>,
{
    tell::<Deployment, C>(&edge.router, id, command, call.left()?).await?;
    execution(edge, call, id).await.map(Json)
}

/// Ends an execution: traffic goes back to production at once.
#[utoipa::path(put, path = "/pipelines/{id}/cancel", tag = "deployments", operation_id = "cancel_execution",
    params(("id" = String, Path, description = "its id"), ("reason" = Option<String>, Query, description = "why")),
    responses((status = 200, description = "the execution", body = serde_json::Value),
        (status = "default", description = "why not", body = ProblemBody, content_type = "application/problem+json")))]
pub(crate) async fn cancel(
    State(edge): State<GatewayState>,
    call: Call,
    Path(id): Path<String>,
    Query(query): Query<ExecutionQuery>,
    headers: HeaderMap,
) -> Result<Json<Value>, Problem> {
    let cancel = Cancel { by: user(&headers), why: query.reason.unwrap_or_default() };
    told(&edge, &call, &id, &cancel).await
}

/// Lets an execution begin no stage until it is resumed.
#[utoipa::path(put, path = "/pipelines/{id}/pause", tag = "deployments", operation_id = "pause_execution",
    params(("id" = String, Path, description = "its id")),
    responses((status = 200, description = "the execution", body = serde_json::Value),
        (status = "default", description = "why not", body = ProblemBody, content_type = "application/problem+json")))]
pub(crate) async fn pause(
    State(edge): State<GatewayState>,
    call: Call,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> Result<Json<Value>, Problem> {
    told(&edge, &call, &id, &Pause { by: user(&headers) }).await
}

/// Lets an execution go on.
#[utoipa::path(put, path = "/pipelines/{id}/resume", tag = "deployments", operation_id = "resume_execution",
    params(("id" = String, Path, description = "its id")),
    responses((status = 200, description = "the execution", body = serde_json::Value),
        (status = "default", description = "why not", body = ProblemBody, content_type = "application/problem+json")))]
pub(crate) async fn resume(
    State(edge): State<GatewayState>,
    call: Call,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> Result<Json<Value>, Problem> {
    told(&edge, &call, &id, &Resume { by: user(&headers) }).await
}

/// Tries a stage again, and all that comes after it.
#[utoipa::path(put, path = "/pipelines/{id}/stages/{stage}/restart", tag = "deployments", operation_id = "restart_stage",
    params(("id" = String, Path, description = "the execution's id"), ("stage" = String, Path, description = "the stage's ref id")),
    responses((status = 200, description = "the execution", body = serde_json::Value),
        (status = "default", description = "why not", body = ProblemBody, content_type = "application/problem+json")))]
pub(crate) async fn restart(
    State(edge): State<GatewayState>,
    call: Call,
    Path((id, stage)): Path<(String, String)>,
    headers: HeaderMap,
) -> Result<Json<Value>, Problem> {
    told(&edge, &call, &id, &RestartStage { stage, by: user(&headers) }).await
}

/// A judgment; what else Spinnaker's clients send along is left alone.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Judgment {
    judgment_status: String,
    #[serde(default)]
    judgment_input: String,
    #[serde(flatten)]
    _more: Map<String, Value>,
}

/// Answers a stage that waits for a manual judgment.
#[utoipa::path(patch, path = "/pipelines/{id}/stages/{stage}", tag = "deployments", operation_id = "judge_stage",
    params(("id" = String, Path, description = "the execution's id"), ("stage" = String, Path, description = "the stage's ref id")),
    request_body(content = serde_json::Value, description = "`judgmentStatus` `continue` or `stop`, and `judgmentInput`"),
    responses((status = 200, description = "the execution", body = serde_json::Value),
        (status = "default", description = "why not", body = ProblemBody, content_type = "application/problem+json")))]
pub(crate) async fn judge(
    State(edge): State<GatewayState>,
    call: Call,
    Path((id, stage)): Path<(String, String)>,
    headers: HeaderMap,
    Body { json: given, .. }: Body<Judgment>,
) -> Result<Json<Value>, Problem> {
    let by = user(&headers);
    let judge = Judge { stage, judgment: given.judgment_status, option: given.judgment_input, by };
    told(&edge, &call, &id, &judge).await
}
