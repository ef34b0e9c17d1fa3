//! Deliveries, at the paths that Spinnaker's clients know: Gate's for people, which are Orca's as well.

pub(crate) mod executions;
mod lookup;
pub(crate) mod pipelines;
mod render;
mod routes;

pub(crate) use routes::routes;
