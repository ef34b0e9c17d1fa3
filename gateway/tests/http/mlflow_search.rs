//! MLflow's searches, names and states: inputs of public reports about MLflow, with the answers of its newest version.

use serde_json::{Value, json};

use super::edge::Edge;
use super::mlflow::{call, edge, publish};

/// Begins a run; its id.
async fn run(edge: &Edge, experiment: &Value, name: &str) -> Value {
    let begun = json!({ "experiment_id": experiment, "run_name": name });
    let answer = call(edge, "POST", "/runs/create", &begun).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    answer.body["run"]["info"]["run_id"].clone()
}

async fn experiment(edge: &Edge, name: &str) -> Value {
    let made = call(edge, "POST", "/experiments/create", &json!({ "name": name })).await;
    made.body["experiment_id"].clone()
}

async fn ok(edge: &Edge, path: &str, body: Value) -> Value {
    let answer = call(edge, "POST", path, &body).await;
    assert_eq!(answer.status, 200, "{path}: {}", answer.body);
    answer.body
}

/// Asserts that a request is refused with status 400 and this code.
async fn refused(edge: &Edge, path: &str, body: &Value, field: &str) {
    let answer = call(edge, "POST", path, body).await;
    let said = (answer.status, &answer.body["error_code"], &answer.body["field"]);
    assert_eq!(
        said,
        (400, &json!("INVALID_PARAMETER_VALUE"), &json!(field)),
        "{path} {body}: {}",
        answer.body
    );
    assert!(answer.body["message"].as_str().is_some_and(|message| message.len() > 20), "{}", answer.body);
}

/// The names of the runs that a search finds, or its code.
async fn names(edge: &Edge, experiment: &Value, filter: &str, order: &[&str]) -> Result<Vec<String>, String> {
    let search = json!({ "experiment_ids": [experiment], "filter": filter, "order_by": order });
    let answer = call(edge, "POST", "/runs/search", &search).await;
    if answer.status != 200 {
        return Err(answer.body["error_code"].as_str().unwrap_or_default().to_owned());
    }
    let rows = answer.body["runs"].as_array().unwrap().clone();
    Ok(rows.iter().map(|run| run["info"]["run_name"].as_str().unwrap().to_owned()).collect())
}

#[tokio::test]
async fn nan_is_behind_all_numbers_and_meets_no_comparison() {
    let edge = edge().await;
    let id = experiment(&edge, "nan").await;
    for (name, value) in [
        ("low", Some(json!(0.31))),
        ("nan", Some(json!("NaN"))),
        ("infinite", Some(json!("Infinity"))),
        ("none", None),
        ("high", Some(json!(0.55))),
        ("minus", Some(json!("-Infinity"))),
    ] {
        let run = run(&edge, &id, name).await;
        if let Some(value) = value {
            ok(&edge, "/runs/log-metric", json!({ "run_id": run, "key": "loss", "value": value })).await;
        }
    }
    for (order, expected) in [
        ("metrics.loss ASC", ["minus", "low", "high", "infinite", "nan", "none"]),
        ("metrics.loss", ["minus", "low", "high", "infinite", "nan", "none"]),
        ("metrics.loss DESC", ["infinite", "high", "low", "minus", "nan", "none"]),
    ] {
        assert_eq!(names(&edge, &id, "", &[order]).await.unwrap(), expected, "{order}");
    }
    for (filter, expected) in [
        ("metrics.loss >= 0.5", vec!["high", "infinite"]),
        ("metrics.loss > 0.55", vec!["infinite"]),
        ("metrics.loss < 0.5", vec!["minus", "low"]),
        ("metrics.loss <= 1e308", vec!["minus", "low", "high"]),
        ("metrics.loss = 0.31", vec!["low"]),
        ("metrics.loss != 0.31", vec!["minus", "high", "infinite", "nan"]),
    ] {
        assert_eq!(names(&edge, &id, filter, &["metrics.loss ASC"]).await.unwrap(), expected, "{filter}");
    }
}

