//! Admission of every request: the concurrency limit, the span, the count, and the answer to a panic.

use std::any::Any;
use std::time::Instant;

use axum::extract::{MatchedPath, Request, State};
use axum::http::{HeaderMap, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use tracing::Instrument;

use crate::edge::metrics;
use crate::edge::metrics::Route;
use crate::edge::problem::{Executed, Problem};
use crate::edge::state::GatewayState;

/// Lowers the gauge of requests in work even when the client goes away in the middle.
struct InFlight;

impl InFlight {
    fn enter() -> Self {
        metrics::entered();
        Self
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        metrics::left();
    }
}

/// Admits, traces and counts one request.
pub(crate) async fn admit(State(edge): State<GatewayState>, request: Request, next: Next) -> Response {
    let started = Instant::now();
    let route = Route::of(request.extensions().get::<MatchedPath>().map(MatchedPath::as_str));
    let permit = if route.limited() { edge.limit.take() } else { None };
    if route.limited() && permit.is_none() {
        metrics::shed();
        let response = overloaded(&edge).into_response();
        metrics::request(route, response.status().as_u16(), started.elapsed());
        return response;
    }
    let in_flight = InFlight::enter();
    let span = tracing::debug_span!(
        "request",
        route = route.label(),
        method = %request.method(),
        trace = trace_id(request.headers()).unwrap_or_default(),
    );
    let response = next.run(request).instrument(span).await;
    drop((permit, in_flight));
    metrics::request(route, response.status().as_u16(), started.elapsed());
    response
}

fn overloaded(edge: &GatewayState) -> Problem {
    Problem::new(
        StatusCode::SERVICE_UNAVAILABLE,
        "OVERLOADED",
        format!(
            "{} requests are in work at this node, and it can do no more at the moment: try again, or another node",
            edge.limit.bound()
        ),
    )
    .retry_after(edge.config.retry_after)
}

/// The trace id of a W3C `traceparent`, `00-<32 hex>-<16 hex>-<2 hex>`; `None` for anything else.
fn trace_id(headers: &HeaderMap) -> Option<&str> {
    let value = headers.get("traceparent")?.to_str().ok()?;
    let mut parts = value.split('-');
    let (version, trace, span, flags) = (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
    let hex = |text: &str, length| {
        text.len() == length && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
    };
    let sound = hex(version, 2)
        && version != "ff"
        && hex(trace, 32)
        && trace.bytes().any(|byte| byte != b'0')
        && hex(span, 16)
        && hex(flags, 2);
    sound.then_some(trace)
}

/// The answer when a handler panicked. What it had sent on may still happen.
pub(crate) fn panicked(panic: Box<dyn Any + Send + 'static>) -> Response {
    let what = panic
        .downcast_ref::<String>()
        .map(String::as_str)
        .or_else(|| panic.downcast_ref::<&str>().copied())
        .unwrap_or("no message");
    tracing::error!(error = what, "a request handler panicked");
    let mut problem = Problem::new(
        StatusCode::INTERNAL_SERVER_ERROR,
        "INTERNAL",
        "the edge failed while handling the call: the log of the node says why",
    );
    problem.0.outcome = Executed::Unknown;
    problem.into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_well_formed_traceparent_names_a_trace() {
        let trace = "0af7651916cd43dd8448eb211c80319c";
        for (value, expected) in [
            (format!("00-{trace}-b7ad6b7169203331-01"), Some(trace)),
            (format!("cc-{trace}-b7ad6b7169203331-01-more"), Some(trace)),
            (format!("ff-{trace}-b7ad6b7169203331-01"), None),
            (format!("00-{}-b7ad6b7169203331-01", "0".repeat(32)), None),
            (format!("00-{}-b7ad6b7169203331-01", trace.to_uppercase()), None),
            (format!("00-{trace}-b7ad"), None),
            ("garbage".to_owned(), None),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert("traceparent", value.parse().unwrap());
            assert_eq!(trace_id(&headers), expected, "{value}");
        }
    }
}
