//! Numbers that may be text with parameters: a count, or a duration such as `20 minutes`.

use serde::{Serialize, Serializer};

use crate::tree::{Report, Tree};

/// A non-negative whole number, or a text that becomes one when its `${params}` are filled in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Quantity {
    Number(u64),
    Text(String),
}

impl Quantity {
    pub(crate) fn read(tree: &Tree, path: &str, report: &Report) -> Option<Self> {
        match tree {
            Tree::Long(value) if *value >= 0 => u64::try_from(*value).ok().map(Self::Number),
            Tree::Text(text) => Some(Self::Text(text.clone())),
            other => {
                report.add(
                    path,
                    format!("{} stands where a number belongs", other.sort()),
                    "write a whole number of zero or more, or a string such as \"20 minutes\" or \"${param}\"",
                );
                None
            }
        }
    }

    /// The text, if parameters must be filled in first.
    #[must_use]
    pub fn text(&self) -> Option<&str> {
        match self {
            Self::Number(_) => None,
            Self::Text(text) => Some(text),
        }
    }

    /// Whether its value depends on parameters.
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.text().is_some_and(|text| text.contains('$'))
    }

    /// The number; `None` if the text is not a number.
    #[must_use]
    pub fn count(&self) -> Option<u64> {
        match self {
            Self::Number(value) => Some(*value),
            Self::Text(text) => text.trim().parse().ok(),
        }
    }

    /// The duration in milliseconds: a bare number is seconds, a text has units as in `1 day`, `2h 30min`, `100s`,
    /// `1500 ms`.
    #[must_use]
    pub fn millis(&self) -> Option<u64> {
        match self {
            Self::Number(seconds) => seconds.checked_mul(1000),
            Self::Text(text) => match text.trim().parse::<u64>() {
                Ok(seconds) => seconds.checked_mul(1000),
                Err(_) => duration(text),
            },
        }
    }
}

const UNITS: [(u64, &[&str]); 5] = [
    (86_400_000, &["d", "day", "days"]),
    (3_600_000, &["h", "hour", "hours"]),
    (60_000, &["min", "minute", "minutes", "m"]),
    (1000, &["s", "sec", "second", "seconds"]),
    (1, &["ms", "millisecond", "milliseconds"]),
];

/// Numbers with units, one after the other, in any order of units.
fn duration(text: &str) -> Option<u64> {
    let mut total = 0_u64;
    let lower = text.to_ascii_lowercase();
    let mut rest = lower.trim();
    if rest.is_empty() {
        return None;
    }
    while !rest.is_empty() {
        let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
        let (number, after) = rest.split_at(digits);
        let after = after.trim_start();
        let letters = after.bytes().take_while(u8::is_ascii_alphabetic).count();
        let (unit, next) = after.split_at(letters);
        let (millis, _) = UNITS.iter().find(|(_, names)| names.contains(&unit))?;
        total = total.checked_add(number.parse::<u64>().ok()?.checked_mul(*millis)?)?;
        rest = next.trim_start_matches([' ', ',']);
    }
    Some(total)
}

impl From<u64> for Quantity {
    fn from(value: u64) -> Self {
        Self::Number(value)
    }
}

impl Serialize for Quantity {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Number(value) => serializer.serialize_u64(*value),
            Self::Text(text) => serializer.serialize_str(text),
        }
    }
}

super::read_from_tree!(Quantity);
