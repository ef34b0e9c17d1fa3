//! Evaluation in the order of references: a parameter is evaluated before those that refer to it. A cycle is an error
//! that lists its parameters.

use super::{Facts, Lookup, ParamError, Parameter, Parameters, Scope, Value, referenced};
use crate::Ordered;
use crate::bounds::{PARAMS_BYTES_MAX, PARAMS_MEMORY_MAX};
use crate::definition::{Literal, ParamBody, ParamDefinition, ParamType};
use crate::expression::{Limits, Program};

/// Evaluates a workflow's parameters.
///
/// # Errors
/// With the parameter that failed.
pub fn evaluate_workflow(
    params: &mut Parameters,
    facts: &dyn Facts,
    limits: &Limits,
) -> Result<(), ParamError> {
    evaluate(params, &[], facts, limits)
}

/// Evaluates parameters within outer layers, the nearest first. A name resolves to an evaluated parameter, then to an
/// outer layer, then to a parameter that is not evaluated yet. So a step's `i = i + 1` increments the loop's `i`.
/// Evaluated parameters do not change.
///
/// # Errors
/// With the parameter that failed.
pub fn evaluate(
    params: &mut Parameters,
    outer: &[&dyn Lookup],
    facts: &dyn Facts,
    limits: &Limits,
) -> Result<(), ParamError> {
    let mut work = Work { params, outer, facts, limits, open: Vec::new() };
    for index in 0..work.params.len() {
        work.ensure(index)?;
    }
    within(params, Value::stored_bytes, PARAMS_BYTES_MAX)?;
    within(params, Value::weight, PARAMS_MEMORY_MAX)
}

/// Checks the limit of all values together.
fn within(params: &Parameters, size: fn(&Value) -> usize, bound: usize) -> Result<(), ParamError> {
    let found: usize = params.values().filter_map(|param| param.evaluated.as_ref()).map(size).sum();
    if found > bound { Err(ParamError::TooLarge { found, bound }) } else { Ok(()) }
}

/// Evaluates one definition within evaluated layers.
///
/// # Errors
/// If the evaluation fails, or the value does not fit the type.
pub fn evaluate_one(
    name: &str,
    definition: &ParamDefinition,
    scope: &Scope<'_>,
) -> Result<Value, ParamError> {
    let program = match &definition.body {
        ParamBody::Expression(expression) => Some(parse(name, expression)?),
        _ => None,
    };
    parsed(name, definition, program.as_ref(), scope)
}

fn parse(name: &str, expression: &str) -> Result<Program, ParamError> {
    let error = |source| ParamError::Expression { name: name.to_owned(), source };
    Program::parse(expression).map_err(error)
}

/// Evaluates a definition with its parsed expression, if it has one.
fn parsed(
    name: &str,
    definition: &ParamDefinition,
    program: Option<&Program>,
    scope: &Scope<'_>,
) -> Result<Value, ParamError> {
    let value = match (&definition.body, program) {
        (ParamBody::Literal(literal), _) => of_literal(name, literal, scope)?,
        (_, Some(program)) => scope.run_program(name, program)?,
        (_, None) => return Err(ParamError::Missing { name: name.to_owned() }),
    };
    let found = value.sort();
    let wanted = definition.param_type;
    fit(value, wanted).ok_or(ParamError::Type { name: name.to_owned(), found, wanted: wanted.word() })
}

/// Converts whole doubles, which division makes, to declared longs.
fn fit(value: Value, wanted: ParamType) -> Option<Value> {
    match (value, wanted) {
        #[expect(clippy::cast_possible_truncation, reason = "it is whole and in range")]
        (Value::Double(value), ParamType::Long) if value.fract() == 0.0 && value.abs() < 9e18 => {
            Some(Value::Long(value as i64))
        }
        (value, wanted) => value.as_type(wanted),
    }
}

