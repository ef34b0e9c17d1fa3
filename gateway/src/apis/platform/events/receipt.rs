//! What became of each line of a batch.

use axum::http::StatusCode;
use serde::Serialize;
use troupe_runtime::AskError;
use utoipa::ToSchema;

use crate::edge::problem::{Executed, Problem};

/// A line that is no event, or that its member refused: sending it again unchanged is of no use.
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

/// A sound line that did not reach its member in time, or whose fate is not known. Events are recorded once however
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
    /// Lines that are no event.
    pub rejected: Vec<Rejected>,
    /// Events that were not recorded, or perhaps were.
    pub failed: Vec<Failed>,
}

impl Receipt {
    /// Files what a member answered, or why it did not.
    pub(crate) fn file(&mut self, line: usize, outcome: Result<bool, AskError>) {
        match outcome {
            Ok(false) => self.accepted += 1,
            Ok(true) => self.duplicates += 1,
            Err(AskError::Refused(refused)) => self.rejected.push(Rejected {
                line,
                field: refused.field,
                code: refused.code,
                message: refused.message,
            }),
            Err(error) => self.failed.push(Failed {
                line,
                code: error.code().to_owned(),
                message: error.to_string(),
                retryable: error.retryable(),
                outcome: if error.executed() { Executed::Unknown } else { Executed::NotExecuted },
            }),
        }
    }

    /// The receipt, or the problem that a batch is of which nothing was taken.
    ///
    /// # Errors
    /// The status of the first failure where one failed, else `EVENTS_REJECTED`.
    pub(crate) fn conclude(mut self, first_error: Option<AskError>) -> Result<Self, Problem> {
        self.rejected.sort_by_key(|rejected| rejected.line);
        if self.accepted + self.duplicates > 0 {
            return Ok(self);
        }
        let retryable = self.failed.iter().any(|failed| failed.retryable);
        let unknown = self.failed.iter().any(|failed| failed.outcome == Executed::Unknown);
        let mut problem = match first_error {
            Some(error) => Problem::from(error),
            None => Problem::new(
                StatusCode::UNPROCESSABLE_ENTITY,
                "EVENTS_REJECTED",
                format!("none of {} lines is an event that can be recorded", self.rejected.len()),
            ),
        };
        problem.0.retryable = retryable;
        if unknown {
            problem = problem.outcome_unknown();
        }
        Err(problem.receipt(self))
    }
}
