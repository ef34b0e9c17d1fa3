//! Metrics of model serving.

use metrics::{counter, describe_counter, describe_gauge, describe_histogram, gauge, histogram};

use super::error::ServeError;

const REQUESTS: &str = "troupe_serving_requests_total";
const QUEUE: &str = "troupe_serving_queue_us";
const COMPUTE: &str = "troupe_serving_compute_us";
const BATCH: &str = "troupe_serving_batch_requests";
const LOADS: &str = "troupe_serving_loads_total";
const RESTARTS: &str = "troupe_serving_pool_restarts_total";
const POOLS: &str = "troupe_serving_pools";

/// Describes every metric of this crate. Call once, at the node's start.
pub fn describe() {
    describe_counter!(REQUESTS, "Requests to models, by outcome");
    describe_histogram!(QUEUE, "Microseconds a request waited for a free replica");
    describe_histogram!(COMPUTE, "Microseconds a batch took on its replica");
    describe_histogram!(BATCH, "Requests scored in one run of a model");
    describe_counter!(LOADS, "Model versions loaded or tried, by outcome");
    describe_counter!(RESTARTS, "Pools started again after their factory ended");
    describe_gauge!(POOLS, "Model versions ready on this node");
}

pub(super) fn answered(result: Result<(), &ServeError>) {
    let outcome = match result {
        Ok(()) => "ok",
        Err(ServeError::NoModel(_)) => "no_model",
        Err(ServeError::NotReady { .. }) => "not_ready",
        Err(ServeError::Unavailable(_)) => "unavailable",
        Err(ServeError::Busy { .. }) => "busy",
        Err(ServeError::Expired) => "expired",
        Err(ServeError::Failed { .. }) => "failed",
    };
    counter!(REQUESTS, "outcome" => outcome).increment(1);
}

#[expect(clippy::cast_precision_loss, reason = "microseconds of a request are far below 2^52")]
pub(super) fn batch(queue_us: impl Iterator<Item = u64>, compute_us: u64, requests: usize) {
    let queue = histogram!(QUEUE);
    queue_us.for_each(|us| queue.record(us as f64));
    histogram!(COMPUTE).record(compute_us as f64);
    histogram!(BATCH).record(requests as f64);
}

pub(super) fn loaded(ok: bool) {
    counter!(LOADS, "outcome" => if ok { "ok" } else { "refused" }).increment(1);
}

pub(super) fn restarted() {
    counter!(RESTARTS).increment(1);
}

#[expect(clippy::cast_precision_loss, reason = "a node serves few pools")]
pub(super) fn pools(ready: usize) {
    gauge!(POOLS).set(ready as f64);
}
