//! Steps.

use axum::Json;
use axum::extract::State;
use serde_json::Value;
use troupe_actors::metadata::runs::{NewStep, Run, RunView, StepView, run_key};

use super::maker::Maker;
use super::paths::{OfRun, OfStep};
use super::rows;
use super::trouble::{Trouble, exists, not_found};
use crate::apis::runs::tasks;
use crate::apis::runs::tasks::short;
use crate::edge::body::Body;
use crate::edge::call::Call;
use crate::edge::extract::Path;
use crate::edge::problem::ProblemBody;
use crate::edge::state::GatewayState;
use troupe_runtime::routing::tell;

/// Steps of a run, as they were made.
#[utoipa::path(get, path = "/metaflow/flows/{flow}/runs/{run}/steps", tag = "metaflow", operation_id = "metaflow_list_steps", params(OfRun),
    responses((status = 200, description = "a list of steps", body = serde_json::Value),
        (status = "default", description = "why not", body = ProblemBody, content_type = "application/problem+json")))]
pub(crate) async fn list(
    State(edge): State<GatewayState>,
    call: Call,
    Path(path): Path<OfRun>,
) -> Result<Json<Value>, Trouble> {
    let view = tasks::run(&edge, &call, &path.flow, &path.run).await?;
    let mut steps: Vec<_> = view.steps.iter().collect();
    steps.sort_by_key(|(_, step)| step.place);
    Ok(Json(steps.into_iter().map(|(name, step)| rows::step(&path.flow, &path.run, name, step)).collect()))
}

pub(super) fn of<'a>(view: &'a RunView, name: &str) -> Result<&'a StepView, Trouble> {
    let unknown =
        || not_found("STEP_NOT_FOUND", "step_name", format!("the run has no step {:?}", short(name)));
    view.steps.get(name).ok_or_else(unknown)
}

/// A step.
#[utoipa::path(get, path = "/metaflow/flows/{flow}/runs/{run}/steps/{step}", tag = "metaflow", operation_id = "metaflow_get_step", params(OfStep),
    responses((status = 200, description = "the step", body = serde_json::Value),
        (status = "default", description = "why not", body = ProblemBody, content_type = "application/problem+json")))]
pub(crate) async fn get(
    State(edge): State<GatewayState>,
    call: Call,
    Path(path): Path<OfStep>,
) -> Result<Json<Value>, Trouble> {
    let view = tasks::run(&edge, &call, &path.flow, &path.run).await?;
    Ok(Json(rows::step(&path.flow, &path.run, &path.step, of(&view, &path.step)?)))
}

/// Makes a step.
#[utoipa::path(post, path = "/metaflow/flows/{flow}/runs/{run}/steps/{step}/step", tag = "metaflow", operation_id = "metaflow_create_step", params(OfStep),
    request_body(content = serde_json::Value, description = "`user_name`, `tags`, `system_tags`"),
    responses((status = 200, description = "the step", body = serde_json::Value),
        (status = 409, description = "it is there", body = ProblemBody, content_type = "application/problem+json"),
        (status = "default", description = "why not", body = ProblemBody, content_type = "application/problem+json")))]
pub(crate) async fn create(
    State(edge): State<GatewayState>,
    call: Call,
    Path(path): Path<OfStep>,
    Body { json: maker, .. }: Body<Maker, Trouble>,
) -> Result<Json<Value>, Trouble> {
    let new = NewStep { step: path.step.clone(), made: maker.made() };
    let key = run_key(&path.flow, &path.run);
    let created = tell::<Run, NewStep>(&edge.router, &key, &new, call.left()?).await?;
    if !created.fresh {
        return Err(exists("step_name", format!("the run has a step {:?}: get it", short(&path.step))));
    }
    let view = tasks::run(&edge, &call, &path.flow, &path.run).await?;
    Ok(Json(rows::step(&path.flow, &path.run, &path.step, of(&view, &path.step)?)))
}
