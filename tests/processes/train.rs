//! `troupe train` against a running cluster: from its own events to a served champion.

use std::time::{Duration, Instant};

use serde_json::json;
use troupe_training::{SyntheticSpec, synthetic};

use super::bad_input::cluster;
use super::binary::{repository, troupe};
use super::http::Http;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_model_is_trained_from_the_clusters_events_published_promoted_and_served() {
    if !repository().join(".deps/onnxruntime/libonnxruntime.so").exists() {
        assert!(std::env::var_os("CI").is_none(), "CI must have the ONNX Runtime library: run `make setup`");
        println!("skipped: no ONNX Runtime library, run `make setup`");
        return;
    }
    let site = cluster().await;
    let http = Http::new();
    let spec = SyntheticSpec { members: 40, contents: 30, genres: 3, events: 500 };
    let lines: String = synthetic(3, spec)
        .iter()
        .map(|one| {
            let line = json!({"member": one.member, "content": one.content, "type": "rating",
                "value": one.value, "at": one.at_ms});
            format!("{line}\n")
        })
        .collect();
    let said = http.post(&format!("{}/v1/events", site.gateways[0]), &[], lines).await;
    assert_eq!(said.body["accepted"], 500, "{}", said.body);
    let train = |arguments: &[&str]| {
        let mut command = troupe();
        command.args(["train", "--config"]).arg(site.config()).args(arguments);
        tokio::task::spawn_blocking(move || command.output().unwrap())
    };
    for (version, arguments) in [(1, vec!["ease", "--promote", "champion"]), (2, vec!["ials"])] {
        let out = train(&arguments).await.unwrap();
        let printed = String::from_utf8_lossy(&out.stdout).into_owned();
        assert!(out.status.success(), "{printed}{}", String::from_utf8_lossy(&out.stderr));
        assert!(printed.contains("500 events"), "it did not read what the cluster holds: {printed}");
        assert!(printed.contains(&format!("recommend version {version}")), "{printed}");
    }
    let start = Instant::now();
    for gateway in &site.gateways {
        let url = format!("{gateway}/v1/members/someone/recommendations?k=3");
        loop {
            let said = http.get(&url).await;
            if said.status == 200 {
                assert_eq!(said.body["version"], 1, "the second version waits: {}", said.body);
                break;
            }
            assert!(start.elapsed() < Duration::from_secs(30), "the champion is not served: {}", said.body);
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
}
