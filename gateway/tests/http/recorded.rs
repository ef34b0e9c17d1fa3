//! A workflow's run, as the clients of Metaflow and MLflow find it, and steps in loops, as Maestro's do.

use serde_json::{Value, json};
use troupe_runtime::routing::Solo;

use super::edge::{Answer, Edge, gateway};

async fn edge(values: &std::path::Path) -> Edge {
    let mut gateway = gateway(Solo::router(troupe_actors::registry()));
    gateway.values_dir = Some(values.to_owned());
    Edge::start(gateway).await
}

async fn ok(edge: &Edge, path: &str, body: &Value) -> Value {
    let answer = edge.post(path, body.to_string()).await;
    assert_eq!(answer.status, 200, "{path}: {}", answer.body);
    answer.body
}

async fn push(edge: &Edge, definition: Value) {
    let id = definition["workflow"]["id"].as_str().unwrap().to_owned();
    ok(edge, &format!("/v1/actors/workflows/{id}/push"), &json!({ "definition": definition })).await;
    let start = json!({ "request_id": "r", "version": "latest" });
    ok(edge, &format!("/v1/actors/workflows/{id}/start"), &start).await;
}

/// Claims all tasks and ends each with what `work` makes of its executor; how many there were.
async fn work(edge: &Edge, work: impl Fn(&str) -> Value) -> usize {
    let room: Value = ["http", "train", "evaluate", "publish"]
        .map(|name| (name.to_owned(), json!(100)))
        .into_iter()
        .collect();
    let mut done = 0;
    for queue in 0..8 {
        let queue = format!("/v1/actors/tasks/q{queue}");
        let claimed = ok(edge, &format!("{queue}/claim"), &json!({ "worker": "w", "room": room })).await;
        for task in claimed["tasks"].as_array().unwrap() {
            let outcome = json!({ "done": { "output": work(task["executor"].as_str().unwrap()) } });
            let finish = json!({ "id": task["id"], "fence": task["fence"], "outcome": outcome });
            ok(edge, &format!("{queue}/finish"), &finish).await;
            done += 1;
        }
    }
    done
}

fn made(executor: &str) -> Value {
    match executor {
        "train" => {
            json!({ "artifact": "abc", "publication": { "artifact": "abc" }, "metrics": { "ndcg@10": 0.25 },
            "lineage": { "events": 1000, "dataset": "cluster" } })
        }
        "evaluate" => json!({ "hr@10": 0.5, "better": true }),
        "publish" => json!({ "model": "m", "version": 7 }),
        _ => json!({ "status": 200 }),
    }
}

fn step(id: &str, sort: &str, next: Value) -> Value {
    let text = |value: &str| json!({ "value": value, "type": "STRING" });
    json!({ "step": { "id": id, "type": sort, "transition": { "successors": next },
        "params": { "url": text("http://h/"), "algorithm": text("ease"), "model": text("m"), "artifact": text("abc"),
            "vocabulary": text("abc"), "publication": { "value": { "artifact": text("abc") }, "type": "MAP" } } } })
}

async fn get(edge: &Edge, path: &str) -> Value {
    let answer = edge.get(path).await;
    assert_eq!(answer.status, 200, "{path}: {}", answer.body);
    answer.body
}

