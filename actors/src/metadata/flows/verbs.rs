//! The verbs of this kind.

use troupe_runtime::Registry;

use super::{CreateFlow, DescribeFlow, DropFlowNote, Flow, GetFlow, ListRuns, StartRun, UpdateRun};

/// Registers the kind and its verbs.
pub fn register(registry: Registry) -> Registry {
    registry
        .kind::<Flow>()
        .command::<Flow, CreateFlow>()
        .command::<Flow, DescribeFlow>()
        .command::<Flow, DropFlowNote>()
        .command::<Flow, StartRun>()
        .command::<Flow, UpdateRun>()
        .query::<Flow, GetFlow>()
        .query::<Flow, ListRuns>()
}
