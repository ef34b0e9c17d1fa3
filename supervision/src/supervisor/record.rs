//! Where a supervisor tells what became of its children: the tree, the journal, the log.

use troupe_runtime::Timestamp;
use troupe_runtime::observe::Lifecycle;

use super::Supervision;
use crate::tree::ChildState;

/// What became of one actor.
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
    /// Notes how the actor at `path` is now, with `left` restarts of its supervisor, and what brought it there.
    pub(super) fn tell(&self, path: &str, state: ChildState, left: u32, change: Change, reason: &str) {
        let why = Some(reason).filter(|reason| !reason.is_empty());
        self.tree.note(path, state, left, why, change == Change::Restarted);
        let word = change.word();
        match change {
            // The first start of every shard of a node would fill the journal with the obvious.
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
