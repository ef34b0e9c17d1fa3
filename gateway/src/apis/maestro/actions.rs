//! What is done with a workflow as a whole: started, stopped, switched on and off.

use axum::Json;
use axum::extract::State;
use axum::http::HeaderMap;
use serde::Deserialize;
use serde_json::{Map, Value, json};
use troupe_actors::NamedFields;
use troupe_actors::orchestrator::workflows::{Activate, StartWorkflow, StopInstance, Unblock, Workflow};
use troupe_runtime::{Command as _, Entity as _};
use troupe_workflows::definition::{ParamDefinitions, ParamSource};
use troupe_workflows::status::InstanceStatus;

use super::failure::Failure;
use super::lookup::{command, versioned, viewed};
use super::named::{Answer, unknown_action, user};
use super::render;
use crate::edge::body::Body;
use crate::edge::call::Call;
use crate::edge::extract::Path;
use crate::edge::fresh::fresh_id;
use crate::edge::problem::ProblemBody;
use crate::edge::state::GatewayState;

/// A start; what else Maestro's clients send along is left alone.
#[derive(Debug, Deserialize)]
pub(crate) struct StartRequest {
    #[serde(default)]
    initiator: Map<String, Value>,
    #[serde(default)]
    run_params: Option<ParamDefinitions>,
    #[serde(default)]
    request_id: Option<String>,
    #[serde(flatten)]
    _more: Map<String, Value>,
}

/// Starts an instance. The same `request_id`, or the same `Idempotency-Key`, starts one instance however often it comes.
#[utoipa::path(post, path = "/api/v3/workflows/{id}/versions/{version}/actions/start", tag = "workflows",
    operation_id = "start_workflow",
    params(("id" = String, Path, description = "the workflow"),
        ("version" = String, Path, description = "a number, `active`, `latest` or `default`"),
        ("user" = Option<String>, Header, description = "the user, for display"),
        ("Idempotency-Key" = Option<String>, Header, description = "names the start where `request_id` does not")),
    request_body(content = serde_json::Value, description = "`initiator`, `run_params`, `request_id`"),
    responses((status = 200, description = "the instance", body = serde_json::Value),
        (status = "default", description = "why not", body = ProblemBody)))]
pub(crate) async fn start(
    State(edge): State<GatewayState>,
    call: Call,
    Path((id, version)): Path<(String, String)>,
    headers: HeaderMap,
    Body { json: given, .. }: Body<StartRequest, Failure>,
) -> Answer {
    let by = user(&headers);
    let mut initiator = given.initiator;
    let named = initiator.get("type").and_then(Value::as_str).unwrap_or("manual").to_ascii_uppercase();
    initiator.insert("type".to_owned(), json!(named));
    initiator.insert("user".to_owned(), json!(by));
    // How deep a subworkflow is, only its parent says.
    initiator.remove("depth");
    let request_id = given.request_id.unwrap_or_else(|| {
        let key = call.key_for(Workflow::KIND, &id, StartWorkflow::VERB);
        key.map_or_else(|| format!("manual-{}", fresh_id()), |key| format!("key-{key:032x}"))
    });
    let start = StartWorkflow {
        request_id: request_id.clone(),
        version,
        params: NamedFields(given.run_params.unwrap_or_default()),
        source: NamedFields(ParamSource::Launch),
        initiator: NamedFields(Value::Object(initiator)),
        signals: std::collections::BTreeMap::new(),
        notify: None,
    };
    let started = command(&edge, &call, &id, &start).await?;
    let status = match (started.fresh, started.status.0) {
        (false, _) => "DUPLICATED",
        (true, InstanceStatus::Stopped) => "STOPPED",
        (true, _) => "CREATED",
    };
    Ok(Json(json!({
        "workflow_id": id,
        "workflow_version_id": started.version,
        "workflow_instance_id": started.instance,
        "workflow_run_id": 1,
        "workflow_uuid": request_id,
        "status": status,
        "timeline_event": render::event(&by, "started it"),
    })))
}

/// `stop`, `kill` or `unblock` all instances that are not over, or `deactivate` the workflow.
#[utoipa::path(put, path = "/api/v3/workflows/{id}/actions/{action}", tag = "workflows", operation_id = "act_on_workflow",
    params(("id" = String, Path, description = "the workflow"),
        ("action" = String, Path, description = "`stop`, `kill`, `unblock` or `deactivate`"),
        ("user" = Option<String>, Header, description = "the user, for display")),
    responses((status = 200, description = "how many instances it concerned", body = serde_json::Value),
        (status = "default", description = "why not", body = ProblemBody)))]
pub(crate) async fn act(
    State(edge): State<GatewayState>,
    call: Call,
    Path((id, action)): Path<(String, String)>,
    headers: HeaderMap,
) -> Answer {
    viewed(&edge, &call, &id, (None, 0)).await?;
    let by = user(&headers);
    let stop =
        |kill| StopInstance { instance: None, request_id: None, why: format!("{action} by {by}"), kill };
    let count = match action.as_str() {
        "stop" => command(&edge, &call, &id, &stop(false)).await?,
        "kill" => command(&edge, &call, &id, &stop(true)).await?,
        "unblock" => command(&edge, &call, &id, &Unblock { instance: None }).await?,
        "deactivate" => {
            command(&edge, &call, &id, &Activate { version: None, by: by.clone() }).await?;
            0
        }
        _ => return Err(unknown_action(&action, "stop, kill, unblock or deactivate")),
    };
    Ok(Json(json!({
        "workflow_id": id,
        "instances": count,
        "timeline_event": render::event(&by, &format!("asked to {action} workflow [{id}]")),
    })))
}

/// Makes a version the active one, which triggers start, and starts that name no version.
#[utoipa::path(put, path = "/api/v3/workflows/{id}/versions/{version}/actions/activate", tag = "workflows",
    operation_id = "activate_workflow",
    params(("id" = String, Path, description = "the workflow"),
        ("version" = String, Path, description = "a number, `latest` or `default`"),
        ("user" = Option<String>, Header, description = "the user, for display")),
    responses((status = 200, description = "the version", body = serde_json::Value),
        (status = "default", description = "why not", body = ProblemBody)))]
pub(crate) async fn activate(
    State(edge): State<GatewayState>,
    call: Call,
    Path((id, version)): Path<(String, String)>,
    headers: HeaderMap,
) -> Answer {
    let view = versioned(&edge, &call, &id, &version).await?;
    let by = user(&headers);
    command(&edge, &call, &id, &Activate { version: Some(view.version), by: by.clone() }).await?;
    Ok(Json(json!({
        "workflow_id": id,
        "workflow_version_id": view.version,
        "timeline_event": render::event(&by, &format!("activated version [{}]", view.version)),
    })))
}
