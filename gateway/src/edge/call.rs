//! What the headers of a request say about the call: its deadline and its idempotency key.

use std::time::{Duration, Instant};

use axum::body::Body;
use axum::extract::{FromRef, FromRequestParts};
use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode, header};
use bytes::Bytes;
use http_body_util::{BodyExt, LengthLimitError, Limited};
use xxhash_rust::xxh3::xxh3_128;

use crate::config::GatewayConfig;
use crate::edge::media;
use crate::edge::problem::Problem;
use crate::edge::state::GatewayState;

/// Longest idempotency key accepted, in bytes.
const KEY_BYTES_MAX: usize = 128;

/// How much of a body that is too large is read so that its sender hears of it, in bodies of the largest size.
const DISCARDED_MAX: usize = 4;

/// One call: how long it may take, and what protects it from happening twice.
#[derive(Debug, Clone)]
pub(crate) struct Call {
    started: Instant,
    within: Duration,
    key: Option<String>,
}

impl Call {
    fn read(headers: &HeaderMap, config: &GatewayConfig, started: Instant) -> Result<Self, Problem> {
        Ok(Self { started, within: deadline(headers, config)?, key: key(headers)? })
    }

    /// When the request's head had been read.
    #[must_use]
    pub(crate) const fn started(&self) -> Instant {
        self.started
    }

    /// Time left until the deadline.
    ///
    /// # Errors
    /// `DEADLINE_EXCEEDED` when none is.
    pub(crate) fn left(&self) -> Result<Duration, Problem> {
        match self.within.checked_sub(self.started.elapsed()) {
            Some(left) if !left.is_zero() => Ok(left),
            _ => Err(Problem::expired()),
        }
    }

    /// The idempotency key, hashed together with what it protects: the same key on another entity or verb is another
    /// key. What the body was, the shard remembers with the answer.
    #[must_use]
    pub(crate) fn key_for(&self, kind: &str, entity: &str, verb: &str) -> Option<u128> {
        let key = self.key.as_deref()?;
        let mut scoped = Vec::with_capacity(kind.len() + entity.len() + verb.len() + key.len() + 32);
        for part in [kind, entity, verb, key] {
            scoped.extend_from_slice(&(part.len() as u64).to_le_bytes());
            scoped.extend_from_slice(part.as_bytes());
        }
        Some(xxh3_128(&scoped))
    }

    /// The whole body, within the call's time and the edge's size.
    ///
    /// # Errors
    /// `UNSUPPORTED_MEDIA_TYPE`, `BODY_TOO_LARGE`, `BODY_INCOMPLETE`, `DEADLINE_EXCEEDED`.
    pub(crate) async fn body(
        &self,
        headers: &HeaderMap,
        body: Body,
        bytes_max: usize,
    ) -> Result<Bytes, Problem> {
        self.gather(media::check(headers), headers, body, bytes_max).await
    }

    /// The same of a body that may be YAML.
    ///
    /// # Errors
    /// As [`Self::body`].
    pub(crate) async fn yaml(
        &self,
        headers: &HeaderMap,
        body: Body,
        bytes_max: usize,
    ) -> Result<Bytes, Problem> {
        self.gather(media::check_yaml(headers), headers, body, bytes_max).await
    }

    async fn gather(
        &self,
        checked: Result<(), Problem>,
        headers: &HeaderMap,
        mut body: Body,
        bytes_max: usize,
    ) -> Result<Bytes, Problem> {
        if let Err(problem) = checked {
            self.discard(&mut body, bytes_max).await;
            return Err(problem);
        }
        let announced = headers
            .get(header::CONTENT_LENGTH)
            .and_then(|length| length.to_str().ok())
            .and_then(|length| length.parse::<usize>().ok());
        if announced.is_some_and(|bytes| bytes > bytes_max) {
            // A client that asks first has sent nothing yet.
            if !headers.contains_key(header::EXPECT) {
                self.discard(&mut body, bytes_max).await;
            }
            return Err(too_large(bytes_max));
        }
        match tokio::time::timeout(self.left()?, Limited::new(&mut body, bytes_max).collect()).await {
            Ok(Ok(collected)) => Ok(collected.to_bytes()),
            Ok(Err(error)) if error.downcast_ref::<LengthLimitError>().is_some() => {
                self.discard(&mut body, bytes_max).await;
                Err(too_large(bytes_max))
            }
            Ok(Err(error)) => Err(Problem::new(
                StatusCode::BAD_REQUEST,
                "BODY_INCOMPLETE",
                format!("the body ended before it was whole: {error}"),
            )),
            Err(_) => Err(Problem::expired()),
        }
    }

