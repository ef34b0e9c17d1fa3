//! One logical call: its attempts, its deadline, and the interpretation of its answers.

use std::time::{Duration, Instant};

use reqwest::Method;
use reqwest::header::HeaderMap;

use crate::calls::Client;
use crate::error::{Error, Executed, Problem};
use crate::retry::{Decision, Failure};

/// Most characters of a body in an error.
const QUOTED_MAX: usize = 200;

/// The request of every attempt of a call.
pub(crate) struct Request {
    pub(crate) method: Method,
    /// Path and query, encoded.
    pub(crate) path: String,
    pub(crate) content_type: &'static str,
    pub(crate) body: Vec<u8>,
    pub(crate) key: Option<String>,
    pub(crate) traceparent: Option<String>,
    pub(crate) age_max: Option<Duration>,
}

/// The error of an attempt and the requested delay.
pub(crate) struct Failed {
    pub(crate) error: Error,
    pub(crate) retry_after: Option<Duration>,
}

impl From<Error> for Failed {
    fn from(error: Error) -> Self {
        Self { error, retry_after: None }
    }
}

/// The attempts of one logical call.
pub(crate) struct Attempts<'c> {
    client: &'c Client,
    until: Instant,
    made: u32,
    protected: bool,
    /// The error of the last attempt in doubt, if any.
    doubt: Option<String>,
}

impl<'c> Attempts<'c> {
    /// Starts a call. `protected`: a second execution has no further effect.
    pub(crate) fn begin(client: &'c Client, within: Duration, protected: bool) -> Self {
        client.budget().give();
        Self { client, until: Instant::now() + within, made: 0, protected, doubt: None }
    }

    fn left(&self) -> Duration {
        self.until.saturating_duration_since(Instant::now())
    }

    /// Sends the request until it is answered or must not be retried.
    pub(crate) async fn run(&mut self, request: &Request) -> Result<Vec<u8>, Error> {
        loop {
            match self.once(request).await {
                Ok(answer) => return Ok(answer),
                Err(failed) => self.again(failed).await?,
            }
        }
    }

    /// Waits for the next attempt, or returns the error if there must not be one. After an attempt in doubt, no later failure
    /// may report the call as not executed.
    pub(crate) async fn again(&mut self, failed: Failed) -> Result<(), Error> {
        let failure = Failure::of(&failed.error, failed.retry_after);
        let jitter = self.client.draw();
        let decision = {
            let mut budget = self.client.budget();
            let tokens = budget.tokens();
            let decision =
                self.client.0.retries.decide(self.made, failure, self.protected, tokens, self.left(), jitter);
            if matches!(decision, Decision::Retry(_)) {
                budget.take();
            }
            decision
        };
        if failed.error.outcome() == Executed::Unknown {
            self.doubt.get_or_insert_with(|| failed.error.to_string());
        }
        match decision {
            Decision::Retry(delay) => {
                tracing::debug!(error = %failed.error, ?delay, attempt = self.made, "trying again");
                tokio::time::sleep(delay).await;
                Ok(())
            }
            Decision::GiveUp => Err(self.final_error(failed.error)),
        }
    }

    /// Whether an attempt may have been executed.
    pub(crate) fn in_doubt(&self) -> bool {
        self.doubt.is_some()
    }

    fn final_error(&mut self, error: Error) -> Error {
        match self.doubt.take() {
            Some(why) if error.outcome() == Executed::NotExecuted => {
                Error::Lost(format!("{why}; tried again: {error}"))
            }
            _ => error,
        }
    }

    /// One attempt. An endpoint that cannot be reached costs no attempt while another is untried.
    pub(crate) async fn once(&mut self, request: &Request) -> Result<Vec<u8>, Failed> {
        self.made += 1;
        let endpoints = &self.client.0.endpoints;
        let mut unreachable = String::new();
        for _ in 0..endpoints.len() {
            let left = self.left();
            if left.is_zero() {
                return Err(Error::Expired.into());
            }
            let (number, base) = endpoints.current();
            match self.send(base, request, left).await {
                Ok(answer) => return Ok(answer),
                Err(failed) => {
                    if leaves(&failed.error) {
                        endpoints.leave(number);
                    }
                    match failed.error {
                        Error::Unreachable(why) => unreachable = why,
                        _ => return Err(failed),
                    }
                }
            }
        }
        Err(Error::Unreachable(unreachable).into())
    }

    async fn send(&self, base: &str, request: &Request, left: Duration) -> Result<Vec<u8>, Failed> {
        let time = left.min(self.client.0.attempt_within);
        // The cluster's deadline is 5 % shorter than the wait here. So its answer to a missed deadline, which says whether
        // the call was executed, still arrives.
        let deadline = (time - time / 20).as_millis().max(1);
        let url = format!("{base}{}", request.path);
        let mut building = self
            .client
            .0
            .http
            .request(request.method.clone(), url)
            .timeout(time)
            .header("x-deadline-ms", deadline.to_string());
        if let Some(key) = &request.key {
            building = building.header("idempotency-key", key);
        }
        if let Some(age_max) = request.age_max {
            let ms = u64::try_from(age_max.as_millis()).unwrap_or(u64::MAX);
            building = building.header("x-max-age-ms", ms);
        }
        if let Some(traceparent) = &request.traceparent {
            building = building.header("traceparent", traceparent);
        }
        if request.method == Method::POST {
            building = building.header("content-type", request.content_type).body(request.body.clone());
        }
        let response = building.send().await.map_err(|error| transport(&error))?;
        let status = response.status().as_u16();
        let headers = response.headers().clone();
        let body = response.bytes().await.map_err(|error| transport(&error))?;
        if status == 200 {
            return Ok(body.to_vec());
        }
        Err(Failed { error: unhappy(status, &body), retry_after: retry_after(&headers) })
    }
}

