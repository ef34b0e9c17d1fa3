//! MLflow's door where its real client is not: models that the cluster serves, and how trouble is told.

use serde_json::{Value, json};
use troupe_runtime::AskError;
use troupe_runtime::routing::Solo;

use super::edge::{Answer, Edge, gateway};
use super::toy::scripted;

async fn edge() -> Edge {
    Edge::start(gateway(Solo::router(troupe_actors::registry()))).await
}

async fn call(edge: &Edge, method: &str, path: &str, body: &Value) -> Answer {
    let method = reqwest::Method::from_bytes(method.as_bytes()).unwrap();
    let request = edge.http.request(method, format!("{}/api/2.0/mlflow{path}", edge.base));
    edge.send(if body.is_null() { request } else { request.json(body) }).await
}

async fn publish(edge: &Edge, artifact: &str) {
    let published = json!({ "algorithm": "ease", "artifact": artifact.repeat(32), "vocabulary": "09".repeat(32), "items": 4 });
    let answer = edge.post("/v1/actors/models/movies/publish", published.to_string()).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
}

#[tokio::test]
async fn a_model_that_the_cluster_serves_is_shown_and_promoted_by_its_alias() {
    let edge = edge().await;
    publish(&edge, "01").await;
    publish(&edge, "02").await;
    let champion = json!({ "name": "movies", "alias": "champion", "version": "1" });
    assert_eq!(call(&edge, "POST", "/registered-models/alias", &champion).await.status, 200);
    let got = call(&edge, "GET", "/registered-models/alias?name=movies&alias=champion", &Value::Null).await;
    let version = &got.body["model_version"];
    assert_eq!((&version["version"], &version["current_stage"]), (&json!("1"), &json!("Production")));
    let model = call(&edge, "GET", "/registered-models/get?name=movies", &Value::Null).await;
    let aliases = &model.body["registered_model"]["aliases"];
    assert_eq!(*aliases, json!([{ "alias": "champion", "version": "1" }]));
    let listed =
        call(&edge, "GET", "/model-versions/search?filter=name%20%3D%20'movies'", &Value::Null).await;
    assert_eq!(listed.body["model_versions"].as_array().unwrap().len(), 2);
    for (path, body, code) in [
        ("/registered-models/create", json!({ "name": "movies" }), "RESOURCE_ALREADY_EXISTS"),
        ("/model-versions/create", json!({ "name": "movies", "source": "s" }), "INVALID_PARAMETER_VALUE"),
        (
            "/registered-models/alias",
            json!({ "name": "movies", "alias": "best", "version": "1" }),
            "INVALID_PARAMETER_VALUE",
        ),
        (
            "/registered-models/alias",
            json!({ "name": "movies", "alias": "champion", "version": "9" }),
            "INVALID_PARAMETER_VALUE",
        ),
    ] {
        let answer = call(&edge, "POST", path, &body).await;
        assert_eq!(
            (answer.status, &answer.body["error_code"]),
            (400, &json!(code)),
            "{path} {}",
            answer.body
        );
    }
}

#[tokio::test]
async fn what_is_wrong_is_told_in_mlflows_words_with_the_field() {
    let edge = edge().await;
    let nothing = Value::Null;
    for (method, path, body, status, code, field) in [
        ("GET", "/runs/get?run_id=nonsense", &nothing, 400, "INVALID_PARAMETER_VALUE", "run_id"),
        ("GET", "/runs/get", &nothing, 400, "INVALID_PARAMETER_VALUE", "run_id"),
        ("GET", "/runs/get?run_id=1-F", &nothing, 404, "RESOURCE_DOES_NOT_EXIST", "run_number"),
        (
            "GET",
            "/experiments/get?experiment_id=F",
            &nothing,
            404,
            "RESOURCE_DOES_NOT_EXIST",
            "experiment_id",
        ),
        ("POST", "/experiments/create", &json!({ "name": "" }), 400, "INVALID_PARAMETER_VALUE", "name"),
        ("POST", "/experiments/create", &json!({ "name": "{x}" }), 400, "INVALID_PARAMETER_VALUE", "flow_id"),
        (
            "POST",
            "/runs/search",
            &json!({ "experiment_ids": ["0"], "filter": "a ~ 1" }),
            400,
            "INVALID_PARAMETER_VALUE",
            "filter",
        ),
    ] {
        let answer = call(&edge, method, path, body).await;
        let said = (answer.status, &answer.body["error_code"], &answer.body["field"]);
        assert_eq!(said, (status, &json!(code), &json!(field)), "{path}: {}", answer.body);
    }
    let run = call(&edge, "POST", "/runs/create", &json!({})).await;
    assert_eq!(run.body["run"]["info"]["experiment_id"], "0", "there is always a default experiment");
    let router = scripted(troupe_actors::registry(), |_| Err(AskError::NotLeader { hint: None }));
    let edge = Edge::start(gateway(router)).await;
    let answer = call(&edge, "GET", "/experiments/get?experiment_id=F", &nothing).await;
    assert_eq!((answer.status, &answer.body["error_code"]), (503, &json!("TEMPORARILY_UNAVAILABLE")));
}
