//! What an experiment measures, and how it is judged.

use bincode::{Decode, Encode};
use serde::{Deserialize, Serialize};
use troupe_runtime::{Refused, Timestamp};

use super::messages::ExperimentSpec;
use super::state::{NAME_BYTES_MAX, is_name, name_rule};

/// Members of one experiment who are forced.
const FORCED_MAX: usize = 1_000;
/// Steps of a ramp.
const RAMP_MAX: usize = 32;
/// Metrics of one experiment.
const METRICS_MAX: usize = 20;

/// What is counted of a member's events.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Of {
    /// How many there are.
    #[default]
    Count,
    /// The sum of their values; an event without one adds nothing.
    Sum,
    /// Whether there is any.
    Any,
}

/// Which way is good.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Good {
    /// More is better.
    #[default]
    Up,
    /// Less is better.
    Down,
}

/// One metric: a number for each member, or with a denominator a ratio of two.
#[derive(Debug, Clone, PartialEq, Encode, Decode, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MetricSpec {
    /// Its name.
    pub name: String,
    /// The type of event that feeds it.
    pub event: String,
    /// What is counted of them.
    #[serde(default)]
    pub of: Of,
    /// A member's total is cut to this.
    #[serde(default)]
    pub cap: Option<f64>,
    /// The type of event whose number each total is divided by: then the ratio of sums is judged, by the delta method.
    #[serde(default)]
    pub per: Option<String>,
    /// A quantile, 0 to 1, of the members' first values, instead of the mean of their totals: later values of a member
    /// are like its first, and no further evidence.
    #[serde(default)]
    pub quantile: Option<f64>,
    /// Which way is good.
    #[serde(default)]
    pub good: Good,
    /// Whether it only guards: it must not become worse by more than `margin`.
    #[serde(default)]
    pub guardrail: bool,
    /// How much worse a guardrail may become, relative to the first variation.
    #[serde(default)]
    pub margin: f64,
    /// Whether what a member did before its exposure makes the interval narrower (CUPED).
    #[serde(default)]
    pub cuped: bool,
}

/// By which method looks are judged.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Method {
    /// Valid however often one looks.
    #[default]
    Sequential,
    /// Valid for one look at the end.
    Fixed,
    /// Chances and risks under a prior.
    Bayesian,
}

/// What makes up for many tests at once.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Correction {
    /// Nothing.
    #[default]
    None,
    /// Holm's: the chance of any false discovery.
    Holm,
    /// Benjamini and Hochberg's: the share of false discoveries.
    BenjaminiHochberg,
}

/// What an experiment measures, and how it is judged.
#[derive(Debug, Clone, Default, PartialEq, Encode, Decode, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Plan {
    /// At most 20.
    pub metrics: Vec<MetricSpec>,
    /// By which method.
    pub method: Method,
    /// The chance of a false discovery; .05 if absent.
    pub alpha: Option<f64>,
    /// What makes up for many metrics; nothing does under the Bayesian method, whose chances are no p-values.
    pub correction: Correction,
    /// Milliseconds between looks, at least 1,000; a minute if absent.
    pub look_every_ms: Option<u64>,
    /// Whether a broken guardrail, or arms of the wrong size, stop the experiment.
    pub stops_on_harm: bool,
    /// Its layer: members of one layer are in one of its experiments at most.
    pub layer: Option<Layer>,
    /// Members who see a variation whatever their hash says: member and variation. They are not measured.
    pub forced: Vec<(String, String)>,
    /// Coverage over time instead of the experiment's own: from when, and how much.
    pub ramp: Vec<(Timestamp, f64)>,
    /// Whom clients let in, by attributes: a condition as GrowthBook writes it, in JSON. What the cluster allocates by
    /// itself knows a member's `id` and no other attribute: a condition on another one does not hold then.
    pub condition: Option<String>,
    /// A flag on which it depends, as a holdout does: only those are let in for whom it is true.
    pub requires: Option<String>,
}

/// The part of a layer that is an experiment's.
#[derive(Debug, Clone, PartialEq, Encode, Decode, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Layer {
    /// The layer's name.
    pub name: String,
    /// Where the part begins, 0 to 1.
    pub from: f64,
    /// Where the part ends, 0 to 1.
    pub to: f64,
}

impl Plan {
    /// The chance of a false discovery.
    #[must_use]
    pub fn alpha(&self) -> f64 {
        self.alpha.unwrap_or(0.05)
    }

    /// Milliseconds between looks.
    #[must_use]
    pub fn look_every_ms(&self) -> u64 {
        self.look_every_ms.unwrap_or(60_000)
    }

    /// How much of the members takes part at a time.
    #[must_use]
    pub fn coverage(&self, own: f64, now: Timestamp) -> f64 {
        match self.ramp.iter().take_while(|(from, _)| *from <= now).last() {
            Some((_, coverage)) => *coverage,
            None if self.ramp.is_empty() => own,
            None => 0.0,
        }
    }

