//! Values of parameters and expressions.

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::Ordered;
use crate::definition::ParamType;
use crate::tree::Tree;

/// A value. Arrays have one element type; maps may have mixed types.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    Null,
    String(String),
    Long(i64),
    Double(f64),
    Boolean(bool),
    StringArray(Vec<String>),
    LongArray(Vec<i64>),
    DoubleArray(Vec<f64>),
    BooleanArray(Vec<bool>),
    Map(Ordered<Value>),
}

impl Value {
    /// The type name, for messages.
    #[must_use]
    pub fn sort(&self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::String(_) => "a string",
            Self::Long(_) => "a long",
            Self::Double(_) => "a double",
            Self::Boolean(_) => "a boolean",
            Self::StringArray(_) => "an array of strings",
            Self::LongArray(_) => "an array of longs",
            Self::DoubleArray(_) => "an array of doubles",
            Self::BooleanArray(_) => "an array of booleans",
            Self::Map(_) => "a map",
        }
    }

    /// The text for interpolation: scalars bare, arrays and maps as JSON.
    #[must_use]
    pub fn to_text(&self) -> String {
        match self {
            Self::Null => "null".to_owned(),
            Self::String(text) => text.clone(),
            Self::Long(value) => value.to_string(),
            Self::Double(value) => java_double(*value),
            Self::Boolean(value) => value.to_string(),
            other => serde_json::to_string(other).unwrap_or_default(),
        }
    }

    /// The value as JSON.
    #[must_use]
    pub fn to_json(&self) -> serde_json::Value {
        serde_json::to_value(self).unwrap_or_default()
    }

    /// Reads JSON as a given type.
    #[must_use]
    pub fn from_json(json: &serde_json::Value, wanted: ParamType) -> Option<Self> {
        Self::plain(&Tree::from(json)).as_type(wanted)
    }

    /// Reads JSON with its own type.
    #[must_use]
    pub fn plain_of(json: &serde_json::Value) -> Self {
        Self::plain(&Tree::from(json))
    }

    /// The length of an array.
    #[must_use]
    pub fn array_len(&self) -> Option<usize> {
        match self {
            Self::StringArray(values) => Some(values.len()),
            Self::LongArray(values) => Some(values.len()),
            Self::DoubleArray(values) => Some(values.len()),
            Self::BooleanArray(values) => Some(values.len()),
            _ => None,
        }
    }

    /// An element of an array.
    #[must_use]
    pub fn element(&self, index: usize) -> Option<Self> {
        match self {
            Self::StringArray(values) => values.get(index).cloned().map(Self::String),
            Self::LongArray(values) => values.get(index).copied().map(Self::Long),
            Self::DoubleArray(values) => values.get(index).copied().map(Self::Double),
            Self::BooleanArray(values) => values.get(index).copied().map(Self::Boolean),
            _ => None,
        }
    }

    /// Converts without loss: numbers and booleans to strings, longs to doubles, numeric texts to numbers, an empty
    /// array to an array of any type.
    #[must_use]
    pub fn as_type(self, wanted: ParamType) -> Option<Self> {
        Some(match (wanted, self) {
            (ParamType::String, value @ Self::String(_))
            | (ParamType::Long, value @ Self::Long(_))
            | (ParamType::Double, value @ Self::Double(_))
            | (ParamType::Boolean, value @ Self::Boolean(_))
            | (ParamType::StringArray, value @ Self::StringArray(_))
            | (ParamType::LongArray, value @ Self::LongArray(_))
            | (ParamType::DoubleArray, value @ Self::DoubleArray(_))
            | (ParamType::BooleanArray, value @ Self::BooleanArray(_))
            | (ParamType::Map, value @ Self::Map(_)) => value,
            (ParamType::String, value @ (Self::Long(_) | Self::Double(_) | Self::Boolean(_))) => {
                Self::String(value.to_text())
            }
            (ParamType::Long, Self::String(text)) => Self::Long(text.trim().parse().ok()?),
            (ParamType::Double, Self::Long(value)) => Self::Double(long_to_double(value)),
            (ParamType::Double, Self::String(text)) => {
                Self::Double(text.trim().parse::<f64>().ok().filter(|value| value.is_finite())?)
            }
            (ParamType::Boolean, Self::String(text)) if text.eq_ignore_ascii_case("true") => {
                Self::Boolean(true)
            }
            (ParamType::Boolean, Self::String(text)) if text.eq_ignore_ascii_case("false") => {
                Self::Boolean(false)
            }
            (ParamType::DoubleArray, Self::LongArray(values)) => {
                Self::DoubleArray(values.into_iter().map(long_to_double).collect())
            }
            (ParamType::StringArray, array) if array.array_len().is_some() => {
                let len = array.array_len().unwrap_or(0);
                Self::StringArray(
                    (0..len).filter_map(|at| array.element(at)).map(|one| one.to_text()).collect(),
                )
            }
            (ParamType::LongArray, Self::StringArray(values)) => {
                Self::LongArray(values.iter().map(|text| text.parse().ok()).collect::<Option<_>>()?)
            }
            (ParamType::DoubleArray, Self::StringArray(values)) if values.is_empty() => {
                Self::DoubleArray(Vec::new())
            }
            (ParamType::BooleanArray, Self::StringArray(values)) if values.is_empty() => {
                Self::BooleanArray(Vec::new())
            }
            (ParamType::StringMap, Self::Map(entries)) => {
                let strings = entries.into_iter().map(|(key, value)| match value {
                    Self::Null | Self::Map(_) => None,
                    value if value.array_len().is_some() => None,
                    value => Some((key, Self::String(value.to_text()))),
                });
                Self::Map(strings.collect::<Option<_>>()?)
            }
            _ => return None,
        })
    }

    /// A value of a tree, with the type of its notation.
    pub(crate) fn plain(tree: &Tree) -> Self {
        match tree {
            Tree::Null => Self::Null,
            Tree::Boolean(value) => Self::Boolean(*value),
            Tree::Long(value) => Self::Long(*value),
            Tree::Double(value) => Self::Double(*value),
            Tree::Text(text) => Self::String(text.clone()),
            Tree::Map(entries) => {
                Self::Map(entries.iter().map(|(key, value)| (key.clone(), Self::plain(value))).collect())
            }
            Tree::List(values) => array(values),
        }
    }

    /// Approximate bytes, for limits.
    #[must_use]
    pub fn weight(&self) -> usize {
        match self {
            Self::Null | Self::Long(_) | Self::Double(_) | Self::Boolean(_) => 16,
            Self::String(text) => 16 + text.len(),
            Self::StringArray(values) => 16 + values.iter().map(|text| 16 + text.len()).sum::<usize>(),
            Self::LongArray(values) => 16 + 8 * values.len(),
            Self::DoubleArray(values) => 16 + 8 * values.len(),
            Self::BooleanArray(values) => 16 + values.len(),
            Self::Map(entries) => {
                16 + entries.iter().map(|(key, value)| 16 + key.len() + value.weight()).sum::<usize>()
            }
        }
    }
}

