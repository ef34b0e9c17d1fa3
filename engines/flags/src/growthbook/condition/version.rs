//! Version strings in a form that compares in version order.

use serde_json::Value;

use super::super::number::js_string;

/// A version as a sortable string. Build metadata and a leading `v` are removed and numbers are padded. A release ends with
/// `~`, which sorts after every prerelease.
pub(super) fn padded(version: &str) -> String {
    let version = if version.is_empty() { "0" } else { version };
    let version = version.strip_prefix('v').unwrap_or(version);
    let version = version.split_once('+').map_or(version, |(version, _)| version);
    let mut out = String::with_capacity(version.len() + 16);
    let mut parts = 0;
    for part in version.split(['-', '.']) {
        if parts > 0 {
            out.push('-');
        }
        if !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit()) {
            out.extend(std::iter::repeat_n(' ', 5_usize.saturating_sub(part.len())));
        }
        out.push_str(part);
        parts += 1;
    }
    if parts == 3 {
        out.push_str("-~");
    }
    out
}

/// The padded version of a value: a number as JavaScript prints it, and 0 for other types.
pub(super) fn of(value: &Value) -> String {
    match value {
        Value::String(text) => padded(text),
        Value::Number(number) => padded(&number.as_f64().map_or_else(String::new, js_string)),
        _ => padded("0"),
    }
}
