//! Definitions: pushed, checked, shown, listed, deleted; and what holds of a workflow over all its versions.

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use serde::Deserialize;
use serde_json::{Map, Value, json};
use troupe_actors::NamedFields;
use troupe_actors::coordination::directory::Directory;
use troupe_actors::orchestrator::workflows::{DeleteWorkflow, Push, SetProperties, Workflow};
use troupe_workflows::definition::{Properties, Submission};
use troupe_workflows::validation::validate;

use super::failure::Failure;
use super::lookup::{command, versioned, viewed};
use super::named::{Answer, user};
use super::render;
use crate::edge::body::Body;
use crate::edge::call::Call;
use crate::edge::extract::{Path, Query};
use crate::edge::problem::{Problem, ProblemBody};
use crate::edge::state::GatewayState;

/// Workflows of one list.
const LISTED_MAX: usize = 1_000;

/// What may stand behind a path's question mark.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct ListQuery {
    limit: Option<usize>,
    after: Option<String>,
}

async fn submission(
    edge: &GatewayState,
    call: &Call,
    headers: &HeaderMap,
    (raw, yaml): (axum::body::Body, bool),
) -> Result<Submission, Failure> {
    let most = edge.config.body_bytes_max;
    if yaml {
        let bytes = call.yaml(headers, raw, most).await?;
        let text = std::str::from_utf8(&bytes).map_err(|_| {
            Problem::new(StatusCode::BAD_REQUEST, "BAD_YAML", "the body is not UTF-8: send it as UTF-8")
                .field("body")
        })?;
        return Ok(Submission::checked_yaml(text)?);
    }
    let read = Submission::from_json(&call.body(headers, raw, most).await?)?;
    validate(&read)?;
    Ok(read)
}

async fn pushed(
    edge: &GatewayState,
    call: &Call,
    headers: &HeaderMap,
    read: (axum::body::Body, bool),
) -> Answer {
    let submission = submission(edge, call, headers, read).await?;
    let id = submission.workflow.id.clone();
    let definition = serde_json::to_value(&submission).unwrap_or_default();
    let push = Push { definition: NamedFields(definition), by: user(headers) };
    let pushed = command(edge, call, &id, &push).await?;
    let view = viewed(edge, call, &id, (Some(pushed.version), 0)).await?;
    Ok(Json(json!({ "workflow_definition": render::definition(&id, &view) })))
}

/// Adds a version of a workflow; the definition of the newest one adds none.
#[utoipa::path(post, path = "/api/v3/workflows", tag = "workflows", operation_id = "push_workflow",
    params(("user" = Option<String>, Header, description = "the user, for display")),
    request_body(content = serde_json::Value, description = "Maestro's submission: `properties`, `workflow`, `is_active`"),
    responses((status = 200, description = "the definition with its version", body = serde_json::Value),
        (status = "default", description = "every problem with its path", body = ProblemBody)))]
pub(crate) async fn push(
    State(edge): State<GatewayState>,
    call: Call,
    headers: HeaderMap,
    raw: axum::body::Body,
) -> Answer {
    pushed(&edge, &call, &headers, (raw, false)).await
}

/// The same in Maestro's YAML.
#[utoipa::path(post, path = "/api/v3/workflows/yaml", tag = "workflows", operation_id = "push_workflow_yaml",
    params(("user" = Option<String>, Header, description = "the user, for display")),
    request_body(content = String, description = "a submission in YAML, in the long or the short notation",
        content_type = "application/yaml"),
    responses((status = 200, description = "the definition with its version", body = serde_json::Value),
        (status = "default", description = "every problem with its path", body = ProblemBody)))]
pub(crate) async fn push_yaml(
    State(edge): State<GatewayState>,
    call: Call,
    headers: HeaderMap,
    raw: axum::body::Body,
) -> Answer {
    pushed(&edge, &call, &headers, (raw, true)).await
}

