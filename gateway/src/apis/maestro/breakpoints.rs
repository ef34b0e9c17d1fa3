//! Breakpoints: where steps pause, and which do.

use axum::Json;
use axum::extract::State;
use axum::http::HeaderMap;
use serde::Deserialize;
use serde_json::{Map, Value, json};
use troupe_actors::orchestrator::runs::{ActOn, GetIterations, GetRun, RunView, WorkflowRun, key_of};
use troupe_actors::orchestrator::workflows::{InstanceView, SetBreakpoint};
use troupe_workflows::status::StepStatus;

use super::failure::Failure;
use super::lookup::{command, viewed};
use super::named::{Answer, instance_number, user};
use super::render;
use super::steps::acted;
use crate::edge::body::Body;
use crate::edge::call::Call;
use crate::edge::extract::{Path, Query};
use crate::edge::problem::ProblemBody;
use crate::edge::state::GatewayState;
use troupe_runtime::routing::ask;

/// Instances that are asked for paused steps, the newest.
const INSTANCES_MAX: usize = 100;
/// Runs that are asked, those of loops included.
const RUNS_MAX: usize = 500;

/// What may stand behind a path's question mark.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct BreakpointQuery {
    workflow_id: String,
    step_id: String,
    #[serde(default)]
    resume: Option<bool>,
}

/// A breakpoint to set; what else Maestro's clients send along has to be empty.
#[derive(Debug, Deserialize)]
pub(crate) struct Wanted {
    workflow_id: String,
    step_id: String,
    #[serde(flatten)]
    more: Map<String, Value>,
}

fn shown(workflow: &str, step: &str) -> Value {
    json!({ "workflow_id": workflow, "step_id": step })
}

/// Lets a step pause in every instance from now on, iterations of loops included.
#[utoipa::path(post, path = "/api/v3/workflows/steps/breakpoints", tag = "workflows", operation_id = "add_breakpoint",
    params(("user" = Option<String>, Header, description = "the user, for display")),
    request_body(content = serde_json::Value, description = "`workflow_id` and `step_id`"),
    responses((status = 200, description = "the breakpoint", body = serde_json::Value),
        (status = "default", description = "why not", body = ProblemBody)))]
pub(crate) async fn add(
    State(edge): State<GatewayState>,
    call: Call,
    headers: HeaderMap,
    Body { json: wanted, .. }: Body<Wanted, Failure>,
) -> Answer {
    if let Some((name, _)) = wanted.more.iter().find(|(_, value)| !value.is_null()) {
        return Err(Failure::wrong(
            name,
            "a breakpoint is of a workflow's step in all its instances: leave it out",
        ));
    }
    viewed(&edge, &call, &wanted.workflow_id, (None, 0)).await?;
    let set = SetBreakpoint::at(wanted.step_id.clone());
    command(&edge, &call, &wanted.workflow_id, &set)
        .await
        .map_err(|failure| failure.called(&[("step", "step_id")]))?;
    let mut answer = shown(&wanted.workflow_id, &wanted.step_id);
    answer["created_by"] = json!({ "name": user(&headers) });
    Ok(Json(answer))
}

/// The breakpoints of a step: one or none.
#[utoipa::path(get, path = "/api/v3/workflows/steps/breakpoints", tag = "workflows", operation_id = "list_breakpoints",
    params(("workflowId" = String, Query, description = "the workflow"), ("stepId" = String, Query, description = "the step")),
    responses((status = 200, description = "the breakpoints", body = serde_json::Value),
        (status = "default", description = "why not", body = ProblemBody)))]
pub(crate) async fn list(
    State(edge): State<GatewayState>,
    call: Call,
    Query(query): Query<BreakpointQuery>,
) -> Answer {
    let view = viewed(&edge, &call, &query.workflow_id, (None, 0)).await?;
    let set = view.breakpoints.iter().filter(|step| **step == query.step_id);
    Ok(Json(set.map(|step| shown(&query.workflow_id, step)).collect()))
}

/// A step that is paused.
struct Paused {
    known: InstanceView,
    /// As routes name it: inside of loops with its iterations.
    step: String,
    attempt: u32,
}

/// Where the step is paused now, iterations of loops included.
async fn paused(edge: &GatewayState, call: &Call, query: &BreakpointQuery) -> Result<Vec<Paused>, Failure> {
    let view = viewed(edge, call, &query.workflow_id, (None, u32::MAX)).await?;
    let open = view.instances.into_iter().filter(|known| known.status.0.is_running()).take(INSTANCES_MAX);
    let (mut found, mut left) = (Vec::new(), RUNS_MAX);
    for known in open {
        let mut runs = vec![(key_of(&query.workflow_id, known.instance), None)];
        while let Some((key, within)) = runs.pop() {
            let Some(less) = left.checked_sub(1) else { return Ok(found) };
            left = less;
            let run = ask::<WorkflowRun, GetRun>(&edge.router, &key, &GetRun {}, call.left()?).await?;
            let first = match within {
                Some(_) => first(edge, call, (&key, &run)).await?,
                None => 0,
            };
            for lane in &run.iterations {
                let around: String =
                    within.iter().map(|of: &String| format!("{of}[{}].", first + lane.iteration)).collect();
                for step in &lane.steps {
                    let name = format!("{around}{}", step.id);
                    if step.id == query.step_id && step.status.0 == StepStatus::Paused {
                        found.push(Paused { known: known.clone(), step: name, attempt: step.attempt });
                    } else if step.iterations.is_some() && step.sort != "subworkflow" {
                        runs.extend(step.children.iter().map(|child| (child.clone(), Some(name.clone()))));
                    }
                }
            }
        }
    }
    Ok(found)
}

