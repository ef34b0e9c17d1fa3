//! Registered models, and beside them those that the cluster serves.

use axum::Json;
use axum::extract::State;
use serde::Deserialize;
use serde_json::json;
use troupe_actors::coordination::directory::Directory;
use troupe_actors::metadata::registered_models::{
    DescribeModel, DropAlias, GetRegistered, Register, Registered, RegisteredView, SetAlias,
};
use troupe_actors::models::{GetModel, Model, Promote, Stage};

use super::language::Subject;
use super::list::{limit, page};
use super::{Answer, Body, OrderBy, Queried, Tag, Trouble, Whole, bad, exists, language, not_found, render};
use crate::apis::runs::tasks::short;
use crate::edge::call::Call;
use crate::edge::state::GatewayState;
use troupe_runtime::AskError;
use troupe_runtime::routing::{ask, tell};

const LIMIT: i64 = 100;
/// Tries of a promotion that other changes of the model overtake.
const PROMOTE_TRIES: usize = 4;

/// A model by its name: one that clients registered, or one that the cluster serves.
pub(super) enum KnownModel {
    Registered(RegisteredView),
    Served(std::sync::Arc<Model>),
}

pub(super) fn served(edge: &GatewayState, name: &str) -> Option<std::sync::Arc<Model>> {
    edge.globals.get::<Model>(name).filter(|model| model.versions().next().is_some())
}

pub(super) async fn find(edge: &GatewayState, call: &Call, name: &str) -> Result<KnownModel, Trouble> {
    if name.is_empty() {
        return Err(bad("name", "name must not be empty"));
    }
    if let Some(model) = served(edge, name) {
        return Ok(KnownModel::Served(model));
    }
    let view = ask::<Registered, GetRegistered>(&edge.router, name, &GetRegistered {}, call.left()?).await?;
    if view.known {
        return Ok(KnownModel::Registered(view));
    }
    Err(not_found("name", format!("registered model {:?} not found", short(name))))
}

/// What is asked of a model.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct ModelRequest {
    name: String,
    description: Option<String>,
    tags: Vec<Tag>,
    key: String,
    value: String,
    alias: String,
    version: String,
}

async fn shown(edge: &GatewayState, call: &Call, name: &str) -> Answer {
    let model = match find(edge, call, name).await? {
        KnownModel::Registered(view) => render::model(name, &view),
        KnownModel::Served(model) => render::served(name, &model),
    };
    Ok(Json(json!({ "registered_model": model })))
}

/// Registers a name.
#[utoipa::path(post, path = "/api/2.0/mlflow/registered-models/create", tag = "mlflow", operation_id = "mlflow_create_model",
    request_body(content = serde_json::Value, description = "`name`, `description`, `tags`"),
    responses((status = 200, description = "`registered_model`", body = serde_json::Value), Trouble))]
pub(crate) async fn create(
    State(edge): State<GatewayState>,
    Body { call, json: request, .. }: Body<ModelRequest>,
) -> Answer {
    if request.name.is_empty() {
        return Err(bad("name", "name must not be empty"));
    }
    let there = || exists("name", format!("Registered Model (name={}) already exists", short(&request.name)));
    if served(&edge, &request.name).is_some() {
        return Err(there());
    }
    let tags = request.tags.iter().map(|tag| (tag.key.clone(), tag.value.clone())).collect();
    let register = Register { description: request.description.clone().unwrap_or_default(), tags };
    let created = tell::<Registered, Register>(&edge.router, &request.name, &register, call.left()?).await?;
    if !created.fresh {
        return Err(there());
    }
    shown(&edge, &call, &request.name).await
}

/// A model.
#[utoipa::path(get, path = "/api/2.0/mlflow/registered-models/get", tag = "mlflow", operation_id = "mlflow_get_model",
    params(("name" = String, Query, description = "its name")),
    responses((status = 200, description = "`registered_model`", body = serde_json::Value), Trouble))]
pub(crate) async fn get(State(edge): State<GatewayState>, Queried(call, request): Queried<Named>) -> Answer {
    shown(&edge, &call, &request.name).await
}

/// Which model.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Named {
    name: String,
    alias: String,
}

async fn describe(edge: &GatewayState, call: &Call, name: &str, told: DescribeModel) -> Result<(), Trouble> {
    if served(edge, name).is_some() {
        return Err(bad("name", "the cluster serves this model: it is not described here"));
    }
    Ok(tell::<Registered, DescribeModel>(&edge.router, name, &told, call.left()?).await?)
}

/// Replaces a model's description.
#[utoipa::path(patch, path = "/api/2.0/mlflow/registered-models/update", tag = "mlflow", operation_id = "mlflow_update_model",
    request_body(content = serde_json::Value, description = "`name`, `description`"),
    responses((status = 200, description = "`registered_model`", body = serde_json::Value), Trouble))]
