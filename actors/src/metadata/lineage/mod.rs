//! Lineage: a graph of which object was derived from which.
//!
//! A node's name has its type and its id: `run:FLOW/ID`, `artifact:FLOW/ID/STEP/TASK/NAME`, `model:NAME@VERSION`,
//! `deployment:ID`, `workflow:ID:N`, `dataset:NAME`. Each node is an entity that keeps its own ends of the edges, so
//! that the graph can be walked both ways. A node keeps a bounded number of edges. Further edges are dropped and
//! counted, because most arrive as effects and the sender of an effect receives no refusal.

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
