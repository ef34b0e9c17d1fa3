//! Coverage that grows with time, and the switch that stops an experiment at once.

use serde::{Deserialize, Serialize};

use super::Refused;
use super::wire::ExperimentDefinition;

/// The most steps of a ramp.
pub const RAMP_STEPS_MAX: usize = 1_000;

/// Coverage from a time on.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct RampStep {
    /// Milliseconds since 1970.
    pub at_ms: u64,
    /// The share of subjects that is in, 0 to 1.
    pub coverage: f64,
}

/// How coverage goes from one step to the next.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub enum Slope {
    /// At once, when the time has come.
    #[default]
    Stairs,
    /// In proportion to the time between.
    Line,
}

/// Coverage as a function of time. It never shrinks: a variation's part starts where it starts, so who is in stays in
/// and sees what it saw; taking an experiment back is what [`kill`] is for.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Ramp {
    steps: Vec<RampStep>,
    slope: Slope,
}

impl Ramp {
    /// A ramp of steps in the order of their times, coverage never shrinking.
    pub fn new(steps: Vec<RampStep>, slope: Slope) -> Result<Ramp, Refused> {
        if steps.is_empty() || steps.len() > RAMP_STEPS_MAX {
            let found = format!("{} steps", steps.len());
            return Err(Refused::new("steps", found, format!("give 1 to {RAMP_STEPS_MAX}")));
        }
        for (i, step) in steps.iter().enumerate() {
            let before = i.checked_sub(1).map(|before| steps[before]);
            if !(0.0..=1.0).contains(&step.coverage) || before.is_some_and(|b| b.coverage > step.coverage) {
                let found = step.coverage.to_string();
                let fix = "give a share from 0 to 1, not less than before";
                return Err(Refused::new(format!("steps[{i}].coverage"), found, fix));
            }
            if before.is_some_and(|before| before.at_ms >= step.at_ms) {
                let fix = "give times that rise";
                return Err(Refused::new(format!("steps[{i}].at_ms"), step.at_ms.to_string(), fix));
            }
        }
        Ok(Ramp { steps, slope })
    }

    /// The coverage at a time, in milliseconds since 1970; 0 before the first step.
    #[must_use]
    pub fn coverage(&self, now_ms: u64) -> f64 {
        let after = self.steps.partition_point(|step| step.at_ms <= now_ms);
        let Some(last) = after.checked_sub(1).map(|last| self.steps[last]) else { return 0.0 };
        match (self.slope, self.steps.get(after)) {
            (Slope::Line, Some(next)) => {
                #[allow(clippy::cast_precision_loss, reason = "a share of a span of milliseconds")]
                let done = now_ms.saturating_sub(last.at_ms) as f64
                    / next.at_ms.saturating_sub(last.at_ms).max(1) as f64;
                last.coverage + done * (next.coverage - last.coverage)
            }
            _ => last.coverage,
        }
    }

    /// Gives an experiment the coverage of a time.
    pub fn apply(&self, experiment: &mut ExperimentDefinition, now_ms: u64) {
        experiment.coverage = Some(self.coverage(now_ms));
    }
}

/// Switches an experiment off: all see what they saw before it, and nobody is counted.
pub fn kill(experiment: &mut ExperimentDefinition) {
    experiment.active = Some(false);
}

/// Switches an experiment on again, with the same subjects in the same variations.
pub fn revive(experiment: &mut ExperimentDefinition) {
    experiment.active = Some(true);
}
