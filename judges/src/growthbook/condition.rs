//! Whether attributes fit a condition: GrowthBook's dialect of MongoDB's queries.
//!
//! A condition that is malformed, uses an unknown operator, or refers to a group in a circle fits nobody; its negation
//! does not make it fit everybody.

use std::cmp::Ordering;
use std::collections::HashMap;

use regex::{Regex, RegexBuilder};
use serde_json::{Map, Value};

use super::compare::{compare, deep_equal, is_orderable, is_truthy, strict_equal, type_of};
use super::version::padded;

/// How deep conditions may lie in each other.
const DEPTH_MAX: usize = 64;
/// Bytes of one compiled regular expression.
const REGEX_BYTES_MAX: usize = 1 << 20;

/// Nothing can be said: an operator or group that is not known here, or a malformed condition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Unknown;

type Fits = Result<bool, Unknown>;

/// Regular expressions, compiled once by their text and whether case counts; none where one does not compile.
#[derive(Debug, Default)]
pub(super) struct Patterns(HashMap<(String, bool), Option<Regex>>);

impl Patterns {
    /// Compiles every expression in a condition, wherever it stands.
    pub(super) fn learn(&mut self, condition: &Value) {
        match condition {
            Value::Object(object) => {
                for (key, value) in object {
                    let insensitive = matches!(key.as_str(), "$regexi" | "$notRegexi");
                    if insensitive || matches!(key.as_str(), "$regex" | "$notRegex") {
                        if let Value::String(text) = value {
                            self.0
                                .entry((text.clone(), insensitive))
                                .or_insert_with(|| compiled(text, insensitive));
                        }
                    } else {
                        self.learn(value);
                    }
                }
            }
            Value::Array(values) => values.iter().for_each(|value| self.learn(value)),
            _ => {}
        }
    }

    fn is_match(&self, text: &str, insensitive: bool, value: &str) -> Option<bool> {
        match self.0.get(&(text.to_owned(), insensitive)) {
            Some(pattern) => pattern.as_ref().map(|pattern| pattern.is_match(value)),
            None => compiled(text, insensitive).map(|pattern| pattern.is_match(value)),
        }
    }
}

pub(super) fn compiled(text: &str, insensitive: bool) -> Option<Regex> {
    // JavaScript writes a slash with a backslash.
    let text = text.replace("\\/", "/");
    RegexBuilder::new(&text).case_insensitive(insensitive).size_limit(REGEX_BYTES_MAX).build().ok()
}

/// What a condition is held against.
#[derive(Clone, Copy)]
pub(super) enum Subject<'a> {
    /// Attributes by name.
    Attributes(&'a Map<String, Value>),
    /// One value, under the name `value`: a prerequisite's.
    Wrapped(&'a Value),
    /// An element of an array.
    Element(&'a Value),
}

impl<'a> Subject<'a> {
    fn path(self, path: &str) -> Option<Found<'a>> {
        let mut steps = path.split('.');
        let first = steps.next()?;
        let mut current = match self {
            Self::Attributes(map) => Found::Value(map.get(first)?),
            Self::Wrapped(value) if first == "value" => Found::Value(value),
            Self::Wrapped(_) => return None,
            Self::Element(value) => step(value, first)?,
        };
        for name in steps {
            let Found::Value(value) = current else { return None };
            current = step(value, name)?;
        }
        Some(current)
    }
}

#[derive(Clone, Copy)]
enum Found<'a> {
    Value(&'a Value),
    Length(usize),
}

fn step<'a>(value: &'a Value, name: &str) -> Option<Found<'a>> {
    match value {
        Value::Object(object) => object.get(name).map(Found::Value),
        Value::Array(values) if name == "length" => Some(Found::Length(values.len())),
        Value::Array(values) => {
            let canonical = name == "0" || !name.starts_with('0');
            let index = name.parse::<usize>().ok().filter(|_| canonical && !name.starts_with('+'))?;
            values.get(index).map(Found::Value)
        }
        _ => None,
    }
}

