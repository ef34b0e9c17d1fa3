//! The door for Metaflow's clients: its metadata service, under `/metaflow`.
//!
//! `METAFLOW_SERVICE_URL=http://HOST:PORT/metaflow` and the real client runs its flows and reads them back. A client ends
//! its run on any status but 503, on which it tries again, and 409, on which it looks: so what may succeed later is
//! answered with 503 here, whatever it is elsewhere.

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
