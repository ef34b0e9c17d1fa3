//! Kayenta's API, at the paths that its clients know.

use std::collections::BTreeMap;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde::Deserialize;
use serde_json::{Value, json};
use troupe_actors::NamedFields;
use troupe_actors::canary_analysis::{
    Canary, CanaryView, GetCanary, JudgeLook, Pair, StartCanary, StoredConfig, check_pairs,
};
use troupe_actors::coordination::directory::Directory;
use troupe_runtime::text::cut;
use troupe_runtime::{AskError, Timestamp};
use troupe_statistics::canary::{CanaryConfig, Thresholds, judge, sequential};

use super::state::KayentaState;
use crate::apis::kayenta::render;
use crate::edge::body::Body;
use crate::edge::call::Call;
use crate::edge::extract::{Path, Query};
use crate::edge::fresh::fresh_id;
use crate::edge::invalid::invalid;
use crate::edge::problem::{Problem, ProblemBody};
use troupe_runtime::routing::{ask, tell};
use troupe_workers::canaries::analyst;
use troupe_workers::canaries::request::{
    AdhocAnalysisRequest, AdhocRequest, AnalysisRequest, ExecutionRequest,
};

/// Most executions of one list.
const LISTED_MAX: usize = 200;

/// The query parameters.
#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(crate) struct CanaryQuery {
    pub(super) application: Option<String>,
    limit: Option<usize>,
    canary_config_id: Option<String>,
    pass_threshold: Option<f64>,
    marginal_threshold: Option<f64>,
}

pub(super) fn stored(edge: &KayentaState, id: &str) -> Result<CanaryConfig, Problem> {
    let found = edge.globals.get::<StoredConfig>(id).and_then(|stored| stored.config().cloned());
    found.ok_or_else(|| {
        let detail = format!("no canary config {:?}", cut(id, 64));
        Problem::new(StatusCode::NOT_FOUND, "UNKNOWN_CONFIG", detail).field("canaryConfigId")
    })
}

/// Starts a retrospective canary with a stored config.
#[utoipa::path(post, path = "/canary/{id}", tag = "canaries", operation_id = "start_canary",
    params(("id" = String, Path, description = "the config's id"),
        ("application" = Option<String>, Query, description = "the application that owns it")),
    request_body(content = serde_json::Value, description = "Kayenta's execution request: `scopes` and `thresholds`"),
    responses((status = 200, description = "its id", body = serde_json::Value),
        (status = "default", description = "what is wrong", body = ProblemBody, content_type = "application/problem+json")))]
pub(crate) async fn start(
    State(edge): State<KayentaState>,
    call: Call,
    Path(id): Path<String>,
    Query(query): Query<CanaryQuery>,
    Body { json: request, .. }: Body<ExecutionRequest>,
) -> Result<Json<Value>, Problem> {
    execute(&edge, &call, stored(&edge, &id)?, request, query.application, Some(&id)).await
}

/// Starts a retrospective canary with the config in the body.
#[utoipa::path(post, path = "/canary", tag = "canaries", operation_id = "start_adhoc_canary",
    params(("application" = Option<String>, Query, description = "the application that owns it")),
    request_body(content = serde_json::Value, description = "`canaryConfig` and `executionRequest`"),
    responses((status = 200, description = "its id", body = serde_json::Value),
        (status = "default", description = "what is wrong", body = ProblemBody, content_type = "application/problem+json")))]
pub(crate) async fn start_adhoc(
    State(edge): State<KayentaState>,
    call: Call,
    Query(query): Query<CanaryQuery>,
    Body { json: adhoc, .. }: Body<AdhocRequest>,
) -> Result<Json<Value>, Problem> {
    execute(&edge, &call, adhoc.canary_config, adhoc.execution_request, query.application, None).await
}

