//! The work of step types, and the output of commands.

mod doing;
mod output;
#[cfg(test)]
mod tests;

pub use doing::{Doing, WorkError, doing};
pub use output::{OUTPUT_ENV, Output, marked, output};
