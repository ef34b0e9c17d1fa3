//! The plan of one supervisor: which children an ending affects, and when they restart.

mod rules;
#[cfg(test)]
mod tests;

pub use rules::{Ending, Plan, Verdict};
