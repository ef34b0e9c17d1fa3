//! A parsed program.

use std::sync::Arc;

use super::ast::Stmt;
use super::machine::Machine;
use super::{ExpressionError, Limits, parser};
use crate::params::{Facts, Value};

/// A program of the language, parsed once. Copies share what was parsed.
#[derive(Debug, Clone, PartialEq)]
pub struct Program {
    parsed: Arc<Parsed>,
}

#[derive(Debug, PartialEq)]
struct Parsed {
    source: String,
    statements: Vec<Stmt>,
    references: Vec<String>,
    inside: Vec<Inside>,
}

/// A parameter of a step inside of another: of a loop's step, or of a subworkflow's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Inside {
    /// The loop, or the step that starts the subworkflow.
    pub outer: String,
    /// The step in it.
    pub step: String,
    /// The step's parameter.
    pub param: String,
}

impl Program {
    /// Parses a program.
    ///
    /// # Errors
    /// With the place that is not of the language.
    pub fn parse(source: &str) -> Result<Self, ExpressionError> {
        let statements = parser::parse(source).map_err(|failure| failure.placed(source))?;
        let (references, inside) = parser::references(&statements);
        let source = source.to_owned();
        Ok(Self { parsed: Arc::new(Parsed { source, statements, references, inside }) })
    }

    /// Names that it takes from around it: variables that it never declares, and what it asks `params` for by a name
    /// that is written out.
    #[must_use]
    pub fn references(&self) -> &[String] {
        &self.parsed.references
    }

    /// What it asks of steps inside of others, where it is written out.
    #[must_use]
    pub fn inside(&self) -> &[Inside] {
        &self.parsed.inside
    }

    /// The line of the first loop that can be seen to have no end. It would only run into its limits.
    #[must_use]
    pub fn endless_line(&self) -> Option<usize> {
        let at = parser::endless(&self.parsed.statements)?;
        Some(self.parsed.source.get(..at as usize)?.matches('\n').count() + 1)
    }

    /// Runs it. Its value is what it returns, or that of its last statement.
    ///
    /// # Errors
    /// If it fails, throws, or goes beyond a limit.
    pub fn run(
        &self,
        names: &dyn Fn(&str) -> Option<Value>,
        facts: &dyn Facts,
        limits: &Limits,
    ) -> Result<Value, ExpressionError> {
        let ran = Machine::new(names, facts, limits).program(&self.parsed.statements);
        ran.map_err(|failure| failure.placed(&self.parsed.source))
    }
}
