//! Kayenta's canary configs.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde_json::{Value, json};
use troupe_actors::NamedFields;
use troupe_actors::canary_analysis::{DeleteConfig, PutConfig, StoredConfig};
use troupe_statistics::canary::{CanaryConfig, Problem as Wrong};

use super::canaries::{CanaryQuery, stored};
use super::state::KayentaState;
use crate::edge::body::Body;
use crate::edge::call::Call;
use crate::edge::extract::{Path, Query};
use crate::edge::fresh::fresh_id;
use crate::edge::invalid::invalid;
use crate::edge::problem::{Problem, ProblemBody};
use troupe_runtime::routing::tell;

/// Longest id of a config.
const ID_BYTES_MAX: usize = 128;

/// Stores a canary config; its id is its own, or given.
#[utoipa::path(post, path = "/canaryConfig", tag = "canaries", operation_id = "create_canary_config",
    request_body(content = serde_json::Value, description = "Kayenta's canary config"),
    responses((status = 200, description = "its id", body = serde_json::Value),
        (status = "default", description = "what is wrong", body = ProblemBody, content_type = "application/problem+json")))]
pub(crate) async fn create_config(
    State(edge): State<KayentaState>,
    call: Call,
    Body { json: mut config, .. }: Body<CanaryConfig>,
) -> Result<Json<Value>, Problem> {
    let id = config.id.get_or_insert_with(fresh_id).clone();
    if edge.globals.get::<StoredConfig>(&id).is_some_and(|stored| stored.config().is_some()) {
        let detail = format!("there is a canary config {id:?}: PUT it to /canaryConfig/{id}");
        return Err(Problem::new(StatusCode::CONFLICT, "EXISTS", detail).field("id"));
    }
    put(&edge, &call, &id, config).await
}

async fn put(
    edge: &KayentaState,
    call: &Call,
    id: &str,
    config: CanaryConfig,
) -> Result<Json<Value>, Problem> {
    let mut problems = config.validate();
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.');
    if id.is_empty() || id.len() > ID_BYTES_MAX || !id.chars().all(plain) {
        let why =
            format!("give 1 to {ID_BYTES_MAX} letters, digits, _, - and ., because it is part of paths");
        problems.push(Wrong { path: "id".into(), why });
    }
    if !problems.is_empty() {
        return Err(invalid(&problems));
    }
    tell::<StoredConfig, PutConfig>(
        &edge.router,
        id,
        &PutConfig { config: NamedFields(config) },
        call.left()?,
    )
    .await?;
    Ok(Json(json!({ "canaryConfigId": id })))
}

/// The canary configs.
#[utoipa::path(get, path = "/canaryConfig", tag = "canaries", operation_id = "list_canary_configs",
    params(("application" = Option<String>, Query, description = "only of this application")),
    responses((status = 200, description = "ids, names and applications", body = serde_json::Value)))]
pub(crate) async fn list_configs(
    State(edge): State<KayentaState>,
    Query(query): Query<CanaryQuery>,
) -> Json<Value> {
    let all = edge.globals.all::<StoredConfig>();
    let listed = all.iter().filter_map(|(id, stored)| {
        let config = stored.config()?;
        let wanted =
            query.application.as_ref().is_none_or(|application| config.applications.contains(application));
        wanted.then(|| {
            json!({ "id": id, "name": config.name, "applications": config.applications,
                "updatedTimestamp": stored.updated().0,
                "updatedTimestampIso": troupe_workers::canaries::request::iso(stored.updated().0) })
        })
    });
    Json(listed.collect())
}

/// One canary config.
#[utoipa::path(get, path = "/canaryConfig/{id}", tag = "canaries", operation_id = "get_canary_config",
    params(("id" = String, Path, description = "its id")),
    responses((status = 200, description = "the config", body = serde_json::Value),
        (status = 404, description = "not found", body = ProblemBody, content_type = "application/problem+json")))]
pub(crate) async fn get_config(
    State(edge): State<KayentaState>,
    Path(id): Path<String>,
) -> Result<Json<Value>, Problem> {
    let config = stored(&edge, &id)?;
    Ok(Json(json!(config)))
}

/// Writes a canary config.
#[utoipa::path(put, path = "/canaryConfig/{id}", tag = "canaries", operation_id = "update_canary_config",
    params(("id" = String, Path, description = "its id")),
    request_body(content = serde_json::Value, description = "Kayenta's canary config"),
    responses((status = 200, description = "its id", body = serde_json::Value),
        (status = "default", description = "what is wrong", body = ProblemBody, content_type = "application/problem+json")))]
pub(crate) async fn put_config(
    State(edge): State<KayentaState>,
    call: Call,
    Path(id): Path<String>,
    Body { json: mut config, .. }: Body<CanaryConfig>,
) -> Result<Json<Value>, Problem> {
    config.id = Some(id.clone());
    put(&edge, &call, &id, config).await
}

/// Deletes a canary config; canaries that run have their own copy.
#[utoipa::path(delete, path = "/canaryConfig/{id}", tag = "canaries", operation_id = "delete_canary_config",
    params(("id" = String, Path, description = "its id")),
    responses((status = 200, description = "it is gone"),
        (status = 404, description = "not found", body = ProblemBody, content_type = "application/problem+json")))]
pub(crate) async fn delete_config(
    State(edge): State<KayentaState>,
    call: Call,
    Path(id): Path<String>,
) -> Result<StatusCode, Problem> {
    stored(&edge, &id)?;
    tell::<StoredConfig, DeleteConfig>(&edge.router, &id, &DeleteConfig {}, call.left()?).await?;
    Ok(StatusCode::OK)
}
