//! Interaction events and their receipts.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::error::Executed;

/// One interaction of a member with a content. Recorded once, even if it is sent several times: the deduplication key is the
/// event's id or, without an id, its content.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Event {
    /// The member's id.
    pub member: String,
    /// The content's id.
    pub content: String,
    /// The kind of event: `rating`, `play`.
    #[serde(rename = "type")]
    pub kind: String,
    /// The value: a rating's stars, seconds played.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value: Option<f64>,
    /// Time in milliseconds since the Unix epoch.
    pub at: u64,
    /// The sender's own id of this event.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub event_id: Option<String>,
    /// Context: `device` -> `tv`.
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

    /// Sets the value.
    #[must_use]
    pub fn value(mut self, value: f64) -> Self {
        self.value = Some(value);
        self
    }

    /// Sets the sender's own id.
    #[must_use]
    pub fn id(mut self, id: impl Into<String>) -> Self {
        self.event_id = Some(id.into());
        self
    }

    /// Adds a context entry.
    #[must_use]
    pub fn context(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.context.insert(name.into(), value.into());
        self
    }
}

/// A permanently rejected event.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rejected {
    /// Its position among the events of the call, from one.
    pub line: usize,
    /// The invalid field, if any.
    #[serde(default)]
    pub field: Option<String>,
    /// Stable code for programs.
    pub code: String,
    /// The reason in words.
    pub message: String,
}

/// An event without a confirmed recording within the call.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failed {
    /// Its position among the events of the call, from one.
    pub line: usize,
    /// Stable code for programs.
    pub code: String,
    /// The reason in words.
    pub message: String,
    /// Whether a retry may succeed.
    pub retryable: bool,
    /// Whether it may have been recorded.
    pub outcome: Executed,
}

/// The result of the events of one call, over all its attempts.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Receipt {
    /// Newly recorded events.
    pub accepted: usize,
    /// Events recorded before: by an earlier call, or by an attempt of this call with a lost answer.
    pub duplicates: usize,
    /// Permanently rejected events.
    #[serde(default)]
    pub rejected: Vec<Rejected>,
    /// Events without a confirmed recording.
    #[serde(default)]
    pub failed: Vec<Failed>,
}

impl Receipt {
    /// Events that are durably recorded.
    #[must_use]
    pub const fn acknowledged(&self) -> usize {
        self.accepted + self.duplicates
    }

    /// Merges `other`; its line `n` is line `lines[n - 1]` here.
    pub(crate) fn absorb(&mut self, other: Self, lines: &[usize]) {
        let here = |line: usize| lines.get(line.wrapping_sub(1)).copied().unwrap_or(line);
        self.accepted += other.accepted;
        self.duplicates += other.duplicates;
        self.rejected.extend(other.rejected.into_iter().map(|r| Rejected { line: here(r.line), ..r }));
        self.failed.extend(other.failed.into_iter().map(|f| Failed { line: here(f.line), ..f }));
    }
}
