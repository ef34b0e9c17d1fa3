//! Experiments: flows in other words.

use axum::Json;
use axum::extract::State;
use serde::Deserialize;
use serde_json::json;
use troupe_actors::coordination::directory::Directory;
use troupe_actors::metadata::flows::{CreateFlow, DescribeFlow, DropFlowNote, Flow, FlowView, GetFlow};
use troupe_runtime::transport::AskOne;
use troupe_runtime::{Address, AskError, Query as _, Timestamp, wire};

use super::language::Subject;
use super::list::{is_seen, limit, page};
use super::{
    Answer, Body, OrderBy, Queried, Tag, Trouble, Whole, bad, exists, ids, language, not_found, render,
    wrong_state,
};
use crate::apis::runs::tasks::short;
use crate::edge::call::Call;
use crate::edge::state::GatewayState;
use troupe_runtime::routing::{ask, tell};

/// Flows asked at once.
const AT_ONCE: usize = 256;
const LIMIT: i64 = 1_000;

/// The flow of an experiment. The default experiment always exists.
pub(super) async fn viewed(edge: &GatewayState, call: &Call, experiment: &str) -> Result<FlowView, Trouble> {
    let flow = ids::flow(experiment);
    let mut view = ask::<Flow, GetFlow>(&edge.router, flow, &GetFlow {}, call.left()?).await?;
    if view.made.is_none() && flow == ids::DEFAULT {
        view.at = Timestamp::wall();
        view.made = Some(troupe_actors::metadata::flows::Made::default());
    }
    match view.made {
        Some(_) => Ok(view),
        None => Err(not_found("experiment_id", format!("experiment {:?} not found", short(experiment)))),
    }
}

/// Creates the default experiment's flow, if `name` is that one and it does not exist yet.
pub(super) async fn ensure(edge: &GatewayState, call: &Call, experiment: &str) -> Result<FlowView, Trouble> {
    let view = viewed(edge, call, experiment).await?;
    let flow = ids::flow(experiment);
    if flow == ids::DEFAULT {
        tell::<Flow, CreateFlow>(&edge.router, flow, &CreateFlow::default(), call.left()?).await?;
    }
    Ok(view)
}

/// An experiment that is to be.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct New {
    name: String,
    artifact_location: Option<String>,
    tags: Vec<Tag>,
}

/// The flow that is called so, by its key or by the name that it was given later.
fn called(edge: &GatewayState, name: &str) -> Option<String> {
    let directory = Directory::read::<Flow>(&edge.globals)?;
    let found = directory
        .entries()
        .find(|entry| if entry.about.is_empty() { entry.key == name } else { entry.about == name });
    found.map(|entry| entry.key.clone())
}

/// Makes an experiment.
#[utoipa::path(post, path = "/api/2.0/mlflow/experiments/create", tag = "mlflow", operation_id = "mlflow_create_experiment",
    request_body(content = serde_json::Value, description = "`name`, `artifact_location`, `tags`"),
    responses((status = 200, description = "`experiment_id`", body = serde_json::Value), Trouble))]
pub(crate) async fn create(
    State(edge): State<GatewayState>,
    Body { call, json: new, .. }: Body<New>,
) -> Answer {
    if new.name.is_empty() {
        return Err(bad("name", "name must not be empty"));
    }
    if called(&edge, &new.name).is_some() {
        return Err(exists("name", format!("there is an experiment {:?}", short(&new.name))));
    }
    let mut notes: std::collections::BTreeMap<String, String> =
        new.tags.into_iter().map(|tag| (tag.key, tag.value)).collect();
    if let Some(location) = new.artifact_location {
        notes.insert(render::LOCATION.to_owned(), location);
    }
    let create = CreateFlow { notes, ..CreateFlow::default() };
    let created = tell::<Flow, CreateFlow>(&edge.router, &new.name, &create, call.left()?).await?;
    if !created.fresh {
        return Err(exists("name", format!("there is an experiment {:?}", short(&new.name))));
    }
    Ok(Json(json!({ "experiment_id": ids::experiment(&new.name) })))
}

/// Which experiment.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Which {
    experiment_id: String,
    experiment_name: String,
}

/// An experiment.
#[utoipa::path(get, path = "/api/2.0/mlflow/experiments/get", tag = "mlflow", operation_id = "mlflow_get_experiment",
    params(("experiment_id" = String, Query, description = "its id")),
    responses((status = 200, description = "the experiment", body = serde_json::Value), Trouble))]
pub(crate) async fn get(State(edge): State<GatewayState>, Queried(call, which): Queried<Which>) -> Answer {
    let view = viewed(&edge, &call, &which.experiment_id).await?;
    Ok(Json(json!({ "experiment": render::experiment(ids::flow(&which.experiment_id), &view) })))
}

/// An experiment by its name.
#[utoipa::path(get, path = "/api/2.0/mlflow/experiments/get-by-name", tag = "mlflow", operation_id = "mlflow_get_experiment_by_name",
    params(("experiment_name" = String, Query, description = "its name")),
    responses((status = 200, description = "the experiment", body = serde_json::Value), Trouble))]
