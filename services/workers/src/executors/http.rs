//! A call over HTTP.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Deserialize;
use serde_json::{Value, json};
use troupe_actors::NamedFields;
use troupe_actors::coordination::work_queues::{Failure, Grant, Outcome};
use troupe_runtime::text::cut;

use super::super::task::failed;
use super::dispatch::{ExecutorContext, spec};

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
pub(super) async fn run(context: &ExecutorContext, grant: &Grant) -> Outcome {
    let spec: Spec = match spec(grant) {
        Ok(spec) => spec,
        Err(outcome) => return outcome,
    };
    match call(&context.http, context.config.output_bytes_max, &grant.id, &spec).await {
        Ok((status, body)) => judged(&spec, status, body),
        Err(outcome) => outcome,
    }
}

async fn call(
    http: &reqwest::Client,
    bytes_max: usize,
    id: &str,
    spec: &Spec,
) -> Result<(u16, Value), Outcome> {
    let fatal = |why: String| failed(why, Failure::Fatal);
    let method = spec.method.as_deref().unwrap_or("GET").to_uppercase();
    let method = reqwest::Method::from_bytes(method.as_bytes())
        .map_err(|_| fatal(format!("method: {method:?} is not a method")))?;
    let url = reqwest::Url::parse(&spec.url).map_err(|error| fatal(format!("url: {error}")))?;
    if !matches!(url.scheme(), "http" | "https") {
        return Err(fatal("url: must begin with http:// or https://".to_owned()));
    }
    let within = spec.within_ms.map_or(WITHIN, Duration::from_millis);
    let mut request = http.request(method, url).timeout(within).header("idempotency-key", id);
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
    while bytes.len() < bytes_max {
        match answer.chunk().await.map_err(platform)? {
            Some(chunk) => bytes.extend_from_slice(&chunk),
            None => break,
        }
    }
    bytes.truncate(bytes_max);
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
        return Outcome::Done { output: NamedFields(json!({ "status": status, "body": body })) };
    }
    let kind = if matches!(status, 408 | 425 | 429 | 500..) { Failure::Platform } else { Failure::User };
    let said = cut(&body.to_string(), 200);
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

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::TcpListener;

    use super::*;

    /// A server that accepts one call and answers with this repeatedly, or never.
    async fn calls(answer: &'static str, over_and_over: bool) -> Result<(u16, Value), Outcome> {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/", listener.local_addr().unwrap());
        let served = tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            let _ = stream.read(&mut [0; 1_024]).await;
            while stream.write_all(answer.as_bytes()).await.is_ok() && over_and_over {}
            if answer.is_empty() {
                std::future::pending::<()>().await;
            }
        });
        let spec = serde_json::from_value(json!({ "url": url, "within_ms": 300 })).unwrap();
        let called = call(&reqwest::Client::new(), 1_000, "one", &spec).await;
        served.abort();
        called
    }

    fn kind(outcome: Outcome) -> (Failure, String) {
        let Outcome::Failed { why, kind } = outcome else { panic!("{outcome:?}") };
        (kind, why)
    }

    #[tokio::test]
    async fn one_that_hangs_dies_or_is_not_there_is_no_fault_of_the_caller_and_may_be_tried_again() {
        let (hangs, why) = kind(calls("", false).await.unwrap_err());
        assert!(hangs == Failure::Platform && why.contains("timed out"), "{why}");
        let cut = "HTTP/1.1 200 OK\r\ncontent-length: 900\r\n\r\nhalf";
        assert_eq!(kind(calls(cut, false).await.unwrap_err()).0, Failure::Platform);
        assert_eq!(kind(calls("HTTP/1.1 2", false).await.unwrap_err()).0, Failure::Platform);
        let closed = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
        let spec = serde_json::from_value(json!({ "url": format!("http://{closed}/x") })).unwrap();
        let (gone, why) = kind(call(&reqwest::Client::new(), 1_000, "one", &spec).await.unwrap_err());
        assert!(gone == Failure::Platform && why.starts_with(&format!("http://{closed}/x: ")), "{why}");
    }

    #[tokio::test]
    async fn one_that_floods_is_cut_off_at_the_bound() {
        let flood = "HTTP/1.1 200 OK\r\n\r\nxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx";
        let (status, body) = calls(flood, true).await.unwrap();
        assert_eq!((status, body.as_str().map(str::len)), (200, Some(1_000)));
    }

    #[tokio::test]
    async fn what_can_never_be_called_is_not_tried_again() {
        for (spec, why) in [
            (json!({ "url": "nowhere" }), "url: "),
            (json!({ "url": "ftp://h/" }), "url: must begin with http:// or https://"),
            (json!({ "url": "http://h/", "method": "FLY AWAY" }), "method: \"FLY AWAY\" is not a method"),
        ] {
            let spec = serde_json::from_value(spec).unwrap();
            let (kind, said) = kind(call(&reqwest::Client::new(), 1_000, "one", &spec).await.unwrap_err());
            assert!(kind == Failure::Fatal && said.starts_with(why), "{said}");
        }
    }
}
