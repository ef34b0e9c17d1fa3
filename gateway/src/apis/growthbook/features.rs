//! The API for GrowthBook's client SDKs, at the paths that they know: they fetch all features and evaluate them by
//! themselves, or send a subject's attributes and get its features evaluated.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::time::Duration;

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use axum::response::sse::{Event, KeepAlive, Sse};
use futures::Stream;
use serde::Deserialize;
use serde_json::{Map, Value, json};
use troupe_actors::experimentation::flags;
use troupe_flags::growthbook::{Context, Dialect, Features};
use troupe_runtime::Timestamp;

use crate::edge::body::Body;
use crate::edge::etag::tagged;
use crate::edge::extract::Path;
use crate::edge::problem::{Problem, ProblemBody};
use crate::edge::state::GatewayState;

/// How often a stream without news says that it lives.
const ALIVE: Duration = Duration::from_secs(15);

fn payload(edge: &GatewayState) -> Value {
    json!({
        "status": 200,
        "features": flags::growthbook_features(&edge.globals),
        "dateUpdated": troupe_workers::canaries::request::iso(Timestamp::wall().0 / 1_000 * 1_000),
    })
}

/// All features of GrowthBook's clients. One cluster is one environment: every client key gets the same.
#[utoipa::path(get, path = "/api/features/{clientKey}", tag = "flags", operation_id = "growthbook_features",
    params(("clientKey" = String, Path, description = "passed over"),
        ("If-None-Match" = Option<String>, Header, description = "the `ETag` of what the client has")),
    responses(
        (status = 200, description = "the features, with an `ETag`", body = serde_json::Value),
        (status = 304, description = "the client has them"),
    ))]
pub(crate) async fn features(
    State(edge): State<GatewayState>,
    Path(_key): Path<String>,
    headers: HeaderMap,
) -> Response {
    let mut payload = payload(&edge);
    // The tag tells features apart, and not moments.
    payload.as_object_mut().map(|payload| payload.remove("dateUpdated"));
    let mut answer = tagged(&headers, payload.to_string(), "application/json");
    // By this a client knows that it can subscribe.
    answer.headers_mut().insert("x-sse-support", axum::http::HeaderValue::from_static("enabled"));
    answer
}

/// A stream that says `features` with the whole payload, now and whenever a feature changes.
#[utoipa::path(get, path = "/sub/{clientKey}", tag = "flags", operation_id = "growthbook_subscribe",
    params(("clientKey" = String, Path, description = "passed over")),
    responses((status = 200, description = "server-sent events", content_type = "text/event-stream")))]
pub(crate) async fn subscribe(
    State(edge): State<GatewayState>,
    Path(_key): Path<String>,
) -> Sse<impl Stream<Item = Result<Event, Infallible>>> {
    let changes = edge.globals.subscribe();
    let told = (edge, changes, None::<Map<String, Value>>);
    let news = futures::stream::unfold(told, |(edge, mut changes, before)| async move {
        loop {
            changes.mark_unchanged();
            let features = flags::growthbook_features(&edge.globals);
            if before.as_ref() != Some(&features) {
                let event = Event::default().event("features").data(payload(&edge).to_string());
                return Some((Ok(event), (edge, changes, Some(features))));
            }
            // The other side is gone when the node stops.
            changes.changed().await.ok()?;
        }
    });
    Sse::new(news).keep_alive(KeepAlive::new().interval(ALIVE))
}

/// The subject, and what its client has forced.
#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(crate) struct EvaluationRequest {
    attributes: Map<String, Value>,
    forced_variations: BTreeMap<String, i64>,
    forced_features: Vec<(String, Value)>,
    url: String,
}

/// Evaluates all features for a subject. Each has a value and the experiment that decided; rules are not disclosed.
#[utoipa::path(post, path = "/api/eval/{clientKey}", tag = "flags", operation_id = "growthbook_evaluate",
    params(("clientKey" = String, Path, description = "passed over")),
    request_body(content = serde_json::Value, description = "`attributes`, `forcedVariations`, `forcedFeatures`, `url`"),
    responses(
        (status = 200, description = "the features, evaluated", body = serde_json::Value),
        (status = "default", description = "why they are not", body = ProblemBody, content_type = "application/problem+json"),
    ))]
pub(crate) async fn evaluate(
    State(edge): State<GatewayState>,
    Path(_key): Path<String>,
    Body { json: request, .. }: Body<EvaluationRequest>,
) -> Result<Json<Value>, Problem> {
    let payload = json!({ "features": flags::growthbook_features(&edge.globals) }).to_string();
    let features = Features::lenient(&payload, Dialect::default()).map_err(|refused| {
        Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "BAD_FEATURES", refused.to_string())
    })?;
    let subject = Context {
        forced_variations: Some(&request.forced_variations),
        url: Some(request.url.as_str()).filter(|url| !url.is_empty()),
        ..Context::new(&request.attributes)
    };
    let mut evaluated = Map::new();
    for name in features.keys() {
        let found = features.evaluate(name, &subject, &mut ());
        let mut feature = json!({ "defaultValue": found.value });
        if let Some((experiment, assigned)) = found.experiment.zip(found.assigned.as_ref()) {
            let track =
                json!({ "experiment": { "key": experiment.key(), "variations": [] }, "result": assigned });
            feature = json!({ "defaultValue": null, "rules": [{ "force": found.value, "tracks": [track] }] });
        }
        evaluated.insert(name.to_owned(), feature);
    }
    for (name, value) in request.forced_features {
        evaluated.insert(name, json!({ "defaultValue": value }));
    }
    Ok(Json(json!({ "status": 200, "features": evaluated })))
}
