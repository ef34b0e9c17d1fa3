//! A document as it was written, in JSON, YAML or any other format that serde reads: keys in their order, none twice,
//! whole numbers apart from others.
//!
//! Definitions are read from this tree and not straight from bytes, so that every problem can be listed with its path,
//! and so that a type that stands after the value it describes is no trouble.

mod fields;
mod read;
mod report;
#[cfg(test)]
mod tests;
mod yaml;

pub(crate) use fields::Fields;
pub use read::Tree;
pub use report::{Problem, Problems};
pub(crate) use report::{Report, at, from_tree};
pub use yaml::{YamlError, yaml};
