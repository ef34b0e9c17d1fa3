//! Pipelines: written, checked, listed, started.

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use serde::Deserialize;
use serde_json::{Map, Value, json};
use troupe_actors::NamedFields;
use troupe_actors::delivery::executions::checked;
use troupe_actors::delivery::pipelines::{DeletePipeline, Pipeline, PutPipeline, StartPipeline};

use super::lookup::{named, unknown, user, viewed};
use super::render;
use crate::edge::body::Body;
use crate::edge::call::Call;
use crate::edge::extract::{Path, Query};
use crate::edge::fresh::fresh_id;
use crate::edge::invalid::invalid;
use crate::edge::problem::{Problem, ProblemBody};
use crate::edge::state::GatewayState;
use troupe_runtime::routing::tell;

/// What may stand behind a path's question mark.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct PipelineQuery {
    application: Option<String>,
}

/// Writes a pipeline; what runs keeps the definition that it began with.
#[utoipa::path(post, path = "/pipelines", tag = "deployments", operation_id = "put_pipeline",
    params(("X-Spinnaker-User" = Option<String>, Header, description = "the user, for the audit trail")),
    request_body(content = serde_json::Value, description = "Spinnaker's pipeline: `application`, `name`, `stages`, `triggers`"),
    responses((status = 200, description = "its name and revision", body = serde_json::Value),
        (status = "default", description = "every problem with its path", body = ProblemBody, content_type = "application/problem+json")))]
pub(crate) async fn put(
    State(edge): State<GatewayState>,
    call: Call,
    headers: HeaderMap,
    Body { json: definition, .. }: Body<Value>,
) -> Result<Json<Value>, Problem> {
    let name = match checked(&definition) {
        Ok(definition) => definition.name,
        Err(problems) => return Err(invalid(&problems)),
    };
    let put = PutPipeline { definition: NamedFields(definition), by: user(&headers) };
    let revision = tell::<Pipeline, PutPipeline>(&edge.router, &name, &put, call.left()?).await?;
    Ok(Json(json!({ "id": name, "name": name, "revision": revision })))
}

/// Checks a pipeline and writes nothing.
#[utoipa::path(post, path = "/pipelines/validate", tag = "deployments", operation_id = "validate_pipeline",
    request_body(content = serde_json::Value, description = "Spinnaker's pipeline"),
    responses((status = 200, description = "`valid`, and every problem with its path", body = serde_json::Value),
        (status = "default", description = "no JSON", body = ProblemBody, content_type = "application/problem+json")))]
pub(crate) async fn validate(Body { json: definition, .. }: Body<Value>) -> Result<Json<Value>, Problem> {
    let problems = checked(&definition).err().unwrap_or_default();
    let said: Vec<Value> =
        problems.iter().map(|problem| json!({ "path": problem.path, "why": problem.why })).collect();
    Ok(Json(json!({ "valid": said.is_empty(), "problems": said })))
}

async fn listed(edge: &GatewayState, call: &Call, application: Option<&str>) -> Result<Json<Value>, Problem> {
    let mut answer = Vec::new();
    for name in named(edge, application) {
        answer.extend(render::pipeline(&name, &viewed(edge, &name, call.left()?).await?));
    }
    Ok(Json(json!(answer)))
}

/// The pipelines.
#[utoipa::path(get, path = "/pipelines", tag = "deployments", operation_id = "list_pipelines",
    params(("application" = Option<String>, Query, description = "only of this application")),
    responses((status = 200, description = "their definitions", body = serde_json::Value)))]
pub(crate) async fn list(
    State(edge): State<GatewayState>,
    call: Call,
    Query(query): Query<PipelineQuery>,
) -> Result<Json<Value>, Problem> {
    listed(&edge, &call, query.application.as_deref()).await
}

/// The pipelines of an application.
#[utoipa::path(get, path = "/applications/{application}/pipelineConfigs", tag = "deployments",
    operation_id = "list_pipeline_configs",
    params(("application" = String, Path, description = "the application")),
    responses((status = 200, description = "their definitions", body = serde_json::Value)))]
pub(crate) async fn list_of(
    State(edge): State<GatewayState>,
    call: Call,
    Path(application): Path<String>,
) -> Result<Json<Value>, Problem> {
    listed(&edge, &call, Some(&application)).await
}

