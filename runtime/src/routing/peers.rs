//! The nodes of the cluster as this node knows them.

use std::sync::Arc;

use arc_swap::ArcSwap;

use crate::address::NodeId;
use crate::node_spec::NodeSpec;

/// A changing list of nodes; read on every call.
pub struct Peers(ArcSwap<Vec<NodeSpec>>);

impl Peers {
    /// The nodes of the configuration.
    #[must_use]
    pub fn new(nodes: Vec<NodeSpec>) -> Self {
        Self(ArcSwap::from_pointee(nodes))
    }

    /// All nodes.
    #[must_use]
    pub fn all(&self) -> Arc<Vec<NodeSpec>> {
        self.0.load_full()
    }

    /// The node at a position; positions beyond the last wrap around.
    #[must_use]
    pub fn nth(&self, at: usize) -> Option<NodeId> {
        let nodes = self.0.load();
        nodes.get(at.checked_rem(nodes.len())?).map(|node| node.id)
    }

    /// Replaces the list; returns the new list if it differs.
    pub fn replace(&self, nodes: Vec<NodeSpec>) -> Option<Arc<Vec<NodeSpec>>> {
        if **self.0.load() == nodes {
            return None;
        }
        let nodes = Arc::new(nodes);
        self.0.store(nodes.clone());
        Some(nodes)
    }
}
