//! Lineage: edges added and walked.

use serde_json::{Value, json};
use troupe_runtime::routing::Solo;

use super::edge::{Edge, gateway};

async fn edge() -> Edge {
    Edge::start(gateway(Solo::router(troupe_actors::registry()))).await
}

async fn tell(edge: &Edge, from: &str, to: &str, how: &str) {
    let body = json!({ "from": from, "to": to, "how": how }).to_string();
    let answer = edge.post("/v1/lineage", body).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
}

async fn walk(edge: &Edge, node: &str, depth: u32) -> Value {
    let node = node.replace('/', "%2F");
    edge.get(&format!("/v1/lineage/{node}?depth={depth}")).await.body
}

fn distances(answer: &Value) -> Vec<(String, i64)> {
    let nodes = answer["nodes"].as_array().unwrap().iter();
    nodes
        .map(|node| (node["node"].as_str().unwrap().to_owned(), node["distance"].as_i64().unwrap()))
        .collect()
}

#[tokio::test]
async fn a_walk_goes_both_ways_and_not_around() {
    let edge = edge().await;
    for (from, to, how) in [
        ("dataset:d", "run:F/1", "read"),
        ("dataset:d", "run:F/2", "read"),
        ("run:F/1", "model:m@1", "trained"),
        ("model:m@1", "deployment:p:4", "deployed"),
        ("run:F/1", "model:m@1", "trained"),
    ] {
        tell(&edge, from, to, how).await;
    }
    let answer = walk(&edge, "model:m@1", 4).await;
    let expected = [("dataset:d", -2), ("deployment:p:4", 1), ("model:m@1", 0), ("run:F/1", -1)];
    assert_eq!(distances(&answer), expected.map(|(node, distance)| (node.to_owned(), distance)));
    assert_eq!(answer["edges"].as_array().unwrap().len(), 3);
    assert_eq!((&answer["truncated"], &answer["dropped"]), (&json!(false), &json!(0)));
    assert_eq!(distances(&walk(&edge, "model:m@1", 1).await).len(), 3);
}

#[tokio::test]
async fn a_run_leads_to_the_artifacts_of_its_tasks_and_back() {
    let edge = edge().await;
    for (path, body) in [
        ("/metaflow/flows/F", json!({})),
        ("/metaflow/flows/F/run", json!({})),
        ("/metaflow/flows/F/runs/1/steps/train/step", json!({})),
        ("/metaflow/flows/F/runs/1/steps/train/task", json!({})),
        (
            "/metaflow/flows/F/runs/1/steps/train/tasks/1/artifact",
            json!([{ "name": "model" }, { "name": "_own" }]),
        ),
        (
            "/metaflow/flows/F/runs/1/steps/train/tasks/1/metadata",
            json!([{ "field_name": "model", "type": "troupe-model", "value": "movies@3" }]),
        ),
    ] {
        assert_eq!(edge.post(path, body.to_string()).await.status, 200, "{path}");
    }
    let artifact = "artifact:F/1/train/1/model";
    let down = distances(&walk(&edge, "run:F/1", 4).await);
    let expected = [(artifact, 1), ("model:movies@3", 1), ("run:F/1", 0)];
    assert_eq!(down, expected.map(|(node, distance)| (node.to_owned(), distance)));
    let up = distances(&walk(&edge, "model:movies@3", 4).await);
    let expected = [(artifact, -1), ("model:movies@3", 0), ("run:F/1", -1)];
    assert_eq!(up, expected.map(|(node, distance)| (node.to_owned(), distance)));
    assert_eq!(distances(&walk(&edge, artifact, 1).await).len(), 3);
}

#[tokio::test]
async fn a_walk_is_bounded_and_what_is_no_node_is_refused() {
    let edge = edge().await;
    for i in 0..200 {
        tell(&edge, "dataset:d", &format!("run:F/{i}"), "read").await;
        tell(&edge, &format!("run:F/{i}"), &format!("model:m@{i}"), "trained").await;
    }
    let answer = walk(&edge, "dataset:d", 4).await;
    assert_eq!((distances(&answer).len(), &answer["truncated"]), (256, &json!(true)));
    for (path, field) in [
        ("/v1/lineage/nothing", "node"),
        ("/v1/lineage/model:m@1?depth=0", "depth"),
        ("/v1/lineage/model:m@1?depth=17", "depth"),
    ] {
        let answer = edge.get(path).await;
        assert_eq!((answer.status, &answer.body["field"]), (422, &json!(field)), "{path}");
    }
    let answer = edge.post("/v1/lineage", json!({ "from": "x", "to": "model:m@1" }).to_string()).await;
    assert_eq!((answer.status, &answer.body["field"]), (422, &json!("from")));
}
