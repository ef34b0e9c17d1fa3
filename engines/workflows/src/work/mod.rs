//! What a step's type asks of the world, and what a command's output tells back.

mod doing;
mod output;
#[cfg(test)]
mod tests;

pub use doing::{Doing, WorkError, doing};
pub use output::{OUTPUT_ENV, Output, marked, output};
