//! Attribute paths of conditions.

use std::borrow::Cow;

use serde_json::{Map, Value};

const NULL: &Value = &Value::Null;

/// The value on which a condition is evaluated.
#[derive(Debug, Clone, Copy)]
pub(in crate::growthbook) enum Subject<'a> {
    /// The subject's attributes.
    Attributes(&'a Map<String, Value>),
    /// The value of a feature, found under `value`.
    Parent(&'a Value),
    /// An element of an array.
    Element(&'a Value),
}

/// A dotted path.
#[derive(Debug, Clone)]
pub(super) struct Path {
    first: Box<str>,
    rest: Vec<Box<str>>,
}

impl Path {
    pub(super) fn parse(text: &str) -> Path {
        let mut segments = text.split('.').map(Box::from);
        let first = segments.next().unwrap_or_default();
        Path { first, rest: segments.collect() }
    }

    /// The value at the path, null if missing. An array has its indices and `length` as keys.
    pub(super) fn find<'a>(&self, subject: Subject<'a>) -> Cow<'a, Value> {
        let first = match subject {
            Subject::Attributes(map) => map.get(&*self.first).map(Cow::Borrowed),
            Subject::Parent(value) => (&*self.first == "value").then_some(Cow::Borrowed(value)),
            Subject::Element(value) => step(value, &self.first),
        };
        let found = self.rest.iter().try_fold(first, |at, segment| match at {
            Some(Cow::Borrowed(value)) => Some(step(value, segment)),
            _ => None,
        });
        found.flatten().unwrap_or(Cow::Borrowed(NULL))
    }
}

fn step<'a>(value: &'a Value, segment: &str) -> Option<Cow<'a, Value>> {
    match value {
        Value::Object(map) => map.get(segment).map(Cow::Borrowed),
        Value::Array(items) if segment == "length" => Some(Cow::Owned(Value::from(items.len()))),
        Value::Array(items) => items.get(index(segment)?).map(Cow::Borrowed),
        _ => None,
    }
}

/// A canonical index: `0` or digits without a leading zero.
fn index(segment: &str) -> Option<usize> {
    let canonical = segment == "0" || !segment.starts_with('0');
    (canonical && segment.len() <= 10 && segment.bytes().all(|b| b.is_ascii_digit()))
        .then(|| segment.parse().ok())
        .flatten()
}
