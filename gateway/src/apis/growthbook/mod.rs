//! GrowthBook's API for client SDKs: features for local evaluation, evaluation on request, and a stream of changes.

mod features;
mod routes;

pub(crate) use routes::routes;
