//! Versions of models.

use axum::Json;
use axum::extract::State;
use serde::Deserialize;
use serde_json::{Value, json};
use troupe_actors::metadata::registered_models::{AddVersion, DescribeVersion, Registered};

use super::language::Subject;
use super::list::{limit, page};
use super::models::{KnownModel, Search, all, find, served};
use super::{Answer, Body, OrderBy, Queried, Tag, Trouble, Whole, bad, ids, language, not_found, render};
use crate::apis::runs::asks;
use crate::apis::runs::tasks::short;
use crate::edge::call::Call;
use crate::edge::state::GatewayState;
use troupe_runtime::routing::tell;

const LIMIT: i64 = 10_000;

/// What is asked of a version.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct VersionRequest {
    name: String,
    version: Option<Whole>,
    source: String,
    run_id: Option<String>,
    description: Option<String>,
    tags: Vec<Tag>,
    key: String,
    value: String,
}

pub(super) fn number(version: Option<&Whole>) -> Result<u32, Trouble> {
    let version = version.ok_or_else(|| bad("version", "version must be a number from 1"))?;
    u32::try_from(version.read("version")?).map_err(|_| bad("version", "version must be a number from 1"))
}

pub(super) async fn shown(
    edge: &GatewayState,
    call: &Call,
    name: &str,
    version: u32,
) -> Result<Value, Trouble> {
    let found = match find(edge, call, name).await? {
        KnownModel::Registered(view) => {
            view.versions.get(&version).map(|row| render::version(name, row, &view.aliases))
        }
        KnownModel::Served(model) => model.version(version).map(|held| render::served_version(name, held)),
    };
    found.ok_or_else(|| not_found("version", format!("model {:?} has no version {version}", short(name))))
}

/// Adds a version of a model and links it with its run.
#[utoipa::path(post, path = "/api/2.0/mlflow/model-versions/create", tag = "mlflow", operation_id = "mlflow_create_version",
    request_body(content = serde_json::Value, description = "`name`, `source`, `run_id`, `description`, `tags`"),
    responses((status = 200, description = "`model_version`", body = serde_json::Value), Trouble))]
pub(crate) async fn create(
    State(edge): State<GatewayState>,
    Body { call, json: request, .. }: Body<VersionRequest>,
) -> Answer {
    if request.name.is_empty() {
        return Err(bad("name", "name must not be empty"));
    }
    if served(&edge, &request.name).is_some() {
        let why =
            "the cluster serves this model: publish the version with troupe train, or register another name";
        return Err(bad("name", why));
    }
    // `runs:/ID/PATH` names both the artifact and its run.
    let by_source =
        request.source.strip_prefix("runs:/").map(|rest| rest.split_once('/').unwrap_or((rest, "")));
    let run_id = request.run_id.filter(|id| !id.is_empty());
    let run_id = run_id.or_else(|| by_source.map(|(id, _)| id.to_owned())).unwrap_or_default();
    let marker = format!("{run_id}/artifacts/");
    let path = match by_source {
        Some((_, path)) => path,
        None if !run_id.is_empty() => request.source.split_once(&marker).map_or("", |(_, path)| path),
        None => "",
    };
    let add = AddVersion {
        // The run may be of another tracking server: the model is registered all the same.
        run: ids::key(&run_id).ok(),
        run_id,
        path: path.trim_matches('/').to_owned(),
        source: request.source.clone(),
        description: request.description.unwrap_or_default(),
        tags: request.tags.into_iter().map(|tag| (tag.key, tag.value)).collect(),
    };
    let added = asks::tell_once::<Registered, AddVersion>(&edge, &call, &request.name, &add).await?;
    Ok(Json(json!({ "model_version": shown(&edge, &call, &request.name, added.version).await? })))
}

/// Which version.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Which {
    name: String,
    version: Option<Whole>,
}

/// A version.
#[utoipa::path(get, path = "/api/2.0/mlflow/model-versions/get", tag = "mlflow", operation_id = "mlflow_get_version",
    params(("name" = String, Query, description = "the model"), ("version" = String, Query, description = "its number")),
    responses((status = 200, description = "`model_version`", body = serde_json::Value), Trouble))]
pub(crate) async fn get(State(edge): State<GatewayState>, Queried(call, which): Queried<Which>) -> Answer {
    let version = number(which.version.as_ref())?;
    Ok(Json(json!({ "model_version": shown(&edge, &call, &which.name, version).await? })))
}

/// Where the artifact of a version is.
#[utoipa::path(get, path = "/api/2.0/mlflow/model-versions/get-download-uri", tag = "mlflow", operation_id = "mlflow_version_uri",
    params(("name" = String, Query, description = "the model"), ("version" = String, Query, description = "its number")),
    responses((status = 200, description = "`artifact_uri`", body = serde_json::Value), Trouble))]
pub(crate) async fn download_uri(
    State(edge): State<GatewayState>,
    Queried(call, which): Queried<Which>,
) -> Answer {
    let version = shown(&edge, &call, &which.name, number(which.version.as_ref())?).await?;
    Ok(Json(json!({ "artifact_uri": version["source"] })))
}

