//! The client's guarantees: one key per call, no unprotected retry after an unknown outcome, failover to another endpoint.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::json;
use tokio::net::TcpListener;
use troupe_sdk::{Budget, CallOptions, Client, Error, Event, Executed, Protection, RetryPolicy, Status};

use super::server::{Line, Server};

fn quick(endpoints: &[&str]) -> Client {
    Client::builder()
        .endpoints(endpoints.iter().copied())
        .retries(RetryPolicy {
            retries: 2,
            first_delay: Duration::from_millis(2),
            max_delay: Duration::from_millis(10),
        })
        .build()
        .unwrap()
}

fn ok(body: &serde_json::Value) -> Line {
    Line::Answer(200, "content-type: application/json\r\n", body.to_string())
}

fn problem(status: u16, code: &str, retryable: bool, outcome: &str) -> Line {
    let body =
        json!({"status": status, "code": code, "detail": "d", "retryable": retryable, "outcome": outcome});
    Line::Answer(status, "content-type: application/problem+json\r\n", body.to_string())
}

fn events(count: u64) -> Vec<Event> {
    (0..count).map(|n| Event::new("42", n.to_string(), "rating", 1_000 + n).value(4.0)).collect()
}

#[tokio::test]
async fn every_attempt_of_a_call_carries_the_same_key_and_a_shrinking_deadline() {
    let server = Server::start(vec![
        problem(503, "NOT_LEADER", true, "not_executed"),
        problem(504, "UNKNOWN_OUTCOME", true, "unknown"),
        ok(&json!({"done": true})),
    ])
    .await;
    let client = quick(&[&server.base]);
    let reply = client.ask("members", "{a}/b", "rename", &json!({"to": "x"})).await.unwrap();
    assert_eq!(reply, json!({"done": true}));
    let asked = server.asked();
    assert_eq!(asked.len(), 3);
    assert!(
        asked[0].head.starts_with("POST /v1/actors/members/%7Ba%7D%2Fb/rename HTTP/1.1"),
        "{}",
        asked[0].head
    );
    let keys: Vec<_> =
        asked.iter().map(|asked| asked.header("idempotency-key").unwrap().to_owned()).collect();
    assert!(keys[0].len() == 32 && keys.iter().all(|key| *key == keys[0]), "{keys:?}");
    let deadlines: Vec<u64> =
        asked.iter().map(|asked| asked.header("x-deadline-ms").unwrap().parse().unwrap()).collect();
    assert!(deadlines.iter().all(|ms| (1..=10_000).contains(ms)), "{deadlines:?}");
    assert_eq!(asked[0].body, r#"{"to":"x"}"#);
}

#[tokio::test]
async fn an_unknown_outcome_of_an_unprotected_call_is_returned_and_not_retried() {
    for line in [problem(504, "UNKNOWN_OUTCOME", true, "unknown"), Line::Hang] {
        let server = Server::start(vec![line, ok(&json!(1))]).await;
        let options = CallOptions { protection: Protection::None, ..CallOptions::default() };
        let error =
            quick(&[&server.base]).ask_with("notes", "a", "write", &json!({}), &options).await.unwrap_err();
        assert_eq!((error.code(), error.outcome()), ("UNKNOWN_OUTCOME", Executed::Unknown));
        assert_eq!(server.asked().len(), 1);
        assert_eq!(server.asked()[0].header("idempotency-key"), None);
    }
}

#[tokio::test]
async fn a_doubt_is_not_ended_by_an_attempt_that_failed_later() {
    for (status, code, retryable) in [(503, "NOT_LEADER", true), (409, "POOR", false)] {
        let later = || problem(status, code, retryable, "not_executed");
        let script = vec![problem(504, "UNKNOWN_OUTCOME", true, "unknown"), later(), later()];
        let server = Server::start(script).await;
        let error = quick(&[&server.base]).ask("notes", "a", "write", &json!({})).await.unwrap_err();
        assert_eq!((error.code(), error.outcome()), ("UNKNOWN_OUTCOME", Executed::Unknown));
        assert!(error.to_string().contains(code), "{error}");
    }
}

#[tokio::test]
async fn events_in_doubt_stay_in_doubt_when_they_fail_later() {
    let receipt = json!({"accepted": 0, "duplicates": 0, "rejected": [], "failed": [
        {"line": 1, "code": "NOT_SENT", "message": "m", "retryable": false, "outcome": "not_executed"}]});
    let server = Server::start(vec![Line::Hang, ok(&receipt)]).await;
    let receipt = quick(&[&server.base]).record_events(&events(1)).await.unwrap();
    assert_eq!(receipt.failed[0].outcome, Executed::Unknown);
}

#[tokio::test]
async fn a_refusal_is_returned_at_once_with_its_field() {
    let body = json!({"status": 422, "code": "BAD_TEXT", "detail": "must not be empty", "field": "text",
        "retryable": false, "outcome": "not_executed"});
    let server = Server::start(vec![Line::Answer(422, "", body.to_string())]).await;
    let error = quick(&[&server.base]).ask("notes", "a", "write", &json!({})).await.unwrap_err();
    let Error::Problem(problem) = error else { panic!("{error}") };
    assert_eq!((problem.code.as_str(), problem.field.as_deref()), ("BAD_TEXT", Some("text")));
    assert_eq!(server.asked().len(), 1);
}

#[tokio::test]
async fn another_endpoint_takes_over_from_one_that_is_gone_and_stays_in_use() {
    let gone = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let dead = format!("http://{}", gone.local_addr().unwrap());
    drop(gone);
    let server = Server::start(vec![ok(&json!(1)), ok(&json!(2))]).await;
    let client = Client::builder()
        .endpoints([dead.as_str(), server.base.as_str()])
        .retries(RetryPolicy { retries: 0, ..RetryPolicy::default() })
        .build()
        .unwrap();
    assert_eq!(client.ask("notes", "a", "write", &json!({})).await.unwrap(), json!(1));
    assert_eq!(client.ask("notes", "a", "write", &json!({})).await.unwrap(), json!(2));

    let nobody = quick(&[&dead]);
    let error = nobody.recommendations("42", 10).await.unwrap_err();
    assert_eq!((error.code(), error.outcome()), ("NOT_SENT", Executed::NotExecuted));
}

#[tokio::test]
async fn only_the_events_that_failed_are_sent_again_and_lines_are_those_of_the_call() {
    let first = json!({"accepted": 2, "duplicates": 0,
        "rejected": [{"line": 2, "field": "at", "code": "FAR_FUTURE", "message": "m"}],
        "failed": [
            {"line": 3, "code": "NOT_SENT", "message": "m", "retryable": true, "outcome": "not_executed"},
            {"line": 5, "code": "UNKNOWN_OUTCOME", "message": "m", "retryable": true, "outcome": "unknown"}]});
    let second = json!({"accepted": 0, "duplicates": 1, "rejected": [],
        "failed": [{"line": 1, "code": "ENTITY_FAULT", "message": "m", "retryable": false, "outcome": "not_executed"}]});
    let server = Server::start(vec![ok(&first), ok(&second)]).await;
    let receipt = quick(&[&server.base]).record_events(&events(5)).await.unwrap();
    assert_eq!((receipt.accepted, receipt.duplicates, receipt.acknowledged()), (2, 1, 3));
    assert_eq!(receipt.rejected.iter().map(|r| r.line).collect::<Vec<_>>(), [2]);
    assert_eq!(
        receipt.failed.iter().map(|f| (f.line, f.code.as_str())).collect::<Vec<_>>(),
        [(3, "ENTITY_FAULT")]
    );
    let bodies: Vec<Vec<Event>> = server
        .asked()
        .iter()
        .map(|asked| asked.body.lines().map(|line| serde_json::from_str(line).unwrap()).collect())
        .collect();
    let all = events(5);
    assert_eq!(bodies, [all.clone(), vec![all[2].clone(), all[4].clone()]]);
}

#[tokio::test]
async fn events_are_sent_again_after_a_lost_answer_because_they_are_recorded_once() {
    let recorded = json!({"accepted": 0, "duplicates": 2, "rejected": [], "failed": []});
    let server = Server::start(vec![Line::Hang, ok(&recorded)]).await;
    let receipt = quick(&[&server.base]).record_events(&events(2)).await.unwrap();
    assert_eq!(receipt.acknowledged(), 2);
    assert_eq!(server.asked()[0].body, server.asked()[1].body);
}

#[tokio::test]
async fn a_value_that_json_cannot_say_is_rejected_before_it_is_sent() {
    let server =
        Server::start(vec![ok(&json!({"accepted": 1, "duplicates": 0, "rejected": [], "failed": []}))]).await;
    let mut events = events(2);
    events[0].value = Some(f64::NAN);
    let receipt = quick(&[&server.base]).record_events(&events).await.unwrap();
    assert_eq!(receipt.rejected[0].code, "NOT_FINITE");
    assert_eq!((receipt.rejected[0].line, receipt.accepted), (1, 1));
    assert_eq!(server.asked()[0].body.lines().count(), 1);
}

#[tokio::test]
async fn retries_stop_when_the_budget_is_spent() {
    let busy = || problem(429, "MAILBOX_FULL", true, "not_executed");
    let server = Server::start(vec![busy(), busy(), busy()]).await;
    let client = Client::builder()
        .endpoints([server.base.as_str()])
        .retries(RetryPolicy {
            retries: 9,
            first_delay: Duration::from_millis(1),
            max_delay: Duration::from_millis(1),
        })
        .budget(Budget::new(2.0, 0.0))
        .build()
        .unwrap();
    let error = client.recommendations("42", 10).await.unwrap_err();
    assert!(error.overloaded());
    assert_eq!(server.asked().len(), 3);
}

#[tokio::test]
async fn answers_are_typed() {
    let recommended = json!({"member": "42", "model": "recs", "version": 3, "variation": "challenger",
        "experiment": "e", "items": [{"content": "7", "title": "Seven", "score": 0.5}],
        "timing": {"queue_us": 1, "compute_us": 2, "features_us": 3, "total_us": 9, "batch": 4}});
    let features = json!({"metadata": {"feature_names": ["g:count"]}, "results": [
        {"values": [3, null], "statuses": ["PRESENT", "NOT_FOUND"], "event_timestamps": [5, null]}]});
    let server = Server::start(vec![ok(&recommended), ok(&features)]).await;
    let client = quick(&[&server.base]);
    let answer = client.recommendations("42", 1).await.unwrap();
    assert_eq!((answer.version, answer.variation.as_deref()), (3, Some("challenger")));
    assert_eq!((answer.items[0].title.as_str(), answer.timing.batch), ("Seven", 4));
    let entities = ["42", "43"].map(|member| BTreeMap::from([("member".to_owned(), member.to_owned())]));
    let options = CallOptions { age_max: Some(Duration::from_millis(250)), ..CallOptions::default() };
    let answer = client.lookup_with(&["g:count"], &entities, &options).await.unwrap();
    assert_eq!(answer.column("g:count").unwrap().statuses, [Status::Present, Status::NotFound]);
    assert!(answer.column("g:other").is_none());
    let asked = server.asked();
    assert!(asked[0].head.starts_with("GET /v1/members/42/recommendations?k=1 "));
    assert!(asked[1].head.contains("x-max-age-ms: 250"), "{}", asked[1].head);
    assert_eq!(asked[1].body, r#"{"features":["g:count"],"entities":[{"member":"42"},{"member":"43"}]}"#);
}

#[test]
fn an_endpoint_that_cannot_work_is_refused() {
    for endpoints in [vec![], vec!["https://x"], vec!["http://"], vec!["ftp://x"]] {
        assert!(
            matches!(Client::builder().endpoints(endpoints.clone()).build(), Err(Error::Configuration(_))),
            "{endpoints:?}"
        );
    }
    assert!(Client::builder().endpoints(["127.0.0.1:8101/"]).build().is_ok());
}
