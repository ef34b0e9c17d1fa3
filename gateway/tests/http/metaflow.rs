//! Metaflow's API: the recorded requests of a real client, and the answers to wrong requests.

use serde_json::{Value, json};
use troupe_runtime::routing::Solo;

use super::edge::{Answer, Edge, gateway};

const TRACE: &str = include_str!("../../../tests/vectors/metaflow_client_trace.json");

async fn edge() -> Edge {
    Edge::start(gateway(Solo::router(troupe_actors::registry()))).await
}

async fn call(edge: &Edge, method: &str, path: &str, body: &Value) -> Answer {
    let method = reqwest::Method::from_bytes(method.as_bytes()).unwrap();
    let request = edge.http.request(method, format!("{}/metaflow{path}", edge.base));
    let request = if body.is_null() { request } else { request.json(body) };
    edge.send(request).await
}

/// Whether what is answered says what was recorded; times and ids of records are another run's.
fn says(answered: &Value, recorded: &Value, at: &str) {
    match (answered, recorded) {
        (Value::Object(answered), Value::Object(recorded)) => {
            for (key, recorded) in recorded {
                let found =
                    answered.get(key).unwrap_or_else(|| panic!("{at}.{key} is missing: {answered:?}"));
                match key.as_str() {
                    "ts_epoch" | "last_heartbeat_ts" => assert!(found.as_u64().unwrap() > 0, "{at}.{key}"),
                    "id" => assert!(found.is_u64(), "{at}.{key}"),
                    _ => says(found, recorded, &format!("{at}.{key}")),
                }
            }
        }
        (Value::Array(answered), Value::Array(recorded)) => {
            assert_eq!(answered.len(), recorded.len(), "{at}: {answered:?}");
            for (index, (answered, recorded)) in answered.iter().zip(recorded).enumerate() {
                says(answered, recorded, &format!("{at}[{index}]"));
            }
        }
        _ => assert_eq!(answered, recorded, "{at}"),
    }
}

#[tokio::test]
async fn the_recorded_client_is_answered_as_it_was() {
    let edge = edge().await;
    let trace: Value = serde_json::from_str(TRACE).unwrap();
    let requests = trace["requests"].as_array().unwrap();
    let (mut replayed, mut tagged) = (0, false);
    for (number, request) in requests.iter().enumerate() {
        let (method, path) = (request["method"].as_str().unwrap(), request["path"].as_str().unwrap());
        let answer = call(&edge, method, path, &request["req"]).await;
        assert_eq!(json!(answer.status), request["status"], "{number} {method} {path}: {}", answer.body);
        let mut recorded = request["res"].clone();
        // The recording shows rows as they were at its end: the run's tag came late.
        tagged |= path.ends_with("/tag/mutate");
        let run = path.ends_with("/run") || path.ends_with("/runs") || path.ends_with("/runs/1");
        if run && !tagged {
            let rows = match &mut recorded {
                Value::Array(rows) => rows.as_mut_slice(),
                row => std::slice::from_mut(row),
            };
            rows.iter_mut().for_each(|row| row["tags"] = json!([]));
        }
        if answer.status < 300 && path != "/ping" {
            says(&answer.body, &recorded, &format!("{number} {method} {path}"));
        }
        replayed += 1;
    }
    assert!(replayed > 60 && tagged, "{replayed}");
    let run = call(&edge, "GET", "/flows/ProbeFlow/runs/1", &Value::Null).await;
    assert_eq!((&run.body["status"], &run.body["tags"]), (&json!("completed"), &json!(["probe"])));
    assert!(run.body["status_reason"].as_str().unwrap().starts_with("step end succeeded at "));
}

async fn scene(edge: &Edge) {
    for (path, body) in [
        ("/flows/F", json!({})),
        ("/flows/F/run", json!({ "user_name": "ann", "tags": ["a"], "system_tags": ["runtime:dev"] })),
        ("/flows/F/runs/1/steps/each/step", json!({})),
        ("/flows/F/runs/1/steps/each/task", json!({})),
        ("/flows/F/runs/1/steps/each/task", json!({ "task_id": "named" })),
    ] {
        let answer = call(edge, "POST", path, &body).await;
        assert_eq!(answer.status, 200, "{path}: {}", answer.body);
    }
}

