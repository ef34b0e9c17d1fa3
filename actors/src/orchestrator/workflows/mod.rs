//! Workflows: definitions by version, triggers, and the concurrency of instances.
//!
//! A workflow starts instances and receives their ends; `runs` executes them. The run strategy is evaluated after each
//! start and each end. A start has a request id, and repeated requests with the same id start one instance. Signals and
//! timers start instances by such requests, too.

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
