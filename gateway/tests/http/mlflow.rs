//! MLflow's API, beyond the tests of its real client: models that the cluster serves, and problems.

use serde_json::{Value, json};
use troupe_runtime::AskError;
use troupe_runtime::routing::Solo;

use super::edge::{Answer, Edge, gateway};
use super::toy::scripted;

pub(super) async fn edge() -> Edge {
    Edge::start(gateway(Solo::router(troupe_actors::registry()))).await
}

pub(super) async fn call(edge: &Edge, method: &str, path: &str, body: &Value) -> Answer {
    let method = reqwest::Method::from_bytes(method.as_bytes()).unwrap();
    let request = edge.http.request(method, format!("{}/api/2.0/mlflow{path}", edge.base));
    edge.send(if body.is_null() { request } else { request.json(body) }).await
}

pub(super) async fn publish(edge: &Edge, artifact: &str) {
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
            "RESOURCE_DOES_NOT_EXIST",
        ),
        (
            "/model-versions/transition-stage",
            json!({ "name": "movies", "version": "2", "stage": "None" }),
            "INVALID_PARAMETER_VALUE",
        ),
    ] {
        let answer = call(&edge, "POST", path, &body).await;
        assert_eq!(
            (answer.status, &answer.body["error_code"]),
            (if code == "RESOURCE_DOES_NOT_EXIST" { 404 } else { 400 }, &json!(code)),
            "{path} {}",
            answer.body
        );
    }
}

#[tokio::test]
async fn a_stage_of_old_is_the_champion_of_a_model_that_is_served_and_a_value_of_one_that_is_not() {
    let edge = edge().await;
    publish(&edge, "01").await;
    publish(&edge, "02").await;
    let go = async |name: &str, version: u32, stage: &str, archive: bool| {
        let told = json!({ "name": name, "version": version.to_string(), "stage": stage, "archive_existing_versions": archive });
        let answer = call(&edge, "POST", "/model-versions/transition-stage", &told).await;
        assert_eq!(answer.status, 200, "{}", answer.body);
        answer.body["model_version"]["current_stage"].clone()
    };
    let latest = async |name: &str, stages: Value| {
        let told = json!({ "name": name, "stages": stages });
        let answer = call(&edge, "POST", "/registered-models/get-latest-versions", &told).await;
        let rows = answer.body["model_versions"].as_array().unwrap().clone();
        let said = |row: &Value| {
            format!("{}:{}", row["version"].as_str().unwrap(), row["current_stage"].as_str().unwrap())
        };
        rows.iter().map(said).collect::<Vec<_>>()
    };
    assert_eq!(go("movies", 1, "Production", false).await, "Production");
    assert_eq!(go("movies", 2, "production", false).await, "Production");
    assert_eq!(latest("movies", json!([])).await, ["2:Production", "1:Archived"]);
    call(&edge, "POST", "/registered-models/create", &json!({ "name": "ranker" })).await;
    for _ in 0..3 {
        call(&edge, "POST", "/model-versions/create", &json!({ "name": "ranker", "source": "s3://b/m" }))
            .await;
    }
    for version in [1, 2] {
        assert_eq!(go("ranker", version, "Staging", false).await, "Staging");
    }
    assert_eq!(latest("ranker", json!([])).await, ["3:None", "2:Staging"]);
    assert_eq!(go("ranker", 3, "Staging", true).await, "Staging");
    assert_eq!(latest("ranker", json!(["Staging", "archived"])).await, ["3:Staging", "2:Archived"]);
    let got = call(&edge, "GET", "/registered-models/get?name=ranker", &Value::Null).await;
    let model = &got.body["registered_model"]["latest_versions"];
    assert_eq!((model[0]["version"].as_str(), &model[0]["tags"]), (Some("3"), &json!([])));
}