#[tokio::test]
async fn the_service_says_its_version_and_a_beat_is_json_in_a_json_text() {
    let edge = edge().await;
    let ping = call(&edge, "GET", "/ping", &Value::Null).await;
    assert_eq!((ping.header("METADATA_SERVICE_VERSION"), &ping.body), (Some("2.5.1"), &json!("pong")));
    scene(&edge).await;
    for path in ["/flows/F/runs/1/heartbeat", "/flows/F/runs/1/steps/each/tasks/1/heartbeat"] {
        let answer = call(&edge, "POST", path, &json!({})).await;
        let text: Value = serde_json::from_str(answer.body.as_str().unwrap()).unwrap();
        assert_eq!(text, json!({ "wait_time_in_seconds": 10 }));
    }
}

#[tokio::test]
async fn what_is_not_there_or_is_there_already_is_told_by_its_status() {
    let edge = edge().await;
    scene(&edge).await;
    let nothing = Value::Null;
    for (method, path, body, status, code) in [
        ("GET", "/flows/G", &nothing, 404, "FLOW_NOT_FOUND"),
        ("GET", "/flows/G/runs", &nothing, 404, "FLOW_NOT_FOUND"),
        ("POST", "/flows/G/run", &json!({}), 404, "FLOW_NOT_FOUND"),
        ("POST", "/flows/F", &json!({}), 409, "EXISTS"),
        ("POST", "/flows/F/run", &json!({ "run_number": "7" }), 422, "BAD_RUN_ID"),
        ("POST", "/flows/F/run", &json!({ "run_number": 7 }), 422, "BAD_RUN_ID"),
        ("POST", "/flows/F/run", &json!({ "run_number": [7] }), 400, "BAD_BODY"),
        ("GET", "/flows/F/runs/9", &nothing, 404, "RUN_NOT_FOUND"),
        ("POST", "/flows/F/runs/9/heartbeat", &json!({}), 404, "RUN_NOT_FOUND"),
        ("GET", "/flows/F/runs/1/steps/rest", &nothing, 404, "STEP_NOT_FOUND"),
        ("POST", "/flows/F/runs/1/steps/each/step", &json!({}), 409, "EXISTS"),
        ("POST", "/flows/F/runs/1/steps/rest/task", &json!({}), 404, "STEP_NOT_FOUND"),
        ("POST", "/flows/F/runs/1/steps/each/task", &json!({ "task_id": "named" }), 409, "EXISTS"),
        ("GET", "/flows/F/runs/1/steps/each/tasks/9", &nothing, 404, "TASK_NOT_FOUND"),
        ("POST", "/flows/F/runs/1/steps/each/tasks/9/heartbeat", &json!({}), 404, "TASK_NOT_FOUND"),
        ("GET", "/flows/F/runs/1/steps/each/tasks/1/artifacts/x", &nothing, 404, "ARTIFACT_NOT_FOUND"),
        (
            "PATCH",
            "/flows/F/runs/1/tag/mutate",
            &json!({ "tags_to_remove": ["runtime:dev"] }),
            422,
            "BAD_TAGS",
        ),
        ("GET", "/flows/F/runs/1/steps/each/filtered_tasks?pattern=(", &nothing, 422, "BAD_PATTERN"),
        ("GET", "/flows/F/runs?colour=red", &nothing, 422, "BAD_FILTER"),
    ] {
        let answer = call(&edge, method, path, body).await;
        assert_eq!((answer.status, answer.body["code"].as_str()), (status, Some(code)), "{method} {path}");
    }
}

