//! The two pages that say what else there is.

use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};

use super::state::PlatformState;

const INDEX: &str = "\
Troupe: the public edge of a cluster. Every node answers for all of it.

POST /v1/events                             interaction events, a JSON object per line
GET  /v1/members/{id}/recommendations?k=10  what a member may like
POST /v1/features:lookup                    feature values, by column
POST /v1/actors/{kind}/{key}/{verb}         any message to any entity
/metaflow                                   Metaflow's metadata service: METAFLOW_SERVICE_URL names this
/api/2.0/mlflow                             MLflow's tracking and registry: the tracking URI is this node's
GET  /v1/lineage/{node}                     its lineage, upstream and downstream
/api/v3/workflows  /api/v3/signals          workflows, as Maestro's clients speak of them
GET  /healthz  /readyz  /metrics            for operators
GET  /openapi.json                          all of this, for programs

Headers: Idempotency-Key, X-Deadline-Ms, traceparent. Errors are application/problem+json.
";

/// A short index in plain text.
#[utoipa::path(get, path = "/", tag = "operation", operation_id = "index",
    responses((status = 200, description = "what there is", body = String, content_type = "text/plain")))]
pub(crate) async fn index() -> &'static str {
    INDEX
}

/// This API's description.
#[utoipa::path(get, path = "/openapi.json", tag = "operation", operation_id = "openapi",
    responses((status = 200, description = "OpenAPI 3.1", body = serde_json::Value)))]
pub(crate) async fn openapi(State(edge): State<PlatformState>) -> Response {
    ([(header::CONTENT_TYPE, "application/json")], edge.own.openapi.clone()).into_response()
}
