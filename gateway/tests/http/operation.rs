//! Health, limits, the description, and how an edge stops.

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::sync::Notify;
use troupe_gateway::{GatewayConfig, Ready};

use super::edge::{Always, Edge, READY, gateway};
use super::toy::{registry, scripted, solo, stuck};

#[tokio::test]
async fn paths_and_methods_that_do_not_exist_are_problems_too() {
    let edge = Edge::start(gateway(solo())).await;
    edge.get("/v1/nothing").await.problem(404, "NO_SUCH_ROUTE");
    let answer = edge.get("/v1/actors/notes/a/read").await;
    answer.problem(405, "METHOD_NOT_ALLOWED");
    assert_eq!(answer.header("allow"), Some("POST"));
    let index = edge.get("/").await;
    assert_eq!(index.status, 200);
    assert!(index.body.as_str().is_some_and(|text| text.contains("/v1/events")));
}

#[tokio::test]
async fn a_panic_in_a_handler_is_answered_and_ends_nothing_else() {
    let edge = Edge::start(gateway(scripted(registry(), |ask| match ask.to.key.as_str() {
        "bad" => panic!("a bug"),
        _ => Ok(troupe_runtime::wire::encode(&"fine".to_owned())),
    })))
    .await;
    let answer = edge.post("/v1/actors/notes/bad/read", "").await;
    let problem = answer.problem(500, "INTERNAL");
    assert_eq!(problem["outcome"], "unknown");
    assert!(!problem.to_string().contains("a bug"), "what panicked is for the log");
    assert_eq!(edge.post("/v1/actors/notes/good/read", "").await.body, json!("fine"));
}

#[tokio::test]
async fn one_request_too_many_is_shed_while_health_still_answers() {
    let asked = Arc::new(Notify::new());
    let mut gateway = gateway(stuck(asked.clone()));
    gateway.config = GatewayConfig { in_flight_max: 1, drain: Duration::ZERO, ..GatewayConfig::default() };
    let edge = Arc::new(Edge::start(gateway).await);
    let held = {
        let edge = edge.clone();
        tokio::spawn(async move { edge.post("/v1/actors/notes/a/read", "").await })
    };
    tokio::time::timeout(Duration::from_secs(5), asked.notified()).await.unwrap();
    let answer = edge.post("/v1/actors/notes/a/read", "").await;
    let problem = answer.problem(503, "OVERLOADED");
    assert_eq!((&problem["retryable"], &problem["outcome"]), (&json!(true), &json!("not_executed")));
    assert_eq!((answer.header("retry-after"), answer.header("retry-after-ms")), (Some("1"), Some("1000")));
    for path in ["/healthz", "/readyz", "/metrics", "/"] {
        assert_eq!(edge.get(path).await.status, 200, "{path}");
    }
    held.abort();
}

#[tokio::test]
async fn readiness_says_what_is_missing() {
    for (ready, status) in [
        (READY, 200),
        (Ready { shards_led: 7, ..READY }, 503),
        (Ready { shards: 0, shards_led: 0, ..READY }, 503),
        (Ready { draining: true, ..READY }, 503),
        (Ready { features_declared: false, ..READY }, 503),
    ] {
        let mut gateway = gateway(solo());
        gateway.ready = Arc::new(Always(ready.clone()));
        let edge = Edge::start(gateway).await;
        let answer = edge.get("/readyz").await;
        assert_eq!(answer.status, status, "{ready:?}");
        if status == 503 {
            answer.problem(503, "NOT_READY");
            assert!(answer.header("retry-after").is_some());
        } else {
            assert_eq!(serde_json::from_value::<Ready>(answer.body).unwrap(), ready);
        }
    }
}

#[tokio::test]
async fn a_stop_lets_the_request_in_work_end_and_then_closes_the_port() {
    let asked = Arc::new(Notify::new());
    let mut gateway = gateway(stuck(asked.clone()));
    gateway.config.drain = Duration::from_millis(100);
    let mut edge = Edge::start(gateway).await;
    let (http, base) = (edge.http.clone(), edge.base.clone());
    let held = tokio::spawn(async move { http.post(format!("{base}/v1/actors/notes/a/read")).send().await });
    tokio::time::timeout(Duration::from_secs(5), asked.notified()).await.unwrap();
    edge.stop.take().unwrap().send(()).unwrap();
    // A request that never ends is cut off after the time to drain.
    tokio::time::timeout(Duration::from_secs(5), &mut edge.serving).await.unwrap().unwrap().unwrap();
    let refused = tokio::net::TcpStream::connect(edge.base.trim_start_matches("http://")).await;
    assert!(refused.is_err());
    held.abort();
}

