//! Runs' metadata over HTTP: beats and artifacts of many tasks at once, each durable on three nodes before it is answered,
//! beside the same requests to a server that keeps them in one file of its own.

use std::time::Instant;

use crate::pace;
use anyhow::{Context as _, ensure};
use serde_json::{Value, json};

use super::cluster::Scene;
use troupe_local_cluster::figures::{Goal, Report, percentile_ms};

/// Runs, and tasks of each.
const RUNS: usize = 64;
const TASKS: usize = 8;
/// Requests in flight, and requests of one measurement.
const IN_FLIGHT: usize = 256;
const BEATS: usize = 60_000;
const ARTIFACT_CALLS: usize = 20_000;
/// Artifacts of one request: what a task of a small flow makes.
const ARTIFACTS: usize = 5;
/// A hundred times the 95 artifacts a second that MLflow's server writes on a machine of this kind.
const GOAL_PER_S: f64 = 9_500.0;
const STEP: &str = "each";

/// Where requests go, in turn.
struct Ends {
    http: reqwest::Client,
    gateways: Vec<String>,
}

impl Ends {
    async fn post(&self, at: usize, path: &str, body: &Value) -> anyhow::Result<Value> {
        let gateway = &self.gateways[at % self.gateways.len()];
        let said = self.http.post(format!("{gateway}/metaflow{path}")).json(body).send().await?;
        let status = said.status();
        let text = said.text().await?;
        ensure!(status.is_success(), "{path} was answered {status}: {text}");
        Ok(serde_json::from_str(&text).unwrap_or(Value::Null))
    }
}

/// The path of a task; a round takes them in turn, so that neighbours belong to different runs.
fn task_path(runs: &[String], at: usize) -> String {
    let run = &runs[at % RUNS];
    let task = 1 + at / RUNS % TASKS;
    format!("/flows/Bench/runs/{run}/steps/{STEP}/tasks/{task}")
}

async fn scenery(ends: &Ends) -> anyhow::Result<Vec<String>> {
    ends.post(0, "/flows/Bench", &json!({})).await?;
    let mut runs = Vec::with_capacity(RUNS);
    for at in 0..RUNS {
        let run = ends.post(at, "/flows/Bench/run", &json!({ "user_name": "bench" })).await?;
        let run = run["run_number"].as_u64().context("a run has a number")?.to_string();
        let step = format!("/flows/Bench/runs/{run}/steps/{STEP}");
        ends.post(at, &format!("{step}/step"), &json!({})).await?;
        for _ in 0..TASKS {
            ends.post(at, &format!("{step}/task"), &json!({})).await?;
        }
        runs.push(run);
    }
    Ok(runs)
}

fn products(at: usize) -> Value {
    (0..ARTIFACTS)
        .map(|which| {
            json!({
                "name": format!("artifact-{}-{which}", at / (RUNS * TASKS)), "attempt_id": 0, "ds_type": "s3",
                "type": "metaflow.artifact", "content_type": "pickle-v4", "sha": format!("{at:040x}"),
                "location": format!("s3://bucket/metaflow/Bench/data/{at:08x}"), "user_name": "bench",
                "tags": [], "system_tags": ["user:bench", "runtime:dev", "python_version:3.11.7", "metaflow_version:2.19.39"],
            })
        })
        .collect()
}

/// Calls a second, and how long each took.
async fn timed<F>(count: usize, call: impl Fn(usize) -> F) -> anyhow::Result<(f64, Vec<u64>)>
where
    F: Future<Output = anyhow::Result<()>>,
{
    let start = Instant::now();
    let samples = pace::closed(count, IN_FLIGHT, call).await?;
    #[allow(clippy::cast_precision_loss, reason = "a count of calls")]
    let per_s = count as f64 / start.elapsed().as_secs_f64();
    Ok((per_s, samples))
}

pub(super) async fn measure(scene: &Scene<'_>, report: &mut Report) -> anyhow::Result<()> {
    println!("metadata: {BEATS} beats and {ARTIFACT_CALLS} lists of artifacts, {IN_FLIGHT} in flight");
    let http = reqwest::Client::builder().no_proxy().build()?;
    let ends = Ends { http: http.clone(), gateways: scene.stage.gateways() };
    let floor = Ends { http, gateways: vec![scene.floor_url()] };
    let runs = scenery(&ends).await?;
    let beat = async |ends: &Ends, count: usize| {
        timed(count, |at| {
            let path = format!("{}/heartbeat", task_path(&runs, at));
            async move { ends.post(at, &path, &json!({})).await.map(drop) }
        })
        .await
    };
    beat(&ends, BEATS / 10).await?;
    let (beats, mut beat_samples) = beat(&ends, BEATS).await?;
    let (floor_beats, _) = beat(&floor, BEATS / 10).await?;
    report.beside("metadata.beats_per_s", beats, "beats/s", floor_beats, Goal::AtLeast(GOAL_PER_S));
    report.add("metadata.beat_p99_ms", percentile_ms(&mut beat_samples, 0.99), "ms", Goal::None);
    let add = async |ends: &Ends, count: usize| {
        timed(count, |at| {
            let path = format!("{}/artifact", task_path(&runs, at));
            async move { ends.post(at, &path, &products(at)).await.map(drop) }
        })
        .await
    };
    let (calls, mut samples) = add(&ends, ARTIFACT_CALLS).await?;
    let (floor_calls, _) = add(&floor, ARTIFACT_CALLS / 10).await?;
    #[allow(clippy::cast_precision_loss, reason = "a small count")]
    let each = ARTIFACTS as f64;
    let goal = Goal::AtLeast(GOAL_PER_S);
    report.beside("metadata.artifacts_per_s", calls * each, "artifacts/s", floor_calls * each, goal);
    report.add("metadata.artifact_calls_per_s", calls, "requests/s", Goal::None);
    report.add("metadata.artifact_p99_ms", percentile_ms(&mut samples, 0.99), "ms", Goal::None);
    // What was acknowledged is there: each task made what its requests said.
    let last = task_path(&runs, RUNS * TASKS - 1);
    let found = ends.http.get(format!("{}/metaflow{last}/artifacts", ends.gateways[0])).send().await?;
    let found: Vec<Value> = found.error_for_status()?.json().await?;
    let expected = ARTIFACTS * ((ARTIFACT_CALLS - 1 - (RUNS * TASKS - 1)) / (RUNS * TASKS) + 1);
    ensure!(found.len() == expected, "a task has {} artifacts of {expected}", found.len());
    Ok(())
}