async fn describe(
    edge: &GatewayState,
    call: &Call,
    name: &str,
    version: Option<&Whole>,
    told: DescribeVersion,
) -> Result<u32, Trouble> {
    if served(edge, name).is_some() {
        return Err(bad("name", "the cluster serves this model: it is not described here"));
    }
    let version = number(version)?;
    let told = DescribeVersion { version, ..told };
    tell::<Registered, DescribeVersion>(&edge.router, name, &told, call.left()?).await?;
    Ok(version)
}

/// Replaces a version's description.
#[utoipa::path(patch, path = "/api/2.0/mlflow/model-versions/update", tag = "mlflow", operation_id = "mlflow_update_version",
    request_body(content = serde_json::Value, description = "`name`, `version`, `description`"),
    responses((status = 200, description = "`model_version`", body = serde_json::Value), Trouble))]
pub(crate) async fn update(
    State(edge): State<GatewayState>,
    Body { call, json: request, .. }: Body<VersionRequest>,
) -> Answer {
    let told = DescribeVersion { description: request.description, ..DescribeVersion::default() };
    let version = describe(&edge, &call, &request.name, request.version.as_ref(), told).await?;
    Ok(Json(json!({ "model_version": shown(&edge, &call, &request.name, version).await? })))
}

/// Takes a version out.
#[utoipa::path(delete, path = "/api/2.0/mlflow/model-versions/delete", tag = "mlflow", operation_id = "mlflow_delete_version",
    request_body(content = serde_json::Value, description = "`name`, `version`"),
    responses((status = 200, description = "nothing", body = serde_json::Value), Trouble))]
pub(crate) async fn delete(
    State(edge): State<GatewayState>,
    Body { call, json: request, .. }: Body<VersionRequest>,
) -> Answer {
    let told = DescribeVersion { delete: true, ..DescribeVersion::default() };
    describe(&edge, &call, &request.name, request.version.as_ref(), told).await?;
    Ok(Json(json!({})))
}

/// Says a value of a version.
#[utoipa::path(post, path = "/api/2.0/mlflow/model-versions/set-tag", tag = "mlflow", operation_id = "mlflow_set_version_tag",
    request_body(content = serde_json::Value, description = "`name`, `version`, `key`, `value`"),
    responses((status = 200, description = "nothing", body = serde_json::Value), Trouble))]
pub(crate) async fn set_tag(
    State(edge): State<GatewayState>,
    Body { call, json: request, .. }: Body<VersionRequest>,
) -> Answer {
    let told = DescribeVersion { tags: [(request.key, request.value)].into(), ..DescribeVersion::default() };
    describe(&edge, &call, &request.name, request.version.as_ref(), told).await?;
    Ok(Json(json!({})))
}

/// Takes a value of a version away.
#[utoipa::path(delete, path = "/api/2.0/mlflow/model-versions/delete-tag", tag = "mlflow", operation_id = "mlflow_delete_version_tag",
    request_body(content = serde_json::Value, description = "`name`, `version`, `key`"),
    responses((status = 200, description = "nothing", body = serde_json::Value), Trouble))]
pub(crate) async fn delete_tag(
    State(edge): State<GatewayState>,
    Body { call, json: request, .. }: Body<VersionRequest>,
) -> Answer {
    let told = DescribeVersion { drop: vec![request.key], ..DescribeVersion::default() };
    describe(&edge, &call, &request.name, request.version.as_ref(), told).await?;
    Ok(Json(json!({})))
}

/// Versions that a filter takes, the last changed first where no order is wanted.
#[utoipa::path(get, path = "/api/2.0/mlflow/model-versions/search", tag = "mlflow", operation_id = "mlflow_search_versions",
    params(("filter" = Option<String>, Query, description = "as `name = 'movies'`"),
        ("order_by" = Option<Vec<String>>, Query, description = "as `version_number DESC`"),
        ("max_results" = Option<i64>, Query, description = "at most so many"),
        ("page_token" = Option<String>, Query, description = "where the page begins")),
    responses((status = 200, description = "`model_versions` and `next_page_token`", body = serde_json::Value), Trouble))]
pub(crate) async fn search(
    State(edge): State<GatewayState>,
    OrderBy(mut order_by): OrderBy,
    Queried(call, search): Queried<Search>,
) -> Answer {
    let conditions = language::read(search.filter.as_deref().unwrap_or_default(), Subject::Versions)?;
    if order_by.is_empty() {
        order_by.push("last_updated_timestamp DESC".to_owned());
    }
    // Versions with equal values are sorted by name, then newest first.
    order_by.extend(["name ASC".to_owned(), "version_number DESC".to_owned()]);
    let orders = language::orders(&order_by, Subject::Versions)?;
    let limit = limit(search.max_results.as_ref(), LIMIT, 200_000)?;
    let mut rows: Vec<Value> = Vec::new();
    for (name, model) in all(&edge, &call).await? {
        rows.extend(match model {
            KnownModel::Registered(view) => render::versions(&name, &view),
            KnownModel::Served(model) => render::served_versions(&name, &model),
        });
    }
    rows.retain(|row| conditions.iter().all(|one| one.holds(render::held(row, one.name.of, &one.name.key))));
    language::sort(&mut rows, &orders, |row, name| render::held(row, name.of, &name.key));
    let (rows, next) = page(rows, search.page_token.as_deref(), limit)?;
    Ok(Json(json!({ "model_versions": rows, "next_page_token": next })))
}
