//! Pipelines: definitions of deliveries, each with the queue of its executions.
//! A pipeline keeps its definition, numbers its executions and decides which one runs next. Each execution is a
//! [`crate::delivery::executions::Deployment`] with a copy of the definition. Starts are idempotent by the id of the
//! request: a second start with the same id returns the same execution. A raise of a signal is a request with the id
//! of the signal and its number, so each raise starts exactly one execution.

mod messages;
mod queue;
mod starting;
mod state;
mod verbs;

pub use messages::{
    Ancestry, DeletePipeline, ExecutionEnded, GetPipeline, PipelineView, PutPipeline, Reopened, RunFor,
    StartPipeline, Started, Summary,
};
pub use state::{Event, Pipeline, deployment_key};
pub use verbs::register;
