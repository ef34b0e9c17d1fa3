//! The supervision tree of one node, as data.

use std::collections::BTreeMap;
use std::sync::Mutex;

use bincode::{Decode, Encode};
use serde::{Deserialize, Serialize};
use troupe_runtime::death_watch::{Census, Ending};
use troupe_runtime::locks::lock;
use troupe_runtime::{NodeId, Timestamp};

/// State of a supervised actor.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ChildState {
    /// Running.
    Running,
    /// Waiting for a restart.
    Restarting,
    /// Ended, and not restarted.
    Stopped,
    /// Ended, after its supervisor gave up.
    GaveUp,
}

/// One actor in the tree.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
pub struct TreeNode {
    /// Names from the root: `node/shards/shard-7`.
    pub path: String,
    /// State.
    pub state: ChildState,
    /// Number of restarts.
    pub restarts: u32,
    /// Restarts that its supervisor has left within the period.
    pub left: u32,
    /// Reason of its last end.
    pub last_reason: Option<String>,
    /// Time of its last change of state.
    pub since: Timestamp,
}

/// A node's whole tree, parents before children.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
pub struct TreeView {
    /// The node.
    pub node: NodeId,
    /// Its actors.
    pub actors: Vec<TreeNode>,
}

/// The current tree. Supervisors write it; any thread may read it.
pub struct Tree {
    node: NodeId,
    actors: Mutex<BTreeMap<String, TreeNode>>,
}

impl Tree {
    /// An empty tree.
    #[must_use]
    pub const fn new(node: NodeId) -> Self {
        Self { node, actors: Mutex::new(BTreeMap::new()) }
    }

    /// The node.
    #[must_use]
    pub const fn node(&self) -> NodeId {
        self.node
    }

    /// Records a change of one actor.
    pub fn note(&self, path: &str, state: ChildState, left: u32, reason: Option<&str>, restarted: bool) {
        let mut actors = lock(&self.actors);
        let actor = actors.entry(path.to_owned()).or_insert_with(|| TreeNode {
            path: path.to_owned(),
            state,
            restarts: 0,
            left,
            last_reason: None,
            since: Timestamp::wall(),
        });
        if actor.state != state || restarted {
            actor.since = Timestamp::wall();
        }
        actor.state = state;
        actor.left = left;
        actor.restarts += u32::from(restarted);
        if let Some(reason) = reason {
            actor.last_reason = Some(reason.to_owned());
        }
    }

    /// How the actor at `path` ended; `None` while it runs or waits for a restart.
    #[must_use]
    pub fn gone(&self, path: &str) -> Option<(Ending, String)> {
        let actors = lock(&self.actors);
        let Some(actor) = actors.get(path) else {
            return Some((Ending::Missing, "no actor has this path".to_owned()));
        };
        let ending = match actor.state {
            ChildState::Running | ChildState::Restarting => return None,
            ChildState::Stopped => Ending::Stopped,
            ChildState::GaveUp => Ending::GaveUp,
        };
        Some((ending, actor.last_reason.clone().unwrap_or_default()))
    }

    /// A copy of the current tree.
    #[must_use]
    pub fn view(&self) -> TreeView {
        let actors = lock(&self.actors);
        TreeView { node: self.node, actors: actors.values().cloned().collect() }
    }
}

impl Census for Tree {
    fn gone(&self, path: &str) -> Option<(Ending, String)> {
        Self::gone(self, path)
    }
}