async fn execute(
    edge: &KayentaState,
    call: &Call,
    config: CanaryConfig,
    request: ExecutionRequest,
    application: Option<String>,
    config_id: Option<&str>,
) -> Result<Json<Value>, Problem> {
    let mut problems = config.validate();
    let sides = request.sides().map_err(|more| problems.extend(more)).unwrap_or_default();
    if problems.is_empty() {
        problems.extend(edge.own.fetch.check(&config, &sides));
    }
    if !problems.is_empty() {
        return Err(invalid(&problems));
    }
    let id = fresh_id();
    let thresholds = request.thresholds.or(config.classifier.score_thresholds).unwrap_or_default();
    let start = StartCanary {
        application: application.unwrap_or_default(),
        config: NamedFields(config.clone()),
        thresholds: NamedFields(thresholds),
        lifetime: None,
        request: NamedFields(json!(request)),
    };
    tell::<Canary, StartCanary>(&edge.router, &id, &start, call.left()?).await?;
    // Fetching the points may outlast the caller's deadline. The canary is stored by now, and ends by itself.
    let (fetch, key) = (edge.own.fetch.clone(), id.clone());
    tokio::spawn(async move {
        if let Err(error) = analyst::bring(&fetch, &key, 0, &config, &sides).await {
            tracing::warn!(canary = %key, %error, "could not send a canary its points");
        }
    });
    Ok(Json(json!({ "canaryExecutionId": id, "canaryConfigId": config_id })))
}

async fn viewed(edge: &KayentaState, call: &Call, id: &str) -> Result<CanaryView, Problem> {
    let view = ask::<Canary, GetCanary>(&edge.router, id, &GetCanary {}, call.left()?).await?;
    if view.started.is_none() {
        let detail = format!("no canary {:?}", cut(id, 64));
        return Err(Problem::new(StatusCode::NOT_FOUND, "UNKNOWN_CANARY", detail).field("id"));
    }
    Ok(view)
}

/// The status and result of a canary.
#[utoipa::path(get, path = "/canary/{id}", tag = "canaries", operation_id = "get_canary",
    params(("id" = String, Path, description = "its id")),
    responses((status = 200, description = "Kayenta's execution status", body = serde_json::Value),
        (status = 404, description = "not found", body = ProblemBody, content_type = "application/problem+json")))]
pub(crate) async fn get(
    State(edge): State<KayentaState>,
    call: Call,
    Path(id): Path<String>,
) -> Result<Json<Value>, Problem> {
    Ok(Json(render::execution(&id, &viewed(&edge, &call, &id).await?)))
}

/// The newest canaries.
#[utoipa::path(get, path = "/canary/executions", tag = "canaries", operation_id = "list_canaries",
    params(("application" = Option<String>, Query, description = "only of this application"),
        ("limit" = Option<u64>, Query, description = "at most so many; 20 if absent")),
    responses((status = 200, description = "Kayenta's execution statuses", body = serde_json::Value)))]
pub(crate) async fn list(
    State(edge): State<KayentaState>,
    call: Call,
    Query(query): Query<CanaryQuery>,
) -> Result<Json<Value>, Problem> {
    let Some(directory) = Directory::read::<Canary>(&edge.globals) else { return Ok(Json(json!([]))) };
    let limit = query.limit.unwrap_or(20).min(LISTED_MAX);
    let mut views = Vec::new();
    // Keys begin with the time of creation: the last ones are the newest.
    let keys: Vec<String> = directory.entries().map(|entry| entry.key.clone()).collect();
    for key in keys.iter().rev() {
        if views.len() >= limit {
            break;
        }
        let view = ask::<Canary, GetCanary>(&edge.router, key, &GetCanary {}, call.left()?).await?;
        let application = view.started.as_ref().map(|started| started.application.clone());
        if query.application.is_none() || application == query.application {
            views.push(render::execution(key, &view));
        }
    }
    Ok(Json(json!(views)))
}

/// Starts a live analysis with a stored config; it is judged at each look.
#[utoipa::path(post, path = "/standalone_canary_analysis/{id}", tag = "canaries", operation_id = "start_analysis",
    params(("id" = String, Path, description = "the config's id"),
        ("application" = Option<String>, Query, description = "the application that owns it")),
    request_body(content = serde_json::Value, description = "Kayenta's analysis request"),
    responses((status = 200, description = "its id", body = serde_json::Value),
        (status = "default", description = "what is wrong", body = ProblemBody, content_type = "application/problem+json")))]
pub(crate) async fn analyse(
    State(edge): State<KayentaState>,
    call: Call,
    Path(id): Path<String>,
    Query(query): Query<CanaryQuery>,
    Body { json: request, .. }: Body<AnalysisRequest>,
) -> Result<Json<Value>, Problem> {
    begin(&edge, &call, stored(&edge, &id)?, request, query.application).await
}

