//! Equality and order of values, as in the clients.

use std::cmp::Ordering;

use serde_json::Value;

use super::super::number::{js_number, js_string};

/// The name of a value's type in `$type`.
pub(super) fn type_name(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(_) => "number",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    }
}

/// Literal equality: the same types all the way down, and 1.0 is 1.
pub(super) fn deeply_equal(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Array(a), Value::Array(b)) => {
            a.len() == b.len() && a.iter().zip(b).all(|(a, b)| deeply_equal(a, b))
        }
        (Value::Object(a), Value::Object(b)) => {
            a.len() == b.len() && a.iter().all(|(key, a)| b.get(key).is_some_and(|b| deeply_equal(a, b)))
        }
        _ => strictly_equal(a, b),
    }
}

/// JavaScript's `===` for values of different documents: arrays and objects are never equal.
pub(super) fn strictly_equal(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Null, Value::Null) => true,
        (Value::Bool(a), Value::Bool(b)) => a == b,
        (Value::Number(a), Value::Number(b)) => a.as_f64() == b.as_f64(),
        (Value::String(a), Value::String(b)) => a == b,
        _ => false,
    }
}

/// Literal equality of the JavaScript client at specVersion 0.8.0, which turns the attribute into the literal's type.
pub(super) fn loosely_equal(want: &Value, have: &Value) -> bool {
    match (want, have) {
        (Value::String(want), have) => written(have).is_some_and(|have| have == *want),
        (Value::Number(want), have) => as_number(have).is_some_and(|have| Some(have) == want.as_f64()),
        (Value::Bool(_), Value::Null) => false,
        (Value::Bool(want), have) => truthy(have) == *want,
        _ => deeply_equal(want, have),
    }
}

fn written(value: &Value) -> Option<String> {
    match value {
        Value::Null => Some("null".to_owned()),
        Value::Bool(value) => Some(value.to_string()),
        Value::Number(value) => value.as_f64().map(js_string),
        Value::String(value) => Some(value.clone()),
        Value::Array(_) | Value::Object(_) => None,
    }
}

fn as_number(value: &Value) -> Option<f64> {
    match value {
        Value::Null => Some(0.0),
        Value::Bool(value) => Some(f64::from(u8::from(*value))),
        Value::Number(value) => value.as_f64(),
        Value::String(value) => Some(js_number(value)),
        Value::Array(_) | Value::Object(_) => None,
    }
}

/// Whether a value is truthy in JavaScript.
pub(in crate::growthbook) fn truthy(value: &Value) -> bool {
    match value {
        Value::Null => false,
        Value::Bool(value) => *value,
        Value::Number(value) => value.as_f64().is_some_and(|x| x != 0.0),
        Value::String(value) => !value.is_empty(),
        Value::Array(_) | Value::Object(_) => true,
    }
}

/// The order of two values; `None` if they are not comparable, which fails all comparisons. With `coerce`, strings and
/// nulls become numbers if one side is not a string, as in JavaScript.
pub(super) fn order(a: &Value, b: &Value, coerce: bool) -> Option<Ordering> {
    match (a, b) {
        (Value::String(a), Value::String(b)) => Some(order_text(a, b)),
        (Value::Number(a), Value::Number(b)) => a.as_f64()?.partial_cmp(&b.as_f64()?),
        _ if coerce => as_number(a)?.partial_cmp(&as_number(b)?),
        _ => None,
    }
}

/// By UTF-16 code units, which differ from code points above U+FFFF.
fn order_text(a: &str, b: &str) -> Ordering {
    if a.is_ascii() && b.is_ascii() { a.cmp(b) } else { a.encode_utf16().cmp(b.encode_utf16()) }
}
