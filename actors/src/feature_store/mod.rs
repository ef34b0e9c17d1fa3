//! Amber, the feature store: the catalogue of feature groups, and feature values at any event time.

pub mod catalog;
mod kinds;
pub mod values;

pub use kinds::register;
