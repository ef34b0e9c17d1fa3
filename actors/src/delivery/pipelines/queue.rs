//! The executions of a pipeline: ended, running and waiting ones.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};
use troupe_runtime::Timestamp;

use super::messages::Summary;

/// Retention of executions; those that have not ended are always kept. A repeated request older than all of them
/// starts another execution.
pub(super) const KEPT_MAX: usize = 512;
/// Maximum number of executions that have not ended.
pub(super) const OPEN_MAX: usize = 64;

/// Spinnaker's status of a request that was refused as an execution.
pub(super) const TURNED_AWAY: &str = "CANCELED";
/// Retention of refused requests. It is separate, so that a frequent signal does not displace executions that ran.
const TURNED_AWAY_MAX: usize = 64;

/// The executions, oldest first.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Executions {
    pub(super) last: u64,
    held: VecDeque<Summary>,
}

fn open(held: &&Summary) -> bool {
    held.ended.is_none()
}

impl Executions {
    /// The execution of a request.
    pub(super) fn of(&self, request: &str) -> Option<&Summary> {
        self.held.iter().rev().find(|held| held.request == request)
    }

    pub(super) fn newest(&self) -> impl Iterator<Item = &Summary> {
        self.held.iter().rev()
    }

    pub(super) fn running(&self) -> usize {
        self.held.iter().filter(open).filter(|held| held.status != "NOT_STARTED").count()
    }

    pub(super) fn waiting(&self) -> impl Iterator<Item = &Summary> {
        self.held.iter().filter(|held| open(held) && held.status == "NOT_STARTED")
    }

    pub(super) fn is_open(&self, number: u64) -> bool {
        self.held.iter().filter(open).any(|held| held.number == number)
    }

    pub(super) fn add(&mut self, summary: Summary) {
        self.last = self.last.max(summary.number);
        self.held.push_back(summary);
        let away = |held: &Summary| held.ended == Some(held.at) && held.status == TURNED_AWAY;
        if self.held.iter().filter(|held| away(held)).count() > TURNED_AWAY_MAX
            && let Some(oldest) = self.held.iter().position(away)
        {
            self.held.remove(oldest);
        }
        while self.held.len() > KEPT_MAX {
            let Some(ended) = self.held.iter().position(|held| !open(&held)) else { break };
            self.held.remove(ended);
        }
    }

    pub(super) fn run(&mut self, number: u64) {
        if let Some(held) = self.held.iter_mut().find(|held| held.number == number) {
            (held.status, held.ended) = ("RUNNING".to_owned(), None);
        }
    }

    pub(super) fn end(&mut self, number: u64, status: &str, why: &str, at: Timestamp) {
        if let Some(held) = self.held.iter_mut().find(|held| held.number == number) {
            (held.status, held.why, held.ended) = (status.to_owned(), why.to_owned(), Some(at));
        }
    }
}
