//! Errors of expressions, with their position.

/// The kind of an error.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ErrorKind {
    /// A syntax error.
    Syntax,
    /// An operation that the types do not support, or an undefined name.
    Value,
    /// An exceeded limit.
    Limit,
    /// An exception that the expression throws.
    Thrown,
}

/// An error with its fix; line and column count from 1.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line}, column {column}: {what}; {fix}")]
pub struct ExpressionError {
    pub kind: ErrorKind,
    pub line: usize,
    pub column: usize,
    pub what: String,
    pub fix: String,
}

/// An error at a position in bytes; boxed to keep each value's result small.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Failure(Box<Details>);

#[derive(Debug, Clone, PartialEq)]
struct Details {
    kind: ErrorKind,
    at: u32,
    what: String,
    fix: String,
}

impl Failure {
    fn new(kind: ErrorKind, at: u32, what: impl Into<String>, fix: impl Into<String>) -> Self {
        Self(Box::new(Details { kind, at, what: what.into(), fix: fix.into() }))
    }

    pub(super) fn syntax(at: u32, what: impl Into<String>, fix: impl Into<String>) -> Self {
        Self::new(ErrorKind::Syntax, at, what, fix)
    }

    pub(super) fn value(at: u32, what: impl Into<String>, fix: impl Into<String>) -> Self {
        Self::new(ErrorKind::Value, at, what, fix)
    }

    pub(super) fn limit(at: u32, what: impl Into<String>, fix: impl Into<String>) -> Self {
        Self::new(ErrorKind::Limit, at, what, fix)
    }

    pub(super) fn thrown(at: u32, what: impl Into<String>) -> Self {
        Self::new(ErrorKind::Thrown, at, what, "the expression itself says so")
    }

    /// The error with its line and column.
    pub(super) fn placed(self, source: &str) -> ExpressionError {
        let Details { kind, at, what, fix } = *self.0;
        let before = source.get(..at as usize).unwrap_or(source);
        let line = before.matches('\n').count() + 1;
        let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
        ExpressionError { kind, line, column, what, fix }
    }
}
