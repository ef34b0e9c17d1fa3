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