/// One pipeline.
#[utoipa::path(get, path = "/applications/{application}/pipelineConfigs/{name}", tag = "deployments",
    operation_id = "get_pipeline_config",
    params(("application" = String, Path, description = "the application"), ("name" = String, Path, description = "its name")),
    responses((status = 200, description = "its definition", body = serde_json::Value),
        (status = 404, description = "not found", body = ProblemBody, content_type = "application/problem+json")))]
pub(crate) async fn get(
    State(edge): State<GatewayState>,
    call: Call,
    Path((application, name)): Path<(String, String)>,
) -> Result<Json<Value>, Problem> {
    let found = render::pipeline(&name, &viewed(&edge, &name, call.left()?).await?);
    let found = found.filter(|found| found["application"] == application.as_str());
    found.map(Json).ok_or_else(|| unknown(&name))
}

/// Deletes a pipeline; what runs goes on.
#[utoipa::path(delete, path = "/pipelines/{application}/{name}", tag = "deployments", operation_id = "delete_pipeline",
    params(("application" = String, Path, description = "the application"), ("name" = String, Path, description = "its name")),
    responses((status = 204, description = "it is gone"),
        (status = 404, description = "not found", body = ProblemBody, content_type = "application/problem+json")))]
pub(crate) async fn delete(
    State(edge): State<GatewayState>,
    call: Call,
    Path((application, name)): Path<(String, String)>,
) -> Result<StatusCode, Problem> {
    let view = viewed(&edge, &name, call.left()?).await?;
    if view.definition.0.is_none_or(|found| found["application"] != application.as_str()) {
        return Err(unknown(&name));
    }
    match tell::<Pipeline, DeletePipeline>(&edge.router, &name, &DeletePipeline {}, call.left()?).await? {
        true => Ok(StatusCode::NO_CONTENT),
        false => Err(unknown(&name)),
    }
}

/// What an execution is started with.
#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Trigger {
    user: Option<String>,
    /// Names the request: a second start with the same one starts nothing.
    correlation_id: Option<String>,
    parameters: Map<String, Value>,
    #[serde(flatten)]
    more: Map<String, Value>,
}

/// Starts an execution. A second start with the same `correlationId`, or the same `Idempotency-Key`, is the same execution.
#[utoipa::path(post, path = "/pipelines/{application}/{name}", tag = "deployments", operation_id = "start_pipeline",
    params(("application" = String, Path, description = "the application"), ("name" = String, Path, description = "its name"),
        ("Idempotency-Key" = Option<String>, Header, description = "names the request, where the body has no correlationId"),
        ("X-Spinnaker-User" = Option<String>, Header, description = "the user, if the body names none")),
    request_body(content = serde_json::Value, description = "`parameters`, `user`, `correlationId`"),
    responses((status = 202, description = "where it is", body = serde_json::Value),
        (status = "default", description = "why not", body = ProblemBody, content_type = "application/problem+json")))]
pub(crate) async fn start(
    State(edge): State<GatewayState>,
    call: Call,
    Path((application, name)): Path<(String, String)>,
    headers: HeaderMap,
    raw: axum::body::Body,
) -> Result<(StatusCode, Json<Value>), Problem> {
    let bytes = call.body(&headers, raw, edge.config.body_bytes_max).await?;
    let given: Trigger = if bytes.is_empty() { Trigger::default() } else { crate::edge::json::read(&bytes)? };
    let view = viewed(&edge, &name, call.left()?).await?;
    if view.definition.0.as_ref().is_none_or(|found| found["application"] != application.as_str()) {
        return Err(unknown(&name));
    }
    let key = headers.get("idempotency-key").and_then(|value| value.to_str().ok()).map(str::to_owned);
    let start = StartPipeline {
        request: given.correlation_id.or(key).unwrap_or_else(fresh_id),
        by: given.user.unwrap_or_else(|| user(&headers)),
        parameters: NamedFields(given.parameters),
        trigger: NamedFields(given.more),
    };
    let started = tell::<Pipeline, StartPipeline>(&edge.router, &name, &start, call.left()?).await?;
    let answer = json!({
        "ref": format!("/pipelines/{}", started.execution),
        "id": started.execution,
        "number": started.number,
        "duplicate": started.duplicate,
        "waits": started.waits,
    });
    Ok((StatusCode::ACCEPTED, Json(answer)))
}
