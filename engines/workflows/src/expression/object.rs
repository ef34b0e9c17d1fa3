//! Values of a running program: those of parameters, and dates with their zones and formats.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;

use jiff::ZonedDateTime as Zoned;
use jiff::tz::TimeZone;

use super::ast::Element;
use super::dates::{Format, Unit};
use crate::Ordered;
use crate::params::Value;

/// A value. Variables share arrays and maps by reference, as in Java; a map stores copies.
#[derive(Debug, Clone)]
pub(super) enum Object {
    Null,
    Long(i64),
    Double(f64),
    Boolean(bool),
    Text(Arc<str>),
    Array(Rc<Array>),
    Map(Rc<RefCell<Ordered<Object>>>),
    Time(Box<Zoned>),
    Zone(TimeZone),
    Format(Rc<Format>),
    /// `dateTime.monthOfYear()`
    Property(Box<Zoned>, Unit),
    Days(i64),
    /// `Math`, `params` ...
    Class(String),
}

#[derive(Debug)]
pub(super) struct Array {
    pub(super) element: Element,
    pub(super) values: RefCell<Vec<Object>>,
}

impl Object {
    pub(super) fn text(text: impl AsRef<str>) -> Self {
        Self::Text(text.as_ref().into())
    }

    pub(super) fn array(element: Element, values: Vec<Self>) -> Self {
        Self::Array(Rc::new(Array { element, values: RefCell::new(values) }))
    }

    pub(super) fn time(time: Zoned) -> Self {
        Self::Time(Box::new(time))
    }

    /// The type name, for messages.
    pub(super) fn sort(&self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::Long(_) => "a long",
            Self::Double(_) => "a double",
            Self::Boolean(_) => "a boolean",
            Self::Text(_) => "a string",
            Self::Array(_) => "an array",
            Self::Map(_) => "a map",
            Self::Time(_) => "a DateTime",
            Self::Zone(_) => "a DateTimeZone",
            Self::Format(_) => "a DateTimeFormatter",
            Self::Property(..) => "a DateTime's property",
            Self::Days(_) => "a number of days",
            Self::Class(_) => "a class",
        }
    }

    /// The value as a string.
    pub(super) fn to_text(&self) -> String {
        match self {
            Self::Null => "null".to_owned(),
            Self::Long(value) => value.to_string(),
            Self::Double(value) => crate::params::java_double(*value),
            Self::Boolean(value) => value.to_string(),
            Self::Text(text) => text.to_string(),
            Self::Array(_) | Self::Map(_) => {
                self.clone().value().map(|value| value.to_text()).unwrap_or_default()
            }
            Self::Time(time) => super::dates::iso(time),
            Self::Zone(zone) => zone.iana_name().unwrap_or("UTC").to_owned(),
            Self::Format(_) => "DateTimeFormatter".to_owned(),
            Self::Property(time, unit) => unit.get(time).to_string(),
            Self::Days(days) => format!("P{days}D"),
            Self::Class(name) => name.clone(),
        }
    }

    /// Approximate bytes in memory.
    pub(super) fn weight(&self) -> usize {
        match self {
            Self::Text(text) => 32 + text.len(),
            Self::Array(array) => 32 + array.values.borrow().iter().map(Self::weight).sum::<usize>(),
            Self::Map(map) => {
                let map = map.borrow();
                32 + map.iter().map(|(key, value)| 32 + key.len() + value.weight()).sum::<usize>()
            }
            Self::Time(_) | Self::Property(..) => 128,
            _ => 32,
        }
    }

    /// The nesting depth of maps.
    pub(super) fn depth(&self) -> usize {
        match self {
            Self::Map(map) => 1 + map.borrow().values().map(Self::depth).max().unwrap_or(0),
            _ => 0,
        }
    }

    /// A deep copy. Maps store deep copies, so a map cannot contain itself.
    pub(super) fn apart(&self) -> Self {
        match self {
            Self::Array(array) => Self::array(array.element, array.values.borrow().clone()),
            Self::Map(map) => {
                let copy = map.borrow().iter().map(|(key, value)| (key.clone(), value.apart())).collect();
                Self::Map(Rc::new(RefCell::new(copy)))
            }
            other => other.clone(),
        }
    }

    /// The value as a result of the program; `None` for classes and formats.
    pub(super) fn value(self) -> Option<Value> {
        Some(match self {
            Self::Null => Value::Null,
            Self::Long(value) | Self::Days(value) => Value::Long(value),
            Self::Double(value) => Value::Double(value),
            Self::Boolean(value) => Value::Boolean(value),
            Self::Text(text) => Value::String(text.to_string()),
            Self::Array(array) => array.value(),
            Self::Map(map) => {
                let entries = map
                    .borrow()
                    .iter()
                    .map(|(key, value)| Some((key.clone(), value.clone().value()?)))
                    .collect::<Option<_>>();
                Value::Map(entries?)
            }
            time @ (Self::Time(_) | Self::Zone(_)) => Value::String(time.to_text()),
            Self::Property(time, unit) => Value::Long(unit.get(&time)),
            Self::Format(_) | Self::Class(_) => return None,
        })
    }
}

impl Array {
    fn value(&self) -> Value {
        let values = self.values.borrow();
        match self.element {
            Element::Text => Value::StringArray(values.iter().map(Object::to_text).collect()),
            Element::Long => Value::LongArray(
                values.iter().map(|one| if let Object::Long(value) = one { *value } else { 0 }).collect(),
            ),
            Element::Double => Value::DoubleArray(
                values
                    .iter()
                    .map(|one| match one {
                        Object::Double(value) => *value,
                        Object::Long(value) => crate::params::long_to_double(*value),
                        _ => 0.0,
                    })
                    .collect(),
            ),
            Element::Boolean => {
                Value::BooleanArray(values.iter().map(|one| matches!(one, Object::Boolean(true))).collect())
            }
        }
    }
}

impl From<Value> for Object {
    fn from(value: Value) -> Self {
        match value {
            Value::Null => Self::Null,
            Value::Long(value) => Self::Long(value),
            Value::Double(value) => Self::Double(value),
            Value::Boolean(value) => Self::Boolean(value),
            Value::String(text) => Self::Text(text.into()),
            Value::StringArray(values) => {
                Self::array(Element::Text, values.into_iter().map(|text| Self::Text(text.into())).collect())
            }
            Value::LongArray(values) => {
                Self::array(Element::Long, values.into_iter().map(Self::Long).collect())
            }
            Value::DoubleArray(values) => {
                Self::array(Element::Double, values.into_iter().map(Self::Double).collect())
            }
            Value::BooleanArray(values) => {
                Self::array(Element::Boolean, values.into_iter().map(Self::Boolean).collect())
            }
            Value::Map(entries) => {
                let entries = entries.into_iter().map(|(key, value)| (key, Self::from(value))).collect();
                Self::Map(Rc::new(RefCell::new(entries)))
            }
        }
    }
}
