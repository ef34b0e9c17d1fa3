//! Nodes that do not belong to the cluster: they are refused without noise, and no member notices.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use serde_json::Value;
use troupe_runtime::transport::mesh::ensure_certificates;

use super::binary::Site;
use super::http::Http;

/// How long a stranger knocks at each node: several pauses of the longest length.
const KNOCKING: Duration = Duration::from_secs(6);

/// What a stranger has that the third node has not.
struct Stranger {
    name: &'static str,
    certs: PathBuf,
    cookie: Option<&'static str>,
    /// What the second node, which it dials or which dials it, says of it.
    said: &'static str,
    /// What its own log says.
    knows: &'static str,
}

/// The site's configuration with certificates from another folder.
fn config_with(site: &Site, certs: &Path, name: &str) -> PathBuf {
    let text = std::fs::read_to_string(site.config()).unwrap();
    let certs = format!("[cluster]\ncerts_dir = {:?}\n", certs.display().to_string());
    let path = site.dir.path().join(format!("{name}.toml"));
    std::fs::write(&path, text.replacen("[cluster]\n", &certs, 1)).unwrap();
    path
}

/// The site's certificates, but for the third node's, which are those of `of`.
fn third_as(site: &Site, of: &str) -> PathBuf {
    let certs = site.dir.path().join("data/certs");
    let other = site.dir.path().join(format!("certs-{of}"));
    std::fs::create_dir(&other).unwrap();
    for entry in std::fs::read_dir(&certs).unwrap() {
        let entry = entry.unwrap();
        std::fs::copy(entry.path(), other.join(entry.file_name())).unwrap();
    }
    for ending in ["pem", "key"] {
        std::fs::copy(certs.join(format!("{of}.{ending}")), other.join(format!("n3.{ending}"))).unwrap();
    }
    other
}

fn strangers(site: &Site) -> Vec<Stranger> {
    let foreign = site.dir.path().join("certs-foreign");
    ensure_certificates(&foreign, "elsewhere", &["n1", "n2", "n3"].map(str::to_owned)).unwrap();
    let cookie = site.dir.path().join("data/certs/cookie");
    std::fs::copy(cookie, foreign.join("cookie")).unwrap();
    vec![
        Stranger {
            name: "cookie",
            certs: site.dir.path().join("data/certs"),
            cookie: Some("another"),
            said: "is the cookie the same",
            knows: " WARN ",
        },
        Stranger { name: "authority", certs: foreign, cookie: None, said: "UnknownIssuer", knows: " WARN " },
        Stranger {
            name: "unknown name",
            certs: third_as(site, "n9"),
            cookie: None,
            said: "the certificate does not name a configured node",
            knows: "n3.pem is not of node n3",
        },
        Stranger {
            name: "name of a peer",
            certs: third_as(site, "n1"),
            cookie: None,
            said: "that node has an active session",
            knows: "n3.pem is not of node n3",
        },
    ]
}

/// Whether a node has a session with the third, by its own account.
async fn meets_third(http: &Http, admin: &str) -> bool {
    let view = http.get(&format!("{admin}/api/cluster")).await;
    let nodes = view.body["nodes"].as_array().unwrap_or_else(|| panic!("{}", view.body));
    let third = nodes.iter().find(|node| node["name"] == "n3").unwrap();
    third["view"].is_object()
}

/// Writes and reads through one node for a while; every call must succeed at once.
async fn keeps_serving(http: &Http, gateway: &str, from: u64) -> u64 {
    let start = Instant::now();
    let mut at = from;
    while start.elapsed() < KNOCKING {
        at += 1;
        let line = format!("{{\"member\":\"m{}\",\"content\":\"7\",\"type\":\"play\",\"at\":{at}}}", at % 7);
        let answer = http.post(&format!("{gateway}/v1/events"), &[("x-deadline-ms", "1000")], line).await;
        assert_eq!((answer.status, &answer.body["accepted"]), (200, &Value::from(1)), "{}", answer.body);
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    at
}

/// Waits until the third's shards are led by the others.
async fn until_served_without_third(http: &Http, gateway: &str, admin: &str) {
    let start = Instant::now();
    loop {
        assert!(start.elapsed() < Duration::from_secs(30), "the third node's shards are not taken over");
        let lines: String = (0..7)
            .map(|member| {
                format!("{{\"member\":\"m{member}\",\"content\":\"7\",\"type\":\"play\",\"at\":1}}\n")
            })
            .collect();
        let answer = http.post(&format!("{gateway}/v1/events"), &[("x-deadline-ms", "1000")], lines).await;
        let taken = |field: &str| answer.body[field].as_u64().unwrap_or(0);
        if taken("accepted") + taken("duplicates") == 7 && !meets_third(http, admin).await {
            return;
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn strangers_are_refused_in_few_words_while_the_healthy_nodes_serve() {
    let mut site = Site::new();
    let names = ["n1", "n2", "n3", "n9"].map(str::to_owned);
    ensure_certificates(&site.dir.path().join("data/certs"), "troupe", &names).unwrap();
    site.serve().await;
    let http = Http::new();
    let (gateway, admin) = (site.gateways[0].clone(), site.admins[0].clone());
    site.kill(2);
    until_served_without_third(&http, &gateway, &admin).await;
    let mut at = 1_000;
    for Stranger { name, certs, cookie, said, knows } in strangers(&site) {
        let before: Vec<usize> = (0..2).map(|node| site.log(node).lines().count()).collect();
        let config = config_with(&site, &certs, name);
        let environment: Vec<(&str, &str)> = cookie.iter().map(|cookie| ("TROUPE_COOKIE", *cookie)).collect();
        site.start_as(2, &config, &environment);
        at = keeps_serving(&http, &gateway, at).await;
        assert!(!meets_third(&http, &admin).await, "{name}: has a session with n1");
        assert_eq!(http.get(&format!("{}/readyz", site.gateways[2])).await.status, 503, "{name}");
        site.kill(2);
        let own = site.log(2);
        assert!(own.lines().count() < 40, "{name}: its own log is full: {own}");
        assert!(own.contains(knows), "{name}: it does not know why it is alone: {own}");
        let logs = [site.log(0), site.log(1)];
        for (log, before) in logs.iter().zip(before) {
            let new: Vec<&str> = log.lines().skip(before).collect();
            println!("{name}: {} lines\n{}", new.len(), new.join("\n"));
            // One for each reason that this side sees; shards that change hands meanwhile say so at another level.
            let complaints =
                new.iter().filter(|line| line.contains(" WARN ") || line.contains(" ERROR ")).count();
            assert!(complaints <= 5, "{name}: {complaints} complaints in {KNOCKING:?}: {new:#?}");
            let disturbed = new.iter().any(|line| line.contains("peer_down"));
            assert!(!disturbed, "{name} broke a session of the others: {new:#?}");
        }
        let told = logs.iter().any(|log| log.contains(said));
        assert!(told, "{name}: no log says why: {}", logs.join("\n--\n"));
    }
    // The cluster holds no grudge: the right node is let in at once.
    site.start(2);
    site.until_ready(2).await;
    assert!(meets_third(&http, &admin).await);
}
