//! Steps of an instance: looked at, stopped, skipped, tried again.

use std::collections::BTreeMap;

use axum::Json;
use axum::extract::State;
use axum::http::HeaderMap;
use serde::Deserialize;
use serde_json::{Value, json};
use troupe_actors::orchestrator::runs::{
    Act, ActOn, GetIterations, GetLoop, GetRun, RestartAt, RunView, StepView, WorkflowRun,
};
use troupe_actors::orchestrator::workflows::InstanceView;

use super::failure::Failure;
use super::instances::{RestartRequest, again};
use super::lookup::{instance, whole};
use super::named::{Answer, instance_number, number, unknown_action, user};
use super::places::{self, Iteration, Named, Place, place};
use super::render;
use crate::edge::body::Body;
use crate::edge::call::Call;
use crate::edge::extract::{Path, Query};
use crate::edge::problem::ProblemBody;
use crate::edge::state::GatewayState;
use troupe_runtime::routing::{ask, tell};
use troupe_runtime::text::cut;

/// Iterations of one answer.
const ITERATIONS_MAX: usize = 1_000;

fn steps(run: Option<&RunView>) -> &[StepView] {
    run.and_then(|run| run.iterations.first()).map_or(&[], |lane| lane.steps.as_slice())
}

fn found<'a>(run: Option<&'a RunView>, step: &str) -> Result<&'a StepView, Failure> {
    steps(run).iter().find(|known| known.id == step).ok_or_else(|| {
        let step = cut(step, 128);
        let why =
            if run.is_none() { "the instance waits for its turn" } else { "the instance has no such step" };
        Failure::missing("step", format!("unknown step {step:?}: {why}"))
    })
}

fn all(id: &str, known: &InstanceView, run: Option<&RunView>) -> Json<Value> {
    Json(steps(run).iter().map(|step| render::step(id, known, step)).collect())
}

/// The steps of an instance, in the order of its definition.
#[utoipa::path(get, path = "/api/v3/workflows/{id}/instances/{instance}/steps", tag = "workflows",
    operation_id = "list_steps",
    params(("id" = String, Path, description = "the workflow"), ("instance" = String, Path, description = "its number")),
    responses((status = 200, description = "each step's newest attempt", body = serde_json::Value),
        (status = 404, description = "instance not found", body = ProblemBody)))]
pub(crate) async fn list(
    State(edge): State<GatewayState>,
    call: Call,
    Path((id, number)): Path<(String, String)>,
) -> Answer {
    let (known, run) = whole(&edge, &call, (&id, &number), "latest").await?;
    Ok(all(&id, &known, run.as_ref()))
}

/// The steps of a run.
#[utoipa::path(get, path = "/api/v3/workflows/{id}/instances/{instance}/runs/{run}/steps", tag = "workflows",
    operation_id = "list_run_steps",
    params(("id" = String, Path, description = "the workflow"), ("instance" = String, Path, description = "its number"),
        ("run" = String, Path, description = "the run's number, or `latest`")),
    responses((status = 200, description = "each step's newest attempt", body = serde_json::Value),
        (status = 404, description = "run not found", body = ProblemBody)))]
pub(crate) async fn list_of_run(
    State(edge): State<GatewayState>,
    call: Call,
    Path((id, number, run)): Path<(String, String, String)>,
) -> Answer {
    let (known, view) = whole(&edge, &call, (&id, &number), &run).await?;
    Ok(all(&id, &known, view.as_ref()))
}

/// A step: its newest attempt whole, and those before it.
#[utoipa::path(get, path = "/api/v3/workflows/{id}/instances/{instance}/steps/{step}", tag = "workflows",
    operation_id = "get_step",
    params(("id" = String, Path, description = "the workflow"), ("instance" = String, Path, description = "its number"),
        ("step" = String, Path, description = "the step; in an iteration of a loop `loop[0].step`")),
    responses((status = 200, description = "the step", body = serde_json::Value),
        (status = 404, description = "not found", body = ProblemBody)))]
pub(crate) async fn get(
    State(edge): State<GatewayState>,
    call: Call,
    Path((id, number, step)): Path<(String, String, String)>,
) -> Answer {
    let number = instance_number(&number)?;
    let known = instance(&edge, &call, &id, number).await?;
    let place = place(&edge, &call, (&id, number), &step).await?;
    Ok(Json(render::step(&id, &known, &places::counted(&edge, &call, &place).await?)))
}

