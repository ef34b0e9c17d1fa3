//! Conversion of an experiment into a feature.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::compile::Budget;
use super::error::{At, Refused};
use super::payload::{Constraint, Feature, Features, Payload, Strategy, VariantDefinition};
use super::{CONSTRAINTS_MAX, Toggles, VARIANTS_MAX, constraint};

/// The sum of the arms' weights, as on Unleash's servers: one unit is a tenth of a percent.
const PARTS: u32 = 1_000;
/// How far from 1 the shares of the arms may sum, for thirds that were written in decimals.
const SHARES_SLACK: f64 = 1e-3;

/// An experiment: its subjects and its arms.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Experiment {
    /// The feature that clients ask for.
    pub name: String,
    /// Description for the console.
    pub description: String,
    /// `false` excludes every subject.
    pub enabled: bool,
    /// The hash seed; default: the name. Experiments with the same seed give a subject the same hash.
    pub seed: String,
    /// The field of the context that keeps a subject on an arm: `default` (user, else session), `userId`, `sessionId`
    /// or a property.
    pub stickiness: String,
    /// The share of the targeted subjects in the experiment, 0 to 1, in whole percents. Raising it changes no subject's arm.
    pub coverage: f64,
    /// The arms, at least one.
    pub arms: Vec<Arm>,
    /// Conditions that all have to hold.
    pub targeting: Vec<Target>,
}

/// An arm of an experiment.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Arm {
    /// The variant's name in the clients.
    pub name: String,
    /// The share of the included subjects, 0 to 1.
    pub share: f64,
    /// The payload for clients.
    pub payload: Option<Payload>,
    /// Subjects forced into this arm regardless of coverage and targeting, by the stickiness field (`userId` for
    /// `default`).
    pub forced: Vec<String>,
}

/// A condition on one field of the context.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Target {
    /// `userId`, `sessionId`, `environment`, `appName`, `currentTime`, `remoteAddress` or a property.
    pub attribute: String,
    /// How it is compared.
    pub operator: Operator,
    /// With what; exactly one value for numbers, times, versions and patterns.
    pub values: Vec<String>,
    /// Whether the condition is inverted.
    pub inverted: bool,
    /// Whether string and pattern operators ignore case.
    pub case_insensitive: bool,
}

/// The comparison operator, named as in Unleash.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
#[expect(missing_docs, reason = "the names are those of Unleash and say it all")]
pub enum Operator {
    In,
    NotIn,
    StrStartsWith,
    StrEndsWith,
    StrContains,
    NumEq,
    NumLt,
    NumLte,
    NumGt,
    NumGte,
    DateBefore,
    DateAfter,
    SemverEq,
    SemverLt,
    SemverLte,
    SemverGt,
    SemverGte,
    InCidr,
    Regex,
}

impl Operator {
    /// As it is written in a payload.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::In => "IN",
            Self::NotIn => "NOT_IN",
            Self::StrStartsWith => "STR_STARTS_WITH",
            Self::StrEndsWith => "STR_ENDS_WITH",
            Self::StrContains => "STR_CONTAINS",
            Self::NumEq => "NUM_EQ",
            Self::NumLt => "NUM_LT",
            Self::NumLte => "NUM_LTE",
            Self::NumGt => "NUM_GT",
            Self::NumGte => "NUM_GTE",
            Self::DateBefore => "DATE_BEFORE",
            Self::DateAfter => "DATE_AFTER",
            Self::SemverEq => "SEMVER_EQ",
            Self::SemverLt => "SEMVER_LT",
            Self::SemverLte => "SEMVER_LTE",
            Self::SemverGt => "SEMVER_GT",
            Self::SemverGte => "SEMVER_GTE",
            Self::InCidr => "IN_CIDR",
            Self::Regex => "REGEX",
        }
    }

    fn takes_many(self) -> bool {
        use Operator::{In, InCidr, NotIn, StrContains, StrEndsWith, StrStartsWith};
        matches!(self, In | NotIn | StrStartsWith | StrEndsWith | StrContains | InCidr)
    }
}

impl Experiment {
    /// The arms' weights in clients, out of 1000. Shares are rounded by largest remainder to sum to 1000. Compare
    /// allocations with these weights, not with the shares.
    ///
    /// # Errors
    /// Shares that are negative, do not sum to 1, or round to 0.
    pub fn weights(&self) -> Result<Vec<u32>, Refused> {
        let at = At::root("experiment");
        at.field("arms").at_most(self.arms.len(), VARIANTS_MAX)?;
        for (i, arm) in self.arms.iter().enumerate() {
            if !(0.0..=1.0).contains(&arm.share) {
                let at = at.item("arms", i);
                return Err(at.field("share").refuse(arm.share, "give a share from 0 to 1"));
            }
        }
        let sum: f64 = self.arms.iter().map(|arm| arm.share).sum();
        if (sum - 1.0).abs() > SHARES_SLACK {
            return Err(at.field("arms").refuse(format_args!("{sum} in all"), "give shares that sum to 1"));
        }
        let exact = || self.arms.iter().map(|arm| arm.share / sum * f64::from(PARTS));
        // Shares are from 0 to 1, so that the parts fit.
        let mut weights: Vec<u32> = exact().map(|parts| parts.floor() as u32).collect();
        let mut by_remainder: Vec<(usize, f64)> = exact().map(f64::fract).enumerate().collect();
        by_remainder.sort_by(|a, b| b.1.total_cmp(&a.1));
        let missing = PARTS.saturating_sub(weights.iter().sum());
        for (i, _) in by_remainder.into_iter().take(missing as usize) {
            weights[i] += 1;
        }
        for (i, (arm, weight)) in self.arms.iter().zip(&weights).enumerate() {
            if arm.share > 0.0 && *weight == 0 {
                let at = at.item("arms", i);
                return Err(at.field("share").refuse(arm.share, "give 0 or at least a tenth of a percent"));
            }
        }
        Ok(weights)
    }

