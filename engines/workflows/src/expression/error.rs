//! Why an expression does not parse or run, and where.

/// What sort of trouble an expression is in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ErrorKind {
    /// It is not written in the language.
    Syntax,
    /// It does something that values of these types cannot do, or names what is not there.
    Value,
    /// It went beyond a limit.
    Limit,
    /// It threw, by itself.
    Thrown,
}

/// What is wrong, at a line and column that count from one, and what to do about it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line}, column {column}: {what}; {fix}")]
pub struct ExpressionError {
    pub kind: ErrorKind,
    pub line: usize,
    pub column: usize,
    pub what: String,
    pub fix: String,
}

/// An error at a place in bytes; boxed, since it travels through every value's result.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Failure(Box<Told>);

#[derive(Debug, Clone, PartialEq)]
struct Told {
    kind: ErrorKind,
    at: u32,
    what: String,
    fix: String,
}

impl Failure {
    fn new(kind: ErrorKind, at: u32, what: impl Into<String>, fix: impl Into<String>) -> Self {
        Self(Box::new(Told { kind, at, what: what.into(), fix: fix.into() }))
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
        let Told { kind, at, what, fix } = *self.0;
        let before = source.get(..at as usize).unwrap_or(source);
        let line = before.matches('\n').count() + 1;
        let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
        ExpressionError { kind, line, column, what, fix }
    }
}
