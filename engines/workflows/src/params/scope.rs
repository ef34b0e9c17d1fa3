//! The scope of an evaluation: its layers of names.

use super::{Facts, ParamError, Parameters, Value};
use crate::Ordered;
use crate::expression::{Limits, Program};

/// A layer of values by name.
pub trait Lookup {
    /// The evaluated value of a name.
    fn value(&self, name: &str) -> Option<Value>;

    /// Whether the name has a value.
    fn has(&self, name: &str) -> bool {
        self.value(name).is_some()
    }
}

impl Lookup for Parameters {
    fn value(&self, name: &str) -> Option<Value> {
        self.get(name).and_then(|param| param.evaluated.clone())
    }

    fn has(&self, name: &str) -> bool {
        self.get(name).is_some_and(|param| param.evaluated.is_some())
    }
}

impl Lookup for Ordered<Value> {
    fn value(&self, name: &str) -> Option<Value> {
        self.get(name).cloned()
    }

    fn has(&self, name: &str) -> bool {
        self.contains_key(name)
    }
}

/// Evaluated layers, the nearest first, and the facts.
#[derive(Clone, Copy)]
pub struct Scope<'a> {
    /// For example the step's parameters, a loop's, the workflow's.
    pub layers: &'a [&'a dyn Lookup],
    pub facts: &'a dyn Facts,
    pub limits: &'a Limits,
}

impl<'a> Scope<'a> {
    /// A scope with the default limits.
    #[must_use]
    pub fn new(layers: &'a [&'a dyn Lookup], facts: &'a dyn Facts) -> Self {
        Self { layers, facts, limits: &Limits::DEFAULT }
    }

    /// The value of a name: a layer's, or another step's parameter as `step__param`.
    #[must_use]
    pub fn value(&self, name: &str) -> Option<Value> {
        self.layers.iter().find_map(|layer| layer.value(name)).or_else(|| self.step_param(name))
    }

    /// Resolves `step__param`, also if the step's id ends or the parameter's name begins with an underscore.
    fn step_param(&self, name: &str) -> Option<Value> {
        let first = name.find("__")?;
        for cut in [first, first + 1] {
            let step = name.get(..cut)?;
            let param = name.get(cut..).and_then(|rest| rest.strip_prefix("__"));
            if let Some(param) = param
                && self.facts.is_step(step)
            {
                return self.facts.of_step(step, param);
            }
        }
        let (signal, param) = name.split_once("__")?;
        self.facts.of_signal(signal, param)
    }

    /// Fills parameters into a text.
    ///
    /// # Errors
    /// If it refers to an unknown parameter.
    pub fn fill(&self, text: &str) -> Result<String, ParamError> {
        super::fill(text, &|name| self.value(name))
            .map_err(|reference| ParamError::Unknown { name: text.chars().take(60).collect(), reference })
    }

    /// Runs an expression.
    ///
    /// # Errors
    /// If it does not parse, fails, or exceeds the limits.
    pub fn run(&self, name: &str, expression: &str) -> Result<Value, ParamError> {
        let error = |source| ParamError::Expression { name: name.to_owned(), source };
        self.run_program(name, &Program::parse(expression).map_err(error)?)
    }

    /// Runs a parsed expression; callers may keep those that run often.
    ///
    /// # Errors
    /// If it fails or exceeds the limits.
    pub fn run_program(&self, name: &str, program: &Program) -> Result<Value, ParamError> {
        let ran = program.run(&|name: &str| self.value(name), self.facts, self.limits);
        ran.map_err(|source| ParamError::Expression { name: name.to_owned(), source })
    }

    /// Runs a condition.
    ///
    /// # Errors
    /// As [`Self::run`], or if the value is not a boolean.
    pub fn holds(&self, name: &str, condition: &str) -> Result<bool, ParamError> {
        match condition.trim().trim_end_matches(';') {
            "true" | "" => return Ok(true),
            "false" => return Ok(false),
            _ => {}
        }
        match self.run(name, condition)? {
            Value::Boolean(holds) => Ok(holds),
            other => Err(ParamError::Type { name: name.to_owned(), found: other.sort(), wanted: "BOOLEAN" }),
        }
    }
}
