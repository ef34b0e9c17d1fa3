//! Flows: what is run again and again, and which runs of it there are.
//!
//! A flow numbers its runs and knows each in short, as the run last told it; the run itself is an entity of its own. A
//! flow is Metaflow's flow and MLflow's experiment. It keeps a bounded number of runs: when one more begins, the oldest
//! that is over is forgotten, and where none is over no further one begins.

mod made;
mod messages;
mod state;
mod verbs;

pub(crate) use made::check_tags;
pub use made::{Made, NAME_BYTES_MAX, TAGS_MAX, check_name, check_text};
pub use messages::{
    CreateFlow, Created, DescribeFlow, DropFlowNote, FlowView, GetFlow, ListRuns, RunSummary, StartRun,
    Started, Told,
};
pub(crate) use state::check_notes;
pub use state::{Change, Event, Flow, RUNS_MAX};
pub use verbs::register;
