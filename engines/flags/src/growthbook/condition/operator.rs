//! The check of one value: a literal to equal, or operators that must all hold.

use std::cmp::Ordering;
use std::sync::Arc;

use regex::Regex;
use serde_json::Value;

use super::equal::{deeply_equal, loosely_equal, order, strictly_equal, type_name};
use super::{Condition, Dialect, Members, Subject, Verdict, version};

/// The check of a value.
#[derive(Debug, Clone)]
pub(super) enum Check {
    /// Equality; with `fold`, strings are compared case-insensitively.
    Literal { want: Value, fold: bool, dialect: Dialect },
    /// All of these.
    Operators(Vec<Operator>),
}

/// A comparison of an order with zero.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Relation {
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
    Equal,
    NotEqual,
}

#[derive(Debug, Clone)]
pub(super) enum Operator {
    Equal(Value),
    NotEqual(Value),
    Order {
        relation: Relation,
        want: Value,
        coerce: bool,
    },
    Version {
        relation: Relation,
        want: Value,
        padded: String,
        coerce: bool,
    },
    In {
        members: Arc<Members>,
        negate: bool,
        fold: bool,
    },
    Matches {
        regex: Regex,
        negate: bool,
    },
    Exists(bool),
    Type(Value),
    Size(Box<Check>),
    /// The array has an element that passes the check itself.
    Each(Box<Check>),
    /// The array has an element with fields that pass.
    Fields(Condition),
    /// The array has an element for each check.
    Every(Vec<Check>),
    Not(Box<Check>),
    Fixed(Verdict),
}

impl Relation {
    fn holds(self, order: Ordering) -> bool {
        match self {
            Relation::Less => order.is_lt(),
            Relation::LessOrEqual => order.is_le(),
            Relation::Greater => order.is_gt(),
            Relation::GreaterOrEqual => order.is_ge(),
            Relation::Equal => order.is_eq(),
            Relation::NotEqual => order.is_ne(),
        }
    }
}

impl Check {
    pub(super) fn verdict(&self, have: &Value) -> Verdict {
        match self {
            Check::Operators(operators) => Verdict::all(operators.iter().map(|op| op.verdict(have))),
            Check::Literal { want, fold, dialect } => {
                if let (true, Value::String(want), Value::String(have)) = (fold, want, have) {
                    return (want.to_lowercase() == have.to_lowercase()).into();
                }
                match dialect {
                    Dialect::Spec08 => loosely_equal(want, have).into(),
                    Dialect::Python4 => deeply_equal(want, have).into(),
                }
            }
        }
    }
}

impl Operator {
    fn verdict(&self, have: &Value) -> Verdict {
        match self {
            Operator::Equal(want) => strictly_equal(have, want).into(),
            Operator::NotEqual(want) => (!strictly_equal(have, want)).into(),
            Operator::Order { relation, want, coerce } => {
                order(have, want, *coerce).is_some_and(|order| relation.holds(order)).into()
            }
            Operator::Version { relation, want, padded, coerce } => {
                if *coerce || same_scalar(have, want) {
                    relation.holds(version::of(have).cmp(padded)).into()
                } else {
                    (*relation == Relation::NotEqual).into()
                }
            }
            Operator::In { members, negate, fold } => (members.match_any(have, *fold) != *negate).into(),
            Operator::Matches { regex, negate } => match have {
                Value::String(text) => (regex.is_match(text) != *negate).into(),
                _ => (*negate).into(),
            },
            Operator::Exists(wanted) => (have.is_null() != *wanted).into(),
            Operator::Type(want) => (want.as_str() == Some(type_name(have))).into(),
            Operator::Not(check) => check.verdict(have).not(),
            Operator::Fixed(verdict) => *verdict,
            Operator::Size(_) | Operator::Each(_) | Operator::Fields(_) | Operator::Every(_) => {
                have.as_array().map_or(Verdict::Fail, |items| self.over(items))
            }
        }
    }

    /// The array operators.
    fn over(&self, items: &[Value]) -> Verdict {
        let elements = || items.iter().filter(|item| !item.is_null());
        match self {
            Operator::Size(check) => check.verdict(&Value::from(items.len())),
            Operator::Each(check) => Verdict::any(elements().map(|item| check.verdict(item))),
            Operator::Fields(condition) => {
                Verdict::any(elements().map(|item| condition.verdict(Subject::Element(item))))
            }
            Operator::Every(checks) => Verdict::all(
                checks.iter().map(|check| Verdict::any(items.iter().map(|item| check.verdict(item)))),
            ),
            _ => Verdict::Fail,
        }
    }
}

fn same_scalar(a: &Value, b: &Value) -> bool {
    a.is_string() && b.is_string() || a.is_number() && b.is_number()
}
