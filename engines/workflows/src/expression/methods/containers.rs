//! Methods of arrays and maps.

use std::cell::RefCell;
use std::rc::Rc;

use super::{Call, Ran};
use crate::Ordered;
use crate::expression::ast::Element;
use crate::expression::machine::Machine;
use crate::expression::object::{Array, Object};
use crate::expression::operators::equal;

fn len(len: usize) -> Ran {
    Ok(Object::Long(i64::try_from(len).unwrap_or(i64::MAX)))
}

pub(super) fn array(machine: &mut Machine<'_>, array: &Rc<Array>, call: &Call<'_>) -> Ran {
    let values = array.values.borrow();
    match (call.name, call.arguments) {
        ("size" | "length", []) => len(values.len()),
        ("isEmpty", []) => Ok(Object::Boolean(values.is_empty())),
        ("get", [_]) => {
            let index = call.long(0)?;
            let found = usize::try_from(index).ok().and_then(|index| values.get(index)).cloned();
            found.ok_or_else(|| {
                let what = format!("index {index} is outside an array of {}", values.len());
                call.wrong(what, "count from 0 to one less than its length")
            })
        }
        ("contains", [wanted]) => {
            machine.work(call.at, values.len())?;
            Ok(Object::Boolean(values.iter().any(|value| equal(value, wanted))))
        }
        ("indexOf", [wanted]) => {
            machine.work(call.at, values.len())?;
            match values.iter().position(|value| equal(value, wanted)) {
                Some(place) => len(place),
                None => Ok(Object::Long(-1)),
            }
        }
        _ => Err(call.unknown("an array")),
    }
}

pub(super) fn map(machine: &mut Machine<'_>, map: &Rc<RefCell<Ordered<Object>>>, call: &Call<'_>) -> Ran {
    let get = |key: &str| map.borrow().get(key).cloned();
    match (call.name, call.arguments) {
        ("size", []) => len(map.borrow().len()),
        ("isEmpty", []) => Ok(Object::Boolean(map.borrow().is_empty())),
        ("get", [_]) => Ok(get(&call.text(0)?).unwrap_or(Object::Null)),
        ("getOrDefault", [_, otherwise]) => Ok(get(&call.text(0)?).unwrap_or_else(|| otherwise.clone())),
        ("containsKey", [_]) => Ok(Object::Boolean(get(&call.text(0)?).is_some())),
        ("put", [_, value]) => {
            let key = call.text(0)?;
            let before = get(&key).unwrap_or(Object::Null);
            machine.put(call.at, map, &key, value)?;
            Ok(before)
        }
        ("remove", [_]) => {
            let key = call.text(0)?;
            machine.work(call.at, map.borrow().len() / 16)?;
            Ok(map.borrow_mut().shift_remove(&key).unwrap_or(Object::Null))
        }
        ("keySet" | "keys", []) => {
            let keys: Vec<String> = map.borrow().keys().cloned().collect();
            machine.room(call.at, keys.len())?;
            let keys = keys.into_iter().map(|key| machine.text(call.at, key)).collect::<Result<_, _>>()?;
            Ok(Object::array(Element::Text, keys))
        }
        _ => Err(call.unknown("a map")),
    }
}
