//! Disks that were lost or damaged under real processes.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::binary::Site;

async fn record(gateway: &str, times: std::ops::Range<u64>) {
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let line =
        |at: u64| format!("{{\"member\":\"m{}\",\"content\":\"7\",\"type\":\"play\",\"at\":{at}}}\n", at % 7);
    let body: String = times.clone().map(line).collect();
    let start = Instant::now();
    loop {
        let sent = client.post(format!("{gateway}/v1/events")).body(body.clone()).send().await;
        if let Ok(answer) = sent {
            let receipt: Value = answer.json().await.unwrap();
            let taken =
                receipt["accepted"].as_u64().unwrap_or(0) + receipt["duplicates"].as_u64().unwrap_or(0);
            if taken == times.end - times.start {
                return;
            }
        }
        // Some shards may be electing.
        assert!(start.elapsed() < Duration::from_secs(20), "events are not acknowledged");
    }
}

async fn found(gateway: &str) -> Vec<u64> {
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let mut times = Vec::new();
    for member in 0..7 {
        let url = format!("{gateway}/v1/actors/members/m{member}/get-history");
        let reply: Value = client.post(url).json(&json!({})).send().await.unwrap().json().await.unwrap();
        let interactions = reply["interactions"].as_array().unwrap_or_else(|| panic!("{reply}"));
        times.extend(interactions.iter().map(|one| one["at"].as_u64().unwrap()));
    }
    times.sort_unstable();
    times
}

/// Waits until every replica of a node votes without trouble, in groups of three; how often each was rebuilt.
async fn generations(site: &Site, node: usize) -> Vec<u64> {
    let client = reqwest::Client::builder().no_proxy().timeout(Duration::from_secs(5)).build().unwrap();
    let name = format!("n{}", node + 1);
    let start = Instant::now();
    loop {
        if let Ok(answer) = client.get(format!("{}/api/cluster", site.admins[0])).send().await
            && let Ok(cluster) = answer.json::<Value>().await
        {
            let nodes = cluster["nodes"].as_array().cloned().unwrap_or_default();
            let own = nodes.iter().find(|one| one["name"] == name.as_str()).cloned().unwrap_or_default();
            let shards = own["view"]["shards"].as_array().cloned().unwrap_or_default();
            let sound = |shard: &Value| {
                matches!(shard["role"].as_str(), Some("leader" | "follower")) && shard["trouble"].is_null()
            };
            if shards.len() == 5 && shards.iter().all(sound) {
                return shards.iter().map(|shard| shard["generation"].as_u64().unwrap()).collect();
            }
        }
        assert!(start.elapsed() < Duration::from_secs(60), "{name} is not rebuilt: {}", site.log(node));
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

fn oldest_segment(wal: &Path) -> PathBuf {
    let mut segments: Vec<PathBuf> = std::fs::read_dir(wal)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.file_name().unwrap().to_str().unwrap().starts_with("wal-"))
        .collect();
    segments.sort();
    segments.swap_remove(0)
}

/// Flips a bit in the body of a record that has others behind it.
fn damage(segment: &Path) {
    let mut bytes = std::fs::read(segment).unwrap();
    let written = bytes.iter().rposition(|byte| *byte != 0).unwrap();
    bytes[written / 2] ^= 0x20;
    std::fs::write(segment, bytes).unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_damaged_and_a_wiped_disk_are_rebuilt_from_the_peers_and_then_carry_the_majority() {
    let mut site = Site::running().await;
    record(&site.gateways[0], 1..400).await;
    site.kill(1);
    let data = site.dir.path().join("data");
    damage(&oldest_segment(&data.join("n2/wal")));
    site.start(1);
    let rebuilt = generations(&site, 1).await;
    assert!(rebuilt.iter().any(|generation| *generation > 0), "{rebuilt:?}: {}", site.log(1));
    let log = site.log(1);
    assert!(log.contains("damaged") && log.contains("at byte"), "where it is damaged is not said: {log}");
    site.kill(2);
    std::fs::remove_dir_all(data.join("n3")).unwrap();
    record(&site.gateways[0], 400..600).await;
    site.start(2);
    let rebuilt = generations(&site, 2).await;
    assert!(rebuilt.iter().all(|generation| *generation > 0), "{rebuilt:?}: {}", site.log(2));
    site.until_ready(2).await;
    // What is acknowledged from here on rests on the two that were rebuilt.
    site.kill(0);
    record(&site.gateways[1], 600..700).await;
    assert_eq!(found(&site.gateways[2]).await, (1..700).collect::<Vec<u64>>());
}
