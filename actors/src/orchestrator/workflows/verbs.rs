//! The verbs of this kind.

use troupe_runtime::Registry;

use super::{
    Activate, DeleteWorkflow, Fire, GetInstance, GetWorkflow, Push, RestartInstance, SetBreakpoint,
    SetProperties, StartWorkflow, StopInstance, Unblock, Workflow,
};
use crate::coordination::signals::Heard;
use crate::orchestrator::runs::Ended;

/// Registers the kind and its verbs.
pub fn register(registry: Registry) -> Registry {
    registry
        .kind::<Workflow>()
        .command::<Workflow, Push>()
        .command::<Workflow, StartWorkflow>()
        .command::<Workflow, StopInstance>()
        .command::<Workflow, RestartInstance>()
        .command::<Workflow, Activate>()
        .command::<Workflow, Unblock>()
        .command::<Workflow, SetBreakpoint>()
        .command::<Workflow, SetProperties>()
        .command::<Workflow, DeleteWorkflow>()
        .command::<Workflow, Fire>()
        .command::<Workflow, Heard>()
        .command::<Workflow, Ended>()
        .query::<Workflow, GetWorkflow>()
        .query::<Workflow, GetInstance>()
}