#[tokio::test]
async fn filters_and_orders_of_runs_that_mlflow_refuses_are_refused() {
    let edge = edge().await;
    let id = experiment(&edge, "refused").await;
    run(&edge, &id, "a").await;
    for order in
        ["metrics.accuracy DECS", "m.accuracy DESC", "attribute.bogus DESC", "bogus", "metrics.a b c", ""]
    {
        let search = json!({ "experiment_ids": [id], "order_by": ["metrics.ok", order] });
        refused(&edge, "/runs/search", &search, "order_by").await;
    }
    for filter in [
        "m.x > 1",
        "params.cat-dog = '1'",
        "params.n > '9'",
        "metrics.a = '1'",
        "attribute.bogus = 'x'",
        "status IN ('a')",
        "metrics.a > 1 OR metrics.a < 0",
        "name = 'a'",
    ] {
        let search = json!({ "experiment_ids": [id], "filter": filter });
        refused(&edge, "/runs/search", &search, "filter").await;
    }
}

#[tokio::test]
async fn runs_are_found_by_their_name_in_each_spelling_and_by_what_is_absent() {
    let edge = edge().await;
    let id = experiment(&edge, "spelled").await;
    for name in ["a", "b"] {
        let run = run(&edge, &id, name).await;
        let param = json!({ "run_id": run, "key": "cat-dog", "value": name });
        ok(&edge, "/runs/log-parameter", param).await;
        if name == "b" {
            ok(&edge, "/runs/set-tag", json!({ "run_id": run, "key": "only.b", "value": "" })).await;
        }
    }
    for (filter, expected) in [
        ("attribute.`run name` = 'a'", vec!["a"]),
        ("attributes.`Run name` = 'a'", vec!["a"]),
        ("`Run Name` = 'a'", vec!["a"]),
        ("run_name = 'a'", vec!["a"]),
        ("tags.mlflow.runName LIKE 'A'", vec![]),
        ("tags.`mlflow.runName` ILIKE 'A'", vec!["a"]),
        ("params.`cat-dog` = 'b'", vec!["b"]),
        ("params.\"cat-dog\" != 'b'", vec!["a"]),
        ("tags.only.b IS NULL", vec!["a"]),
        ("tags.only.b IS NOT NULL", vec!["b"]),
        ("created > 5 AND attributes.Created < 99999999999999", vec!["b", "a"]),
        ("dataset.name = 'a'", vec![]),
    ] {
        assert_eq!(names(&edge, &id, filter, &[]).await.unwrap(), expected, "{filter}");
    }
    assert_eq!(names(&edge, &id, "", &["attributes.run_name ASC"]).await.unwrap(), ["a", "b"]);
    assert_eq!(names(&edge, &id, "", &["params.`cat-dog` DESC", "start_time"]).await.unwrap(), ["b", "a"]);
}

/// What a search of the registry or of experiments finds under a field, or its code.
async fn found(
    edge: &Edge,
    path: &str,
    filter: &str,
    order: &[&str],
    field: &str,
) -> Result<Vec<String>, String> {
    let mut query = vec![("filter", filter)];
    query.extend(order.iter().map(|order| ("order_by", *order)));
    let request = edge.http.get(format!("{}/api/2.0/mlflow/{path}/search", edge.base)).query(&query);
    let answer = edge.send(request).await;
    if answer.status != 200 {
        return Err(answer.body["error_code"].as_str().unwrap_or_default().to_owned());
    }
    let rows = answer.body[path.replace('-', "_").as_str()].as_array().unwrap().clone();
    Ok(rows.iter().map(|row| row[field].as_str().unwrap().to_owned()).collect())
}

const REFUSED: &str = "INVALID_PARAMETER_VALUE";

