//! What a server refuses although clients would live with it.

use std::collections::HashMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use thiserror::Error;

use super::condition::compiled;
use super::payload::{Experiment, Feature};

/// Rules of a feature, and variations of an experiment.
const LISTED_MAX: usize = 200;
const DEPTH_MAX: usize = 32;
const OPERATORS: [&str; 33] = [
    "$or",
    "$nor",
    "$and",
    "$not",
    "$savedGroup",
    "$eq",
    "$ne",
    "$lt",
    "$lte",
    "$gt",
    "$gte",
    "$veq",
    "$vne",
    "$vlt",
    "$vlte",
    "$vgt",
    "$vgte",
    "$inGroup",
    "$notInGroup",
    "$regex",
    "$regexi",
    "$notRegex",
    "$notRegexi",
    "$in",
    "$nin",
    "$ini",
    "$nini",
    "$elemMatch",
    "$size",
    "$all",
    "$alli",
    "$exists",
    "$type",
];

/// A field that cannot be taken.
#[derive(Debug, Clone, PartialEq, Eq, Error, Serialize, Deserialize)]
#[error("{path}: {why}")]
pub struct Refused {
    /// The field: `rules[0].weights`.
    pub path: String,
    /// What is wrong, and what to write instead.
    pub why: String,
}

fn refuse<T>(path: impl Into<String>, why: impl Into<String>) -> Result<T, Refused> {
    Err(Refused { path: path.into(), why: why.into() })
}

/// Reads a feature and refuses what clients would mend, leave off or fail at.
///
/// # Errors
/// The first field that cannot be taken.
pub fn validate(definition: &Value) -> Result<Feature, Refused> {
    let feature: Feature = serde_json::from_value(definition.clone())
        .map_err(|error| Refused { path: String::new(), why: error.to_string() })?;
    if feature.rules.len() > LISTED_MAX {
        return refuse("rules", format!("give at most {LISTED_MAX}"));
    }
    for (at, rule) in feature.rules.iter().enumerate() {
        let raw = &definition["rules"][at];
        let path = |field: &str| format!("rules[{at}].{field}");
        if rule.force.is_none() && rule.experiment.variations.is_none() {
            return refuse(path("force"), "give a value to force, or variations to try");
        }
        if let Some(condition) = raw.get("condition") {
            check_condition(condition, &path("condition"), 0)?;
        }
        for (parent, condition) in rule.experiment.parent_conditions.iter().enumerate() {
            let path = path(&format!("parentConditions[{parent}]"));
            if condition.id.is_empty() {
                return refuse(format!("{path}.id"), "give the feature on which it depends");
            }
            check_condition(&condition.condition, &format!("{path}.condition"), 0)?;
        }
        if let Some((from, to)) = rule.range.filter(|(from, to)| !is_range(*from, *to)) {
            return refuse(path("range"), format!("{from} to {to}: give a part of 0 to 1"));
        }
        check_experiment(raw, rule.experiment.variations.as_ref().map(Vec::len), &path)?;
    }
    Ok(feature)
}

fn is_range(from: f64, to: f64) -> bool {
    (0.0..=1.0).contains(&from) && (0.0..=1.0).contains(&to) && from <= to
}

fn numbers(value: &Value) -> Option<Vec<f64>> {
    value.as_array()?.iter().map(Value::as_f64).collect()
}