/// What conditions may refer to.
pub(super) struct Groups<'a> {
    pub(super) saved: Option<&'a Map<String, Value>>,
    pub(super) patterns: &'a Patterns,
}

/// Whether attributes fit a condition, with saved groups by name.
#[must_use]
pub fn fits(attributes: &Map<String, Value>, condition: &Value, saved: Option<&Map<String, Value>>) -> bool {
    let patterns = Patterns::default();
    Groups { saved, patterns: &patterns }.fits(Subject::Attributes(attributes), condition)
}

impl Groups<'_> {
    pub(super) fn fits(&self, subject: Subject<'_>, condition: &Value) -> bool {
        self.condition(subject, condition, &mut Vec::new(), 0) == Ok(true)
    }

    fn condition<'c>(
        &'c self,
        subject: Subject<'_>,
        condition: &'c Value,
        visited: &mut Vec<&'c str>,
        depth: usize,
    ) -> Fits {
        let Value::Object(object) = condition else { return Err(Unknown) };
        if depth > DEPTH_MAX {
            return Err(Unknown);
        }
        let mut unknown = false;
        for (key, value) in object {
            let fits = match key.as_str() {
                "$or" => self.any(subject, value, visited, depth),
                "$nor" => self.any(subject, value, visited, depth).map(|fits| !fits),
                "$and" => self.all(subject, value, visited, depth),
                "$not" => self.condition(subject, value, visited, depth + 1).map(|fits| !fits),
                "$savedGroup" => self.saved_group(subject, value, visited, depth),
                "$savedGroups" => Ok(false),
                path => self.value(value, subject.path(path), false, depth),
            };
            match fits {
                Ok(true) => {}
                Ok(false) => return Ok(false),
                Err(Unknown) => unknown = true,
            }
        }
        if unknown { Err(Unknown) } else { Ok(true) }
    }

    fn any<'c>(
        &'c self,
        subject: Subject<'_>,
        list: &'c Value,
        visited: &mut Vec<&'c str>,
        depth: usize,
    ) -> Fits {
        let Value::Array(list) = list else { return Err(Unknown) };
        let mut unknown = false;
        for condition in list {
            match self.condition(subject, condition, visited, depth + 1) {
                Ok(true) => return Ok(true),
                Ok(false) => {}
                Err(Unknown) => unknown = true,
            }
        }
        if unknown { Err(Unknown) } else { Ok(list.is_empty()) }
    }

    fn all<'c>(
        &'c self,
        subject: Subject<'_>,
        list: &'c Value,
        visited: &mut Vec<&'c str>,
        depth: usize,
    ) -> Fits {
        let Value::Array(list) = list else { return Err(Unknown) };
        let mut unknown = false;
        for condition in list {
            match self.condition(subject, condition, visited, depth + 1) {
                Ok(true) => {}
                Ok(false) => return Ok(false),
                Err(Unknown) => unknown = true,
            }
        }
        if unknown { Err(Unknown) } else { Ok(true) }
    }

    fn saved_group<'c>(
        &'c self,
        subject: Subject<'_>,
        reference: &'c Value,
        visited: &mut Vec<&'c str>,
        depth: usize,
    ) -> Fits {
        let Some(id) = reference["id"].as_str().filter(|id| !visited.contains(id)) else { return Ok(false) };
        if reference.get("attributeKey").is_some_and(|key| !key.is_string()) {
            return Ok(false);
        }
        let Some(Value::Object(entry)) = self.saved.and_then(|saved| saved.get(id)) else { return Ok(false) };
        match entry.get("type").and_then(Value::as_str) {
            Some("list") => {
                let key = reference.get("attributeKey").or_else(|| entry.get("attributeKey"));
                match (key.and_then(Value::as_str), entry.get("values")) {
                    (Some(key), Some(Value::Array(values))) => Ok(is_in(values, subject.path(key), false)),
                    _ => Ok(false),
                }
            }
            Some("condition") => match entry.get("condition") {
                Some(condition @ Value::Object(_)) => {
                    visited.push(id);
                    let fits = self.condition(subject, condition, visited, depth + 1);
                    visited.pop();
                    fits
                }
                _ => Ok(false),
            },
            _ => Err(Unknown),
        }
    }

    fn value(&self, condition: &Value, found: Option<Found<'_>>, insensitive: bool, depth: usize) -> Fits {
        if depth > DEPTH_MAX {
            return Err(Unknown);
        }
        if let Value::Object(object) = condition
            && object.keys().all(|key| key.starts_with('$'))
        {
            let mut unknown = false;
            for (operator, expected) in object {
                match self.operator(operator, found, expected, depth + 1) {
                    Ok(true) => {}
                    Ok(false) => return Ok(false),
                    Err(Unknown) => unknown = true,
                }
            }
            return if unknown { Err(Unknown) } else { Ok(true) };
        }
        Ok(match found {
            None => condition.is_null(),
            Some(Found::Length(length)) => condition.as_f64() == Some(length as f64),
            Some(Found::Value(Value::String(value))) if insensitive => {
                condition.as_str().is_some_and(|text| text.to_lowercase() == value.to_lowercase())
            }
            Some(Found::Value(value)) => deep_equal(condition, value),
        })
    }

    #[allow(clippy::too_many_lines, reason = "one line for each operator of the language")]
    fn operator(&self, operator: &str, found: Option<Found<'_>>, expected: &Value, depth: usize) -> Fits {
        let length;
        let null = Value::Null;
        let value = match found {
            None => &null,
            Some(Found::Value(value)) => value,
            Some(Found::Length(n)) => {
                length = Value::from(n);
                &length
            }
        };
        let ordered = |fits: fn(Ordering) -> bool| compare(value, expected).is_some_and(fits);
        let versions = |fits: fn(Ordering) -> bool| {
            is_orderable(value, expected) && fits(padded(value).cmp(&padded(expected)))
        };
        let regex = |insensitive| match (expected, value) {
            (Value::String(pattern), Value::String(value)) => {
                self.patterns.is_match(pattern, insensitive, value)
            }
            _ => None,
        };
        let listed = |insensitive| match expected {
            Value::Array(list) => Some(is_in(list, found, insensitive)),
            _ => None,
        };
        Ok(match operator {
            "$eq" => strict_equal(value, expected),
            "$ne" => !strict_equal(value, expected),
            "$lt" => ordered(Ordering::is_lt),
            "$lte" => ordered(Ordering::is_le),
            "$gt" => ordered(Ordering::is_gt),
            "$gte" => ordered(Ordering::is_ge),
            "$veq" => versions(Ordering::is_eq),
            "$vne" => !versions(Ordering::is_eq),
            "$vlt" => versions(Ordering::is_lt),
            "$vlte" => versions(Ordering::is_le),
            "$vgt" => versions(Ordering::is_gt),
            "$vgte" => versions(Ordering::is_ge),
            "$inGroup" => return self.in_group(expected, found),
            "$notInGroup" => {
                // Of a group that cannot be read nobody is out, either.
                return if expected.is_string() && self.is_readable(expected) {
                    self.in_group(expected, found).map(|fits| !fits)
                } else {
                    Ok(false)
                };
            }
            "$regex" => regex(false).unwrap_or(false),
            "$regexi" => regex(true).unwrap_or(false),
            "$notRegex" => !regex(false).unwrap_or(false),
            "$notRegexi" => !regex(true).unwrap_or(false),
            "$in" => listed(false).unwrap_or(false),
            "$nin" => listed(false).is_some_and(|fits| !fits),
            "$ini" => listed(true).unwrap_or(false),
            "$nini" => listed(true).is_some_and(|fits| !fits),
            "$elemMatch" => return self.element(expected, value, depth),
            "$size" => match value {
                Value::Array(values) => {
                    return self.value(expected, Some(Found::Length(values.len())), false, depth);
                }
                _ => false,
            },
            "$all" => return self.holds_all(expected, value, false, depth),
            "$alli" => return self.holds_all(expected, value, true, depth),
            "$exists" => value.is_null() != is_truthy(expected),
            "$type" => expected.as_str() == Some(type_of(value)),
            "$not" => return self.value(expected, found, false, depth).map(|fits| !fits),
            "$or" | "$nor" | "$and" | "$savedGroup" => false,
            _ => return Err(Unknown),
        })
    }

    fn is_readable(&self, name: &Value) -> bool {
        let entry = name.as_str().and_then(|name| self.saved?.get(name));
        match entry {
            None | Some(Value::Array(_)) => true,
            Some(Value::Object(entry)) => match entry.get("type").and_then(Value::as_str) {
                Some("list") => entry.get("values").is_some_and(Value::is_array),
                Some("condition") => false,
                _ => true,
            },
            Some(_) => false,
        }
    }

    fn in_group(&self, name: &Value, found: Option<Found<'_>>) -> Fits {
        let Some(name) = name.as_str() else { return Ok(false) };
        match self.saved.and_then(|saved| saved.get(name)) {
            None => Ok(false),
            Some(Value::Array(values)) => Ok(is_in(values, found, false)),
            Some(Value::Object(entry)) => match entry.get("type").and_then(Value::as_str) {
                Some("list") => match entry.get("values") {
                    Some(Value::Array(values)) => Ok(is_in(values, found, false)),
                    _ => Ok(false),
                },
                Some("condition") => Ok(false),
                _ => Err(Unknown),
            },
            Some(_) => Ok(false),
        }
    }

    fn element(&self, condition: &Value, value: &Value, depth: usize) -> Fits {
        let Value::Array(values) = value else { return Ok(false) };
        let on_value = match condition {
            Value::Object(object) => object.keys().all(|key| {
                key.starts_with('$') && !matches!(key.as_str(), "$or" | "$nor" | "$and" | "$savedGroup")
            }),
            _ => false,
        };
        let mut unknown = false;
        for item in values.iter().filter(|item| !item.is_null()) {
            let fits = if on_value {
                self.value(condition, Some(Found::Value(item)), false, depth)
            } else {
                self.condition(Subject::Element(item), condition, &mut Vec::new(), depth)
            };
            match fits {
                Ok(true) => return Ok(true),
                Ok(false) => {}
                Err(Unknown) => unknown = true,
            }
        }
        if unknown { Err(Unknown) } else { Ok(false) }
    }

    fn holds_all(&self, expected: &Value, value: &Value, insensitive: bool, depth: usize) -> Fits {
        let (Value::Array(expected), Value::Array(values)) = (expected, value) else { return Ok(false) };
        for condition in expected {
            let mut fits = Ok(false);
            for value in values {
                match self.value(condition, Some(Found::Value(value)), insensitive, depth) {
                    Ok(true) => {
                        fits = Ok(true);
                        break;
                    }
                    Ok(false) => {}
                    Err(Unknown) => fits = Err(Unknown),
                }
            }
            if fits != Ok(true) {
                return fits;
            }
        }
        Ok(true)
    }
}

fn is_in(list: &[Value], found: Option<Found<'_>>, insensitive: bool) -> bool {
    let same = |a: &Value, b: &Value| match (a, b) {
        (Value::String(a), Value::String(b)) if insensitive => a.to_lowercase() == b.to_lowercase(),
        _ => strict_equal(a, b),
    };
    match found {
        None => list.iter().any(Value::is_null),
        Some(Found::Length(length)) => list.iter().any(|expected| expected.as_f64() == Some(length as f64)),
        Some(Found::Value(Value::Array(values))) => {
            values.iter().any(|value| list.iter().any(|expected| same(value, expected)))
        }
        Some(Found::Value(value)) => list.iter().any(|expected| same(value, expected)),
    }
}
