//! The console over real HTTP, on top of a synthetic cluster.
#![cfg(test)]

mod synthetic;

use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::Value;
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use troupe_runtime::observe::{Journal as _, Lifecycle};
use troupe_runtime::{NodeId, Timestamp};
use troupe_supervision::RingJournal;
use troupe_supervision::console::{Console, ConsoleConfig};

use synthetic::Synthetic;

struct Running {
    url: String,
    cluster: Arc<Synthetic>,
    journal: Arc<RingJournal>,
    stop: oneshot::Sender<()>,
    served: JoinHandle<std::io::Result<()>>,
}

impl Running {
    async fn start(config: ConsoleConfig) -> Self {
        let started = Timestamp(Timestamp::wall().millis() - 60_000);
        let cluster = Arc::new(Synthetic::new(7, started));
        let journal = Arc::new(RingJournal::default());
        let console = Console {
            inspect: cluster.clone(),
            operate: cluster.clone(),
            cluster: "synthetic".to_owned(),
            trees: cluster.clone(),
            journal: journal.clone(),
            metrics: Arc::new(|| "troupe_test_total 1\n".to_owned()),
            config,
        };
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let (stop, stopped) = oneshot::channel::<()>();
        let served = tokio::spawn(console.serve(listener, async {
            let _ = stopped.await;
        }));
        Self { url, cluster, journal, stop, served }
    }

    async fn get(&self, path: &str) -> reqwest::Response {
        reqwest::get(format!("{}{path}", self.url)).await.unwrap()
    }

    async fn json(&self, path: &str) -> Value {
        self.get(path).await.json().await.unwrap()
    }

    async fn watch(&self) -> Stream {
        Stream { response: self.get("/api/stream").await, text: String::new() }
    }
}

/// Server-sent events, one at a time.
struct Stream {
    response: reqwest::Response,
    text: String,
}

impl Stream {
    async fn next(&mut self) -> Option<(String, Value)> {
        loop {
            if let Some((event, rest)) = self.text.split_once("\n\n") {
                let (mut name, mut data) = (String::new(), String::new());
                for line in event.lines() {
                    match line.split_once(": ") {
                        Some(("event", value)) => name = value.to_owned(),
                        Some(("data", value)) => data = value.to_owned(),
                        _ => {}
                    }
                }
                self.text = rest.to_owned();
                if !data.is_empty() {
                    return Some((name, serde_json::from_str(&data).unwrap()));
                }
                continue;
            }
            let chunk = self.response.chunk().await.ok()??;
            self.text.push_str(&String::from_utf8_lossy(&chunk));
        }
    }

    async fn until(&mut self, what: &str, found: impl Fn(&Value) -> bool) -> Value {
        let searching = async {
            loop {
                let (_, snapshot) = self.next().await.expect("the stream goes on");
                if found(&snapshot) {
                    return snapshot;
                }
            }
        };
        let found = tokio::time::timeout(Duration::from_secs(20), searching).await;
        found.unwrap_or_else(|_| panic!("timed out waiting for {what}"))
    }
}

fn quick() -> ConsoleConfig {
    ConsoleConfig {
        look_timeout: Duration::from_millis(200),
        period: Duration::from_millis(40),
        ..ConsoleConfig::default()
    }
}

#[tokio::test]
async fn a_death_is_awaited_by_name_and_an_unknown_name_is_refused() {
    let console = Running::start(quick()).await;
    let waited = console.json("/api/death?of=members/42&wait_ms=5000").await;
    assert_eq!(waited["death"]["ending"], "failed");
    assert_eq!(waited["death"]["reason"], "it panicked: no such colour");
    let waited = console.json("/api/death?of=n2&wait_ms=20").await;
    assert_eq!((&waited["of"], &waited["death"]), (&Value::from("node-2"), &Value::Null));
    let refused = console.get("/api/death?of=n99").await;
    assert_eq!(refused.status(), 400);
    let refused: Value = refused.json().await.unwrap();
    assert!(refused["detail"].as_str().unwrap().contains("cannot be watched"), "{refused}");
}

#[tokio::test]
async fn the_cluster_shows_every_configured_node_and_its_health() {
    let console = Running::start(quick()).await;
    let cluster = console.json("/api/cluster").await;
    assert_eq!(cluster["here"], 1);
    assert_eq!(cluster["nodes"].as_array().unwrap().len(), 3);
    assert_eq!(cluster["nodes"][0]["view"]["shards"][6]["role"], "leader");
    assert_eq!(cluster["health"]["level"], "degraded", "one replica of n2 is down");
    let health = console.json("/api/health").await;
    assert_eq!(health, cluster["health"]);
    assert_eq!(health["problems"][0], "n2 has 1 replica in trouble: 8");
}