#[tokio::test]
async fn a_workflow_that_trains_is_found_as_a_run_by_metaflows_and_mlflows_clients() {
    let dir = tempfile::tempdir().unwrap();
    let edge = edge(dir.path()).await;
    let steps = json!([
        step("train", "Train", json!({ "evaluate": "true" })),
        step("evaluate", "Evaluate", json!({ "publish": "params.getFromStep('evaluate', 'better')" })),
        step("publish", "Publish", json!({}))
    ]);
    push(&edge, json!({ "properties": { "owner": "ann" }, "workflow": { "id": "retrain", "steps": steps } }))
        .await;
    let at = "/metaflow/flows/retrain/runs/maestro-1-1";
    assert_eq!(get(&edge, at).await["status"], "running");
    while work(&edge, made).await > 0 {}
    let run = get(&edge, at).await;
    assert_eq!(
        (&run["status"], &run["status_reason"]),
        (&json!("completed"), &json!("run 1 of workflow retrain:1 SUCCEEDED"))
    );
    assert_eq!(run["tags"], json!(["workflow:retrain:1", "dataset:cluster", "model:m@7"]));
    assert_eq!((&run["user_name"], run["finished_at"].is_u64()), (&json!("ann"), true));
    let listed = get(&edge, "/metaflow/flows/retrain/runs?_tags:all=model:m@7&status=completed").await;
    assert_eq!(listed.as_array().unwrap().len(), 1, "{listed}");
    let steps = get(&edge, &format!("{at}/steps")).await;
    let names: Vec<&str> =
        steps.as_array().unwrap().iter().map(|step| step["step_name"].as_str().unwrap()).collect();
    assert_eq!(names.len(), 5, "{names:?}");

    // A value is a file of the local datastore before its artifact is listed.
    let artifact = get(&edge, &format!("{at}/steps/end/tasks/t-end/artifacts/hr_10")).await;
    let (sha, location) = (artifact["sha"].as_str().unwrap(), artifact["location"].as_str().unwrap());
    assert_eq!(
        (&artifact["ds_type"], location),
        (&json!("local"), format!(":root:{}", dir.path().display()).as_str())
    );
    let file = dir.path().join("retrain/data").join(&sha[..2]).join(sha);
    assert_eq!(std::fs::read(&file).unwrap(), b"\x80\x02G\x3f\xe0\0\0\0\0\0\0.");
    assert!(file.with_file_name(format!("{sha}_meta")).exists());
    let all = get(&edge, &format!("{at}/artifacts")).await;
    assert!(all.as_array().unwrap().iter().all(|one| one["ds_type"] == "local"), "{all}");

    // MLflow's API shows the same run, with its figures.
    let experiment = get(&edge, "/api/2.0/mlflow/experiments/get-by-name?experiment_name=retrain").await;
    let id = experiment["experiment"]["experiment_id"].clone();
    let found = ok(&edge, "/api/2.0/mlflow/runs/search", &json!({ "experiment_ids": [id] })).await;
    let run = &found["runs"][0];
    assert_eq!(run["info"]["status"], "FINISHED", "{found}");
    let figures = run["data"]["metrics"].as_array().unwrap();
    let figure = |name: &str| figures.iter().find(|one| one["key"] == name).map(|one| one["value"].clone());
    assert_eq!((figure("hr@10"), figure("rows")), (Some(json!(0.5)), Some(json!(1000.0))), "{run}");

    // And the lineage goes through it both ways.
    let walked = get(&edge, "/v1/lineage/model:m@7?depth=2").await;
    let nodes: Vec<&str> =
        walked["nodes"].as_array().unwrap().iter().map(|node| node["node"].as_str().unwrap()).collect();
    for node in ["run:retrain/maestro-1-1", "workflow:retrain:1", "dataset:cluster"] {
        assert!(nodes.contains(&node), "{node} in {nodes:?}");
    }
}

async fn call(edge: &Edge, method: &str, path: &str) -> Answer {
    let method = reqwest::Method::from_bytes(method.as_bytes()).unwrap();
    let path = path.replace('[', "%5B").replace(']', "%5D");
    let request = edge.http.request(method, format!("{}{path}", edge.base));
    edge.send(request.json(&json!({}))).await
}

