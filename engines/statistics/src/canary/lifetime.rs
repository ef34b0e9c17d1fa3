//! The windows and the verdict of Kayenta's standalone analysis.
//!
//! Each look but the last must be marginal or better; the last one must pass. A look without data has no verdict, and then
//! the analysis ends without a verdict.

use serde::{Deserialize, Serialize};

use super::config::{Problem, Thresholds};

const MINUTE_MS: u64 = 60_000;
/// Looks of one analysis.
const LOOKS_MAX: u64 = 1_000;

/// The schedule of looks and their windows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lifetime {
    /// When points begin to count, in milliseconds.
    pub start_ms: u64,
    /// Duration of the analysis in milliseconds.
    pub lifetime_ms: u64,
    /// Interval between looks.
    pub interval_ms: u64,
    /// How far back a look goes; 0 for a window that grows from the start.
    pub lookback_ms: u64,
}

/// The points that a look judges: from its begin up to and without its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Window {
    /// Counts looks from 0.
    pub look: u64,
    /// Its begin, in milliseconds.
    pub from_ms: u64,
    /// Its end, in milliseconds: it can be judged from then on.
    pub until_ms: u64,
    /// Whether it is the last.
    pub last: bool,
}

/// The state of an analysis.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// Another look follows.
    Continues,
    /// The last look passed.
    Passed,
    /// A look was not good enough.
    Failed,
}

impl Lifetime {
    /// A lifetime in the minutes of a request; the interval is the whole lifetime where absent.
    ///
    /// # Errors
    /// Every field that does not fit.
    pub fn of_minutes(
        start_ms: u64,
        lifetime: u64,
        begin_after: u64,
        lookback: u64,
        interval: Option<u64>,
    ) -> Result<Self, Vec<Problem>> {
        let mut problems = Vec::new();
        let week = 7 * 24 * 60;
        if !(1..=week).contains(&lifetime) {
            problems
                .push(Problem::new("lifetimeDurationMins", format!("{lifetime}: give 1 to {week} minutes")));
        }
        if begin_after > week {
            problems
                .push(Problem::new("beginAfterMins", format!("{begin_after}: give at most {week} minutes")));
        }
        if lookback > week {
            problems.push(Problem::new("lookbackMins", format!("{lookback}: give at most {week} minutes")));
        }
        let interval = interval.unwrap_or(lifetime);
        if interval == 0 || interval > lifetime {
            problems.push(Problem::new(
                "analysisIntervalMins",
                format!("{interval}: give at least 1 minute and at most the lifetime"),
            ));
        } else if lifetime.div_ceil(interval) > LOOKS_MAX {
            problems.push(Problem::new(
                "analysisIntervalMins",
                format!("more than {LOOKS_MAX} looks: look less often"),
            ));
        }
        if !problems.is_empty() {
            return Err(problems);
        }
        Ok(Self {
            start_ms: start_ms.saturating_add(begin_after * MINUTE_MS),
            lifetime_ms: lifetime * MINUTE_MS,
            interval_ms: interval * MINUTE_MS,
            lookback_ms: lookback * MINUTE_MS,
        })
    }

    /// How many looks there are: the last one ends with the lifetime, even if that cuts its interval short.
    #[must_use]
    pub fn looks(&self) -> u64 {
        self.lifetime_ms.div_ceil(self.interval_ms.max(1)).max(1)
    }

    /// The window of a look; `None` after the last.
    #[must_use]
    pub fn window(&self, look: u64) -> Option<Window> {
        let looks = self.looks();
        if look >= looks {
            return None;
        }
        let after = self.interval_ms.saturating_mul(look + 1).min(self.lifetime_ms);
        let until_ms = self.start_ms.saturating_add(after);
        let from_ms = match self.lookback_ms {
            0 => self.start_ms,
            lookback => until_ms.saturating_sub(lookback).max(self.start_ms),
        };
        Some(Window { look, from_ms, until_ms, last: look + 1 == looks })
    }

    /// The state of the analysis after a look's score.
    #[must_use]
    pub fn verdict(&self, window: &Window, score: f64, thresholds: Thresholds) -> Verdict {
        match window.last {
            true if score >= thresholds.pass => Verdict::Passed,
            false if score >= thresholds.marginal => Verdict::Continues,
            _ => Verdict::Failed,
        }
    }
}