#[tokio::test]
async fn a_node_that_never_answers_is_shown_with_the_reason_and_delays_no_other_node() {
    let console = Running::start(quick()).await;
    console.cluster.hang(NodeId(3));
    let asked = Instant::now();
    let cluster = console.json("/api/cluster").await;
    assert!(asked.elapsed() < Duration::from_secs(5));
    assert_eq!(cluster["nodes"][2]["view"], Value::Null);
    assert_eq!(cluster["nodes"][2]["unseen"]["code"], "NOT_SENT");
    assert_eq!(cluster["nodes"][2]["unseen"]["reason"], "not sent: no answer within 200 ms");
    assert_eq!(cluster["health"]["level"], "down", "shards that n3 led have no leader to be seen");
    let tree = console.json("/api/tree").await;
    assert_eq!(tree[2]["unseen"]["code"], "NOT_SENT");
    assert_eq!(tree[0]["view"]["actors"][0]["path"], "node");
    let journal = console.json("/api/journal").await;
    assert_eq!(journal["missing"], serde_json::json!([3]));
}

#[tokio::test]
async fn the_journal_merges_all_nodes_newest_first_up_to_the_limit() {
    let console = Running::start(quick()).await;
    console.journal.record(Lifecycle {
        at: Timestamp(Timestamp::wall().millis() + 60_000),
        node: NodeId(1),
        subject: "n1".into(),
        change: "started".into(),
        reason: "boot".into(),
    });
    let journal = console.json("/api/journal?limit=4").await;
    let records = journal["records"].as_array().unwrap();
    assert_eq!(records.len(), 4);
    assert_eq!((&records[0]["node"], &records[0]["reason"]), (&1.into(), &"boot".into()));
    assert!(records.is_sorted_by_key(|record| std::cmp::Reverse(record["at"].as_u64())));
    assert!(records.iter().any(|record| record["node"] == 2));
    let about = console.json("/api/journal?limit=1&about=n1").await;
    let subjects: Vec<&Value> =
        about["records"].as_array().unwrap().iter().map(|one| &one["subject"]).collect();
    assert_eq!(subjects, ["n1"], "one record about it is among the others: {about}");
    let nothing = console.json("/api/journal?about=unknown").await;
    assert_eq!(nothing["records"], serde_json::json!([]));
}

#[tokio::test]
async fn an_entity_is_shown_with_its_state_as_json_and_keys_are_found_by_prefix() {
    let console = Running::start(quick()).await;
    let entity = console.json("/api/entity/members/42").await;
    assert_eq!(entity["state"]["seen"], 117);
    assert_eq!(entity["recent"].as_array().unwrap().len(), 6);
    let nested = console.json("/api/entity/members/a/b%20c").await;
    assert_eq!(nested["address"]["key"], "a/b c");
    let keys = console.json("/api/keys/members?prefix=4&limit=3").await;
    assert_eq!(keys["next"], keys["keys"][2]);
    let after = keys["next"].as_str().unwrap();
    let next = console.json(&format!("/api/keys/members?prefix=4&limit=3&after={after}")).await;
    assert!(next["keys"][0].as_str().unwrap() > after, "{next}");
    let last = console.json("/api/keys/members?prefix=899&limit=3").await;
    assert!(last["next"].is_null(), "{last}");
    assert_eq!(keys["keys"], serde_json::json!(["4", "40", "400"]));
}

#[tokio::test]
async fn a_node_that_expects_another_cluster_is_refused_before_it_joins() {
    let console = Running::start(quick()).await;
    let node = serde_json::json!({
        "id": 4, "name": "n4", "mesh": "127.0.0.1:7104", "gateway": "127.0.0.1:8084", "admin": "127.0.0.1:9094"
    });
    let client = reqwest::Client::new();
    for (belief, status, says) in [
        ("?cluster=other&shards=12", 409, "this cluster is"),
        ("?cluster=synthetic&shards=13", 409, "this cluster has 12"),
        ("?colour=red", 400, "colour"),
        ("?cluster=synthetic&shards=12", 200, ""),
        ("", 200, ""),
    ] {
        let url = format!("{}/api/nodes{belief}", console.url);
        let answer = client.post(url).json(&node).send().await.unwrap();
        assert_eq!(answer.status().as_u16(), status, "{belief}");
        assert!(answer.text().await.unwrap().contains(says), "{belief}");
        let cluster = console.json("/api/cluster").await;
        let joined =
            cluster["members"].as_array().unwrap().iter().any(|member| member["record"]["name"] == "n4");
        assert_eq!(joined, status == 200, "{belief}: {cluster}");
    }
}

#[tokio::test]
async fn errors_are_problems_with_a_code_and_a_status() {
    let console = Running::start(quick()).await;
    let long = format!("/api/entity/members/{}", "k".repeat(300));
    for (path, status, code) in [
        ("/api/entity/movies/1", 404, "UNKNOWN_KIND"),
        ("/api/keys/movies", 404, "UNKNOWN_KIND"),
        (long.as_str(), 400, "BAD_KEY"),
        ("/api/journal?limit=many", 400, "BAD_QUERY"),
        ("/nowhere", 404, "NO_SUCH_ROUTE"),
    ] {
        let answer = console.get(path).await;
        assert_eq!(answer.status().as_u16(), status, "{path}");
        assert_eq!(answer.headers()["content-type"], "application/problem+json", "{path}");
        let problem: Value = answer.json().await.unwrap();
        assert_eq!((&problem["code"], &problem["status"]), (&code.into(), &status.into()), "{path}");
    }
    let client = reqwest::Client::new();
    let posted = client.post(format!("{}/api/cluster", console.url)).send().await.unwrap();
    assert_eq!(posted.status().as_u16(), 405);
}