pub(crate) async fn get_by_name(
    State(edge): State<GatewayState>,
    Queried(call, which): Queried<Which>,
) -> Answer {
    let name = which.experiment_name;
    // One that was made a moment ago may not be in the directory yet.
    let flow = called(&edge, &name).unwrap_or_else(|| name.clone());
    let unknown = |_| not_found("experiment_name", format!("experiment {:?} not found", short(&name)));
    let view = viewed(&edge, &call, &flow)
        .await
        .map_err(|trouble| if trouble.0.0.status == 404 { unknown(()) } else { trouble })?;
    if view.title.as_ref().is_some_and(|title| *title != name) {
        return Err(unknown(()));
    }
    Ok(Json(json!({ "experiment": render::experiment(&flow, &view) })))
}

/// What becomes of an experiment.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Changed {
    experiment_id: String,
    new_name: Option<String>,
    key: Option<String>,
    value: String,
}

/// The flow of an experiment that is not deleted.
pub(super) async fn active(edge: &GatewayState, call: &Call, experiment: &str) -> Result<FlowView, Trouble> {
    let view = ensure(edge, call, experiment).await?;
    if view.deleted {
        return Err(bad("experiment_id", "the experiment was deleted: restore it first"));
    }
    Ok(view)
}

async fn describe(edge: &GatewayState, call: &Call, experiment: &str, describe: DescribeFlow) -> Answer {
    ensure(edge, call, experiment).await?;
    let flow = ids::flow(experiment);
    tell::<Flow, DescribeFlow>(&edge.router, flow, &describe, call.left()?).await?;
    Ok(Json(json!({})))
}

/// Gives an experiment another name; its id stays.
#[utoipa::path(post, path = "/api/2.0/mlflow/experiments/update", tag = "mlflow", operation_id = "mlflow_update_experiment",
    request_body(content = serde_json::Value, description = "`experiment_id` and `new_name`"),
    responses((status = 200, description = "nothing", body = serde_json::Value), Trouble))]
pub(crate) async fn update(
    State(edge): State<GatewayState>,
    Body { call, json: changed, .. }: Body<Changed>,
) -> Answer {
    let title = changed.new_name.filter(|name| !name.is_empty());
    let Some(title) = title else { return Err(bad("new_name", "new_name must not be empty")) };
    if called(&edge, &title).is_some_and(|flow| flow != ids::flow(&changed.experiment_id)) {
        return Err(exists("new_name", format!("there is an experiment {:?}", short(&title))));
    }
    if viewed(&edge, &call, &changed.experiment_id).await?.deleted {
        return Err(wrong_state("experiment_id", "the experiment was deleted: restore it, then rename it"));
    }
    let named = DescribeFlow { title: Some(title), ..DescribeFlow::default() };
    describe(&edge, &call, &changed.experiment_id, named).await
}

/// Puts an experiment aside.
#[utoipa::path(post, path = "/api/2.0/mlflow/experiments/delete", tag = "mlflow", operation_id = "mlflow_delete_experiment",
    request_body(content = serde_json::Value, description = "`experiment_id`"),
    responses((status = 200, description = "nothing", body = serde_json::Value), Trouble))]
pub(crate) async fn delete(
    State(edge): State<GatewayState>,
    Body { call, json: changed, .. }: Body<Changed>,
) -> Answer {
    let aside = DescribeFlow { deleted: Some(true), ..DescribeFlow::default() };
    describe(&edge, &call, &changed.experiment_id, aside).await
}

/// Takes an experiment up again.
#[utoipa::path(post, path = "/api/2.0/mlflow/experiments/restore", tag = "mlflow", operation_id = "mlflow_restore_experiment",
    request_body(content = serde_json::Value, description = "`experiment_id`"),
    responses((status = 200, description = "nothing", body = serde_json::Value), Trouble))]
pub(crate) async fn restore(
    State(edge): State<GatewayState>,
    Body { call, json: changed, .. }: Body<Changed>,
) -> Answer {
    let back = DescribeFlow { deleted: Some(false), ..DescribeFlow::default() };
    describe(&edge, &call, &changed.experiment_id, back).await
}

/// Says a value of an experiment.
#[utoipa::path(post, path = "/api/2.0/mlflow/experiments/set-experiment-tag", tag = "mlflow", operation_id = "mlflow_set_experiment_tag",
    request_body(content = serde_json::Value, description = "`experiment_id`, `key`, `value`"),
    responses((status = 200, description = "nothing", body = serde_json::Value), Trouble))]
pub(crate) async fn set_tag(
    State(edge): State<GatewayState>,
    Body { call, json: changed, .. }: Body<Changed>,
) -> Answer {
    let Some(key) = changed.key else { return Err(bad("key", "key must not be empty")) };
    active(&edge, &call, &changed.experiment_id).await?;
    let said = DescribeFlow { notes: [(key, changed.value)].into(), ..DescribeFlow::default() };
    describe(&edge, &call, &changed.experiment_id, said).await
}

