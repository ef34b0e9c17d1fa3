//! Signals: announced, and looked at by their number.

use std::collections::BTreeMap;

use axum::Json;
use axum::extract::State;
use axum::http::HeaderMap;
use serde::Deserialize;
use serde_json::{Map, Value, json};
use troupe_actors::coordination::signals::{GetSignal, Raise, Signal};
use troupe_runtime::{Command as _, Entity as _, Timestamp};

use super::failure::Failure;
use super::named::{Answer, number, user};
use crate::edge::body::Body;
use crate::edge::call::Call;
use crate::edge::extract::Path;
use crate::edge::fresh::fresh_id;
use crate::edge::problem::ProblemBody;
use crate::edge::state::GatewayState;
use troupe_runtime::routing::{ask, tell};

/// A signal to announce. Any other field joins Maestro's payload, as text.
#[derive(Debug, Deserialize)]
pub(crate) struct Announced {
    name: String,
    #[serde(default)]
    params: Map<String, Value>,
    #[serde(default)]
    request_id: Option<String>,
    #[serde(default)]
    request_time: Option<u64>,
    #[serde(default)]
    payload: Map<String, Value>,
    #[serde(flatten)]
    more: Map<String, Value>,
}

fn text(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// A whole number where one was announced, else the text.
fn value(text: &str) -> Value {
    text.parse::<i64>().map_or_else(|_| json!(text), |number| json!(number))
}

fn shown(name: &str, seq: u64, raise: &Raise) -> Value {
    let params: Map<String, Value> =
        raise.params.iter().map(|(name, text)| (name.clone(), value(text))).collect();
    json!({ "name": name, "seq_id": seq, "instance_id": raise.id, "params": params, "from": raise.from,
        "create_time": raise.at.0 })
}

/// Announces a signal: workflows that it triggers start, and steps that wait for it go on. The same `request_id`
/// announces it once.
#[utoipa::path(post, path = "/api/v3/signals", tag = "workflows", operation_id = "announce_signal",
    params(("user" = Option<String>, Header, description = "the user, for display"),
        ("Idempotency-Key" = Option<String>, Header, description = "names the announcement where `request_id` does not")),
    request_body(content = serde_json::Value, description = "`name`, `params` of strings and whole numbers, `request_id`"),
    responses((status = 200, description = "the signal with its number", body = serde_json::Value),
        (status = "default", description = "why not", body = ProblemBody)))]
pub(crate) async fn announce(
    State(edge): State<GatewayState>,
    call: Call,
    headers: HeaderMap,
    Body { json: given, .. }: Body<Announced, Failure>,
) -> Answer {
    if let Some((name, _)) = given.params.iter().find(|(_, value)| !value.is_string() && !value.is_i64()) {
        return Err(Failure::wrong(
            &format!("params.{name}"),
            "is matched, and so must be a string or a whole number",
        ));
    }
    let mut params: BTreeMap<String, String> =
        given.params.iter().map(|(name, value)| (name.clone(), text(value))).collect();
    for (name, value) in given.payload.iter().chain(&given.more) {
        params.entry(name.clone()).or_insert_with(|| text(value));
    }
    let id = given.request_id.unwrap_or_else(|| {
        let key = call.key_for(Signal::KIND, &given.name, Raise::VERB);
        key.map_or_else(fresh_id, |key| format!("key-{key:032x}"))
    });
    let by = user(&headers);
    let raise = Raise {
        id,
        from: if by.is_empty() { "api".to_owned() } else { format!("user/{by}") },
        at: given.request_time.map_or_else(Timestamp::wall, Timestamp),
        params,
    };
    let raised = tell::<Signal, Raise>(&edge.router, &given.name, &raise, call.left()?)
        .await
        .map_err(|error| Failure::from(error).called(&[("key", "name"), ("id", "request_id")]))?;
    let mut answer = shown(&given.name, raised.seq, &raise);
    answer["duplicate"] = json!(raised.duplicate);
    Ok(Json(answer))
}

/// An announcement by its number; the newest 256 are kept.
#[utoipa::path(get, path = "/api/v3/signals/{name}/instances/{seq}", tag = "workflows", operation_id = "get_signal",
    params(("name" = String, Path, description = "the signal"), ("seq" = String, Path, description = "its number, or `latest`")),
    responses((status = 200, description = "the announcement", body = serde_json::Value),
        (status = 404, description = "not found, or no longer kept", body = ProblemBody)))]
pub(crate) async fn get(
    State(edge): State<GatewayState>,
    call: Call,
    Path((name, seq)): Path<(String, String)>,
) -> Answer {
    let view = ask::<Signal, GetSignal>(&edge.router, &name, &GetSignal {}, call.left()?).await?;
    let wanted = number("seq", &seq)?.unwrap_or(view.raised);
    let back = view.raised.checked_sub(wanted).and_then(|back| usize::try_from(back).ok());
    let raise = back.and_then(|back| view.newest.get(back));
    raise.map(|raise| Json(shown(&name, wanted, raise))).ok_or_else(|| {
        Failure::missing(
            "seq",
            format!("signal {name:?} was raised {} times, and {seq} is not kept", view.raised),
        )
    })
}
