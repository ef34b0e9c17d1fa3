//! The tree of a document in JSON, YAML or any other format of serde: keys in their order and unique, whole numbers
//! distinct from doubles.
//!
//! Definitions are read from this tree rather than from bytes for two reasons. Every problem can be listed with its
//! path, and a type may follow the value that it describes.

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
