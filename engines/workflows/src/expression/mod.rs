//! The language of parameters and conditions: the subset of Java that Maestro calls SEL, in a sandbox.
//!
//! A program is parsed once and run as often as needed. It reaches nothing but the names and facts that it is given,
//! and its work, memory and depth are bounded: no program runs long, grows large or ends the process.

mod ast;
mod classes;
mod dates;
mod elements;
mod error;
mod inside;
mod lexer;
mod limits;
mod machine;
mod methods;
mod object;
mod operators;
mod parser;
mod program;
#[cfg(test)]
mod tests;

pub use error::{ErrorKind, ExpressionError};
pub use inside::inside;
pub use limits::Limits;
pub use program::{Inside, Program};