#[tokio::test]
async fn versions_are_sorted_and_filtered_by_the_names_that_mlflow_has() {
    let edge = edge().await;
    ok(&edge, "/registered-models/create", json!({ "name": "ranker" })).await;
    for number in 1..=11 {
        let version = json!({ "name": "ranker", "source": format!("s3://x/{number}"), "run_id": format!("r{number}"),
            "tags": [{ "key": "n", "value": number.to_string() }] });
        ok(&edge, "/model-versions/create", version).await;
    }
    let found =
        async |filter: &str, order: &[&str]| found(&edge, "model-versions", filter, order, "version").await;
    let all: Vec<String> = (1..=11).map(|number: u32| number.to_string()).collect();
    let falling: Vec<String> = all.iter().rev().cloned().collect();
    assert_eq!(found("", &["version_number ASC"]).await.unwrap(), all);
    assert_eq!(found("", &["version_number DESC"]).await.unwrap(), falling);
    assert_eq!(found("", &["attribute.name ASC", "version_number"]).await.unwrap(), all);
    let by_time = found("", &["creation_timestamp ASC"]).await.unwrap();
    let rows =
        call(&edge, "GET", "/model-versions/search?order_by=creation_timestamp%20ASC", &Value::Null).await;
    let times: Vec<u64> = rows.body["model_versions"]
        .as_array()
        .unwrap()
        .iter()
        .map(|row| row["creation_timestamp"].as_u64().unwrap())
        .collect();
    assert!(times.is_sorted() && by_time.len() == 11, "{times:?}");
    assert_eq!(found("", &[]).await.unwrap().len(), 11);
    for (filter, expected) in [
        ("version_number > 9", vec!["10", "11"]),
        ("version_number <= 2", vec!["1", "2"]),
        ("version_number = '3'", vec!["3"]),
        ("source_path = 's3://x/3'", vec!["3"]),
        ("source_path LIKE 's3://x/1%' AND version_number != 1", vec!["10", "11"]),
        ("name = 'ranker' AND run_id IN ('r4', 'r5')", vec!["4", "5"]),
        ("tags.n = '7'", vec!["7"]),
        ("name = 'other'", vec![]),
    ] {
        assert_eq!(found(filter, &["version_number ASC"]).await.unwrap(), expected, "{filter}");
    }
    for (filter, order) in [
        ("bogus = 'x'", "name"),
        ("version > 9", "name"),
        ("version_number > 9.5", "name"),
        ("tags.n > '1'", "name"),
        ("", "bogus ASC"),
        ("", "version_number DECS"),
        ("", "tags.n"),
        ("", "source_path"),
    ] {
        assert_eq!(found(filter, &[order]).await.unwrap_err(), REFUSED, "{filter} {order}");
    }
}

#[tokio::test]
async fn models_and_experiments_are_sorted_and_filtered_by_the_names_that_mlflow_has() {
    let edge = edge().await;
    for name in ["b", "c", "a"] {
        ok(&edge, "/registered-models/create", json!({ "name": name })).await;
        experiment(&edge, name).await;
    }
    publish(&edge, "01").await;
    let models =
        async |filter: &str, order: &[&str]| found(&edge, "registered-models", filter, order, "name").await;
    assert_eq!(models("", &[]).await.unwrap(), ["a", "b", "c", "movies"]);
    assert_eq!(models("", &["name DESC"]).await.unwrap(), ["movies", "c", "b", "a"]);
    assert_eq!(models("name IN ('c', 'a')", &["timestamp ASC", "name DESC"]).await.unwrap().len(), 2);
    assert_eq!(
        models("name != 'b' AND tags.`mlflow.prompt.is_prompt` != 'true'", &[]).await.unwrap(),
        ["a", "c", "movies"]
    );
    for (filter, order) in [
        ("bogus = 'x'", "name"),
        ("version_number > 1", "name"),
        ("", "bogus"),
        ("", "version_number"),
        ("", "name DECS"),
    ] {
        assert_eq!(models(filter, &[order]).await.unwrap_err(), REFUSED, "{filter} {order}");
    }
    let experiments =
        async |filter: &str, order: &[&str]| found(&edge, "experiments", filter, order, "name").await;
    assert_eq!(experiments("name LIKE '_'", &["name ASC"]).await.unwrap(), ["a", "b", "c"]);
    assert_eq!(experiments("name != 'b'", &["creation_time ASC", "name"]).await.unwrap().len(), 2);
    assert_eq!(experiments("experiment_id IN ('a') AND creation_time > 5", &[]).await.unwrap(), ["a"]);
    assert_eq!(experiments("tags.x IS NULL", &["experiment_id DESC"]).await.unwrap(), ["c", "b", "a"]);
    for (filter, order) in [
        ("bogus = 'x'", "name"),
        ("attributes.name = 'a'", "name"),
        ("name > 'a'", "name"),
        ("", "bogus"),
        ("", "tags.x"),
        ("creation_time > '5'", "name"),
    ] {
        assert_eq!(experiments(filter, &[order]).await.unwrap_err(), REFUSED, "{filter} {order}");
        let body = json!({ "filter": filter, "order_by": [order] });
        let field = if filter.is_empty() { "order_by" } else { "filter" };
        refused(&edge, "/experiments/search", &body, field).await;
    }
}