/// A list as the narrowest array type that fits; otherwise as strings.
fn array(values: &[Tree]) -> Value {
    let longs = values.iter().map(|value| match value {
        Tree::Long(value) => Some(*value),
        _ => None,
    });
    let doubles = values.iter().map(|value| match value {
        Tree::Long(value) => Some(long_to_double(*value)),
        Tree::Double(value) => Some(*value),
        _ => None,
    });
    let booleans = values.iter().map(|value| match value {
        Tree::Boolean(value) => Some(*value),
        _ => None,
    });
    if values.is_empty() {
        return Value::StringArray(Vec::new());
    }
    if let Some(values) = longs.collect() {
        return Value::LongArray(values);
    }
    if let Some(values) = doubles.collect() {
        return Value::DoubleArray(values);
    }
    if let Some(values) = booleans.collect() {
        return Value::BooleanArray(values);
    }
    Value::StringArray(values.iter().map(|value| Value::plain(value).to_text()).collect())
}

#[expect(clippy::cast_precision_loss, reason = "Java widens a long to a double the same way")]
pub(crate) fn long_to_double(value: i64) -> f64 {
    value as f64
}

/// A double in Java's format: `1.0`, `0.1`, `1.0E10`.
#[must_use]
pub(crate) fn java_double(value: f64) -> String {
    if value.is_nan() {
        return "NaN".to_owned();
    }
    if value.is_infinite() {
        return if value > 0.0 { "Infinity" } else { "-Infinity" }.to_owned();
    }
    let size = value.abs();
    if size == 0.0 || (1e-3..1e7).contains(&size) {
        return format!("{value:?}");
    }
    let text = format!("{value:E}");
    match text.split_once('E') {
        Some((digits, power)) if !digits.contains('.') => format!("{digits}.0E{power}"),
        _ => text,
    }
}

impl Serialize for Value {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Null => serializer.serialize_unit(),
            Self::String(value) => serializer.serialize_str(value),
            Self::Long(value) => serializer.serialize_i64(*value),
            Self::Double(value) => serializer.serialize_f64(*value),
            Self::Boolean(value) => serializer.serialize_bool(*value),
            Self::StringArray(values) => values.serialize(serializer),
            Self::LongArray(values) => super::serialize_longs(values, serializer),
            Self::DoubleArray(values) => values.serialize(serializer),
            Self::BooleanArray(values) => values.serialize(serializer),
            Self::Map(entries) => entries.serialize(serializer),
        }
    }
}

/// Reads the type from the notation; [`Value::as_type`] converts to a declared type.
impl<'de> Deserialize<'de> for Value {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Self::plain(&Tree::deserialize(deserializer)?))
    }
}

impl From<&str> for Value {
    fn from(value: &str) -> Self {
        Self::String(value.to_owned())
    }
}

impl From<String> for Value {
    fn from(value: String) -> Self {
        Self::String(value)
    }
}

impl From<i64> for Value {
    fn from(value: i64) -> Self {
        Self::Long(value)
    }
}

impl From<bool> for Value {
    fn from(value: bool) -> Self {
        Self::Boolean(value)
    }
}
