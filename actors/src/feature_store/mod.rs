//! Amber: what is declared as a feature, and its values as of any time.

pub mod catalog;
mod entities;
pub mod values;

pub use entities::register;
