//! Workflows, at the paths that Maestro's clients know.
//!
//! A workflow is asked for its versions and instances, an instance's run for its steps; one that still waits for its turn
//! has no run yet and is told from what its workflow knows. What is refused is said in Maestro's words and in ours.

pub(crate) mod actions;
pub(crate) mod breakpoints;
pub(crate) mod definitions;
mod failure;
pub(crate) mod instances;
pub(crate) mod permits;
mod places;
mod render;
mod routes;
pub(crate) mod signals;
pub(crate) mod steps;

pub(crate) use routes::routes;

use axum::Json;
use axum::http::HeaderMap;
use serde_json::Value;
use troupe_actors::orchestrator::runs::{GetPastRun, GetRun, RunView, WorkflowRun, key_of};
use troupe_actors::orchestrator::workflows::{
    GetInstance, GetWorkflow, InstanceView, Workflow, WorkflowView,
};
use troupe_runtime::{Command, Decide, Refused};

use self::failure::Failure;
use crate::edge::call::Call;
use crate::edge::state::GatewayState;
use troupe_runtime::routing::{ask, tell};

/// Longest name of a user, in characters.
const USER_CHARS_MAX: usize = 128;

/// What a route answers.
type Told = Result<Json<Value>, Failure>;

/// Who asks, as the header that Maestro's clients set says; nobody is asked to prove it.
fn user(headers: &HeaderMap) -> String {
    let named = headers.get("user").and_then(|value| value.to_str().ok()).unwrap_or_default();
    named.chars().take(USER_CHARS_MAX).collect()
}

/// A number out of a path; `latest` is none.
fn number(field: &'static str, text: &str) -> Result<Option<u64>, Failure> {
    if text.eq_ignore_ascii_case("latest") {
        return Ok(None);
    }
    text.parse().map(Some).map_err(|_| {
        let text: String = text.chars().take(64).collect();
        Failure::missing(field, format!("{text:?} is no number"))
    })
}

/// An instance's number out of a path.
fn instance_number(text: &str) -> Result<u64, Failure> {
    number("instance", text)?
        .ok_or_else(|| Failure::missing("instance", "instances are named by their number".to_owned()))
}

async fn told<C: Command>(
    edge: &GatewayState,
    call: &Call,
    id: &str,
    command: &C,
) -> Result<C::Reply, Failure>
where
    Workflow: Decide<C>,
{
    Ok(tell::<Workflow, C>(&edge.router, id, command, call.left()?).await?)
}

/// A workflow with its newest instances; one that was never pushed is not found.
async fn viewed(
    edge: &GatewayState,
    call: &Call,
    id: &str,
    (version, instances): (Option<u64>, u32),
) -> Result<WorkflowView, Failure> {
    let get = GetWorkflow { instances: Some(instances), version };
    let view = ask::<Workflow, GetWorkflow>(&edge.router, id, &get, call.left()?).await?;
    if view.versions.is_empty() {
        let id: String = id.chars().take(128).collect();
        return Err(Failure::missing("workflow_id", format!("there is no workflow {id:?}")));
    }
    Ok(view)
}

/// A workflow with the version of this name: a number, `active`, `latest`, or `default`, which is the first of these
/// that there is.
async fn versioned(edge: &GatewayState, call: &Call, id: &str, name: &str) -> Result<WorkflowView, Failure> {
    let missing = |why: String| Err(Failure::missing("version", why));
    match name.to_ascii_lowercase().as_str() {
        "default" => viewed(edge, call, id, (None, 0)).await,
        "active" => {
            let view = viewed(edge, call, id, (None, 0)).await?;
            match view.active {
                Some(_) => Ok(view),
                None => missing(format!("workflow {id:?} has no active version")),
            }
        }
        _ => {
            let view = viewed(edge, call, id, (None, 0)).await?;
            let wanted = number("version", name)?.unwrap_or(view.newest);
            if view.version == wanted {
                return Ok(view);
            }
            if view.versions.iter().all(|known| known.version != wanted) {
                return missing(format!(
                    "workflow {id:?} has no version {wanted}, or it is not kept any more"
                ));
            }
            viewed(edge, call, id, (Some(wanted), 0)).await
        }
    }
}

async fn instance(
    edge: &GatewayState,
    call: &Call,
    id: &str,
    instance: u64,
) -> Result<InstanceView, Failure> {
    let get = GetInstance { instance };
    Ok(ask::<Workflow, GetInstance>(&edge.router, id, &get, call.left()?).await?)
}

/// An instance's newest run; none while the instance waits for its turn.
async fn run(edge: &GatewayState, call: &Call, id: &str, instance: u64) -> Result<Option<RunView>, Failure> {
    let view =
        ask::<WorkflowRun, GetRun>(&edge.router, &key_of(id, instance), &GetRun {}, call.left()?).await?;
    Ok(Some(view).filter(|view| view.of.is_some()))
}

/// An instance with one of its runs: the newest whole, an earlier one in short, as far as it is kept.
async fn whole(
    edge: &GatewayState,
    call: &Call,
    (id, instance_text): (&str, &str),
    run_text: &str,
) -> Result<(InstanceView, Option<RunView>), Failure> {
    let number_of = instance_number(instance_text)?;
    let known = instance(edge, call, id, number_of).await?;
    let wanted = number("run", run_text)?;
    if let Some(run) = wanted.filter(|wanted| *wanted != known.run.max(1)) {
        let get = GetPastRun { run };
        let past =
            ask::<WorkflowRun, GetPastRun>(&edge.router, &key_of(id, number_of), &get, call.left()?).await?;
        let (status, why, counts) = (past.status.clone(), past.why.clone(), past.counts);
        let known = InstanceView { run, status, why, counts, ended: past.ended, blocks: false, ..known };
        return Ok((known, Some(past)));
    }
    let run = run(edge, call, id, number_of).await?;
    Ok((known, run))
}

/// Refuses what the entities know no word for.
fn unknown_action(action: &str, known: &str) -> Failure {
    let action: String = action.chars().take(64).collect();
    let refused =
        Refused::field("NO_SUCH_ACTION", "action", format!("there is no action {action:?}: {known}"));
    Failure::from(troupe_runtime::AskError::Refused(refused))
}
