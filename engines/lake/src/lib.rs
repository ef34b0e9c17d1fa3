//! The lake: large things as content-addressed objects, named in events by their sha256 and never carried by them.
//!
//! Model artifacts, vocabularies and training sets live here. An object never changes, so any number of nodes may share
//! one directory, and whoever reads one checks that it is what its name says.

mod config;
mod sha256;
mod store;
#[cfg(test)]
mod tests;

pub use config::LakeConfig;
pub use sha256::{Sha256, Sha256Error};
pub use store::{Lake, LakeError};
