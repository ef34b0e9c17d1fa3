//! The language of searches: filters such as `metrics.loss < 0.5 AND tags."a b" = 'x'`, and orders such as `metrics.loss DESC`.
//!
//! Filters and orders are accepted and refused as `mlflow.utils.search_utils` does, and have its results. An unknown name,
//! an operator that the name does not have, and a value of another type are refused with the reason.
//!
//! - [`subject`] says which names each search knows.
//! - [`reader`] reads names, operators and values from text.
//! - [`filter`] reads conditions and tests them.
//! - [`order`] reads orders and sorts by them.

mod filter;
mod order;
mod reader;
mod subject;
#[cfg(test)]
mod tests;

pub(super) use filter::{Condition, read};
pub(super) use order::{Order, orders, sort};
pub(super) use subject::{IdentifierType, Subject};
