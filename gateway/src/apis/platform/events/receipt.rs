//! Outcomes of commands, collected in the batch's receipt.

use axum::http::StatusCode;
use troupe_runtime::AskError;

use crate::edge::problem::{Executed, Problem};
use crate::edge::receipt::{Failed, Receipt, Rejected};

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
