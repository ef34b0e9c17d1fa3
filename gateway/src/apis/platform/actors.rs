//! Any message to any entity.

use std::time::Duration;

use axum::Json;
use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use serde_json::{Map, Value};
use troupe_runtime::address::Address;
use troupe_runtime::entity::{KindSpec, VerbSpec};
use troupe_runtime::routing::Aged;
use troupe_runtime::text::cut;
use troupe_runtime::transport::AskOne;
use troupe_runtime::{AskError, Registry};

use crate::edge::call::Call;
use crate::edge::extract::Path;
use crate::edge::json;
use crate::edge::problem::{Problem, ProblemBody};
use crate::edge::staleness;
use crate::edge::state::GatewayState;

/// Sends a message to an entity and answers with its reply.
///
/// A command without `Idempotency-Key` is sent once; after an outcome that is not known it must be asked about, not
/// repeated.
#[utoipa::path(post, path = "/v1/actors/{kind}/{key}/{verb}", tag = "actors", operation_id = "ask",
    params(
        ("kind" = String, Path, description = "the entity's kind", example = "members"),
        ("key" = String, Path, description = "its key, 1 to 256 bytes", example = "42"),
        ("verb" = String, Path, description = "the message; without `.vN` the newest version", example = "get-profile"),
        ("Idempotency-Key" = Option<String>, Header, description = "protects a command against happening twice"),
        ("X-Deadline-Ms" = Option<i64>, Header, description = "milliseconds left; 5000 where absent"),
        ("X-Max-Age-Ms" = Option<u64>, Header, description = "of a query: a replica on this node may answer, from a state \
            that lacks at most what was acknowledged in so many milliseconds before; the answer's `X-Age-Ms` says how old it was"),
        ("traceparent" = Option<String>, Header, description = "W3C trace context"),
    ),
    request_body(content = serde_json::Value, description = "the message; empty for a message without fields"),
    responses(
        (status = 200, description = "the reply", body = serde_json::Value),
        (status = "default", description = "why there is not one", body = ProblemBody,
            content_type = "application/problem+json"),
    ))]
pub(crate) async fn ask(
    State(edge): State<GatewayState>,
    call: Call,
    Path((kind, key, verb)): Path<(String, String, String)>,
    headers: HeaderMap,
    body: Body,
) -> Result<(HeaderMap, Json<Value>), Problem> {
    let (kind, verb) = resolve(edge.router.registry(), &kind, &verb)?;
    let to = Address::parse_parts(kind.name, &key)
        .map_err(|error| Problem::new(StatusCode::BAD_REQUEST, "BAD_KEY", error.to_string()).field("key"))?;
    let body = call.body(&headers, body, edge.config.body_bytes_max).await?;
    let body = message(&body, verb)?;
    let key = if verb.is_command() { call.key_for(kind.name, &to.key, verb.name) } else { None };
    let body = (verb.body_from_json)(&body).map_err(|error| json::unfit(&error))?;
    let ask = AskOne { to, verb: verb.name.to_owned(), body, key };
    let (aged, reply) = match age_max(&headers, verb)? {
        Some(age_max) => {
            let Aged { reply, age } = edge.router.ask_near(ask, age_max, call.left()?).await?;
            (staleness::age(age), reply)
        }
        None => (HeaderMap::new(), edge.router.ask_raw(ask, call.left()?).await?),
    };
    let reply = (verb.reply_to_json)(&reply).map_err(|error| AskError::Fault(error.to_string()))?;
    Ok((aged, Json(reply)))
}

/// How old a query's answer may be; none where only the newest will do.
fn age_max(headers: &HeaderMap, verb: &VerbSpec) -> Result<Option<Duration>, Problem> {
    match staleness::age_max(headers)? {
        Some(_) if verb.is_command() => Err(staleness::bad(
            "X-Max-Age-Ms is for queries: a command is always decided on the newest state",
        )),
        age_max => Ok(age_max),
    }
}

/// Finds the verb. `record` means its newest version.
fn resolve<'a>(
    registry: &'a Registry,
    kind: &str,
    verb: &str,
) -> Result<(&'a KindSpec, &'a VerbSpec), Problem> {
    let kinds = || registry.kinds().map(|kind| kind.name);
    let Some(spec) = registry.get(kind) else {
        let detail = format!("no kind {:?}", short(kind));
        return Err(Problem::new(StatusCode::NOT_FOUND, "UNKNOWN_KIND", detail).field("kind").known(kinds()));
    };
    let newest = || {
        spec.verbs
            .values()
            .filter_map(|candidate| Some((version(candidate.name, verb)?, candidate)))
            .max_by_key(|(version, _)| *version)
            .map(|(_, candidate)| candidate)
    };
    spec.verbs.get(verb).or_else(newest).map(|found| (spec, found)).ok_or_else(|| {
        let detail = format!("kind {kind:?} has no verb {:?}", short(verb));
        Problem::new(StatusCode::NOT_FOUND, "UNKNOWN_VERB", detail).field("verb").known(spec.verbs.keys())
    })
}

/// The version of `name` when it is a version of `verb`: 3 for `record.v3` and `record`.
fn version(name: &str, verb: &str) -> Option<u32> {
    name.strip_prefix(verb)?.strip_prefix(".v")?.parse().ok()
}

fn short(text: &str) -> String {
    cut(text, 64)
}

/// An empty body is a message without fields, whichever way its type spells that.
fn message(body: &[u8], verb: &VerbSpec) -> Result<Value, Problem> {
    if body.trim_ascii().is_empty() {
        let empty = Value::Object(Map::new());
        let fits = |body: &Value| (verb.body_from_json)(body).is_ok();
        // Where neither fits, the empty object says which field is missing.
        return Ok(if !fits(&empty) && fits(&Value::Null) { Value::Null } else { empty });
    }
    json::parse(body)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_verb_without_a_version_means_the_newest_by_number() {
        for (name, verb, expected) in [
            ("record.v1", "record", Some(1)),
            ("record.v10", "record", Some(10)),
            ("record.v2", "rec", None),
            ("record.vx", "record", None),
            ("record.v1", "record.v1", None),
        ] {
            assert_eq!(version(name, verb), expected, "{name} {verb}");
        }
    }
}
