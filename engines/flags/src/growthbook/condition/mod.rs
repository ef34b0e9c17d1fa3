//! Conditions on attributes: GrowthBook's language, compiled once and asked often.
//!
//! A condition is an object whose keys are paths of attributes or `$and`, `$or`, `$nor`, `$not`, `$savedGroup`. What
//! stands under a path is a literal, which the attribute has to equal, or an object of operators, which all have to hold.

mod equal;
mod members;
mod operator;
mod parse;
mod path;
mod verdict;
mod version;

use std::collections::BTreeMap;

use serde_json::Value;

use super::Refused;

pub(super) use equal::truthy;
pub(super) use members::Members;
use operator::Check;
pub(super) use parse::{Parser, bounded_regex};
use path::Path;
pub(super) use path::Subject;
pub(super) use verdict::Verdict;

/// Whose semantics hold where GrowthBook's clients differ.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Dialect {
    /// The JavaScript client at specVersion 0.8.0: comparisons turn texts and nulls into numbers, a rollout of coverage
    /// includes its end, an operator that is unknown fails.
    Spec08,
    /// The Python client 4.0: values of different types never match, a rollout of coverage excludes its end, and what
    /// is unknown fails under `$not` too.
    #[default]
    Python4,
}

/// A compiled condition: entries that all have to hold.
#[derive(Debug, Clone, Default)]
pub struct Condition {
    entries: Vec<Entry>,
}

#[derive(Debug, Clone)]
enum Entry {
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
    /// Compiles a condition and refuses the first thing in it that clients would bend or skip. `groups` are the
    /// payload's saved groups by their ids.
    pub fn compile(
        json: &Value,
        groups: &BTreeMap<String, Value>,
        dialect: Dialect,
    ) -> Result<Condition, Refused> {
        let (condition, problems) = Condition::parse(json, groups, dialect)?;
        problems.into_iter().next().map_or(Ok(condition), Err)
    }

    /// Compiles a condition as clients do, for whom what does not fit does not hold. Refuses only what is too large.
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

    /// Whether the condition holds for a set of attributes. What is malformed or unknown does not hold.
    #[must_use]
    pub fn holds(&self, attributes: &serde_json::Map<String, Value>) -> bool {
        self.passes(Subject::Attributes(attributes))
    }

    pub(super) fn passes(&self, subject: Subject<'_>) -> bool {
        self.verdict(subject) == Verdict::Pass
    }

    fn verdict(&self, subject: Subject<'_>) -> Verdict {
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

/// An empty list of alternatives holds, as the clients have it.
fn either(conditions: &[Condition], subject: Subject<'_>) -> Verdict {
    if conditions.is_empty() {
        return Verdict::Pass;
    }
    Verdict::any(conditions.iter().map(|each| each.verdict(subject)))
}
