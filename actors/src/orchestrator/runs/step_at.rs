//! Positions of steps and attempts, and the ids made of them.
//!
//! An attempt is written as `iteration.step_index.attempt`. Task ids, subscription ids, permit ids and the keys of
//! child runs contain this text, so a stored id of an earlier attempt never matches a later one.

use std::fmt;

/// The position of a step in a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct StepAt {
    /// The iteration's number in this run, from 0.
    pub(super) iteration: u64,
    /// The step's index in the definition's list.
    pub(super) step_index: usize,
}

impl StepAt {
    pub(super) const fn attempt(self, attempt: u32) -> AttemptAt {
        AttemptAt { at: self, attempt }
    }
}

/// One attempt at a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct AttemptAt {
    pub(super) at: StepAt,
    /// From 1.
    pub(super) attempt: u32,
}

impl fmt::Display for AttemptAt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}", self.at.iteration, self.at.step_index, self.attempt)
    }
}

impl AttemptAt {
    /// Reads the last part of an id: the run's number, the attempt, and after it anything. `None` for another run's id.
    pub(super) fn parse(id: &str, run: u64) -> Option<Self> {
        let mut parts = id.split('.');
        (parts.next()?.parse() == Ok(run)).then_some(())?;
        let at = StepAt { iteration: parts.next()?.parse().ok()?, step_index: parts.next()?.parse().ok()? };
        Some(at.attempt(parts.next()?.parse().ok()?))
    }
}