async fn checked(
    edge: &GatewayState,
    call: &Call,
    headers: &HeaderMap,
    read: (axum::body::Body, bool),
) -> Answer {
    let submission = submission(edge, call, headers, read).await?;
    let mut event = render::event(&user(headers), "validated the workflow");
    event["message"] = json!("the workflow definition is valid.");
    event["workflow_id"] = json!(submission.workflow.id);
    Ok(Json(event))
}

/// Checks a definition and stores nothing.
#[utoipa::path(put, path = "/api/v3/workflows/actions/validate", tag = "workflows", operation_id = "validate_workflow",
    request_body(content = serde_json::Value, description = "Maestro's submission"),
    responses((status = 200, description = "it is valid", body = serde_json::Value),
        (status = "default", description = "every problem with its path", body = ProblemBody)))]
pub(crate) async fn check(
    State(edge): State<GatewayState>,
    call: Call,
    headers: HeaderMap,
    raw: axum::body::Body,
) -> Answer {
    checked(&edge, &call, &headers, (raw, false)).await
}

/// The same in Maestro's YAML.
#[utoipa::path(put, path = "/api/v3/workflows/actions/validate/yaml", tag = "workflows",
    operation_id = "validate_workflow_yaml",
    request_body(content = String, description = "a submission in YAML", content_type = "application/yaml"),
    responses((status = 200, description = "it is valid", body = serde_json::Value),
        (status = "default", description = "every problem with its path", body = ProblemBody)))]
pub(crate) async fn check_yaml(
    State(edge): State<GatewayState>,
    call: Call,
    headers: HeaderMap,
    raw: axum::body::Body,
) -> Answer {
    checked(&edge, &call, &headers, (raw, true)).await
}

/// The workflows, by their ids.
#[utoipa::path(get, path = "/api/v3/workflows", tag = "workflows", operation_id = "list_workflows",
    params(("limit" = Option<u64>, Query, description = "at most so many; 1000 at most"),
        ("after" = Option<String>, Query, description = "only those after this id")),
    responses((status = 200, description = "their ids, and whether a version is active", body = serde_json::Value)))]
pub(crate) async fn list(State(edge): State<GatewayState>, Query(query): Query<ListQuery>) -> Json<Value> {
    let directory = Directory::read::<Workflow>(&edge.globals);
    let most = query.limit.unwrap_or(LISTED_MAX).min(LISTED_MAX);
    let after = query.after.unwrap_or_default();
    let mut entries =
        directory.iter().flat_map(|directory| directory.entries()).filter(|entry| entry.key > after);
    let listed: Vec<Value> = entries
        .by_ref()
        .take(most)
        .map(|entry| json!({ "workflow_id": entry.key, "is_active": entry.state == "active", "about": entry.about }))
        .collect();
    let more = entries.next().is_some();
    Json(json!({ "workflows": listed, "more": more }))
}

/// One version: its definition, its author, and the workflow's properties.
#[utoipa::path(get, path = "/api/v3/workflows/{id}/versions/{version}", tag = "workflows", operation_id = "get_workflow",
    params(("id" = String, Path, description = "the workflow"),
        ("version" = String, Path, description = "a number, `active`, `latest` or `default`"),
        ("enriched" = Option<String>, Query, description = "taken and not looked at")),
    responses((status = 200, description = "the version", body = serde_json::Value),
        (status = 404, description = "not found", body = ProblemBody)))]
pub(crate) async fn get(
    State(edge): State<GatewayState>,
    call: Call,
    Path((id, version)): Path<(String, String)>,
) -> Answer {
    let view = versioned(&edge, &call, &id, &version).await?;
    Ok(Json(render::definition(&id, &view)))
}

/// Which versions and instances there are.
#[utoipa::path(get, path = "/api/v3/workflows/{id}/overview", tag = "workflows", operation_id = "get_workflow_overview",
    params(("id" = String, Path, description = "the workflow")),
    responses((status = 200, description = "versions, instances by status", body = serde_json::Value),
        (status = 404, description = "not found", body = ProblemBody)))]
