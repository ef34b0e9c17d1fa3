//! Recommendations and feature lookups.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures::future::BoxFuture;
use serde_json::{Value, json};
use troupe_gateway::{Gateway, GatewayConfig, Recommend};
use troupe_inference::{Ask, Recommended, ServeError, Timing};
use troupe_runtime::routing::Solo;

use super::edge::{Edge, gateway};
use super::toy::platform;

/// Recommends contents 1, 2, ... and keeps what it was asked.
#[derive(Default)]
struct Counting(Mutex<Vec<Asked>>);

/// Version, history and k.
type Asked = (Option<u32>, Vec<String>, usize);

impl Recommend for Counting {
    fn recommend<'a>(&'a self, ask: Ask<'a>) -> BoxFuture<'a, Result<Recommended, ServeError>> {
        assert!(ask.exclude_history && ask.deadline.is_some());
        self.0.lock().unwrap().push((ask.version, ask.history.to_vec(), ask.k));
        let recommended = Recommended {
            items: (1..=ask.k).map(|n| (n.to_string(), 1.0 / n as f32)).collect(),
            model: ask.model.to_owned(),
            version: ask.version.unwrap_or(9),
            algorithm: "counting".into(),
            timing: Timing { queue_us: 3, compute_us: 4, batch: 2, ahead: 0 },
        };
        Box::pin(std::future::ready(Ok(recommended)))
    }
}

fn members() -> Gateway {
    gateway(Solo::router(platform()))
}

async fn told(edge: &Edge, path: &str, body: Value) {
    let answer = edge.post(path, body.to_string()).await;
    assert_eq!(answer.status, 200, "{path}: {}", answer.body);
}