    /// Reads on and keeps nothing. Most clients look for an answer only when they have sent all of their body: one that
    /// comes before that, with the connection closed behind it, they see as a broken pipe.
    async fn discard(&self, body: &mut Body, bytes_max: usize) {
        let Ok(left) = self.left() else { return };
        let mut allowed = bytes_max.saturating_mul(DISCARDED_MAX);
        let read = async {
            while let Some(Ok(frame)) = body.frame().await {
                let bytes = frame.data_ref().map_or(0, Bytes::len);
                let Some(rest) = allowed.checked_sub(bytes) else { return };
                allowed = rest;
            }
        };
        // The answer is the same for a body that takes longer.
        let _ = tokio::time::timeout(left, read).await;
    }
}

fn too_large(bytes_max: usize) -> Problem {
    Problem::new(
        StatusCode::PAYLOAD_TOO_LARGE,
        "BODY_TOO_LARGE",
        format!("the body is larger than {bytes_max} bytes: send it in pieces"),
    )
}

fn deadline(headers: &HeaderMap, config: &GatewayConfig) -> Result<Duration, Problem> {
    let Some(value) = headers.get("x-deadline-ms") else { return Ok(config.deadline) };
    let ms = value.to_str().ok().and_then(|text| text.trim().parse::<i64>().ok()).ok_or_else(|| {
        Problem::new(
            StatusCode::BAD_REQUEST,
            "BAD_HEADER",
            "X-Deadline-Ms must be the milliseconds left, a whole number",
        )
        .field("X-Deadline-Ms")
    })?;
    match u64::try_from(ms) {
        Ok(ms) if ms > 0 => Ok(Duration::from_millis(ms).min(config.deadline_max)),
        _ => Err(Problem::expired().field("X-Deadline-Ms")),
    }
}

fn key(headers: &HeaderMap) -> Result<Option<String>, Problem> {
    let Some(value) = headers.get("idempotency-key") else { return Ok(None) };
    match value.to_str() {
        Ok(key) if (1..=KEY_BYTES_MAX).contains(&key.len()) => Ok(Some(key.to_owned())),
        _ => Err(Problem::new(
            StatusCode::BAD_REQUEST,
            "BAD_HEADER",
            format!("Idempotency-Key must be 1 to {KEY_BYTES_MAX} visible ASCII characters"),
        )
        .field("Idempotency-Key")),
    }
}

impl<S> FromRequestParts<S> for Call
where
    S: Send + Sync,
    GatewayState: FromRef<S>,
{
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        // The body's extractor asks for the call a second time: the deadline runs from the first.
        if let Some(call) = parts.extensions.get::<Self>() {
            return Ok(call.clone());
        }
        let call = Self::read(&parts.headers, &GatewayState::from_ref(state).config, Instant::now())?;
        parts.extensions.insert(call.clone());
        Ok(call)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn call(headers: &[(&'static str, &str)]) -> Result<Call, Problem> {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.insert(*name, value.parse().unwrap());
        }
        Call::read(&map, &GatewayConfig::default(), Instant::now())
    }

    #[test]
    fn a_deadline_is_read_cut_and_refused() {
        for (value, expected) in [
            ("250", Ok(250)),
            ("3600000", Ok(60_000)),
            ("0", Err("DEADLINE_EXCEEDED")),
            ("-5", Err("DEADLINE_EXCEEDED")),
            ("soon", Err("BAD_HEADER")),
            ("1.5", Err("BAD_HEADER")),
            ("", Err("BAD_HEADER")),
        ] {
            let read = call(&[("x-deadline-ms", value)]).map(|call| call.within.as_millis());
            assert_eq!(read.map_err(|problem| problem.0.code), expected.map_err(str::to_owned), "{value:?}");
        }
        assert_eq!(call(&[]).map(|call| call.within), Ok(Duration::from_secs(5)));
    }

    #[test]
    fn an_idempotency_key_protects_one_verb_of_one_entity() {
        let call = call(&[("idempotency-key", "k-1")]).unwrap();
        let key = call.key_for("members", "42", "rename.v1");
        assert!(key.is_some());
        assert_eq!(key, call.key_for("members", "42", "rename.v1"));
        for (kind, entity, verb) in [
            ("content", "42", "rename.v1"),
            ("members", "43", "rename.v1"),
            ("members", "42", "rename.v2"),
            ("member", "s42", "rename.v1"),
        ] {
            assert_ne!(key, call.key_for(kind, entity, verb), "{kind}/{entity} {verb}");
        }
    }

    #[test]
    fn an_idempotency_key_that_is_empty_or_too_long_is_refused() {
        for value in [String::new(), "k".repeat(129)] {
            let refused = call(&[("idempotency-key", &value)]).unwrap_err();
            assert_eq!((refused.0.status, refused.0.field.as_deref()), (400, Some("Idempotency-Key")));
        }
        assert_eq!(call(&[]).unwrap().key_for("a", "b", "c"), None);
    }
}
