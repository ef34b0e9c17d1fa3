//! Pipelines: what brings a version to members, and the queue of its executions.
//!
//! A pipeline keeps its definition, numbers its executions and decides whose turn it is; what an execution does is a
//! [`crate::delivery::executions::Deployment`] of its own, with the definition as it was then. A start is known by its request's id:
//! a second one with the same id is the same execution. A raise of a signal is a request as well, named by the signal and
//! its number, so each raise starts one execution and no more.

mod messages;
mod queue;
mod state;
mod verbs;

pub use messages::{
    Above, DeletePipeline, ExecutionEnded, GetPipeline, PipelineView, PutPipeline, Reopened, RunFor,
    StartPipeline, Started, Summary,
};
pub use state::{Event, Pipeline, deployment_key};
pub use verbs::register;
