//! Flows: named programs that run repeatedly, and the list of their runs.
//!
//! A flow numbers its runs and keeps a summary of each, as last reported by the run. The run is an entity of its own.
//! A flow is Metaflow's flow and MLflow's experiment. It keeps a bounded number of runs: a new run replaces the
//! oldest run that has ended. While none has ended, a new run is refused.

mod made;
mod messages;
mod state;
mod verbs;

pub(crate) use made::check_tags;
pub use made::{Made, NAME_BYTES_MAX, TAGS_MAX, check_name, check_text};
pub use messages::{
    CreateFlow, Created, DescribeFlow, DropFlowNote, FlowView, GetFlow, ListRuns, RunSummary, StartRun,
    Started, UpdateRun,
};
pub(crate) use state::check_notes;
pub use state::{Change, Event, Flow, RUNS_MAX};
pub use verbs::register;