fn of_literal(name: &str, literal: &Literal, scope: &Scope<'_>) -> Result<Value, ParamError> {
    let fill = |text: &String| {
        let filled = super::fill(text, &|name| scope.value(name));
        filled.map_err(|reference| ParamError::Unknown { name: name.to_owned(), reference })
    };
    Ok(match literal {
        Literal::String(text) => Value::String(fill(text)?),
        Literal::StringArray(texts) => Value::StringArray(texts.iter().map(fill).collect::<Result<_, _>>()?),
        Literal::StringMap(entries) => {
            let mut filled = Ordered::with_capacity(entries.len());
            for (key, text) in entries {
                filled.insert(fill(key)?, Value::String(fill(text)?));
            }
            Value::Map(filled)
        }
        Literal::Map(entries) => {
            let mut values = Ordered::with_capacity(entries.len());
            for (key, definition) in entries {
                values.insert(key.clone(), evaluate_one(&format!("{name}.{key}"), definition, scope)?);
            }
            Value::Map(values)
        }
        Literal::Long(value) => Value::Long(*value),
        Literal::Double(value) => Value::Double(*value),
        Literal::Boolean(value) => Value::Boolean(*value),
        Literal::LongArray(values) => Value::LongArray(values.clone()),
        Literal::DoubleArray(values) => Value::DoubleArray(values.clone()),
        Literal::BooleanArray(values) => Value::BooleanArray(values.clone()),
    })
}

struct Work<'a> {
    params: &'a mut Parameters,
    outer: &'a [&'a dyn Lookup],
    facts: &'a dyn Facts,
    limits: &'a Limits,
    /// The parameters in evaluation, each required by the one before it.
    open: Vec<usize>,
}

impl Work<'_> {
    fn name(&self, index: usize) -> &str {
        self.params.get_index(index).map_or("", |(name, _)| name.as_str())
    }

    /// Evaluates a parameter after those that it refers to. The recursion depth is at most the count of parameters.
    fn ensure(&mut self, index: usize) -> Result<(), ParamError> {
        let Some((name, param)) = self.params.get_index(index) else { return Ok(()) };
        if param.evaluated.is_some() {
            return Ok(());
        }
        if let Some(start) = self.open.iter().position(|open| *open == index) {
            let through: Vec<&str> = self.open[start..].iter().map(|open| self.name(*open)).collect();
            return Err(ParamError::Circle { name: name.clone(), through: through.join(" -> ") });
        }
        let (name, definition) = (name.clone(), param.definition.clone());
        let program = match &definition.body {
            ParamBody::Expression(expression) => Some(parse(&name, expression)?),
            _ => None,
        };
        let references = match &program {
            Some(program) => program.references().to_vec(),
            None => references(&name, &definition)?,
        };
        self.open.push(index);
        for reference in references {
            let Some(own) = self.params.get_index_of(&reference) else { continue };
            if !self.outer.iter().any(|layer| layer.has(&reference)) {
                self.ensure(own)?;
            }
        }
        self.open.pop();
        let own: &Parameters = self.params;
        let mut layers: Vec<&dyn Lookup> = Vec::with_capacity(self.outer.len() + 1);
        layers.push(own);
        layers.extend(self.outer);
        let scope = Scope { layers: &layers, facts: self.facts, limits: self.limits };
        let value = parsed(&name, &definition, program.as_ref(), &scope)?;
        if let Some((_, param)) = self.params.get_index_mut(index) {
            *param = Parameter::evaluated(definition, value, self.facts.now_ms());
        }
        Ok(())
    }
}

/// The names that a definition refers to.
fn references(name: &str, definition: &ParamDefinition) -> Result<Vec<String>, ParamError> {
    let texts = |texts: &mut dyn Iterator<Item = &String>| {
        texts.flat_map(|text| referenced(text)).map(str::to_owned).collect::<Vec<_>>()
    };
    Ok(match &definition.body {
        ParamBody::Open => Vec::new(),
        ParamBody::Expression(expression) => parse(name, expression)?.references().to_vec(),
        ParamBody::Literal(literal) => match literal {
            Literal::String(text) => texts(&mut std::iter::once(text)),
            Literal::StringArray(all) => texts(&mut all.iter()),
            Literal::StringMap(entries) => texts(&mut entries.iter().flat_map(|(key, value)| [key, value])),
            Literal::Map(entries) => {
                let mut all = Vec::new();
                for (key, definition) in entries {
                    all.extend(references(&format!("{name}.{key}"), definition)?);
                }
                all
            }
            _ => Vec::new(),
        },
    })
}
