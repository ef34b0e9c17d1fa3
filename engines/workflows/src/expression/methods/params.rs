//! `params`: access to the parameters, steps and signals of the run.

use super::{Call, Ran};
use crate::expression::machine::Machine;
use crate::expression::object::Object;
use crate::params::Value;

pub(super) fn call(machine: &mut Machine<'_>, call: &Call<'_>) -> Ran {
    let facts = machine.facts;
    let missing = |what: String| call.wrong(what, "name an existing one that is known at that time");
    let found = |value: Option<Value>, what: String| value.map(Object::from).ok_or_else(|| missing(what));
    match (call.name, call.arguments) {
        ("get", [_]) => {
            let name = call.text(0)?;
            found((machine.names)(&name), format!("parameter {name} does not exist"))
        }
        ("getOrDefault", [_, otherwise]) => {
            Ok((machine.names)(&call.text(0)?).map_or_else(|| otherwise.clone(), Object::from))
        }
        ("containsKey", [_]) => Ok(Object::Boolean((machine.names)(&call.text(0)?).is_some())),
        ("getFromInstance", [_]) => Ok(facts.of_instance(&call.text(0)?).map_or(Object::Null, Object::from)),
        ("getFromStep", [_]) => {
            let field = call.text(0)?;
            found(facts.of_own_step(&field), format!("the step has no {field}"))
        }
        ("getFromStep", [_, _]) => {
            let (step, param) = (call.text(0)?, call.text(1)?);
            if !facts.is_step(&step) {
                return Err(missing(format!("step {step} does not exist")));
            }
            found(facts.of_step(&step, &param), format!("step {step} has no parameter {param} yet"))
        }
        ("getFromSignal", [_]) => {
            let param = call.text(0)?;
            found(facts.of_trigger(&param), format!("the instance was not started by a signal with {param}"))
        }
        ("getFromSignal", [_, _]) => {
            let (signal, param) = (call.text(0)?, call.text(1)?);
            let what = format!("the instance was not started by a signal {signal} with {param}");
            found(facts.of_signal(&signal, &param), what)
        }
        ("getFromSignalOrDefault", [_, _, otherwise]) => {
            let value = facts.of_signal(&call.text(0)?, &call.text(1)?);
            Ok(value.map_or_else(|| otherwise.clone(), Object::from))
        }
        ("getFromSignalDependency", [_, _]) => {
            let (index, param) = (call.long(0)?, call.text(1)?);
            let value =
                usize::try_from(index).ok().and_then(|index| facts.of_signal_dependency(index, &param));
            found(value, format!("the step waited for no signal {index} with {param}"))
        }
        ("getFromForeach", [_, _, _]) => {
            let (foreach, step, param) = (call.text(0)?, call.text(1)?, call.text(2)?);
            let what = format!("foreach {foreach} has no parameter {param} of step {step}");
            match found(facts.of_foreach(&foreach, &step, &param), what)? {
                array @ Object::Array(_) => {
                    machine.charge(call.at, array.weight())?;
                    Ok(array)
                }
                other => {
                    Err(missing(format!("{param} of foreach {foreach} is {} and no array", other.sort())))
                }
            }
        }
        ("getFromSubworkflow", [_, _, _]) => {
            let (subworkflow, step, param) = (call.text(0)?, call.text(1)?, call.text(2)?);
            let what = format!("subworkflow {subworkflow} has no parameter {param} of step {step}");
            found(facts.of_subworkflow(&subworkflow, &step, &param), what)
        }
        ("nextUniqueId", []) => {
            let id = super::classes::next_id(machine);
            Ok(Object::Long(i64::try_from(id >> 1).unwrap_or(i64::MAX)))
        }
        ("getExecutionEnvironment", []) => Ok(Object::text(facts.environment())),
        _ => Err(call.unknown("params")),
    }
}
