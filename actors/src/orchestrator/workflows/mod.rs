//! Workflows: definitions by version, what starts them, and which of their instances run beside each other.
//!
//! A workflow starts instances and hears of their ends; what an instance does is `workflow_runs`. The run strategy is asked
//! after every start and every end. A start names its request: the same request starts one instance, however often it
//! comes, and a raise of a signal or a firing of a timer is a request like any other.

mod answers;
mod decide;
mod instances;
mod messages;
mod state;
#[cfg(test)]
mod tests;
mod triggers;
mod upkeep;
mod verbs;

pub use messages::{
    Activate, DeleteWorkflow, Fire, GetInstance, GetWorkflow, InstanceView, Push, Pushed, RestartInstance,
    SetBreakpoint, SetProperties, StartWorkflow, Started, StopInstance, Unblock, VersionView, WorkflowView,
};
pub use state::{Event, Workflow};
pub use verbs::register;
