//! A client of Prometheus: range queries for the points of a canary analysis.

mod client;

pub use client::{Prometheus, promql};
