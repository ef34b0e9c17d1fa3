//! Where replicas live: decides which nodes hold each shard, and carries the decisions out.
//!
//! The node that leads the control group runs [`plan()`] and sends its orders to the [`Cluster`] entity. Each shard's
//! leader changes its group towards the target, one change of membership at a time. Each node's reconciler stops the
//! replicas that their groups have removed. Without a quorum of the control group nothing moves, and every shard is
//! served as before.
//!
//! [`Cluster`]: crate::membership::Cluster

mod config;
mod handle;
mod operate;
mod plan;
mod reconciler;
#[cfg(test)]
mod tests;

pub use config::PlacementConfig;
pub use operate::{Operate, Operator, Remaining};
pub use plan::{Observation, Order, initial_placement, plan};

pub(crate) use handle::{NodeControl, NodeHandle};
pub(crate) use reconciler::{Reconciler, ReconcilerArguments};
