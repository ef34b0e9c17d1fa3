//! The calls of the client.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rand::Rng;
use rand::rngs::SmallRng;
use reqwest::Method;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::answers::Recommendations;
use crate::builder::Builder;
use crate::endpoints::Endpoints;
use crate::error::{Error, Executed};
use crate::event::{Event, Failed, Receipt, Rejected};
use crate::exchange::{Attempts, Request, segment};
use crate::lookup::{Features, Lookup};
use crate::retry::{Budget, RetryPolicy};

/// Most events of one request; more events are sent in several requests.
const BATCH_MAX: usize = 10_000;

/// A client of one cluster. Cheap to clone; clones share connections, the retry budget and the endpoint in use.
#[derive(Clone)]
pub struct Client(pub(crate) Arc<Shared>);

pub(crate) struct Shared {
    pub(crate) http: reqwest::Client,
    pub(crate) endpoints: Endpoints,
    pub(crate) within: Duration,
    pub(crate) attempt_within: Duration,
    pub(crate) retries: RetryPolicy,
    pub(crate) budget: Mutex<Budget>,
    pub(crate) draws: Mutex<SmallRng>,
}

/// The protection of a command against a second execution by a retry.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Protection {
    /// A generated key for this call.
    #[default]
    Generated,
    /// The caller's idempotency key: a repeated call still executes once.
    Key(String),
    /// No protection: after an unknown outcome the call is not retried.
    None,
}

/// Options of one call.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CallOptions {
    /// Deadline of the call with all its attempts; default: the client's.
    pub within: Option<Duration>,
    /// The protection against a second execution.
    pub protection: Protection,
    /// W3C trace context to send.
    pub traceparent: Option<String>,
    /// For a query or a lookup: a replica on the gateway's node may answer, from a state that lacks at most what was
    /// acknowledged within this time; whole milliseconds. Default: the newest state.
    pub age_max: Option<Duration>,
}

impl Client {
    /// A builder with the default options.
    #[must_use]
    pub fn builder() -> Builder {
        Builder::default()
    }

