//! The verbs of this kind.

use troupe_runtime::Registry;

use super::{
    DeletePipeline, ExecutionEnded, GetPipeline, Pipeline, PutPipeline, Reopened, RunFor, StartPipeline,
};
use crate::coordination::signals::Heard;

/// Registers the kind and its verbs.
pub fn register(registry: Registry) -> Registry {
    registry
        .kind::<Pipeline>()
        .command::<Pipeline, PutPipeline>()
        .command::<Pipeline, DeletePipeline>()
        .command::<Pipeline, StartPipeline>()
        .command::<Pipeline, Heard>()
        .command::<Pipeline, RunFor>()
        .command::<Pipeline, ExecutionEnded>()
        .command::<Pipeline, Reopened>()
        .query::<Pipeline, GetPipeline>()
}
