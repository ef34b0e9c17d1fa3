//! One HTTP request to one gateway, and the meaning of its answer.

use std::time::Duration;

use serde_json::{Value, json};
use troupe_runtime::text::cut;

use crate::history::{Answer, Call};

/// Grace after the deadline of a request: half the deadline, at most this.
const GRACE_MAX: Duration = Duration::from_millis(1_000);

/// One call and its options.
#[derive(Debug, Clone)]
pub struct Request<'a> {
    /// The probe's key.
    pub key: &'a str,
    /// The call.
    pub call: &'a Call,
    /// The key to which an append is forwarded.
    pub forward: Option<&'a str>,
    /// The idempotency key.
    pub once: &'a str,
    /// `X-Deadline-Ms`.
    pub within: Duration,
}

/// The outcome of an attempt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// An answer.
    Ok(Answer),
    /// A problem with the outcome `not_executed`.
    Fail {
        /// Its code.
        code: String,
        /// Whether a retry may succeed.
        retryable: bool,
    },
    /// A problem with the outcome `unknown`: the call may have happened.
    Unknown {
        /// Its code.
        code: String,
    },
    /// No connection, so the request was not sent.
    NotSent,
    /// The connection broke before an answer came.
    Broken,
    /// No answer within the deadline and the grace.
    Silent,
    /// An answer that is neither the expected reply nor a problem.
    Untyped(String),
}

/// One client's connections to a node's gateway.
#[derive(Clone)]
pub struct Gateway {
    client: reqwest::Client,
    base: String,
}

impl Gateway {
    /// A gateway with its own pool of at most 4 idle connections.
    ///
    /// # Errors
    /// The HTTP client could not be built.
    pub fn new(address: std::net::SocketAddr) -> anyhow::Result<Self> {
        Self::keeping(address, 4)
    }

    /// As [`Self::new`], with at most `idle` idle connections.
    ///
    /// # Errors
    /// The HTTP client could not be built.
    pub fn keeping(address: std::net::SocketAddr, idle: usize) -> anyhow::Result<Self> {
        let client = reqwest::Client::builder()
            .no_proxy()
            .connect_timeout(Duration::from_millis(500))
            .pool_max_idle_per_host(idle)
            .build()?;
        Ok(Self { client, base: format!("http://{address}/v1/actors/probes") })
    }

    /// Sends the request once.
    pub async fn ask(&self, request: &Request<'_>) -> Outcome {
        let (verb, body) = spelled(request);
        let sent = self
            .client
            .post(format!("{}/{}/{verb}", self.base, request.key))
            .header("Idempotency-Key", request.once)
            .header("X-Deadline-Ms", request.within.as_millis().to_string())
            .timeout(request.within + GRACE_MAX.min(request.within / 2))
            .json(&body)
            .send()
            .await;
        let answer = match sent {
            Ok(answer) => answer,
            Err(error) if error.is_connect() => return Outcome::NotSent,
            Err(error) if error.is_timeout() => return Outcome::Silent,
            Err(_) => return Outcome::Broken,
        };
        let status = answer.status().as_u16();
        match answer.bytes().await {
            Ok(bytes) => read(request.call, status, &bytes),
            Err(error) if error.is_timeout() => Outcome::Silent,
            Err(_) => Outcome::Broken,
        }
    }
}

fn spelled(request: &Request<'_>) -> (&'static str, Value) {
    match (request.call, request.forward) {
        (Call::Get, _) => ("get", json!({})),
        (Call::Put(value), _) => ("put", json!({ "value": value })),
        (Call::Cas { old, new }, _) => ("cas", json!({ "old": old, "new": new })),
        (Call::Read, _) => ("read", json!({})),
        (Call::Append(value), None) => ("append", json!({ "value": value })),
        (Call::Append(value), Some(to)) => ("forward", json!({ "value": value, "to": to })),
    }
}

fn read(call: &Call, status: u16, bytes: &[u8]) -> Outcome {
    let untyped = || {
        let text = cut(&String::from_utf8_lossy(bytes), 200);
        Outcome::Untyped(format!("{status}: {text}"))
    };
    let Ok(body) = serde_json::from_slice::<Value>(bytes) else { return untyped() };
    if status == 200 {
        return answered(call, &body).map_or_else(untyped, Outcome::Ok);
    }
    let code = body["code"].as_str().filter(|code| !code.is_empty());
    let (Some(code), Some(retryable)) = (code, body["retryable"].as_bool()) else { return untyped() };
    match body["outcome"].as_str() {
        Some("not_executed") => Outcome::Fail { code: code.to_owned(), retryable },
        Some("unknown") => Outcome::Unknown { code: code.to_owned() },
        _ => untyped(),
    }
}

fn answered(call: &Call, body: &Value) -> Option<Answer> {
    match call {
        Call::Get | Call::Put(_) | Call::Cas { .. } => Some(Answer::Register {
            value: body["value"].as_u64()?,
            version: body["version"].as_u64()?,
            swapped: body["written"].as_bool()?,
        }),
        Call::Append(_) => Some(Answer::Length(body["length"].as_u64()?)),
        Call::Read => body["values"]
            .as_array()?
            .iter()
            .map(Value::as_u64)
            .collect::<Option<Vec<u64>>>()
            .map(Answer::List),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_a_reply_a_typed_problem_or_counted_as_neither() {
        let register = Answer::Register { value: 7, version: 2, swapped: false };
        let fail = |retryable| Outcome::Fail { code: "NOT_LEADER".to_owned(), retryable };
        for (call, status, body, expected) in [
            (Call::Get, 200, r#"{"value":7,"version":2,"written":false}"#, Some(Outcome::Ok(register))),
            (Call::Read, 200, r#"{"values":[1,2]}"#, Some(Outcome::Ok(Answer::List(vec![1, 2])))),
            (Call::Append(1), 200, r#"{"length":1}"#, Some(Outcome::Ok(Answer::Length(1)))),
            (
                Call::Get,
                503,
                r#"{"code":"NOT_LEADER","retryable":true,"outcome":"not_executed"}"#,
                Some(fail(true)),
            ),
            (
                Call::Get,
                504,
                r#"{"code":"UNKNOWN_OUTCOME","retryable":true,"outcome":"unknown"}"#,
                Some(Outcome::Unknown { code: "UNKNOWN_OUTCOME".to_owned() }),
            ),
            (Call::Get, 200, r#"{"length":1}"#, None),
            (Call::Get, 500, "oops", None),
            (Call::Get, 503, r#"{"code":"","retryable":true,"outcome":"unknown"}"#, None),
            (Call::Get, 503, r#"{"code":"X","retryable":true,"outcome":"maybe"}"#, None),
        ] {
            let outcome = read(&call, status, body.as_bytes());
            match expected {
                Some(expected) => assert_eq!(outcome, expected, "{body}"),
                None => assert!(matches!(outcome, Outcome::Untyped(_)), "{body}: {outcome:?}"),
            }
        }
    }
}
