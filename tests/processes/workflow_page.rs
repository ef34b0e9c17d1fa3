//! Workflows for people: pushed and watched from the terminal, and drawn by the console in a real browser.

use std::process::Output;

use super::binary::{Site, troupe};
use super::browser::Browser;

const DEFINITION: &str = "
Workflow:
  id: drawn
  owner: tester
  jobs:
  - job:
      id: first
      type: NoOp
      transition: [each]
  - foreach:
      id: each
      concurrency: 2
      loop_params:
        i: [1, 2, 3]
      jobs:
      - job:
          id: inner
          type: NoOp
      transition:
      - IF limit > 2 THEN long
      - OTHERWISE short
  - job:
      id: long
      type: Sleep
      sleep_seconds: 600
  - job:
      id: short
      type: NoOp
  limit: 3
";

/// Runs `troupe workflow` against the first node.
fn workflow(site: &Site, words: &[&str]) -> Output {
    let gateway = site.gateways[0].trim_start_matches("http://");
    troupe().arg("workflow").args(words).args(["--gateway", gateway]).output().unwrap()
}

fn said(output: &Output) -> String {
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{out}{err}");
    out.into_owned()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_workflow_is_pushed_and_watched_from_the_terminal_and_drawn_by_the_console() {
    let site = Site::running().await;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("drawn.yaml");
    std::fs::write(&file, DEFINITION).unwrap();
    let file = file.to_str().unwrap();
    assert!(said(&workflow(&site, &["validate", file])).contains("is valid"));
    assert_eq!(said(&workflow(&site, &["push", file])).trim(), "drawn version 1");
    let done = said(&workflow(&site, &["start", "drawn", "--param", "limit=1", "--wait", "30s"]));
    assert!(done.contains("run 1: SUCCEEDED") && done.contains("3 of 3"), "{done}");
    let second = ["start", "drawn", "--request-id", "second"];
    assert!(said(&workflow(&site, &second)).contains("instance 2: CREATED"));
    assert!(said(&workflow(&site, &second)).contains("instance 2: DUPLICATED"));
    assert!(said(&workflow(&site, &["list"])).contains("drawn"));
    assert!(said(&workflow(&site, &["status", "drawn"])).contains("SUCCEEDED"));
    let bad = folder.path().join("bad.yaml");
    std::fs::write(&bad, DEFINITION.replace("[each]", "[nowhere]")).unwrap();
    let refused = workflow(&site, &["push", bad.to_str().unwrap()]);
    let why = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert_eq!(refused.status.code(), Some(1));
    assert!(why.contains("BAD_DEFINITION") && why.contains("jobs[0].job.transition"), "{why}");

    if let Some(browser) = Browser::start().await {
        drawn(&site, &browser).await;
    }
    assert!(said(&workflow(&site, &["stop", "drawn", "2"])).contains("stop"));
    let ended = said(&workflow(&site, &["status", "drawn", "2"]));
    assert!(ended.contains("STOPPED"), "{ended}");
    assert!(said(&workflow(&site, &["restart", "drawn", "2", "--step", "short"])).contains("run 2"));
}

async fn drawn(site: &Site, browser: &Browser) {
    browser.open(&site.admins[0]).await;
    let lists = "document.querySelector('[data-testid=judges]').textContent";
    browser.until("the workflow is listed", &format!("{lists}.includes('drawn')")).await;
    browser.run("location.hash = '#workflows/drawn'").await;
    let rows = "document.querySelectorAll('[data-testid=instances] tbody tr').length";
    browser.until("its instances are listed", &format!("{rows} === 2")).await;
    let steps = "[...document.querySelectorAll('[data-testid=steps] .stage')]";
    browser.until("its steps are drawn", &format!("{steps}.length === 4")).await;
    browser.click("[data-testid=instances] tbody tr:last-child a").await;
    let status = "document.querySelector('[data-testid=run-status]')?.textContent";
    browser.until("an instance that is over says so", &format!("{status} === 'SUCCEEDED'")).await;
    let good = format!("{steps}.filter((step) => step.classList.contains('good')).length");
    browser.until("what succeeded is seen", &format!("{good} === 3")).await;
    let edges = "document.querySelectorAll('[data-testid=steps] .edge').length";
    browser.until("ways are drawn", &format!("{edges} === 3")).await;
    let bars = "document.querySelectorAll('[data-testid=attempts] rect.good').length";
    browser.until("each attempt has a bar", &format!("{bars} === 3")).await;
    let loops = "document.querySelector('[data-testid=loops]')?.textContent";
    browser.until("the loop's progress is shown", &format!("{loops}.includes('3 of 3')")).await;
    browser.run("location.hash = '#workflow-runs/' + encodeURIComponent('drawn:2')").await;
    browser.until("one that runs says so", &format!("{status} === 'IN_PROGRESS'")).await;
    let running = format!("{steps}.find((step) => step.classList.contains('running'))?.textContent");
    browser.until("the step that runs is seen", &format!("{running}.includes('long')")).await;
}