/// Starts a live analysis with the config in the body; it is judged at each look.
#[utoipa::path(post, path = "/standalone_canary_analysis", tag = "canaries", operation_id = "start_adhoc_analysis",
    params(("application" = Option<String>, Query, description = "the application that owns it")),
    request_body(content = serde_json::Value, description = "`canaryConfig` and `executionRequest`"),
    responses((status = 200, description = "its id", body = serde_json::Value),
        (status = "default", description = "what is wrong", body = ProblemBody, content_type = "application/problem+json")))]
pub(crate) async fn analyse_adhoc(
    State(edge): State<KayentaState>,
    call: Call,
    Query(query): Query<CanaryQuery>,
    Body { json: adhoc, .. }: Body<AdhocAnalysisRequest>,
) -> Result<Json<Value>, Problem> {
    begin(&edge, &call, adhoc.canary_config, adhoc.execution_request, query.application).await
}

async fn begin(
    edge: &KayentaState,
    call: &Call,
    config: CanaryConfig,
    request: AnalysisRequest,
    application: Option<String>,
) -> Result<Json<Value>, Problem> {
    let mut problems = config.validate();
    let lifetime = request.lifetime(Timestamp::wall().0).map_err(|more| problems.extend(more)).ok();
    if problems.is_empty() {
        problems.extend(edge.own.fetch.check(&config, &request.sides(0, 1)));
    }
    let (true, Some(lifetime)) = (problems.is_empty(), lifetime) else { return Err(invalid(&problems)) };
    let id = fresh_id();
    let start = StartCanary {
        application: application.unwrap_or_default(),
        thresholds: NamedFields(
            request.thresholds.or(config.classifier.score_thresholds).unwrap_or_default(),
        ),
        config: NamedFields(config),
        lifetime: Some(NamedFields(lifetime)),
        request: NamedFields(json!(request)),
    };
    tell::<Canary, StartCanary>(&edge.router, &id, &start, call.left()?).await?;
    Ok(Json(json!({ "canaryAnalysisExecutionId": id })))
}

/// The status and result of an analysis.
#[utoipa::path(get, path = "/standalone_canary_analysis/{id}", tag = "canaries", operation_id = "get_analysis",
    params(("id" = String, Path, description = "its id")),
    responses((status = 200, description = "Kayenta's analysis status", body = serde_json::Value),
        (status = 404, description = "not found", body = ProblemBody, content_type = "application/problem+json")))]
pub(crate) async fn get_analysis(
    State(edge): State<KayentaState>,
    call: Call,
    Path(id): Path<String>,
) -> Result<Json<Value>, Problem> {
    Ok(Json(render::analysis(&id, &viewed(&edge, &call, &id).await?)))
}

/// A `MetricSetPair` as it is posted: numbers, nulls, or texts such as `NaN`.
#[derive(Debug, Deserialize)]
struct PostedPair {
    name: String,
    #[serde(default)]
    id: String,
    #[serde(default)]
    tags: BTreeMap<String, String>,
    values: PostedValues,
}

#[derive(Debug, Deserialize)]
struct PostedValues {
    control: Vec<Value>,
    experiment: Vec<Value>,
}

/// A judgement on request, without fetching.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Posted {
    #[serde(default)]
    canary_config: Option<CanaryConfig>,
    #[serde(default)]
    score_thresholds: Option<Thresholds>,
    metric_set_pair_list: Vec<PostedPair>,
}

/// Judges the posted metric pairs and answers with the result.
#[utoipa::path(post, path = "/judges/judge", tag = "canaries", operation_id = "judge",
    params(("canaryConfigId" = Option<String>, Query, description = "a stored config, if none comes with it"),
        ("passThreshold" = Option<f64>, Query, description = "the score that passes"),
        ("marginalThreshold" = Option<f64>, Query, description = "the score that is marginal"),
        ("application" = Option<String>, Query, description = "the application that owns it")),
    request_body(content = serde_json::Value, description = "`metricSetPairList`, `canaryConfig`, `scoreThresholds`"),
    responses((status = 200, description = "Kayenta's judge result", body = serde_json::Value),
        (status = "default", description = "what is wrong", body = ProblemBody, content_type = "application/problem+json")))]
