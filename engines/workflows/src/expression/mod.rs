//! The language of parameters and conditions: the subset of Java that Maestro calls SEL, in a sandbox.
//!
//! A program is parsed once and may run many times. It can only access the names and facts that a run passes in. Its
//! work, memory and depth have limits, so a program cannot block, exhaust memory or overflow the stack.

mod ast;
mod classes;
mod dates;
mod elements;
mod error;
mod lexer;
mod limits;
mod machine;
mod methods;
mod nested;
mod object;
mod operators;
mod parser;
mod program;
#[cfg(test)]
mod tests;

pub use error::{ErrorKind, ExpressionError};
pub use limits::Limits;
pub use nested::nested_references;
pub use program::{NestedReference, Program};