#[tokio::test]
async fn a_model_and_an_alias_that_no_client_can_name_are_refused() {
    let edge = edge().await;
    for name in ["a/b", "a:b", ".", "..", " ", "", "..a"] {
        refused(&edge, "/registered-models/create", &json!({ "name": name }), "name").await;
    }
    ok(&edge, "/registered-models/create", json!({ "name": "m" })).await;
    for source in ["s3://1", "s3://2"] {
        ok(&edge, "/model-versions/create", json!({ "name": "m", "source": source })).await;
    }
    for alias in ["latest", "LATEST", "v3", "V1", "a b", ""] {
        let set = json!({ "name": "m", "alias": alias, "version": "1" });
        refused(&edge, "/registered-models/alias", &set, "alias").await;
    }
    ok(&edge, "/registered-models/alias", json!({ "name": "m", "alias": "v3-a", "version": "1" })).await;
    for (alias, version) in [("latest", "2"), ("Latest", "2"), ("v3-a", "1")] {
        let path = format!("/registered-models/alias?name=m&alias={alias}");
        let got = call(&edge, "GET", &path, &Value::Null).await;
        assert_eq!(got.body["model_version"]["version"], version, "{alias}: {}", got.body);
    }
    publish(&edge, "01").await;
    let served = call(&edge, "GET", "/registered-models/alias?name=movies&alias=latest", &Value::Null).await;
    assert_eq!(served.body["model_version"]["version"], "1", "{}", served.body);
}

#[tokio::test]
async fn a_batch_of_a_thousand_metrics_is_taken_and_a_run_takes_more_than_one() {
    let edge = edge().await;
    let id = experiment(&edge, "many").await;
    let run = run(&edge, &id, "many").await;
    let batch = |from: usize, count: usize| {
        let metric = |number: usize| json!({ "key": format!("m{number}"), "value": number, "timestamp": 1, "step": 0 });
        json!({ "run_id": run, "metrics": (from..from + count).map(metric).collect::<Vec<_>>() })
    };
    ok(&edge, "/runs/log-batch", batch(0, 1_000)).await;
    ok(&edge, "/runs/log-batch", batch(1_000, 500)).await;
    refused(&edge, "/runs/log-batch", &batch(0, 1_001), "metrics").await;
    for from in (0..600).step_by(100) {
        let pair = |number: usize| json!({ "key": format!("p{number}"), "value": "v" });
        let pairs: Vec<Value> = (from..from + 100).map(pair).collect();
        ok(&edge, "/runs/log-batch", json!({ "run_id": run, "params": pairs, "tags": pairs })).await;
    }
    let path = format!("/runs/get?run_id={}", run.as_str().unwrap());
    let data = call(&edge, "GET", &path, &Value::Null).await.body["run"]["data"].clone();
    let count = |of: &str| data[of].as_array().unwrap().len();
    assert_eq!((count("metrics"), count("params")), (1_500, 600));
    for name in ["m0", "m1499"] {
        let path = format!("/metrics/get-history?run_id={}&metric_key={name}", run.as_str().unwrap());
        let history = call(&edge, "GET", &path, &Value::Null).await;
        assert_eq!(history.body["metrics"].as_array().unwrap().len(), 1, "{name}");
    }
    assert_eq!(names(&edge, &id, "metrics.m1499 = 1499 AND params.p599 = 'v'", &[]).await.unwrap(), ["many"]);
}

