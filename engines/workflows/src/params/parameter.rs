//! A parameter of a run: its definition and its value.

use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};

use super::Value;
use crate::Ordered;
use crate::definition::{ParamDefinition, ParamDefinitions, ParamSource, read_from_tree};
use crate::tree::{Report, Tree};

/// A parameter; its JSON is the definition with `evaluated_result` and `evaluated_time`.
#[derive(Debug, Clone, PartialEq)]
pub struct Parameter {
    pub definition: ParamDefinition,
    pub evaluated: Option<Value>,
    /// Milliseconds since 1970.
    pub evaluated_time: Option<i64>,
}

/// Parameters by name, in the order of their merge.
pub type Parameters = Ordered<Parameter>;

impl Parameter {
    /// A parameter that is not evaluated yet.
    #[must_use]
    pub fn new(definition: ParamDefinition) -> Self {
        Self { definition, evaluated: None, evaluated_time: None }
    }

    /// A parameter that a layer sets to a value.
    #[must_use]
    pub fn evaluated(definition: ParamDefinition, value: Value, at: i64) -> Self {
        Self { definition, evaluated: Some(value), evaluated_time: Some(at) }
    }

    /// A parameter with the type of its value, such as a loop's.
    #[must_use]
    pub fn of(value: Value, source: ParamSource, at: i64) -> Option<Self> {
        let literal = value.clone().into_literal()?;
        let definition = ParamDefinition { source: Some(source), ..ParamDefinition::literal(literal) };
        Some(Self::evaluated(definition, value, at))
    }

    pub(crate) fn read(tree: &Tree, path: &str, report: &Report) -> Option<Self> {
        let mut definition = ParamDefinition::read_at(tree, path, report, 0, true)?;
        definition.meta.shift_remove("evaluated_result");
        definition.meta.shift_remove("evaluated_time");
        let evaluated = match tree.get("evaluated_result") {
            None | Some(Tree::Null) => None,
            Some(result) => {
                let value = Value::plain(result).as_type(definition.param_type);
                if value.is_none() {
                    let what = format!("{} does not fit {}", result.sort(), definition.param_type);
                    report.add(format!("{path}.evaluated_result"), what, "write a value of the type");
                }
                value
            }
        };
        let evaluated_time = match tree.get("evaluated_time") {
            Some(Tree::Long(at)) => Some(*at),
            _ => None,
        };
        Some(Self { definition, evaluated, evaluated_time })
    }
}

/// Definitions as parameters before evaluation.
#[must_use]
pub fn parameters(definitions: ParamDefinitions) -> Parameters {
    definitions.into_iter().map(|(name, definition)| (name, Parameter::new(definition))).collect()
}

impl Value {
    /// The value as a literal; `None` for null.
    #[must_use]
    pub fn into_literal(self) -> Option<crate::definition::Literal> {
        use crate::definition::Literal;
        Some(match self {
            Self::Null => return None,
            Self::String(value) => Literal::String(value),
            Self::Long(value) => Literal::Long(value),
            Self::Double(value) => Literal::Double(value),
            Self::Boolean(value) => Literal::Boolean(value),
            Self::StringArray(values) => Literal::StringArray(values),
            Self::LongArray(values) => Literal::LongArray(values),
            Self::DoubleArray(values) => Literal::DoubleArray(values),
            Self::BooleanArray(values) => Literal::BooleanArray(values),
            Self::Map(entries) => {
                let definitions = entries.into_iter().map(|(name, value)| {
                    value.into_literal().map(|literal| (name, ParamDefinition::literal(literal)))
                });
                Literal::Map(definitions.collect::<Option<_>>()?)
            }
        })
    }
}

impl Serialize for Parameter {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        self.definition.entries(&mut map)?;
        if let Some(value) = &self.evaluated {
            map.serialize_entry("evaluated_result", value)?;
        }
        if let Some(at) = &self.evaluated_time {
            map.serialize_entry("evaluated_time", at)?;
        }
        map.end()
    }
}

read_from_tree!(Parameter);
