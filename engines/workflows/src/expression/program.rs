//! A parsed program.

use std::sync::Arc;

use super::ast::Stmt;
use super::machine::Machine;
use super::{ExpressionError, Limits, parser};
use crate::params::{Facts, Value};

/// A parsed program. Clones share the syntax tree.
#[derive(Debug, Clone, PartialEq)]
pub struct Program {
    parsed: Arc<Parsed>,
}

#[derive(Debug, PartialEq)]
struct Parsed {
    source: String,
    statements: Vec<Stmt>,
    references: Vec<String>,
    nested: Vec<NestedReference>,
}

/// A reference to a parameter of a nested step, which is inside a loop or a subworkflow.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NestedReference {
    /// The id of the loop step or subworkflow step.
    pub outer: String,
    /// The id of the nested step.
    pub step: String,
    /// The parameter's name.
    pub param: String,
}

impl Program {
    /// Parses a program.
    ///
    /// # Errors
    /// With the position of the syntax error.
    pub fn parse(source: &str) -> Result<Self, ExpressionError> {
        let statements = parser::parse(source).map_err(|failure| failure.placed(source))?;
        let (references, nested) = parser::references(&statements);
        let source = source.to_owned();
        Ok(Self { parsed: Arc::new(Parsed { source, statements, references, nested }) })
    }

    /// The names that it reads from its scope: undeclared variables, and literal names that it passes to `params`.
    #[must_use]
    pub fn references(&self) -> &[String] {
        &self.parsed.references
    }

    /// Its references to nested steps, as far as they are literals.
    #[must_use]
    pub fn nested(&self) -> &[NestedReference] {
        &self.parsed.nested
    }

    /// The line of the first loop that evidently never ends, and so would exceed the limits.
    #[must_use]
    pub fn endless_line(&self) -> Option<usize> {
        let at = parser::endless(&self.parsed.statements)?;
        Some(self.parsed.source.get(..at as usize)?.matches('\n').count() + 1)
    }

    /// Runs the program; its value is that of `return` or of the last statement.
    ///
    /// # Errors
    /// If it fails, throws, or exceeds a limit.
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
