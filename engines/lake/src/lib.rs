//! The lake: a content-addressed store of large objects. Events contain an object's SHA-256 and never its bytes.
//!
//! The lake stores model artifacts, vocabularies and training sets. An object never changes, so nodes may share one
//! directory. Every read verifies the hash.

#![warn(clippy::disallowed_methods)]

mod config;
mod sha256;
mod store;
#[cfg(test)]
mod tests;

pub use config::LakeConfig;
pub use sha256::{Sha256, Sha256Error};
pub use store::{Lake, LakeError};