#[tokio::test]
async fn nothing_is_logged_to_a_deleted_run_or_to_a_run_of_a_deleted_experiment() {
    let edge = edge().await;
    let id = experiment(&edge, "deleted").await;
    let run_id = run(&edge, &id, "r").await;
    let tag = |extra: Value| {
        let mut body = json!({ "run_id": run_id, "key": "k", "value": "1" });
        body.as_object_mut().unwrap().extend(extra.as_object().unwrap().clone());
        body
    };
    ok(&edge, "/runs/set-tag", tag(json!({}))).await;
    let changes = [
        ("/runs/log-metric", tag(json!({ "timestamp": 1 }))),
        ("/runs/log-parameter", tag(json!({}))),
        ("/runs/set-tag", tag(json!({}))),
        ("/runs/set-tag", tag(json!({ "key": "mlflow.runName" }))),
        ("/runs/delete-tag", tag(json!({}))),
        ("/runs/log-batch", json!({ "run_id": run_id, "tags": [{ "key": "k", "value": "2" }] })),
        ("/runs/update", json!({ "run_id": run_id, "status": "FINISHED" })),
        ("/runs/update", json!({ "run_id": run_id, "run_name": "other" })),
    ];
    let stage = async || {
        let path = format!("/runs/get?run_id={}", run_id.as_str().unwrap());
        let run = call(&edge, "GET", &path, &Value::Null).await.body["run"].clone();
        (run["info"]["lifecycle_stage"].clone(), run["info"]["run_name"].clone())
    };
    ok(&edge, "/runs/delete", json!({ "run_id": run_id })).await;
    for (path, body) in &changes {
        let answer = call(&edge, "POST", path, body).await;
        assert_eq!(
            (answer.status, &answer.body["error_code"]),
            (400, &json!(REFUSED)),
            "{path}: {}",
            answer.body
        );
    }
    assert_eq!(stage().await, (json!("deleted"), json!("r")));
    ok(&edge, "/runs/restore", json!({ "run_id": run_id })).await;
    ok(&edge, "/runs/set-tag", tag(json!({}))).await;

    ok(&edge, "/experiments/delete", json!({ "experiment_id": id })).await;
    for (path, body) in &changes {
        refused(&edge, path, body, "run_id").await;
    }
    assert_eq!(stage().await.0, "deleted");
    assert_eq!(names(&edge, &id, "", &[]).await.unwrap(), Vec::<String>::new());
    refused(&edge, "/runs/create", &json!({ "experiment_id": id }), "experiment_id").await;
    for path in ["/experiments/set-experiment-tag", "/experiments/delete-experiment-tag"] {
        let tag = json!({ "experiment_id": id, "key": "k", "value": "v" });
        refused(&edge, path, &tag, "experiment_id").await;
    }
    let renamed = json!({ "experiment_id": id, "new_name": "other" });
    let answer = call(&edge, "POST", "/experiments/update", &renamed).await;
    assert_eq!(
        (answer.status, &answer.body["error_code"]),
        (409, &json!("INVALID_STATE")),
        "{}",
        answer.body
    );
    ok(&edge, "/experiments/restore", json!({ "experiment_id": id })).await;
    for (path, body) in changes {
        ok(&edge, path, body).await;
    }
    assert_eq!(stage().await, (json!("active"), json!("other")));
}

#[tokio::test]
async fn only_what_exists_says_that_it_exists() {
    let edge = edge().await;
    publish(&edge, "01").await;
    let alias = json!({ "name": "movies", "alias": "champion", "version": "1" });
    ok(&edge, "/registered-models/alias", alias).await;
    let down = json!({ "name": "movies", "version": "1", "stage": "Archived" });
    let answer = call(&edge, "POST", "/model-versions/transition-stage", &down).await;
    assert_eq!(
        (answer.status, &answer.body["error_code"]),
        (409, &json!("INVALID_STATE")),
        "{}",
        answer.body
    );
    experiment(&edge, "there").await;
    for (path, name) in [("/experiments/create", "there"), ("/registered-models/create", "movies")] {
        let answer = call(&edge, "POST", path, &json!({ "name": name })).await;
        assert_eq!(
            (answer.status, &answer.body["error_code"]),
            (400, &json!("RESOURCE_ALREADY_EXISTS")),
            "{path}"
        );
    }
}
