//! Batches of events: what is accepted, what is not, and how the answer says so.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};
use troupe_actors::profiles::members::{Record, Recorded};
use troupe_gateway::{Gateway, GatewayConfig};
use troupe_runtime::routing::Solo;
use troupe_runtime::{AskError, Timestamp, wire};

use super::edge::{Answer, Edge, gateway};
use super::toy::{platform, scripted};

fn members() -> Gateway {
    gateway(Solo::router(platform()))
}

fn line(member: &str, content: usize) -> String {
    format!(r#"{{"member":"{member}","content":"{content}","type":"rating","value":4,"at":{content}}}"#)
}

/// Contents of the member's history, oldest first.
async fn recorded(edge: &Edge, member: &str) -> Value {
    let history = edge.post(&format!("/v1/actors/members/{member}/get-history"), "").await.body;
    let newest_first = history["interactions"].as_array().unwrap().iter();
    newest_first.rev().map(|interaction| interaction["content"].clone()).collect()
}

#[tokio::test]
async fn good_events_are_recorded_once_and_in_their_order() {
    let edge = Edge::start(members()).await;
    let body: String = (0..100).map(|n| line(["a", "b"][n % 2], n) + "\n").collect();
    let first = edge.post("/v1/events", body.clone()).await;
    assert_eq!(first.body, json!({"accepted": 100, "duplicates": 0, "rejected": [], "failed": []}));
    let again = edge.post("/v1/events", body).await;
    assert_eq!(
        (again.status, &again.body["accepted"], &again.body["duplicates"]),
        (200, &json!(0), &json!(100))
    );
    let even: Vec<String> = (0..100).step_by(2).map(|n| n.to_string()).collect();
    assert_eq!(recorded(&edge, "a").await, json!(even));
}

#[tokio::test]
async fn events_of_one_member_are_sent_in_the_order_of_their_lines() {
    let sent = Arc::new(Mutex::new(BTreeMap::<String, Vec<String>>::new()));
    let log = sent.clone();
    let edge = Edge::start(gateway(scripted(platform(), move |ask| {
        let record: Record = wire::decode(&ask.body).unwrap();
        log.lock().unwrap().entry(ask.to.key.clone()).or_default().push(record.content);
        Ok(wire::encode(&Recorded { duplicate: false }))
    })))
    .await;
    // Event times fall while the lines go on: the lines decide.
    let line = |n: usize| {
        let (member, at) = (["a", "b"][n % 2], 1_000 - n);
        format!(r#"{{"member":"{member}","content":"{n}","type":"rating","at":{at}}}"#)
    };
    let body = (0..100).map(line).collect::<Vec<_>>().join("\n");
    assert_eq!(edge.post("/v1/events", body).await.body["accepted"], 100);
    let sent = sent.lock().unwrap().clone();
    for (first, member) in ["a", "b"].into_iter().enumerate() {
        let expected: Vec<String> = (first..100).step_by(2).map(|n| n.to_string()).collect();
        assert_eq!(sent.get(member), Some(&expected), "{member}");
    }
}

#[tokio::test]
async fn bad_lines_are_named_and_the_good_ones_of_the_batch_are_accepted() {
    let edge = Edge::start(members()).await;
    let far = Timestamp::wall().millis() + 86_400_000;
    let body = [
        line("a", 1),
        r#"{"member":"a","content":"2","type":"rating","value":NaN,"at":2}"#.to_owned(),
        format!(r#"{{"member":"a","content":"3","type":"rating","at":{far}}}"#),
        r#"{"member":"a","content":"4","type":"","value":4,"at":4}"#.to_owned(),
        String::new(),
        r#"{"member":"a","content":"5","type":"rating","value":1e39,"at":5}"#.to_owned(),
        r#"{"content":"6"}"#.to_owned(),
        "not json".to_owned(),
        line("a", 8),
    ]
    .join("\n");
    let answer = edge.post("/v1/events", body).await;
    assert_eq!((answer.status, &answer.body["accepted"]), (200, &json!(2)));
    assert_eq!(
        rejected(&answer.body),
        [
            (2, json!("value"), "NOT_FINITE".to_owned()),
            (3, json!("at"), "FAR_FUTURE".to_owned()),
            (4, json!("type"), "BAD_ID".to_owned()),
            (6, json!("value"), "NOT_FINITE".to_owned()),
            (7, json!("member"), "MISSING".to_owned()),
            (8, json!(null), "BAD_JSON".to_owned()),
        ]
    );
    assert_eq!(recorded(&edge, "a").await, json!(["1", "8"]));
}

fn rejected(receipt: &Value) -> Vec<(u64, Value, String)> {
    let rejected = receipt["rejected"].as_array().unwrap();
    let one = |r: &Value| {
        assert!(r["message"].as_str().is_some_and(|message| !message.is_empty()));
        (r["line"].as_u64().unwrap(), r["field"].clone(), r["code"].as_str().unwrap().to_owned())
    };
    rejected.iter().map(one).collect()
}

#[tokio::test]
async fn a_batch_of_which_nothing_is_taken_is_a_problem() {
    let mut small = members();
    small.config = GatewayConfig { events_max: 3, body_bytes_max: 1_024, ..GatewayConfig::default() };
    let edge = Edge::start(small).await;
    let four: String = (0..4).map(|n| line("a", n) + "\n").collect();
    edge.post("/v1/events", four).await.problem(413, "TOO_MANY_EVENTS");
    edge.post("/v1/events", "x".repeat(1_025)).await.problem(413, "BODY_TOO_LARGE");
    edge.post("/v1/events", "\n\n").await.problem(400, "NO_EVENTS");
    let answer = edge.post("/v1/events", "{}\n[]").await;
    let problem = answer.problem(422, "EVENTS_REJECTED");
    assert_eq!(
        (&problem["retryable"], problem["receipt"]["rejected"].as_array().unwrap().len()),
        (&json!(false), 2)
    );
    let late: Answer = edge.post_with("/v1/events", &[("X-Deadline-Ms", "0")], line("a", 1)).await;
    late.problem(504, "DEADLINE_EXCEEDED");
    assert_eq!(recorded(&edge, "a").await, json!([]), "no line of a refused batch is recorded");
}

#[tokio::test]
async fn events_that_fail_say_whether_they_may_have_been_recorded() {
    let outcome = |key: &str| match key {
        "ok" => Ok(wire::encode(&Recorded { duplicate: false })),
        "twice" => Ok(wire::encode(&Recorded { duplicate: true })),
        "busy" => Err(AskError::busy("mailbox", std::time::Duration::from_millis(40))),
        "lost" => Err(AskError::Unknown("leader gone".into())),
        _ => Err(AskError::Fault("panic".into())),
    };
    let gateway = gateway(scripted(platform(), move |ask| outcome(&ask.to.key)));
    let edge = Edge::start(gateway).await;
    let body = ["ok", "busy", "lost", "broken", "twice"].map(|member| line(member, 1)).join("\n");
    let answer = edge.post("/v1/events", body).await;
    assert_eq!(
        (answer.status, &answer.body["accepted"], &answer.body["duplicates"]),
        (200, &json!(1), &json!(1))
    );
    let failed: Vec<Value> = answer.body["failed"]
        .as_array()
        .unwrap()
        .iter()
        .map(|f| json!([f["line"], f["code"], f["retryable"], f["outcome"]]))
        .collect();
    assert_eq!(
        failed,
        [
            json!([2, "MAILBOX_FULL", true, "not_executed"]),
            json!([3, "UNKNOWN_OUTCOME", true, "unknown"]),
            json!([4, "ENTITY_FAULT", false, "not_executed"]),
        ]
    );
    let answer = edge.post("/v1/events", [line("busy", 1), line("lost", 1)].join("\n")).await;
    let problem = answer.problem(429, "MAILBOX_FULL");
    assert_eq!((&problem["retryable"], &problem["outcome"]), (&json!(true), &json!("unknown")));
    assert_eq!(answer.header("retry-after"), Some("1"));
}
