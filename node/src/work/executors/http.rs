//! A call over HTTP.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Deserialize;
use serde_json::{Value, json};
use troupe_actors::Kept;
use troupe_actors::tasks::{Failure, Grant, Outcome};

use super::super::task::failed;
use super::{Bench, spec};

#[derive(Debug, Deserialize)]
struct Spec {
    url: String,
    #[serde(default)]
    method: Option<String>,
    #[serde(default)]
    headers: BTreeMap<String, String>,
    /// Text as it is, anything else as JSON.
    #[serde(default)]
    body: Option<Value>,
    /// Statuses that are success; 200 to 299 where none are named.
    #[serde(default)]
    expect: Vec<u16>,
    /// For one call.
    #[serde(default)]
    within_ms: Option<u64>,
}

const WITHIN: Duration = Duration::from_secs(30);

/// Calls once. The task's id travels as the idempotency key: a delivery that is repeated is the same call.
pub(super) async fn run(bench: &Bench, grant: &Grant) -> Outcome {
    let spec: Spec = match spec(grant) {
        Ok(spec) => spec,
        Err(outcome) => return outcome,
    };
    match call(bench, grant, &spec).await {
        Ok((status, body)) => judged(&spec, status, body),
        Err(outcome) => outcome,
    }
}

async fn call(bench: &Bench, grant: &Grant, spec: &Spec) -> Result<(u16, Value), Outcome> {
    let fatal = |why: String| failed(why, Failure::Fatal);
    let method = spec.method.as_deref().unwrap_or("GET").to_uppercase();
    let method = reqwest::Method::from_bytes(method.as_bytes())
        .map_err(|_| fatal(format!("method: {method:?} is none")))?;
    let url = reqwest::Url::parse(&spec.url).map_err(|error| fatal(format!("url: {error}")))?;
    if !matches!(url.scheme(), "http" | "https") {
        return Err(fatal("url: must begin with http:// or https://".to_owned()));
    }
    let within = spec.within_ms.map_or(WITHIN, Duration::from_millis);
    let mut request = bench.http.request(method, url).timeout(within).header("idempotency-key", &grant.id);
    for (name, value) in &spec.headers {
        request = request.header(name, value);
    }
    request = match &spec.body {
        None | Some(Value::Null) => request,
        Some(Value::String(text)) => request.body(text.clone()),
        Some(body) => request.json(body),
    };
    let platform = |error: reqwest::Error| {
        let kind = if error.is_builder() { Failure::Fatal } else { Failure::Platform };
        failed(format!("{}: {}", spec.url, chain(&error.without_url())), kind)
    };
    let mut answer = request.send().await.map_err(platform)?;
    let (status, mut bytes) = (answer.status().as_u16(), Vec::new());
    // What lies beyond the bound is not read: a server that floods is cut off.
    while bytes.len() < bench.config.output_bytes_max {
        match answer.chunk().await.map_err(platform)? {
            Some(chunk) => bytes.extend_from_slice(&chunk),
            None => break,
        }
    }
    bytes.truncate(bench.config.output_bytes_max);
    let body = serde_json::from_slice(&bytes)
        .unwrap_or_else(|_| Value::String(String::from_utf8_lossy(&bytes).into_owned()));
    Ok((status, body))
}

fn judged(spec: &Spec, status: u16, body: Value) -> Outcome {
    let good = match spec.expect.as_slice() {
        [] => (200..300).contains(&status),
        expect => expect.contains(&status),
    };
    if good {
        return Outcome::Done { output: Kept(json!({ "status": status, "body": body })) };
    }
    let kind = if matches!(status, 408 | 425 | 429 | 500..) { Failure::Platform } else { Failure::User };
    let said: String = body.to_string().chars().take(200).collect();
    failed(format!("{} answered {status}: {said}", spec.url), kind)
}

fn chain(error: &dyn std::error::Error) -> String {
    let mut words = error.to_string();
    let mut source = error.source();
    while let Some(inner) = source {
        words = format!("{words}: {inner}");
        source = inner.source();
    }
    words
}