#[tokio::test]
async fn the_stream_sends_snapshots_with_rates_and_continues_when_a_node_dies() {
    let console = Running::start(quick()).await;
    let mut stream = console.watch().await;
    let busy = |snapshot: &Value| {
        let rates = snapshot["cluster"]["rates"].as_array().unwrap();
        rates.len() == 3 && rates.iter().all(|node| node["commands"].as_f64().unwrap() > 0.0)
    };
    let snapshot = stream.until("rates of all nodes", busy).await;
    assert_eq!(snapshot["tree"].as_array().unwrap().len(), 3);
    assert!(!snapshot["journal"]["records"].as_array().unwrap().is_empty());
    assert_eq!(snapshot["cluster"]["rates"][0]["shards"].as_array().unwrap().len(), 13);

    console.cluster.hang(NodeId(2));
    let dead = |snapshot: &Value| snapshot["cluster"]["nodes"][1]["unseen"]["code"] == "NOT_SENT";
    let snapshot = stream.until("the dead node", dead).await;
    assert!(snapshot["cluster"]["nodes"][0]["view"].is_object());
    assert_eq!(snapshot["cluster"]["rates"].as_array().unwrap().len(), 2);
}

#[tokio::test]
async fn the_poller_stops_without_clients_and_starts_again_without_old_rates() {
    let console = Running::start(quick()).await;
    let rates = |snapshot: &Value| snapshot["cluster"]["rates"].as_array().unwrap().len();
    console.watch().await.until("rates of all nodes", |snapshot| rates(snapshot) == 3).await;
    let afresh = async {
        // A poller that had continued would know rates at once; a new one has no earlier counters.
        while console.watch().await.next().await.map(|(_, snapshot)| rates(&snapshot)) != Some(0) {}
    };
    tokio::time::timeout(Duration::from_secs(20), afresh).await.expect("a new poller starts");
}

#[tokio::test]
async fn more_streams_than_allowed_are_refused() {
    let console = Running::start(ConsoleConfig { streams_max: 1, ..quick() }).await;
    let mut first = console.watch().await;
    assert_eq!(first.next().await.map(|(event, _)| event).as_deref(), Some("snapshot"));
    let second = console.get("/api/stream").await;
    assert_eq!(second.status().as_u16(), 503);
    let problem: Value = second.json().await.unwrap();
    assert_eq!((&problem["code"], &problem["retryable"]), (&"TOO_MANY_STREAMS".into(), &true.into()));
}

#[tokio::test]
async fn the_page_loads_only_its_own_files_and_metrics_are_text() {
    let console = Running::start(quick()).await;
    let page = console.get("/").await;
    let policy = page.headers()["content-security-policy"].to_str().unwrap().to_owned();
    assert!(policy.starts_with("default-src 'self'"));
    let mut text = page.text().await.unwrap();
    for id in [
        "health",
        "node-card",
        "shard-map",
        "tree",
        "journal",
        "entity-form",
        "entity-state",
        "entity-messages",
    ] {
        let mark = format!("data-testid=\"{id}\"");
        let built = format!("'data-testid': '{id}'");
        let mut found = text.contains(&mark);
        for script in ["main", "nodes", "shards", "tree", "journal", "entity"] {
            found |= console.get(&format!("/{script}.js")).await.text().await.unwrap().contains(&built);
        }
        assert!(found, "{id}");
    }
    for file in
        ["style.css", "main.js", "dom.js", "nodes.js", "shards.js", "tree.js", "journal.js", "entity.js"]
    {
        let asset = console.get(&format!("/{file}")).await;
        assert_eq!(asset.status().as_u16(), 200, "{file}");
        text.push_str(&asset.text().await.unwrap());
    }
    assert!(!text.contains("innerHTML"));
    let elsewhere = text.replace("http://www.w3.org/2000/svg", "");
    assert!(!elsewhere.contains("http://") && !elsewhere.contains("https://"));
    let metrics = console.get("/metrics").await;
    assert!(metrics.headers()["content-type"].to_str().unwrap().starts_with("text/plain"));
    assert_eq!(metrics.text().await.unwrap(), "troupe_test_total 1\n");
}

#[tokio::test]
async fn a_stop_ends_the_streams_and_then_the_server() {
    let console = Running::start(quick()).await;
    let mut stream = console.watch().await;
    assert!(stream.next().await.is_some());
    console.stop.send(()).unwrap();
    let ended = async { while stream.next().await.is_some() {} };
    tokio::time::timeout(Duration::from_secs(10), ended).await.expect("the stream ends");
    let served = tokio::time::timeout(Duration::from_secs(10), console.served).await;
    served.expect("the server ends").unwrap().unwrap();
}
