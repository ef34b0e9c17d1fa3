//! Workflows, at the paths that Maestro's clients know.
//!
//! A workflow answers for its versions and instances, an instance's run for its steps. An instance that waits for its
//! turn has no run yet, and is rendered from what its workflow knows. Problems have Maestro's fields and ours.

pub(crate) mod actions;
pub(crate) mod breakpoints;
pub(crate) mod definitions;
mod failure;
pub(crate) mod instances;
mod lookup;
mod named;
pub(crate) mod permits;
mod places;
mod render;
mod routes;
pub(crate) mod signals;
pub(crate) mod steps;

pub(crate) use routes::routes;