    /// The types of event that feed it, each once.
    #[must_use]
    pub fn events(&self) -> Vec<String> {
        let fed = |metric: &MetricSpec| [Some(metric.event.clone()), metric.per.clone()];
        let mut events: Vec<String> = self.metrics.iter().flat_map(fed).flatten().collect();
        events.sort();
        events.dedup();
        events
    }

    /// What cannot be measured or judged, with the field at fault.
    ///
    /// # Errors
    /// The first problem.
    pub fn check(&self) -> Result<(), Refused> {
        let bad = |field: String, why: String| Err(Refused::field("BAD_PLAN", format!("plan.{field}"), why));
        if self.metrics.len() > METRICS_MAX {
            return bad("metrics".into(), format!("metrics must be at most {METRICS_MAX}"));
        }
        if !(self.alpha() > 0.0 && self.alpha() < 1.0) {
            return bad("alpha".into(), "alpha must be above 0 and below 1, as .05".into());
        }
        if self.look_every_ms() < 1_000 {
            return bad("look_every_ms".into(), "looks must be 1000 milliseconds apart or more".into());
        }
        if let Some(layer) = &self.layer
            && !(is_name(&layer.name) && 0.0 <= layer.from && layer.from < layer.to && layer.to <= 1.0)
        {
            return bad(
                "layer".into(),
                "give a name and a part of 0 to 1, with its end after its begin".into(),
            );
        }
        if self.forced.len() > FORCED_MAX {
            return bad("forced".into(), format!("forced members must be at most {FORCED_MAX}"));
        }
        if let Some(at) =
            (1..self.forced.len()).find(|at| self.forced[..*at].iter().any(|one| one.0 == self.forced[*at].0))
        {
            return bad(format!("forced[{at}]"), format!("{:?} is there twice", self.forced[at].0));
        }
        let share = |(_, coverage): &(Timestamp, f64)| (0.0..=1.0).contains(coverage);
        let rises = self.ramp.windows(2).all(|pair| pair[0].0 < pair[1].0);
        if self.ramp.len() > RAMP_MAX || !rises || !self.ramp.iter().all(share) {
            return bad("ramp".into(), format!("give at most {RAMP_MAX} shares of 0 to 1, in order of time"));
        }
        if let Some(condition) = &self.condition {
            let checked = serde_json::from_str::<serde_json::Value>(condition)
                .map_err(|error| error.to_string())
                .and_then(|condition| {
                    let rule = serde_json::json!({ "force": true, "condition": condition });
                    crate::experimentation::flags::checked("plan", &serde_json::json!({ "rules": [rule] }))
                        .map_err(|refused| refused.message)
                });
            if let Err(why) = checked {
                return bad("condition".into(), why);
            }
        }
        self.metrics.iter().enumerate().try_for_each(|(at, metric)| {
            if self.metrics[..at].iter().any(|other| other.name == metric.name) {
                return bad(format!("metrics[{at}].name"), format!("{:?} is there twice", metric.name));
            }
            metric.check(at)
        })
    }
}

impl Plan {
    /// Says which member is forced into a variation that there is not.
    pub(super) fn check_forced(&self, spec: &ExperimentSpec) -> Result<(), Refused> {
        let names: Vec<&str> = spec.variations.iter().map(|variation| variation.name.as_str()).collect();
        let Some(at) = self.forced.iter().position(|(_, name)| !names.contains(&name.as_str())) else {
            return Ok(());
        };
        let why = format!("no variation {:?}: give one of {}", self.forced[at].1, names.join(", "));
        Err(Refused::field("BAD_PLAN", format!("plan.forced[{at}]"), why))
    }
}

impl MetricSpec {
    fn check(&self, at: usize) -> Result<(), Refused> {
        let bad = |name: &str, why: &str| {
            Err(Refused::field("BAD_PLAN", format!("plan.metrics[{at}].{name}"), why.to_owned()))
        };
        if !is_name(&self.name) {
            return bad("name", &format!("a metric's name {}", name_rule()));
        }
        let event_bytes_max = NAME_BYTES_MAX * 2;
        for (name, event) in [("event", Some(&self.event)), ("per", self.per.as_ref())] {
            if event.is_some_and(|event| event.is_empty() || event.len() > event_bytes_max) {
                return bad(name, &format!("an event's type must be 1 to {event_bytes_max} bytes"));
            }
        }
        if self.quantile.is_some_and(|quantile| !(quantile > 0.0 && quantile < 1.0)) {
            return bad("quantile", "a quantile must be above 0 and below 1");
        }
        if self.quantile.is_some() && self.per.is_some() {
            return bad("per", "a quantile has no denominator");
        }
        if self.cuped && (self.per.is_some() || self.quantile.is_some()) {
            return bad("cuped", "what came before is known of numbers, not of ratios or quantiles");
        }
        if self.cap.is_some_and(|cap| !(cap.is_finite() && cap > 0.0)) {
            return bad("cap", "a cap must be a number above 0");
        }
        if !(0.0..=1.0).contains(&self.margin) {
            return bad("margin", "a margin must be 0 to 1, as .02 for two percent");
        }
        Ok(())
    }
}
