//! Stages of versions, as clients have them that know no aliases.

use axum::Json;
use axum::extract::State;
use serde::Deserialize;
use serde_json::{Value, json};
use troupe_actors::metadata::registered_models::{MoveStage, Registered};
use troupe_actors::models::Stage;

use super::models::{KnownModel, find, promote, served};
use super::versions::{number, shown};
use super::{Answer, Body, Queried, Trouble, Whole, bad, render};
use crate::edge::call::Call;
use crate::edge::state::GatewayState;
use troupe_runtime::routing::tell;

/// Which version goes where.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Transition {
    name: String,
    version: Option<Whole>,
    stage: String,
    archive_existing_versions: bool,
}

/// Moves a version to another stage. Of a model that the cluster serves, `Production` is its champion; the predecessor
/// is always archived.
#[utoipa::path(post, path = "/api/2.0/mlflow/model-versions/transition-stage", tag = "mlflow", operation_id = "mlflow_transition_stage",
    request_body(content = serde_json::Value, description = "`name`, `version`, `stage`, `archive_existing_versions`"),
    responses((status = 200, description = "`model_version`", body = serde_json::Value), Trouble))]
pub(crate) async fn transition(
    State(edge): State<GatewayState>,
    Body { call, json: request, .. }: Body<Transition>,
) -> Answer {
    let version = number(request.version.as_ref())?;
    if served(&edge, &request.name).is_some() {
        let to = match request.stage.to_lowercase().as_str() {
            "production" => Stage::Champion,
            "staging" => Stage::Staging,
            "archived" => Stage::Archived,
            _ => {
                let why = "the cluster serves this model: its stages are Production, Staging and Archived";
                return Err(bad("stage", why));
            }
        };
        promote(&edge, &call, &request.name, version, to).await?;
    } else {
        let told = MoveStage { version, stage: request.stage, archive: request.archive_existing_versions };
        tell::<Registered, MoveStage>(&edge.router, &request.name, &told, call.left()?).await?;
    }
    Ok(Json(json!({ "model_version": shown(&edge, &call, &request.name, version).await? })))
}

/// Which stages of which model.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Latest {
    name: String,
    stages: Vec<String>,
}

/// The newest version in each stage, or in those that are asked for.
#[utoipa::path(post, path = "/api/2.0/mlflow/registered-models/get-latest-versions", tag = "mlflow", operation_id = "mlflow_latest_versions",
    request_body(content = serde_json::Value, description = "`name`, `stages`"),
    responses((status = 200, description = "`model_versions`", body = serde_json::Value), Trouble))]
pub(crate) async fn latest(
    State(edge): State<GatewayState>,
    Body { call, json: request, .. }: Body<Latest>,
) -> Answer {
    newest(&edge, &call, &request).await
}

/// Which model.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Named {
    name: String,
}

/// The newest version in each stage.
#[utoipa::path(get, path = "/api/2.0/mlflow/registered-models/get-latest-versions", tag = "mlflow", operation_id = "mlflow_get_latest_versions",
    params(("name" = String, Query, description = "the model")),
    responses((status = 200, description = "`model_versions`", body = serde_json::Value), Trouble))]
pub(crate) async fn get_latest(
    State(edge): State<GatewayState>,
    Queried(call, request): Queried<Named>,
) -> Answer {
    newest(&edge, &call, &Latest { name: request.name, stages: Vec::new() }).await
}

async fn newest(edge: &GatewayState, call: &Call, request: &Latest) -> Answer {
    let all = match find(edge, call, &request.name).await? {
        KnownModel::Registered(view) => render::versions(&request.name, &view),
        KnownModel::Served(model) => render::served_versions(&request.name, &model),
    };
    let wanted = |row: &Value| {
        let stage = row["current_stage"].as_str().unwrap_or_default();
        request.stages.is_empty() || request.stages.iter().any(|wanted| wanted.eq_ignore_ascii_case(stage))
    };
    let found: Vec<Value> = render::latest(all).into_iter().filter(wanted).collect();
    Ok(Json(json!({ "model_versions": found })))
}
