//! Bugs planted on purpose: a check is trusted only after it has caught what it looks for.
//!
//! Without the cargo feature `planted` a [`Planted`] is empty, can hold no bug, and every question to it is answered
//! with no at compile time; its key is then refused in `cluster.toml` like any other unknown one. With the feature,
//! `planted = "lease_unchecked"` in `[shard]`, `[raft]` or `[wal]` plants a bug in what that section configures.

use serde::{Deserialize, Serialize};

/// A bug that a suite must catch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Bug {
    /// A command is answered when its entry is proposed. In `[shard]`.
    ReplyBeforeCommit,
    /// Records are called durable before they are. In `[wal]`.
    FsyncSkipped,
    /// A leader answers queries without proof that it still leads. In `[shard]`.
    LeaseUnchecked,
    /// A command with a key that was seen before is decided again. In `[shard]`.
    DedupeOff,
    /// Effects are forgotten when they are sent, not when they are taken. In `[shard]`.
    OutboxForgotten,
    /// A replica that starts again does not know whom it voted for. In `[raft]`.
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
    /// Nothing planted.
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

    /// Whether nothing is planted; such a value is left out where a configuration is written.
    #[must_use]
    #[allow(clippy::trivially_copy_pass_by_ref, reason = "serde calls it with a reference")]
    pub const fn is_nothing(&self) -> bool {
        self.0.is_none()
    }
}

/// The bug planted: none, as this build cannot plant any.
#[cfg(not(feature = "planted"))]
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Planted;

#[cfg(not(feature = "planted"))]
impl Planted {
    /// Nothing planted.
    pub const NONE: Self = Self;

    /// Whether this bug is planted: no.
    #[must_use]
    pub const fn has(self, _bug: Bug) -> bool {
        false
    }

    /// Whether nothing is planted: yes. What a configuration is written without.
    #[must_use]
    #[allow(clippy::trivially_copy_pass_by_ref, reason = "serde calls it with a reference")]
    pub const fn is_nothing(&self) -> bool {
        true
    }
}
