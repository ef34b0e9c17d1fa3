//! The lines of one body, as commands for their members.

use axum::http::StatusCode;
use troupe_runtime::transport::{AskOne, Outcome};
use troupe_runtime::{AskError, Router, ShardId};

use super::command;
use super::line::Line;
use super::rounds::{ROUND_MAX, rounds};
use crate::edge::call::Call;
use crate::edge::problem::Problem;
use crate::edge::receipt::{Receipt, Rejected};

/// A body that was read: what is to be asked, in the order of its lines, and what was wrong with the others.
pub(crate) struct Batch {
    asks: Vec<AskOne>,
    /// The line of each ask.
    lines: Vec<usize>,
    receipt: Receipt,
}

impl Batch {
    /// Reads the lines; blank ones do not count. `latest` is the latest time that an event may have.
    ///
    /// # Errors
    /// `NO_EVENTS`, and `TOO_MANY_EVENTS` before anything is sent.
    pub(crate) fn read(body: &[u8], events_max: usize, latest: u64) -> Result<Self, Problem> {
        let written =
            || (1..).zip(body.split(|byte| *byte == b'\n')).filter(|(_, line)| !line.trim_ascii().is_empty());
        let count = written().take(events_max + 1).count();
        if count == 0 {
            let detail = "the body has no line: send a JSON object on each";
            return Err(Problem::new(StatusCode::BAD_REQUEST, "NO_EVENTS", detail));
        }
        if count > events_max {
            let detail = format!("more than {events_max} events in one call: send them in several");
            return Err(Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "TOO_MANY_EVENTS", detail));
        }
        let mut batch = Self {
            asks: Vec::with_capacity(count),
            lines: Vec::with_capacity(count),
            receipt: Receipt::default(),
        };
        for (number, bytes) in written() {
            match Line::read(bytes, latest).and_then(command::record) {
                Ok(ask) => {
                    batch.asks.push(ask);
                    batch.lines.push(number);
                }
                Err(fault) => batch.receipt.rejected.push(Rejected {
                    line: number,
                    field: fault.field,
                    code: fault.code.to_owned(),
                    message: fault.message,
                }),
            }
        }
        Ok(batch)
    }

    /// Asks the members, so that the events of one arrive in their order.
    pub(crate) async fn ask(&mut self, router: &Router, call: &Call) -> Vec<Outcome> {
        let mut outcomes = Vec::with_capacity(self.asks.len());
        let asks = std::mem::take(&mut self.asks);
        let shard_of = |ask: &AskOne| router.shard_of(&ask.to).unwrap_or(ShardId::CONTROL);
        for round in rounds(asks, ROUND_MAX, shard_of) {
            match call.left() {
                Ok(left) => outcomes.extend(router.ask_many(round, left).await),
                Err(_) => outcomes.extend(round.iter().map(|_| Err(AskError::Expired))),
            }
        }
        outcomes
    }

    /// Files the outcomes, which are in the order of the commands.
    ///
    /// # Errors
    /// A problem when no event was taken.
    pub(crate) fn conclude(mut self, outcomes: Vec<Outcome>) -> Result<Receipt, Problem> {
        let mut first_error: Option<AskError> = None;
        for (line, outcome) in self.lines.into_iter().zip(outcomes) {
            let filed = outcome.and_then(|reply| command::was_duplicate(&reply));
            if let Err(error) = &filed
                && first_error.is_none()
                && !matches!(error, AskError::Refused(_))
            {
                first_error = Some(error.clone());
            }
            self.receipt.file(line, filed);
        }
        self.receipt.conclude(first_error)
    }
}
