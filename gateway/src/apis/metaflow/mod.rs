//! The API for Metaflow's clients: its metadata service, under `/metaflow`.
//!
//! With `METAFLOW_SERVICE_URL=http://HOST:PORT/metaflow` the real client runs its flows and reads them back. It retries
//! on 503, reads the existing row on 409, and ends its run on any other status. A retryable problem is therefore
//! answered with 503 here.

pub(crate) mod artifacts;
mod filter;
pub(crate) mod flows;
mod maker;
pub(crate) mod metadata;
mod paths;
pub(crate) mod pickle;
mod routes;
mod rows;
pub(crate) mod runs;
pub(crate) mod service;
pub(crate) mod steps;
pub(crate) mod tasks;
mod trouble;
pub(crate) mod values;

pub(crate) use routes::routes;