/// Whether another endpoint may succeed.
fn leaves(error: &Error) -> bool {
    match error {
        Error::Unreachable(_) | Error::Lost(_) => true,
        Error::Problem(problem) => problem.status == 503,
        Error::Unexpected { status, .. } => matches!(status, 502..=504),
        _ => false,
    }
}

fn transport(error: &reqwest::Error) -> Error {
    let mut why = error.to_string();
    let mut source = std::error::Error::source(error);
    while let Some(inner) = source {
        why = format!("{why}: {inner}");
        source = inner.source();
    }
    if error.is_connect() {
        Error::Unreachable(why)
    } else if error.is_builder() {
        Error::Request(why)
    } else {
        Error::Lost(why)
    }
}

/// The error of an answer that is not 200.
pub(crate) fn unhappy(status: u16, body: &[u8]) -> Error {
    if let Ok(problem) = serde_json::from_slice::<Problem>(body) {
        return Error::Problem(Box::new(problem));
    }
    // A proxy timed out on a request that it may have forwarded; the other statuses mean that no handler was reached.
    let outcome = if matches!(status, 502 | 504) { Executed::Unknown } else { Executed::NotExecuted };
    let body = String::from_utf8_lossy(body).chars().take(QUOTED_MAX).collect();
    Error::Unexpected { status, body, outcome }
}

/// The delay that an answer requests: `Retry-After-Ms` before `Retry-After` in seconds; a date is ignored.
pub(crate) fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let number = |name| headers.get(name)?.to_str().ok()?.trim().parse::<u64>().ok();
    number("retry-after-ms")
        .map(Duration::from_millis)
        .or_else(|| number("retry-after").map(Duration::from_secs))
}

/// A path segment, encoded so that slashes and braces of a key stay in it.
pub(crate) fn segment(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'~' => encoded.push(char::from(byte)),
            // A segment of only dots would be a relative path step.
            b'.' if text.bytes().any(|other| other != b'.') => encoded.push('.'),
            _ => encoded.push_str(&format!("%{byte:02X}")),
        }
    }
    encoded
}

#[cfg(test)]
mod tests {
    use reqwest::header::{HeaderName, HeaderValue};
    use serde::Deserialize;
    use serde_json::Value;

    use super::*;
    use crate::retry::RetryPolicy;

    #[derive(Deserialize)]
    struct Vectors {
        cases: Vec<Case>,
    }

    #[derive(Deserialize)]
    struct Case {
        name: String,
        policy: Policy,
        attempt: u32,
        protected: bool,
        tokens: f64,
        left_ms: u64,
        jitter: f64,
        failure: How,
        expect: Expect,
    }

    #[derive(Deserialize)]
    struct Policy {
        retries: u32,
        first_delay_ms: u64,
        max_delay_ms: u64,
    }

    #[derive(Deserialize)]
    #[serde(tag = "kind", rename_all = "snake_case")]
    enum How {
        #[serde(rename = "answer")]
        Replied {
            status: u16,
            headers: std::collections::HashMap<String, String>,
            body: Value,
        },
        Connect,
        Lost,
    }

    #[derive(Deserialize)]
    struct Expect {
        retry: bool,
        #[serde(default)]
        delay_ms: u64,
    }

    fn failed(how: How) -> Failed {
        match how {
            How::Connect => Error::Unreachable("refused".into()).into(),
            How::Lost => Error::Lost("reset".into()).into(),
            How::Replied { status, headers, body } => {
                let mut map = HeaderMap::new();
                for (name, value) in headers {
                    map.insert(
                        HeaderName::from_bytes(name.as_bytes()).unwrap(),
                        HeaderValue::from_str(&value).unwrap(),
                    );
                }
                let text = match body {
                    Value::Null => String::new(),
                    Value::String(text) => text,
                    problem => problem.to_string(),
                };
                Failed { error: unhappy(status, text.as_bytes()), retry_after: retry_after(&map) }
            }
        }
    }

    #[test]
    fn retry_decisions_are_those_of_the_shared_vectors() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/vectors/sdk_retry.json");
        let vectors: Vectors = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
        assert!(vectors.cases.len() > 30);
        for case in vectors.cases {
            let policy = RetryPolicy {
                retries: case.policy.retries,
                first_delay: Duration::from_millis(case.policy.first_delay_ms),
                max_delay: Duration::from_millis(case.policy.max_delay_ms),
            };
            let failed = failed(case.failure);
            let decision = policy.decide(
                case.attempt,
                Failure::of(&failed.error, failed.retry_after),
                case.protected,
                case.tokens,
                Duration::from_millis(case.left_ms),
                case.jitter,
            );
            let expected = if case.expect.retry {
                Decision::Retry(Duration::from_millis(case.expect.delay_ms))
            } else {
                Decision::GiveUp
            };
            assert_eq!(decision, expected, "{}", case.name);
        }
    }

    #[test]
    fn a_key_stays_within_its_path_segment() {
        for (key, encoded) in [
            ("42", "42"),
            ("{c:7}", "%7Bc%3A7%7D"),
            ("a/b?c#d e", "a%2Fb%3Fc%23d%20e"),
            ("..", "%2E%2E"),
            ("a.b", "a.b"),
        ] {
            assert_eq!(segment(key), encoded);
        }
    }
}
