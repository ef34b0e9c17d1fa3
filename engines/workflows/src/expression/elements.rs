//! Reads and writes of arrays, maps and variables.

use std::cell::RefCell;
use std::rc::Rc;

use super::ast::{Binary, Element, Expr, Expression};
use super::classes::is_class;
use super::error::Failure;
use super::machine::{Machine, Ran};
use super::object::Object;
use super::operators;
use crate::Ordered;

/// Nesting limit of maps.
const DEPTH_MAX: usize = 30;

impl<'a> Machine<'a> {
    #[inline(never)]
    pub(super) fn empty(&mut self, at: u32, element: Element, size: &'a Expr) -> Ran<Object> {
        let size = match self.evaluate(size)? {
            Object::Long(size) if size >= 0 => usize::try_from(size).unwrap_or(usize::MAX),
            other => {
                let what = format!("{} is not an array size", other.to_text());
                return Err(Failure::value(at, what, "use a whole number of zero or more"));
            }
        };
        self.room(at, size)?;
        let first = match element {
            Element::Text => Object::Null,
            Element::Long => Object::Long(0),
            Element::Double => Object::Double(0.0),
            Element::Boolean => Object::Boolean(false),
        };
        Ok(Object::array(element, vec![first; size]))
    }

    pub(super) fn element(&mut self, at: u32, of: &Object, index: &Object) -> Ran<Object> {
        match (of, index) {
            (Object::Array(array), Object::Long(index)) => {
                let values = array.values.borrow();
                let found = usize::try_from(*index).ok().and_then(|index| values.get(index)).cloned();
                found.ok_or_else(|| {
                    let what = format!("index {index} is outside an array of {}", values.len());
                    Failure::value(at, what, "count from 0 to one less than its length")
                })
            }
            (Object::Map(map), Object::Text(key)) => {
                Ok(map.borrow().get(&**key).cloned().unwrap_or(Object::Null))
            }
            (Object::Class(class), Object::Text(key)) if class == "params" => self.name(at, key),
            _ => {
                let what = format!("{} has no element under {}", of.sort(), index.sort());
                Err(Failure::value(at, what, "index an array by number, a map by string"))
            }
        }
    }

    #[inline(never)]
    pub(super) fn assign(
        &mut self,
        at: u32,
        target: &'a Expr,
        operator: Option<Binary>,
        value: &'a Expr,
    ) -> Ran<Object> {
        let value = match operator {
            None => self.evaluate(value)?,
            Some(operator) => {
                let before = self.evaluate(target)?;
                let value = self.evaluate(value)?;
                operators::binary(self, at, operator, &before, &value)?
            }
        };
        self.store(at, target, value.clone())?;
        Ok(value)
    }

    #[inline(never)]
    pub(super) fn count(&mut self, at: u32, target: &'a Expr, by: i64, before: bool) -> Ran<Object> {
        let old = self.evaluate(target)?;
        let new = operators::binary(self, at, Binary::Add, &old, &Object::Long(by))?;
        self.store(at, target, new.clone())?;
        Ok(if before { old } else { new })
    }

    fn store(&mut self, at: u32, target: &'a Expr, value: Object) -> Ran<()> {
        match &target.is {
            Expression::Name(name) => {
                if is_class(name) {
                    return Err(Failure::value(at, format!("{name} cannot be set"), "use another name"));
                }
                self.set(name, value);
                Ok(())
            }
            Expression::Index(of, index) => {
                let (of, index) = (self.evaluate(of)?, self.evaluate(index)?);
                match (of, index) {
                    (Object::Array(array), Object::Long(index)) => {
                        let value = fitting(at, array.element, value)?;
                        let mut values = array.values.borrow_mut();
                        let len = values.len();
                        match usize::try_from(index).ok().and_then(|index| values.get_mut(index)) {
                            Some(place) => *place = value,
                            None => {
                                let what = format!("index {index} is outside an array of {len}");
                                return Err(Failure::value(
                                    at,
                                    what,
                                    "count from 0 to one less than its length",
                                ));
                            }
                        }
                        Ok(())
                    }
                    (Object::Map(map), Object::Text(key)) => self.put(at, &map, &key, &value),
                    (of, _) => Err(Failure::value(
                        at,
                        format!("{} has no elements to set", of.sort()),
                        "set an array's",
                    )),
                }
            }
            _ => Err(Failure::value(at, "this cannot be set", "assign to a variable or an element")),
        }
    }

    pub(super) fn put(
        &mut self,
        at: u32,
        map: &Rc<RefCell<Ordered<Object>>>,
        key: &str,
        value: &Object,
    ) -> Ran<()> {
        let len = map.borrow().len();
        if len >= self.limits.elements {
            return Err(Failure::limit(at, format!("a map has {len} entries already"), "keep maps smaller"));
        }
        if value.depth() >= DEPTH_MAX {
            let what = format!("maps are nested deeper than {DEPTH_MAX} levels");
            return Err(Failure::limit(at, what, "make them flatter"));
        }
        let weight = value.weight();
        self.charge(at, 64 + key.len() + weight)?;
        self.work(at, weight / 32)?;
        let value = value.apart();
        map.borrow_mut().insert(key.to_owned(), value);
        Ok(())
    }
}

/// An array of the declared type, or of its first element's type.
pub(super) fn array(at: u32, element: Option<Element>, values: Vec<Object>) -> Ran<Object> {
    let element = element.unwrap_or(match values.first() {
        Some(Object::Long(_)) if values.iter().any(|value| matches!(value, Object::Double(_))) => {
            Element::Double
        }
        Some(Object::Long(_)) => Element::Long,
        Some(Object::Double(_)) => Element::Double,
        Some(Object::Boolean(_)) => Element::Boolean,
        _ => Element::Text,
    });
    let values = values.into_iter().map(|value| fitting(at, element, value)).collect::<Ran<_>>()?;
    Ok(Object::array(element, values))
}

/// A value as an element of an array.
fn fitting(at: u32, element: Element, value: Object) -> Ran<Object> {
    match (element, value) {
        (Element::Text, value @ (Object::Text(_) | Object::Null))
        | (Element::Long, value @ Object::Long(_))
        | (Element::Double, value @ Object::Double(_))
        | (Element::Boolean, value @ Object::Boolean(_)) => Ok(value),
        (Element::Double, Object::Long(value)) => Ok(Object::Double(crate::params::long_to_double(value))),
        (Element::Text, value @ (Object::Long(_) | Object::Double(_) | Object::Boolean(_))) => {
            Ok(Object::text(value.to_text()))
        }
        (_, value) => {
            Err(Failure::value(at, format!("{} does not fit the array", value.sort()), "keep to one type"))
        }
    }
}
