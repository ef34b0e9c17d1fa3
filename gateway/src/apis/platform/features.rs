//! Feature values, by column.

use std::collections::BTreeMap;

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use troupe_actors::feature_store::catalog::{Catalog, EntityKey, GroupSpec};
use troupe_actors::feature_store::values;
use troupe_actors::feature_store::values::{Features, LookedUp, Status};
use troupe_runtime::entity::Globals;
use troupe_runtime::transport::AskOne;
use troupe_runtime::{AskError, Timestamp, wire};
use utoipa::ToSchema;

use super::state::PlatformState;
use crate::apis::platform::events::{ID_BYTES_MAX, is_id};
use crate::edge::asks::query;
use crate::edge::body::Body;
use crate::edge::call::Call;
use crate::edge::problem::{Problem, ProblemBody};
use crate::edge::staleness;

/// What is looked up.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Lookup {
    /// `group:feature`, at most 200.
    #[schema(example = json!(["member_recent:count_1h"]))]
    features: Vec<String>,
    /// What identifies each entity: `member`, `content`, or a circumstance such as `device`; at most 1000.
    #[schema(example = json!([{"member": "42"}]))]
    entities: Vec<BTreeMap<String, String>>,
}

/// Names of the columns.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Metadata {
    feature_names: Vec<String>,
}

/// One feature of every entity, in their order.
#[derive(Debug, Default, Serialize, ToSchema)]
pub(crate) struct Column {
    /// The values; null if absent.
    values: Vec<Value>,
    /// `PRESENT`, `NOT_FOUND`, `OUTSIDE_MAX_AGE` or `NULL_VALUE`.
    statuses: Vec<String>,
    /// Time of the newest event in each, in milliseconds since the epoch; null if absent.
    event_timestamps: Vec<Option<u64>>,
}

/// The columns, in the order of the features asked for.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Columns {
    metadata: Metadata,
    results: Vec<Column>,
}

/// A declared feature group.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Group {
    name: String,
    /// The key of its entities: `member`, `content`, or the name of a context field.
    by: String,
    features: Vec<String>,
}

/// One group, the features wanted of it, and the columns they fill.
struct Wanted {
    group: Group,
    names: Vec<String>,
    columns: Vec<usize>,
}

/// Looks up features of many entities. What an acknowledged event changed is in the answer, unless the caller tolerates
/// an age.
#[utoipa::path(post, path = "/v1/features:lookup", tag = "features", operation_id = "lookup_features",
    params(
        ("X-Deadline-Ms" = Option<i64>, Header, description = "milliseconds left; 5000 where absent"),
        ("X-Max-Age-Ms" = Option<u64>, Header, description = "replicas on this node may answer, from a state that lacks at \
            most what was acknowledged in so many milliseconds before; the answer's `X-Age-Ms` is the age of the oldest value"),
        ("traceparent" = Option<String>, Header, description = "W3C trace context"),
    ),
    request_body(content = Lookup),
    responses(
        (status = 200, description = "values by column", body = Columns),
        (status = "default", description = "why the lookup failed", body = ProblemBody,
            content_type = "application/problem+json"),
    ))]
pub(crate) async fn lookup(
    State(edge): State<PlatformState>,
    call: Call,
    headers: HeaderMap,
    Body { json: lookup, .. }: Body<Lookup>,
) -> Result<(HeaderMap, Json<Columns>), Problem> {
    within("features", lookup.features.len(), edge.config.lookup_features_max)?;
    within("entities", lookup.entities.len(), edge.config.lookup_entities_max)?;
    let wanted = by_group(&edge, &lookup.features)?;
    let asks = asks(&wanted, &lookup.entities)?;
    let (aged, outcomes) = match staleness::age_max(&headers)? {
        Some(age_max) => {
            let near = edge.router.ask_many_near(asks, age_max, call.left()?).await;
            let oldest = near.iter().flatten().map(|aged| aged.age).max().unwrap_or_default();
            let outcomes = near.into_iter().map(|aged| aged.map(|aged| aged.reply)).collect();
            (staleness::age(oldest), outcomes)
        }
        None => (HeaderMap::new(), edge.router.ask_many(asks, call.left()?).await),
    };
    let mut results: Vec<Column> = lookup.features.iter().map(|_| Column::default()).collect();
    let mut outcomes = outcomes.into_iter();
    for wanted in &wanted {
        for outcome in outcomes.by_ref().take(lookup.entities.len()) {
            let found = looked_up(&outcome?)?;
            for (column, value) in wanted.columns.iter().zip(found) {
                if let Some(column) = results.get_mut(*column) {
                    column.values.push(value.value.map_or(Value::Null, Value::from));
                    column.statuses.push(label(value.status).to_owned());
                    column.event_timestamps.push(value.at.map(Timestamp::millis));
                }
            }
        }
    }
    Ok((aged, Json(Columns { metadata: Metadata { feature_names: lookup.features }, results })))
}