pub(crate) async fn judge_posted(
    State(edge): State<KayentaState>,
    call: Call,
    Query(query): Query<CanaryQuery>,
    Body { json: posted, .. }: Body<Posted>,
) -> Result<Json<Value>, Problem> {
    let config = match (posted.canary_config, &query.canary_config_id) {
        (Some(config), _) => config,
        (None, Some(id)) => stored(&edge, id)?,
        (None, None) => {
            let why = "give a canaryConfig in the body, or a canaryConfigId behind the path";
            return Err(Problem::new(StatusCode::BAD_REQUEST, "BAD_REQUEST", why).field("canaryConfig"));
        }
    };
    let known = posted.score_thresholds.or(config.classifier.score_thresholds).unwrap_or_default();
    let thresholds = Thresholds {
        pass: query.pass_threshold.unwrap_or(known.pass),
        marginal: query.marginal_threshold.unwrap_or(known.marginal),
    };
    let pairs = pairs(posted.metric_set_pair_list)?;
    if let Err(refused) = check_pairs(&config, &pairs) {
        let field =
            refused.field.clone().filter(|field| field != "pairs").unwrap_or("metricSetPairList".to_owned());
        return Err(Problem::from(AskError::Refused(refused)).field(field));
    }
    let id = fresh_id();
    let start = StartCanary {
        application: query.application.unwrap_or_default(),
        config: NamedFields(config),
        thresholds: NamedFields(thresholds),
        lifetime: None,
        request: NamedFields(Value::Null),
    };
    tell::<Canary, StartCanary>(&edge.router, &id, &start, call.left()?).await?;
    let look = JudgeLook { look: 0, pairs };
    let judged = tell::<Canary, JudgeLook>(&edge.router, &id, &look, call.left()?).await?;
    let mut answer = json!(judged.result);
    answer["canaryExecutionId"] = json!(id);
    answer["verdict"] = json!(judged.verdict);
    Ok(Json(answer))
}

/// The posted pairs as numbers. Kayenta's clients may send numbers as texts; a point is absent for `null` and
/// `"NaN"`.
fn pairs(posted: Vec<PostedPair>) -> Result<Vec<Pair>, Problem> {
    let points = |at: usize, side: &str, values: &[Value]| -> Result<Vec<Option<f64>>, Problem> {
        let each = values.iter().enumerate().map(|(place, value)| {
            point(value).ok_or_else(|| {
                let detail = "a point must be a number, null or \"NaN\"";
                Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "BAD_POINT", detail)
                    .field(format!("metricSetPairList[{at}].values.{side}[{place}]"))
            })
        });
        each.collect()
    };
    let each = posted.into_iter().enumerate().map(|(at, pair)| {
        Ok(Pair {
            control: points(at, "control", &pair.values.control)?,
            experiment: points(at, "experiment", &pair.values.experiment)?,
            name: pair.name,
            id: pair.id,
            tags: pair.tags,
        })
    });
    each.collect()
}

/// The value of a point, which may be null; `None` for anything else.
fn point(value: &Value) -> Option<Option<f64>> {
    match value {
        Value::Null => Some(None),
        Value::Number(number) => Some(number.as_f64()),
        Value::String(text) => {
            text.trim().parse::<f64>().ok().map(|number| Some(number).filter(|n| n.is_finite()))
        }
        _ => None,
    }
}

/// The known judges.
#[utoipa::path(get, path = "/judges", tag = "canaries", operation_id = "list_judges",
    responses((status = 200, description = "their names", body = serde_json::Value)))]
pub(crate) async fn judges() -> Json<Value> {
    let named = |name: &str| json!({ "name": name, "visible": true });
    Json(json!([named(judge::NAME), named(judge::OLDER_NAME), named(sequential::NAME)]))
}

/// The known metric sources.
#[utoipa::path(get, path = "/metricsServices", tag = "canaries", operation_id = "list_metrics_services",
    responses((status = 200, description = "their names", body = serde_json::Value)))]
pub(crate) async fn sources(State(edge): State<KayentaState>) -> Json<Value> {
    let named = |kind: &str| json!({ "name": kind, "type": kind });
    let mut services = vec![named("troupe")];
    services.extend(edge.own.fetch.prometheus.as_ref().map(|_| named("prometheus")));
    Json(json!(services))
}
