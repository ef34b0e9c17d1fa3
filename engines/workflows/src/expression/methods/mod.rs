//! Methods, fields and constructors. A program cannot use any others.

mod classes;
mod containers;
mod params;
mod strings;
mod times;
mod util_class;

use std::cell::RefCell;
use std::rc::Rc;

use super::error::Failure;
use super::machine::Machine;
use super::object::Object;
use crate::Ordered;

type Ran = Result<Object, Failure>;

/// A call of a method.
struct Call<'c> {
    at: u32,
    name: &'c str,
    arguments: &'c [Object],
}

impl Call<'_> {
    /// The error for an unknown method.
    fn unknown(&self, of: &str) -> Failure {
        let sorts: Vec<&str> = self.arguments.iter().map(Object::sort).collect();
        let what = format!("{of} has no method {}({})", self.name, sorts.join(", "));
        Failure::value(self.at, what, "use a method of the language with these arguments")
    }

    fn wrong(&self, what: impl Into<String>, fix: &str) -> Failure {
        Failure::value(self.at, what, fix)
    }

    fn long(&self, index: usize) -> Result<i64, Failure> {
        match self.arguments.get(index) {
            Some(Object::Long(value)) => Ok(*value),
            Some(Object::Text(text)) if text.trim().parse::<i64>().is_ok() => {
                Ok(text.trim().parse().unwrap_or_default())
            }
            other => {
                let found = other.map_or("nothing", Object::sort);
                Err(self.wrong(
                    format!("argument {} of {} is {found}", index + 1, self.name),
                    "pass a whole number",
                ))
            }
        }
    }

    fn text(&self, index: usize) -> Result<String, Failure> {
        match self.arguments.get(index) {
            Some(Object::Null) | None => {
                Err(self
                    .wrong(format!("argument {} of {} is nothing", index + 1, self.name), "pass a string"))
            }
            Some(other) => Ok(other.to_text()),
        }
    }
}

pub(super) fn call(machine: &mut Machine<'_>, at: u32, of: &Object, name: &str, arguments: &[Object]) -> Ran {
    let call = Call { at, name, arguments };
    match (name, arguments) {
        ("equals", [other]) if !matches!(of, Object::Null) => {
            return Ok(Object::Boolean(super::operators::equal(of, other)));
        }
        ("toString", []) if !matches!(of, Object::Null | Object::Class(_)) => {
            machine.work(at, of.weight() / 256)?;
            return machine.text(at, of.to_text());
        }
        _ => {}
    }
    match of {
        Object::Text(text) => strings::call(machine, text, &call),
        Object::Array(array) => containers::array(machine, array, &call),
        Object::Map(map) => containers::map(machine, map, &call),
        Object::Time(time) => times::time(machine, time, &call),
        Object::Property(time, unit) => times::property(time, *unit, &call),
        Object::Format(format) => times::format(machine, format, &call),
        Object::Days(days) if name == "getDays" => Ok(Object::Long(*days)),
        Object::Zone(zone) if name == "getID" => Ok(Object::text(zone.iana_name().unwrap_or("UTC"))),
        Object::Long(_) | Object::Double(_) | Object::Boolean(_) => classes::scalar(of, &call),
        Object::Class(class) => match class.as_str() {
            "params" => params::call(machine, &call),
            "Util" => util_class::call(machine, &call),
            _ => classes::call(machine, class, &call),
        },
        Object::Null => {
            Err(call.wrong(format!("{name} is called on null"), "check that it is not null first"))
        }
        other => Err(call.unknown(other.sort())),
    }
}

pub(super) fn field(at: u32, of: &Object, name: &str) -> Ran {
    match (of, name) {
        (Object::Array(array), "length") => {
            Ok(Object::Long(i64::try_from(array.values.borrow().len()).unwrap_or(i64::MAX)))
        }
        (Object::Map(map), key) => Ok(map.borrow().get(key).cloned().unwrap_or(Object::Null)),
        (Object::Class(class), name) => classes::field(at, class, name),
        (of, name) => {
            let what = format!("{} has no field {name}", of.sort());
            Err(Failure::value(at, what, "use a method of it, or length of an array"))
        }
    }
}

pub(super) fn create(machine: &mut Machine<'_>, at: u32, class: &str, arguments: &[Object]) -> Ran {
    let call = Call { at, name: class, arguments };
    match (class, arguments) {
        ("HashMap" | "LinkedHashMap" | "TreeMap" | "Map", []) => {
            machine.charge(at, 64)?;
            Ok(Object::Map(Rc::new(RefCell::new(Ordered::new()))))
        }
        ("DateTime", _) => times::create(machine, &call),
        ("String", [text]) => machine.text(at, text.to_text()),
        ("Error" | "Exception" | "RuntimeException" | "IllegalArgumentException", [text]) => {
            Ok(Object::text(text.to_text()))
        }
        _ => {
            let what = format!("nothing is made by new {class} with {} arguments", arguments.len());
            Err(Failure::value(at, what, "make a HashMap, a DateTime, a String or an array"))
        }
    }
}
