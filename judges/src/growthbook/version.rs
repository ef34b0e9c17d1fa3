//! Numbers and versions as JavaScript writes and compares them.

use serde_json::Value;

/// A number as `String(number)` writes it.
pub(super) fn number_text(x: f64) -> String {
    if x == 0.0 {
        return "0".to_owned();
    }
    if x.is_nan() {
        return "NaN".to_owned();
    }
    if x.is_infinite() {
        return if x > 0.0 { "Infinity" } else { "-Infinity" }.to_owned();
    }
    if (1e-6..1e21).contains(&x.abs()) {
        return format!("{x}");
    }
    let text = format!("{x:e}");
    match text.split_once('e') {
        Some((digits, exponent)) if !exponent.starts_with('-') => format!("{digits}e+{exponent}"),
        _ => text,
    }
}

/// A version so written that comparing texts compares versions: numbers padded, a release after its candidates.
pub(super) fn padded(value: &Value) -> String {
    let text = match value {
        Value::Number(number) => number_text(number.as_f64().unwrap_or(f64::NAN)),
        Value::String(text) if !text.is_empty() => text.clone(),
        _ => "0".to_owned(),
    };
    let text = text.strip_prefix('v').unwrap_or(&text);
    let text = text.split('+').next().unwrap_or_default();
    let mut parts: Vec<&str> = text.split(['-', '.']).collect();
    if parts.len() == 3 {
        parts.push("~");
    }
    let padded = parts.iter().map(|part| {
        let digits = !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
        if digits { format!("{part:>5}") } else { (*part).to_owned() }
    });
    padded.collect::<Vec<_>>().join("-")
}
