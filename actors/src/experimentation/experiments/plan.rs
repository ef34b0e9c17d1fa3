//! What an experiment measures and how it is judged.

use bincode::{Decode, Encode};
use serde::{Deserialize, Serialize};
use troupe_runtime::{Refused, Timestamp};

use super::spec::{ExperimentSpec, NAME_BYTES_MAX, is_name, name_rule};

/// Upper bound on the forced members of one experiment.
const FORCED_MAX: usize = 1_000;
/// Upper bound on the steps of a ramp.
const RAMP_MAX: usize = 32;
/// Upper bound on the metrics of one experiment.
const METRICS_MAX: usize = 20;

/// How a member's events become one number.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Aggregation {
    /// The number of events.
    #[default]
    Count,
    /// The sum of their values; an event without a value adds nothing.
    Sum,
    /// 1 if there is any event, else 0.
    Any,
}

/// The direction in which a metric improves.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Direction {
    /// More is better.
    #[default]
    Up,
    /// Less is better.
    Down,
}

/// One metric: a number for each member, or with a denominator the ratio of two numbers.
#[derive(Debug, Clone, PartialEq, Encode, Decode, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MetricSpec {
    /// The metric's name.
    pub name: String,
    /// The type of event that the metric measures.
    pub event: String,
    /// How the events become one number.
    #[serde(default)]
    pub of: Aggregation,
    /// Upper bound on a member's total; larger totals are cut to it.
    #[serde(default)]
    pub cap: Option<f64>,
    /// The type of event that the denominator counts. The metric is then a ratio of sums, judged by the delta method.
    #[serde(default)]
    pub per: Option<String>,
    /// A quantile, 0 to 1, of the members' first values, instead of the mean of their totals. Later values of a
    /// member are correlated with its first and add no evidence.
    #[serde(default)]
    pub quantile: Option<f64>,
    /// The direction in which the metric improves.
    #[serde(default)]
    pub good: Direction,
    /// Whether the metric is a guardrail: it must not become worse by more than `margin`.
    #[serde(default)]
    pub guardrail: bool,
    /// How much worse a guardrail may become, relative to the first variation.
    #[serde(default)]
    pub margin: f64,
    /// Whether the member's events before the exposure reduce the variance (CUPED).
    #[serde(default)]
    pub cuped: bool,
}

/// The statistical method of the looks.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Method {
    /// Sequential test: valid at every look.
    #[default]
    Sequential,
    /// Fixed horizon: valid for one look, at the end.
    Fixed,
    /// Probabilities and risks under a prior.
    Bayesian,
}

/// Correction for multiple tests.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Correction {
    /// No correction.
    #[default]
    None,
    /// Holm's: bounds the chance of any false discovery.
    Holm,
    /// Benjamini and Hochberg's: bounds the share of false discoveries.
    BenjaminiHochberg,
}

/// What an experiment measures and how it is judged.
#[derive(Debug, Clone, Default, PartialEq, Encode, Decode, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Plan {
    /// At most 20.
    pub metrics: Vec<MetricSpec>,
    /// The statistical method.
    pub method: Method,
    /// The chance of a false discovery; default 0.05.
    pub alpha: Option<f64>,
    /// Correction for multiple metrics. The Bayesian method has no p-values and ignores it.
    pub correction: Correction,
    /// Milliseconds between looks, at least 1,000; default one minute.
    pub look_every_ms: Option<u64>,
    /// Whether a broken guardrail or a sample ratio mismatch stops the experiment.
    pub stops_on_harm: bool,
    /// The experiment's layer: a member is in at most one experiment of a layer.
    pub layer: Option<Layer>,
    /// Members with a fixed variation, regardless of the hash: member id and variation. They are not measured.
    pub forced: Vec<(String, String)>,
    /// Coverage over time, which replaces the experiment's own: start time and coverage.
    pub ramp: Vec<(Timestamp, f64)>,
    /// Targeting by attributes: a GrowthBook condition, in JSON. Allocation inside the cluster knows only a member's
    /// `id`; a condition on any other attribute fails there.
    pub condition: Option<String>,
    /// A flag that the experiment requires, for example a holdout: only members with the value `true` are admitted.
    pub requires: Option<String>,
}

