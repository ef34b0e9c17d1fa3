//! `cluster.toml`: what it may say, and everything that is wrong with one that says something else.
//!
//! Each table belongs to the room that lives by it; the node's own are here. Reading never stops at the first mistake:
//! unknown keys, wrong types and impossible values are reported together, each with its key.

mod cluster;
mod features;
mod file;
mod log;
mod nodes;
mod probe;
mod read;
#[cfg(test)]
mod tests;

pub use file::Config;
pub use nodes::NodeTable;
pub use read::{base_of, load};