/// Asks until the answer is there; gives up after five seconds.
async fn until(edge: &Edge, path: &str, found: impl Fn(&Value) -> bool) -> Value {
    let asking = async {
        loop {
            let answer = edge.post(path, "").await.body;
            if found(&answer) {
                return answer;
            }
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(5), asking).await.expect("in time")
}

/// An experiment that gives all members variation `b`: version 3 of the model `liked`.
async fn experiment(edge: &Edge, name: &str) {
    let at = format!("/v1/actors/experiments/{name}");
    let variations = json!([{ "name": "a" }, { "name": "b", "version": 3 }]);
    let spec = json!({ "model": "liked", "variations": variations, "weights": [0.0, 1.0] });
    told(edge, &format!("{at}/define"), json!({ "spec": spec })).await;
    told(edge, &format!("{at}/start"), json!({})).await;
}

#[tokio::test]
async fn a_recommendation_names_its_experiment_and_titles_and_is_remembered() {
    let recommender = Arc::new(Counting::default());
    let mut gateway = members();
    gateway.recommender = recommender.clone();
    let edge = Edge::start(gateway).await;
    experiment(&edge, "first").await;
    told(&edge, "/v1/actors/content/%7Bc:1%7D/describe", json!({ "title": "The First" })).await;
    edge.post("/v1/events", r#"{"member":"abc","content":"55","type":"rating","at":1}"#).await;
    let answer = edge.get("/v1/members/abc/recommendations?k=2").await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    let mut body = answer.body;
    let timing = body["timing"].take();
    assert_eq!(
        body,
        json!({"member": "abc", "model": "liked", "version": 3, "algorithm": "counting", "variation": "b",
            "experiment": "first", "role": "experiment", "timing": null,
            "items": [{"content": "1", "title": "The First", "score": 1.0}, {"content": "2", "title": "", "score": 0.5}]})
    );
    assert_eq!(
        (&timing["queue_us"], &timing["compute_us"], &timing["batch"]),
        (&json!(3), &json!(4), &json!(2))
    );
    assert!(timing["total_us"].as_u64() >= timing["features_us"].as_u64());
    let shown = until(&edge, "/v1/actors/members/abc/get-predictions", |answer| !answer.is_null()).await;
    assert_eq!(
        (&shown["model"], &shown["version"], &shown["items"]),
        (&json!("liked"), &json!(3), &json!(["1", "2"]))
    );
    let profile = edge.post("/v1/actors/members/abc/get-profile", "").await.body;
    assert_eq!(profile["exposures"], json!([["first", "b"]]));
    // A member without a history is recommended to as well; k is 10 by default.
    assert_eq!(edge.get("/v1/members/new/recommendations").await.body["items"].as_array().unwrap().len(), 10);
    let asked = recommender.0.lock().unwrap().clone();
    assert_eq!(asked, [(Some(3), vec!["55".to_owned()], 2), (Some(3), vec![], 10)]);
}

#[tokio::test]
async fn the_experiment_that_is_named_answers_rather_than_the_first_that_runs() {
    let mut gateway = members();
    gateway.recommender = Arc::new(Counting::default());
    let edge = Edge::start(gateway).await;
    experiment(&edge, "first").await;
    experiment(&edge, "second").await;
    for (query, expected) in [("", "first"), ("?experiment=second", "second")] {
        let answer = edge.get(&format!("/v1/members/abc/recommendations{query}")).await;
        assert_eq!((answer.status, &answer.body["experiment"]), (200, &json!(expected)), "{}", answer.body);
    }
}

#[tokio::test]
async fn what_cannot_be_recommended_is_a_problem() {
    let edge = Edge::start(members()).await;
    for k in ["0", "101", "-1", "ten", ""] {
        let answer = edge.get(&format!("/v1/members/a/recommendations?k={k}")).await;
        assert_eq!(answer.problem(400, "BAD_PARAMETER")["field"], "k", "{k:?}");
    }
    edge.get("/v1/members/a%0Ab/recommendations").await.problem(400, "BAD_KEY");
    edge.get("/v1/members/a/recommendations?experiment=none").await.problem(404, "UNKNOWN_EXPERIMENT");
    let answer = edge.get("/v1/members/a/recommendations").await;
    assert_eq!(answer.problem(503, "NO_MODEL")["retryable"], true);
    assert!(answer.header("retry-after").is_some());
}

/// Groups `heard` of members and `played` of contents, each with the features `count` and `last`.
async fn groups(edge: &Edge) {
    for (name, entity) in [("heard", "member"), ("played", "content")] {
        let features = json!([{ "name": "count", "op": "count" }, { "name": "last", "op": "last" }]);
        let group = json!({ "name": name, "entity": entity, "features": features, "anchor": "last_event" });
        told(edge, "/v1/actors/catalog/features/declare", json!({ "group": group })).await;
    }
}

#[tokio::test]
async fn features_come_by_column_in_the_order_asked() {
    let edge = Edge::start(members()).await;
    groups(&edge).await;
    edge.post("/v1/events", r#"{"member":"a","content":"55","type":"rating","value":4,"at":7}"#).await;
    edge.post("/v1/events", r#"{"member":"c","content":"55","type":"play","at":8}"#).await;
    let body = json!({"features": ["heard:last", "played:count", "heard:count"],
        "entities": [{"member": "a", "content": "x"}, {"member": "b", "content": "55"}, {"member": "c", "content": "55"}]});
    let answer = edge.post("/v1/features:lookup", body.to_string()).await;
    assert_eq!(
        answer.body,
        json!({"metadata": {"feature_names": ["heard:last", "played:count", "heard:count"]}, "results": [
            {"values": [4.0, null, null], "statuses": ["PRESENT", "NOT_FOUND", "NULL_VALUE"], "event_timestamps": [7, null, 8]},
            {"values": [null, 2.0, 2.0], "statuses": ["NOT_FOUND", "PRESENT", "PRESENT"], "event_timestamps": [null, 8, 8]},
            {"values": [1.0, null, 1.0], "statuses": ["PRESENT", "NOT_FOUND", "PRESENT"], "event_timestamps": [7, null, 8]},
        ]})
    );
}

#[tokio::test]
async fn a_lookup_that_cannot_be_answered_names_what_is_wrong() {
    let mut gateway = members();
    gateway.config =
        GatewayConfig { lookup_entities_max: 2, lookup_features_max: 3, ..GatewayConfig::default() };
    let edge = Edge::start(gateway).await;
    groups(&edge).await;
    let entity = json!({"member": "a"});
    for (features, entities, status, code, field) in [
        (json!([]), json!([entity]), 400, "BAD_LOOKUP", "features"),
        (json!(["heard:count"]), json!([]), 400, "BAD_LOOKUP", "entities"),
        (json!(["heard:count"]), json!([entity, entity, entity]), 400, "BAD_LOOKUP", "entities"),
        (json!(["a:b", "a:b", "a:b", "a:b"]), json!([entity]), 400, "BAD_LOOKUP", "features"),
        (json!(["count"]), json!([entity]), 400, "BAD_LOOKUP", "features[0]"),
        (json!(["heard:count", "seen:count"]), json!([entity]), 404, "UNKNOWN_GROUP", "features[1]"),
        (json!(["heard:sum"]), json!([entity]), 404, "UNKNOWN_FEATURE", "features[0]"),
        (json!(["played:count"]), json!([entity]), 400, "BAD_LOOKUP", "entities[0].content"),
        (json!(["heard:count"]), json!([entity, {"member": "{x}"}]), 400, "BAD_LOOKUP", "entities[1].member"),
        (json!("heard:count"), json!([entity]), 400, "BAD_BODY", "features"),
    ] {
        let body = json!({"features": features, "entities": entities}).to_string();
        let answer = edge.post("/v1/features:lookup", body.clone()).await;
        assert_eq!(answer.problem(status, code)["field"], field, "{body}");
    }
}
