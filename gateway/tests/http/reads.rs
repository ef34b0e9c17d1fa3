//! Recommendations and feature lookups.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures::future::BoxFuture;
use serde_json::{Value, json};
use troupe_gateway::{Gateway, GatewayConfig, Recommend};
use troupe_inference::{Ask, Recommended, ServeError, Timing};
use troupe_runtime::routing::Solo;

use super::domain::registry;
use super::edge::{Edge, gateway};

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

fn ears() -> Gateway {
    gateway(Solo::router(registry()))
}

/// Asks until the answer is as expected; gives up after five seconds.
async fn until(edge: &Edge, path: &str, expected: Value) {
    let asking = async {
        while edge.post(path, "").await.body != expected {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(5), asking).await.expect("in time");
}

#[tokio::test]
async fn a_recommendation_names_its_experiment_and_titles_and_is_remembered() {
    let recommender = Arc::new(Counting::default());
    let mut gateway = ears();
    gateway.recommender = recommender.clone();
    let edge = Edge::start(gateway).await;
    edge.post("/v1/actors/listeners/title%201/hear", r#"{"id":"t","content":"The First"}"#).await;
    edge.post("/v1/events", r#"{"member":"abc","content":"55","type":"rating","at":1}"#).await;
    let answer = edge.get("/v1/members/abc/recommendations?k=2").await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    let mut body = answer.body;
    let timing = body["timing"].take();
    assert_eq!(
        body,
        json!({"member": "abc", "model": "ears", "version": 3, "algorithm": "counting", "variation": "b",
            "experiment": "first", "role": "experiment", "timing": null,
            "items": [{"content": "1", "title": "The First", "score": 1.0}, {"content": "2", "title": "", "score": 0.5}]})
    );
    assert_eq!(
        (&timing["queue_us"], &timing["compute_us"], &timing["batch"]),
        (&json!(3), &json!(4), &json!(2))
    );
    assert!(timing["total_us"].as_u64() >= timing["features_us"].as_u64());
    until(&edge, "/v1/actors/listeners/abc/tell", json!(["55", "shown 2"])).await;
    // A member nobody has heard of is asked about with an empty history, and ten is the default.
    assert_eq!(edge.get("/v1/members/new/recommendations").await.body["items"].as_array().unwrap().len(), 10);
    let asked = recommender.0.lock().unwrap().clone();
    assert_eq!(asked, [(Some(3), vec!["55".to_owned()], 2), (Some(3), vec![], 10)]);
}

#[tokio::test]
async fn what_cannot_be_recommended_is_a_problem() {
    let edge = Edge::start(ears()).await;
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

#[tokio::test]
async fn features_come_by_column_in_the_order_asked() {
    let edge = Edge::start(ears()).await;
    edge.post("/v1/events", r#"{"member":"a","content":"55","type":"rating","at":1}"#).await;
    let body = json!({"features": ["heard:count", "played:count", "heard:last"],
        "entities": [{"member": "a", "content": "x"}, {"member": "b", "content": "a"}]});
    let answer = edge.post("/v1/features:lookup", body.to_string()).await;
    // The toy answers both features of a group in their declared order, whatever was asked.
    assert_eq!(
        answer.body,
        json!({"metadata": {"feature_names": ["heard:count", "played:count", "heard:last"]}, "results": [
            {"values": [1, 0], "statuses": ["PRESENT", "PRESENT"], "event_timestamps": [7, 7]},
            {"values": [0, 1], "statuses": ["PRESENT", "PRESENT"], "event_timestamps": [7, 7]},
            {"values": ["55", null], "statuses": ["PRESENT", "NOT_FOUND"], "event_timestamps": [7, null]},
        ]})
    );
}

#[tokio::test]
async fn a_lookup_that_cannot_be_answered_names_what_is_wrong() {
    let mut gateway = ears();
    gateway.config =
        GatewayConfig { lookup_entities_max: 2, lookup_features_max: 3, ..GatewayConfig::default() };
    let edge = Edge::start(gateway).await;
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
