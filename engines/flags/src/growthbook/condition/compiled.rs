//! The compiled form of a condition and its evaluation.

use std::collections::BTreeMap;

use serde_json::Value;

use super::operator::Check;
use super::parse::Parser;
use super::path::{Path, Subject};
use super::verdict::Verdict;
use crate::growthbook::Refused;

/// The client that decides where GrowthBook's clients differ.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Dialect {
    /// The JavaScript client at specVersion 0.8.0. Comparisons turn strings and nulls into numbers, the range of a rollout
    /// includes its end, and an unknown operator fails.
    Spec08,
    /// The Python client 4.0. Values of different types never match, the range of a rollout excludes its end, and an
    /// unknown operator fails under `$not` too.
    #[default]
    Python4,
}

/// A compiled condition: all entries must hold.
#[derive(Debug, Clone, Default)]
pub struct Condition {
    pub(super) entries: Vec<Entry>,
}

#[derive(Debug, Clone)]
pub(super) enum Entry {
    And(Vec<Condition>),
    Or(Vec<Condition>),
    Nor(Vec<Condition>),
    Not(Condition),
    /// The condition of a saved group.
    Group(Condition),
    At(Path, Check),
    Fixed(Verdict),
}

impl Condition {
    /// Compiles a condition. Refuses the first part that clients would coerce or skip. `groups` are the payload's saved
    /// groups by id.
    pub fn compile(
        json: &Value,
        groups: &BTreeMap<String, Value>,
        dialect: Dialect,
    ) -> Result<Condition, Refused> {
        let (condition, problems) = Condition::parse(json, groups, dialect)?;
        problems.into_iter().next().map_or(Ok(condition), Err)
    }

    /// Compiles a condition as clients do: an invalid part does not hold. Refuses only a condition beyond the limits.
    pub fn lenient(
        json: &Value,
        groups: &BTreeMap<String, Value>,
        dialect: Dialect,
    ) -> Result<Condition, Refused> {
        Condition::parse(json, groups, dialect).map(|(condition, _)| condition)
    }

    fn parse(
        json: &Value,
        groups: &BTreeMap<String, Value>,
        dialect: Dialect,
    ) -> Result<(Condition, Vec<Refused>), Refused> {
        let mut parser = Parser::new(dialect, groups);
        let condition = parser.condition(json);
        let (excess, problems) = parser.finish();
        excess.map_or(Ok((condition, problems)), Err)
    }

    /// Whether the condition holds for these attributes. Malformed and unknown parts do not hold.
    #[must_use]
    pub fn holds(&self, attributes: &serde_json::Map<String, Value>) -> bool {
        self.passes(Subject::Attributes(attributes))
    }

    pub(in crate::growthbook) fn passes(&self, subject: Subject<'_>) -> bool {
        self.verdict(subject) == Verdict::Pass
    }

    pub(super) fn verdict(&self, subject: Subject<'_>) -> Verdict {
        Verdict::all(self.entries.iter().map(|entry| entry.verdict(subject)))
    }
}

impl Entry {
    fn verdict(&self, subject: Subject<'_>) -> Verdict {
        match self {
            Entry::And(conditions) => Verdict::all(conditions.iter().map(|each| each.verdict(subject))),
            Entry::Or(conditions) => either(conditions, subject),
            Entry::Nor(conditions) => either(conditions, subject).not(),
            Entry::Not(condition) => condition.verdict(subject).not(),
            Entry::Group(condition) => condition.verdict(subject),
            Entry::At(path, check) => check.verdict(&path.find(subject)),
            Entry::Fixed(verdict) => *verdict,
        }
    }
}

/// An empty list of alternatives holds, as in the clients.
fn either(conditions: &[Condition], subject: Subject<'_>) -> Verdict {
    if conditions.is_empty() {
        return Verdict::Pass;
    }
    Verdict::any(conditions.iter().map(|each| each.verdict(subject)))
}
