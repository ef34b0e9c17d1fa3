//! What surrounds every request: admission, limits, reading, and answers. It knows no API.
//!
//! - [`admission`] takes or refuses a request, traces and counts it; [`pressure`] bounds the requests in work.
//! - [`listener`] bounds the connections.
//! - [`call`] is the deadline and the idempotency key of a request; [`body`], [`extract`], [`json`] and [`media`] read the rest of it.
//! - [`answer`] turns the cluster's errors into a [`problem`]; [`dialect`] renders it for clients with a format of their own.
//! - [`state`] is what every handler shares.

pub(crate) mod admission;
mod answer;
pub(crate) mod asks;
pub(crate) mod body;
pub(crate) mod call;
pub(crate) mod dialect;
pub(crate) mod etag;
pub(crate) mod extract;
pub(crate) mod fresh;
pub(crate) mod invalid;
pub(crate) mod json;
pub(crate) mod listener;
mod media;
pub mod metrics;
pub(crate) mod openapi;
pub(crate) mod pressure;
pub(crate) mod problem;
pub(crate) mod readiness;
pub(crate) mod receipt;
pub(crate) mod state;
