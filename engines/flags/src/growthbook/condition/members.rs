//! Sorted membership lists: a saved group of a million values is searched in twenty steps.

use serde_json::Value;

/// The scalars of a list. Arrays and objects are never members, as in JavaScript's `includes`.
#[derive(Debug, Clone, Default)]
pub(in crate::growthbook) struct Members {
    texts: Vec<Box<str>>,
    numbers: Vec<f64>,
    null: bool,
    yes: bool,
    no: bool,
}

impl Members {
    /// With `fold`, strings are compared case-insensitively.
    pub(super) fn new(values: &[Value], fold: bool) -> Members {
        let mut members = Members::default();
        for value in values {
            match value {
                Value::Null => members.null = true,
                Value::Bool(true) => members.yes = true,
                Value::Bool(false) => members.no = true,
                Value::Number(number) => members.numbers.extend(number.as_f64().map(|x| x + 0.0)),
                Value::String(text) if fold => members.texts.push(text.to_lowercase().into()),
                Value::String(text) => members.texts.push(text.as_str().into()),
                Value::Array(_) | Value::Object(_) => {}
            }
        }
        members.texts.sort_unstable();
        members.texts.dedup();
        members.numbers.sort_unstable_by(f64::total_cmp);
        members
    }

    /// Whether the value, or one element of an array value, is in the list.
    pub(super) fn match_any(&self, value: &Value, fold: bool) -> bool {
        match value {
            Value::Array(items) => items.iter().any(|item| self.contains(item, fold)),
            value => self.contains(value, fold),
        }
    }

    fn contains(&self, value: &Value, fold: bool) -> bool {
        match value {
            Value::Null => self.null,
            Value::Bool(true) => self.yes,
            Value::Bool(false) => self.no,
            // The sum turns a negative zero into zero.
            Value::Number(number) => number
                .as_f64()
                .is_some_and(|x| self.numbers.binary_search_by(|y| y.total_cmp(&(x + 0.0))).is_ok()),
            Value::String(text) if fold => self.has(&text.to_lowercase()),
            Value::String(text) => self.has(text),
            Value::Array(_) | Value::Object(_) => false,
        }
    }

    fn has(&self, text: &str) -> bool {
        self.texts.binary_search_by(|member| (**member).cmp(text)).is_ok()
    }
}