#[tokio::test]
async fn the_description_covers_every_route_and_every_reference_in_it_resolves() {
    let edge = Edge::start(gateway(solo())).await;
    let api = edge.get("/openapi.json").await;
    assert_eq!((api.status, api.content_type.as_str()), (200, "application/json"));
    assert!(api.body["openapi"].as_str().is_some_and(|version| version.starts_with("3.1")));
    let described: Vec<(String, String)> = api.body["paths"]
        .as_object()
        .unwrap()
        .iter()
        .flat_map(|(path, item)| {
            item.as_object().unwrap().keys().map(|method| (method.clone(), path.clone())).collect::<Vec<_>>()
        })
        .collect();
    // The list is the contract; it is not read off the router.
    let mut expected = ROUTES.map(|(method, path)| (method.to_owned(), path.to_owned())).to_vec();
    let mut sorted = described.clone();
    expected.sort();
    sorted.sort();
    assert_eq!(sorted, expected);
    let mut ids = std::collections::BTreeSet::new();
    for (method, path) in described {
        let operation = &api.body["paths"][&path][&method];
        assert!(operation["operationId"].as_str().is_some_and(|id| ids.insert(id.to_owned())), "{path}");
        let responses = operation["responses"].as_object().unwrap();
        assert!(
            responses.keys().any(|status| status.starts_with('2'))
                && responses.values().all(|r| r["description"].is_string()),
            "{path}"
        );
        let filled = path
            .replace("{kind}", "ghosts")
            .replace("{key}", "a")
            .replace("{verb}", "b")
            .replace("{id}", "1");
        for name in path.split('{').skip(1).filter_map(|part| part.split_once('}').map(|(name, _)| name)) {
            let parameters = operation["parameters"].as_array().unwrap();
            assert!(parameters.iter().any(|p| p["name"] == name && p["in"] == "path"), "{path} {name}");
        }
        let by = reqwest::Method::from_bytes(method.to_uppercase().as_bytes()).unwrap();
        let answer = edge.send(edge.http.request(by, format!("{}{filled}", edge.base)).body("")).await;
        assert_ne!(answer.body["code"], "NO_SUCH_ROUTE", "{path}");
        assert_ne!(answer.status, 405, "{path}");
    }
    let mut references = Vec::new();
    collect_references(&api.body, &mut references);
    assert!(!references.is_empty());
    for reference in references {
        let pointer = reference.trim_start_matches('#');
        assert!(api.body.pointer(pointer).is_some(), "{reference}");
    }
}

