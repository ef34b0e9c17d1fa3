//! Run strategies: the concurrency of a workflow's instances.
//!
//! One pure function over the unfinished instances lists the instances to start and to stop. The workflow calls it
//! after each start and each end. A repeated call has the same result.

#[cfg(test)]
mod tests;

use serde::{Deserialize, Serialize};

use crate::definition::{Rule, RunStrategy};
use crate::status::InstanceStatus;

/// An instance for the strategy: it waits or runs, or under `STRICT_SEQUENTIAL` its latest run failed and was neither
/// restarted nor unblocked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Known {
    /// Its number, in the order of creation.
    pub id: u64,
    pub status: InstanceStatus,
    /// Its stop was requested and it has not ended yet.
    pub stopping: bool,
}

impl Known {
    /// A waiting instance.
    #[must_use]
    pub fn queued(id: u64) -> Self {
        Self { id, status: InstanceStatus::Created, stopping: false }
    }

    /// A running instance.
    #[must_use]
    pub fn running(id: u64) -> Self {
        Self { id, status: InstanceStatus::InProgress, stopping: false }
    }
}

/// The reason of a stop.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum StopReason {
    /// `FIRST_ONLY`: another one runs.
    AnotherRuns { id: u64 },
    /// `LAST_ONLY` and `SERIAL_LATEST_ONLY`: a newer one exists.
    NewerCame { id: u64 },
}

impl std::fmt::Display for StopReason {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::AnotherRuns { id } => {
                write!(f, "stopped by the run strategy: instance {id} is not over yet")
            }
            Self::NewerCame { id } => write!(f, "stopped by the run strategy: the newer instance {id} came"),
        }
    }
}

/// The next actions. Instances in neither list are unchanged.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Plan {
    /// Instances to start, in this order.
    pub start: Vec<u64>,
    /// Instances to stop: waiting ones end at once, running ones receive a stop.
    pub stop: Vec<(u64, StopReason)>,
}

/// The next actions for instances that wait, run, or failed and block.
#[must_use]
pub fn plan(strategy: RunStrategy, known: &[Known]) -> Plan {
    let mut queued: Vec<u64> = ids(known, |one| one.status == InstanceStatus::Created && !one.stopping);
    queued.sort_unstable();
    let running = known.iter().filter(|one| one.status.is_running()).count() as u64;
    let room = strategy.workflow_concurrency.saturating_sub(running);
    let mut plan = Plan::default();
    if strategy.workflow_concurrency == 0 {
        return plan;
    }
    match strategy.rule {
        Rule::Sequential | Rule::Parallel => plan.start = first(&queued, room),
        Rule::StrictSequential => {
            let blocked = known.iter().any(|one| one.status == InstanceStatus::Failed);
            if !blocked {
                plan.start = first(&queued, room);
            }
        }
        Rule::FirstOnly => {
            let runs = known.iter().find(|one| one.status.is_running()).map(|one| one.id);
            let keeps = runs.or(queued.first().copied());
            if runs.is_none() {
                plan.start = first(&queued, 1);
            }
            if let Some(id) = keeps {
                let late = queued.iter().filter(|other| **other != id);
                plan.stop = late.map(|other| (*other, StopReason::AnotherRuns { id })).collect();
            }
        }
        Rule::LastOnly => {
            if let Some(&newest) = queued.last() {
                let older = known.iter().filter(|one| {
                    one.id != newest && !one.stopping && (queued.contains(&one.id) || one.status.is_running())
                });
                plan.stop = older.map(|one| (one.id, StopReason::NewerCame { id: newest })).collect();
                if running == 0 {
                    plan.start = vec![newest];
                }
            }
        }
        Rule::SerialLatestOnly => {
            if let Some((&newest, older)) = queued.split_last() {
                plan.stop = older.iter().map(|id| (*id, StopReason::NewerCame { id: newest })).collect();
                if room > 0 {
                    plan.start = vec![newest];
                }
            }
        }
    }
    plan
}

fn ids(known: &[Known], which: impl Fn(&Known) -> bool) -> Vec<u64> {
    known.iter().filter(|one| which(one)).map(|one| one.id).collect()
}

fn first(queued: &[u64], room: u64) -> Vec<u64> {
    queued.iter().copied().take(usize::try_from(room).unwrap_or(usize::MAX)).collect()
}