/// Removes a tag of an experiment; removing an absent one succeeds.
#[utoipa::path(post, path = "/api/2.0/mlflow/experiments/delete-experiment-tag", tag = "mlflow", operation_id = "mlflow_delete_experiment_tag",
    request_body(content = serde_json::Value, description = "`experiment_id`, `key`"),
    responses((status = 200, description = "nothing", body = serde_json::Value), Trouble))]
pub(crate) async fn delete_tag(
    State(edge): State<GatewayState>,
    Body { call, json: changed, .. }: Body<Changed>,
) -> Answer {
    let Some(key) = changed.key else { return Err(bad("key", "key must not be empty")) };
    active(&edge, &call, &changed.experiment_id).await?;
    let flow = ids::flow(&changed.experiment_id);
    tell::<Flow, DropFlowNote>(&edge.router, flow, &DropFlowNote { key }, call.left()?).await?;
    Ok(Json(json!({})))
}

/// What is searched for.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Search {
    filter: Option<String>,
    view_type: Option<String>,
    max_results: Option<Whole>,
    page_token: Option<String>,
}

/// What is searched for, and its order.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct OrderedSearch {
    #[serde(flatten)]
    search: Search,
    order_by: Vec<String>,
}

/// Experiments that a filter takes.
#[utoipa::path(post, path = "/api/2.0/mlflow/experiments/search", tag = "mlflow", operation_id = "mlflow_search_experiments",
    request_body(content = serde_json::Value, description = "`filter`, `order_by`, `view_type`, `max_results`, `page_token`"),
    responses((status = 200, description = "`experiments` and `next_page_token`", body = serde_json::Value), Trouble))]
pub(crate) async fn search(
    State(edge): State<GatewayState>,
    Body { call, json: OrderedSearch { search, order_by }, .. }: Body<OrderedSearch>,
) -> Answer {
    searched(&edge, &call, search, order_by).await
}

/// The same, asked for by a query.
#[utoipa::path(get, path = "/api/2.0/mlflow/experiments/search", tag = "mlflow", operation_id = "mlflow_find_experiments",
    params(("filter" = Option<String>, Query, description = "as `name LIKE 'a%'`"),
        ("order_by" = Option<Vec<String>>, Query, description = "as `name ASC`; newest first without it"),
        ("view_type" = Option<String>, Query, description = "`ACTIVE_ONLY`, `DELETED_ONLY` or `ALL`"),
        ("max_results" = Option<i64>, Query, description = "at most so many"),
        ("page_token" = Option<String>, Query, description = "where the page begins")),
    responses((status = 200, description = "`experiments` and `next_page_token`", body = serde_json::Value), Trouble))]
pub(crate) async fn find(
    State(edge): State<GatewayState>,
    OrderBy(order_by): OrderBy,
    Queried(call, search): Queried<Search>,
) -> Answer {
    searched(&edge, &call, search, order_by).await
}

async fn searched(edge: &GatewayState, call: &Call, search: Search, mut order_by: Vec<String>) -> Answer {
    let conditions = language::read(search.filter.as_deref().unwrap_or_default(), Subject::Experiments)?;
    if order_by.is_empty() {
        order_by.extend(["creation_time DESC".to_owned(), "experiment_id ASC".to_owned()]);
    }
    order_by.push("experiment_id DESC".to_owned());
    let orders = language::orders(&order_by, Subject::Experiments)?;
    let limit = limit(search.max_results.as_ref(), LIMIT, 50_000)?;
    let directory = Directory::read::<Flow>(&edge.globals);
    let names: Vec<String> =
        directory.iter().flat_map(|directory| directory.entries()).map(|entry| entry.key.clone()).collect();
    let mut rows = Vec::new();
    for some in names.chunks(AT_ONCE) {
        let asks = some.iter().map(|name| AskOne {
            to: Address::of::<Flow>(name.clone()),
            verb: GetFlow::VERB.to_owned(),
            body: wire::encode(&GetFlow {}),
            key: None,
        });
        let answers = edge.router.ask_many(asks.collect(), call.left()?).await;
        for (name, answer) in some.iter().zip(answers) {
            let view: FlowView = wire::decode(&answer?).map_err(AskError::Fault)?;
            let wanted = is_seen(search.view_type.as_deref(), view.deleted);
            let row = render::experiment(name, &view);
            let takes = |one: &language::Condition| one.holds(render::held(&row, one.name.of, &one.name.key));
            if wanted && conditions.iter().all(takes) {
                rows.push(row);
            }
        }
    }
    language::sort(&mut rows, &orders, |row, name| render::held(row, name.of, &name.key));
    let (rows, next) = page(rows, search.page_token.as_deref(), limit)?;
    Ok(Json(json!({ "experiments": rows, "next_page_token": next })))
}
