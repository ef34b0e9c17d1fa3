//! Tag permits: how many steps that bear a tag run at once.

use axum::Json;
use axum::extract::State;
use axum::http::HeaderMap;
use serde::Deserialize;
use serde_json::{Map, Value, json};
use troupe_actors::orchestrator::permits::{GetPermit, Permit, SetPermit};

use super::failure::Failure;
use super::named::{Answer, user};
use super::render;
use crate::edge::body::Body;
use crate::edge::call::Call;
use crate::edge::extract::Path;
use crate::edge::problem::ProblemBody;
use crate::edge::state::GatewayState;
use troupe_runtime::routing::{ask, tell};
use troupe_runtime::text::cut;

/// A bound; what else Maestro's clients send along is left alone.
#[derive(Debug, Deserialize)]
pub(crate) struct Wanted {
    tag: String,
    max_allowed: u64,
    #[serde(flatten)]
    _more: Map<String, Value>,
}

async fn shown(edge: &GatewayState, call: &Call, tag: &str) -> Answer {
    let view = ask::<Permit, GetPermit>(&edge.router, tag, &GetPermit {}, call.left()?).await?;
    let Some(most) = view.most else {
        let tag = cut(tag, 128);
        return Err(Failure::missing("tag", format!("tag {tag:?} has no permit")));
    };
    Ok(Json(json!({ "tag": tag, "max_allowed": most, "author": { "name": view.by }, "held": view.held,
        "waiting": view.waiting, "holders": view.holders })))
}

/// Bounds how many steps that bear a tag run at once; those that run go on.
#[utoipa::path(post, path = "/api/v3/tag-permits", tag = "workflows", operation_id = "set_tag_permit",
    params(("user" = Option<String>, Header, description = "the user, for display")),
    request_body(content = serde_json::Value, description = "`tag` and `max_allowed`"),
    responses((status = 200, description = "the permit", body = serde_json::Value),
        (status = "default", description = "why not", body = ProblemBody)))]
pub(crate) async fn set(
    State(edge): State<GatewayState>,
    call: Call,
    headers: HeaderMap,
    Body { json: wanted, .. }: Body<Wanted, Failure>,
) -> Answer {
    let set = SetPermit { most: Some(wanted.max_allowed), by: user(&headers) };
    tell::<Permit, SetPermit>(&edge.router, &wanted.tag, &set, call.left()?)
        .await
        .map_err(|error| Failure::from(error).called(&[("key", "tag"), ("most", "max_allowed")]))?;
    shown(&edge, &call, &wanted.tag).await
}

/// A tag's bound of permits, and their holders.
#[utoipa::path(get, path = "/api/v3/tag-permits/{tag}", tag = "workflows", operation_id = "get_tag_permit",
    params(("tag" = String, Path, description = "the tag")),
    responses((status = 200, description = "the permit", body = serde_json::Value),
        (status = 404, description = "the tag has none", body = ProblemBody)))]
pub(crate) async fn get(State(edge): State<GatewayState>, call: Call, Path(tag): Path<String>) -> Answer {
    shown(&edge, &call, &tag).await
}

/// Takes a tag's bound away; those who wait go on.
#[utoipa::path(delete, path = "/api/v3/tag-permits/{tag}", tag = "workflows", operation_id = "delete_tag_permit",
    params(("tag" = String, Path, description = "the tag"),
        ("user" = Option<String>, Header, description = "the user, for display")),
    responses((status = 200, description = "the bound is removed", body = serde_json::Value),
        (status = "default", description = "why not", body = ProblemBody)))]
pub(crate) async fn delete(
    State(edge): State<GatewayState>,
    call: Call,
    Path(tag): Path<String>,
    headers: HeaderMap,
) -> Answer {
    let by = user(&headers);
    tell::<Permit, SetPermit>(&edge.router, &tag, &SetPermit { most: None, by: by.clone() }, call.left()?)
        .await?;
    Ok(Json(render::event(&by, &format!("removed the permit of tag [{tag}]"))))
}
