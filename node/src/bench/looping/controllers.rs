//! Deliveries and workflows whose node is killed at a random moment: what was taken on is carried out, once, to its end.

use std::time::{Duration, Instant};

use anyhow::Context as _;
use rand::rngs::SmallRng;
use rand::{Rng as _, SeedableRng as _};
use serde_json::{Value, json};
use troupe_actors::deployments::{Delivery, Deployment, pipeline};
use troupe_actors::lake::Lake;
use troupe_actors::workflow_runs::WorkflowRun;
use troupe_runtime::Address;
use troupe_training::{Algorithm, SyntheticSpec, synthetic, train};

use super::Scene;
use crate::figures::{Goal, Report};
use crate::learn;
use crate::local::Local;

const MODEL: &str = "controlled";
const PIPELINE: &str = "controlled";
const WORKFLOW: &str = "controlled";
/// Within this time of the start the node is killed.
const KILLED_WITHIN_MS: u64 = 400;
/// How long the dead node is away.
const AWAY: Duration = Duration::from_millis(500);
/// What is not over by then is stuck.
const STUCK_AFTER: Duration = Duration::from_secs(60);
/// Looks of one canary.
const LOOKS: u64 = 2;

/// What became of a run.
#[derive(Debug, Default)]
struct Tally {
    /// Acknowledged, and not there afterwards.
    lost: u32,
    /// There more than once.
    doubled: u32,
    /// Not over in time, or over in another way than its definition says.
    stuck: u32,
    slowest: Duration,
}

/// Runs so many, one after the other, each with a node killed in it.
pub(super) async fn measure(
    scene: &Scene,
    seed: u64,
    runs: u32,
    local: &mut Local,
    report: &mut Report,
) -> anyhow::Result<()> {
    println!("loop: {runs} deliveries and workflows, a node killed in each");
    let publications = prepare(scene).await?;
    let mut random = SmallRng::seed_from_u64(seed);
    let mut tally = Tally::default();
    for run in 0..runs {
        let publication = &publications[run as usize % publications.len()];
        one(scene, run, publication, &mut random, local, &mut tally).await?;
        if (run + 1).is_multiple_of(10) {
            println!("loop: {} of {runs}: {tally:?}", run + 1);
        }
    }
    report.add("controller.runs", f64::from(runs), "runs", Goal::None);
    report.add("controller.lost", f64::from(tally.lost), "commands", Goal::AtMost(0.0));
    report.add("controller.doubled", f64::from(tally.doubled), "canaries", Goal::AtMost(0.0));
    report.add("controller.stuck", f64::from(tally.stuck), "runs", Goal::AtMost(0.0));
    report.add("controller.s.max", tally.slowest.as_secs_f64(), "s", Goal::None);
    Ok(())
}

/// A champion, the publications that take turns to follow it, the pipeline and the workflow.
async fn prepare(scene: &Scene) -> anyhow::Result<[Value; 2]> {
    let lake = Lake::open(&scene.stage.lake)?;
    let mut publications = Vec::new();
    for seed in 1..=2 {
        let spec = SyntheticSpec { members: 40, contents: 30, genres: 3, events: 500 };
        let trained = train(Algorithm::Popularity, &synthetic(seed, spec), seed, &mut |_| {})?;
        publications.push(learn::store(&lake, &trained, seed).await?);
    }
    let [even, odd]: [Value; 2] = publications.try_into().ok().context("two publications")?;
    let version = learn::publish_stored(&scene.client, MODEL, &odd).await?;
    learn::promote(&scene.client, MODEL, version, "champion").await?;
    let delivery = Delivery {
        name: PIPELINE.to_owned(),
        model: MODEL.to_owned(),
        signal: None,
        lifetime_s: 120,
        interval_s: 60,
        begin_after_s: 0,
        steps: vec![50.0, 100.0],
        step_s: 0,
        ..Delivery::default()
    };
    let put = json!({ "definition": pipeline(&delivery), "by": "bench" });
    scene.client.ask("pipelines", PIPELINE, "put", &put).await?;
    let url = format!("{}/healthz", scene.stage.gateways()[0]);
    // The node that is called may be the one that is away: the step is tried again.
    let step = |at: usize| {
        let next = if at < 4 { json!({ format!("s{}", at + 1): "true" }) } else { json!({}) };
        json!({ "step": { "id": format!("s{at}"), "type": "Http", "transition": { "successors": next },
            "retry_policy": { "error_retry_limit": 30, "platform_retry_limit": 30, "backoff": {
                "type": "FIXED_BACKOFF", "error_retry_backoff_in_secs": 1, "platform_retry_backoff_in_secs": 1 } },
            "params": { "url": { "value": url, "type": "STRING" } } } })
    };
    let workflow = json!({ "id": WORKFLOW, "steps": (0..5).map(step).collect::<Vec<_>>() });
    let properties = json!({ "owner": "bench", "run_strategy": "PARALLEL" });
    scene.push(WORKFLOW, &json!({ "properties": properties, "workflow": workflow })).await?;
    Ok([even, odd])
}

