//! Conditions on attributes: GrowthBook's condition language, compiled once and evaluated often.
//!
//! A condition is an object. Its keys are attribute paths or `$and`, `$or`, `$nor`, `$not`, `$savedGroup`. The value of a
//! path is a literal, which the attribute must equal, or an object of operators, which must all hold.

mod compiled;
mod equal;
mod members;
mod operator;
mod parse;
mod path;
mod verdict;
mod version;

pub use compiled::{Condition, Dialect};
pub(super) use equal::truthy;
pub(super) use members::Members;
pub(super) use parse::{Parser, bounded_regex};
pub(super) use path::Subject;
pub(super) use verdict::Verdict;