fn check_experiment(
    raw: &Value,
    variations: Option<usize>,
    path: &impl Fn(&str) -> String,
) -> Result<(), Refused> {
    if let Some(coverage) =
        raw.get("coverage").filter(|c| !c.as_f64().is_some_and(|c| (0.0..=1.0).contains(&c)))
    {
        return refuse(path("coverage"), format!("{coverage}: give a share of 0 to 1"));
    }
    if let Some(version) = raw.get("hashVersion").filter(|version| !matches!(version.as_i64(), Some(1 | 2))) {
        return refuse(path("hashVersion"), format!("{version}: give 1 or 2"));
    }
    if let Some(namespace) = raw.get("namespace") {
        let sound = namespace[0].as_str().is_some_and(|id| !id.is_empty())
            && namespace[1].as_f64().zip(namespace[2].as_f64()).is_some_and(|(from, to)| is_range(from, to));
        if !sound {
            return refuse(path("namespace"), "give a name and a part of 0 to 1, as [\"layer\", 0, 0.5]");
        }
    }
    let Some(variations) = variations else { return Ok(()) };
    if !(2..=LISTED_MAX).contains(&variations) {
        return refuse(path("variations"), format!("give 2 to {LISTED_MAX}"));
    }
    if let Some(weights) = raw.get("weights") {
        let Some(weights) = numbers(weights).filter(|weights| weights.len() == variations) else {
            return refuse(path("weights"), format!("give {variations} numbers, one for each variation"));
        };
        let sum: f64 = weights.iter().sum();
        if weights.iter().any(|weight| *weight < 0.0) || (sum - 1.0).abs() > 0.01 {
            return refuse(path("weights"), format!("they sum to {sum}: give shares that sum to 1"));
        }
    }
    let Some(ranges) = raw.get("ranges") else { return Ok(()) };
    let read: Option<Vec<Vec<f64>>> =
        ranges.as_array().and_then(|ranges| ranges.iter().map(numbers).collect());
    let sound = |range: &Vec<f64>| range.len() == 2 && is_range(range[0], range[1]);
    let Some(mut read) = read.filter(|read| read.len() == variations && read.iter().all(sound)) else {
        return refuse(path("ranges"), "give a part of 0 to 1 for each variation");
    };
    read.sort_by(|a, b| a[0].total_cmp(&b[0]));
    if let Some(pair) = read.windows(2).find(|pair| pair[0][1] > pair[1][0] + 1e-9) {
        return refuse(
            path("ranges"),
            format!("{:?} and {:?} overlap: nobody can be in both", pair[0], pair[1]),
        );
    }
    Ok(())
}

fn check_condition(condition: &Value, path: &str, depth: usize) -> Result<(), Refused> {
    if depth > DEPTH_MAX {
        return refuse(path, format!("conditions lie more than {DEPTH_MAX} deep"));
    }
    let Value::Object(object) = condition else {
        return if depth == 0 { refuse(path, "give an object") } else { Ok(()) };
    };
    for (key, value) in object {
        let path = format!("{path}.{key}");
        if key.starts_with('$') && !OPERATORS.contains(&key.as_str()) {
            return refuse(path, format!("no operator {key:?}: clients would fail the whole condition"));
        }
        match (key.as_str(), value) {
            ("$or" | "$nor" | "$and", Value::Array(conditions)) => {
                for (at, condition) in conditions.iter().enumerate() {
                    check_condition(condition, &format!("{path}[{at}]"), depth + 1)?;
                }
            }
            ("$or" | "$nor" | "$and" | "$in" | "$nin" | "$ini" | "$nini" | "$all" | "$alli", value)
                if !value.is_array() =>
            {
                return refuse(path, "give a list");
            }
            ("$regex" | "$notRegex" | "$regexi" | "$notRegexi", value) => {
                if value.as_str().and_then(|text| compiled(text, false)).is_none() {
                    return refuse(path, "give a regular expression without look-around and back-references");
                }
            }
            (_, value) => check_condition(value, &path, depth + 1)?,
        }
    }
    Ok(())
}

/// Two experiments of one layer that want the same subjects.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Conflict {
    /// The layer.
    pub namespace: String,
    /// The two experiments, by key.
    pub experiments: (String, String),
    /// The part of the layer that both want.
    pub overlap: (f64, f64),
}

/// Experiments of one layer whose parts overlap: their subjects would be in both, and neither could be told from the
/// other.
#[must_use]
pub fn conflicts(experiments: &[Experiment]) -> Vec<Conflict> {
    let mut layers: HashMap<&str, Vec<(&str, f64, f64)>> = HashMap::new();
    for experiment in experiments {
        if let Some((id, from, to)) = &experiment.namespace {
            layers.entry(id).or_default().push((&experiment.key, *from, *to));
        }
    }
    let mut found = Vec::new();
    for (namespace, parts) in layers {
        for (at, one) in parts.iter().enumerate() {
            for other in &parts[at + 1..] {
                let overlap = (one.1.max(other.1), one.2.min(other.2));
                if overlap.0 < overlap.1 {
                    let experiments = (one.0.to_owned(), other.0.to_owned());
                    found.push(Conflict { namespace: namespace.to_owned(), experiments, overlap });
                }
            }
        }
    }
    found.sort_by(|a, b| (&a.namespace, &a.experiments).cmp(&(&b.namespace, &b.experiments)));
    found
}
