//! The pages of an experiment, a canary and a monitor in a real browser.

use std::fmt::Write as _;

use serde_json::{Value, json};
use troupe_runtime::Timestamp;

use super::binary::Site;
use super::browser::Browser;
use super::http::Http;

const MEMBERS: usize = 240;
const DRAWN: &str = "document.querySelector('[data-testid=entity-drawn]')";
const JSON: [(&str, &str); 1] = [("content-type", "application/json")];

/// A client of one gateway.
struct Edge {
    http: Http,
    gateway: String,
}

impl Edge {
    async fn post(&self, path: &str, body: impl Into<reqwest::Body>) -> Value {
        let said = self.http.post(&format!("{}{path}", self.gateway), &JSON, body).await;
        assert!(said.status < 300, "{path}: {} {}", said.status, said.body["detail"]);
        said.body
    }

    async fn tell(&self, entity: &str, verb: &str, body: Value) -> Value {
        self.post(&format!("/v1/actors/{entity}/{verb}"), body.to_string()).await
    }

    async fn until(&self, what: &str, path: &str, holds: impl Fn(&Value) -> bool) -> Value {
        for _ in 0..400 {
            let said = self.http.get(&format!("{}{path}", self.gateway)).await;
            if said.status == 200 && holds(&said.body) {
                return said.body;
            }
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        }
        panic!("waited in vain: {what}");
    }

    /// An experiment whose new variation is slower by the whole of the old delay, and less watched.
    async fn experiment(&self) {
        let variations = json!([{ "name": "old" }, { "name": "new" }]);
        let spec = json!({ "model": "recommend", "variations": variations, "weights": [0.5, 0.5] });
        self.tell("experiments/artwork", "define", json!({ "spec": spec })).await;
        let metrics = json!([
            { "name": "hours", "event": "play", "of": "sum" },
            { "name": "delay", "event": "wait", "of": "sum", "quantile": 0.5, "good": "down" },
        ]);
        let plan = json!({ "metrics": metrics, "look_every_ms": 3_600_000 });
        self.tell("experiments/artwork", "plan", json!({ "plan": plan })).await;
        self.tell("experiments/artwork", "start", json!({})).await;
        for member in 0..MEMBERS {
            let variation = if member % 2 == 0 { "old" } else { "new" };
            let expose = json!({ "experiment": "artwork", "variation": variation });
            self.tell(&format!("participants/m{member}"), "expose", expose).await;
        }
        let (at, mut events) = (Timestamp::wall().0, String::new());
        for member in 0..MEMBERS {
            let (hours, delay) = if member % 2 == 0 { (3.0, 100.0) } else { (2.0, 200.0) };
            for (kind, value) in [("play", hours + (member % 7) as f64 / 10.0), ("wait", delay)] {
                let name = format!("m{member}");
                let event = json!({ "member": name, "content": "7", "type": kind, "value": value, "at": at });
                writeln!(events, "{event}").unwrap();
            }
        }
        self.post("/v1/events", events).await;
        for _ in 0..200 {
            let look = self.tell("outcomes/artwork", "look", json!({})).await;
            // Each event is forwarded by its member: the sums are whole once they stay.
            if look["measured"][1]["n"] == MEMBERS / 2 && look["verdict"] == "loser" {
                return;
            }
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        }
        panic!("the experiment was never decided");
    }