pub(crate) async fn update(
    State(edge): State<GatewayState>,
    Body { call, json: request, .. }: Body<ModelRequest>,
) -> Answer {
    let told = DescribeModel { description: request.description, ..DescribeModel::default() };
    describe(&edge, &call, &request.name, told).await?;
    shown(&edge, &call, &request.name).await
}

/// Takes a model out, with its versions.
#[utoipa::path(delete, path = "/api/2.0/mlflow/registered-models/delete", tag = "mlflow", operation_id = "mlflow_delete_model",
    request_body(content = serde_json::Value, description = "`name`"),
    responses((status = 200, description = "nothing", body = serde_json::Value), Trouble))]
pub(crate) async fn delete(
    State(edge): State<GatewayState>,
    Body { call, json: request, .. }: Body<ModelRequest>,
) -> Answer {
    let told = DescribeModel { deleted: Some(true), ..DescribeModel::default() };
    describe(&edge, &call, &request.name, told).await?;
    Ok(Json(json!({})))
}

/// Says a value of a model.
#[utoipa::path(post, path = "/api/2.0/mlflow/registered-models/set-tag", tag = "mlflow", operation_id = "mlflow_set_model_tag",
    request_body(content = serde_json::Value, description = "`name`, `key`, `value`"),
    responses((status = 200, description = "nothing", body = serde_json::Value), Trouble))]
pub(crate) async fn set_tag(
    State(edge): State<GatewayState>,
    Body { call, json: request, .. }: Body<ModelRequest>,
) -> Answer {
    let told = DescribeModel { tags: [(request.key, request.value)].into(), ..DescribeModel::default() };
    describe(&edge, &call, &request.name, told).await?;
    Ok(Json(json!({})))
}

/// Takes a value of a model away.
#[utoipa::path(delete, path = "/api/2.0/mlflow/registered-models/delete-tag", tag = "mlflow", operation_id = "mlflow_delete_model_tag",
    request_body(content = serde_json::Value, description = "`name`, `key`"),
    responses((status = 200, description = "nothing", body = serde_json::Value), Trouble))]
pub(crate) async fn delete_tag(
    State(edge): State<GatewayState>,
    Body { call, json: request, .. }: Body<ModelRequest>,
) -> Answer {
    let told = DescribeModel { drop: vec![request.key], ..DescribeModel::default() };
    describe(&edge, &call, &request.name, told).await?;
    Ok(Json(json!({})))
}

/// Points an alias at a version. Of a model that the cluster serves there are two, and to set one promotes the version.
#[utoipa::path(post, path = "/api/2.0/mlflow/registered-models/alias", tag = "mlflow", operation_id = "mlflow_set_alias",
    request_body(content = serde_json::Value, description = "`name`, `alias`, `version`"),
    responses((status = 200, description = "nothing", body = serde_json::Value), Trouble))]
pub(crate) async fn set_alias(
    State(edge): State<GatewayState>,
    Body { call, json: request, .. }: Body<ModelRequest>,
) -> Answer {
    let version = request.version.parse().map_err(|_| bad("version", "version must be a number from 1"))?;
    if served(&edge, &request.name).is_some() {
        let to = match request.alias.as_str() {
            "champion" => Stage::Champion,
            "challenger" => Stage::Challenger,
            _ => {
                let why = "the cluster serves this model: its aliases are champion and challenger";
                return Err(bad("alias", why));
            }
        };
        promote(&edge, &call, &request.name, version, to).await?;
        return Ok(Json(json!({})));
    }
    let set = SetAlias { alias: request.alias, version };
    tell::<Registered, SetAlias>(&edge.router, &request.name, &set, call.left()?).await?;
    Ok(Json(json!({})))
}

/// Moves a version of a model that the cluster serves to another stage.
pub(super) async fn promote(
    edge: &GatewayState,
    call: &Call,
    name: &str,
    version: u32,
    to: Stage,
) -> Result<(), Trouble> {
    let mut tries = 0;
    loop {
        tries += 1;
        let seen = ask::<Model, _>(&edge.router, name, &GetModel {}, call.left()?).await?.revision;
        let promote = Promote { version, to, seen };
        match tell::<Model, Promote>(&edge.router, name, &promote, call.left()?).await {
            // MLflow's clients send no revision that could be stale: another change came between the two messages.
            Err(AskError::Refused(refused)) if refused.code == "STALE" && tries < PROMOTE_TRIES => {}
            done => return Ok(done.map(|_| ())?),
        }
    }
}

