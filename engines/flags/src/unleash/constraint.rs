//! Conditions on one field of the context, compiled.

use std::cmp::Ordering;
use std::collections::HashSet;
use std::net::IpAddr;

use regex::{Regex, RegexBuilder};
use semver::Version;

use super::compile::Budget;
use super::context::{Context, Field};
use super::error::{At, Refused};
use super::network::Network;
use super::{PATTERN_BYTES_MAX, date, payload};

/// A compiled condition.
#[derive(Debug, Clone)]
pub(crate) struct Constraint {
    field: Field,
    inverted: bool,
    test: Test,
}

#[derive(Debug, Clone)]
enum Test {
    In(HashSet<String>),
    NotIn(HashSet<String>),
    Text {
        part: Part,
        values: Vec<String>,
        fold: bool,
    },
    Number(Compare, f64),
    Date(Compare, i128),
    Version(Compare, Version),
    Address(Vec<Network>),
    Pattern(Regex),
    /// Holds for no context, inverted or not.
    Never,
    /// An unknown operator: clients turn the whole feature off.
    Unknown,
}

#[derive(Debug, Clone, Copy)]
enum Part {
    Start,
    End,
    Any,
}

#[derive(Debug, Clone, Copy)]
enum Compare {
    Equal,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

impl Compare {
    fn holds(self, ordering: Ordering) -> bool {
        match self {
            Self::Equal => ordering.is_eq(),
            Self::Less => ordering.is_lt(),
            Self::LessOrEqual => ordering.is_le(),
            Self::Greater => ordering.is_gt(),
            Self::GreaterOrEqual => ordering.is_ge(),
        }
    }
}

impl Constraint {
    pub(crate) fn compile(
        own: &payload::Constraint,
        at: &At<'_>,
        budget: &mut Budget,
    ) -> Result<Self, Refused> {
        budget.name(&own.context_name, &at.field("contextName"))?;
        budget.values(&own.values, &at.field("values"))?;
        let field = Field::named(&own.context_name);
        let test = match own.operator.as_str() {
            "IN" => Test::In(own.values.iter().cloned().collect()),
            "NOT_IN" => Test::NotIn(own.values.iter().cloned().collect()),
            "STR_STARTS_WITH" => text(own, Part::Start, at)?,
            "STR_ENDS_WITH" => text(own, Part::End, at)?,
            "STR_CONTAINS" => text(own, Part::Any, at)?,
            "IN_CIDR" => addresses(own, at)?,
            "REGEX" => pattern(own, at, budget)?,
            other => ordered(other, own, at)?,
        };
        Ok(Self { field, inverted: own.inverted, test })
    }

    /// Whether the operator is unknown, which turns the whole feature off.
    pub(crate) fn is_unknown(&self) -> bool {
        matches!(self.test, Test::Unknown)
    }

