//! Child runs of one attempt: the batches of a foreach, the run of a while, or the instance of a subworkflow.

use serde::{Deserialize, Serialize};
use troupe_workflows::Ordered;
use troupe_workflows::params::Value;
use troupe_workflows::status::InstanceStatus;

use super::messages::{Counts, Ended};

/// The child runs that an attempt has started, and their results.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct LoopRun {
    /// Iterations in all; 0 for a while: its count is not known in advance.
    pub total: u64,
    /// Iterations of one batch; 0 for a while: its only run carries all of them.
    #[serde(rename = "stretch")]
    pub batch: u64,
    /// The concurrency limit of iterations within a batch.
    pub within: u64,
    /// The concurrency limit of batches.
    pub at_once: u64,
    /// The number of the next batch.
    pub next: u64,
    /// Batches that run.
    pub running: Vec<u64>,
    /// Ended iterations by result.
    pub counts: Counts,
    /// The reason of the first failure.
    pub why: String,
    /// Outputs of nested steps that outer expressions use: by step and parameter, of a foreach also by iteration.
    #[serde(default, skip_serializing_if = "Ordered::is_empty")]
    pub values: Ordered<Value>,
}

impl LoopRun {
    /// A loop with one child run, which has begun.
    pub(super) fn single(total: u64) -> Self {
        Self { total, at_once: 1, running: vec![0], next: 1, ..Self::default() }
    }

    /// Whether another batch may start now.
    pub(super) fn has_room(&self) -> bool {
        self.next * self.batch < self.total && (self.running.len() as u64) < self.at_once
    }

    /// Starts the next batch: its number, its first iteration, and the first iteration after it.
    pub(super) fn start_batch(&mut self) -> (u64, u64, u64) {
        let (number, from) = (self.next, self.next * self.batch);
        self.next += 1;
        self.running.push(number);
        (number, from, (from + self.batch).min(self.total))
    }

    /// Counts the end of a child run; false if it was not running.
    pub(super) fn batch_ended(&mut self, number: u64, ended: &Ended, is_foreach: bool) -> bool {
        let Some(index) = self.running.iter().position(|running| *running == number) else { return false };
        self.running.swap_remove(index);
        let Counts { succeeded, failed, stopped } = ended.counts;
        self.counts.succeeded += succeeded;
        self.counts.failed += failed;
        self.counts.stopped += stopped;
        // A run that failed before its first iteration counts as one failure.
        let unsuccessful = ended.status.0 != InstanceStatus::Succeeded;
        let whole = unsuccessful && (succeeded + failed + stopped == 0 || !is_foreach);
        if whole && failed + stopped == 0 {
            self.counts.failed += 1;
        }
        if self.why.is_empty() {
            self.why.clone_from(&ended.why);
        }
        true
    }
}
