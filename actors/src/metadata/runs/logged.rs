//! Data that a client logs for a run: parameters, notes and metrics.

use std::collections::BTreeMap;

use bincode::{Decode, Encode};
use serde::{Deserialize, Serialize};
use troupe_runtime::{Refused, Timestamp};

use crate::metadata::flows::check_text;

/// Upper bound on the names of one kind in a run. A bucket of curves takes as many.
pub const NAMES_MAX: usize = 10_000;
const NAME_BYTES_MAX: usize = 250;
const VALUE_BYTES_MAX: usize = 8 << 10;
/// Upper bound on the bytes of all values of one kind.
const BYTES_MAX: usize = 2 << 20;
/// Upper bound on the points of one message.
const POINTS_MAX: usize = 1_000;

/// A named value.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Value {
    /// The name.
    pub key: String,
    /// The value.
    pub value: String,
}

/// A metric value at a time and a step.
#[derive(Debug, Clone, Copy, Default, PartialEq, Encode, Decode, Serialize, Deserialize)]
pub struct Point {
    /// The value; may be NaN.
    pub value: f64,
    /// Time by the client's clock.
    pub at: Timestamp,
    /// Training step.
    pub step: i64,
}

impl Point {
    /// Whether this point represents its metric rather than `other`: highest step, then latest, then largest.
    pub(super) fn over(&self, other: &Self) -> bool {
        let order = self.step.cmp(&other.step).then(self.at.cmp(&other.at));
        order.then(self.value.total_cmp(&other.value)).is_gt()
    }
}

/// Checks the bounds of points, including those already logged.
pub(super) fn check_points(
    points: &[(String, Point)],
    known: &BTreeMap<String, Point>,
) -> Result<(), Refused> {
    if points.len() > POINTS_MAX {
        let why = format!("metrics must be at most {POINTS_MAX} a request: send the rest in another");
        return Err(Refused::field("TOO_MANY_METRICS", "metrics", why));
    }
    let fresh: std::collections::BTreeSet<&str> =
        points.iter().map(|(name, _)| name.as_str()).filter(|name| !known.contains_key(*name)).collect();
    if known.len() + fresh.len() > NAMES_MAX {
        let why = format!("a run has at most {NAMES_MAX} metrics: log others with another run");
        return Err(Refused::field("TOO_MANY_METRICS", "metrics", why));
    }
    points.iter().try_for_each(|(name, _)| named("metrics.key", name))
}

/// Checks the bounds of values, including those already logged.
pub(super) fn check_values(
    field: &str,
    values: &[Value],
    known: &BTreeMap<String, String>,
) -> Result<(), Refused> {
    for value in values {
        named(&format!("{field}.key"), &value.key)?;
        check_text(&format!("{field}.value"), &value.value, VALUE_BYTES_MAX)?;
    }
    let fresh: BTreeMap<&str, usize> =
        values.iter().map(|value| (value.key.as_str(), value.key.len() + value.value.len())).collect();
    let kept = known.iter().filter(|(key, _)| !fresh.contains_key(key.as_str()));
    let (count, bytes) = kept
        .fold((fresh.len(), fresh.values().sum::<usize>()), |(count, bytes), (key, value)| {
            (count + 1, bytes + key.len() + value.len())
        });
    if count > NAMES_MAX || bytes > BYTES_MAX {
        let why = format!("a run has at most {NAMES_MAX} {field}, {BYTES_MAX} bytes in all");
        return Err(Refused::field("TOO_MANY", field, why));
    }
    Ok(())
}

fn named(field: &str, name: &str) -> Result<(), Refused> {
    if name.is_empty() {
        return Err(Refused::field("BAD_TEXT", field, format!("{field} must not be empty")));
    }
    check_text(field, name, NAME_BYTES_MAX)
}