/// The part of a layer that the experiment occupies.
#[derive(Debug, Clone, PartialEq, Encode, Decode, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Layer {
    /// The layer's name.
    pub name: String,
    /// Start of the part, 0 to 1.
    pub from: f64,
    /// End of the part, 0 to 1.
    pub to: f64,
}

impl Plan {
    /// The chance of a false discovery; default 0.05.
    #[must_use]
    pub fn alpha(&self) -> f64 {
        self.alpha.unwrap_or(0.05)
    }

    /// Milliseconds between looks; default 60,000.
    #[must_use]
    pub fn look_every_ms(&self) -> u64 {
        self.look_every_ms.unwrap_or(60_000)
    }

    /// The share of members that takes part at a time.
    #[must_use]
    pub fn coverage(&self, own: f64, now: Timestamp) -> f64 {
        match self.ramp.iter().take_while(|(from, _)| *from <= now).last() {
            Some((_, coverage)) => *coverage,
            None if self.ramp.is_empty() => own,
            None => 0.0,
        }
    }

    /// The types of event that the metrics measure, sorted and without duplicates.
    #[must_use]
    pub fn events(&self) -> Vec<String> {
        let fed = |metric: &MetricSpec| [Some(metric.event.clone()), metric.per.clone()];
        let mut events: Vec<String> = self.metrics.iter().flat_map(fed).flatten().collect();
        events.sort();
        events.dedup();
        events
    }

    /// Checks that the plan can be measured and judged.
    ///
    /// # Errors
    /// The first field at fault.
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
            return bad("layer".into(), "give a name and a part of 0 to 1 that ends after it begins".into());
        }
        if self.forced.len() > FORCED_MAX {
            return bad("forced".into(), format!("forced members must be at most {FORCED_MAX}"));
        }
        if let Some(at) =
            (1..self.forced.len()).find(|at| self.forced[..*at].iter().any(|one| one.0 == self.forced[*at].0))
        {
            return bad(format!("forced[{at}]"), format!("{:?} is listed twice", self.forced[at].0));
        }
        let share = |(_, coverage): &(Timestamp, f64)| (0.0..=1.0).contains(coverage);
        let rises = self.ramp.windows(2).all(|pair| pair[0].0 < pair[1].0);
        if self.ramp.len() > RAMP_MAX || !rises || !self.ramp.iter().all(share) {
            return bad(
                "ramp".into(),
                format!("give at most {RAMP_MAX} shares of 0 to 1, in ascending order of time"),
            );
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
                return bad(format!("metrics[{at}].name"), format!("{:?} is listed twice", metric.name));
            }
            metric.check(at)
        })
    }
}

impl Plan {
    /// Refuses a member that is forced into an unknown variation.
    pub(super) fn check_forced(&self, spec: &ExperimentSpec) -> Result<(), Refused> {
        let names: Vec<&str> = spec.variations.iter().map(|variation| variation.name.as_str()).collect();
        let Some(at) = self.forced.iter().position(|(_, name)| !names.contains(&name.as_str())) else {
            return Ok(());
        };
        let why = format!("unknown variation {:?}: give one of {}", self.forced[at].1, names.join(", "));
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
            return bad("cuped", "covariates exist for numbers, not for ratios or quantiles");
        }
        if self.cap.is_some_and(|cap| !(cap.is_finite() && cap > 0.0)) {
            return bad("cap", "a cap must be a number above 0");
        }
        if !(0.0..=1.0).contains(&self.margin) {
            return bad("margin", "a margin must be 0 to 1, for example .02 for two percent");
        }
        Ok(())
    }
}
