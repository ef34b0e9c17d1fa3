//! The worker of a node, for its supervision tree.

use std::sync::Arc;

use troupe_runtime::Router;
use troupe_runtime::cluster::Runtime;
use troupe_runtime::supervised::ChildSpec;

use super::config::WorkConfig;
use super::executors::Executors;
use super::round::rounds;
use crate::background;

/// Does a node's share of the tasks. A stop drops the tasks at hand, and their leases bring them to another node.
#[derive(Clone)]
pub struct Work {
    /// Says which queues this node leads.
    pub runtime: Arc<Runtime>,
    /// Reaches the queues.
    pub router: Router,
    /// Run the tasks.
    pub executors: Executors,
    /// Bounds.
    pub config: WorkConfig,
}

impl Work {
    /// For the node's supervision tree.
    #[must_use]
    pub fn child(self) -> ChildSpec {
        background::child("work", move || {
            let work = self.clone();
            rounds(work.runtime, work.router, work.executors, work.config)
        })
    }
}
