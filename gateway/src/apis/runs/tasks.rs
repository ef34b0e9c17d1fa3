//! The tasks of a run, from its blocks.

use axum::http::StatusCode;
use troupe_actors::metadata::runs::{GetRun, Run, RunView, run_key};
use troupe_actors::metadata::tasks::{GetTasks, TaskView, Tasks, block_of};
use troupe_runtime::text::cut;
use troupe_runtime::transport::AskOne;
use troupe_runtime::{Address, AskError, Query, wire};

use crate::edge::call::Call;
use crate::edge::problem::Problem;
use crate::edge::state::GatewayState;
use troupe_runtime::routing::ask;

/// Blocks asked at once: those that bring all their tasks said and made are large.
const BARE_AT_ONCE: usize = 64;
const WHOLE_AT_ONCE: usize = 8;
/// Records and artifacts of one answer.
const ROWS_MAX: usize = 200_000;

/// What is wanted of tasks beside that they are there.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct With {
    pub(crate) records: bool,
    pub(crate) artifacts: bool,
}

/// A run, of which there is one.
///
/// # Errors
/// `RUN_NOT_FOUND`, or why it could not be asked.
pub(crate) async fn run(edge: &GatewayState, call: &Call, flow: &str, run: &str) -> Result<RunView, Problem> {
    let view = ask::<Run, GetRun>(&edge.router, &run_key(flow, run), &GetRun {}, call.left()?).await?;
    if view.begun.is_none() {
        let why = format!("flow {:?} has no run {:?}", short(flow), short(run));
        return Err(Problem::new(StatusCode::NOT_FOUND, "RUN_NOT_FOUND", why).field("run_number"));
    }
    Ok(view)
}

pub(crate) fn short(name: &str) -> String {
    cut(name, 64)
}

/// Tasks of a step, or of all steps, as they were made.
///
/// # Errors
/// `TOO_MANY_ROWS`, or why a block could not be asked.
pub(crate) async fn of_run(
    edge: &GatewayState,
    call: &Call,
    view: &RunView,
    step: Option<&str>,
    with: With,
) -> Result<Vec<TaskView>, Problem> {
    of_blocks(edge, call, view, step, with, usize::MAX).await
}

/// As [`of_run`], from at most so many blocks.
pub(crate) async fn of_blocks(
    edge: &GatewayState,
    call: &Call,
    view: &RunView,
    step: Option<&str>,
    with: With,
    blocks_max: usize,
) -> Result<Vec<TaskView>, Problem> {
    let steps = view.steps.iter().filter(|(name, _)| step.is_none_or(|step| step == *name));
    let blocks: std::collections::BTreeSet<&String> = steps.flat_map(|(_, step)| &step.blocks).collect();
    let blocks: Vec<&String> = blocks.into_iter().take(blocks_max).collect();
    let wanted = wire::encode(&GetTasks {
        step: step.map(str::to_owned),
        task: None,
        records: with.records,
        artifacts: with.artifacts,
    });
    let at_once = if with.records || with.artifacts { WHOLE_AT_ONCE } else { BARE_AT_ONCE };
    let mut found: Vec<TaskView> = Vec::new();
    let mut rows = 0;
    for some in blocks.chunks(at_once) {
        let asks = some.iter().map(|block| AskOne {
            to: Address::of::<Tasks>((*block).clone()),
            verb: GetTasks::VERB.to_owned(),
            body: wanted.clone(),
            key: None,
        });
        for outcome in edge.router.ask_many(asks.collect(), call.left()?).await {
            let tasks: Vec<TaskView> = wire::decode(&outcome?).map_err(AskError::Fault)?;
            rows += tasks.iter().map(|task| task.records.len() + task.artifacts.len()).sum::<usize>();
            found.extend(tasks);
        }
        if rows > ROWS_MAX {
            let why = format!("these are more than {ROWS_MAX} rows: ask step by step, or task by task");
            return Err(Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "TOO_MANY_ROWS", why));
        }
    }
    let number = |task: &TaskView| task.task.parse::<u64>().unwrap_or(u64::MAX);
    found.sort_by_cached_key(|task| (task.at, number(task), task.task.clone()));
    Ok(found)
}

/// One task; `None` if the run has no such task.
///
/// # Errors
/// Why its block could not be asked.
pub(crate) async fn one(
    edge: &GatewayState,
    call: &Call,
    (flow, run): (&str, &str),
    (step, task): (&str, &str),
    with: With,
) -> Result<Option<TaskView>, Problem> {
    let wanted = GetTasks {
        step: Some(step.to_owned()),
        task: Some(task.to_owned()),
        records: with.records,
        artifacts: with.artifacts,
    };
    let block = block_of(&run_key(flow, run), task);
    Ok(ask::<Tasks, GetTasks>(&edge.router, &block, &wanted, call.left()?).await?.pop())
}
