//! Instances: listed, shown, stopped, restarted.

use axum::Json;
use axum::extract::State;
use axum::http::HeaderMap;
use serde::Deserialize;
use serde_json::{Map, Value, json};
use troupe_actors::NamedFields;
use troupe_actors::orchestrator::runs::RestartAt;
use troupe_actors::orchestrator::workflows::{RestartInstance, StopInstance, Unblock};
use troupe_runtime::text::cut;
use troupe_workflows::definition::ParamDefinitions;

use super::failure::Failure;
use super::lookup::{command, instance, viewed, whole};
use super::named::{Answer, instance_number, unknown_action, user};
use super::render;
use crate::edge::body::Body;
use crate::edge::call::Call;
use crate::edge::extract::{Path, Query};
use crate::edge::problem::ProblemBody;
use crate::edge::state::GatewayState;

/// Instances of one list.
const LISTED_MAX: u32 = 500;

/// What may stand behind a path's question mark.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct ListQuery {
    limit: Option<u32>,
}

/// The newest instances of a workflow, newest first.
#[utoipa::path(get, path = "/api/v3/workflows/{id}/instances", tag = "workflows", operation_id = "list_instances",
    params(("id" = String, Path, description = "the workflow"),
        ("limit" = Option<u32>, Query, description = "at most so many; 50 if absent, 500 at most")),
    responses((status = 200, description = "in short", body = serde_json::Value),
        (status = 404, description = "workflow not found", body = ProblemBody)))]
pub(crate) async fn list(
    State(edge): State<GatewayState>,
    call: Call,
    Path(id): Path<String>,
    Query(query): Query<ListQuery>,
) -> Answer {
    let most = query.limit.unwrap_or(50).min(LISTED_MAX);
    let view = viewed(&edge, &call, &id, (None, most)).await?;
    let listed: Vec<Value> = view
        .instances
        .iter()
        .map(|known| {
            json!({
                "workflow_id": id,
                "workflow_instance_id": known.instance,
                "workflow_run_id": known.run.max(1),
                "workflow_uuid": known.request_id,
                "workflow_version_id": known.version,
                "initiator": known.initiator.0,
                "status": known.status.0,
                "why": known.why,
                "create_time": known.created.0,
                "end_time": known.ended.map(|at| at.0),
                "blocks": known.blocks,
            })
        })
        .collect();
    Ok(Json(json!({ "workflow_id": id, "latest_instance_id": view.started, "instances": listed })))
}

/// One instance: its parameters, its steps and what happened.
#[utoipa::path(get, path = "/api/v3/workflows/{id}/instances/{instance}", tag = "workflows", operation_id = "get_instance",
    params(("id" = String, Path, description = "the workflow"), ("instance" = String, Path, description = "its number")),
    responses((status = 200, description = "the instance", body = serde_json::Value),
        (status = 404, description = "not found", body = ProblemBody)))]
pub(crate) async fn get(
    State(edge): State<GatewayState>,
    call: Call,
    Path((id, number)): Path<(String, String)>,
) -> Answer {
    let (known, run) = whole(&edge, &call, (&id, &number), "latest").await?;
    Ok(Json(render::instance(&id, &known, run.as_ref())))
}

/// One run of an instance: the newest whole, earlier ones in short: times, and how steps and their attempts ended.
#[utoipa::path(get, path = "/api/v3/workflows/{id}/instances/{instance}/runs/{run}", tag = "workflows",
    operation_id = "get_instance_run",
    params(("id" = String, Path, description = "the workflow"), ("instance" = String, Path, description = "its number"),
        ("run" = String, Path, description = "the run's number, or `latest`")),
    responses((status = 200, description = "the instance", body = serde_json::Value),
        (status = 404, description = "not found, or no longer kept", body = ProblemBody)))]
pub(crate) async fn get_run(
    State(edge): State<GatewayState>,
    call: Call,
    Path((id, number, run)): Path<(String, String, String)>,
) -> Answer {
    let (known, view) = whole(&edge, &call, (&id, &number), &run).await?;
    Ok(Json(render::instance(&id, &known, view.as_ref())))
}

/// `stop`, `kill` or `unblock` an instance.
#[utoipa::path(put, path = "/api/v3/workflows/{id}/instances/{instance}/actions/{action}", tag = "workflows",
    operation_id = "act_on_instance",
    params(("id" = String, Path, description = "the workflow"), ("instance" = String, Path, description = "its number"),
        ("action" = String, Path, description = "`stop`, `kill` or `unblock`"),
        ("user" = Option<String>, Header, description = "the user, for display")),
    responses((status = 200, description = "whether it concerned the instance", body = serde_json::Value),
        (status = "default", description = "why not", body = ProblemBody)))]
