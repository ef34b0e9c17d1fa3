//! The nodes of the cluster, as this one knows them now.

use std::sync::Arc;

use arc_swap::ArcSwap;

use crate::address::NodeId;
use crate::node_spec::NodeSpec;

/// Nodes that may come and go; read on every call.
pub struct Peers(ArcSwap<Vec<NodeSpec>>);

impl Peers {
    /// Those of the configuration.
    #[must_use]
    pub fn new(nodes: Vec<NodeSpec>) -> Self {
        Self(ArcSwap::from_pointee(nodes))
    }

    /// All of them.
    #[must_use]
    pub fn all(&self) -> Arc<Vec<NodeSpec>> {
        self.0.load_full()
    }

    /// The node at a place in the order of nodes, begun again at its end.
    #[must_use]
    pub fn nth(&self, at: usize) -> Option<NodeId> {
        let nodes = self.0.load();
        nodes.get(at.checked_rem(nodes.len())?).map(|node| node.id)
    }

    /// Takes others, and returns them when they are others.
    pub fn replace(&self, nodes: Vec<NodeSpec>) -> Option<Arc<Vec<NodeSpec>>> {
        if **self.0.load() == nodes {
            return None;
        }
        let nodes = Arc::new(nodes);
        self.0.store(nodes.clone());
        Some(nodes)
    }
}
