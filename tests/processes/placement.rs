//! Nodes come and go by command, under load, and no call fails.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::binary::{Site, troupe};

/// So many that none forgets the oldest of these events.
const MEMBERS: u64 = 61;

/// Sends events one after another until stopped; their times. None may fail.
async fn write(gateways: Vec<String>, stop: Arc<AtomicBool>) -> u64 {
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let mut at = 1;
    while !stop.load(Ordering::Relaxed) {
        let gateway = &gateways[at as usize % gateways.len()];
        let line =
            format!("{{\"member\":\"m{}\",\"content\":\"7\",\"type\":\"play\",\"at\":{at}}}", at % MEMBERS);
        let answer = client.post(format!("{gateway}/v1/events")).body(line).send().await.unwrap();
        let status = answer.status();
        let body: Value = answer.json().await.unwrap();
        assert_eq!((status.as_u16(), &body["accepted"]), (200, &json!(1)), "event {at}: {body}");
        at += 1;
    }
    at - 1
}

async fn found(gateway: &str) -> Vec<u64> {
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let mut times: Vec<u64> = Vec::new();
    for member in 0..MEMBERS {
        let url = format!("{gateway}/v1/actors/members/m{member}/get-history");
        let reply: Value = client.post(url).json(&json!({})).send().await.unwrap().json().await.unwrap();
        let interactions = reply["interactions"].as_array().unwrap_or_else(|| panic!("{reply}"));
        times.extend(interactions.iter().map(|one| one["at"].as_u64().unwrap()));
    }
    times.sort_unstable();
    times
}

/// Runs a command against a console; what it printed and whether it was done.
async fn act(admin: &str, arguments: &[&str]) -> (bool, String) {
    let mut command = troupe();
    command.args(arguments).args(["--admin", admin.trim_start_matches("http://")]);
    let output = tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap();
    let text =
        String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    (output.status.success(), text)
}

async fn replicas(admin: &str, node: &str) -> usize {
    let cluster: Value = reqwest::get(format!("{admin}/api/cluster")).await.unwrap().json().await.unwrap();
    let nodes = cluster["nodes"].as_array().unwrap();
    let Some(view) = nodes.iter().find(|seen| seen["name"] == node).map(|seen| &seen["view"]) else {
        return 0;
    };
    let votes = |shard: &&Value| shard["role"] == "leader" || shard["role"] == "follower";
    view["shards"].as_array().map_or(0, |shards| shards.iter().filter(votes).count())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_joins_by_command_and_another_is_drained_stopped_and_removed_without_a_failed_call() {
    let mut site = Site::running().await;
    let stop = Arc::new(AtomicBool::new(false));
    // The first node will be stopped: no client calls it.
    let writer = tokio::spawn(write(site.gateways[1..].to_vec(), stop.clone()));
    let fourth = site.join();
    site.until_ready(fourth).await;
    let admin = site.admins[1].clone();
    let start = Instant::now();
    while replicas(&admin, "n4").await < 3 {
        assert!(start.elapsed() < Duration::from_secs(30), "it takes no share: {}", site.log(fourth));
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let (_, tree) = act(&admin, &["tree"]).await;
    assert!(tree.contains("node-4: running"), "{tree}");
    let (done, said) = act(&admin, &["cordon", "n9", "--yes"]).await;
    assert!(!done && said.contains("the nodes are n1, n2, n3, n4"), "{said}");
    let (done, said) = act(&admin, &["remove", "n1", "--yes"]).await;
    assert!(!done && said.contains("drain it first"), "{said}");
    let (done, said) = act(&admin, &["drain", "n1"]).await;
    assert!(!done && said.contains("--yes"), "it did not ask: {said}");
    let (done, said) = act(&admin, &["drain", "n1", "--yes", "--wait", "60s"]).await;
    assert!(done && said.contains("can be stopped"), "{said}\n{}", site.log(0));
    let (_, said) = act(&admin, &["status"]).await;
    assert!(said.lines().any(|line| line.starts_with("n1") && line.contains("draining")), "{said}");
    site.stop(0);
    let (done, said) = act(&admin, &["remove", "n1", "--yes"]).await;
    assert!(done, "{said}");
    let (done, said) = act(&admin, &["move", "2", "n4", "--yes", "--wait", "60s"]).await;
    assert!(done && said.contains("n4 leads shard 2"), "{said}\n{}", site.log(fourth));
    let placed: Value = reqwest::get(format!("{admin}/api/placement")).await.unwrap().json().await.unwrap();
    assert_eq!(placed["pinned"], json!([2]), "{placed}");
    let (done, said) = act(&admin, &["release", "2", "--yes"]).await;
    assert!(done && said.contains("moved for balance again"), "{said}");
    stop.store(true, Ordering::Relaxed);
    let acknowledged = writer.await.unwrap();
    assert!(acknowledged > 100, "only {acknowledged}");
    // The one that joined comes back from its own disk, without a second --join.
    site.kill(fourth);
    let config = site.dir.path().join("n4.toml");
    site.start_as(fourth, &config, &[]);
    site.until_ready(fourth).await;
    let found = found(&site.gateways[fourth]).await;
    let lost: Vec<u64> = (1..=acknowledged).filter(|at| found.binary_search(at).is_err()).take(9).collect();
    assert!(lost.is_empty(), "{lost:?} and perhaps more of {acknowledged} are lost");
    assert_eq!(found.len() as u64, acknowledged, "and none came twice");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_is_not_let_in_under_anothers_name_or_into_another_cluster() {
    let mut site = Site::new();
    for node in 0..3 {
        site.start(node);
    }
    site.until_ready(0).await;
    let seed = site.admins[0].trim_start_matches("http://").to_owned();
    let own = |cluster: &str, id: u16, name: &str| {
        format!(
            "[cluster]\n{cluster}\n[[nodes]]\nid = {id}\nname = \"{name}\"\nmesh = \"127.0.0.1:9\"\n\
             gateway = \"127.0.0.1:10\"\nadmin = \"127.0.0.1:11\"\n"
        )
    };
    for (text, expected) in [
        (own("shards = 4", 4, "n2"), "those of n2 (2)"),
        (own("shards = 4\nname = \"other\"", 4, "n4"), "set it to \"troupe\""),
        (own("shards = 5", 4, "n4"), "set it to 4"),
    ] {
        let config = site.dir.path().join("stranger.toml");
        std::fs::write(&config, text).unwrap();
        let name = if expected.contains("n2") { "n2" } else { "n4" };
        let output = troupe()
            .args(["node", "--name", name, "--join", &seed, "--config"])
            .arg(&config)
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(!output.status.success() && said.contains(expected), "{expected}: {said}");
    }
    let (_, said) = act(&site.admins[0], &["status"]).await;
    assert!(!said.contains("n4"), "a node that was not let in is waited for: {said}");
}