/// The number of the first iteration that a loop's run carries.
async fn first(edge: &GatewayState, call: &Call, (key, run): (&str, &RunView)) -> Result<u64, Failure> {
    let view = ask::<WorkflowRun, GetIterations>(&edge.router, key, &GetIterations {}, call.left()?).await?;
    let lane = run.iterations.first().map_or(0, |lane| lane.iteration);
    Ok(view.running.first().map_or(0, |number| number.saturating_sub(lane)))
}

/// Steps that are paused at a breakpoint, in the newest hundred instances that run.
#[utoipa::path(get, path = "/api/v3/workflows/steps/breakpoints/paused-step-attempts", tag = "workflows",
    operation_id = "list_paused_steps",
    params(("workflowId" = String, Query, description = "the workflow"), ("stepId" = String, Query, description = "the step")),
    responses((status = 200, description = "instances and attempts", body = serde_json::Value),
        (status = "default", description = "why not", body = ProblemBody)))]
pub(crate) async fn list_paused(
    State(edge): State<GatewayState>,
    call: Call,
    Query(query): Query<BreakpointQuery>,
) -> Answer {
    let found = paused(&edge, &call, &query).await?;
    let listed = found.iter().map(|Paused { known, step, attempt }| {
        let mut answer = shown(&query.workflow_id, step);
        answer["workflow_instance_id"] = json!(known.instance);
        answer["workflow_run_id"] = json!(known.run.max(1));
        answer["workflow_version_id"] = json!(known.version);
        answer["step_attempt_id"] = json!(attempt);
        answer
    });
    Ok(Json(listed.collect()))
}

/// Removes a breakpoint, also from running instances. Steps that pause there resume, unless `resume` is false.
#[utoipa::path(delete, path = "/api/v3/workflows/steps/breakpoints", tag = "workflows", operation_id = "remove_breakpoint",
    params(("workflowId" = String, Query, description = "the workflow"), ("stepId" = String, Query, description = "the step"),
        ("resume" = Option<bool>, Query, description = "whether paused steps go on; true if absent"),
        ("user" = Option<String>, Header, description = "the user, for display")),
    responses((status = 200, description = "how many go on", body = serde_json::Value),
        (status = "default", description = "why not", body = ProblemBody)))]
pub(crate) async fn remove(
    State(edge): State<GatewayState>,
    call: Call,
    Query(query): Query<BreakpointQuery>,
    headers: HeaderMap,
) -> Answer {
    let found = paused(&edge, &call, &query).await?;
    let resume = query.resume.unwrap_or(true);
    let set = SetBreakpoint::gone(query.step_id.clone(), resume);
    command(&edge, &call, &query.workflow_id, &set).await?;
    let by = user(&headers);
    let resumed = if resume { found.len() } else { 0 };
    let mut answer = shown(&query.workflow_id, &query.step_id);
    answer["resumed"] = json!(resumed);
    answer["timeline_event"] = render::event(&by, "removed the breakpoint");
    Ok(Json(answer))
}

/// Lets a paused step go on.
#[utoipa::path(put,
    path = "/api/v3/workflows/steps/breakpoints/{id}/instances/{instance}/runs/{run}/steps/{step}/attempts/{attempt}/actions/resume",
    tag = "workflows", operation_id = "resume_step",
    params(("id" = String, Path, description = "the workflow"), ("instance" = String, Path, description = "its number"),
        ("run" = String, Path, description = "taken and not looked at: only the newest can pause"),
        ("step" = String, Path, description = "the step"),
        ("attempt" = String, Path, description = "taken and not looked at: only the newest can pause"),
        ("user" = Option<String>, Header, description = "the user, for display")),
    responses((status = 200, description = "it goes on", body = serde_json::Value),
        (status = "default", description = "why not", body = ProblemBody)))]
pub(crate) async fn resume(
    State(edge): State<GatewayState>,
    call: Call,
    Path((id, instance, _run, step, _attempt)): Path<(String, String, String, String, String)>,
    headers: HeaderMap,
) -> Answer {
    let act = (step.as_str(), ActOn::Resume, "resume", user(&headers));
    acted(&edge, &call, (&id, instance_number(&instance)?), act).await
}
