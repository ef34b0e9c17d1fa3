//! Bugs planted on purpose: a check is trusted only after it has caught a planted bug.
//!
//! Without the cargo feature `planted` a [`Planted`] is empty, and the compiler folds every check of it to `false`.
//! Its configuration key is then refused like any unknown key. With the feature, `planted = "lease_unchecked"` in
//! `[shard]`, `[raft]` or `[wal]` plants a bug in that section's code.

use serde::{Deserialize, Serialize};

/// A bug that the test suite must catch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Bug {
    /// A command is answered when its entry is proposed. In `[shard]`.
    ReplyBeforeCommit,
    /// Records are reported durable before they are. In `[wal]`.
    FsyncSkipped,
    /// A leader answers queries without proof of its lease. In `[shard]`.
    LeaseUnchecked,
    /// A command with a known idempotency key is decided again. In `[shard]`.
    DedupeOff,
    /// Effects are deleted when they are sent instead of when they are acknowledged. In `[shard]`.
    OutboxForgotten,
    /// A restarted replica does not know its vote. In `[raft]`.
    VoteForgotten,
}

impl Bug {
    /// All of them.
    pub const ALL: [Self; 6] = [
        Self::ReplyBeforeCommit,
        Self::FsyncSkipped,
        Self::LeaseUnchecked,
        Self::DedupeOff,
        Self::OutboxForgotten,
        Self::VoteForgotten,
    ];
}

/// The bug planted, if any.
#[cfg(feature = "planted")]
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Planted(Option<Bug>);

#[cfg(feature = "planted")]
impl Planted {
    /// No planted bug.
    pub const NONE: Self = Self(None);

    /// Plants a bug.
    #[must_use]
    pub const fn with(bug: Bug) -> Self {
        Self(Some(bug))
    }

    /// Whether this bug is planted.
    #[must_use]
    pub fn has(self, bug: Bug) -> bool {
        self.0 == Some(bug)
    }

    /// Whether no bug is planted; serde then skips the field.
    #[must_use]
    #[allow(clippy::trivially_copy_pass_by_ref, reason = "serde calls it with a reference")]
    pub const fn is_nothing(&self) -> bool {
        self.0.is_none()
    }
}

/// The planted bug; this build cannot plant one.
#[cfg(not(feature = "planted"))]
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Planted;

#[cfg(not(feature = "planted"))]
impl Planted {
    /// No planted bug.
    pub const NONE: Self = Self;

    /// Always false in this build.
    #[must_use]
    pub const fn has(self, _bug: Bug) -> bool {
        false
    }

    /// Always true in this build; serde then skips the field.
    #[must_use]
    #[allow(clippy::trivially_copy_pass_by_ref, reason = "serde calls it with a reference")]
    pub const fn is_nothing(&self) -> bool {
        true
    }
}
