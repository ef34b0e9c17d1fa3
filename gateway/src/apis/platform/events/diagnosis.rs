//! Why a line is not an event, by field. Only lines that failed to parse pay for this second reading.

use serde_json::{Map, Value};
use troupe_runtime::text::cut;

/// What is wrong with a line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Fault {
    /// The field at fault, where one is.
    pub(crate) field: Option<String>,
    /// Stable, for programs.
    pub(crate) code: &'static str,
    /// For people.
    pub(crate) message: String,
}

impl Fault {
    /// A fault of one field.
    pub(crate) fn of(field: &str, code: &'static str, message: impl Into<String>) -> Self {
        Self { field: Some(field.to_owned()), code, message: message.into() }
    }
}

/// A field, what it must hold, and whether it must be there.
struct Field {
    name: &'static str,
    must_be: &'static str,
    holds: fn(&Value) -> bool,
    required: bool,
}

const FIELDS: [Field; 7] = [
    Field { name: "member", must_be: "a string", holds: Value::is_string, required: true },
    Field { name: "content", must_be: "a string", holds: Value::is_string, required: true },
    Field { name: "type", must_be: "a string", holds: Value::is_string, required: true },
    Field { name: "value", must_be: "a number", holds: |v| v.is_number() || v.is_null(), required: false },
    Field { name: "at", must_be: "milliseconds since the epoch", holds: Value::is_u64, required: true },
    Field { name: "event_id", must_be: "a string", holds: |v| v.is_string() || v.is_null(), required: false },
    Field {
        name: "context",
        must_be: "an object of strings",
        holds: |v| v.as_object().is_some_and(|map| map.values().all(Value::is_string)),
        required: false,
    },
];

/// Explains why a line did not read as an event.
pub(crate) fn diagnose(bytes: &[u8], error: &serde_json::Error) -> Fault {
    match serde_json::from_slice::<Value>(bytes) {
        Ok(Value::Object(fields)) => fault_of(&fields).unwrap_or_else(|| twice(error)),
        Ok(_) => Fault { field: None, code: "NOT_AN_OBJECT", message: "must be a JSON object".into() },
        Err(error) => syntax(bytes, &error),
    }
}

fn fault_of(fields: &Map<String, Value>) -> Option<Fault> {
    for name in fields.keys() {
        if !FIELDS.iter().any(|field| field.name == name) {
            let known: Vec<&str> = FIELDS.iter().map(|field| field.name).collect();
            let name = cut(name, 64);
            let message = format!("no such field; the fields are {}", known.join(", "));
            return Some(Fault::of(&name, "UNKNOWN_FIELD", message));
        }
    }
    for field in &FIELDS {
        match fields.get(field.name) {
            None if field.required => return Some(Fault::of(field.name, "MISSING", "must be given")),
            Some(Value::String(text)) if field.name == "value" && is_not_finite(text) => {
                return Some(not_finite("value"));
            }
            Some(value) if !(field.holds)(value) => {
                return Some(Fault::of(field.name, "WRONG_TYPE", format!("must be {}", field.must_be)));
            }
            _ => {}
        }
    }
    None
}

/// What is left when every field holds what it must: one of them is there twice, which only the first reading sees.
fn twice(error: &serde_json::Error) -> Fault {
    let message = error.to_string();
    let name = message.strip_prefix("duplicate field `").and_then(|rest| rest.split_once('`'));
    match name {
        Some((name, _)) => Fault::of(name, "TWICE", "must be given once"),
        None => Fault { field: None, code: "BAD_EVENT", message },
    }
}

/// A line that is not JSON. The text at the error, and the field name before it, often show what was meant.
fn syntax(bytes: &[u8], error: &serde_json::Error) -> Fault {
    let at = error.column().saturating_sub(1).min(bytes.len());
    let (before, rest) = bytes.split_at(at);
    let field = name_before(before);
    // serde_json points at or just behind the first letter that does not fit.
    let start = rest.first().is_some_and(u8::is_ascii_alphabetic);
    let word: &[u8] = if start { rest } else { &bytes[at.saturating_sub(1)..] };
    let named = ["NaN", "Infinity", "-Infinity", "nan", "inf"].iter().any(|name| {
        word.starts_with(name.as_bytes()) || word.starts_with(name.trim_start_matches('-').as_bytes())
    });
    match field {
        Some(field) if named || error.to_string().contains("number out of range") => not_finite(&field),
        field => Fault { field, code: "BAD_JSON", message: error.to_string() },
    }
}

fn not_finite(field: &str) -> Fault {
    Fault::of(field, "NOT_FINITE", "must be a finite number")
}

fn is_not_finite(text: &str) -> bool {
    text.parse::<f64>().is_ok_and(|number| !number.is_finite())
}

/// The last known `"name":` before the error.
fn name_before(before: &[u8]) -> Option<String> {
    FIELDS
        .iter()
        .filter_map(|field| {
            let quoted = format!("\"{}\"", field.name);
            let found = before.windows(quoted.len()).rposition(|window| window == quoted.as_bytes())?;
            let after = before[found + quoted.len()..].iter().find(|byte| !byte.is_ascii_whitespace());
            (after == Some(&b':')).then_some((found, field.name))
        })
        .max()
        .map(|(_, name)| name.to_owned())
}
