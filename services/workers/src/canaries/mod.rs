//! Canary analyses that are due: every node looks for them, fetches the points and sends them to the canary.
//!
//! - [`request`] is the analysis as Kayenta's clients send it, checked whole before anything starts.
//! - [`Fetch`] brings points: from the cluster's own series, or from a Prometheus.
//! - [`analyst`] watches the clock for canaries that are due; any node can, and a look counts once.

pub mod analyst;
mod fetch;
pub mod request;

pub use analyst::child;
pub use fetch::Fetch;
pub use troupe_prometheus::Prometheus;
