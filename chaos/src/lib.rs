//! Faults against real nodes, and the judgement of what their clients saw.
//!
//! A nemesis kills, freezes, cuts off and drowns the processes of a local cluster while clients write and read through
//! the gateways of all nodes. What they were told is a history; the checker says whether it could have happened on one
//! machine that never failed. Nothing that serves depends on this crate.

pub mod checker;
pub mod drill;
pub mod history;
pub mod nemesis;
pub mod proxy;
pub mod site;
pub mod workload;