#[tokio::test]
async fn runs_are_searched_page_by_page_and_sorted_whole() {
    let edge = edge().await;
    let mut experiments = Vec::new();
    for name in ["a", "b"] {
        let made = call(&edge, "POST", "/experiments/create", &json!({ "name": name })).await;
        experiments.push(made.body["experiment_id"].clone());
    }
    for number in 0..150_usize {
        let run = json!({ "experiment_id": experiments[number % 2], "run_name": number.to_string() });
        let made = call(&edge, "POST", "/runs/create", &run).await;
        let even = json!({ "run_id": made.body["run"]["info"]["run_id"], "key": "tenth", "value": (number % 10 == 0).to_string() });
        call(&edge, "POST", "/runs/set-tag", &even).await;
    }
    let pages = async |asked: Value| {
        let (mut names, mut sizes, mut token) = (Vec::new(), Vec::new(), Value::Null);
        loop {
            let mut asked = asked.clone();
            asked["experiment_ids"] = json!(experiments);
            asked["page_token"] = token;
            let found = call(&edge, "POST", "/runs/search", &asked).await;
            let runs = found.body["runs"].as_array().unwrap_or_else(|| panic!("{}", found.body)).clone();
            sizes.push(runs.len());
            names.extend(
                runs.iter().map(|run| run["info"]["run_name"].as_str().unwrap().parse::<u64>().unwrap()),
            );
            token = found.body["next_page_token"].clone();
            if token.is_null() {
                return (names, sizes);
            }
        }
    };
    let sorted = |names: &[u64]| {
        let mut names = names.to_vec();
        names.sort_unstable_by(|a, b| b.cmp(a));
        names
    };
    let all: Vec<u64> = (0..150).rev().collect();
    for limit in [7, 64, 100, 1_000] {
        let (names, sizes) = pages(json!({ "max_results": limit })).await;
        // Two that begin in one millisecond have no order between their experiments; each of one has.
        assert_eq!(sorted(&names), all, "{limit}");
        assert!(sizes.iter().rev().skip(1).all(|size| *size == limit), "{limit}: {sizes:?}");
        for of in [0, 1] {
            let own: Vec<u64> = names.iter().copied().filter(|name| name % 2 == of).collect();
            assert_eq!(own, sorted(&own), "{limit}");
        }
    }
    let (names, _) = pages(json!({ "max_results": 4, "filter": "tags.tenth = 'true'" })).await;
    assert_eq!(names, (0..15).rev().map(|at| at * 10).collect::<Vec<_>>());
    let (names, sizes) = pages(json!({ "max_results": 40, "order_by": ["attributes.start_time ASC"] })).await;
    assert_eq!((sorted(&names), sizes), (all, vec![40, 40, 40, 30]));
    for token in ["7", "nx.y", "n1"] {
        let asked = json!({ "experiment_ids": experiments, "page_token": token });
        let refused = call(&edge, "POST", "/runs/search", &asked).await;
        assert_eq!((refused.status, &refused.body["field"]), (400, &json!("page_token")), "{token}");
    }
}

#[tokio::test]
async fn a_value_of_an_experiment_is_taken_away_and_experiments_are_found_by_a_query() {
    let edge = edge().await;
    let tags = json!([{ "key": "a", "value": "1" }, { "key": "b", "value": "2" }]);
    call(&edge, "POST", "/experiments/create", &json!({ "name": "tagged", "tags": tags })).await;
    for key in ["a", "a", "never"] {
        let told = json!({ "experiment_id": "tagged", "key": key });
        assert_eq!(call(&edge, "POST", "/experiments/delete-experiment-tag", &told).await.status, 200);
    }
    let found = call(&edge, "GET", "/experiments/search?filter=name%20%3D%20'tagged'", &Value::Null).await;
    assert_eq!(found.body["experiments"][0]["tags"], json!([{ "key": "b", "value": "2" }]), "{}", found.body);
}

#[tokio::test]
async fn what_is_kept_nowhere_says_so_in_mlflows_words() {
    let edge = edge().await;
    for (method, path, status, code) in [
        ("POST", "/logged-models", 501, "NOT_IMPLEMENTED"),
        ("POST", "/runs/log-inputs", 501, "NOT_IMPLEMENTED"),
        ("POST", "/registered-models/rename", 501, "NOT_IMPLEMENTED"),
        ("GET", "/nonsense", 404, "ENDPOINT_NOT_FOUND"),
    ] {
        let answer = call(&edge, method, path, &Value::Null).await;
        let said = (answer.status, answer.body["error_code"].as_str());
        assert_eq!(said, (status, Some(code)), "{path}: {}", answer.body);
        assert!(answer.body["message"].as_str().is_some_and(|message| message.len() > 10));
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
