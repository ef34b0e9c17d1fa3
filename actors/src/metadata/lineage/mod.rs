//! Lineage: what came of what.
//!
//! A node of the graph is named by what it is and which: `run:FLOW/ID`, `artifact:FLOW/ID/STEP/TASK/NAME`,
//! `model:NAME@VERSION`, `deployment:ID`, `workflow:ID:N`, `dataset:NAME`. Each is an entity that keeps its own ends of
//! the edges, so that the graph is walked both ways. A node keeps a bounded number of edges: one more is dropped and
//! counted, for most come as effects, which nobody could be told of.

mod messages;
mod state;
#[cfg(test)]
mod tests;
mod verbs;

pub use messages::{GetLineage, LineageView, Link, Linked, Relate};
pub use state::{
    EDGES_MAX, Event, Lineage, NODE_BYTES_MAX, PREFIXES, check_node, model_node, relate, run_node,
};
pub use verbs::register;