/// One attempt of a step; those that are over are kept in short, the last 20.
#[utoipa::path(get, path = "/api/v3/workflows/{id}/instances/{instance}/runs/{run}/steps/{step}/attempts/{attempt}",
    tag = "workflows", operation_id = "get_step_attempt",
    params(("id" = String, Path, description = "the workflow"), ("instance" = String, Path, description = "its number"),
        ("run" = String, Path, description = "the run's number, or `latest`"), ("step" = String, Path, description = "the step; in an iteration of a loop `loop[0].step`"),
        ("attempt" = String, Path, description = "the attempt's number, or `latest`")),
    responses((status = 200, description = "the attempt", body = serde_json::Value),
        (status = 404, description = "not found, or no longer kept", body = ProblemBody)))]
pub(crate) async fn get_attempt(
    State(edge): State<GatewayState>,
    call: Call,
    Path((id, instance, run, step, attempt)): Path<(String, String, String, String, String)>,
) -> Answer {
    let wanted = number("attempt", &attempt)?;
    let (known, view) = whole(&edge, &call, (&id, &instance), &run).await?;
    let step = match step.contains('[') && known.run == view.as_ref().map_or(0, |view| view.run) {
        true => {
            let place = place(&edge, &call, (&id, known.instance), &step).await?;
            places::viewed(&edge, &call, &place).await?
        }
        false => found(view.as_ref(), &step)?.clone(),
    };
    let step = &step;
    let shown = render::attempt(&id, &known, step, wanted);
    let why = || format!("step {:?} is at attempt {}, and {attempt} is not kept", step.id, step.attempt);
    shown.map(Json).ok_or_else(|| Failure::missing("attempt", why()))
}

/// What may stand behind a path's question mark.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct IterationQuery {
    from: Option<u64>,
    limit: Option<usize>,
}

/// A loop's iterations of all its runs in one list: how each ended, and the steps of those that run.
#[utoipa::path(get, path = "/api/v3/workflows/{id}/instances/{instance}/steps/{step}/iterations", tag = "workflows",
    operation_id = "list_iterations",
    params(("id" = String, Path, description = "the workflow"), ("instance" = String, Path, description = "its number"),
        ("step" = String, Path, description = "a foreach or while; inside another loop `outer[0].inner`"),
        ("from" = Option<u64>, Query, description = "the first iteration, from 0"),
        ("limit" = Option<u64>, Query, description = "at most so many; 1000 at most")),
    responses((status = 200, description = "the iterations", body = serde_json::Value),
        (status = 404, description = "step not found", body = ProblemBody)))]
pub(crate) async fn iterations(
    State(edge): State<GatewayState>,
    call: Call,
    Path((id, number, step)): Path<(String, String, String)>,
    Query(query): Query<IterationQuery>,
) -> Answer {
    let number = instance_number(&number)?;
    let known = instance(&edge, &call, &id, number).await?;
    let place = place(&edge, &call, (&id, number), &step).await?;
    let so_far = places::counted(&edge, &call, &place).await?.iterations;
    let Place { run, lane, step, .. } = place;
    let most = query.limit.unwrap_or(ITERATIONS_MAX).min(ITERATIONS_MAX);
    let mut at = query.from.unwrap_or(0);
    let mut listed: Vec<Value> = Vec::new();
    let counts = loop {
        let get = GetLoop { step: step.clone(), outer_iteration: lane, iteration: at };
        let held = ask::<WorkflowRun, GetLoop>(&edge.router, &run, &get, call.left()?).await?;
        if let Some(key) = held.key.as_ref().filter(|_| listed.len() < most && at < held.range.1) {
            listed.extend(stretch(&edge, &call, (&id, &known), (key, at, held.range.0)).await?);
            at = held.range.1;
            continue;
        }
        let (total, counts) = so_far.unwrap_or((held.total, held.counts));
        break json!({ "total": total, "succeeded": counts.succeeded, "failed": counts.failed,
            "stopped": counts.stopped });
    };
    listed.truncate(most);
    Ok(Json(json!({ "step_id": step, "counts": counts, "iterations": listed })))
}

/// The iterations of one of a loop's runs, from one on.
async fn stretch(
    edge: &GatewayState,
    call: &Call,
    (id, known): (&str, &InstanceView),
    (key, from, first): (&str, u64, u64),
) -> Result<Vec<Value>, Failure> {
    let view = ask::<WorkflowRun, GetIterations>(&edge.router, key, &GetIterations {}, call.left()?).await?;
    let why: BTreeMap<u64, &str> =
        view.failures.iter().map(|(number, why)| (*number, why.as_str())).collect();
    let mut all: BTreeMap<u64, Value> = BTreeMap::new();
    for (number, status) in view.over.iter().filter(|(number, _)| *number >= from) {
        let why = why.get(number);
        all.insert(*number, json!({ "iteration": number, "run": key, "status": status.0, "why": why }));
    }
    if view.running.iter().any(|number| *number >= from) {
        let run = ask::<WorkflowRun, GetRun>(&edge.router, key, &GetRun {}, call.left()?).await?;
        for lane in run.iterations.iter().filter(|lane| first + lane.iteration >= from) {
            let steps: Vec<Value> = lane.steps.iter().map(|step| render::step(id, known, step)).collect();
            let number = first + lane.iteration;
            all.insert(
                number,
                json!({ "iteration": number, "run": key, "status": "IN_PROGRESS",
                    "loop_params": lane.values.0, "steps": steps }),
            );
        }
    }
    Ok(all.into_values().collect())
}

