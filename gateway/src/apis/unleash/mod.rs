//! Unleash's API for client SDKs: features, registrations and metrics.

pub(crate) mod client;
mod routes;

pub(crate) use routes::routes;
