//! Workflows, instances and runs by their names.

use troupe_actors::orchestrator::runs::{GetPastRun, GetRun, RunView, WorkflowRun, key_of};
use troupe_actors::orchestrator::workflows::{
    GetInstance, GetWorkflow, InstanceView, Workflow, WorkflowView,
};
use troupe_runtime::routing::{ask, tell};
use troupe_runtime::text::cut;
use troupe_runtime::{Command, Decide};

use super::failure::Failure;
use super::named::{instance_number, number};
use crate::edge::call::Call;
use crate::edge::state::GatewayState;

pub(super) async fn command<C: Command>(
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
pub(super) async fn viewed(
    edge: &GatewayState,
    call: &Call,
    id: &str,
    (version, instances): (Option<u64>, u32),
) -> Result<WorkflowView, Failure> {
    let get = GetWorkflow { instances: Some(instances), version };
    let view = ask::<Workflow, GetWorkflow>(&edge.router, id, &get, call.left()?).await?;
    if view.versions.is_empty() {
        let id = cut(id, 128);
        return Err(Failure::missing("workflow_id", format!("workflow {id:?} not found")));
    }
    Ok(view)
}

/// A workflow with the version of this name: a number, `active`, `latest`, or `default`, which is the first of these
/// that there is.
pub(super) async fn versioned(
    edge: &GatewayState,
    call: &Call,
    id: &str,
    name: &str,
) -> Result<WorkflowView, Failure> {
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

pub(super) async fn instance(
    edge: &GatewayState,
    call: &Call,
    id: &str,
    instance: u64,
) -> Result<InstanceView, Failure> {
    let get = GetInstance { instance };
    Ok(ask::<Workflow, GetInstance>(&edge.router, id, &get, call.left()?).await?)
}

/// An instance's newest run; none while the instance waits for its turn.
pub(super) async fn run(
    edge: &GatewayState,
    call: &Call,
    id: &str,
    instance: u64,
) -> Result<Option<RunView>, Failure> {
    let view =
        ask::<WorkflowRun, GetRun>(&edge.router, &key_of(id, instance), &GetRun {}, call.left()?).await?;
    Ok(Some(view).filter(|view| view.of.is_some()))
}

/// An instance with one of its runs: the newest whole, an earlier one in short, as far as it is kept.
pub(super) async fn whole(
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
