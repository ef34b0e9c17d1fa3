//! Where a supervisor reports changes of its children: the tree, the journal and the log.

use std::sync::Arc;

use troupe_runtime::Timestamp;
use troupe_runtime::observe::{Journal, Lifecycle};
use troupe_runtime::time::Clock;

use crate::tree::{ChildState, Tree};

/// Shared state of all supervisors of a node.
#[derive(Clone)]
pub struct Supervision {
    /// Receives their lifecycle events.
    pub journal: Arc<dyn Journal>,
    /// Receives the state of their children.
    pub tree: Arc<Tree>,
    /// The process's clock.
    pub clock: Clock,
}

/// A change of one actor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Change {
    Started,
    Restarted,
    Failed,
    Stopped,
    GaveUp,
}

impl Change {
    const fn word(self) -> &'static str {
        match self {
            Self::Started => "started",
            Self::Restarted => "restarted",
            Self::Failed => "failed",
            Self::Stopped => "stopped",
            Self::GaveUp => "gave_up",
        }
    }
}

impl Supervision {
    /// Records the state of the actor at `path`, the restarts its supervisor has `left`, and the change that led to
    /// it.
    pub(super) fn tell(&self, path: &str, state: ChildState, left: u32, change: Change, reason: &str) {
        let why = Some(reason).filter(|reason| !reason.is_empty());
        self.tree.note(path, state, left, why, change == Change::Restarted);
        let word = change.word();
        match change {
            // Not recorded: the first starts of all shards of a node would fill the journal.
            Change::Started => return,
            Change::Failed | Change::GaveUp => {
                tracing::warn!(path, change = word, error = reason, "supervision")
            }
            Change::Restarted | Change::Stopped => tracing::info!(path, change = word, reason, "supervision"),
        }
        self.journal.record(Lifecycle {
            at: Timestamp::wall(),
            node: self.tree.node(),
            subject: path.to_owned(),
            change: word.to_owned(),
            reason: reason.to_owned(),
        });
    }
}