async fn one(
    scene: &Scene,
    run: u32,
    publication: &Value,
    random: &mut SmallRng,
    local: &mut Local,
    tally: &mut Tally,
) -> anyhow::Result<()> {
    let start = Instant::now();
    // The version that was archived before is published anew: it is another one, with the same artifact.
    let version = learn::publish_stored(&scene.client, MODEL, publication).await?;
    let request = format!("run-{run}");
    let ask = json!({ "request": request, "by": "bench", "parameters": { "version": version } });
    let (execution, instance) = (format!("{PIPELINE}:{}", run + 1), format!("{WORKFLOW}:{}", run + 1));
    let shards = scene.stage.config.cluster.shards;
    let victim = match run % 2 {
        0 => Address::of::<Deployment>(execution.as_str()),
        _ => Address::of::<WorkflowRun>(instance.as_str()),
    };
    let name = scene.stage.leader(victim.shard(shards)).await?;
    let moment = Duration::from_millis(random.random_range(0..KILLED_WITHIN_MS));
    let commands = async {
        let delivery = scene.client.ask("pipelines", PIPELINE, "start", &ask).await?;
        let workflow = scene.start(WORKFLOW, &request).await?;
        let judged = judge(scene, &execution).await?;
        anyhow::Ok((delivery, workflow, judged))
    };
    let death = async {
        tokio::time::sleep(moment).await;
        local.kill(&name).await?;
        tokio::time::sleep(AWAY).await;
        local.spawn(&name)
    };
    let (commands, death) = tokio::join!(commands, death);
    death?;
    let (delivery, workflow, judged) = commands?;
    tally.lost += u32::from(delivery["execution"] != execution.as_str());
    tally.lost += u32::from(format!("{WORKFLOW}:{workflow}") != instance);
    // A client that does not know whether its call arrived asks again, and starts nothing.
    let again = scene.client.ask("pipelines", PIPELINE, "start", &ask).await?;
    tally.doubled += u32::from(again["duplicate"] != true || again["execution"] != execution.as_str());
    tally.doubled += u32::from(scene.start(WORKFLOW, &request).await? != workflow);
    ends(scene, version, (&execution, &instance), judged, tally).await?;
    tally.slowest = tally.slowest.max(start.elapsed());
    local.until_ready().await
}

/// Brings what the canary's looks judge, as soon as it asks; says how many looks were taken.
async fn judge(scene: &Scene, execution: &str) -> anyhow::Result<u64> {
    let waits = |view: &Value| view["stages"]["canary"]["status"] == "RUNNING";
    if scene.until(("deployments", execution), STUCK_AFTER, waits).await?.is_none() {
        return Ok(0);
    }
    let points: Vec<f64> = (0..60).map(|at| 3.0 + f64::from(at % 7)).collect();
    let pair =
        |name: &str| json!({ "name": name, "id": name, "tags": {}, "control": points, "experiment": points });
    let pairs: Vec<Value> = ["errors", "latency_p50_ms", "latency_ms", "requests"].map(pair).into();
    let canary = format!("{execution}-canary-1");
    for look in 0..LOOKS {
        let started = |view: &Value| view["started"].is_object();
        scene.until(("canaries", &canary), STUCK_AFTER, started).await?;
        scene.client.ask("canaries", &canary, "judge", &json!({ "look": look, "pairs": pairs })).await?;
    }
    Ok(LOOKS)
}

/// Counts what is missing, there twice or not over.
async fn ends(
    scene: &Scene,
    version: u32,
    (execution, instance): (&str, &str),
    judged: u64,
    tally: &mut Tally,
) -> anyhow::Result<()> {
    let over = |view: &Value| {
        !matches!(view["status"].as_str(), Some("NOT_STARTED" | "RUNNING" | "PAUSED" | "BUFFERED") | None)
    };
    match scene.until(("deployments", execution), STUCK_AFTER, over).await? {
        Some(view) if view["status"] == "SUCCEEDED" => {
            let notes = view["notes"].as_array().cloned().unwrap_or_default();
            let began = notes.iter().filter(|note| note["what"] == "stage canary began").count();
            tally.doubled += u32::from(began != 1);
        }
        other => {
            tally.stuck += 1;
            println!(
                "loop: {execution}: {}",
                other.map_or_else(|| "not over".to_owned(), |view| view.to_string())
            );
        }
    }
    match scene.end(instance, STUCK_AFTER).await? {
        Some(view) if view["status"] == "SUCCEEDED" => {}
        other => {
            tally.stuck += 1;
            println!(
                "loop: {instance}: {}",
                other.map_or_else(|| "not over".to_owned(), |view| view.to_string())
            );
        }
    }
    let champion = |view: &Value| {
        let versions = view["versions"].as_array().cloned().unwrap_or_default();
        versions.iter().any(|found| found["stage"] == "champion" && found["version"] == version)
    };
    tally.stuck += u32::from(scene.until(("models", MODEL), STUCK_AFTER, champion).await?.is_none());
    let back = |view: &Value| view["by"].is_null() && view["split"].is_null();
    tally.stuck += u32::from(scene.until(("traffic", MODEL), STUCK_AFTER, back).await?.is_none());
    let listed = scene.client.ask("directory", "canaries", "get", &json!({})).await?;
    let prefix = format!("{execution}-");
    let own = listed["entries"].as_array().cloned().unwrap_or_default();
    let own =
        own.iter().filter(|entry| entry["key"].as_str().is_some_and(|key| key.starts_with(&prefix))).count();
    tally.doubled += u32::try_from(own.saturating_sub(1))?;
    tally.lost += u32::from(own == 0);
    let canary = scene.client.ask("canaries", &format!("{execution}-canary-1"), "get", &json!({})).await?;
    let looks = canary["looks"].as_array().map_or(0, Vec::len) as u64;
    tally.lost += u32::try_from(judged.saturating_sub(looks))?;
    Ok(())
}
