//! How each version answers, by the role in which it does: what a canary is judged by.
//!
//! A request adds to a few atomic counters and no more. Every second while a model's traffic is split, and every ten
//! otherwise, the gateway takes what was counted and appends it to the cluster's series, as `METRIC:MODEL-ROLE`:
//!
//! | series | a point is |
//! | --- | --- |
//! | `requests` | answers in a second, of this gateway |
//! | `errors` | the share of them that failed, 0 to 1 |
//! | `latency_ms`, `latency_p50_ms`, `latency_p99_ms` | time in the model, waiting for it included |
//! | `total_ms` | time from a request's head to its answer, on average |
//!
//! A time without a request has no point.

mod counts;
mod histogram;
mod writer;

pub(crate) use counts::Served;
pub(crate) use writer::Writer;