#[tokio::test]
async fn runs_are_listed_by_pages_and_conditions() {
    let edge = edge().await;
    call(&edge, "POST", "/flows/F", &json!({})).await;
    for number in 0..60 {
        let tags = if number % 2 == 0 { json!(["even"]) } else { json!(["odd"]) };
        call(
            &edge,
            "POST",
            "/flows/F/run",
            &json!({ "tags": tags, "user_name": format!("u{}", number % 3) }),
        )
        .await;
    }
    let numbers = |answer: &Answer| -> Vec<u64> {
        answer.body.as_array().unwrap().iter().map(|run| run["run_number"].as_u64().unwrap()).collect()
    };
    let all = call(&edge, "GET", "/flows/F/runs", &Value::Null).await;
    assert_eq!((numbers(&all).len(), numbers(&all)[0], all.header("x-limit")), (60, 60, None));
    let mut seen = Vec::new();
    let mut cursor = String::new();
    let mut pages = 0;
    loop {
        pages += 1;
        let path = format!("/flows/F/runs?_tags:any=even&user_name:ne=u1&_limit=8{cursor}");
        let answer = call(&edge, "GET", &path, &Value::Null).await;
        assert_eq!(answer.header("x-limit"), Some("8"));
        seen.extend(numbers(&answer));
        match answer.header("x-next-cursor") {
            Some(next) => cursor = format!("&_cursor={next}"),
            None => break,
        }
    }
    let expected: Vec<u64> = (1..=60).rev().filter(|n| n % 2 == 1 && (n - 1) % 3 != 1).collect();
    assert_eq!((seen, pages), (expected, 3));
    let first = call(&edge, "GET", "/flows/F/runs?status=running", &Value::Null).await;
    assert_eq!(numbers(&first).len(), 50, "a page has 50 where nothing else is said");
}

#[tokio::test]
async fn tasks_are_found_by_what_they_said_and_artifacts_by_their_attempt() {
    let edge = edge().await;
    scene(&edge).await;
    let base = "/flows/F/runs/1/steps/each";
    let said = |value: &str| json!([{ "field_name": "place", "type": "t", "value": value, "tags": ["attempt_id:0"] }]);
    call(&edge, "POST", &format!("{base}/tasks/1/metadata"), &said("north-west")).await;
    call(&edge, "POST", &format!("{base}/tasks/named/metadata"), &said("south")).await;
    for (query, found) in [
        ("", vec!["F/1/each/1", "F/1/each/named"]),
        ("?metadata_field_name=place&pattern=th", vec!["F/1/each/1", "F/1/each/named"]),
        ("?metadata_field_name=place&pattern=%5E(?:south)$", vec!["F/1/each/named"]),
        ("?metadata_field_name=other&pattern=th", vec![]),
    ] {
        let answer = call(&edge, "GET", &format!("{base}/filtered_tasks{query}"), &Value::Null).await;
        assert_eq!(answer.body, json!(found), "{query}");
    }
    let made =
        |attempt: u32, name: &str, sha: &str| json!([{ "attempt_id": attempt, "name": name, "sha": sha }]);
    for (attempt, name, sha) in [(0, "x", "x0"), (0, "y", "y0"), (1, "x", "x1"), (1, "x", "late")] {
        let answer =
            call(&edge, "POST", &format!("{base}/tasks/1/artifact"), &made(attempt, name, sha)).await;
        assert_eq!(answer.body, json!({ "artifacts_created": 1 }));
    }
    let shas = |answer: Answer| -> Vec<String> {
        let rows = match answer.body {
            Value::Array(rows) => rows,
            row => vec![row],
        };
        rows.iter().map(|row| row["sha"].as_str().unwrap().to_owned()).collect()
    };
    for (path, expected) in [
        ("/tasks/1/artifacts", vec!["x1"]),
        ("/artifacts", vec!["x1"]),
        ("/tasks/1/attempt/0/artifacts", vec!["x0", "y0"]),
        ("/tasks/1/artifacts/x", vec!["x1"]),
        ("/tasks/1/artifacts/x/attempt/0", vec!["x0"]),
        ("/tasks/1/artifacts/y/attempt/0", vec!["y0"]),
    ] {
        let answer = call(&edge, "GET", &format!("{base}{path}"), &Value::Null).await;
        assert_eq!(shas(answer), expected, "{path}");
    }
    for path in ["/tasks/1/artifacts/y", "/tasks/1/artifacts/y/attempt/1", "/tasks/named/artifacts/x"] {
        let answer = call(&edge, "GET", &format!("{base}{path}"), &Value::Null).await;
        assert_eq!((answer.status, &answer.body["code"]), (404, &json!("ARTIFACT_NOT_FOUND")), "{path}");
    }
    let of_run = call(&edge, "GET", "/flows/F/runs/1/metadata", &Value::Null).await;
    assert_eq!(of_run.body.as_array().unwrap().len(), 2);
}

