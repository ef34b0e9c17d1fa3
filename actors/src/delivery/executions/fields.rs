//! Reads the fields of a pipeline's JSON and collects every problem with its path. Spinnaker's clients often write
//! numbers as texts, so both are accepted.

use serde_json::Value;
use troupe_statistics::canary::Problem;

/// One object of the definition.
pub(super) struct Fields<'a> {
    pub(super) value: &'a Value,
    pub(super) path: String,
    pub(super) problems: &'a mut Vec<Problem>,
}

impl Fields<'_> {
    pub(super) fn wrong(&mut self, field: &str, why: impl Into<String>) {
        let dot = if self.path.is_empty() || field.is_empty() { "" } else { "." };
        let path = format!("{}{dot}{field}", self.path);
        self.problems.push(Problem { path, why: why.into() });
    }

    fn given(&self, field: &str) -> Option<&Value> {
        self.value.get(field).filter(|value| !value.is_null())
    }

    pub(super) fn has(&self, field: &str) -> bool {
        self.given(field).is_some()
    }

    pub(super) fn any(&self, field: &str) -> Value {
        self.given(field).cloned().unwrap_or(Value::Null)
    }

    /// A text, or a number as text.
    pub(super) fn text(&mut self, field: &str) -> Option<String> {
        match self.given(field)? {
            Value::String(text) if text.len() <= 4_096 => Some(text.clone()),
            Value::Number(number) => Some(number.to_string()),
            Value::String(_) => {
                self.wrong(field, "give at most 4096 bytes");
                None
            }
            _ => {
                self.wrong(field, "give a text");
                None
            }
        }
    }

    pub(super) fn needed(&mut self, field: &str, why: &str) -> String {
        match self.text(field) {
            Some(text) if !text.trim().is_empty() => text,
            _ if self.given(field).is_some_and(|value| !value.is_string()) => String::new(),
            _ => {
                self.wrong(field, why);
                String::new()
            }
        }
    }

    pub(super) fn flag(&mut self, field: &str, absent: bool) -> bool {
        match self.given(field) {
            None => absent,
            Some(Value::Bool(flag)) => *flag,
            Some(Value::String(text)) if matches!(text.as_str(), "true" | "false") => text == "true",
            Some(_) => {
                self.wrong(field, "give true or false");
                absent
            }
        }
    }

    /// A number within the bounds, which are inclusive.
    pub(super) fn number(&mut self, field: &str, absent: f64, bounds: (f64, f64)) -> f64 {
        let read = match self.given(field) {
            None => return absent,
            Some(Value::Number(number)) => number.as_f64(),
            Some(Value::String(text)) => text.trim().parse::<f64>().ok(),
            Some(_) => None,
        };
        match read.filter(|number| *number >= bounds.0 && *number <= bounds.1) {
            Some(number) => number,
            None => {
                self.wrong(field, format!("give a number from {} to {}", bounds.0, bounds.1));
                absent
            }
        }
    }

    pub(super) fn list(&mut self, field: &str) -> Vec<Value> {
        match self.given(field) {
            None => Vec::new(),
            Some(Value::Array(values)) => values.clone(),
            Some(_) => {
                self.wrong(field, "give a list");
                Vec::new()
            }
        }
    }

    pub(super) fn texts(&mut self, field: &str) -> Vec<String> {
        let values = self.list(field);
        let mut texts = Vec::with_capacity(values.len());
        for (at, value) in values.into_iter().enumerate() {
            match value {
                Value::String(text) => texts.push(text),
                Value::Number(number) => texts.push(number.to_string()),
                _ => self.wrong(&format!("{field}[{at}]"), "give a text"),
            }
        }
        texts
    }

    pub(super) fn object(&mut self, field: &str) -> serde_json::Map<String, Value> {
        match self.given(field) {
            None => serde_json::Map::new(),
            Some(Value::Object(fields)) => fields.clone(),
            Some(_) => {
                self.wrong(field, "give an object");
                serde_json::Map::new()
            }
        }
    }

    /// Milliseconds, from the first of these fields that is present: in milliseconds, in minutes or as an ISO 8601
    /// duration.
    pub(super) fn time(&mut self, names: &[(&str, Unit)], bounds: (u64, u64)) -> Option<u64> {
        let (field, unit) = names.iter().find(|(field, _)| self.given(field).is_some())?;
        let read = match (unit, self.given(field)) {
            (Unit::Iso, Some(Value::String(text))) => iso_ms(text),
            (Unit::Iso, _) => None,
            (unit, Some(Value::Number(number))) => number.as_f64().and_then(|number| unit.ms(number)),
            (unit, Some(Value::String(text))) => text.trim().parse().ok().and_then(|number| unit.ms(number)),
            _ => None,
        };
        let read = read.filter(|ms| (bounds.0..=bounds.1).contains(ms));
        if read.is_none() {
            let (least, most) = (bounds.0 as f64 / 1_000.0, bounds.1 as f64 / 1_000.0);
            let how = if *unit == Unit::Iso { ", as PT90S, PT30M or PT1H" } else { "" };
            self.wrong(field, format!("give {least} to {most} seconds{how}"));
        }
        read
    }
}

/// The unit of a time field.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Unit {
    /// Milliseconds.
    Ms,
    /// Minutes, with fractions.
    Minutes,
    /// `PT1H30M`.
    Iso,
}

impl Unit {
    #[allow(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "negative and infinite values are refused"
    )]
    fn ms(self, number: f64) -> Option<u64> {
        let ms = if self == Self::Minutes { number * 60_000.0 } else { number };
        (0.0..1e15).contains(&ms).then_some(ms.round() as u64)
    }
}

/// Milliseconds of an ISO 8601 duration of days, hours, minutes and seconds.
pub(super) fn iso_ms(text: &str) -> Option<u64> {
    let (days, time) = match text.strip_prefix('P')?.split_once('T') {
        Some((days, time)) => (days, time),
        None => (text.strip_prefix('P')?, ""),
    };
    let mut ms = 0.0;
    let mut any = false;
    for (part, units) in
        [(days, [('D', 86_400_000.0)].as_slice()), (time, &[('H', 3.6e6), ('M', 6e4), ('S', 1e3)])]
    {
        let mut rest = part;
        for (letter, unit) in units {
            if let Some((number, after)) = rest.split_once(*letter) {
                ms += number.parse::<f64>().ok().filter(|number| *number >= 0.0)? * unit;
                rest = after;
                any = true;
            }
        }
        if !rest.is_empty() {
            return None;
        }
    }
    any.then(|| Unit::Ms.ms(ms)).flatten()
}