const ROUTES: [(&str, &str); 155] = [
    ("get", "/"),
    ("get", "/openapi.json"),
    ("get", "/healthz"),
    ("get", "/readyz"),
    ("get", "/metrics"),
    ("post", "/v1/events"),
    ("get", "/v1/members/{id}/recommendations"),
    ("post", "/v1/features:lookup"),
    ("post", "/v1/actors/{kind}/{key}/{verb}"),
    ("delete", "/canaryConfig/{id}"),
    ("get", "/api/client/features"),
    ("get", "/api/features/{clientKey}"),
    ("get", "/canary/executions"),
    ("get", "/canary/{id}"),
    ("get", "/canaryConfig"),
    ("get", "/canaryConfig/{id}"),
    ("get", "/judges"),
    ("get", "/metricsServices"),
    ("get", "/standalone_canary_analysis/{id}"),
    ("get", "/sub/{clientKey}"),
    ("post", "/api/client/metrics"),
    ("post", "/api/client/register"),
    ("post", "/api/eval/{clientKey}"),
    ("post", "/canary"),
    ("post", "/canary/{id}"),
    ("post", "/canaryConfig"),
    ("post", "/judges/judge"),
    ("post", "/standalone_canary_analysis"),
    ("post", "/standalone_canary_analysis/{id}"),
    ("put", "/canaryConfig/{id}"),
    ("delete", "/pipelines/{application}/{name}"),
    ("get", "/applications/{application}/pipelineConfigs"),
    ("get", "/applications/{application}/pipelineConfigs/{name}"),
    ("get", "/applications/{application}/pipelines"),
    ("get", "/pipelines"),
    ("get", "/pipelines/{id}"),
    ("patch", "/pipelines/{id}/stages/{stage}"),
    ("post", "/pipelines"),
    ("post", "/pipelines/validate"),
    ("post", "/pipelines/{application}/{name}"),
    ("put", "/pipelines/{id}/cancel"),
    ("put", "/pipelines/{id}/pause"),
    ("put", "/pipelines/{id}/resume"),
    ("put", "/pipelines/{id}/stages/{stage}/restart"),
    ("get", "/metaflow/auth/token"),
    ("get", "/metaflow/flows"),
    ("get", "/metaflow/flows/{flow}"),
    ("get", "/metaflow/flows/{flow}/runs"),
    ("get", "/metaflow/flows/{flow}/runs/{run}"),
    ("get", "/metaflow/flows/{flow}/runs/{run}/artifacts"),
    ("get", "/metaflow/flows/{flow}/runs/{run}/metadata"),
    ("get", "/metaflow/flows/{flow}/runs/{run}/steps"),
    ("get", "/metaflow/flows/{flow}/runs/{run}/steps/{step}"),
    ("get", "/metaflow/flows/{flow}/runs/{run}/steps/{step}/artifacts"),
    ("get", "/metaflow/flows/{flow}/runs/{run}/steps/{step}/filtered_tasks"),
    ("get", "/metaflow/flows/{flow}/runs/{run}/steps/{step}/tasks"),
    ("get", "/metaflow/flows/{flow}/runs/{run}/steps/{step}/tasks/{task}"),
    ("get", "/metaflow/flows/{flow}/runs/{run}/steps/{step}/tasks/{task}/artifacts"),
    ("get", "/metaflow/flows/{flow}/runs/{run}/steps/{step}/tasks/{task}/artifacts/{name}"),
    ("get", "/metaflow/flows/{flow}/runs/{run}/steps/{step}/tasks/{task}/artifacts/{name}/attempt/{attempt}"),
    ("get", "/metaflow/flows/{flow}/runs/{run}/steps/{step}/tasks/{task}/attempt/{attempt}/artifacts"),
    ("get", "/metaflow/flows/{flow}/runs/{run}/steps/{step}/tasks/{task}/metadata"),
    ("get", "/metaflow/healthcheck"),
    ("get", "/metaflow/ping"),
    ("get", "/metaflow/version"),
    ("get", "/v1/lineage/{node}"),
    ("patch", "/metaflow/flows/{flow}/runs/{run}/tag/mutate"),
    ("post", "/metaflow/flows/{flow}"),
    ("post", "/metaflow/flows/{flow}/run"),
    ("post", "/metaflow/flows/{flow}/runs/{run}/heartbeat"),
    ("post", "/metaflow/flows/{flow}/runs/{run}/steps/{step}/step"),
    ("post", "/metaflow/flows/{flow}/runs/{run}/steps/{step}/task"),
    ("post", "/metaflow/flows/{flow}/runs/{run}/steps/{step}/tasks/{task}/artifact"),
    ("post", "/metaflow/flows/{flow}/runs/{run}/steps/{step}/tasks/{task}/heartbeat"),
    ("post", "/metaflow/flows/{flow}/runs/{run}/steps/{step}/tasks/{task}/metadata"),
    ("post", "/v1/lineage"),
    ("delete", "/api/2.0/mlflow/model-versions/delete"),
    ("delete", "/api/2.0/mlflow/model-versions/delete-tag"),
    ("delete", "/api/2.0/mlflow/registered-models/alias"),
    ("delete", "/api/2.0/mlflow/registered-models/delete"),
    ("delete", "/api/2.0/mlflow/registered-models/delete-tag"),
    ("get", "/api/2.0/mlflow/artifacts/list"),
    ("get", "/api/2.0/mlflow/experiments/get"),
    ("get", "/api/2.0/mlflow/experiments/get-by-name"),
    ("get", "/api/2.0/mlflow/experiments/search"),
    ("get", "/api/2.0/mlflow/metrics/get-history"),
    ("get", "/api/2.0/mlflow/model-versions/get"),
    ("get", "/api/2.0/mlflow/model-versions/get-download-uri"),
    ("get", "/api/2.0/mlflow/model-versions/search"),
    ("get", "/api/2.0/mlflow/registered-models/alias"),
    ("get", "/api/2.0/mlflow/registered-models/get"),
    ("get", "/api/2.0/mlflow/registered-models/get-latest-versions"),
    ("get", "/api/2.0/mlflow/registered-models/search"),
    ("get", "/api/2.0/mlflow/runs/get"),
    ("patch", "/api/2.0/mlflow/model-versions/update"),
    ("patch", "/api/2.0/mlflow/registered-models/update"),
    ("post", "/api/2.0/mlflow/experiments/create"),
    ("post", "/api/2.0/mlflow/experiments/delete"),
    ("post", "/api/2.0/mlflow/experiments/delete-experiment-tag"),
    ("post", "/api/2.0/mlflow/experiments/restore"),
    ("post", "/api/2.0/mlflow/experiments/search"),
    ("post", "/api/2.0/mlflow/experiments/set-experiment-tag"),
    ("post", "/api/2.0/mlflow/experiments/update"),
    ("post", "/api/2.0/mlflow/model-versions/create"),
    ("post", "/api/2.0/mlflow/model-versions/set-tag"),
    ("post", "/api/2.0/mlflow/model-versions/transition-stage"),
    ("post", "/api/2.0/mlflow/registered-models/alias"),
    ("post", "/api/2.0/mlflow/registered-models/create"),
    ("post", "/api/2.0/mlflow/registered-models/get-latest-versions"),
    ("post", "/api/2.0/mlflow/registered-models/set-tag"),
    ("post", "/api/2.0/mlflow/runs/create"),
    ("post", "/api/2.0/mlflow/runs/delete"),
    ("post", "/api/2.0/mlflow/runs/delete-tag"),
    ("post", "/api/2.0/mlflow/runs/log-batch"),
    ("post", "/api/2.0/mlflow/runs/log-metric"),
    ("post", "/api/2.0/mlflow/runs/log-parameter"),
    ("post", "/api/2.0/mlflow/runs/restore"),
    ("post", "/api/2.0/mlflow/runs/search"),
    ("post", "/api/2.0/mlflow/runs/set-tag"),
    ("post", "/api/2.0/mlflow/runs/update"),
    ("delete", "/api/v3/tag-permits/{tag}"),
    ("get", "/api/v3/tag-permits/{tag}"),
    ("post", "/api/v3/tag-permits"),
    ("delete", "/api/v3/workflows/{id}"),
    ("delete", "/api/v3/workflows/steps/breakpoints"),
    ("get", "/api/v3/signals/{name}/instances/{seq}"),
    ("get", "/api/v3/workflows"),
    ("get", "/api/v3/workflows/steps/breakpoints"),
    ("get", "/api/v3/workflows/steps/breakpoints/paused-step-attempts"),
    ("get", "/api/v3/workflows/{id}/instances"),
    ("get", "/api/v3/workflows/{id}/instances/{instance}"),
    ("get", "/api/v3/workflows/{id}/instances/{instance}/runs/{run}"),
    ("get", "/api/v3/workflows/{id}/instances/{instance}/runs/{run}/steps"),
    ("get", "/api/v3/workflows/{id}/instances/{instance}/runs/{run}/steps/{step}/attempts/{attempt}"),
    ("get", "/api/v3/workflows/{id}/instances/{instance}/steps"),
    ("get", "/api/v3/workflows/{id}/instances/{instance}/steps/{step}"),
    ("get", "/api/v3/workflows/{id}/instances/{instance}/steps/{step}/iterations"),
    ("get", "/api/v3/workflows/{id}/overview"),
    ("get", "/api/v3/workflows/{id}/timeline"),
    ("get", "/api/v3/workflows/{id}/versions/{version}"),
    ("post", "/api/v3/signals"),
    ("post", "/api/v3/workflows"),
    ("post", "/api/v3/workflows/steps/breakpoints"),
    ("post", "/api/v3/workflows/yaml"),
    ("post", "/api/v3/workflows/{id}/instances/{instance}/actions/restart"),
    ("post", "/api/v3/workflows/{id}/instances/{instance}/steps/{step}/actions/restart"),
    ("post", "/api/v3/workflows/{id}/properties"),
    ("post", "/api/v3/workflows/{id}/versions/{version}/actions/start"),
    ("put", "/api/v3/workflows/actions/validate"),
    ("put", "/api/v3/workflows/actions/validate/yaml"),
    ("put", "/api/v3/workflows/{id}/actions/{action}"),
    ("put", "/api/v3/workflows/{id}/instances/{instance}/actions/{action}"),
    ("put", "/api/v3/workflows/{id}/instances/{instance}/steps/{step}/actions/{action}"),
    ("put", "/api/v3/workflows/{id}/versions/{version}/actions/activate"),
    (
        "put",
        "/api/v3/workflows/steps/breakpoints/{id}/instances/{instance}/runs/{run}/steps/{step}/attempts/{attempt}/actions/resume",
    ),
];

fn collect_references(value: &Value, found: &mut Vec<String>) {
    match value {
        Value::Object(fields) => {
            if let Some(Value::String(reference)) = fields.get("$ref") {
                found.push(reference.clone());
            }
            fields.values().for_each(|value| collect_references(value, found));
        }
        Value::Array(values) => values.iter().for_each(|value| collect_references(value, found)),
        _ => {}
    }
}

/// The description as it is in the repository: what the Python tests validate, and what a reviewer sees change.
#[test]
fn the_description_in_the_repository_is_this_one() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/vectors/openapi.json");
    let described = troupe_gateway::api().to_pretty_json().unwrap() + "\n";
    if std::env::var_os("TROUPE_UPDATE").is_some() {
        std::fs::write(path, &described).unwrap();
    }
    let held = std::fs::read_to_string(path).unwrap_or_default();
    assert!(
        held == described,
        "tests/vectors/openapi.json is stale: run with TROUPE_UPDATE=1 and look at the change"
    );
}
