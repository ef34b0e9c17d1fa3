//! One call of one client, as the client saw it.

use serde::Serialize;

/// What was asked of a key. A key is used as a register or as a list, never as both.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Call {
    /// Reads the register.
    Get,
    /// Writes the register.
    Put(u64),
    /// Writes the register if it holds `old`.
    Cas {
        /// What it must hold.
        old: u64,
        /// What it holds then.
        new: u64,
    },
    /// Reads the list.
    Read,
    /// Appends to the list. Values are never appended twice by clients.
    Append(u64),
}

impl Call {
    /// The value that this call leaves behind if it happens.
    #[must_use]
    pub const fn written(&self) -> Option<u64> {
        match self {
            Self::Put(value) | Self::Append(value) | Self::Cas { new: value, .. } => Some(*value),
            Self::Get | Self::Read => None,
        }
    }

    /// Whether it is of the list's verbs.
    #[must_use]
    pub const fn of_list(&self) -> bool {
        matches!(self, Self::Read | Self::Append(_))
    }
}

/// What the answer said.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Answer {
    /// The register after the call: its value, and how often it was written. `swapped` is false for a `Cas` that found
    /// another value.
    Register {
        /// The value.
        value: u64,
        /// Writes so far.
        version: u64,
        /// Whether the call wrote.
        swapped: bool,
    },
    /// The list's length after an append.
    Length(u64),
    /// The whole list.
    List(Vec<u64>),
}

/// How a call ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum End {
    /// Answered.
    Ok {
        /// When, in microseconds.
        at: u64,
        /// What was said.
        answer: Answer,
    },
    /// Told that it did not happen.
    Fail,
    /// It may have happened, and if so at any time since it was sent.
    Unknown,
}

/// One call of one client.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Operation {
    /// Who.
    pub client: u32,
    /// Of which key.
    pub key: String,
    /// What.
    pub call: Call,
    /// When it was sent first, in microseconds.
    pub sent: u64,
    /// How it ended.
    pub end: End,
}

impl Operation {
    /// The answer and when it came.
    #[must_use]
    pub const fn answered(&self) -> Option<(u64, &Answer)> {
        match &self.end {
            End::Ok { at, answer } => Some((*at, answer)),
            End::Fail | End::Unknown => None,
        }
    }
}