#[tokio::test]
async fn an_artifact_of_an_attempt_that_failed_is_gone_once_a_newer_attempt_ended() {
    let edge = edge().await;
    scene(&edge).await;
    let task = "/flows/F/runs/1/steps/each/tasks/1";
    let made = |attempt: u32, name: &str| json!([{ "attempt_id": attempt, "name": name, "sha": name }]);
    let record = |field: &str, attempt: u32, value: &str| json!([{ "field_name": field, "type": field, "value": value, "tags": [format!("attempt_id:{attempt}")] }]);
    let listed = async || {
        let mut found = Vec::new();
        for path in [format!("{task}/artifacts"), "/flows/F/runs/1/artifacts".to_owned()] {
            let answer = call(&edge, "GET", &path, &Value::Null).await;
            let rows = answer.body.as_array().unwrap().clone();
            found.push(rows.iter().map(|row| row["name"].as_str().unwrap().to_owned()).collect::<Vec<_>>());
        }
        assert_eq!(found[0], found[1]);
        found.remove(0)
    };
    let status =
        async |name: &str| call(&edge, "GET", &format!("{task}/artifacts/{name}"), &Value::Null).await.status;
    assert_eq!(status("debug_dump").await, 404);
    call(&edge, "POST", &format!("{task}/metadata"), &record("attempt", 0, "0")).await;
    call(&edge, "POST", &format!("{task}/artifact"), &made(0, "debug_dump")).await;
    call(&edge, "POST", &format!("{task}/metadata"), &record("attempt_ok", 0, "False")).await;
    assert_eq!((listed().await, status("debug_dump").await), (vec!["debug_dump".to_owned()], 200));
    // An attempt that only began has replaced nothing yet.
    call(&edge, "POST", &format!("{task}/metadata"), &record("attempt", 1, "1")).await;
    assert_eq!(status("debug_dump").await, 200);
    call(&edge, "POST", &format!("{task}/artifact"), &made(1, "model")).await;
    call(&edge, "POST", &format!("{task}/metadata"), &record("attempt_ok", 1, "True")).await;
    assert_eq!(listed().await, ["model"]);
    assert_eq!((status("debug_dump").await, status("model").await), (404, 200));
    // An attempt that ended without an artifact has none.
    call(&edge, "POST", &format!("{task}/metadata"), &record("attempt_ok", 2, "True")).await;
    assert_eq!((listed().await, status("model").await), (vec![], 404));
    let old = call(&edge, "GET", &format!("{task}/artifacts/debug_dump/attempt/0"), &Value::Null).await;
    assert_eq!((old.status, &old.body["attempt_id"]), (200, &json!(0)), "an attempt that is named is found");
}

#[tokio::test]
async fn what_may_succeed_later_is_answered_so_that_the_client_tries_again() {
    use super::toy::scripted;
    use troupe_runtime::AskError;
    for error in [
        AskError::busy("mailbox", std::time::Duration::from_millis(5)),
        AskError::Unknown("lost".into()),
        AskError::Expired,
        AskError::NotLeader { hint: None },
    ] {
        let told = error.clone();
        let router = scripted(troupe_actors::registry(), move |_| Err(told.clone()));
        let edge = Edge::start(gateway(router)).await;
        let answer = call(&edge, "POST", "/flows/F/runs/1/heartbeat", &json!({})).await;
        assert_eq!((answer.status, &answer.body["retryable"]), (503, &json!(true)), "{error}");
    }
}
