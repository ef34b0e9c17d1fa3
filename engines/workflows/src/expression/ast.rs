//! The syntax tree of a program.

/// A node with its position in the source, in bytes.
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
    /// Assignment to a name or an element; with an operator, its old value is the left operand.
    Assign(Box<Expr>, Option<Binary>, Box<Expr>),
    /// `i++`, `--i`: the step, and whether the result is the old value.
    Step(Box<Expr>, i64, bool),
}

/// The element type of an array.
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
