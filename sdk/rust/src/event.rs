//! Interaction events and what becomes of them.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::error::Executed;

/// One interaction of a member with a content. Recorded once however often it is sent: the event's id, or where it has
/// none its own content, is what makes it one event.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Event {
    /// The member's id.
    pub member: String,
    /// The content's id.
    pub content: String,
    /// What happened: `rating`, `play`.
    #[serde(rename = "type")]
    pub kind: String,
    /// How much of it: a rating's stars, seconds played.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value: Option<f64>,
    /// When, in milliseconds since the Unix epoch.
    pub at: u64,
    /// The sender's own id of this event.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub event_id: Option<String>,
    /// Circumstances: `device` -> `tv`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub context: BTreeMap<String, String>,
}

impl Event {
    /// An event without value, id and context.
    pub fn new(
        member: impl Into<String>,
        content: impl Into<String>,
        kind: impl Into<String>,
        at: u64,
    ) -> Self {
        Self {
            member: member.into(),
            content: content.into(),
            kind: kind.into(),
            value: None,
            at,
            event_id: None,
            context: BTreeMap::new(),
        }
    }

    /// With a value.
    #[must_use]
    pub fn value(mut self, value: f64) -> Self {
        self.value = Some(value);
        self
    }

    /// With the sender's own id.
    #[must_use]
    pub fn id(mut self, id: impl Into<String>) -> Self {
        self.event_id = Some(id.into());
        self
    }

    /// With a circumstance.
    #[must_use]
    pub fn context(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.context.insert(name.into(), value.into());
        self
    }
}

/// An event that can never be recorded as it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rejected {
    /// Its position among the events of the call, from one.
    pub line: usize,
    /// The field at fault, where one is.
    #[serde(default)]
    pub field: Option<String>,
    /// Stable, for programs.
    pub code: String,
    /// For people.
    pub message: String,
}

/// An event that was not recorded within the call, or perhaps was.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failed {
    /// Its position among the events of the call, from one.
    pub line: usize,
    /// Stable, for programs.
    pub code: String,
    /// For people.
    pub message: String,
    /// Whether sending it again may succeed.
    pub retryable: bool,
    /// Whether it may have been recorded.
    pub outcome: Executed,
}

/// What became of the events of one call, all its attempts together.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Receipt {
    /// Recorded.
    pub accepted: usize,
    /// Found recorded: by an earlier call, or by an attempt of this one whose answer was lost.
    pub duplicates: usize,
    /// Never recordable.
    #[serde(default)]
    pub rejected: Vec<Rejected>,
    /// Not recorded, or perhaps.
    #[serde(default)]
    pub failed: Vec<Failed>,
}

impl Receipt {
    /// Events that are durably recorded.
    #[must_use]
    pub const fn acknowledged(&self) -> usize {
        self.accepted + self.duplicates
    }

    /// Takes over what `other` says, whose line `n` is line `lines[n - 1]` here.
    pub(crate) fn absorb(&mut self, other: Self, lines: &[usize]) {
        let here = |line: usize| lines.get(line.wrapping_sub(1)).copied().unwrap_or(line);
        self.accepted += other.accepted;
        self.duplicates += other.duplicates;
        self.rejected.extend(other.rejected.into_iter().map(|r| Rejected { line: here(r.line), ..r }));
        self.failed.extend(other.failed.into_iter().map(|f| Failed { line: here(f.line), ..f }));
    }
}