/// `stop`, `kill`, `skip` or `bypass` a step's present attempt.
#[utoipa::path(put, path = "/api/v3/workflows/{id}/instances/{instance}/steps/{step}/actions/{action}", tag = "workflows",
    operation_id = "act_on_step",
    params(("id" = String, Path, description = "the workflow"), ("instance" = String, Path, description = "its number"),
        ("step" = String, Path, description = "the step; in an iteration of a loop `loop[0].step`"),
        ("action" = String, Path, description = "`stop`, `kill`, `skip`, `bypass` the signals that it waits for, or `resume`"),
        ("user" = Option<String>, Header, description = "the user, for display")),
    responses((status = 200, description = "it is done", body = serde_json::Value),
        (status = "default", description = "why not", body = ProblemBody)))]
pub(crate) async fn act(
    State(edge): State<GatewayState>,
    call: Call,
    Path((id, number, step, action)): Path<(String, String, String, String)>,
    headers: HeaderMap,
) -> Answer {
    let act = match action.as_str() {
        "stop" => ActOn::Stop,
        "kill" => ActOn::Kill,
        "skip" => ActOn::Skip,
        "bypass" => ActOn::Bypass,
        "resume" => ActOn::Resume,
        _ => return Err(unknown_action(&action, "stop, kill, skip, bypass or resume")),
    };
    acted(&edge, &call, (&id, instance_number(&number)?), (&step, act, &action, user(&headers))).await
}

/// Tells a run to act on one of its steps.
pub(super) async fn acted(
    edge: &GatewayState,
    call: &Call,
    (id, number): (&str, u64),
    (step, act, action, by): (&str, ActOn, &str, String),
) -> Answer {
    let known = instance(edge, call, id, number).await?;
    let place = place(edge, call, (id, number), step).await?;
    let ask = Act { step: place.step, act, iteration: place.lane, by: by.clone() };
    tell::<WorkflowRun, Act>(&edge.router, &place.run, &ask, call.left()?).await?;
    Ok(Json(json!({
        "workflow_id": id,
        "workflow_instance_id": number,
        "workflow_run_id": known.run.max(1),
        "step_id": step,
        "completed": true,
        "timeline_event": render::event(&by, &format!("asked to {action} step [{step}]")),
    })))
}

/// Tries a step again that failed: of an instance that runs this step alone, of one that is over it and all that comes
/// after it.
#[utoipa::path(post, path = "/api/v3/workflows/{id}/instances/{instance}/steps/{step}/actions/restart", tag = "workflows",
    operation_id = "restart_step",
    params(("id" = String, Path, description = "the workflow"), ("instance" = String, Path, description = "its number"),
        ("step" = String, Path, description = "the step; in an iteration of a loop `loop[0].step`"),
        ("user" = Option<String>, Header, description = "the user, for display")),
    request_body(content = serde_json::Value, description = "`restart_policy`, which may only be `RESTART_FROM_SPECIFIC`"),
    responses((status = 200, description = "the run or attempt that begins", body = serde_json::Value),
        (status = "default", description = "why not", body = ProblemBody)))]
pub(crate) async fn restart(
    State(edge): State<GatewayState>,
    call: Call,
    Path((id, number, step)): Path<(String, String, String)>,
    headers: HeaderMap,
    Body { json: given, .. }: Body<RestartRequest, Failure>,
) -> Answer {
    given.check()?;
    let policies = [None, Some("RESTART_FROM_SPECIFIC"), Some("RESTART_FROM_INCOMPLETE")];
    if !policies.contains(&given.restart_policy.as_deref()) {
        return Err(Failure::wrong("restart_policy", "a step is restarted with RESTART_FROM_SPECIFIC"));
    }
    let number = instance_number(&number)?;
    let known = instance(&edge, &call, &id, number).await?;
    let by = user(&headers);
    if known.status.0.is_terminal() {
        if let Some(Iteration { of, .. }) = Named::read(&step)?.around.first() {
            let why = format!("the instance is over: restart its step {of}, and the loop runs again");
            return Err(Failure::wrong("step", why));
        }
        let at = (RestartAt::Step(step), troupe_workflows::definition::ParamDefinitions::new(), by);
        return again(&edge, &call, (&id, number), at).await;
    }
    acted(&edge, &call, (&id, number), (&step, ActOn::Retry, "restart", by)).await
}
