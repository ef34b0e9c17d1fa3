//! Whether this node should get traffic; the node knows, the edge only reports it.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// What a node can do right now.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Ready {
    /// Data shards of the cluster.
    pub shards: u32,
    /// Those for which this node knows a leader.
    pub shards_led: u32,
    /// Whether a model is loaded for recommendations. A cluster without one still takes events, so it does not hold
    /// readiness back.
    pub model_loaded: bool,
    /// Whether the configured feature groups are known here: an event that came before them would not count in them.
    pub features_declared: bool,
    /// Whether the node is leaving: asked to stop, or being drained.
    pub draining: bool,
}

impl Ready {
    /// Whether traffic should come here.
    #[must_use]
    pub const fn yes(&self) -> bool {
        self.shards > 0 && self.shards_led == self.shards && self.features_declared && !self.draining
    }
}

/// Reports what the node can do. Asked on each `/readyz`: must not block.
pub trait Readiness: Send + Sync + 'static {
    /// The state now.
    fn ready(&self) -> Ready;
}