pub(crate) async fn overview(State(edge): State<GatewayState>, call: Call, Path(id): Path<String>) -> Answer {
    let view = viewed(&edge, &call, &id, (None, u32::MAX)).await?;
    let mut open: Map<String, Value> = Map::new();
    let mut failed = 0;
    for known in &view.instances {
        if known.status.0 == troupe_workflows::status::InstanceStatus::Failed {
            failed += 1;
        }
        if !known.status.0.is_terminal() {
            let word = known.status.0.word();
            let so_far = open.get(word).and_then(Value::as_u64).unwrap_or(0);
            open.insert(word.to_owned(), json!(so_far + 1));
        }
    }
    let versions: Vec<Value> = view
        .versions
        .iter()
        .map(|known| json!({ "version": known.version, "create_time": known.at.0, "author": { "name": known.by } }))
        .collect();
    Ok(Json(json!({
        "workflow_id": id,
        "active_version_id": view.active,
        "latest_version_id": view.newest,
        "default_version_id": view.active.unwrap_or(view.newest),
        "versions": versions,
        "properties_snapshot": render::properties(&id, &view),
        "step_concurrency": view.properties.0.step_concurrency,
        "nonterminal_instances": open,
        "failed_instances": failed,
        "latest_instance_id": view.started,
    })))
}

/// What happened to a workflow, oldest first.
#[utoipa::path(get, path = "/api/v3/workflows/{id}/timeline", tag = "workflows", operation_id = "get_workflow_timeline",
    params(("id" = String, Path, description = "the workflow")),
    responses((status = 200, description = "its last 200 changes", body = serde_json::Value),
        (status = 404, description = "not found", body = ProblemBody)))]
pub(crate) async fn timeline(State(edge): State<GatewayState>, call: Call, Path(id): Path<String>) -> Answer {
    let view = viewed(&edge, &call, &id, (None, 0)).await?;
    let mut told = render::timeline(&view.timeline);
    told["workflow_id"] = json!(id);
    Ok(Json(told))
}

/// Properties as they are to be; what else Maestro's clients send along is left alone.
#[derive(Debug, Deserialize)]
pub(crate) struct Changes {
    #[serde(flatten)]
    fields: Map<String, Value>,
}

/// Changes a workflow's properties without a new version.
#[utoipa::path(post, path = "/api/v3/workflows/{id}/properties", tag = "workflows",
    operation_id = "set_workflow_properties",
    params(("id" = String, Path, description = "the workflow"),
        ("user" = Option<String>, Header, description = "the user, for display")),
    request_body(content = serde_json::Value, description = "`owner`, `run_strategy` and the like, plain or under `properties`"),
    responses((status = 200, description = "the properties", body = serde_json::Value),
        (status = "default", description = "why not", body = ProblemBody)))]
pub(crate) async fn set_properties(
    State(edge): State<GatewayState>,
    call: Call,
    Path(id): Path<String>,
    headers: HeaderMap,
    Body { json: given, .. }: Body<Changes, Failure>,
) -> Answer {
    let plain = given.fields.get("properties").cloned().unwrap_or(Value::Object(given.fields));
    let properties = Properties::from_json(&plain)?;
    let set = SetProperties { properties: NamedFields(properties), by: user(&headers) };
    command(&edge, &call, &id, &set).await?;
    let view = viewed(&edge, &call, &id, (None, 0)).await?;
    Ok(Json(render::properties(&id, &view)))
}

/// Forgets a workflow, its versions and its instances; refused while one of them waits or runs.
#[utoipa::path(delete, path = "/api/v3/workflows/{id}", tag = "workflows", operation_id = "delete_workflow",
    params(("id" = String, Path, description = "the workflow"),
        ("user" = Option<String>, Header, description = "the user, for display")),
    responses((status = 200, description = "it is forgotten", body = serde_json::Value),
        (status = "default", description = "why not", body = ProblemBody)))]
pub(crate) async fn delete(
    State(edge): State<GatewayState>,
    call: Call,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> Answer {
    viewed(&edge, &call, &id, (None, 0)).await?;
    let by = user(&headers);
    command(&edge, &call, &id, &DeleteWorkflow { by: by.clone() }).await?;
    Ok(Json(render::event(&by, &format!("deleted workflow [{id}]"))))
}