    fn group(&self) -> &str {
        if self.seed.is_empty() { &self.name } else { &self.seed }
    }

    fn rollout(&self, percent: u32) -> Strategy {
        let parameters = [
            ("rollout", percent.to_string()),
            ("stickiness", self.stickiness.clone()),
            ("groupId", self.group().to_owned()),
        ];
        Strategy {
            name: "flexibleRollout".to_owned(),
            parameters: parameters.into_iter().map(|(name, value)| (name.to_owned(), value)).collect(),
            ..Strategy::default()
        }
    }
}

/// The feature with which UnleashClient 6.9 and [`Toggles`] allocate the experiment.
///
/// The arms are variants of strategies: one strategy for each arm with forced subjects, then one for all other subjects.
/// The first strategy that holds decides, in clients as here.
///
/// # Errors
/// The first field that clients could not parse; see [`Refused`].
pub fn from_experiment(experiment: &Experiment) -> Result<Feature, Refused> {
    let at = At::root("experiment");
    if experiment.name.is_empty() {
        return Err(at.field("name").refuse("empty", "name the feature that clients ask for"));
    }
    Budget::default().text(&experiment.description, &at.field("description"))?;
    if matches!(experiment.stickiness.as_str(), "" | "random") {
        let at = at.field("stickiness");
        return Err(at.refuse_text(&experiment.stickiness, "name a field that keeps a subject on its arm"));
    }
    Budget::default().name(&experiment.stickiness, &at.field("stickiness"))?;
    Budget::default().name(experiment.group(), &at.field("seed"))?;
    let percent = percent(experiment.coverage, &at.field("coverage"))?;
    let variants: Vec<VariantDefinition> =
        experiment.arms.iter().zip(experiment.weights()?).map(|(arm, weight)| variant(arm, weight)).collect();
    let mut strategies = forced(experiment, &at)?;
    strategies.push(Strategy {
        constraints: targeting(experiment, &at)?,
        variants,
        ..experiment.rollout(percent)
    });
    let feature = Feature {
        name: experiment.name.clone(),
        kind: "experiment".to_owned(),
        description: experiment.description.clone(),
        enabled: experiment.enabled,
        project: "default".to_owned(),
        strategies,
        ..Feature::default()
    };
    Toggles::compile(&Features { features: vec![feature.clone()], ..Features::default() })?;
    Ok(feature)
}

/// The whole percents of a coverage.
fn percent(coverage: f64, at: &At<'_>) -> Result<u32, Refused> {
    let percents = coverage * 100.0;
    let whole = (0.0..=1.0).contains(&coverage) && (percents - percents.round()).abs() < 1e-9;
    if !whole {
        return Err(at.refuse(coverage, "give whole percents from 0 to 1, such as 0.05"));
    }
    Ok(percents.round() as u32)
}

fn variant(arm: &Arm, weight: u32) -> VariantDefinition {
    VariantDefinition {
        name: arm.name.clone(),
        weight: weight.into(),
        payload: arm.payload.clone(),
        ..VariantDefinition::default()
    }
}

fn forced(experiment: &Experiment, at: &At<'_>) -> Result<Vec<Strategy>, Refused> {
    let mut seen = BTreeSet::new();
    let mut strategies = Vec::new();
    for (i, arm) in experiment.arms.iter().enumerate() {
        let at = at.item("arms", i);
        Budget::default().values(&arm.forced, &at.field("forced"))?;
        if let Some(again) = arm.forced.iter().find(|subject| !seen.insert(*subject)) {
            return Err(at.field("forced").refuse_text(again, "force every subject into one arm, once"));
        }
        if arm.forced.is_empty() {
            continue;
        }
        let field = if experiment.stickiness == "default" { "userId" } else { &experiment.stickiness };
        let constraint = Constraint {
            context_name: field.to_owned(),
            operator: Operator::In.word().to_owned(),
            values: arm.forced.clone(),
            ..Constraint::default()
        };
        strategies.push(Strategy {
            constraints: vec![constraint],
            variants: vec![variant(arm, PARTS)],
            ..experiment.rollout(100)
        });
    }
    Ok(strategies)
}

fn targeting(experiment: &Experiment, at: &At<'_>) -> Result<Vec<Constraint>, Refused> {
    at.field("targeting").at_most(experiment.targeting.len(), CONSTRAINTS_MAX)?;
    let mut constraints = Vec::new();
    for (i, target) in experiment.targeting.iter().enumerate() {
        let at = at.item("targeting", i);
        let many = target.operator.takes_many();
        if !many && target.values.len() != 1 {
            let got = format!("{} long", target.values.len());
            let fix = format!("{} compares with exactly one value", target.operator.word());
            return Err(at.field("values").refuse(got, fix));
        }
        let own = Constraint {
            context_name: target.attribute.clone(),
            operator: target.operator.word().to_owned(),
            values: if many { target.values.clone() } else { Vec::new() },
            value: if many { None } else { target.values.first().cloned() },
            inverted: target.inverted,
            case_insensitive: target.case_insensitive,
        };
        constraint::Constraint::compile(&own, &at, &mut Budget::default()).map_err(in_own_words)?;
        constraints.push(own);
    }
    Ok(constraints)
}

/// A target has other names for two of the fields that a constraint has.
fn in_own_words(refused: Refused) -> Refused {
    let path = refused.path.replace("].contextName", "].attribute");
    let path = path.strip_suffix("].value").map(|head| format!("{head}].values")).unwrap_or(path);
    Refused { path, ..refused }
}
