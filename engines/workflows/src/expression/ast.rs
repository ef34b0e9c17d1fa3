//! A program as a tree.

/// A node and where it stands, in bytes.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Node<T> {
    pub(super) at: u32,
    pub(super) is: T,
}

pub(super) type Expr = Node<Expression>;
pub(super) type Stmt = Node<Statement>;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Binary {
    Add,
    Subtract,
    Multiply,
    Divide,
    Remainder,
    Equal,
    Unequal,
    Less,
    LessEqual,
    Greater,
    GreaterEqual,
    And,
    Or,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Unary {
    Not,
    Minus,
    Plus,
}

#[derive(Debug, Clone, PartialEq)]
pub(super) enum Expression {
    Null,
    Long(i64),
    Double(f64),
    Boolean(bool),
    Text(std::sync::Arc<str>),
    Name(String),
    Unary(Unary, Box<Expr>),
    Binary(Binary, Box<Expr>, Box<Expr>),
    Ternary(Box<Expr>, Box<Expr>, Box<Expr>),
    /// `array[index]`, `map['key']`.
    Index(Box<Expr>, Box<Expr>),
    Field(Box<Expr>, String),
    Call(Box<Expr>, String, Vec<Expr>),
    New(String, Vec<Expr>),
    /// `new long[n]`
    NewArray(Element, Box<Expr>),
    /// `new String[] {..}`, `{..}`
    Array(Option<Element>, Vec<Expr>),
    /// To a name or an element; with an operator, what was there is the left side.
    Assign(Box<Expr>, Option<Binary>, Box<Expr>),
    /// `i++`, `--i`: by how much, and whether the value is the one before.
    Step(Box<Expr>, i64, bool),
}

/// What an array holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Element {
    Text,
    Long,
    Double,
    Boolean,
}

#[derive(Debug, Clone, PartialEq)]
pub(super) enum Statement {
    Empty,
    Expression(Expr),
    Declare(Vec<(String, Option<Expr>)>),
    Block(Vec<Stmt>),
    If(Expr, Box<Stmt>, Option<Box<Stmt>>),
    While(Expr, Box<Stmt>),
    For(Vec<Stmt>, Option<Expr>, Vec<Expr>, Box<Stmt>),
    Each(String, Expr, Box<Stmt>),
    Return(Option<Expr>),
    Throw(Expr),
    Break,
    Continue,
}
