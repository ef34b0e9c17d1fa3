//! The example workflow on a real cluster: a signal starts it, it trains from what the cluster holds, evaluates, publishes,
//! and says so; and steps that call out and run programs.

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use troupe_training::{SyntheticSpec, synthetic};

use super::bad_input::cluster;
use super::binary::{Site, repository};
use super::http::Http;

async fn ask(http: &Http, site: &Site, path: &str, body: &Value) -> Value {
    let said = http.post(&format!("{}/v1/actors/{path}", site.gateways[0]), &[], body.to_string()).await;
    assert_eq!(said.status, 200, "{path}: {}", said.body);
    said.body
}

async fn until_over(http: &Http, site: &Site, run: &str) -> Value {
    let start = Instant::now();
    loop {
        let view = ask(http, site, &format!("workflow-runs/{run}/get"), &json!({})).await;
        if ["SUCCEEDED", "FAILED", "STOPPED", "TIMED_OUT"].iter().any(|status| view["status"] == *status) {
            return view;
        }
        assert!(start.elapsed() < Duration::from_secs(120), "{run} is not over: {view}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

fn statuses(view: &Value) -> Vec<(&str, &str)> {
    let steps = view["lanes"][0]["steps"].as_array().unwrap();
    steps.iter().map(|step| (step["id"].as_str().unwrap(), step["status"].as_str().unwrap())).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_signal_retrains_a_model_and_the_new_version_is_told() {
    if !repository().join(".deps/onnxruntime/libonnxruntime.so").exists() {
        assert!(std::env::var_os("CI").is_none(), "CI must have the ONNX Runtime library: run `make setup`");
        println!("skipped: no ONNX Runtime library, run `make setup`");
        return;
    }
    let site = cluster().await;
    let http = Http::new();
    let spec = SyntheticSpec { members: 40, contents: 30, genres: 3, events: 500 };
    let line = |one: &troupe_training::data::Interaction| {
        let line = json!({"member": one.member, "content": one.content, "type": "rating",
            "value": one.value, "at": one.at_ms});
        format!("{line}\n")
    };
    let lines: String = synthetic(3, spec).iter().map(line).collect();
    let said = http.post(&format!("{}/v1/events", site.gateways[0]), &[], lines).await;
    assert_eq!(said.body["accepted"], 500, "{}", said.body);
    let mut definition: Value = serde_json::from_str(include_str!("../../examples/retrain.json")).unwrap();
    definition["workflow"]["params"]["gather_seconds"]["value"] = json!(0);
    let push = json!({ "definition": definition, "by": "test" });
    ask(&http, &site, "workflows/retrain-recommend/push", &push).await;
    let raise = json!({ "id": "one", "from": "monitors/taste", "at": 1, "params": { "since": "1" } });
    // Sent twice, it is one happening and starts one instance. The subscription is an effect: it may still be on its way.
    let start = Instant::now();
    while ask(&http, &site, "signals/taste_moved/get", &json!({})).await["subscribers"] == 0 {
        assert!(start.elapsed() < Duration::from_secs(10), "no subscriber");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    for _ in 0..2 {
        ask(&http, &site, "signals/taste_moved/raise", &raise).await;
    }
    let view = until_over(&http, &site, "retrain-recommend:1").await;
    let all = [
        ("gather", "SUCCEEDED"),
        ("train", "SUCCEEDED"),
        ("evaluate", "SUCCEEDED"),
        ("publish", "SUCCEEDED"),
    ];
    assert_eq!(statuses(&view), all, "{view}");
    let told = ask(&http, &site, "signals/model_trained/get", &json!({})).await;
    assert_eq!((&told["raised"], &told["newest"][0]["params"]["version"]), (&json!(1), &json!("1")));
    let model = ask(&http, &site, "models/recommend/get", &json!({})).await;
    assert_eq!(model["versions"].as_array().unwrap().len(), 1, "{model}");
    let workflow = ask(&http, &site, "workflows/retrain-recommend/get", &json!({})).await;
    assert_eq!(workflow["started"], 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn steps_call_out_and_run_only_what_the_configuration_allows() {
    let mut site = Site::new();
    let text = std::fs::read_to_string(site.config()).unwrap();
    std::fs::write(site.config(), format!("[work]\ncommands = [\"/bin/echo\"]\n{text}")).unwrap();
    site.serve().await;
    let http = Http::new();
    let step = |id: &str, sort: &str, params: Value, next: Value| {
        json!({ "step": { "id": id, "type": sort, "params": params, "failure_mode": "IGNORE_FAILURE",
            "retry_policy": { "error_retry_limit": 0, "platform_retry_limit": 0 },
            "transition": { "successors": next } } })
    };
    let text = |text: &str| json!({ "value": text, "type": "STRING" });
    let words = |words: &[&str]| json!({ "value": words, "type": "STRING_ARRAY" });
    let steps = json!([
        step(
            "call",
            "Http",
            json!({ "url": text(&format!("{}/healthz", site.gateways[1])) }),
            json!({ "echo": "true" })
        ),
        step(
            "echo",
            "Command",
            json!({ "command": words(&["/bin/echo", "{\"said\": 7}"]) }),
            json!({ "other": "true" })
        ),
        step(
            "other",
            "Command",
            json!({ "command": words(&["/bin/sh", "-c", "true"]) }),
            json!({ "absent": "true" })
        ),
        step("absent", "Http", json!({ "url": text("http://127.0.0.1:9/") }), json!({})),
    ]);
    let definition = json!({ "properties": { "owner": "t" }, "workflow": { "id": "calls", "steps": steps } });
    ask(&http, &site, "workflows/calls/push", &json!({ "definition": definition })).await;
    for _ in 0..2 {
        let started = ask(&http, &site, "workflows/calls/start", &json!({ "request_id": "one" })).await;
        assert_eq!(started["instance"], 1);
    }
    let view = until_over(&http, &site, "calls:1").await;
    let expected = [
        ("call", "SUCCEEDED"),
        ("echo", "SUCCEEDED"),
        ("other", "COMPLETED_WITH_ERROR"),
        ("absent", "COMPLETED_WITH_ERROR"),
    ];
    assert_eq!((view["status"].as_str(), statuses(&view)), (Some("SUCCEEDED"), expected.to_vec()), "{view}");
    let steps = &view["lanes"][0]["steps"];
    assert_eq!(steps[1]["output"]["result"]["said"], 7, "{view}");
    assert!(steps[2]["why"].as_str().unwrap().contains("work.commands"), "{view}");
}