    /// A canary of a time that is past, whose candidate is slower; its id.
    async fn canary(&self) -> String {
        let metric = json!({ "name": "latency", "groups": ["g"], "query": { "type": "troupe" },
            "analysisConfigurations": { "canary": { "direction": "increase" } } });
        let config = json!({ "name": "movies", "applications": ["movies"], "metrics": [metric] });
        let start = 1_700_000_000_000_u64;
        for (scope, worse) in [("old", 0.0), ("new", 20.0)] {
            let points: Vec<Value> =
                (0..60_u64).map(|at| json!([start + at * 60_000, (at * 7 % 13) as f64 + worse])).collect();
            self.tell(&format!("series/latency:{scope}"), "append", json!({ "points": points })).await;
        }
        let side = |scope: &str| json!({ "scope": scope, "start": "2023-11-14T22:13:20Z", "end": "2023-11-14T23:13:20Z", "step": 60 });
        let scopes = json!({ "default": { "controlScope": side("old"), "experimentScope": side("new") } });
        let request = json!({ "scopes": scopes, "thresholds": { "pass": 90, "marginal": 50 } });
        let asked = json!({ "canaryConfig": config, "executionRequest": request });
        let id =
            self.post("/canary", asked.to_string()).await["canaryExecutionId"].as_str().unwrap().to_owned();
        self.until("the judgement", &format!("/canary/{id}"), |said| said["complete"] == true).await;
        id
    }

    /// A monitor whose second feature has drifted.
    async fn monitor(&self) {
        let spec = json!({ "subject": "models/recommend", "features": [{ "name": "calm" }, { "name": "moved" }],
            "options": { "window": 100 }, "errors": [{ "kind": "adwin" }] });
        self.tell("monitors/ratings", "define", json!({ "spec": spec })).await;
        for batch in 0..8_u32 {
            let more = if batch < 5 { 0.0 } else { 50.0 };
            let row = |at: u32| {
                let value = f64::from(at * 37 % 100);
                json!({ "values": [value, value + more], "error": f64::from(u8::from(at.is_multiple_of(10))) })
            };
            let rows: Vec<Value> = (0..200).map(row).collect();
            self.tell("monitors/ratings", "observe", json!({ "rows": rows })).await;
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_pages_of_judges_show_what_was_decided_and_the_figures_behind_it() {
    let Some(browser) = Browser::start().await else { return };
    let site = Site::running().await;
    let edge = Edge { http: Http::new(), gateway: site.gateways[0].clone() };
    edge.experiment().await;
    let canary = edge.canary().await;
    edge.monitor().await;

    browser.open(&site.admins[0]).await;
    let lists = "document.querySelector('[data-testid=judges]').textContent";
    for listed in ["artwork", "ratings", canary.as_str()] {
        browser.until("every judge is listed", &format!("{lists}.includes('{listed}')")).await;
    }
    let shows = |text: &str| format!("{DRAWN}.textContent.includes('{text}')");
    let picture = |label: &str| format!("{DRAWN}.querySelector('svg[aria-label=\"{label}\"]')");
    let mut pages = vec![];
    for (entity, texts, pictures) in [
        ("experiments/artwork", vec!["loser, decided", "old", "new"], vec![]),
        // The second delay is the first one again: in parts of it, not in milliseconds.
        (
            "outcomes/artwork",
            vec!["loser, decided", "100.00 %"],
            vec!["effect on hours in new", "effect on delay in new"],
        ),
        (&*format!("canaries/{canary}"), vec!["failed", "High"], vec!["latency, baseline and canary"]),
        (
            "monitors/ratings",
            vec!["models/recommend", "1,600 rows", "moved", "fired"],
            vec!["PSI of calm", "PSI of moved", "errors"],
        ),
    ] {
        browser.run(&format!("location.hash = '#{entity}'")).await;
        for text in texts {
            browser.until(&format!("{entity} shows {text}"), &shows(text)).await;
        }
        for label in pictures {
            browser.until(&format!("{entity} shows {label}"), &picture(label)).await;
        }
        let page = browser.run(&format!("return {DRAWN}.innerText")).await;
        let page = page.as_str().unwrap().to_owned();
        assert!(!page.contains("cannot be drawn") && !page.contains("NaN"), "{entity}: {page}");
        pages.push(page);
    }
    let marked = format!("{DRAWN}.querySelectorAll('.bad').length > 0");
    browser.until("the drift is marked", &marked).await;
}
