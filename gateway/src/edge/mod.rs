//! Surrounds every request: admission, limits, reading and answers. It knows no API.
//!
//! - [`admission`] admits or sheds a request, traces and counts it; [`concurrency`] is its concurrency limit.
//! - [`listener`] limits the open connections.
//! - [`call`] is a request's deadline and idempotency key; [`body`], [`extract`], [`json`] and [`media`] read the rest.
//! - [`asks`] and [`fresh`] help to send messages to entities.
//! - [`answer`] turns an error of the cluster into a [`problem`]; [`dialect`] renders it in a client's own format.
//! - [`staleness`] reads `X-Max-Age-Ms` and writes `X-Age-Ms`.
//! - [`state`] is shared by all handlers.

pub(crate) mod admission;
mod answer;
pub(crate) mod asks;
pub(crate) mod body;
pub(crate) mod call;
pub(crate) mod concurrency;
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
pub(crate) mod problem;
pub(crate) mod readiness;
pub(crate) mod receipt;
pub(crate) mod staleness;
pub(crate) mod state;