    pub(crate) fn budget(&self) -> MutexGuard<'_, Budget> {
        lock(&self.0.budget)
    }

    pub(crate) fn draw(&self) -> f64 {
        lock(&self.0.draws).random()
    }

    fn new_key(&self) -> String {
        let bits: u128 = lock(&self.0.draws).random();
        format!("{bits:032x}")
    }

    /// Records events in their order. Transient failures are retried within the deadline. Each event is recorded once, even
    /// if it is sent several times.
    ///
    /// # Errors
    /// Only if no event was accepted or rejected; otherwise the receipt has the result of each event.
    pub async fn record_events(&self, events: &[Event]) -> Result<Receipt, Error> {
        self.record_events_with(events, &CallOptions::default()).await
    }

    /// As [`Client::record_events`], with options; a protection has no meaning here.
    ///
    /// # Errors
    /// As [`Client::record_events`].
    pub async fn record_events_with(
        &self,
        events: &[Event],
        options: &CallOptions,
    ) -> Result<Receipt, Error> {
        let mut receipt = Receipt::default();
        for (batch, chunk) in events.chunks(BATCH_MAX).enumerate() {
            let first = batch * BATCH_MAX;
            if let Err(error) = self.record_batch(chunk, first, options, &mut receipt).await {
                if receipt == Receipt::default() {
                    return Err(error);
                }
                // Some events are recorded or rejected already, so the receipt reports the failure of the rest.
                receipt.failed.extend((first..events.len()).map(|position| unsent(position + 1, &error)));
                break;
            }
        }
        Ok(receipt)
    }

    async fn record_batch(
        &self,
        events: &[Event],
        first: usize,
        options: &CallOptions,
        receipt: &mut Receipt,
    ) -> Result<(), Error> {
        let mut pending: Vec<usize> = Vec::with_capacity(events.len());
        for (position, event) in events.iter().enumerate() {
            // JSON cannot express NaN and infinities: the value would be missing.
            if event.value.is_some_and(|value| !value.is_finite()) {
                receipt.rejected.push(not_finite(first + position + 1));
            } else {
                pending.push(position);
            }
        }
        if pending.is_empty() {
            return Ok(());
        }
        let mut attempts = Attempts::begin(self, options.within.unwrap_or(self.0.within), true);
        let mut progressed = false;
        loop {
            let request = events_request(events, &pending, options)?;
            let lines: Vec<usize> = pending.iter().map(|position| first + position + 1).collect();
            let failed = match attempts.once(&request).await {
                Ok(body) => {
                    progressed = true;
                    let mut answer: Receipt = decode(&body)?;
                    if attempts.in_doubt() {
                        answer.failed.iter_mut().for_each(|failed| failed.outcome = Executed::Unknown);
                    }
                    let retryable: Vec<Failed> =
                        answer.failed.extract_if(.., |failed| failed.retryable).collect();
                    receipt.absorb(answer, &lines);
                    let in_doubt = retryable.iter().find(|failed| failed.outcome == Executed::Unknown);
                    let Some(first_failed) = in_doubt.or(retryable.first()) else { return Ok(()) };
                    let failed = crate::exchange::Failed {
                        error: Error::Problem(Box::new(problem_of(first_failed))),
                        retry_after: None,
                    };
                    pending = retryable
                        .iter()
                        .filter_map(|f| pending.get(f.line.wrapping_sub(1)).copied())
                        .collect();
                    if attempts.again(failed).await.is_err() {
                        let left = Receipt { failed: retryable, ..Receipt::default() };
                        receipt.absorb(left, &lines);
                        return Ok(());
                    }
                    continue;
                }
                Err(failed) => failed,
            };
            if let Err(error) = attempts.again(failed).await {
                if !progressed {
                    return Err(error);
                }
                receipt.failed.extend(pending.iter().map(|position| unsent(first + position + 1, &error)));
                return Ok(());
            }
        }
    }

    /// The `k` contents that a member may like most, best first.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn recommendations(&self, member: &str, k: u32) -> Result<Recommendations, Error> {
        self.recommendations_with(member, k, &CallOptions::default()).await
    }

    /// As [`Client::recommendations`], with options.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn recommendations_with(
        &self,
        member: &str,
        k: u32,
        options: &CallOptions,
    ) -> Result<Recommendations, Error> {
        let path = format!("/v1/members/{}/recommendations?k={k}", segment(member));
        self.read(Method::GET, path, Vec::new(), options).await
    }

    /// Values of features (`group:feature`) for entities (`member` -> `42`), by column.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn lookup(
        &self,
        features: &[&str],
        entities: &[BTreeMap<String, String>],
    ) -> Result<Features, Error> {
        self.lookup_with(features, entities, &CallOptions::default()).await
    }

    /// As [`Client::lookup`], with options.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn lookup_with(
        &self,
        features: &[&str],
        entities: &[BTreeMap<String, String>],
        options: &CallOptions,
    ) -> Result<Features, Error> {
        let body = encode(&Lookup { features, entities })?;
        self.read(Method::POST, "/v1/features:lookup".to_owned(), body, options).await
    }

    /// Sends a message to an entity; `verb` without `.vN` means the newest version. Retries share one idempotency key.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn ask(&self, kind: &str, key: &str, verb: &str, body: &Value) -> Result<Value, Error> {
        self.ask_with(kind, key, verb, body, &CallOptions::default()).await
    }

    /// As [`Client::ask`], with options.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn ask_with(
        &self,
        kind: &str,
        key: &str,
        verb: &str,
        body: &Value,
        options: &CallOptions,
    ) -> Result<Value, Error> {
        let idempotency = match &options.protection {
            Protection::Generated => Some(self.new_key()),
            Protection::Key(key) => Some(key.clone()),
            Protection::None => None,
        };
        let mut attempts =
            Attempts::begin(self, options.within.unwrap_or(self.0.within), idempotency.is_some());
        let request = Request {
            method: Method::POST,
            path: format!("/v1/actors/{}/{}/{}", segment(kind), segment(key), segment(verb)),
            content_type: "application/json",
            body: encode(body)?,
            key: idempotency,
            traceparent: options.traceparent.clone(),
            age_max: options.age_max,
        };
        decode(&attempts.run(&request).await?)
    }

    /// A read-only call.
    async fn read<T: DeserializeOwned>(
        &self,
        method: Method,
        path: String,
        body: Vec<u8>,
        options: &CallOptions,
    ) -> Result<T, Error> {
        let mut attempts = Attempts::begin(self, options.within.unwrap_or(self.0.within), true);
        let (traceparent, age_max) = (options.traceparent.clone(), options.age_max);
        let content_type = "application/json";
        let request = Request { method, path, content_type, body, key: None, traceparent, age_max };
        decode(&attempts.run(&request).await?)
    }
}

impl std::fmt::Debug for Client {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Client").field("endpoints", &self.0.endpoints).finish_non_exhaustive()
    }
}

fn events_request(events: &[Event], pending: &[usize], options: &CallOptions) -> Result<Request, Error> {
    let mut body = Vec::with_capacity(pending.len() * 128);
    for event in pending.iter().filter_map(|position| events.get(*position)) {
        serde_json::to_writer(&mut body, event).map_err(|error| Error::Request(error.to_string()))?;
        body.push(b'\n');
    }
    Ok(Request {
        method: Method::POST,
        path: "/v1/events".to_owned(),
        content_type: "application/x-ndjson",
        body,
        key: None,
        traceparent: options.traceparent.clone(),
        age_max: None,
    })
}

fn not_finite(line: usize) -> Rejected {
    Rejected {
        line,
        field: Some("value".into()),
        code: "NOT_FINITE".into(),
        message: "must be a finite number".into(),
    }
}

fn unsent(line: usize, error: &Error) -> Failed {
    Failed {
        line,
        code: error.code().to_owned(),
        message: error.to_string(),
        retryable: error.retryable(),
        outcome: error.outcome(),
    }
}

fn problem_of(failed: &Failed) -> crate::error::Problem {
    crate::error::Problem {
        status: 503,
        code: failed.code.clone(),
        detail: failed.message.clone(),
        field: None,
        retryable: failed.retryable,
        outcome: failed.outcome,
        known: Vec::new(),
    }
}

fn encode<T: serde::Serialize>(body: &T) -> Result<Vec<u8>, Error> {
    serde_json::to_vec(body).map_err(|error| Error::Request(error.to_string()))
}

fn decode<T: DeserializeOwned>(body: &[u8]) -> Result<T, Error> {
    serde_json::from_slice(body).map_err(|error| Error::Answer(error.to_string()))
}

/// Locks, poisoned or not: the budget and the generator are valid after every statement of their holders.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
