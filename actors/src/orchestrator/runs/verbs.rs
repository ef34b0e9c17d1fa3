//! The verbs of this kind.

use troupe_runtime::Registry;

use super::{
    Act, Begin, Ended, Forget, GetIterations, GetLoop, GetPastRun, GetRun, Restart, SetBreakpoints, Stop,
    Tick, WorkflowRun,
};
use crate::coordination::signals::Heard;
use crate::coordination::work_queues::{Finished, Progress};
use crate::delivery::executions::ChildEnded;
use crate::orchestrator::permits::Permitted;

/// Registers the kind and its verbs.
pub fn register(registry: Registry) -> Registry {
    registry
        .kind::<WorkflowRun>()
        .command::<WorkflowRun, Begin>()
        .command::<WorkflowRun, Tick>()
        .command::<WorkflowRun, Stop>()
        .command::<WorkflowRun, Act>()
        .command::<WorkflowRun, SetBreakpoints>()
        .command::<WorkflowRun, Restart>()
        .command::<WorkflowRun, Ended>()
        .command::<WorkflowRun, Finished>()
        .command::<WorkflowRun, Progress>()
        .command::<WorkflowRun, Heard>()
        .command::<WorkflowRun, Forget>()
        .command::<WorkflowRun, Permitted>()
        .command::<WorkflowRun, ChildEnded>()
        .query::<WorkflowRun, GetRun>()
        .query::<WorkflowRun, GetLoop>()
        .query::<WorkflowRun, GetPastRun>()
        .query::<WorkflowRun, GetIterations>()
}
