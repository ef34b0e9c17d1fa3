//! What a client asks the service about itself.

use axum::Json;
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

/// The version of Metaflow's service that this API follows. Clients use beats from 2.0.4 on, attempts from 2.0.6, changes of
/// tags from 2.3.0, and filters of tasks from 2.5.0.
const VERSION: &str = "2.5.1";

/// Says that the service is there, and of which version.
#[utoipa::path(get, path = "/metaflow/ping", tag = "metaflow", operation_id = "metaflow_ping",
    responses((status = 200, description = "`pong`, with `METADATA_SERVICE_VERSION`", body = String, content_type = "text/plain")))]
pub(crate) async fn ping() -> Response {
    ([("metadata_service_version", VERSION)], "pong").into_response()
}

/// The version of the service.
#[utoipa::path(get, path = "/metaflow/version", tag = "metaflow", operation_id = "metaflow_version",
    responses((status = 200, description = "the version", body = String, content_type = "text/plain")))]
pub(crate) async fn version() -> Response {
    ([("metadata_service_version", VERSION)], VERSION).into_response()
}

/// Says that the service is up.
#[utoipa::path(get, path = "/metaflow/healthcheck", tag = "metaflow", operation_id = "metaflow_health",
    responses((status = 200, description = "it is up", body = serde_json::Value)))]
pub(crate) async fn healthcheck() -> Json<Value> {
    Json(json!({ "status": { "database_connection": "up" } }))
}

/// Credentials for the artifact store. This service has none.
#[utoipa::path(get, path = "/metaflow/auth/token", tag = "metaflow", operation_id = "metaflow_token",
    responses((status = 200, description = "nothing", body = serde_json::Value)))]
pub(crate) async fn token() -> Json<Value> {
    Json(json!({}))
}
