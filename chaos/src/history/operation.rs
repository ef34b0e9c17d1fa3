//! One call of one client and its end, as the client saw them.

use serde::Serialize;

/// A call on a key. A key is used as a register or as a list, never as both.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Call {
    /// Reads the register.
    Get,
    /// Writes the register.
    Put(u64),
    /// Writes the register if it holds `old`.
    Cas {
        /// The value expected before the swap.
        old: u64,
        /// The value after the swap.
        new: u64,
    },
    /// Reads the list.
    Read,
    /// Appends to the list. Clients append each value once.
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

    /// Whether it is a call on a list.
    #[must_use]
    pub const fn of_list(&self) -> bool {
        matches!(self, Self::Read | Self::Append(_))
    }
}

/// The content of a successful answer.
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
        /// The content of the answer.
        answer: Answer,
    },
    /// The reply says that the call did not happen.
    Fail,
    /// The call may have happened, at any time since it was sent.
    Unknown,
}

/// One call of one client.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Operation {
    /// The client's number.
    pub client: u32,
    /// The key.
    pub key: String,
    /// The call.
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