#[tokio::test]
async fn a_step_in_an_iteration_of_a_loop_is_looked_at_and_acted_on_by_its_name() {
    let dir = tempfile::tempdir().unwrap();
    let edge = edge(dir.path()).await;
    let numbers = |count: u64| json!({ "type": "LONG_ARRAY", "value": (0..count).collect::<Vec<u64>>() });
    let each = |id: &str, count: u64, steps: Value| {
        json!({ "foreach": { "id": id, "steps": steps, "concurrency": 10,
            "params": { "loop_params": { "type": "MAP", "value": { "i": numbers(count) } } } } })
    };
    let inner = json!([each("inner", 2, json!([step("work", "Http", json!({}))]))]);
    let steps = json!([each("outer", 3, inner)]);
    push(&edge, json!({ "properties": { "owner": "ann" }, "workflow": { "id": "w", "steps": steps } })).await;
    let at = "/api/v3/workflows/w/instances/1/steps";
    let shown = call(&edge, "GET", &format!("{at}/outer[2].inner[1].work")).await;
    assert_eq!(
        (shown.status, &shown.body["status"], &shown.body["step_id"]),
        (200, &json!("RUNNING"), &json!("work"))
    );
    let listed = call(&edge, "GET", &format!("{at}/outer[2].inner/iterations")).await;
    assert_eq!((listed.status, &listed.body["counts"]["total"]), (200, &json!(2)), "{}", listed.body);
    let skipped = call(&edge, "PUT", &format!("{at}/outer[2].inner[1].work/actions/skip")).await;
    assert_eq!(skipped.status, 200, "{}", skipped.body);
    let listed = call(&edge, "GET", &format!("{at}/outer[2].inner/iterations")).await;
    assert_eq!(listed.body["iterations"][1]["status"], "SUCCEEDED", "{}", listed.body);
    for (name, why) in [
        ("outer[2].inner[1].work", "iteration 1 of inner is over: SUCCEEDED"),
        ("outer[2].inner[0].other", "iteration 0 of inner has no step \"other\""),
        ("outer[3].inner", "iteration 3 of outer has not begun; there are 3, from 0"),
        ("outer[0", "write it as step, or loop[0].step"),
        ("other[0].work", "loop \"other\" has not begun"),
    ] {
        let answer = call(&edge, "GET", &format!("{at}/{name}")).await;
        assert_eq!(answer.status, 404, "{name}: {}", answer.body);
        assert!(answer.body["message"].as_str().unwrap().contains(why), "{name}: {}", answer.body);
    }
    assert_eq!(work(&edge, made).await, 5, "the sixth was skipped");
    let whole = call(&edge, "GET", "/api/v3/workflows/w/instances/1").await;
    assert_eq!(whole.body["status"], "SUCCEEDED", "{}", whole.body);
    let answer = call(&edge, "POST", &format!("{at}/outer[0].inner/actions/restart")).await;
    assert!(
        answer.status == 422 && answer.body["message"].as_str().unwrap().contains("restart its step outer"),
        "{}",
        answer.body
    );
}

#[tokio::test]
async fn an_earlier_run_of_an_instance_is_answered_in_short() {
    let dir = tempfile::tempdir().unwrap();
    let edge = edge(dir.path()).await;
    let steps = json!([step("call", "Http", json!({}))]);
    push(&edge, json!({ "properties": { "owner": "ann" }, "workflow": { "id": "w", "steps": steps } })).await;
    while work(&edge, made).await > 0 {}
    let at = "/api/v3/workflows/w/instances/1";
    ok(&edge, &format!("{at}/actions/restart"), &json!({ "restart_policy": "RESTART_FROM_BEGINNING" })).await;
    let older = get(&edge, &format!("{at}/runs/1")).await;
    assert_eq!((&older["workflow_run_id"], &older["status"]), (&json!(1), &json!("SUCCEEDED")));
    assert!(older["start_time"].as_u64() <= older["end_time"].as_u64(), "{older}");
    assert_eq!(get(&edge, at).await["status"], "IN_PROGRESS");
    let steps = get(&edge, &format!("{at}/runs/1/steps")).await;
    assert_eq!(
        (&steps[0]["step_id"], &steps[0]["status"], &steps[0]["step_attempt_id"]),
        (&json!("call"), &json!("SUCCEEDED"), &json!(1))
    );
    assert_eq!(get(&edge, &format!("{at}/runs/1/steps/call/attempts/1")).await["status"], "SUCCEEDED");
    let missing = edge.get(&format!("{at}/runs/9")).await;
    assert_eq!(
        (missing.status, &missing.body["message"]),
        (404, &json!("the instance is at run 2, and run 9 is not kept"))
    );
}