pub(crate) async fn act(
    State(edge): State<GatewayState>,
    call: Call,
    Path((id, number, action)): Path<(String, String, String)>,
    headers: HeaderMap,
) -> Answer {
    let number = instance_number(&number)?;
    let known = instance(&edge, &call, &id, number).await?;
    let by = user(&headers);
    let stop = |kill| StopInstance {
        instance: Some(number),
        request_id: None,
        why: format!("{action} by {by}"),
        kill,
    };
    let count = match action.as_str() {
        "stop" => command(&edge, &call, &id, &stop(false)).await?,
        "kill" => command(&edge, &call, &id, &stop(true)).await?,
        "unblock" => command(&edge, &call, &id, &Unblock { instance: Some(number) }).await?,
        _ => return Err(unknown_action(&action, "stop, kill or unblock")),
    };
    Ok(Json(json!({
        "workflow_id": id,
        "workflow_instance_id": number,
        "workflow_run_id": known.run.max(1),
        "completed": count > 0,
        "timeline_event": render::event(&by, &format!("asked to {action} instance [{number}]")),
    })))
}

/// A restart; what else Maestro's clients send along is left alone, unless it asks for something that is not done.
#[derive(Debug, Deserialize)]
pub(crate) struct RestartRequest {
    #[serde(default)]
    pub(super) restart_policy: Option<String>,
    #[serde(default)]
    run_params: Option<ParamDefinitions>,
    #[serde(flatten)]
    more: Map<String, Value>,
}

/// What a restart of Maestro's may ask for besides, and what to do here.
const NOT_DONE: [(&str, &str); 4] = [
    ("step_run_params", "parameters are set for the instance: put them into run_params"),
    ("restart_config", "restart the instance, or a step by its own route"),
    ("restart_path", "restart the instance, or a step by its own route"),
    ("skip_steps", "skip a step while the instance runs, by the step's own route"),
];

impl RestartRequest {
    /// Refuses what would be left undone.
    pub(super) fn check(&self) -> Result<(), Failure> {
        let empty = |value: &Value| match value {
            Value::Null => true,
            Value::Object(fields) => fields.is_empty(),
            Value::Array(values) => values.is_empty(),
            _ => false,
        };
        let asked = |(field, _): &&(&str, &str)| self.more.get(*field).is_some_and(|value| !empty(value));
        match NOT_DONE.iter().find(asked) {
            Some((field, fix)) => Err(Failure::wrong(field, format!("{field} is not known here: {fix}"))),
            None => Ok(()),
        }
    }
}

/// Restarts an instance that has ended.
#[utoipa::path(post, path = "/api/v3/workflows/{id}/instances/{instance}/actions/restart", tag = "workflows",
    operation_id = "restart_instance",
    params(("id" = String, Path, description = "the workflow"), ("instance" = String, Path, description = "its number"),
        ("user" = Option<String>, Header, description = "the user, for display")),
    request_body(content = serde_json::Value,
        description = "`restart_policy`: `RESTART_FROM_INCOMPLETE` if absent, or `RESTART_FROM_BEGINNING`; `run_params`"),
    responses((status = 200, description = "the run that begins", body = serde_json::Value),
        (status = "default", description = "why not", body = ProblemBody)))]
pub(crate) async fn restart(
    State(edge): State<GatewayState>,
    call: Call,
    Path((id, number)): Path<(String, String)>,
    headers: HeaderMap,
    Body { json: given, .. }: Body<RestartRequest, Failure>,
) -> Answer {
    given.check()?;
    let at = match given.restart_policy.as_deref().unwrap_or("RESTART_FROM_INCOMPLETE") {
        "RESTART_FROM_INCOMPLETE" => RestartAt::Incomplete,
        "RESTART_FROM_BEGINNING" => RestartAt::Beginning,
        other => {
            let other = cut(other, 64);
            let why = format!(
                "restart_policy {other:?} is not known here: use RESTART_FROM_INCOMPLETE or RESTART_FROM_BEGINNING, \
                 or restart a step"
            );
            return Err(Failure::wrong("restart_policy", why));
        }
    };
    let number = instance_number(&number)?;
    again(&edge, &call, (&id, number), (at, given.run_params.unwrap_or_default(), user(&headers))).await
}

/// Sends a workflow the command to restart an instance.
pub(super) async fn again(
    edge: &GatewayState,
    call: &Call,
    (id, number): (&str, u64),
    (at, params, by): (RestartAt, ParamDefinitions, String),
) -> Answer {
    let known = instance(edge, call, id, number).await?;
    let restart = RestartInstance {
        instance: number,
        seen: known.run,
        at,
        params: NamedFields(params),
        by: by.clone(),
    };
    let run = command(edge, call, id, &restart).await?;
    Ok(Json(json!({
        "workflow_id": id,
        "workflow_instance_id": number,
        "workflow_run_id": run,
        "workflow_version_id": known.version,
        "workflow_uuid": known.request_id,
        "status": "CREATED",
        "timeline_event": render::event(&by, &format!("restarted instance [{number}]")),
    })))
}
