//! The page of a run in a real browser: its status with the reason, its tasks over time, and its artifacts.

use serde_json::json;

use super::binary::Site;
use super::browser::Browser;
use super::http::Http;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_page_of_a_run_shows_its_status_its_tasks_and_its_lineage() {
    let Some(browser) = Browser::start().await else { return };
    let site = Site::running().await;
    let http = Http::new();
    let tell = async |path: &str, body: serde_json::Value| {
        let said = http.post(&format!("{}{path}", site.gateways[0]), &[], body.to_string()).await;
        assert_eq!(said.status, 200, "{path}: {:?}", said.body);
    };
    tell("/metaflow/flows/Drawn", json!({})).await;
    tell("/metaflow/flows/Drawn/run", json!({ "user_name": "ann", "tags": ["<b>bold</b>"] })).await;
    for (step, task) in [("start", 1), ("train", 2), ("train", 3), ("end", 4)] {
        if task != 3 {
            tell(&format!("/metaflow/flows/Drawn/runs/1/steps/{step}/step"), json!({})).await;
        }
        tell(&format!("/metaflow/flows/Drawn/runs/1/steps/{step}/task"), json!({})).await;
        let said = json!([{ "field_name": "attempt_ok", "type": "internal_attempt_status", "tags": ["attempt_id:0"],
            "value": if task == 3 { "False" } else { "True" } }]);
        tell(&format!("/metaflow/flows/Drawn/runs/1/steps/{step}/tasks/{task}/metadata"), said).await;
    }
    let made = json!([{ "name": "weights", "sha": "0123456789abcdef", "content_type": "pickle-v4" }]);
    tell("/metaflow/flows/Drawn/runs/1/steps/train/tasks/2/artifact", made).await;
    for (from, to) in
        [("dataset:plays", "run:Drawn/1"), ("run:Drawn/1", "model:m@1"), ("model:m@1", "deployment:d:1")]
    {
        tell("/v1/lineage", json!({ "from": from, "to": to, "how": "made" })).await;
    }

    browser.open(&format!("{}/#flows/Drawn", site.admins[0])).await;
    let drawn = "document.getElementById('entity-drawn')";
    browser
        .until(
            "the flow lists its run",
            &format!("{drawn}.querySelector('a[href=\"#runs/Drawn%2F1\"]') !== null"),
        )
        .await;
    browser.click("#entity-drawn a[href=\"#runs/Drawn%2F1\"]").await;
    let status = "document.querySelector('[data-testid=run-status]')?.innerText ?? ''";
    browser.until("its status", &format!("({status}).startsWith('completed: step end succeeded at ')")).await;
    let bars = |tone: &str| format!("document.querySelectorAll('[data-testid=timeline] g.{tone}').length");
    browser
        .until("four tasks, one that failed", &format!("{} === 3 && {} === 1", bars("good"), bars("bad")))
        .await;
    browser.until("an artifact", &format!("{drawn}.innerText.includes('0123456789ab')")).await;
    browser.until("a tag is text", &format!("{drawn}.innerText.includes('<b>bold</b>')")).await;
    let nodes = "document.querySelectorAll('[data-testid=lineage] [data-node]').length";
    browser.until("its lineage both ways", &format!("{nodes} === 4")).await;
    browser.click("[data-testid=run-status] a[href^=\"#lineage/\"]").await;
    let shown = "document.querySelector('[data-testid=lineage] [data-node=\"deployment:d:1\"]')";
    browser
        .until(
            "the page of its lineage",
            &format!("{shown} !== null && location.hash.startsWith('#lineage/')"),
        )
        .await;
}