    pub(crate) fn holds(&self, context: &Context) -> bool {
        if matches!(self.test, Test::Never | Test::Unknown) {
            return false;
        }
        self.test.holds(self.field.of(context)) != self.inverted
    }
}

impl Test {
    fn holds(&self, value: Option<&str>) -> bool {
        let Some(value) = value else { return matches!(self, Self::NotIn(_)) };
        match self {
            Self::In(values) => values.contains(value),
            Self::NotIn(values) => !values.contains(value),
            Self::Text { part, values, fold: true } => part.holds(&value.to_lowercase(), values),
            Self::Text { part, values, fold: false } => part.holds(value, values),
            Self::Number(compare, bound) => {
                value.parse().is_ok_and(|value| number_holds(*compare, value, *bound))
            }
            Self::Date(compare, bound) => {
                date::relaxed(value).is_some_and(|value| compare.holds(value.cmp(bound)))
            }
            Self::Version(compare, bound) => {
                // Build metadata after a plus does not order (semver 2.0, section 10).
                Version::parse(value).is_ok_and(|value| compare.holds(value.cmp_precedence(bound)))
            }
            Self::Address(networks) => value
                .parse::<IpAddr>()
                .is_ok_and(|address| networks.iter().any(|network| network.contains(address))),
            Self::Pattern(pattern) => pattern.is_match(value),
            Self::Never | Self::Unknown => false,
        }
    }
}

impl Part {
    fn holds(self, value: &str, values: &[String]) -> bool {
        values.iter().any(|part| match self {
            Self::Start => value.starts_with(part),
            Self::End => value.ends_with(part),
            Self::Any => value.contains(part),
        })
    }
}

/// Numbers less than an epsilon apart are equal, as in yggdrasil. No comparison holds for NaN.
fn number_holds(compare: Compare, value: f64, bound: f64) -> bool {
    match compare {
        Compare::Equal => (value - bound).abs() < f64::EPSILON,
        _ => value.partial_cmp(&bound).is_some_and(|ordering| compare.holds(ordering)),
    }
}

fn text(own: &payload::Constraint, part: Part, at: &At<'_>) -> Result<Test, Refused> {
    if own.values.is_empty() {
        return Err(at
            .field("values")
            .refuse("empty", "give at least one text; clients hold the feature off"));
    }
    let fold = own.case_insensitive;
    let values = own.values.iter().map(|value| if fold { value.to_lowercase() } else { value.clone() });
    Ok(Test::Text { part, values: values.collect(), fold })
}

/// Invalid ranges are skipped, as the specification requires (`22-cidr-constraint-operators`).
fn addresses(own: &payload::Constraint, at: &At<'_>) -> Result<Test, Refused> {
    if own.values.is_empty() {
        return Err(at
            .field("values")
            .refuse("empty", "give at least one address or range; clients hold the feature off"));
    }
    Ok(Test::Address(own.values.iter().filter_map(|value| Network::parse(value)).collect()))
}

fn pattern(own: &payload::Constraint, at: &At<'_>, budget: &mut Budget) -> Result<Test, Refused> {
    let at = at.field("value");
    let value = value(own, &at)?;
    budget.pattern(value, &at)?;
    RegexBuilder::new(value)
        .case_insensitive(own.case_insensitive)
        .size_limit(PATTERN_BYTES_MAX)
        .build()
        .map(Test::Pattern)
        .map_err(|_| at.refuse_text(value, "give a regular expression without look-around, of moderate size"))
}

fn value<'a>(own: &'a payload::Constraint, at: &At<'_>) -> Result<&'a str, Refused> {
    own.value.as_deref().ok_or_else(|| at.refuse("missing", format!("{} needs a value", own.operator)))
}

fn ordered(operator: &str, own: &payload::Constraint, at: &At<'_>) -> Result<Test, Refused> {
    let at = at.field("value");
    let (kind, compare) = match operator {
        "NUM_EQ" | "SEMVER_EQ" => (&operator[..3], Compare::Equal),
        "NUM_LT" | "SEMVER_LT" | "DATE_BEFORE" => (&operator[..3], Compare::Less),
        "NUM_LTE" | "SEMVER_LTE" => (&operator[..3], Compare::LessOrEqual),
        "NUM_GT" | "SEMVER_GT" | "DATE_AFTER" => (&operator[..3], Compare::Greater),
        "NUM_GTE" | "SEMVER_GTE" => (&operator[..3], Compare::GreaterOrEqual),
        _ => return Ok(Test::Unknown),
    };
    let text = value(own, &at)?.trim_matches([' ', '\t']);
    match kind {
        "NUM" => number(text)
            .map(|bound| Test::Number(compare, bound))
            .ok_or_else(|| at.refuse_text(text, "give a number such as 12, -3.5 or 1e6")),
        "DAT" => date::strict(text)
            .map(|bound| Test::Date(compare, bound))
            .ok_or_else(|| at.refuse_text(text, "give a time such as 2026-01-29T13:00:00Z")),
        // In the specification this one holds for no context (`14-constraint-semver-operators`).
        _ if text.starts_with('v') => Ok(Test::Never),
        _ => Version::parse(text)
            .map(|bound| Test::Version(compare, bound))
            .map_err(|_| at.refuse_text(text, "give a version such as 1.2.3 or 2.0.0-rc.1")),
    }
}

/// Numbers of yggdrasil's grammar: digits, then a point, then an exponent.
fn number(text: &str) -> Option<f64> {
    let digits = text.strip_prefix(['+', '-']).unwrap_or(text);
    let plain = digits.bytes().all(|b| b.is_ascii_digit() || matches!(b, b'.' | b'e' | b'E' | b'+' | b'-'));
    (digits.starts_with(|c: char| c.is_ascii_digit()) && plain).then(|| text.parse().ok()).flatten()
}
