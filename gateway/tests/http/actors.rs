//! Any message to any entity, and everything that can be wrong with one.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::json;
use troupe_gateway::GatewayConfig;
use troupe_runtime::{AskError, wire};

use super::edge::{Edge, gateway};
use super::toy::{registry, scripted, solo};

#[tokio::test]
async fn a_message_reaches_its_entity_by_its_full_or_its_short_name() {
    let edge = Edge::start(gateway(solo())).await;
    let answer = edge.post("/v1/actors/notes/a/write.v1", r#"{"text":"hello"}"#).await;
    assert_eq!((answer.status, answer.body), (200, json!(5)));
    let read = edge.post("/v1/actors/notes/a/read", "").await;
    assert_eq!((read.status, read.body), (200, json!("hello")));
    // The short name means the newest version, which shouts.
    edge.post("/v1/actors/notes/a/write", r#"{"text":"hello"}"#).await;
    let read = edge.post("/v1/actors/notes/a/read.v1", "{}").await;
    assert_eq!(read.body, json!("HELLO"));
}

#[tokio::test]
async fn keys_with_slashes_and_braces_travel_encoded() {
    let edge = Edge::start(gateway(solo())).await;
    edge.post("/v1/actors/notes/%7Bc:7%7D%2Fx%20y/write.v1", r#"{"text":"odd"}"#).await;
    let read = edge.post("/v1/actors/notes/%7Bc%3A7%7D%2Fx%20y/read", "").await;
    assert_eq!(read.body, json!("odd"));
}

#[tokio::test]
async fn what_cannot_be_asked_is_refused_with_its_field() {
    let edge = Edge::start(gateway(solo())).await;
    let long = format!("/v1/actors/notes/{}/read", "k".repeat(257));
    for (path, body, status, code, field) in [
        ("/v1/actors/ghosts/a/read", "", 404, "UNKNOWN_KIND", json!("kind")),
        ("/v1/actors/notes/a/fly", "", 404, "UNKNOWN_VERB", json!("verb")),
        ("/v1/actors/notes/a/write.v9", "{}", 404, "UNKNOWN_VERB", json!("verb")),
        ("/v1/actors/notes/a%0Ab/read", "", 400, "BAD_KEY", json!("key")),
        (long.as_str(), "", 400, "BAD_KEY", json!("key")),
        ("/v1/actors/notes/%FF/read", "", 400, "BAD_PATH", json!("key")),
        ("/v1/actors/notes/a/write", "{nope", 400, "BAD_JSON", json!("body")),
        ("/v1/actors/notes/a/write", "", 400, "BAD_BODY", json!("text")),
        ("/v1/actors/notes/a/write", r#"{"text":7}"#, 400, "BAD_BODY", json!("text")),
        ("/v1/actors/notes/a/write.v1", r#"{"text":""}"#, 422, "BAD_TEXT", json!("text")),
    ] {
        let answer = edge.post(path, body).await;
        let problem = answer.problem(status, code);
        assert_eq!(problem["field"], field, "{path}");
        assert_eq!(
            (&problem["retryable"], &problem["outcome"]),
            (&json!(false), &json!("not_executed")),
            "{path}"
        );
    }
    let unknown = edge.post("/v1/actors/ghosts/a/read", "").await;
    assert_eq!(unknown.body["known"], json!(["notes"]));
    let unknown = edge.post("/v1/actors/notes/a/fly", "").await;
    assert_eq!(unknown.body["known"], json!(["read.v1", "write.v1", "write.v2"]));
}

#[tokio::test]
async fn a_refusal_of_state_is_a_conflict() {
    let edge = Edge::start(gateway(solo())).await;
    edge.post("/v1/actors/notes/a/write.v1", r#"{"text":"again"}"#).await;
    let answer = edge.post("/v1/actors/notes/a/write.v1", r#"{"text":"again"}"#).await;
    assert_eq!(
        answer.problem(409, "SAID_BEFORE"),
        &json!({
            "type": "urn:troupe:problem:said-before", "title": "Conflict", "status": 409,
            "detail": "was said before", "code": "SAID_BEFORE", "retryable": false, "outcome": "not_executed",
        })
    );
}

#[tokio::test]
async fn a_deadline_already_past_executes_nothing() {
    let edge = Edge::start(gateway(solo())).await;
    for value in ["0", "-1"] {
        let headers = [("X-Deadline-Ms", value)];
        let answer = edge.post_with("/v1/actors/notes/a/write.v1", &headers, r#"{"text":"late"}"#).await;
        assert_eq!(answer.problem(504, "DEADLINE_EXCEEDED")["outcome"], "not_executed");
    }
    let answer = edge.post_with("/v1/actors/notes/a/read", &[("X-Deadline-Ms", "soon")], "").await;
    assert_eq!(answer.problem(400, "BAD_HEADER")["field"], "X-Deadline-Ms");
    assert_eq!(edge.post("/v1/actors/notes/a/read", "").await.body, json!(""));
}

#[tokio::test]
async fn a_query_may_be_answered_from_an_older_state_that_says_its_age_and_a_command_may_not() {
    let edge = Edge::start(gateway(solo())).await;
    edge.post("/v1/actors/notes/a/write.v1", r#"{"text":"old"}"#).await;
    let answer = edge.post_with("/v1/actors/notes/a/read", &[("X-Max-Age-Ms", "500")], "").await;
    assert_eq!((answer.status, &answer.body), (200, &json!("old")));
    assert_eq!(answer.header("x-age-ms"), Some("0"), "without a follower the leader answers");
    for (verb, value, body) in
        [("read", "-1", ""), ("read", "soon", ""), ("write.v1", "5", r#"{"text":"x"}"#)]
    {
        let path = format!("/v1/actors/notes/a/{verb}");
        let answer = edge.post_with(&path, &[("X-Max-Age-Ms", value)], body).await;
        assert_eq!(answer.problem(400, "BAD_HEADER")["field"], "X-Max-Age-Ms", "{verb} {value}");
    }
    assert_eq!(edge.post("/v1/actors/notes/a/read", "").await.body, json!("old"), "nothing was written");
}

#[tokio::test]
async fn a_body_too_large_is_refused_whether_or_not_it_announces_itself() {
    let mut gateway = gateway(solo());
    gateway.config = GatewayConfig { body_bytes_max: 1_024, ..GatewayConfig::default() };
    let edge = Edge::start(gateway).await;
    let large = "x".repeat(1_025);
    edge.post("/v1/actors/notes/a/write", large.clone()).await.problem(413, "BODY_TOO_LARGE");
    // Without a length: the raw request is chunked.
    let answer = raw(
        &edge,
        &format!(
            "POST /v1/actors/notes/a/write HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n401\r\n{large}\r\n0\r\n\r\n"
        ),
    )
    .await;
    assert!(answer.starts_with("HTTP/1.1 413"), "{answer}");
    assert!(answer.contains("application/problem+json") && answer.contains("BODY_TOO_LARGE"), "{answer}");
    // The bound itself is allowed.
    let text = "y".repeat(1_024 - r#"{"text":""}"#.len());
    let answer = edge.post("/v1/actors/notes/a/write", format!(r#"{{"text":"{text}"}}"#)).await;
    assert_eq!(answer.status, 200);
}

/// Sends bytes and reads until the answer's body has ended.
async fn raw(edge: &Edge, request: &str) -> String {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let mut stream = tokio::net::TcpStream::connect(edge.base.trim_start_matches("http://")).await.unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    let mut piece = [0; 4_096];
    while !String::from_utf8_lossy(&answer).contains("\"outcome\"") {
        let read =
            tokio::time::timeout(Duration::from_secs(5), stream.read(&mut piece)).await.unwrap().unwrap();
        assert!(read > 0, "{}", String::from_utf8_lossy(&answer));
        answer.extend_from_slice(&piece[..read]);
    }
    String::from_utf8(answer).unwrap()
}

#[tokio::test]
async fn a_key_reused_with_another_body_is_refused_and_queries_carry_no_key() {
    let seen = Arc::new(Mutex::new(Vec::new()));
    let log = seen.clone();
    let edge = Edge::start(gateway(scripted(registry(), move |ask| {
        let mut seen = log.lock().unwrap();
        let reused = seen.iter().any(|(key, body)| *key == ask.key && *body != ask.body && ask.key.is_some());
        seen.push((ask.key, ask.body.clone()));
        if reused { Err(AskError::KeyReused) } else { Ok(wire::encode(&1_usize)) }
    })))
    .await;
    let key = [("Idempotency-Key", "one")];
    let path = "/v1/actors/notes/a/write.v1";
    assert_eq!(edge.post_with(path, &key, r#"{"text":"x"}"#).await.status, 200);
    assert_eq!(edge.post_with(path, &key, r#"{"text":"x"}"#).await.status, 200);
    let answer = edge.post_with(path, &key, r#"{"text":"y"}"#).await;
    assert_eq!(answer.problem(422, "KEY_REUSED")["field"], "Idempotency-Key");
    // The short and the full name of a verb are one verb to the key.
    let answer = edge.post_with("/v1/actors/notes/a/write.v2", &key, r#"{"text":"y"}"#).await;
    assert_eq!(answer.status, 200, "another verb is another call");
    edge.post_with("/v1/actors/notes/a/read", &key, "").await;
    let keys: Vec<bool> = seen.lock().unwrap().iter().map(|(key, _)| key.is_some()).collect();
    assert_eq!(keys, [true, true, true, true, false]);
}

#[tokio::test]
async fn each_delivery_error_says_what_a_client_must_know() {
    for (error, status, code, retryable, outcome, after) in [
        (
            AskError::busy("mailbox", Duration::from_millis(40)),
            429,
            "MAILBOX_FULL",
            true,
            "not_executed",
            Some("1"),
        ),
        (AskError::NotLeader { hint: None }, 503, "NOT_LEADER", true, "not_executed", Some("1")),
        (AskError::NotSent("down".into()), 503, "NOT_SENT", true, "not_executed", Some("1")),
        (AskError::Expired, 504, "DEADLINE_EXCEEDED", true, "not_executed", None),
        (AskError::Unknown("lost".into()), 504, "UNKNOWN_OUTCOME", true, "unknown", None),
        (AskError::Fault("panic".into()), 500, "ENTITY_FAULT", false, "not_executed", None),
    ] {
        let told = error.clone();
        let edge = Edge::start(gateway(scripted(registry(), move |_| Err(told.clone())))).await;
        let answer = edge.post("/v1/actors/notes/a/write", r#"{"text":"x"}"#).await;
        let problem = answer.problem(status, code);
        assert_eq!(
            (&problem["retryable"], &problem["outcome"]),
            (&json!(retryable), &json!(outcome)),
            "{code}"
        );
        assert_eq!(answer.header("retry-after"), after, "{code}");
    }
}
