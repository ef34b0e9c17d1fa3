//! What a step costs beside what it does, and a loop of a hundred thousand iterations.

use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use serde_json::{Value, json};

use super::Scene;
use troupe_local_cluster::figures::{Goal, Report, percentile_ms};

/// Steps of a chain, each of which waits for the one before it.
const STEPS: usize = 20;
/// Chains, one after the other.
const CHAINS: usize = 20;
/// Of two parameters: every pair is an iteration.
const SIDES: [u64; 2] = [400, 250];
const ITERATIONS: u64 = SIDES[0] * SIDES[1];
const WITHIN: Duration = Duration::from_secs(300);

/// Steps that leave the engine: each is a task that a node claims, does and ends. What is done is a call of a node's
/// health, which is also made by itself, as the baseline.
pub(super) async fn steps(scene: &Scene, report: &mut Report) -> anyhow::Result<()> {
    println!("loop: {CHAINS} chains of {STEPS} steps");
    let url = format!("{}/healthz", scene.stage.gateways()[0]);
    let step = |at: usize| {
        let next = if at + 1 < STEPS { json!({ format!("s{}", at + 1): "true" }) } else { json!({}) };
        json!({ "step": { "id": format!("s{at}"), "type": "Http", "transition": { "successors": next },
            "params": { "url": { "value": url, "type": "STRING" } } } })
    };
    chains(scene, "chain", (0..STEPS).map(step).collect()).await?;
    let nothing = |at: usize| {
        let next = if at + 1 < STEPS { json!({ format!("s{}", at + 1): "true" }) } else { json!({}) };
        json!({ "step": { "id": format!("s{at}"), "type": "NoOp", "transition": { "successors": next } } })
    };
    let mut own = chains(scene, "chain", (0..STEPS).map(step).collect()).await?;
    let mut none = chains(scene, "nothing", (0..STEPS).map(nothing).collect()).await?;
    let http = reqwest::Client::builder().no_proxy().build()?;
    let mut calls = Vec::new();
    for _ in 0..CHAINS * STEPS {
        let start = Instant::now();
        http.get(&url).send().await?.error_for_status()?;
        calls.push(u64::try_from(start.elapsed().as_micros())?);
    }
    let call = percentile_ms(&mut calls, 0.5);
    let step = percentile_ms(&mut own, 0.5);
    report.beside("workflow.step_ms.p50", step, "ms", call, Goal::AtMost(10.0));
    report.add("workflow.step_ms.p99", percentile_ms(&mut own, 0.99), "ms", Goal::None);
    report.add("workflow.noop_ms.p50", percentile_ms(&mut none, 0.5), "ms", Goal::None);
    Ok(())
}

/// Microseconds a step of each chain, from the start that was asked for to the end that was seen.
async fn chains(scene: &Scene, name: &str, steps: Vec<Value>) -> anyhow::Result<Vec<u64>> {
    let count = steps.len();
    let workflow = json!({ "id": name, "steps": steps });
    let properties = json!({ "owner": "bench", "run_strategy": "PARALLEL" });
    scene.push(name, &json!({ "properties": properties, "workflow": workflow })).await?;
    let mut took = Vec::new();
    for _ in 0..CHAINS {
        let before = Instant::now();
        let request = format!("{name}-{:?}", before);
        let instance = scene.start(name, &request).await?;
        let view = scene.end(&format!("{name}:{instance}"), WITHIN).await?.context("a chain hangs")?;
        ensure!(view["status"] == "SUCCEEDED", "a chain ended otherwise: {view}");
        let (from, to) = (view["started"].as_u64(), view["ended"].as_u64());
        let ms = to.zip(from).map(|(to, from)| to.saturating_sub(from)).context("a run without its times")?;
        took.push(ms * 1_000 / count as u64);
    }
    Ok(took)
}

/// A loop over nothing, as large as Maestro's largest.
pub(super) async fn foreach(scene: &Scene, report: &mut Report) -> anyhow::Result<()> {
    println!("loop: a foreach of {ITERATIONS} iterations");
    let numbers =
        |to: u64| json!({ "type": "LONG_ARRAY", "expression": format!("Util.intsBetween(0, {to}, 1)") });
    let each = json!({ "foreach": { "id": "each", "concurrency": 100,
        "params": { "loop_params": { "type": "MAP", "value": {
            "i": numbers(SIDES[0]), "j": numbers(SIDES[1]) } } },
        "steps": [{ "step": { "id": "nothing", "type": "NoOp" } }] } });
    let definition =
        json!({ "properties": { "owner": "bench" }, "workflow": { "id": "large", "steps": [each] } });
    scene.push("large", &definition).await?;
    let start = Instant::now();
    let instance = scene.start("large", "one").await?;
    let Some(view) = scene.end(&format!("large:{instance}"), WITHIN).await? else {
        report.missing("workflow.foreach_100k_s", "s", "it is not over after five minutes");
        return Ok(());
    };
    let took = start.elapsed();
    let iterations = &view["lanes"][0]["steps"][0]["iterations"];
    if view["status"] != "SUCCEEDED" || iterations[1]["succeeded"] != ITERATIONS {
        let why = format!("not every iteration succeeded: {} {iterations} {}", view["status"], view["why"]);
        report.missing("workflow.foreach_100k_s", "s", &why);
        return Ok(());
    }
    report.add("workflow.foreach_100k_s", took.as_secs_f64(), "s", Goal::AtMost(60.0));
    Ok(())
}
