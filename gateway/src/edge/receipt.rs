//! The receipt of a batch, which a problem carries when no line of the batch was recorded.

use serde::Serialize;
use utoipa::ToSchema;

use super::problem::Executed;

/// A line that is not an event, or that its member refused: sending it again unchanged does not help.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Rejected {
    /// Its number in the body, from one.
    pub line: usize,
    /// The field at fault, where one is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub field: Option<String>,
    /// Stable, for programs: `MISSING`, `WRONG_TYPE`, `NOT_FINITE`.
    pub code: String,
    /// For people.
    pub message: String,
}

/// A sound line that did not reach its member in time, or has an unknown outcome. Events are recorded once however
/// often they are sent, so a retryable one may be sent again as it was.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Failed {
    /// Its number in the body, from one.
    pub line: usize,
    /// Stable, for programs: `NOT_SENT`, `UNKNOWN_OUTCOME`.
    pub code: String,
    /// For people.
    pub message: String,
    /// Whether sending it again may succeed.
    pub retryable: bool,
    /// Whether it may have been recorded.
    pub outcome: Executed,
}

/// What became of a batch; its numbers and lists cover every line that was not blank.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, ToSchema)]
pub struct Receipt {
    /// Events recorded now.
    pub accepted: usize,
    /// Events recorded before, under the same id.
    pub duplicates: usize,
    /// Lines that are not events.
    pub rejected: Vec<Rejected>,
    /// Events that were not recorded, or perhaps were.
    pub failed: Vec<Failed>,
}