/// Takes an alias away.
#[utoipa::path(delete, path = "/api/2.0/mlflow/registered-models/alias", tag = "mlflow", operation_id = "mlflow_delete_alias",
    request_body(content = serde_json::Value, description = "`name`, `alias`"),
    responses((status = 200, description = "nothing", body = serde_json::Value), Trouble))]
pub(crate) async fn delete_alias(
    State(edge): State<GatewayState>,
    Body { call, json: request, .. }: Body<ModelRequest>,
) -> Answer {
    if served(&edge, &request.name).is_some() {
        return Err(bad("alias", "the cluster serves this model: promote another version instead"));
    }
    let drop = DropAlias { alias: request.alias };
    tell::<Registered, DropAlias>(&edge.router, &request.name, &drop, call.left()?).await?;
    Ok(Json(json!({})))
}

/// The version that an alias points at; `latest` is the newest.
#[utoipa::path(get, path = "/api/2.0/mlflow/registered-models/alias", tag = "mlflow", operation_id = "mlflow_get_by_alias",
    params(("name" = String, Query, description = "the model"), ("alias" = String, Query, description = "the alias")),
    responses((status = 200, description = "`model_version`", body = serde_json::Value), Trouble))]
pub(crate) async fn by_alias(
    State(edge): State<GatewayState>,
    Queried(call, request): Queried<Named>,
) -> Answer {
    let is_latest = request.alias.eq_ignore_ascii_case("latest");
    let found = match find(&edge, &call, &request.name).await? {
        KnownModel::Registered(view) => {
            let named = view.aliases.get(&request.alias).and_then(|version| view.versions.get(version));
            let row = named.or_else(|| view.versions.values().next_back().filter(|_| is_latest));
            row.map(|row| render::version(&request.name, row, &view.aliases))
        }
        KnownModel::Served(model) => model
            .versions()
            .filter(|held| is_latest || render::alias(held.stage) == Some(request.alias.as_str()))
            .max_by_key(|held| held.version)
            .map(|held| render::served_version(&request.name, held)),
    };
    let unknown = || not_found("alias", format!("the model has no alias {:?}", short(&request.alias)));
    Ok(Json(json!({ "model_version": found.ok_or_else(unknown)? })))
}

/// What is searched for.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Search {
    pub(super) filter: Option<String>,
    pub(super) max_results: Option<Whole>,
    pub(super) page_token: Option<String>,
}

/// All models, by name.
pub(super) async fn all(edge: &GatewayState, call: &Call) -> Result<Vec<(String, KnownModel)>, Trouble> {
    let directory = Directory::read::<Registered>(&edge.globals);
    let mut names: std::collections::BTreeSet<String> =
        directory.iter().flat_map(|directory| directory.entries()).map(|entry| entry.key.clone()).collect();
    names.extend(edge.globals.all::<Model>().into_iter().map(|(name, _)| name));
    let mut found = Vec::new();
    for name in names {
        match find(edge, call, &name).await {
            Ok(model) => found.push((name, model)),
            Err(trouble) if trouble.0.0.status == 404 => {}
            Err(trouble) => return Err(trouble),
        }
    }
    Ok(found)
}

/// Models that a filter takes, by name.
#[utoipa::path(get, path = "/api/2.0/mlflow/registered-models/search", tag = "mlflow", operation_id = "mlflow_search_models",
    params(("filter" = Option<String>, Query, description = "as `name LIKE 'mov%'`"),
        ("order_by" = Option<Vec<String>>, Query, description = "as `name DESC`; by name without it"),
        ("max_results" = Option<i64>, Query, description = "at most so many"),
        ("page_token" = Option<String>, Query, description = "where the page begins")),
    responses((status = 200, description = "`registered_models` and `next_page_token`", body = serde_json::Value), Trouble))]
pub(crate) async fn search(
    State(edge): State<GatewayState>,
    OrderBy(order_by): OrderBy,
    Queried(call, search): Queried<Search>,
) -> Answer {
    let conditions = language::read(search.filter.as_deref().unwrap_or_default(), Subject::Models)?;
    let orders = language::orders(&order_by, Subject::Models)?;
    let limit = limit(search.max_results.as_ref(), LIMIT, 1_000)?;
    let mut rows = Vec::new();
    for (name, model) in all(&edge, &call).await? {
        let row = match model {
            KnownModel::Registered(view) => render::model(&name, &view),
            KnownModel::Served(model) => render::served(&name, &model),
        };
        if conditions.iter().all(|one| one.holds(render::held(&row, one.name.of, &one.name.key))) {
            rows.push(row);
        }
    }
    // They are by name, which decides between rows with equal values.
    language::sort(&mut rows, &orders, |row, name| render::held(row, name.of, &name.key));
    let (rows, next) = page(rows, search.page_token.as_deref(), limit)?;
    Ok(Json(json!({ "registered_models": rows, "next_page_token": next })))
}
