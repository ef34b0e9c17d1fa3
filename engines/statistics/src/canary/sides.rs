//! The points that a look needs: names and times of both sides.

use std::collections::BTreeMap;

/// The times and names that the points of one side are fetched by.
#[derive(Debug, Clone, PartialEq)]
pub struct Side {
    pub scope: String,
    pub location: String,
    pub from_ms: u64,
    pub until_ms: u64,
    pub step_ms: u64,
    pub params: BTreeMap<String, String>,
}

/// Both sides of a scope, ready to be fetched.
#[derive(Debug, Clone, PartialEq)]
pub struct Sides {
    pub control: Side,
    pub experiment: Side,
}