fn within(field: &str, count: usize, max: usize) -> Result<(), Problem> {
    if (1..=max).contains(&count) {
        return Ok(());
    }
    let detail = format!("{field} must have 1 to {max} entries, not {count}");
    Err(Problem::new(StatusCode::BAD_REQUEST, "BAD_LOOKUP", detail).field(field))
}

/// The features by group, so that each entity is asked once for each group.
fn by_group(edge: &PlatformState, features: &[String]) -> Result<Vec<Wanted>, Problem> {
    let groups = groups(&edge.globals);
    let mut wanted: Vec<Wanted> = Vec::new();
    for (column, feature) in features.iter().enumerate() {
        let at = format!("features[{column}]");
        let Some((name, feature_name)) = feature.split_once(':') else {
            let detail = format!("feature {feature:?} must be group:feature");
            return Err(Problem::new(StatusCode::BAD_REQUEST, "BAD_LOOKUP", detail).field(at));
        };
        let Some(group) = groups.iter().find(|group| group.name == name) else {
            let known = groups.iter().map(|group| group.name.as_str());
            let detail = format!("no feature group {name:?}");
            return Err(Problem::new(StatusCode::NOT_FOUND, "UNKNOWN_GROUP", detail).field(at).known(known));
        };
        if !group.features.iter().any(|known| known == feature_name) {
            let known = group.features.iter().map(String::as_str);
            let detail = format!("group {name:?} has no feature {feature_name:?}");
            return Err(Problem::new(StatusCode::NOT_FOUND, "UNKNOWN_FEATURE", detail)
                .field(at)
                .known(known));
        }
        let place = wanted.iter().position(|wanted| wanted.group.name == name).unwrap_or_else(|| {
            wanted.push(Wanted { group: group.clone(), names: Vec::new(), columns: Vec::new() });
            wanted.len() - 1
        });
        wanted[place].names.push(feature_name.to_owned());
        wanted[place].columns.push(column);
    }
    Ok(wanted)
}

/// One ask for each group and entity, entities within groups.
fn asks(wanted: &[Wanted], entities: &[BTreeMap<String, String>]) -> Result<Vec<AskOne>, Problem> {
    let mut asks = Vec::with_capacity(wanted.len() * entities.len());
    for Wanted { group, names, .. } in wanted {
        for (row, entity) in entities.iter().enumerate() {
            let Some(id) = entity.get(&group.by).filter(|id| is_id(id)) else {
                let detail = format!(
                    "group {:?} needs the {} of each entity, 1 to {ID_BYTES_MAX} bytes without control characters and \
                     braces",
                    group.name, group.by
                );
                return Err(Problem::new(StatusCode::BAD_REQUEST, "BAD_LOOKUP", detail)
                    .field(format!("entities[{row}].{}", group.by)));
            };
            asks.push(ask(group, id, names));
        }
    }
    Ok(asks)
}

fn groups(globals: &Globals) -> Vec<Group> {
    let Some(catalog) = globals.get::<Catalog>(Catalog::KEY) else { return Vec::new() };
    let group = |spec: &GroupSpec| Group {
        name: spec.name.clone(),
        by: match &spec.entity {
            EntityKey::Member => "member".to_owned(),
            EntityKey::Content => "content".to_owned(),
            EntityKey::Context(field) => field.clone(),
        },
        features: spec.features.iter().map(|feature| feature.name.clone()).collect(),
    };
    catalog.groups().map(|held| group(&held.spec)).collect()
}

fn ask(group: &Group, id: &str, features: &[String]) -> AskOne {
    let key = match group.by.as_str() {
        "member" => Features::member_key(id, &group.name),
        "content" => Features::content_key(id, &group.name),
        _ => Features::context_key(id, &group.name),
    };
    query::<Features, values::Lookup>(key, &values::Lookup { features: features.to_vec(), at: None })
}

/// The values in the order of the features asked for.
fn looked_up(reply: &[u8]) -> Result<Vec<values::Value>, AskError> {
    wire::decode::<LookedUp>(reply).map(|found| found.values).map_err(AskError::Fault)
}

const fn label(status: Status) -> &'static str {
    match status {
        Status::Present => "PRESENT",
        Status::NotFound => "NOT_FOUND",
        Status::OutsideMaxAge => "OUTSIDE_MAX_AGE",
        Status::NullValue => "NULL_VALUE",
    }
}
