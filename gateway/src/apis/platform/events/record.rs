//! Interaction events, many at once.

use axum::Json;
use axum::body::Body;
use axum::extract::State;
use axum::http::HeaderMap;
use troupe_runtime::Timestamp;

use super::batch::Batch;
use crate::apis::platform::state::PlatformState;
use crate::edge::call::Call;
use crate::edge::metrics;
use crate::edge::metrics::Fate;
use crate::edge::problem::{Problem, ProblemBody};
use crate::edge::receipt::Receipt;

/// Records interaction events, each once however often it is sent: its `event_id`, or where it has none its own content,
/// makes it one event.
///
/// The answer is 200 if at least one event is recorded, and reports the outcome of the others. Otherwise it is a problem
/// with a `receipt`.
#[utoipa::path(post, path = "/v1/events", tag = "events", operation_id = "record_events",
    params(
        ("X-Deadline-Ms" = Option<i64>, Header, description = "milliseconds left; 5000 where absent"),
        ("traceparent" = Option<String>, Header, description = "W3C trace context"),
    ),
    request_body(content = String, content_type = "application/x-ndjson",
        description = "a JSON object on each line, at most 10000: member, content, type, at (milliseconds since the \
                       epoch), and optionally value, event_id, context (an object of strings)",
        example = "{\"member\":\"42\",\"content\":\"7\",\"type\":\"rating\",\"value\":4.0,\"at\":881250949000}\n"),
    responses(
        (status = 200, description = "what became of the events", body = Receipt),
        (status = "default", description = "no event was taken", body = ProblemBody,
            content_type = "application/problem+json"),
    ))]
pub(crate) async fn record(
    State(edge): State<PlatformState>,
    call: Call,
    headers: HeaderMap,
    body: Body,
) -> Result<Json<Receipt>, Problem> {
    let body = call.body(&headers, body, edge.config.body_bytes_max).await?;
    let ahead_ms = u64::try_from(edge.config.ahead_max.as_millis()).unwrap_or(u64::MAX);
    let latest = Timestamp::wall().millis().saturating_add(ahead_ms);
    let mut batch = Batch::read(&body, edge.config.events_max, latest)?;
    let outcomes = batch.ask(&edge.router, &call).await;
    let concluded = batch.conclude(outcomes);
    match &concluded {
        Ok(receipt) => count(receipt),
        Err(problem) => problem.0.receipt.iter().for_each(count),
    }
    concluded.map(Json)
}

fn count(receipt: &Receipt) {
    metrics::events(Fate::Accepted, receipt.accepted);
    metrics::events(Fate::Duplicate, receipt.duplicates);
    metrics::events(Fate::Rejected, receipt.rejected.len());
    metrics::events(Fate::Failed, receipt.failed.len());
}
